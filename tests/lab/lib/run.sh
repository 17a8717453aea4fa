# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# lab run: cases one after the other on one boot, result as KTAP.

# case_header FILE KEY DEFAULT: the value of a "# KEY: value" line.
case_header() {
	local value
	value=$(sed -n "s/^# $2: *//p" "$1" | head -n 1)
	echo "${value:-$3}"
}

# Paths of the cases named: a path, a file name with or without .sh, or the part behind the number.
find_cases() {
	local wanted file found
	if [ $# -eq 0 ]; then
		ls "$LAB_DIR"/cases/[0-9]*.sh
		return
	fi
	for wanted in "$@"; do
		found=
		for file in "$wanted" "$LAB_DIR/cases/$wanted" "$LAB_DIR/cases/$wanted.sh" \
			"$LAB_DIR/cases/"[0-9]*"-$wanted.sh" "$LAB_DIR/cases/$wanted"-*.sh; do
			if [ -f "$file" ]; then
				found=$file
				echo "$file"
			fi
			[ -z "$found" ] || break
		done
		[ -n "$found" ] || die "no case '$wanted' in $(short_path "$LAB_DIR/cases")"
	done
}

# ---- the state of the VMs after a case ----

# zombies_in LIST: domains of xl's list that wait for somebody to let go of their pages, apart from those of earlier cases
zombies_in() {
	awk '$1 == "(null)" || $3 ~ /d/ { print $2 }' <<< "$1" | grep -vxF -f "$LAB_STATE/zombies" || true
}

new_zombies() {
	local list
	list=$(domain_list) || return 1
	zombies_in "$list"
}

no_new_zombies() {
	local list
	list=$(new_zombies) && [ -z "$list" ]
}

# What is wrong with the VMs, a line each; nothing when all are as the case told. The list is kept for restore_lab().
vm_faults() {
	local list file name domid state now
	list=$(domain_list) || { echo "dom0 does not answer"; return; }
	echo "$list" > "$CASE_DIR/domains"
	for file in "$LAB_STATE"/vms/*; do
		[ -e "$file" ] || continue
		name=${file##*/}
		read -r domid state < "$file"
		now=$(awk -v n="$name" '$1 == n { print $2, $3 }' <<< "$list")
		case $now in
		'') echo "VM $name vanished" ;;
		"$domid "*c*) echo "VM $name crashed" ;;
		"$domid "*s*) echo "VM $name shut down" ;;
		"$domid "*p*) [ "$state" = paused ] || echo "VM $name is paused" ;;
		"$domid "*) [ "$state" != paused ] || echo "VM $name is not paused any more" ;;
		*) echo "VM $name restarted unasked" ;;
		esac
	done
	if [ -n "$(zombies_in "$list")" ] && ! wait_until $((15 * SLOW)) no_new_zombies; then
		new_zombies | sed 's/^/domain /; s/$/ stays as a zombie/'
	fi
}

remember_zombies() {
	new_zombies >> "$LAB_STATE/zombies" || true
}

# has_answered NAME: since the case ended, see flush_console()
has_answered() {
	[ -e "${CASE_DIR-}/answered-$1" ]
}

answers_now() {
	has_answered "$1" || vm_answers "$1"
}

# VMs that can go on: as recorded, running, answering, and without an oops of their own.
vm_is_sound() {
	local name=$1 faults=$2
	[ -e "$LAB_STATE/vms/$name" ] || return 1
	! grep -qE "^(VM )?${name}[: ]" <<< "$faults" || return 1
	grep -q running "$LAB_STATE/vms/$name" || return 1
	answers_now "$name"
}

is_standard() {
	[[ " $VMS " == *" $1 "* ]]
}

# One that cases name in their heads: a later one may want it, too, and a start takes as long as a case.
may_be_kept() {
	{ [[ " ${CASE_VMS-} " == *" $1 "* ]] || [ -e "${CASE_DIR-}/spare-$1" ]; } && vm_is_sound "$1" "$2"
}

drop_vm() {
	rm -f "$LAB_STATE/vms/$1"
	vm_exec dom0 $((60 * SLOW)) "xl destroy $1" > /dev/null 2>&1 || true
}

