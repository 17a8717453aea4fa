#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs one case: case.sh FILE. The runner gives it CASE_NAME and CASE_DIR and a time limit.
# The functions below are what a case can use; cases/lib.sh adds what is special to the project.
set -eEuo pipefail

# shellcheck disable=SC1091
. "$LAB_DIR/lib/common.sh"
# shellcheck disable=SC1091
. "$LAB_DIR/lib/vm.sh"

# 1 when cases shall take their time, else 0: rounds=$((LONG ? 10 : 3))
LONG=${LONG:+1}
LONG=${LONG:-0}

# ---- verdicts ----

diag() {
	printf '%s\n' "$*" | tee -a "$CASE_DIR/diag"
}

fail() {
	diag "$*"
	exit 1
}

skip() {
	echo "$*" > "$CASE_DIR/skip"
	exit "$EXIT_SKIP"
}

# ---- commands in the machines ----

# in_vm NAME COMMAND...: output and exit code are the command's; a failure ends the case unless it is tested.
in_vm() {
	local name=$1
	shift
	printf '+ %s %s# %s\n' "$SECONDS" "$name" "$*" >&2
	vm_exec "$name" 0 "$*"
}

in_dom0() {
	in_vm dom0 "$@"
}

# The same without the line in the log, for conditions that are polled.
quiet() {
	"$@" 2> /dev/null
}

# in_vm_bg NAME COMMAND...: runs beside the case; $BG is its process, ended with the case.
in_vm_bg() {
	in_vm "$@" &
	BG=$!
	echo "$BG" >> "$CASE_DIR/background"
}

# to_vm NAME PATH: standard input becomes a file there.
to_vm() {
	lab_exec_raw "$1" 60 "cat > '$2'"
}

# wait_for SECONDS COMMAND...: polls; the limit is stretched on slow machines.
wait_for() {
	local seconds=$1
	shift
	wait_until $((seconds * SLOW)) quiet_output "$@" || fail "after $seconds s (x $SLOW) still not: $*"
}

quiet_output() {
	"$@" > /dev/null 2>&1
}

# ---- lives of VMs; each tells the runner what to expect ----

# One that is there for other cases makes room for the case's own.
make_room() {
	[ -e "$CASE_DIR/spare-$1" ] || return 0
	rm "$CASE_DIR/spare-$1"
	vm_kill "$1"
	vm_wait_gone "$1"
}

vm_create() {
	local name
	for name in "$@"; do
		make_room "$name"
		vm_start "$name" || fail "VM $name did not start"
	done
}

vm_expect_gone() {
	rm -f "$LAB_STATE/vms/$1"
}

# Without any farewell to the guest.
vm_kill() {
	echo "+ $SECONDS kill $1" >&2
	vm_destroy "$1"
}

# Its kernel panics, once the command has been answered. The domain stays, as xl.cfg says, until vm_kill.
vm_panic() {
	expect_log 'Kernel panic - not syncing: sysrq triggered crash'
	vm_expect_gone "$1"
	in_vm "$1" "setsid sh -c 'sleep 0.5; echo c > /proc/sysrq-trigger' < /dev/null > /dev/null 2>&1 &"
	wait_for 30 vm_has_crashed "$1"
}

vm_has_crashed() {
	local list
	list=$(domain_list) || return 1
	awk -v n="$1" '$1 == n && $3 ~ /c/ { found = 1 } END { exit !found }' <<< "$list"
}

vm_shutdown() {
	vm_expect_gone "$1"
	in_dom0 "xl shutdown -w $1"
}

vm_pause() {
	vm_mark "$1" paused
	in_dom0 "xl pause $1"
}

vm_unpause() {
	in_dom0 "xl unpause $1"
	vm_mark "$1" running
}

# vm_checkpoint NAME FILE: saved, and goes on as the same domain.
vm_checkpoint() {
	in_dom0 "xl save -c $1 $2"
}

# vm_save NAME FILE: gone then, as far as Xen is concerned.
vm_save() {
	vm_expect_gone "$1"
	in_dom0 "xl save $1 $2"
}

