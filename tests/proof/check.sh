#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Checks the models of this directory with spin: they must hold, and each
# thing that can be left out must be missed. KTAP; the last line is
# "N passed, N failed, N skipped".
#
#   check.sh [NAME...]      QUICK=1 leaves out what takes more than seconds
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=" $* "
passed=0 failed=0 nr=0

if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
	echo "1..0 # SKIP spin or gcc is missing"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

# verify MODEL MODE FLAGS...: MODE is safety or ltl. Prints "holds" if it does.
verify() {
	local model=$1 mode=$2 build run
	shift 2
	case $mode in
	safety)
		build=(-DSAFETY -DNOCLAIM)
		run=()
		;;
	ltl)
		build=(-DNFAIR=4)
		run=(-a -f)
		;;
	esac
	rm -rf "${work:?}"/*
	(
		cd "$work" || exit
		spin "$@" -a "$here/$model.pml" &&
			gcc -w -O2 -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=4000 \
				"${build[@]}" -o pan pan.c &&
			timeout 900 ./pan -m2000000 "${run[@]}"
	) >"$work/log" 2>&1
	if grep -q 'errors: 0' "$work/log" && ! grep -q 'max search depth' "$work/log"; then
		echo holds
	elif grep -q 'errors: [1-9]' "$work/log"; then
		echo fails
	else
		echo trouble
	fi
}

# expect holds|fails NAME MODEL MODE FLAGS...
expect() {
	local want=$1 name=$2 got
	shift 2
	[ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
	nr=$((nr + 1))
	got=$(verify "$@")
	if [ "$got" = "$want" ]; then
		passed=$((passed + 1))
		echo "ok $nr $name: $got, $(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' "$work/log")"
	else
		failed=$((failed + 1))
		echo "not ok $nr $name: $got, but should be: $want"
		tail -n 20 "$work/log" | sed 's/^/# /'
	fi
}

echo "KTAP version 1"
expect holds service-comes-up service ltl -DT0=1 -DT1=1
expect fails service-without-renewal service safety -DNO_RENEW
expect fails service-generation-first service safety -DGEN_FIRST
expect fails service-old-echo service safety -DOLD_ECHO
expect fails service-without-retraction service safety -DNO_RETRACT \
	-DOLD_ECHO -DT0=3 -DT1=3
expect holds service service safety -DT0=2 -DT1=2
if [ -z "${QUICK-}" ]; then
	expect holds service-long service safety -DT0=3 -DT1=1
fi
echo "1..$nr"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
