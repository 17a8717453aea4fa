# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: programs that come and go with traffic
# DESCRIPTION: XDP programs come and go with traffic, are there when the driver is unloaded, and reach AF_XDP sockets
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/xdp-lib.sh"

cleanup() {
	in_vm b 'pkill -x xdp; ip link set dev mmnet0 xdpdrv off; rm -f /sys/fs/bpf/*; true'
}

# All kinds in turn, until /tmp/stop appears.
attach_rounds() {
	in_vm_bg b 'cd /sys/fs/bpf || exit
		rm -f /tmp/stop /tmp/rounds
		xdp load linear pass && xdp load -f frags pass || exit
		while ! [ -e /tmp/stop ]; do
			ip link set dev mmnet0 xdpdrv pinned /sys/fs/bpf/linear || exit
			ip -force link set dev mmnet0 xdpdrv pinned /sys/fs/bpf/frags || exit
			ip link set dev mmnet0 xdpdrv off || exit
			echo >> /tmp/rounds
		done'
}

rounds() {
	in_vm b 'cat /tmp/rounds | wc -l'
}

has_rounds() {
	[ "$(rounds)" -ge "$1" ]
}

check_live() {
	local attacher from
	make_file a $((8 << 20))
	make_file b $((8 << 20))
	counters_mark b
	attach_rounds
	attacher=$BG
	wait_for 30 has_rounds 1
	while ! has_rounds 20; do
		for from in a b; do
			transfer $from "${ADDRESS4[${PEER[$from]}]}" 7030
		done
	done
	in_vm b ': > /tmp/stop'
	wait "$attacher"
	assert_ge "$(grown b rx_xdp_pass)" 100 "frames that passed"
	assert_ge "$(grown b rx_zerocopy)" 100 "frames without a program"
	assert_no_drops
}

check_socket() {
	in_vm_bg b 'xdp echo mmnet0 0 > /tmp/echo.log; true'
	wait_for 20 in_vm b 'grep -q ready /tmp/echo.log'
	counters_mark b
	frames_arrive a a mmnet0 "42 60 61 480 481 482 1024 1500 1514"
	assert_eq "$(grown b rx_xdp_redirect)" 9 "frames for the socket"
	in_vm a "ping -q -c 3 -i 0.2 -W 5 ${ADDRESS4[b]}"
	in_vm b 'pkill -x xdp'
}

check_unload() {
	load_start a b "${ADDRESS4[b]}"
	in_vm b 'ip link set dev mmnet0 xdpdrv pinned /sys/fs/bpf/linear
		ip link set mmnet0 down; ip link set mmnet0 up; rmmod mmnet; modprobe mmnet'
	load_stop a
	in_vm b 'pkill socat; true'
}

run() {
	network_up
	helper a frames.py
	xdp_ready b
	check_live
	check_socket
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
	check_unload
	network_up
	transfer a "${ADDRESS4[b]}" 7031
}
