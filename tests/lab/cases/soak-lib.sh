# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Fates that 445-soak has beside those of mesh-lib.sh: a VM is short of memory, or gets other memory; it is suspended; it lies; calls of its
# modules fail. Each runs in a process of its own, so what is counted goes to a file.
# shellcheck source=mesh-lib.sh
. "$LAB_DIR/cases/mesh-lib.sh"

# MiB that a VM gives back, and gets again; what it may have beside its memory, as pages that others still map count as its own
TAKEN=48
SPARE=$((4 * TAKEN))
# Seconds of compacting, and of being short of memory
PRESS=15
LIAR=/sys/kernel/debug/fido-liar
# Lies of one VM before it is honest again
LIES_EACH=6
FAULTS=/sys/kernel/debug/fido-faults
# Up to which call of those that can fail one does
FAULTS_MAX=60
SAVED=/var/tmp/fido-soak.saved

# ---- what is counted ----

# tally WHAT [NUMBER]
tally() {
	echo "$1 ${2:-1}" >> "$CASE_DIR/tallies"
}

tallied() {
	awk -v what="$1" '$1 == what { n += $2 } END { print n + 0 }' "$CASE_DIR/tallies"
}

# ---- other memory ----

# balloon TARGET CURRENT: conditions for both numbers, in KiB, as the balloon driver of the victim has them
balloon() {
	in_time "$VICTIM" "cd /sys/devices/system/xen_memory/xen_memory0
		[ \$(cat target_kb) $1 ] && [ \$(cat info/current_kb) $2 ]"
}

balloon_now() {
	in_time "$VICTIM" 'cat /sys/devices/system/xen_memory/xen_memory0/info/current_kb'
}

# What it does not give is told, and no fault: nobody promises that under load.
balloon_down() {
	local former=$1 target=$(((VM_MEM - TAKEN) << 10))
	in_dom0 "xl mem-set $VICTIM $((VM_MEM - TAKEN))"
	if wait_until $((120 * SLOW)) quiet_output balloon "-le $target" "-le $target"; then
		tally ballooned
		return
	fi
	tally balloon-refused
	diag "$WHAT: ballooning was refused, $VICTIM gave $(((former - $(balloon_now)) >> 10)) of $TAKEN MiB"
}

# But it gets back what it had.
balloon_up() {
	local former=$1
	in_dom0 "xl mem-set $VICTIM $VM_MEM; xl mem-max $VICTIM $((VM_MEM + SPARE))"
	wait_until $((180 * SLOW)) quiet_output balloon "-gt $(((VM_MEM - TAKEN) << 10))" "-ge $((former - 1024))" && return
	fail "$VICTIM does not get its memory back: $(balloon_now) of $former KiB; Xen has $(xen_free) MiB"
}

xen_free() {
	in_dom0 'xl info free_memory'
}

fate_memset() {
	local former
	former=$(balloon_now)
	balloon_down "$former"
	in_dom0 "sleep $PAUSE"
	balloon_up "$former"
}

# ---- memory that moves, in all VMs ----

fate_compact() {
	local vm pids=()
	for vm in "${ALL[@]}"; do
		in_vm_bg "$vm" "end=\$((\$(cut -d . -f 1 /proc/uptime) + $PRESS))
			while [ \$(cut -d . -f 1 /proc/uptime) -lt \$end ]; do
				echo 1 > /proc/sys/vm/compact_memory; echo 3 > /proc/sys/vm/drop_caches; sleep 0.2
			done"
		pids+=("$BG")
	done
	for vm in "${pids[@]}"; do
		wait "$vm"
	done
	memory_block
}

# Where the balloon driver takes all memory that goes online it would keep this, too: it is gone then.
has_memory_blocks() {
	in_time "$1" 'test -e /sys/devices/system/memory/auto_online_blocks && ! test -e /proc/sys/xen/balloon/hotplug_unpopulated'
}

# One that can be emptied goes offline and comes back. That there is none is told, and no fault.
memory_block() {
	if ! has_memory_blocks "$VICTIM"; then
		tally blocks-left-out
		return
	fi
	if in_time "$VICTIM" "for block in \$(ls -rd /sys/devices/system/memory/memory[0-9]*); do
			! timeout $((10 * SLOW)) sh -c \"echo offline > \$block/state\" || exec sh -c \"echo online > \$block/state\"
		done 2> /dev/null; exit 1"; then
		tally blocks
	else
		tally blocks-refused
	fi
}

# Half of what is free, touched again and again
fate_scarce() {
	in_time "$VICTIM" "stress-ng --quiet --vm 1 --vm-bytes 50% --vm-method inc-nybble --timeout ${PRESS}s"
}

# ---- suspended ----

