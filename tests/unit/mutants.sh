#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh TOP [NAME...] - can the tests fail?
#
# Applies each bug of mutants.list to a copy of the sources, builds the tests
# that should find it and runs them. A bug that none of them finds is a hole in
# the tests, and a script that changes nothing has to follow the sources: both
# are failures. Without a bug the same tests must pass.
set -uo pipefail

top=$(cd "$1" && pwd)
shift
wanted=" $* "
# fewer messages and less patience: what these bugs lose is lost for good
export COUNT=${COUNT-40000} LIMIT=${LIMIT-3} MSECS=${MSECS-200} FAIL_FAST=1
export TSAN_OPTIONS=halt_on_error=1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$top/tests/unit" || exit 1

passed=0 failed=0

copy() {
	rm -rf "${scratch:?}/src" "$scratch/out"
	mkdir -p "$scratch/src"
	cp -r "$top/fido" "$top/mmnet" "$top/mmblk" "$top/tools" \
		"$scratch/src/"
}

# Builds and runs the tests named, until one fails; says which.
found_by() {
	local test

	for test in "$@"; do
		if ! make -s SRC="$scratch/src" OUT="$scratch/out" \
			"$scratch/out/$test" >"$scratch/log" 2>&1; then
			echo "does not compile"
			return
		fi
		if ! timeout 120 setarch "$(uname -m)" -R \
			"$scratch/out/$test" >"$scratch/log" 2>&1; then
			echo "$test"
			return
		fi
	done
}

verdict() {
	if [ "$1" = ok ]; then
		passed=$((passed + 1))
		echo "ok - $2"
	else
		failed=$((failed + 1))
		echo "not ok - $2"
	fi
}

try() {
	local name=$1 tests=$2 file=$3 script=$4 by

	copy
	sed -i "$script" "$scratch/src/$file"
	if cmp -s "$top/$file" "$scratch/src/$file"; then
		verdict not "$name: changes nothing in $file"
		return
	fi
	# shellcheck disable=SC2086 # a list of words
	by=$(found_by $tests)
	case $by in
	'') verdict not "$name: survives $tests" ;;
	'does not compile') verdict not "$name: does not compile" ;;
	*) verdict ok "$name: found by $by" ;;
	esac
}

copy
by=$(found_by asan/geom asan/ring asan/hostile asan/watch asan/addr \
	asan/mmnet asan/mmblk plain/reconcile plain/wakeup tsan/threads \
	plain/threads)
if [ -n "$by" ]; then
	cat "$scratch/log"
	echo "not ok - without any bug $by fails"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi

while IFS='|' read -r name tests file script; do
	case $name in ''|'#'*) continue ;; esac
	name=${name// /}
	[ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || continue
	try "$name" "$tests" "${file// /}" "$script"
done < <(sed 's/ | /|/; s/ | /|/; s/ | /|/' mutants.list)

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
