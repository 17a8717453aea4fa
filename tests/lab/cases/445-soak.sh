# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: an hour
# DESCRIPTION: an hour of all that can happen to three VMs under load, on one boot: they die, stand still, are saved and restored, get other memory or have none, reload modules, lie, and have calls that fail: nothing is lost, wrong or left
# TIMEOUT: 40000
# VMS: c
# shellcheck source=soak-lib.sh
. "$LAB_DIR/cases/soak-lib.sh"
# shellcheck source=lost-lib.sh
. "$LAB_DIR/cases/lost-lib.sh"

# MINUTES and SEED are its parameters; from 60 minutes on each fate is met at least once.
MINUTES=${MINUTES:-60}
MINUTES_MAX=600
SEED=${SEED:-$$}
# VMs that the emulator may lose: more is no soak any more
LOST_MAX=$((3 + MINUTES / 10))
# What a fate changes
KEEP=(BORN OUTLIVED FREE)

# What is drawn comes from bags that are shuffled, so that none is left out, and none comes much more often.
FATE_BAG=()
VICTIM_BAG=()
FATE_SEED=0
BEGAN=$SECONDS
DATE=$(date +%Y%m%d-%H%M%S)
WELL=0
RESULT=failed

requires() {
	need_module fido mmnet mmblk fido_liar
	need_tool fidoctl
}

# ---- which fate, and whose ----

fates_find() {
	FATES=(destroy panic shutdown again pause mmnet mmblk compact scarce save lie)
	if [ "$GUEST" = pv ]; then
		FATES+=(memset)
	else
		diag "left out: memset, a PVH guest does not see that its memory was exchanged"
	fi
	if has_faults; then
		FATES+=(faults)
	else
		diag "left out: faults, fido_faults.ko is not built"
	fi
}

