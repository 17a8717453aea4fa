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
