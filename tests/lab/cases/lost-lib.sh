# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A case that is too long to be begun anew goes on when the emulator has lost one of its VMs. What the runner does between cases (lib/run.sh)
# is done within: the consoles are scanned, and marked. Passed over is what the lost VM itself said, from the report that shows the
# emulator's hand until its next boot; anything else that is wrong fails the case, as ever.
# shellcheck source=../lib/scan.sh
. "$LAB_DIR/lib/scan.sh"

# Lines of a report that come before its registers, at most
REPORT_HEAD=15

# flags_at VM: line, since the mark, in which it shows flags that no processor has; nothing if there is none
flags_at() {
	since_mark "$1" "$(console_log "$1")" | grep -anE "$LOST_FLAGS" | awk -F : 'NR == 1 { print $1 }' || true
}

# recorded_domid VM: as the runner knows it, nothing while it does not expect the VM
recorded_domid() {
	awk '{ print $1 }' "$LAB_STATE/vms/$1" 2> /dev/null || true
}

# lost_vms VM...: which of them the emulator lost. A domain that nobody expects any more, or not yet, is that of a VM without a record.
lost_vms() {
	local vm ids known='' by_flags='' unknown='' id
	ids=$(emulator_lost_domids || true)
	for vm in "$@"; do
		id=$(recorded_domid "$vm")
		if [ -n "$(flags_at "$vm")" ]; then
			by_flags+=" $vm"
		elif [ -z "$id" ]; then
			unknown+=" $vm"
		elif grep -qx "$id" <<< "$ids"; then
			known+=" $vm"
		fi
	done
	[ -z "$ids" ] || [ -n "$known" ] || known=$unknown
	echo "$by_flags$known" | xargs
}

# without_report LINE: of standard input, what comes before the report with this line, and what comes from the next boot on
without_report() {
	awk -v from=$(($1 - REPORT_HEAD)) -v at="$1" 'NR > at && /Linux version [0-9]/ { again = 1 } NR < from || again'
}

without_lost() {
	local line=
	[ "$1" = dom0 ] || line=$(flags_at "$1")
	if [ -n "$line" ]; then
		without_report "$line"
	else
		cat
	fi
}

# What is wrong in the consoles beside that
faults_besides() {
	local machine file
	scan_patterns "$CASE_DIR/expected"
	consoles | while read -r machine file; do
		since_mark "$machine" "$file" | without_lost "$machine" | bad_of "$machine"
	done
}

# ---- what is tried in a process of its own: where it fails there may be a reason to go on ----

# Seconds that it may take, with all that follows
TRY_MAX=1800
TRY_BEGAN=0
TRY_RC=0
NEXT_PROGRESS=0
# VMs that the emulator has lost, and may: the case sets that
LOST=0
LOST_MAX=${LOST_MAX:-3}
# Those it lost now; those, and the victim of what was going on
GONE='' ANEW=''

# What happens in there is to be known afterwards: of arrays that the case names in KEEP, all
keep() {
	declare -p "${KEEP[@]}" | sed 's/^declare -/&g/' > "$CASE_DIR/state"
}

take_kept() {
	# shellcheck source=/dev/null
	. "$CASE_DIR/state"
}

# Its commands are ended with it, but not what they run in the VMs.
try_end() {
	pkill -P "$1" || true
	kill "$1" || true
	fail "$WHAT: no end after $TRY_MAX s (x $SLOW)"
}

# try_await PID: sets TRY_RC. The case has progress(), which says where it is.
try_await() {
	while kill -0 "$1" 2> /dev/null; do
		[ $((SECONDS - TRY_BEGAN)) -le $((TRY_MAX * SLOW)) ] || try_end "$1"
		if [ $SECONDS -ge $NEXT_PROGRESS ]; then
			NEXT_PROGRESS=$((SECONDS + 60))
			progress
		fi
		sleep 0.5
	done
	TRY_RC=0
	wait "$1" || TRY_RC=$?
}

in_process() {
	"$@"
	keep
}

# try_it COMMAND...: sets GONE if the emulator has lost VMs meanwhile, whatever became of it; that it failed else is the end of the case. Not
# to be called where a failure is tested: nothing in there would end it then.
try_it() {
	TRY_BEGAN=$SECONDS
	in_process "$@" &
	try_await $!
	GONE=$(lost_now)
	[ -z "$GONE" ] || return 0
	[ $TRY_RC = 0 ] || exit $TRY_RC
	take_kept
}

# ---- VMs that the emulator lost meanwhile ----

lost_now() {
	flush_consoles "$CASE_NAME: $$ looks at $WHAT, $SECONDS" "${ALL[@]}"
	lost_vms "${ALL[@]}"
}

# replaced VM: lost, or in the middle of its fate
replaced() {
	[[ " $ANEW " == *" $1 "* ]]
}

# has_replaced VM WHO: one of the two, or the server of the disk, is
has_replaced() {
	replaced "$1" || replaced "$2" || { [ "$2" = disk ] && replaced "${SERVER[$1]}"; }
}

# Sets ANEW.
tell_lost_now() {
	local why
	LOST=$((LOST + $(wc -w <<< "$GONE")))
	ANEW=$(xargs -n 1 <<< "$GONE $VICTIM" | sort -u | xargs)
	why=$([ $TRY_RC = 0 ] || tail -n 1 "$CASE_DIR/diag")
	diag "$WHAT: $(emulator_did): lost $GONE${why:+; met as \"$why\"}; $ANEW anew, and once more"
	rm -f "$CASE_DIR/told" "$CASE_DIR/state"
	assert_le "$LOST" "$LOST_MAX" "VMs that the emulator lost"
}

vms_drop() {
	local vm
	for vm in $1; do
		life_over "$vm"
		vm_expect_gone "$vm"
		in_dom0 "timeout $((60 * SLOW)) xl destroy $vm || true"
	done
	for vm in $1; do
		vm_wait_gone "$vm" 60
	done
}

# A report that goes on while its VM is destroyed still belongs to it: first they go, then the consoles are looked at. With a complaint beside
# it the case has failed, and the runner, which finds the same in the consoles, decides.
assert_nothing_besides() {
	local faults
	flush_consoles "$CASE_NAME: $$ has dropped $GONE, $SECONDS" "${ALL[@]}"
	note_ends
	faults=$(faults_besides)
	[ -z "$faults" ] || fail "$WHAT: the emulator lost $GONE, but that is not all: $(head -n 5 <<< "$faults")"
	advance_marks
}
