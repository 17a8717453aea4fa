# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: each kind of segment
# DESCRIPTION: what is segmented behind the sender: UDP (USO), TCP in frames of more than 64 KiB (BIG TCP)
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/xdp-lib.sh"

UDP_SIZES="16 100 500 1000 1400"
COUNT=40

cleanup() {
	in_vm b 'pkill tcpdump; ip link set dev mmnet0 xdpdrv off; rm -f /sys/fs/bpf/*; true'
	in_vm b 'ethtool --set-tunable mmnet0 rx-copybreak 512'
	in_vm a 'ip link set mmnet0 gso_max_size 65536; sysctl -qw net.ipv4.tcp_tso_rtt_log=9'
	in_vm a 'ip link set mmnet0 gso_ipv4_max_size 65536; true'
}

# check_udp ADDRESS: from a to b
check_udp() {
	local receiver want
	want=$((COUNT * $(wc -w <<< "$UDP_SIZES")))
	in_vm b 'rm -f /tmp/datagrams.log'
	in_vm_bg b "python3 -S /tmp/datagrams.py recv 7040 $((20 * SLOW)) $COUNT $UDP_SIZES > /tmp/datagrams.log"
	receiver=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
	counters_mark b
	in_vm a "python3 -S /tmp/datagrams.py send $1 7040 $COUNT $UDP_SIZES segment=1"
	wait "$receiver"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" "received $want$" "datagrams"
	assert_le "$(grown b rx_packets)" 30 "frames for all of them"
}

# What was seen in b of frames that are longer than any other. The limit is not
# meant to be reached by the kernel's own judgement of a slow network.
big_listen() {
	in_vm b 'rm -f /tmp/dump.log'
	in_vm_bg b 'tcpdump -Z root -n -i mmnet0 -c 1 -w /tmp/dump greater 70000 2> /tmp/dump.log'
	wait_for 20 in_vm b 'grep -q "listening on" /tmp/dump.log'
}

# check_big ADDRESS PORT
check_big() {
	local listener
	big_listen
	listener=$BG
	transfer a "$1" "$2"
	in_vm b 'pkill -INT -x tcpdump; true'
	wait "$listener" || true
	assert_match "$(in_vm b 'cat /tmp/dump.log')" '^1 packets? captured' "a frame of more than 64 KiB"
}

# Without a copy, with one, and in segments for a program.
check_family() {
	check_big "$1" 7041
	assert_no_copies b
	in_vm b 'ethtool --set-tunable mmnet0 rx-copybreak 1000000'
	check_big "$1" 7042
	in_vm b 'ethtool --set-tunable mmnet0 rx-copybreak 512'
	xdp_attach b mmnet0 pass
	transfer a "$1" 7043
	xdp_detach b mmnet0
}

run() {
	network_up
	helper a datagrams.py
	helper b datagrams.py
	xdp_ready b
	check_udp "${ADDRESS4[b]}"
	check_udp "${ADDRESS6[b]}"
	xdp_attach b mmnet0 pass
	check_udp "${ADDRESS4[b]}"
	assert_ge "$(grown b rx_xdp_pass)" 200 "datagrams that passed the program"
	xdp_detach b mmnet0

	make_file a $((16 << 20))
	in_vm a 'sysctl -qw net.ipv4.tcp_tso_rtt_log=31; ip link set mmnet0 gso_max_size 196608'
	counters_mark a
	counters_mark b
	check_family "[${ADDRESS6[b]}]"
	if in_vm a 'ip link set mmnet0 gso_ipv4_max_size 196608'; then
		check_family "${ADDRESS4[b]}"
	fi
	assert_no_drops
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
}
