# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: the middle of a chain of three VMs dies while the last one has not read what came from the first: the first does not use that memory again before, and then gets it back
# SHORT: the last one does not die
# TIMEOUT: 600
# VMS: c
# shellcheck source=chain-lib.sh
. "$LAB_DIR/cases/chain-lib.sh"

# What a keeps of those that are gone, as others may still read it
orphans() {
	in_vm a "awk -F ': ' '/^orphans/ { print \$2 }' /sys/kernel/debug/fido/quarantine"
}

has_orphans() {
	[ "$(orphans)" -ge 1 ]
}

has_no_orphans() {
	[ "$(orphans)" = 0 ]
}

# a uses nearly all memory that is free for something else, of the kind that skbs are made of: what processes get comes from elsewhere
use_memory() {
	in_vm a "modprobe brd rd_nr=1 rd_size=1048576
		echo 3 > /proc/sys/vm/drop_caches
		free=\$(awk '/^MemFree/ { print int(\$2 / 1024) }' /proc/meminfo)
		tr '\\0' '\\377' < /dev/zero | dd of=/dev/ram0 bs=1M count=\$((free - 24)) iflag=fullblock oflag=direct 2> /dev/null"
}

ramdisk_gone() {
	in_vm a '! grep -q "^brd " /proc/modules || rmmod brd'
}

kill_b() {
	vm_kill b
	vm_wait_gone b
	wait_for 30 has_orphans
	diag "a keeps memory of $(orphans) channels"
}

run() {
	no_links
	chain_load
	chain_up
	fill_socket
	kill_b
	ramdisk_gone
	use_memory
	assert_ge "$(orphans)" 1 "channels of which a keeps memory"
	read_socket
	wait_for 30 has_no_orphans
	[ "$LONG" = 1 ] || return 0

	# c, which was asked, dies without an answer: nobody is left
	no_links
	vm_create b
	load_modules b
	chain_up
	fill_socket
	kill_b
	vm_kill c
	vm_wait_gone c
	wait_for 30 has_no_orphans
}

cleanup() {
	ramdisk_gone
	no_links
}