# vm_restore NAME FILE: under another domain id. Commands that have to survive this run detached: connections may not.
vm_restore() {
	in_dom0 "xl restore $2"
	wait_for 60 vm_answers "$1"
	echo "$(xen_domid "$1") running" > "$LAB_STATE/vms/$1"
}

# vm_migrate NAME: live, to where it is, as another domain. "Host" is the command that receives, as there is no ssh in between.
vm_migrate() {
	in_dom0 "xl migrate -s '' $1 'xl migrate-receive'"
	wait_for 60 vm_answers "$1"
	echo "$(xen_domid "$1") running" > "$LAB_STATE/vms/$1"
}

vm_reboot() {
	vm_kill "$1"
	vm_create "$1"
}

# vm_wait_gone NAME: no domain of that name, no zombie either.
vm_wait_gone() {
	wait_for "${2:-30}" vm_is_gone "$1"
}

vm_is_gone() {
	local list
	list=$(domain_list) || return 1
	! awk -v n="$1" '$1 == n || $1 == "(null)" { found = 1 } END { exit !found }' <<< "$list"
}

# A regular expression that the case provokes in a console and the scan shall pass over.
expect_log() {
	printf '%s\n' "$1" >> "$CASE_DIR/expected"
}

# ---- requirements ----

# need_module NAME...: built by the last lab build.
need_module() {
	local name
	for name in "$@"; do
		[ -n "$(find "$LAB_STATE/fresh" -name "$name.ko" -print -quit)" ] || skip "$name.ko is not built"
	done
}

need_tool() {
	local name
	for name in "$@"; do
		[ -x "$LAB_STATE/fresh/usr/local/bin/$name" ] || quiet_output in_dom0 "command -v $name" || skip "$name is missing"
	done
}

# ---- assertions ----

assert_eq() {
	[ "$1" = "$2" ] || fail "${3:-comparison}: got '$1', want '$2'"
}

assert_ge() {
	[ "$1" -ge "$2" ] || fail "${3:-comparison}: got $1, want at least $2"
}

assert_le() {
	[ "$1" -le "$2" ] || fail "${3:-comparison}: got $1, want at most $2"
}

# assert_match TEXT REGEX [WHAT]
assert_match() {
	grep -qE -e "$2" <<< "$1" || fail "${3:-text}: '$1' does not match '$2'"
}

# expect_failure COMMAND...: must fail, by itself and not for want of an answer.
expect_failure() {
	local rc=0
	"$@" || rc=$?
	[ "$rc" != 0 ] || fail "succeeded, but must not: $*"
	[ "$rc" -lt 124 ] || fail "no answer ($rc): $*"
}

# ---- the run ----

# Names the line of the case itself, once, however deep in the helpers the command was.
tell_failure() {
	local code=$1 line=$2 command=$3 i
	[ ! -e "$CASE_DIR/told" ] || return 0
	: > "$CASE_DIR/told"
	for ((i = 1; i < ${#BASH_SOURCE[@]}; i++)); do
		[ "${BASH_SOURCE[i]}" = "$CASE_FILE" ] || continue
		[ $i = 1 ] || line=${BASH_LINENO[i - 1]}
		diag "line $line of ${CASE_FILE##*/} failed ($code): $(sed -n "${line}s/^[[:space:]]*//p" "$CASE_FILE")"
		return 0
	done
	diag "failed ($code): $command"
}

finish() {
	local rc=$? pid
	trap - ERR
	set +e
	if declare -F cleanup > /dev/null; then
		cleanup
	fi
	while read -r pid; do
		kill "$pid"
	done 2> /dev/null < "$CASE_DIR/background"
	# The runner takes the absence of this file for a case that came to no verdict.
	echo "$rc" > "$CASE_DIR/verdict"
	exit "$rc"
}

CASE_FILE=$1
: > "$CASE_DIR/background"
trap 'tell_failure $? "$LINENO" "$BASH_COMMAND"' ERR
trap finish EXIT
trap 'exit 124' TERM INT

# shellcheck disable=SC1091
[ ! -e "$LAB_DIR/cases/lib.sh" ] || . "$LAB_DIR/cases/lib.sh"
# shellcheck disable=SC1090
. "$CASE_FILE"

if declare -F requires > /dev/null; then
	requires
fi
run
