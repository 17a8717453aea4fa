# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A mesh of three VMs, what the cases 440 and 445 share: networks and disks between all of them, a load on each that survives its peers, what
# can happen to a VM (its fates), and what that may do to the others. The case draws the fates.
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"
# shellcheck source=watch-lib.sh
. "$LAB_DIR/cases/watch-lib.sh"

ALL=(a b c)
# Who serves the disk of whom
declare -A SERVER=([a]=c [b]=a [c]=b)

# The load of a VM, see helpers/mesh.py: its directory there, and how much it writes
MESH=/tmp/mesh
MIB=8
# Seconds that it rests between files, and between rounds on the disk
REST=0.3
# Milliseconds in which nothing moves between two VMs that nothing has happened to: more is a hang, less is the emulator
MAX_GAP=$((30000 * SLOW))
# What may be missing at the end, in KiB: slabs that grew under load, and are not given back at once
MARGIN=16384

# Of each VM's present life: its beginning, deaths of others meanwhile, and free memory when it began
declare -A BORN OUTLIVED FREE
# How often each fate was met
declare -A MET
NUMBER=0
WHAT=
# Which there are is the case's; what it has drawn: a fate, whose it is, and seconds for those that last
FATES=()
FATE='' VICTIM='' PAUSE=0

requires() {
	need_module fido mmnet mmblk
	need_tool fidoctl
}

# A VM that hangs fails the case, and does not keep it.
in_time() {
	printf '+ %s %s# %s\n' "$SECONDS" "$1" "$2" >&2
	vm_exec "$1" $((120 * SLOW)) "$2"
}

# ---- the supervisor ----

# mac OF TO: by which mesh.py knows an interface
mac() {
	printf '02:f1:d0:00:%02x:%02x' "$(vm_index "$1")" "$(vm_index "$2")"
}

config_net() {
	printf '[net]\na = %s\nb = %s\nmac-a = %s\nmac-b = %s\n' "$1" "$2" "$(mac "$1" "$2")" "$(mac "$2" "$1")"
}

config_disk() {
	printf '[blk]\nclient = %s\nserver = %s\ndevice = /dev/ram0\nserial = mesh-%s\n' "$1" "${SERVER[$1]}" "$1"
}

mesh_start() {
	local vm
	watch_fresh
	{
		config_net a b
		config_net b c
		config_net a c
		for vm in "${ALL[@]}"; do
			config_disk "$vm"
		done
	} | watch_configure mesh
	in_dom0 "fidoctl watch --config $CONF --check"
	watch_start
}

# To wait for: each look keeps dom0 busy for a while, which VMs that boot would need.
links_are_up() {
	states_are 'up up up up up up' || { sleep 1; return 1; }
}

# times_said REGEX: by the supervisor
times_said() {
	in_dom0 "grep -c '$1' $LOG || true"
}

links_made_again() {
	echo $(($(times_said 'network .*: made$') - 3))
}

# ---- a VM and its load ----

# Its disk is there before its modules, and has all of its memory.
bring_up() {
	ramdisks "$1" 1 $MIB
	in_time "$1" "dd if=/dev/zero of=/dev/ram0 bs=1M oflag=direct 2> /dev/null
		rm -rf $MESH; mkdir -p $MESH; modprobe -a fido mmnet mmblk"
	to_vm "$1" $MESH/mesh.py < "$LAB_DIR/helpers/mesh.py"
}

others() {
	echo "${ALL[@]}" | tr ' ' '\n' | grep -vx "$1"
}

load_start() {
	in_time "$1" "MESH_REST=$REST setsid python3 $MESH/mesh.py $MESH $1 $(others "$1" | xargs) > $MESH/log 2>&1 < /dev/null &"
}

life_begins() {
	wait_for 120 links_are_up
	FREE[$1]=$(free_memory "$1")
	BORN[$1]=$SECONDS
	OUTLIVED[$1]=0
	load_start "$1"
}

# What was counted by one that is gone is that before its fate.
life_over() {
	cat "$CASE_DIR/before-$1" >> "$CASE_DIR/lives" || true
	: > "$CASE_DIR/before-$1"
}

# ---- counters: "WHO WHAT NUMBER" a line, WHO is a peer or the disk; in files of the case, "now-a", "before-a" ----

look() {
	in_time "$1" "cat $MESH/counters" > "$CASE_DIR/now-$1"
}