# Brings the lab back to the standard VMs. A dom0 with an oops, or without an answer, is booted anew.
restore_lab() {
	local faults=$1 list name fresh=()
	if grep -qE '^dom0: .*(BUG|Oops|panic|fault|lockup)|^dom0 does not' <<< "$faults" || ! answers_now dom0; then
		say "booting the host again"
		reboot_lab
		return
	fi
	list=$({ cat "${CASE_DIR-}/domains" 2> /dev/null || domain_list; } | awk '$1 != "(null)" { print $1 }') || true
	for name in $list; do
		is_standard "$name" || may_be_kept "$name" "$faults" || drop_vm "$name"
	done
	for name in $VMS; do
		if ! vm_is_sound "$name" "$faults"; then
			[[ " ${list//$'\n'/ } " != *" $name "* ]] || drop_vm "$name"
			fresh+=("$name")
		fi
	done
	[ ${#fresh[@]} = 0 ] || start_vms "${fresh[@]}" || return "$EXIT_ENVIRONMENT"
}

# The logs of the earlier boot are kept beside the new ones.
reboot_lab() {
	local old
	kill_qemu
	old=$LAB_STATE/log.$(date +%H%M%S)
	cp -r "$LOGS" "$old"
	make_payload
	boot_host
	cp -r "$old/cases" "$LOGS/" 2> /dev/null || true
	# shellcheck disable=SC2086
	start_vms $VMS || return "$EXIT_ENVIRONMENT"
	: > "$LAB_STATE/zombies"
}

# ---- one case ----

print_diag() {
	sed 's/^/# /'
}

# ktap_line OK NUMBER REST
report() {
	local word=$1 number=$2 rest=$3
	printf '%s %s %s\n' "$word" "$number" "$rest"
}

execute_case() {
	local file=$1 limit=$2 rc=0
	# A process group of its own: the time-out ends every command of the case, and with it what runs in the VMs.
	export LAB_DIR LAB_STATE SUITE LAB_CACHE SLOW LAB_SRC CASE_NAME CASE_DIR
	timeout -k $((30 * SLOW)) "$limit" bash "$LAB_DIR/lib/case.sh" "$file" > "$CASE_LOG" 2>&1 < /dev/null || rc=$?
	return $rc
}

# Blocked tasks and held locks, before anything is torn down.
dump_tasks() {
	local name
	for name in dom0 "$@"; do
		vm_exec "$name" 10 'echo w > /proc/sysrq-trigger' > /dev/null 2>&1 || true
	done
}

# Waits for the VMs that the case names and that are not standard. They have two processors, for those cases that want them. What others
# have named is spare: it goes when the case creates one of that name, see make_room().
prepare_vms() {
	local name
	CASE_VMS=$(case_header "$1" VMS '')
	for name in $(recorded_vms); do
		is_standard "$name" || [[ " $CASE_VMS " == *" $name "* ]] || : > "$CASE_DIR/spare-$name"
	done
	for name in $CASE_VMS; do
		[ -e "$LAB_STATE/vms/$name" ] || VCPUS=2 vm_start "$name" || return "$EXIT_ENVIRONMENT"
	done
}

# A case that the emulator spoiled is begun anew, but not for ever.
EMULATOR_ATTEMPTS=4

# Cases of a minute and more that repeat what others do once are run on demand.
is_left_out() {
	[ -z "${LONG-}" ] && [ -n "$(case_header "$1" LONG '')" ]
}

# run_case FILE NUMBER [ATTEMPT]
run_case() {
	local file=$1 number=$2 attempt=${3:-1} limit start=$SECONDS rc=0 reason='' faults lost=''
	CASE_NAME=$(basename "$file" .sh)
	CASE_DIR=$LAB_STATE/case
	CASE_LOG=$LOGS/cases/$CASE_NAME.log
	limit=$(($(case_header "$file" TIMEOUT 120) * SLOW))
	rm -rf "$CASE_DIR"
	mkdir -p "$CASE_DIR" "$LOGS/cases"
	prepare_vms "$file" || bail_out "the VMs of $CASE_NAME did not start"
	execute_case "$file" "$limit" || rc=$?
	case $rc in
	"$EXIT_TIMEOUT" | 137)
		reason="no end after $limit s"
		# shellcheck disable=SC2046
		dump_tasks $(recorded_vms)
		;;
	esac
	[ -e "$CASE_DIR/verdict" ] || reason=${reason:-"no verdict (exit code $rc)"}
	# shellcheck disable=SC2046
	flush_consoles "lab: end of $CASE_NAME" $(recorded_vms)
	# shellcheck disable=SC2046
	gather_counters $(recorded_vms)
	note_ends
	faults=$(vm_faults; bad_since_mark "$CASE_DIR/expected")
	lost=$(emulator_did)
	advance_marks
	[[ $faults != *zombie* ]] || remember_zombies
	if [ -n "$lost" ] && [ -n "$faults" ] && [ "$attempt" -lt "$EMULATOR_ATTEMPTS" ]; then
		echo "# $CASE_NAME: $lost; once more"
		restore_lab "$faults" || bail_out "the VMs did not come back after $CASE_NAME"
		run_case "$file" "$number" $((attempt + 1))
		return
	fi
	if [ -n "$faults" ] || [ -n "$reason" ] || { [ $rc != 0 ] && [ $rc != "$EXIT_SKIP" ]; }; then
		report "not ok" "$number" "$CASE_NAME"
		FAILED=$((FAILED + 1))
		explain_failure "$reason" "$faults"
	elif [ $rc = "$EXIT_SKIP" ]; then
		report ok "$number" "$CASE_NAME # SKIP $(cat "$CASE_DIR/skip" 2> /dev/null)"
		SKIPPED=$((SKIPPED + 1))
	else
		report ok "$number" "$CASE_NAME"
		PASSED=$((PASSED + 1))
		[ ! -s "$CASE_DIR/diag" ] || print_diag < "$CASE_DIR/diag"
	fi
	echo "# $CASE_NAME took $((SECONDS - start)) s"
	restore_lab "$faults" || bail_out "the VMs did not come back after $CASE_NAME"
}

recorded_vms() {
	local file
	for file in "$LAB_STATE"/vms/*; do
		[ ! -e "$file" ] || basename "$file"
	done
}

explain_failure() {
	{
		[ -z "$1" ] || echo "$1"
		[ ! -s "$CASE_DIR/diag" ] || cat "$CASE_DIR/diag"
		[ -z "$2" ] || head -n 20 <<< "$2"
		echo "last lines of the case:"
		tail -n 12 "$CASE_LOG"
		echo "logs: $(short_path "$CASE_LOG") and $(short_path "$LOGS")/{host,guest-*}.log"
	} | print_diag
}

bail_out_line() {
	echo "Bail out! $*"
	summary
}

bail_out() {
	bail_out_line "$*"
	exit "$EXIT_ENVIRONMENT"
}

summary() {
	echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
}

# What runs must be what the sources say.
refresh_lab() {
	local before after
	before=$(fresh_sum)
	lab_build
	after=$(fresh_sum)
	[ "$before" = "$after" ] || push_fresh
}

fresh_sum() {
	(cd "$LAB_STATE/fresh" 2> /dev/null && find . -type f -exec sha256sum {} + | sort) | sha256sum
}

# A lab that this run started ends with it, unless LAB_KEEP=1; one that was there stays.
end_run() {
	case $?$RUN_UNTOLD in
	1untold) bail_out_line "the project does not compile" ;;
	*untold) bail_out_line "the lab did not start" ;;
	esac
	[ -n "$RUN_KEEPS" ] || lab_down 2> /dev/null
}

start_for_run() {
	RUN_KEEPS=${LAB_KEEP-}
	# TCG moves a byte in each step of "rep movsb", by which kernels clear and copy pages where a processor says that it is fast. Not
	# in a lab for measurements: what it compares are copies and none.
	# shellcheck disable=SC2034 # for lib/boot.sh
	CPU_WITHOUT=,-erms
	trap end_run EXIT
	if is_running; then
		RUN_KEEPS=1
		need_kernel_asked
		refresh_lab
	else
		lab_up
	fi
}

lab_run() {
	local files file number=0
	PASSED=0 FAILED=0 SKIPPED=0
	files=$(find_cases "$@")
	echo "KTAP version 1"
	RUN_UNTOLD=untold
	start_for_run >&2
	RUN_UNTOLD=
	# shellcheck disable=SC1090
	. "$CONFIG"
	: > "$LAB_STATE/zombies"
	echo "# $SUITE: Xen $(xen_version), Linux $(kernel_version), $(describe_guests), $LAB_RUNS_ON"
	echo "1..$(wc -l <<< "$files")"
	restore_lab '' || bail_out "the VMs do not answer"
	note_ends
	advance_marks
	while read -r -u 3 file; do
		number=$((number + 1))
		if [ $# = 0 ] && is_left_out "$file"; then
			report ok "$number" "$(basename "$file" .sh) # SKIP long: LONG=1 runs it, or its name"
			SKIPPED=$((SKIPPED + 1))
			continue
		fi
		run_case "$file" "$number"
	done 3<<< "$files"
	summary
	[ "$FAILED" = 0 ]
}