# shuffle NAME...: sets BAG. Without a subshell, for the generator; so are those below.
shuffle() {
	local i j one
	BAG=("$@")
	for ((i = ${#BAG[@]} - 1; i > 0; i--)); do
		j=$((RANDOM % (i + 1)))
		one=${BAG[i]}
		BAG[i]=${BAG[j]}
		BAG[j]=$one
	done
}

# refill: bags that are empty
refill() {
	if [ ${#FATE_BAG[@]} = 0 ]; then
		shuffle "${FATES[@]}"
		FATE_BAG=("${BAG[@]}")
	fi
	if [ ${#VICTIM_BAG[@]} = 0 ]; then
		shuffle "${ALL[@]}"
		VICTIM_BAG=("${BAG[@]}")
	fi
}

draw() {
	refill
	NUMBER=$((NUMBER + 1))
	FATE=${FATE_BAG[0]}
	FATE_BAG=("${FATE_BAG[@]:1}")
	VICTIM=${VICTIM_BAG[0]}
	VICTIM_BAG=("${VICTIM_BAG[@]:1}")
	PAUSE=$((5 + RANDOM % 16))
	FATE_SEED=$RANDOM
	WHAT="fate $NUMBER: $FATE of $VICTIM"
}

# One that the emulator spoiled has not been met.
put_back() {
	FATE_BAG=("$FATE" "${FATE_BAG[@]}")
	VICTIM_BAG=("$VICTIM" "${VICTIM_BAG[@]}")
}

# ---- one fate ----

progress() {
	echo "# $(((SECONDS - BEGAN) / 60)) min of $MINUTES: $WHAT, for $((SECONDS - TRY_BEGAN)) s; $WELL fates were met," \
		"$(tallied lies) lies told, $(tallied faults) faults injected; the emulator lost $LOST VMs" >&2
}

# The line that is named where it fails is that of its fate.
meet_it() {
	# shellcheck disable=SC2034 # for tell_failure
	CASE_FILE=$(shopt -s extdebug; declare -F "fate_$FATE" | cut -d ' ' -f 3)
	# what is drawn in there follows from SEED, too
	RANDOM=$FATE_SEED
	meet_fate
}

one_fate() {
	draw
	try_it meet_it
	if [ -n "$GONE" ]; then
		go_on_without
		return
	fi
	MET[$FATE]=$((${MET[$FATE]:-0} + 1))
	WELL=$((WELL + 1))
}

# What neither the emulator nor the fate touched must be as it always must. Marks of this fate only tell it.
assert_rest_unbroken() {
	local vm who
	for vm in "${ALL[@]}"; do
		replaced "$vm" && continue
		look "$vm"
		for who in $(others "$vm") disk; do
			assert_eq "$(told now "$vm" "$who" wrong)" 0 "wrong content, from $who to $vm, $WHAT"
			has_replaced "$vm" "$who" || [ "$(told before "$vm" all mark)" != "$NUMBER" ] || assert_unbroken "$vm" "$who"
		done
	done
}

vms_anew() {
	local vm
	for vm in $1; do
		vm_create "$vm"
		bring_up "$vm"
	done
	for vm in $1; do
		life_begins "$vm"
	done
}

# The VMs that were lost, and the victim of what was going on, begin anew; the fate is drawn once more.
go_on_without() {
	tell_lost_now
	tally "emulator-$(tr ' ' - <<< "$GONE")"
	assert_rest_unbroken
	vms_drop "$ANEW"
	assert_nothing_besides
	vms_anew "$ANEW"
	rest_no_more
	spare_nobody
	wait_for 120 links_are_up
	everything_moves
	put_back
}

# ---- the summary ----

# memory_of VM: free KiB without caches, pages mapped of peers, grants in quarantine, on one line
memory_of() {
	echo "$(free_memory "$1")" "$(in_time "$1" "cat /sys/kernel/debug/fido/fido-*/link" |
		awk -F ': ' '/^pages mapped/ { n += $2 } END { print n + 0 }')" "$(quarantined "$1")"
}

# memory_note WHEN: a line for each machine, its name first
memory_note() {
	local vm
	for vm in "${ALL[@]}"; do
		printf '%s ' "$vm"
		memory_of "$vm"
	done
	printf 'xen '
	xen_free
	printf 'dom0 '
	free_memory dom0
} > "$CASE_DIR/memory-$1"

# memory_at WHEN MACHINE: what was noted, nothing if it was not
memory_at() {
	sed -n "s/^$2 //p" "$CASE_DIR/memory-$1" 2> /dev/null || true
}

assert_none_quarantined() {
	local vm at_end
	for vm in "${ALL[@]}"; do
		at_end=$(memory_at end "$vm")
		assert_eq "${at_end##* }" 0 "grants of $vm in quarantine, at the end"
	done
}

# counted FILE KIND WHAT: KIND 0 is networks, 1 is disks
counted() {
	awk -v kind="$2" -v what="$3" '($1 == "disk") == kind && $1 != "all" && $2 == what { n += $3 } END { printf "%.0f\n", n }' "$1"
}

# wrong_content FILE
wrong_content() {
	echo $(($(counted "$1" 0 wrong) + $(counted "$1" 1 wrong)))
}

# Each destroys one VM, "again" two.
killed() {
	case $1 in
	destroy | panic | shutdown) echo "${MET[$1]:-0}" ;;
	again) echo $((2 * ${MET[again]:-0})) ;;
	esac
}

json_memory() {
	local free mapped quarantine
	read -r free mapped quarantine <<< "$1"
	printf '{"free_kib": %d, "pages_mapped": %d, "quarantined": %d}' "${free:-0}" "${mapped:-0}" "${quarantine:-0}"
}

json_object() {
	local separator='' pair
	printf '{'
	for pair in "$@"; do
		printf '%s"%s": %s' "$separator" "${pair%%=*}" "${pair#*=}"
		separator=', '
	done
	printf '}'
}

json_fates() {
	local fate pairs=()
	for fate in "${FATES[@]}"; do
		pairs+=("$fate=${MET[$fate]:-0}")
	done
	json_object "${pairs[@]}"
}

json_killed() {
	json_object "destroy=$(killed destroy)" "panic=$(killed panic)" "shutdown=$(killed shutdown)" "again=$(killed again)" "emulator=$LOST"
}

json_moved() {
	json_object "network_files=$(counted "$1" 0 "done")" "network_bytes=$(counted "$1" 0 bytes)" \
		"disk_rounds=$(counted "$1" 1 "done")" "disk_bytes=$(counted "$1" 1 bytes)"
}

# json_at WHEN
json_at() {
	local vm xen dom0 pairs=()
	for vm in "${ALL[@]}"; do
		pairs+=("$vm=$(json_memory "$(memory_at "$1" "$vm")")")
	done
	xen=$(memory_at "$1" xen)
	dom0=$(memory_at "$1" dom0)
	json_object "${pairs[@]}" "xen_free_mib=${xen:-0}" "dom0_free_kib=${dom0:-0}"
}

# What broke off between those that nothing happened to ends the soak; how much that would have been is not known.
things_lost() {
	local wrong
	wrong=$(wrong_content "$1")
	if [ "$wrong" = 0 ] && [ $RESULT = failed ]; then
		echo null
	else
		echo "$wrong"
	fi
}

# summary_json LIVES LINKS
summary_json() {
	json_object "result=\"$RESULT\"" "at=\"$WHAT\"" "seed=$SEED" "suite=\"$SUITE\"" "guest=\"$GUEST\"" \
		"hours=$(awk -v s=$((SECONDS - BEGAN)) 'BEGIN { printf "%.2f", s / 3600 }')" "moved=$(json_moved "$1")" \
		"lost=$(things_lost "$1")" "fates=$(json_fates)" "killed=$(json_killed)" "links_made_again=$2" \
		"lies=$(tallied lies)" "complaints=$(tallied complaints)" "faults=$(tallied faults)" "ballooned=$(tallied ballooned)" \
		"balloon_refused=$(tallied balloon-refused)" "checkpoints=$(tallied checkpoints)" "restores=$(tallied restores)" \
		"save_refused=$(tallied save-refused)" "start=$(json_at start)" "end=$(json_at end)"
	echo
}

# What the emulator did, a line for each set of VMs
tell_lost() {
	awk '/^emulator-/ { n[substr($1, 10)] += $2 } END { for (vm in n) print "emulator lost VM " vm " " n[vm] " times" }' "$CASE_DIR/tallies" | sort
}

tell_rest() {
	local vm
	diag "killed: $(killed destroy) destroyed, $(killed panic) by panic, $(killed shutdown) shut down, $(killed again) while they came back; $(tallied restores) restored, $(tallied checkpoints) saved and went on"
	diag "lies told: $(tallied lies), complaints of them: $(tallied complaints); faults injected: $(tallied faults)"
	diag "refused: ballooning $(tallied balloon-refused) times of $(($(tallied balloon-refused) + $(tallied ballooned))), saving $(tallied save-refused) times"
	diag "memory blocks: $(tallied blocks) offline and back, $(tallied blocks-refused) times none could be emptied, $(tallied blocks-left-out) times left out: what goes online would go to the balloon"
	for vm in "${ALL[@]}"; do
		diag "$vm, KiB free, pages mapped, grants in quarantine: $(memory_at start "$vm") -> $(memory_at end "$vm")"
	done
	diag "Xen, MiB free: $(memory_at start xen) -> $(memory_at end xen); dom0, KiB free: $(memory_at start dom0) -> $(memory_at end dom0)"
	[ $LOST = 0 ] || diag "$(tell_lost)"
	diag "hours: $(awk -v s=$((SECONDS - BEGAN)) 'BEGIN { printf "%.2f", s / 3600 }')"
}

# Of a soak that failed, what is known: lives that have ended, and the others before the last fate.
summary_write() {
	local vm links directory=$LAB_SRC/build/soak
	if [ "$RESULT" = failed ]; then
		for vm in "${ALL[@]}"; do
			cat "$CASE_DIR/before-$vm" 2> /dev/null || true
		done >> "$CASE_DIR/lives"
	fi
	links=$(links_made_again || true)
	summary_json "$CASE_DIR/lives" "${links:-0}" > "$CASE_DIR/soak.json"
	mkdir -p "$directory" && cp "$CASE_DIR/soak.json" "$directory/$DATE.json" && cp "$CASE_DIR/diag" "$directory/$DATE.txt"
}

# ---- the run ----

# From an hour on there is time for each.
is_over() {
	[ $((SECONDS - BEGAN)) -ge $((MINUTES * 60)) ] || return 1
	[ "$MINUTES" -lt 60 ] || [ ${#MET[@]} = ${#FATES[@]} ]
}

begin() {
	[ "$MINUTES" -le $MINUTES_MAX ] || fail "MINUTES=$MINUTES: at most $MINUTES_MAX"
	RANDOM=$SEED
	diag "SEED=$SEED MINUTES=$MINUTES"
	touch "$CASE_DIR/tallies" "$CASE_DIR/lives"
	fates_find
	set_up
	memory_note start
	BEGAN=$SECONDS
}

end() {
	local vm
	WHAT="the end"
	load_stop
	for vm in "${ALL[@]}"; do
		wait_until 10 none_quarantined "$vm" || break
	done
	memory_note end
	assert_none_quarantined
	tell_totals
	tell_rest
	tell_memory
	assert_eq "$(wrong_content "$CASE_DIR/lives")" 0 "things with wrong content"
	RESULT=passed
	WHAT=
}

run() {
	begin
	until is_over; do
		one_fate
	done
	end
}

cleanup() {
	local vm
	# only of one that has begun
	[ ! -e "$CASE_DIR/tallies" ] || summary_write
	for vm in "${ALL[@]}"; do
		vm_exec "$vm" $((20 * SLOW)) "pkill stress-ng; ! test -e $FAULTS/do || echo off > $FAULTS/do"
		[ "$GUEST" != pv ] || in_dom0 "xl mem-set $vm $VM_MEM"
	done
	in_dom0 "rm -f $SAVED"
	mesh_cleanup
	for vm in "${ALL[@]}"; do
		vm_exec "$vm" $((60 * SLOW)) 'for m in fido_liar mmblk mmnet fido fido_faults; do ! grep -q "^$m " /proc/modules || rmmod $m; done'
	done
}
