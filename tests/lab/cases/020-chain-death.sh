# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: the middle of a chain of three VMs dies while the last one has not read what came from the first: the first does not use that memory again before, and then gets it back
# SHORT: the last one does not die
# TIMEOUT: 600
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

COUNT=16
LENGTH=30000
PORT=7060

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

# Bytes that c's socket has, and nobody has read; -1 without a socket
waiting() {
	in_vm c "ss -Hlun sport = :$PORT | awk '{ n = \$2 } END { print NR ? n : -1 }'"
}

all_waiting() {
	[ "$(waiting)" -ge $((COUNT * LENGTH)) ]
}

listens_in_c() {
	[ "$(waiting)" -ge 0 ]
}

chain_up() {
	net_up a b 10.71.0
	net_up b c 10.72.0
	link_add a c
	in_vm b 'sysctl -qw net.ipv4.ip_forward=1'
	in_vm a 'ip route replace 10.72.0.0/24 via 10.71.0.2'
	in_vm c 'ip route replace 10.71.0.0/24 via 10.72.0.1'
	wait_for 30 in_vm a 'ping -q -c 1 -W 2 10.72.0.2'
}

# c's socket has datagrams whose payload lies in a; all of them went by b
fill_socket() {
	in_vm c 'rm -f /tmp/read-on'
	in_vm_bg c "python3 -S /tmp/datagrams.py recv $PORT 300 $COUNT $LENGTH hold=/tmp/read-on > /tmp/read 2>&1"
	READER=$BG
	wait_for 30 listens_in_c
	in_vm a "python3 -S /tmp/datagrams.py send 10.72.0.2 $PORT $COUNT $LENGTH"
	wait_for 30 all_waiting
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
	local vm
	no_links
	load_modules a b c
	for vm in a c; do
		helper $vm datagrams.py
	done
	chain_up
	fill_socket
	kill_b
	ramdisk_gone
	use_memory
	assert_ge "$(orphans)" 1 "channels of which a keeps memory"
	in_vm c 'touch /tmp/read-on'
	wait "$READER" || fail "c has read something else than what a sent: $(in_vm c 'cat /tmp/read')"
	assert_match "$(in_vm c 'cat /tmp/read')" "received $COUNT$" "datagrams that c has read"
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