# peer_is_idle VM PEER: has no file under way to it
peer_is_idle() {
	in_time "$1" "grep -qx '$2 idle 1' $MESH/counters"
}

# Its processes are frozen, and hold then what they have received and not read.
spare_victim() {
	local vm
	in_time "$VICTIM" "touch $MESH/enough"
	for vm in $(others "$VICTIM"); do
		in_time "$vm" "touch $MESH/spare-$VICTIM"
	done
	wait_for 150 in_time "$VICTIM" "grep -qx 'all idle 1' $MESH/counters"
	for vm in $(others "$VICTIM"); do
		wait_for 150 peer_is_idle "$vm" "$VICTIM"
	done
}

spare_nobody() {
	local vm
	for vm in "${ALL[@]}"; do
		in_time "$vm" "rm -f $MESH/spare-*"
	done
	in_time "$VICTIM" "rm -f $MESH/enough"
}

# saved [OPTION]: of xl save; that it is refused is told, and not for ever.
saved() {
	local try
	for try in 1 2 3; do
		if in_dom0 "timeout $((300 * SLOW)) xl save $* $VICTIM $SAVED"; then
			return
		fi
		wait_for 60 vm_answers "$VICTIM"
		tally save-refused
		diag "$WHAT: refused, try $try: $(in_time "$VICTIM" 'dmesg | grep "cannot be suspended" | tail -n 1')"
		in_dom0 "rm -f $SAVED"
		wait_for 120 links_are_up
	done
	fail "$VICTIM cannot be saved"
}

checkpointed() {
	saved -c
	in_dom0 "rm $SAVED"
	tally checkpoints
}

restored() {
	local vm
	saved
	vm_expect_gone "$VICTIM"
	vm_wait_gone "$VICTIM" 60
	for vm in $(others "$VICTIM"); do
		wait_for 60 none_quarantined "$vm"
	done
	vm_restore "$VICTIM" $SAVED
	in_dom0 "rm $SAVED"
	tally restores
}

fate_save() {
	spare_victim
	if [ $((PAUSE % 2)) = 0 ]; then
		checkpointed
	else
		restored
	fi
	wait_for 60 vm_answers "$VICTIM"
	wait_for 180 links_are_up
	spare_nobody
}

# ---- modules that are exchanged ----

# client_of VM: whose disk it serves
client_of() {
	local vm
	for vm in "${ALL[@]}"; do
		[ "${SERVER[$vm]}" != "$1" ] || echo "$vm"
	done
}

# rest VM...: no disk of theirs is open
rest() {
	local vm
	for vm in "$@"; do
		in_time "$vm" "touch $MESH/rest"
	done
	for vm in "$@"; do
		wait_for 120 in_time "$vm" "grep -qx 'disk idle 1' $MESH/counters"
	done
}

rest_no_more() {
	local vm
	for vm in "${ALL[@]}"; do
		in_time "$vm" "rm -f $MESH/rest"
	done
}

# without_modules MODULE...: those that are there, in this order
without_modules() {
	wait_for 60 in_time "$VICTIM" "for m in $*; do ! grep -q \"^\$m \" /proc/modules || rmmod \$m || exit 1; done"
}

# Links of the victim's, whatever they have come to; the supervisor makes them anew.
links_anew() {
	local vm
	for vm in $(others "$VICTIM"); do
		in_dom0 "fidoctl link remove $VICTIM $vm --force || true"
	done
}

# ---- lies: what each does stands in tests/mod/fido-liar/main.c ----

LIE_VALUES=(0 1 +1 -1 big top ones random random random)
LIE_SHOWN='ctl release entry table root'
declare -A LIE_KINDS=([mmnet]='frame piece udp tcp' [mmblk]='read write list loop flush discard zeroes config done')
declare -A LIE_FIELDS=([mmnet]='net seg slot' [mmblk]='request list config done seg slot')

