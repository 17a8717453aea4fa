# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a peer that stands still: the sender waits and loses nothing
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

COUNT=3000
LENGTH=1000

cleanup() {
	in_dom0 'xl unpause b; true'
}

has_stopped() {
	[ "$(grown a tx_stopped)" -ge 1 ]
}

# Not stopped for ever: each time it was woken again.
is_woken() {
	local woken
	woken=$(grown a tx_woken)
	[ "$woken" -ge 1 ] && [ "$woken" = "$(grown a tx_stopped)" ]
}

run() {
	local sender
	network_up
	helper a datagrams.py
	counters_mark a
	counters_mark b
	vm_pause b
	in_vm_bg a "python3 /tmp/datagrams.py send ${ADDRESS4[b]} 9 $COUNT $LENGTH sndbuf=16384 > /tmp/sent.log"
	sender=$BG
	wait_for 30 has_stopped
	assert_le "$(grown a tx_packets)" 520 "frames sent to a VM that stands still"
	vm_unpause b
	wait "$sender"
	assert_match "$(in_vm a 'cat /tmp/sent.log')" "sent $COUNT" "datagrams"
	assert_ge "$(grown b rx_packets)" "$COUNT" "frames received"
	wait_for 10 is_woken
	diag "stopped and woken: $(grown a tx_stopped) times"
	assert_match "$(in_vm a 'tc -s qdisc show dev mmnet0')" 'dropped 0,' "queueing discipline"
	assert_no_drops
}
