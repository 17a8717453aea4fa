# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: who polls busily needs no events, and loses nothing before, meanwhile and after; threaded polls; the hash can be switched off
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

COUNT=200

busy_poll() {
	in_vm a "sysctl -qw net.core.busy_read=$1 net.core.busy_poll=$1"
}

# Looking before sleeping saves events, too: it is off here.
looking() {
	in_vm a "echo $1 > /sys/module/fido/parameters/idle_poll_us"
	in_vm b "echo $1 > /sys/module/fido/parameters/idle_poll_us"
}

# signals_of_b: how many it took to have COUNT answers come back to a
signals_of_b() {
	local answers
	counters_mark b
	answers=$(in_vm a "python3 -S /tmp/pingpong.py ask ${ADDRESS4[b]} 7040 $COUNT")
	assert_eq "$answers" $COUNT "answers" >&2
	grown b signals
}

threaded() {
	local vm
	for vm in a b; do
		in_vm $vm "echo $1 > /sys/class/net/mmnet0/threaded"
	done
}

cleanup() {
	busy_poll 0
	looking -1
	threaded 0
	in_vm b 'pkill -f pingpong.py; true'
}

check_threaded() {
	threaded 1
	assert_ge "$(in_vm a 'cat /proc/[0-9]*/comm | grep -c "^napi/mmnet0"')" 1 "threads that poll"
	make_file a $((2 << 20))
	transfer a "${ADDRESS4[b]}" 7041
	in_vm a 'ip link set mmnet0 down && ip link set mmnet0 up'
	network_configure a
	wait_for 30 network_reaches a
	stream_start a 7020
	threaded 0
	wait_for 30 has_moved b 200
	stream_stop a 7020
}

# has_moved VM FRAMES: since the mark of this phase
has_moved() {
	[ "$(grown "$1" rx_packets)" -ge "$2" ]
}

check_hash() {
	assert_match "$(in_vm b 'ethtool -k mmnet0 | grep receive-hashing')" "on" "the hash of frames"
	in_vm b 'ethtool -K mmnet0 rxhash off'
	make_file a $((1 << 20))
	transfer a "${ADDRESS4[b]}" 7042
	in_vm b 'ethtool -K mmnet0 rxhash on'
}

run() {
	local before busy after
	network_up
	helper a pingpong.py
	helper b pingpong.py
	in_vm_bg b 'python3 -S /tmp/pingpong.py serve 7040 > /tmp/pingpong.log; true'
	wait_for 20 in_vm b 'grep -q listening /tmp/pingpong.log'
	looking 0
	before=$(signals_of_b)
	# far longer than an answer takes
	busy_poll 50000
	busy=$(signals_of_b)
	busy_poll 0
	after=$(signals_of_b)
	diag "signals of b for $COUNT answers: $before; to a busy poll $busy; after it $after"
	assert_ge "$before" $((COUNT / 2)) "signals to a VM that sleeps"
	assert_le "$busy" $((before / 2)) "signals to a VM that polls"
	assert_ge "$after" $((COUNT / 2)) "signals to a VM that sleeps again"
	looking -1
	counters_mark b
	check_threaded
	check_hash
	assert_no_drops
}