# draw_field PREFIX...: one of all whose names begin so, in the list of the case's directory. Without a subshell, as those below: they would
# draw the same again and again.
draw_field() {
	local fields
	mapfile -t fields < <(awk -v wanted=" $* " '$1 == "field" && index(wanted, " " substr($2, 1, index($2, ".") - 1) " ") { print $2 }' \
		"$CASE_DIR/lies")
	[ ${#fields[@]} -gt 0 ] || fail "no field of $*"
	FIELD=${fields[RANDOM % ${#fields[@]}]}
}

# draw_lie TYPE: of the client in whose place it is told
draw_lie() {
	local kinds value
	read -ra kinds <<< "${LIE_KINDS[$1]}"
	KIND=${kinds[RANDOM % ${#kinds[@]}]}
	value=${LIE_VALUES[RANDOM % ${#LIE_VALUES[@]}]}
	# words are wanted
	# shellcheck disable=SC2086
	case $((RANDOM % 4)) in
	0) draw_field $LIE_SHOWN && LIE="set $FIELD $value" ;;
	1) draw_field $LIE_SHOWN && LIE="flip $FIELD $value 200" ;;
	2) draw_field ${LIE_FIELDS[$1]} && LIE="send $KIND $FIELD $value" ;;
	3) draw_field ${LIE_FIELDS[$1]} && LIE="race $KIND $FIELD $value 1000" ;;
	esac
}

liar_is_up() {
	in_time "$VICTIM" "grep -qx 'up 1' $LIAR/status"
}

# It knows by which interrupts it signals. That it has none yet only makes it quieter.
liar_ready() {
	wait_for 120 liar_is_up
	in_time "$VICTIM" "echo \$(awk '\$NF ~ /^fido-[0-9]+\\.[0-9]+-0\$/ { sub(\":\", \"\", \$1); chan = \$1 }
		\$NF ~ /^fido-[0-9]+\$/ { sub(\":\", \"\", \$1); link = \$1 }
		END { print \"irqs\", chan, link }' /proc/interrupts) > $LIAR/do || true"
}

liar_load() {
	without_modules mmblk mmnet
	in_time "$VICTIM" "modprobe fido_liar type=$1; echo 'seed $FATE_SEED' > $LIAR/do; cat $LIAR/lies" > "$CASE_DIR/lies"
	liar_ready
}

# What the others have said of it since it lies
complaints() {
	local vm
	for vm in $(others "$VICTIM"); do
		in_time "$vm" "dmesg | sed -n '/soak: $$ $NUMBER\$/,\$s/.*broke the protocol: //p'"
	done
}

# At most one line for each, by one of them
assert_answered() {
	assert_le "$(complaints | wc -l)" "$1" "complaints for as many lies, the last one: $LIE; $WHAT"
}

# Some cannot be told at the moment, as there is no such message; and when a peer has given up, all begins anew.
tell_lies() {
	local type=$1 number=0 tries=0
	while [ $number -lt $LIES_EACH ] && [ $tries -lt $((10 * LIES_EACH)) ]; do
		tries=$((tries + 1))
		if ! liar_is_up; then
			links_anew
			liar_ready
		fi
		draw_lie "$type"
		in_time "$VICTIM" "echo '$LIE' > $LIAR/do" || continue
		number=$((number + 1))
		tally lies
		assert_answered $number
	done
	assert_ge $number 1 "lies that could be told, of $type"
}

# The disk that it serves is not used meanwhile: it would hold zeroes. Of the others' logs no line is expected: what they complain of is none of
# those that the runner looks for, and a pattern might hide one that is.
fate_lie() {
	local vm type=mmnet
	[ $((PAUSE % 2)) = 0 ] || type=mmblk
	for vm in $(others "$VICTIM"); do
		in_time "$vm" "echo '<6>soak: $$ $NUMBER' > /dev/kmsg"
	done
	rest "$VICTIM" "$(client_of "$VICTIM")"
	liar_load $type
	tell_lies $type
	without_modules fido_liar
	tally complaints "$(complaints | wc -l)"
	links_anew
	in_time "$VICTIM" 'modprobe -a mmnet mmblk'
	wait_for 180 links_are_up
	rest_no_more
}

# ---- calls that fail: tests/mod/fido-faults, where it is built ----

has_faults() {
	[ -n "$(find "$LAB_STATE/fresh" -name fido_faults.ko -print -quit)" ]
}

# faults_arm NTH: this one of all calls that can fail
faults_arm() {
	in_time "$VICTIM" "echo 'fail any any $1 1' > $FAULTS/do"
}

# How many have failed; none does any more.
faults_end() {
	in_time "$VICTIM" "awk '\$1 == \"failed\" { print \$2 }' $FAULTS/status; echo off > $FAULTS/do"
}

# It may come to nothing, or to all, and the others may have to wait for it.
reload_with_fault() {
	local nth=$((1 + RANDOM % FAULTS_MAX)) failed
	without_modules mmblk mmnet fido
	faults_arm $nth
	in_time "$VICTIM" 'modprobe fido && modprobe -a mmnet mmblk; true'
	wait_until $((20 * SLOW)) quiet_output links_are_up || true
	failed=$(faults_end)
	tally faults "$failed"
	echo "# $WHAT: call $nth, $failed failed" >&2
}

fate_faults() {
	rest "$VICTIM"
	without_modules mmblk mmnet fido
	in_time "$VICTIM" 'modprobe fido_faults'
	for _ in 1 2 3; do
		reload_with_fault
	done
	without_modules mmblk mmnet fido fido_faults
	links_anew
	in_time "$VICTIM" 'modprobe -a fido mmnet mmblk'
	wait_for 180 links_are_up
	rest_no_more
}
