# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a peer that stands still: the sender waits and loses nothing, with a whole ring and with the part that ethtool leaves
# SHORT: the part of the ring
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

COUNT=3000
LENGTH=1000

cleanup() {
	in_dom0 'xl unpause b; true'
	in_vm a 'ethtool -G mmnet0 tx 512; true'
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

# stand_still SLOTS: b does not take more than these, and some that are under way
stand_still() {
	local sender
	in_vm a "ethtool -G mmnet0 tx $1"
	counters_mark a
	counters_mark b
	vm_pause b
	in_vm_bg a "python3 -S /tmp/datagrams.py send ${ADDRESS4[b]} 9 $COUNT $LENGTH sndbuf=16384 > /tmp/sent.log"
	sender=$BG
	wait_for 30 has_stopped
	assert_le "$(grown a tx_packets)" $(($1 + 8)) "frames sent to a VM that stands still"
	vm_unpause b
	wait "$sender"
	assert_match "$(in_vm a 'cat /tmp/sent.log')" "sent $COUNT" "datagrams"
	assert_ge "$(grown b rx_packets)" "$COUNT" "frames received"
	wait_for 10 is_woken
	diag "$1 slots: stopped and woken $(grown a tx_stopped) times"
	assert_match "$(in_vm a 'tc -s qdisc show dev mmnet0')" 'dropped 0,' "queueing discipline"
	assert_no_drops
}

run() {
	network_up
	helper a datagrams.py
	[ "$LONG" = 0 ] || stand_still 512
	stand_still 16
}
