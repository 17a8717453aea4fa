# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A chain of three VMs: a sends to c by way of b, which routes, and c reads where a's payload lies. What the cases 020 and 021 share.
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

COUNT=16
LENGTH=30000
PORT=7060

chain_load() {
	local vm
	load_modules a b c
	for vm in a c; do
		helper $vm datagrams.py
	done
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

# What waits there is as it was sent.
read_socket() {
	in_vm c 'touch /tmp/read-on'
	wait "$READER" || fail "c has read something else than what a sent: $(in_vm c 'cat /tmp/read')"
	assert_match "$(in_vm c 'cat /tmp/read')" "received $COUNT$" "datagrams that c has read"
}
