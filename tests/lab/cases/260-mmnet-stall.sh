# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 261 has the same reader, beside a stream
# DESCRIPTION: a reader that reads nothing: what it holds is bounded, other flows go on, nothing is lost
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

LENGTH=60000
COUNT=500	# more than the budget, in frames and in bytes

run() {
	local receiver
	network_up
	helper a datagrams.py
	helper b datagrams.py
	in_vm a 'ip link set mmnet0 mtu 65535'
	in_vm b 'ip link set mmnet0 mtu 65535; rm -f /tmp/go'
	# All datagrams wait in one socket: the limit of all UDP sockets of a small VM is lower than what mmnet may hold and copy.
	in_vm b 'sysctl -qw net.ipv4.udp_mem="65536 65536 65536"'
	counters_mark a
	counters_mark b

	in_vm_bg b "python3 -S /tmp/datagrams.py recv 7007 $((60 * SLOW)) $COUNT $LENGTH hold=/tmp/go > /tmp/datagrams.log"
	receiver=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
	in_vm a "python3 -S /tmp/datagrams.py send ${ADDRESS4[b]} 7007 $COUNT $LENGTH sndbuf=65536"
	diag "held: $(counter b rx_pinned) frames, $(counter b rx_pinned_bytes) bytes; copied $(grown b rx_copied_bytes) bytes"
	assert_ge "$(grown b rx_copied_budget)" 1 "frames copied for the budget in bytes"
	assert_le "$(counter b rx_pinned_bytes)" $((16 << 20)) "bytes held"

	# beside it
	make_file a $((4 << 20))
	make_file b $((4 << 20))
	transfer a "${ADDRESS4[b]}" 7008
	transfer b "${ADDRESS4[a]}" 7008

	in_vm b 'touch /tmp/go'
	wait "$receiver"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" "received $COUNT$" "datagrams"
	assert_no_drops
	wait_for 10 nothing_held b
}
