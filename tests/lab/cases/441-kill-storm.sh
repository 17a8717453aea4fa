# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: half an hour
# DESCRIPTION: half an hour in which one of three VMs with networks and disks between all of them is destroyed every few seconds, and is back from an image as fast as Xen can: nobody else is disturbed, no byte is wrong, nothing is left
# TIMEOUT: 7200
# VMS: c
# shellcheck source=mesh-lib.sh
. "$LAB_DIR/cases/mesh-lib.sh"
# shellcheck source=lost-lib.sh
. "$LAB_DIR/cases/lost-lib.sh"

# What is waited for in 440 after each death is not waited for here: the next one comes when the VM before has begun to live again. To boot takes
# a VM half a minute under the emulator, so its image is kept, as "xl save" made it before the first link, with the load that waits for interfaces.

# MINUTES, PACE and SEED are its parameters; PACE is how many seconds a VM lives at most before the next one dies.
MINUTES=${MINUTES:-30}
PACE=${PACE:-4}
SEED=${SEED:-$$}
# VMs that the emulator may lose
LOST_MAX=$((3 + MINUTES / 10))
# MiB that a VM has: what it does not need would be saved and restored, too
LEAN=384
# Seconds that a VM rests between files and rounds, and dom0's share of the processors: who makes VMs has to get them, and on hosts does
REST=1
WEIGHT=4096
# Where dom0 keeps the images
IMAGES=/var/tmp/fido-storm

# What VM has to do with WHO, a peer or its disk, begins anew when either does: files or rounds at the beginning; then, when the first one is
# over, failures and losses of the carrier as they stood, which tell from there on that the two are undisturbed. Index is "VM WHO".
declare -A FROM STILL
# How many of them came so far, and how often two that lived were looked at
declare -A COUNT=([lives]=0 [looks]=0)
KEEP=(FROM STILL COUNT)
BEGAN=$SECONDS

# ---- images ----

# It has all that it needs but the modules, and nobody knows of it yet.
image_make() {
	ramdisks "$1" 1 $MIB
	in_time "$1" "dd if=/dev/zero of=/dev/ram0 bs=1M oflag=direct 2> /dev/null
		! grep -q '^fido ' /proc/modules || { rmmod mmblk mmnet; rmmod fido; }; rm -rf $MESH; mkdir -p $MESH"
	to_vm "$1" $MESH/mesh.py < "$LAB_DIR/helpers/mesh.py"
	load_start "$1"
	in_dom0 "xl mem-set $1 $LEAN"
	wait_for 60 in_time "$1" "test -e $MESH/counters"
	vm_save "$1" "$IMAGES/$1"
	vm_wait_gone "$1" 60
}

# reborn VM: as another domain
reborn() {
	vm_restore "$1" "$IMAGES/$1"
	in_time "$1" 'modprobe -a fido mmnet mmblk'
}

# ---- who is disturbed ----

# Pairs are looked at from both sides, as each counts for itself.
forget() {
	local pair vm who
	for pair in "${!FROM[@]}"; do
		read -r vm who <<< "$pair"
		if [ "$vm" = "$1" ] || [ "$who" = "$1" ] || { [ "$who" = disk ] && [ "${SERVER[$vm]}" = "$1" ]; }; then
			unset "FROM[$pair]" "STILL[$pair]"
		fi
	done
}

# pair_begins VM WHO: it has, when something has come through.
pair_begins() {
	if [ -z "${FROM[$1 $2]-}" ]; then
		FROM[$1 $2]=$(told now "$1" "$2" "done")
	elif [ "$(told now "$1" "$2" "done")" -gt "${FROM[$1 $2]}" ]; then
		STILL[$1 $2]="$(told now "$1" "$2" broken) $(told now "$1" "$2" flaps)"
		COUNT[lives]=$((COUNT[lives] + 1))
	fi
}

pair_look() {
	assert_eq "$(told now "$1" "$2" wrong)" 0 "wrong content, from $2 to $1, $WHAT"
	if [ -z "${STILL[$1 $2]-}" ]; then
		pair_begins "$1" "$2"
		return
	fi
	assert_eq "$(told now "$1" "$2" broken) $(told now "$1" "$2" flaps)" "${STILL[$1 $2]}" "failures, and losses of the carrier, between $1 and $2, $WHAT"
	assert_no_gap "$1" "$2"
	COUNT[looks]=$((COUNT[looks] + 1))
}

# Before anything is judged: a command takes seconds where all are busy.
look_everywhere() {
	local vm pids=()
	for vm in "${ALL[@]}"; do
		look "$vm" &
		pids+=($!)
	done
	for vm in "${pids[@]}"; do
		wait "$vm"
	done
}

look_at_all() {
	local vm who
	look_everywhere
	for vm in "${ALL[@]}"; do
		cp "$CASE_DIR/now-$vm" "$CASE_DIR/before-$vm"
		for who in $(others "$vm") disk; do
			pair_look "$vm" "$who"
		done
	done
}

# ---- a death ----

draw() {
	NUMBER=$((NUMBER + 1))
	VICTIM=${ALL[RANDOM % ${#ALL[@]}]}
	PAUSE=$((RANDOM % (PACE + 1)))
	WHAT="death $NUMBER: $VICTIM"
}

one_death() {
	vm_kill "$VICTIM"
	life_over "$VICTIM"
	forget "$VICTIM"
	vm_wait_gone "$VICTIM" 60
	reborn "$VICTIM"
	in_dom0 "sleep $PAUSE"
	look_at_all
}

go_on_without() {
	local vm
	tell_lost_now
	vms_drop "$ANEW"
	assert_nothing_besides
	for vm in $ANEW; do
		forget "$vm"
		reborn "$vm"
	done
}

progress() {
	echo "# $(((SECONDS - BEGAN) / 60)) min of $MINUTES: $WHAT; the emulator lost $LOST VMs" >&2
}

# ---- the run ----

set_up() {
	local vm
	every_disk_gone
	no_links
	in_dom0 "mkdir -p $IMAGES; xl sched-credit2 -d Domain-0 -w $WEIGHT"
	for vm in "${ALL[@]}"; do
		image_make "$vm"
	done
	mesh_start
	for vm in "${ALL[@]}"; do
		reborn "$vm"
	done
	wait_for 120 links_are_up
	everything_moves
}

# All of them live, and are well.
calm() {
	local vm
	WHAT="the end"
	wait_for 120 links_are_up
	everything_moves
	for vm in "${ALL[@]}"; do
		wait_for 60 none_quarantined "$vm"
	done
	load_stop
}

tell() {
	local took=$1
	diag "$NUMBER deaths in $took s, one every $((took / NUMBER)) s; the emulator lost $LOST VMs"
	diag "pairs of VMs, or a VM and its disk, by which something came before the next death: ${COUNT[lives]}; looked at ${COUNT[looks]} times while others died"
	FATES=()
	tell_totals
}

run() {
	local took
	RANDOM=$SEED
	diag "SEED=$SEED MINUTES=$MINUTES PACE=$PACE"
	set_up
	BEGAN=$SECONDS
	while [ $((SECONDS - BEGAN)) -lt $((MINUTES * 60)) ]; do
		draw
		try_it one_death
		[ -z "$GONE" ] || go_on_without
	done
	took=$((SECONDS - BEGAN))
	calm
	tell $took
	WHAT=
}

cleanup() {
	mesh_cleanup
	in_dom0 "rm -rf $IMAGES; xl sched-credit2 -d Domain-0 -w 256; for vm in ${ALL[*]}; do xl mem-set \$vm $VM_MEM; done"
}