# told FILE VM WHO WHAT
told() {
	awk -v who="$3" -v what="$4" '$1 == who && $2 == what { n = $3 } END { print n + 0 }' "$CASE_DIR/$1-$2"
}

# Gaps are measured from here on.
mark() {
	local vm
	for vm in "${ALL[@]}"; do
		in_time "$vm" "echo $NUMBER > $MESH/mark
			until grep -qx 'all mark $NUMBER' $MESH/counters; do sleep 0.2; done; cat $MESH/counters" > "$CASE_DIR/before-$vm"
	done
}

# A file from each peer, and a round on the disk, both right, since "from"
has_moved() {
	local who
	look "$1"
	for who in $(others "$1") disk; do
		[ "$(told now "$1" "$who" "done")" -gt "$(told from "$1" "$who" "done")" ] || return 1
	done
}

everything_moves() {
	local vm
	for vm in "${ALL[@]}"; do
		# one that has just begun may have no counters yet
		wait_for 240 look "$vm"
		cp "$CASE_DIR/now-$vm" "$CASE_DIR/from-$vm"
	done
	for vm in "${ALL[@]}"; do
		wait_for 240 has_moved "$vm"
	done
}

# ---- fates of VICTIM ----

# Deaths first. A crashed VM is there, as one that is paused, until it is destroyed.
fate_destroy() {
	vm_kill "$VICTIM"
	comes_back
}

fate_panic() {
	vm_panic "$VICTIM"
	vm_kill "$VICTIM"
	comes_back
}

fate_shutdown() {
	vm_expect_gone "$VICTIM"
	in_dom0 "timeout $((120 * SLOW)) xl shutdown -w $VICTIM"
	comes_back
}

# Once more while its links come up, or soon after
fate_again() {
	vm_kill "$VICTIM"
	vm_wait_gone "$VICTIM" 60
	vm_create "$VICTIM"
	bring_up "$VICTIM"
	in_dom0 "sleep $((PAUSE % 4))"
	vm_kill "$VICTIM"
	comes_back
}

fate_pause() {
	vm_pause "$VICTIM"
	in_dom0 "sleep $PAUSE"
	vm_unpause "$VICTIM"
}

fate_mmnet() {
	in_time "$VICTIM" 'rmmod mmnet'
	in_time "$VICTIM" 'modprobe mmnet'
}

# Its own disk is closed for that; the one that it serves is not.
fate_mmblk() {
	in_time "$VICTIM" "touch $MESH/rest"
	wait_for 120 in_time "$VICTIM" "grep -qx 'disk idle 1' $MESH/counters"
	wait_for 30 in_time "$VICTIM" 'rmmod mmblk'
	in_time "$VICTIM" "modprobe mmblk; rm $MESH/rest"
}

# Nobody holds what was the victim's, before it is there again and after.
comes_back() {
	local vm
	life_over "$VICTIM"
	vm_wait_gone "$VICTIM" 60
	for vm in $(others "$VICTIM"); do
		wait_for 60 none_quarantined "$vm"
		OUTLIVED[$vm]=$((OUTLIVED[$vm] + 1))
	done
	vm_create "$VICTIM"
	bring_up "$VICTIM"
	life_begins "$VICTIM"
}

# ---- what it does to others ----

# touches VM WHO: the fate, what VM has with that peer, or its disk
touches() {
	[ "$1" = "$VICTIM" ] || [ "$2" = "$VICTIM" ] || { [ "$2" = disk ] && [ "${SERVER[$1]}" = "$VICTIM" ]; }
}

# may_break VM WHO: a VM that is short of memory breaks nothing; one that stands still, or whose module is unloaded, lets disks wait, and
# standing still for long enough it is silent, which costs carriers.
may_break() {
	case $FATE-$2 in
	pause-disk | mmblk-* | mmnet-disk | memset-* | compact-* | scarce-*) return 1 ;;
	*) touches "$1" "$2" ;;
	esac
}

# What the two have to do with each other goes on without an error.
assert_unbroken() {
	local what
	for what in broken flaps; do
		assert_eq "$(told now "$1" "$2" $what)" "$(told before "$1" "$2" $what)" "$what between $1 and $2, $WHAT"
	done
}

assert_no_gap() {
	local gap
	gap=$(told now "$1" "$2" gap)
	echo "$gap ms between $1 and $2, $WHAT" >> "$CASE_DIR/gaps"
	assert_le "$gap" $MAX_GAP "milliseconds in which nothing moved between $1 and $2, $WHAT"
}

