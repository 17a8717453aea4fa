#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make check: the tests in user space, the quick parts of make style and of
# make proof, and all cases of the lab. KTAP of each part on stdout; the last line is
# "N passed, N failed, N skipped". Exit code 0 if nothing failed, 1 if
# something did, 2 if a part could not be run here.
#
#   tests/check.sh [unit] [style] [proof] [lab] [debug-pv] [debug-pvh]
#
# By default the first four. The last two are the cases of the lab on debug
# kernels, and after the first of them what of the modules ran: make check-debug.
#
# SUITE=, GUEST=, FIDO_CACHE=, LAB_ACCEL= as for tests/lab/lab.
set -euo pipefail

TOP=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
LAB=$TOP/tests/lab/lab
export SUITE=${SUITE:-trixie}
CACHE=${FIDO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fido-lab}
# A state of its own: a lab that somebody works in stays untouched.
export LAB_STATE=${LAB_STATE:-$CACHE/$SUITE/check}
PARTS=("$@")
[ $# -gt 0 ] || PARTS=(unit style proof lab)

WORK=$(mktemp -d)
passed=0 failed=0 skipped=0 trouble=0
preparing='' with_debug=''

say() {
	printf '# [%4d s] %s\n' "$SECONDS" "$*"
}

# Whatever happens, nothing keeps running.
finish() {
	local rc=$?
	trap - EXIT INT TERM
	if [ -n "$preparing" ]; then
		kill -- "-$preparing" 2> /dev/null || true
	fi
	"$LAB" down > /dev/null 2>&1 || true
	rm -rf "$WORK"
	exit $rc
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

has_part() {
	[[ " ${PARTS[*]} " == *" $1 "* ]]
}

# A fresh chroot has no package lists.
update_lists() {
	local run=()
	command -v apt-get > /dev/null || return 0
	[ -z "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2> /dev/null)" ] || return 0
	[ "$(id -u)" = 0 ] || run=(sudo -n)
	say "apt-get update"
	"${run[@]}" apt-get -q -o DPkg::Lock::Timeout=300 update > "$WORK/update.log" 2>&1 || true
}

# The root file system of the lab and the source of debug kernels come from the network: meanwhile the other parts run.
lab_needs() {
	local kernel
	"$LAB" setup && "$LAB" root || return
	for kernel in debug-pv debug-pvh; do
		! has_part $kernel || env -u GUEST KERNEL=$kernel "$LAB" kernel || return
	done
}

prepare_lab() {
	set -m
	lab_needs > "$WORK/root.log" 2>&1 < /dev/null &
	preparing=$!
	set +m
}

lab_ready() {
	local rc=0
	wait "$preparing" || rc=$?
	preparing=''
	[ $rc = 0 ] || sed 's/^/# /' "$WORK/root.log"
	return $rc
}

# part NAME COMMAND...: its output, and its counts added up
part() {
	local name=$1 rc=0 line
	shift
	say "$name"
	"$@" < /dev/null 2>&1 | tee "$WORK/out" || rc=$?
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$WORK/out" | tail -n 1 || true)
	if [ -z "$line" ] || grep -q '^Bail out!' "$WORK/out"; then
		say "$name came to no end (exit code $rc): the environment is at fault, or the part itself"
		trouble=1
	fi
	if [ -n "$line" ]; then
		# shellcheck disable=SC2086 # N passed, N failed, N skipped
		set -- $line
		passed=$((passed + $1)) failed=$((failed + $3)) skipped=$((skipped + $5))
		[ $rc = 0 ] || [ "$3" != 0 ] || trouble=1
	fi
}

unit() {
	"$TOP/tests/unit/setup.sh" &&
		make -s -C "$TOP/tests/unit" -j"$(nproc)" all &&
		timeout 900 make -s -C "$TOP/tests/unit" check
}

style() {
	timeout 600 "$TOP/tests/style.sh" --quick
}

proof() {
	"$TOP/tests/proof/setup.sh" &&
		QUICK=1 timeout 900 "$TOP/tests/proof/check.sh"
}

lab() {
	"$LAB" run
}

# debug KERNEL: it says what kind of guest.
debug() {
	env -u GUEST KERNEL="$1" GCOV="$(counts "$1")" "$LAB" run
}

counts() {
	[ "$1" != debug-pv ] || echo 1
}

# Which lines of the modules ran, and each function that did not.
coverage() {
	say "what of the modules ran in these cases"
	env -u GUEST KERNEL=debug-pv GCOV=1 "$LAB" coverage 2>&1 < /dev/null | sed 's/^/# /' || trouble=1
}

debug_parts() {
	local kernel
	rm -rf "$LAB_STATE/gcov"
	for kernel in debug-pv debug-pvh; do
		! has_part $kernel || part $kernel debug $kernel
	done
	! has_part debug-pv || coverage
}

for wanted in "${PARTS[@]}"; do
	case $wanted in
	unit | style | proof | lab) ;;
	debug-pv | debug-pvh) with_debug=1 ;;
	*)
		echo "usage: tests/check.sh [unit] [style] [proof] [lab] [debug-pv] [debug-pvh]" >&2
		exit 2
		;;
	esac
done

update_lists
if has_part lab || [ -n "$with_debug" ]; then
	prepare_lab
fi
for wanted in unit style proof; do
	if has_part "$wanted"; then
		part "$wanted" "$wanted"
	fi
done
if [ -n "$preparing" ]; then
	say "waiting for the lab's root file system${with_debug:+ and kernels}"
	if lab_ready; then
		! has_part lab || part lab lab
		[ -z "$with_debug" ] || debug_parts
	else
		say "the lab's root file system${with_debug:+ or a kernel} could not be built: the environment is at fault"
		trouble=1
	fi
fi
say "done"
printf '%s passed, %s failed, %s skipped\n' $passed $failed $skipped
[ $failed = 0 ] || exit 1
[ $trouble = 0 ] || exit 2
