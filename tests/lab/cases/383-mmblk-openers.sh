# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: many processes open, read and close the disk while the server's module goes and comes, when no read fails, and while the disk itself does, when none hangs
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

ROUNDS=${ROUNDS:-3}
OPENERS=6

# Each reads a block that holds its own number, again and again; what fails and what is wrong is written down.
openers_start() {
	in_vm_bg b "rm -f /tmp/stop /tmp/wrong /tmp/failed.* /tmp/read.*
		for i in \$(seq $OPENERS); do
			while ! [ -e /tmp/stop ]; do
				if ! dd if=/dev/$DISK of=/tmp/block.\$i bs=4k skip=\$i count=1 iflag=direct 2> /dev/null || ! [ -s /tmp/block.\$i ]; then
					echo >> /tmp/failed.\$i
					sleep 0.1
				elif [ \"\$(head -n 1 /tmp/block.\$i)\" = \"block \$i\" ]; then
					echo >> /tmp/read.\$i
				else
					echo \$i >> /tmp/wrong
				fi
			done &
		done; wait"
	LOAD=$BG
}

openers_stop() {
	in_vm b 'touch /tmp/stop'
	wait "$LOAD"
	assert_eq "$(in_vm b 'cat /tmp/wrong 2> /dev/null; true')" "" "openers who read something else"
	in_vm b 'rm -f /tmp/block.*'
}

lines() {
	in_vm b "cat /tmp/$1.* 2> /dev/null | wc -l"
}

has_read() {
	[ "$(lines read)" -ge "$1" ]
}

reads_more() {
	wait_for 60 has_read $(($(lines read) + 2 * OPENERS))
}

mark_blocks() {
	in_vm b "for i in \$(seq $OPENERS); do echo block \$i | dd of=/dev/$DISK bs=4k seek=\$i conv=sync,notrunc oflag=direct 2> /dev/null || exit 1; done"
}

run() {
	local round
	every_disk_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk'
	ramdisks a 1 16
	disk_serve /dev/ram0
	mark_blocks

	openers_start
	for ((round = 0; round < ROUNDS; round++)); do
		reads_more
		in_vm a 'rmmod mmblk'
		in_vm a 'modprobe mmblk'
	done
	reads_more
	openers_stop
	assert_eq "$(lines failed)" 0 "reads that failed while the server was away"

	openers_start
	for ((round = 0; round < ROUNDS; round++)); do
		reads_more
		disk_remove b a /dev/ram0 only --force
		disk_serve /dev/ram0
	done
	reads_more
	openers_stop
	diag "$(lines read) reads, $(lines failed) while there was no disk"

	# nobody has left a reference
	wait_for 20 nothing_in_flight
	in_vm b 'rmmod mmblk && modprobe mmblk'
	wait_for 60 disk_is_there b only
	DISK=$(disk_named b only)
	same_sums
}

cleanup() {
	in_vm a 'modprobe mmblk'
	in_vm b 'touch /tmp/stop; modprobe mmblk; rm -f /tmp/block.*'
	every_disk_gone
	ramdisks_gone a
}