check_others() {
	local vm who
	for vm in "${ALL[@]}"; do
		for who in $(others "$vm") disk; do
			assert_eq "$(told now "$vm" "$who" wrong)" 0 "wrong content, from $who to $vm, $WHAT"
			may_break "$vm" "$who" || assert_unbroken "$vm" "$who"
			touches "$vm" "$who" || assert_no_gap "$vm" "$who"
		done
	done
}

# ---- the run ----

# FATE of VICTIM, and what is true afterwards
meet_fate() {
	local vm start=$SECONDS
	mark
	"fate_$FATE"
	wait_for 120 links_are_up
	everything_moves
	check_others
	for vm in "${ALL[@]}"; do
		wait_for 60 none_quarantined "$vm"
	done
	echo "# $WHAT; all is well after $((SECONDS - start)) s" >&2
}

load_stop() {
	local vm
	for vm in "${ALL[@]}"; do
		in_time "$vm" "touch $MESH/enough"
	done
	for vm in "${ALL[@]}"; do
		wait_for 120 in_time "$vm" "grep -qx 'all idle 1' $MESH/counters"
	done
	for vm in "${ALL[@]}"; do
		look "$vm"
		cat "$CASE_DIR/now-$vm" >> "$CASE_DIR/lives"
		in_time "$vm" "touch $MESH/stop"
		wait_for 20 in_time "$vm" '! pgrep -x python3'
	done
}

# Bytes of lives that ended are those before the fate was met.
tell_totals() {
	local fate
	for fate in "${FATES[@]}"; do
		diag "$fate: ${MET[$fate]:-0} times"
	done
	diag "links made again: $(links_made_again); attempts that failed: $(times_said 'trying again')"
	awk '{ n[($1 == "disk") " " $2] += $3 } END {
		printf "networks: %d files, %.0f bytes, each looked at; with victims broke off, or were not begun: %d\n", n["0 done"], n["0 bytes"], n["0 broken"]
		printf "disks: %d rounds, %.0f bytes written and verified; with a victim failed: %d\n", n["1 done"], n["1 bytes"], n["1 broken"]
		printf "wrong content: %d\n", n["0 wrong"] + n["1 wrong"] }' "$CASE_DIR/lives" > "$CASE_DIR/totals"
	diag "$(cat "$CASE_DIR/totals")"
	diag "lost between those that nothing happened to: 0; longest gap: $(sort -n "$CASE_DIR/gaps" | tail -n 1)"
}

by_age() {
	local vm
	for vm in "${ALL[@]}"; do
		echo "${BORN[$vm]} $vm"
	done | sort -n | cut -d ' ' -f 2
}

# Those that live now, the longest life first
tell_memory() {
	local vm now
	for vm in $(by_age); do
		now=$(free_memory "$vm")
		diag "free memory of $vm, which lived for $((SECONDS - BORN[$vm])) s and ${OUTLIVED[$vm]} deaths of others: ${FREE[$vm]} -> $now KiB"
		assert_ge "$now" $((FREE[$vm] - MARGIN)) "free memory of $vm in KiB"
	done
}

set_up() {
	local vm
	every_disk_gone
	no_links
	for vm in "${ALL[@]}"; do
		bring_up "$vm"
	done
	mesh_start
	for vm in "${ALL[@]}"; do
		life_begins "$vm"
	done
	everything_moves
}

mesh_cleanup() {
	local vm
	[ -z "$WHAT" ] || diag "met at $WHAT"
	in_dom0 "for vm in ${ALL[*]}; do xl unpause \$vm; done 2> /dev/null"
	watch_cleanup
	for vm in "${ALL[@]}"; do
		# it crashes at times of a signal that it could handle
		vm_exec "$vm" $((20 * SLOW)) "touch $MESH/stop; pkill -KILL fio; cat $MESH/counters; tail -n 300 $MESH/log"
	done
	no_links
	# the server closes a device a moment after its disk has gone
	for vm in "${ALL[@]}"; do
		vm_exec "$vm" $((30 * SLOW)) "rm -rf $MESH; i=0
			until ! grep -q '^brd ' /proc/modules || rmmod brd || [ \$i -ge 100 ]; do sleep 0.2; i=\$((i + 1)); done"
	done
}
