# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: 192 disks of one client, 64 from each of three storage VMs (256 from four with VMS="a b e" SERVERS="a c d e"): each is its own, all can be read and written
# TIMEOUT: 1800
# VMS: c d
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

SERVERS=${SERVERS:-a c d}
EACH=${EACH:-64}

requires() {
	need_module fido mmblk
	need_tool fidoctl
}

# A disk is ten nodes of its client's, of which xenstored allows a domain 1000 by default.
quota() {
	in_dom0 "xenstore-control quota set nodes $1"
}

all_disks() {
	[ "$(in_vm b 'ls -d /sys/block/mmblk* 2> /dev/null | wc -l')" = "$1" ]
}

# All services first, and then one wait: they come up beside each other.
add_all() {
	local server
	for server in $SERVERS; do
		in_vm "$server" 'modprobe mmblk'
		ramdisks "$server" "$EACH" 1
		in_dom0 "for i in \$(seq 0 $((EACH - 1))); do
				fidoctl blk add b $server:/dev/ram\$i --serial $server-\$i --wait 0 || exit 1
			done"
	done
}

# Each gets a block with its own serial, in a process of its own; then each is read again, and by its server.
mark_all() {
	# shellcheck disable=SC2016 # for the VM's shell
	in_vm b 'for d in /sys/block/mmblk*; do
			serial=$(cat $d/serial)
			echo "$serial" | dd of=/dev/${d##*/} bs=4k conv=sync,notrunc oflag=direct 2> /dev/null || echo "$serial: not written"
		done' > "$CASE_DIR/written"
	assert_eq "$(cat "$CASE_DIR/written")" "" "disks that could not be written"
	# shellcheck disable=SC2016 # for the VM's shell
	in_vm b 'for d in /sys/block/mmblk*; do
			[ "$(dd if=/dev/${d##*/} bs=4k count=1 iflag=direct 2> /dev/null | head -n 1)" = "$(cat $d/serial)" ] || cat $d/serial
		done' > "$CASE_DIR/wrong"
	assert_eq "$(cat "$CASE_DIR/wrong")" "" "disks that hold another one's block"
}

served_rightly() {
	local server
	for server in $SERVERS; do
		in_vm "$server" "for i in \$(seq 0 $((EACH - 1))); do
				[ \"\$(dd if=/dev/ram\$i bs=4k count=1 iflag=direct 2> /dev/null | head -n 1)\" = $server-\$i ] || echo $server-\$i
			done" > "$CASE_DIR/served.$server"
		assert_eq "$(cat "$CASE_DIR/served.$server")" "" "devices of $server that hold something else"
	done
}

run() {
	local total server before
	# shellcheck disable=SC2086 # a list
	set -- $SERVERS
	total=$(($# * EACH))
	every_disk_gone
	quota 4000
	in_vm b 'modprobe mmblk'
	before=$(free_memory b)
	add_all
	wait_for 600 all_disks "$total"
	assert_eq "$(in_vm b 'cat /sys/block/mmblk*/serial | sort -u | wc -l')" "$total" "different serials"
	mark_all
	served_rightly
	diag "$total disks, free memory of b: $before -> $(free_memory b) KiB"
	every_disk_gone
	for server in $SERVERS; do
		ramdisks_gone "$server"
		wait_for 10 none_quarantined "$server"
	done
	diag "without them: $(free_memory b) KiB"
}

cleanup() {
	local server
	every_disk_gone
	quota 1000
	for server in $SERVERS; do
		ramdisks_gone "$server"
	done
}
