# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: XDP redirects between mmnet and a veth, both ways: TCP with checksums, frames byte by byte
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/xdp-lib.sh"

FAR=10.50.0.9

cleanup() {
	in_vm b 'ip link set dev mmnet0 xdpdrv off; ip netns del far; ip link del near; rm -f /sys/fs/bpf/*; true'
}

in_far() {
	in_vm b "ip netns exec far $*"
}

# A network namespace of b that nothing but XDP connects to a. What veth hands
# to a program has no checksums, unless its sender fills them in.
make_far() {
	in_vm b "modprobe veth; ip netns add far
		ip link add near type veth peer name far0 netns far
		ip link set near up
		ip netns exec far ip link set far0 up
		ip netns exec far ip addr add $FAR/24 dev far0
		ip netns exec far ethtool -K far0 gro on tx off > /dev/null"
}

ifindex() {
	in_vm b "cat /sys/class/net/$1/ifindex"
}

far_listens() {
	in_far "ss -Hltn 'sport = :$1'" | grep -q .
}

check_tcp() {
	local sink
	in_vm_bg b "ip netns exec far socat -u -b 131072 TCP4-LISTEN:7020,reuseaddr - | sha256sum > /tmp/sum"
	sink=$BG
	wait_for 20 far_listens 7020
	in_vm a "socat -u -b 131072 /tmp/file TCP:$FAR:7020"
	wait "$sink"
	assert_eq "$(in_vm b 'cat /tmp/sum')" "$(in_vm a 'sha256sum < /tmp/file')" "sum of what arrived"

	sink a 7021
	sink=$BG
	in_far "socat -u -b 131072 /tmp/file TCP:${ADDRESS4[a]}:7021"
	wait "$sink"
	assert_eq "$(in_vm a 'cat /tmp/sum.7021')" "$(in_vm b 'sha256sum < /tmp/file')" "sum of what came back"
}

check_frames() {
	local receiver
	in_vm_bg b "ip netns exec far python3 /tmp/frames.py recv far0 $((30 * SLOW)) $1 > /tmp/frames.log"
	receiver=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/frames.log'
	frames_send a "$1"
	wait "$receiver" || fail "redirected to veth: $(in_vm b 'cat /tmp/frames.log')"

	frames_listen a mmnet0 "$1"
	receiver=$BG
	in_far "python3 /tmp/frames.py send far0 $(in_vm a 'cat /sys/class/net/mmnet0/address') $1"
	wait "$receiver" || fail "redirected from veth: $(in_vm a 'cat /tmp/frames.log')"
}

run() {
	local vm
	network_up
	for vm in a b; do
		helper $vm frames.py
		make_file $vm $((4 << 20))
	done
	xdp_ready b
	make_far
	xdp_attach b mmnet0 -a redirect "$(ifindex near)"
	xdp_attach b near -a redirect "$(ifindex mmnet0)"
	wait_for 20 in_vm a "ping -q -c 1 -W 2 $FAR"
	counters_mark b
	check_tcp
	assert_ge "$(grown b rx_xdp_redirect)" 1000 "frames redirected"
	assert_ge "$(grown b tx_xdp)" 1000 "frames sent"
	check_frames "42 60 61 480 481 482 1024 1500 1514"
	wait_for 10 nothing_held b
}
