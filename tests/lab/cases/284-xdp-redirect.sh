# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: XDP redirects between mmnet and a veth, both ways, with fragments, too: TCP with checksums, frames byte by byte; a full ring
# TIMEOUT: 420
# shellcheck disable=SC1091
. "$LAB_DIR/cases/xdp-lib.sh"

FAR=10.50.0.9

# Frames were dropped on purpose: cases to come begin with fresh counters.
cleanup() {
	in_dom0 'xl unpause a; xl unpause b; true'
	in_vm a "ip neigh del ${ADDRESS4[b]} dev mmnet0; true"
	in_vm b 'ip link set dev mmnet0 xdpdrv off; ip netns del far; ip link del near; rm -f /sys/fs/bpf/*; rmmod mmnet; true'
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
	in_far "ss -Hltn 'sport = :$1'" | has .
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
	in_vm_bg b "ip netns exec far python3 -S /tmp/frames.py recv far0 $((30 * SLOW)) $1 > /tmp/frames.log"
	receiver=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/frames.log'
	frames_send a "$1"
	wait "$receiver" || fail "redirected to veth: $(in_vm b 'cat /tmp/frames.log')"

	frames_listen a mmnet0 "$1"
	receiver=$BG
	in_far "python3 -S /tmp/frames.py send far0 $(in_vm a 'cat /sys/class/net/mmnet0/address') $1"
	wait "$receiver" || fail "redirected from veth: $(in_vm a 'cat /tmp/frames.log')"
}

# Frames of several pages, by programs that know of fragments. A veth does not let the first of its programs be exchanged for one that
# allows for more.
check_frags() {
	if [ "$SUITE" = bookworm ]; then
		diag "Linux 6.1 does not redirect frames with fragments"
		return
	fi
	xdp_detach b mmnet0
	xdp_detach b near
	network_mtu 65535
	in_vm b 'ip link set near mtu 65535'
	in_far 'ip link set far0 mtu 65535'
	xdp_attach b mmnet0 -f -a redirect "$(ifindex near)"
	xdp_attach b near -f -a redirect "$(ifindex mmnet0)"
	wait_for 20 in_vm a "ping -q -c 1 -W 2 -s 30000 $FAR"
	counters_mark b
	check_tcp
	check_frames "$LONG_SIZES"
	assert_ge "$(grown b rx_xdp_redirect)" 50 "long frames redirected"
	assert_ge "$(grown b tx_xdp)" 50 "long frames sent"
	assert_eq "$(grown b rx_xdp_error)" 0 "long frames that could not be redirected"
}

# ---- a ring that is full, as the peer stands still: who sends by XDP does not wait ----

is_woken() {
	local woken
	woken=$(grown b tx_woken)
	[ "$woken" -ge 1 ] && [ "$woken" = "$(grown b tx_stopped)" ]
}

# a goes on: all that was sent is taken, nothing is held, b's queue works again.
go_on() {
	vm_unpause a
	wait_for 20 is_woken
	wait_for 20 nothing_held a
	wait_for 20 nothing_held b
}

# What comes from the veth
full_by_redirect() {
	in_far "ip neigh replace ${ADDRESS4[a]} lladdr $(in_vm a 'cat /sys/class/net/mmnet0/address') dev far0 nud permanent"
	counters_mark b
	vm_pause a
	in_far "python3 -S /tmp/datagrams.py send ${ADDRESS4[a]} 9 1500 1000"
	wait_for 20 has_grown b tx_drop_xdp 200
	diag "redirected to a full ring: $(grown b tx_xdp) frames sent, $(grown b tx_drop_xdp) dropped"
	go_on
}

# What goes back. It has to be there before a stands still, and is more than a ring has room for: each message of a is 40 frames for a
# program.
full_by_tx() {
	local messages
	messages=$(printf '1000 %.0s' {1..30})
	counters_mark b
	vm_pause b
	in_vm a "python3 -S /tmp/datagrams.py send ${ADDRESS4[b]} 9 40 $messages segment=1"
	vm_pause a
	vm_unpause b
	wait_for 20 has_grown b tx_drop_xdp 500
	diag "sent back into a full ring: $(grown b tx_xdp) frames sent, $(grown b tx_drop_xdp) dropped"
	go_on
}

check_full_tx() {
	local free
	xdp_detach b mmnet0
	network_mtu 1500
	xdp_attach b mmnet0 -a tx
	# whom b would not answer
	in_vm a "ip neigh replace ${ADDRESS4[b]} lladdr $(in_vm b 'cat /sys/class/net/mmnet0/address') dev mmnet0 nud permanent"
	full_by_tx
	full_by_tx
	free=$(free_memory b)
	# a page that is lost with each frame would be 13 MiB
	for _ in 1 2 3 4 5; do
		full_by_tx
	done
	diag "free memory of b: $free -> $(free_memory b) KiB"
	assert_ge "$(free_memory b)" $((free - 6144)) "free memory of b in KiB"
	xdp_detach b mmnet0
	in_vm a "ip neigh del ${ADDRESS4[b]} dev mmnet0"
	wait_for 20 network_reaches a
	transfer a "${ADDRESS4[b]}" 7022
	transfer b "${ADDRESS4[a]}" 7022
}

run() {
	local vm
	network_up
	for vm in a b; do
		helper $vm frames.py
		helper $vm datagrams.py
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
	full_by_redirect
	check_frags
	check_full_tx
}
