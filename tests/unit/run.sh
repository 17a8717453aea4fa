#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh DIR SECONDS PROGRAM... - run unit tests and fuzzers, count results
#
# Prints KTAP and, as last line, "N passed, N failed, N skipped". A program
# that dies, of a sanitizer for example, is one more failure, with its output.
# Programs below DIR/fuzz are fuzzers and run for SECONDS each. Those that were
# not built (no clang) are skipped.
set -uo pipefail

dir=$1 seconds=$2
shift 2

passed=0 failed=0 skipped=0 nr=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The kernel's address randomization can be too much for ThreadSanitizer.
norandom=()
if setarch "$(uname -m)" -R true 2>/dev/null; then
	norandom=(setarch "$(uname -m)" -R)
fi

# result ok|not|skip NAME
result() {
	nr=$((nr + 1))
	case $1 in
	ok)
		passed=$((passed + 1))
		echo "ok $nr $2"
		;;
	skip)
		skipped=$((skipped + 1))
		echo "ok $nr $2 # SKIP ${3-}"
		;;
	*)
		failed=$((failed + 1))
		echo "not ok $nr $2"
		;;
	esac
}

run_test() {
	local program=$1 name=${1#"$dir"/} planned=0 seen=0 bad=0 status line

	CMOCKA_MESSAGE_OUTPUT=TAP timeout 600 "${norandom[@]}" "$program" \
		>"$log" 2>&1
	status=$?
	while read -r line; do
		case $line in
		1..*)
			planned=${line#1..}
			;;
		*'# SKIP'*)
			seen=$((seen + 1))
			result skip "$name: ${line##*SKIP }"
			;;
		'ok '[0-9]*)
			seen=$((seen + 1))
			result ok "$name: ${line#* - }"
			;;
		'not ok '[0-9]*)
			seen=$((seen + 1))
			bad=1
			result not "$name: ${line#* - }"
			;;
		esac
	done <"$log"
	if [ "$seen" -eq 0 ] || [ "$seen" -lt "$planned" ] ||
		{ [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		result not "$name: ended with status $status"
		bad=1
	fi
	[ "$bad" -eq 0 ] || sed 's/^/# /' "$log"
}

run_fuzzer() {
	local program=$1 name=${1#"$dir"/} corpus="$1.corpus" runs

	if [ ! -x "$program" ]; then
		result skip "$name" "clang is missing"
		return
	fi
	mkdir -p "$corpus"
	if "$program" -max_total_time="$seconds" -max_len=1024 -verbosity=1 \
		-artifact_prefix="$program." "$corpus" >"$log" 2>&1; then
		runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")
		result ok "$name: $runs runs"
	else
		result not "$name"
		sed 's/^/# /' "$log" | tail -n 60
	fi
}

echo "KTAP version 1"
for program in "$@"; do
	case $program in
	"$dir"/fuzz/*) run_fuzzer "$program" ;;
	*) run_test "$program" ;;
	esac
done
echo "1..$nr"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
