# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: an interface that is kept stays when its peer's VM dies under load and is started again, while another link goes on, with index, addresses, routes and sockets; a TCP stream goes on over a link that is made anew; what is done to it while it waits; what does not fit, and what nobody wants any more
# SHORT: nothing is done to it while it waits, and it goes in two ways of four
# TIMEOUT: 1200
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/xdp-lib.sh"
# shellcheck disable=SC1091
. "$LAB_DIR/cases/watch-lib.sh"

ROUTE=10.60.0.0/16

configure() {
	watch_configure << 'EOF'
[net]
a = a
b = b
queues = 1
keep = yes
EOF
}

# ---- the network ----

# The nodes go, and nobody has told the drivers to give anything up.
link_vanishes() {
	local front
	front=/local/domain/$(domid_of a)/device/fido/$(domid_of b)
	in_dom0 "xenstore-rm \$(xenstore-read $front/backend) $front"
}

attribute() {
	in_vm "$1" "cat /sys/class/net/mmnet0/mmnet/$2"
}

parked_is() {
	[ "$(attribute "$1" parked)" = "$2" ]
}

both_wait() {
	local vm
	for vm in a b; do
		wait_for 60 parked_is "$vm" 1
	done
}

no_interface() {
	in_vm "$1" '! ls -d /sys/class/net/mmnet* 2> /dev/null'
}

none_left() {
	local vm
	for vm in a b; do
		wait_for 30 no_interface "$vm"
	done
}

net_by_hand() {
	in_dom0 "fidoctl net add a b --wait $((60 * SLOW)) $*"
}

# net_refused TEXT OPTION...: and both still wait
net_refused() {
	local text=$1 said
	shift
	said=$(expect_failure net_by_hand --keep "$@" 2>&1)
	assert_match "$said" "mmnet0, which waits for it, has $text: say so" "what is said of $*"
	both_wait
}

# What a is known by, and has been set to. With the link down routes are the same, but marked.
settings() {
	in_vm a 'cd /sys/class/net/mmnet0
		cat ifindex address mtu name_assign_type
		ls queues
		ethtool -g mmnet0
		ip -o addr show dev mmnet0 | awk "{ print \$3, \$4 }"
		ip -4 route show dev mmnet0 | sed "s/ linkdown//g; s/ dead//g; s/ *$//"'
}

# ---- what is proven ----

events_start() {
	in_vm_bg a 'exec ip -o monitor link address route > /tmp/events'
	wait_for 10 in_vm a 'ip addr add 127.9.9.9/32 dev lo; ip addr del 127.9.9.9/32 dev lo; grep -q 127.9.9.9 /tmp/events'
}

nothing_was_deleted() {
	wait_for 20 in_vm a 'grep -q "mmnet0.*NO-CARRIER" /tmp/events'
	assert_eq "$(in_vm a 'awk "/Deleted/ && /mmnet0/ && !/multicast/" /tmp/events')" "" "what went from mmnet0"
}

# Another link of a's, that the death is nothing to
others_start() {
	net_up a c 10.6.0
	in_vm_bg c 'ping -q -i 0.2 10.6.0.1 > /tmp/ping.out; true'
	PINGS=$BG
}

others_end() {
	local sent received
	in_vm c 'pkill -INT ping'
	wait "$PINGS"
	# the last one may have been under way
	read -r sent _ _ received _ <<< "$(in_vm c 'grep transmitted /tmp/ping.out')"
	assert_ge "$sent" 50 "pings of c to a while b died"
	assert_ge "$received" $((sent - 1)) "answers to them"
	in_dom0 "fidoctl link remove a c --wait $((30 * SLOW))"
}

peer_dies_and_returns() {
	local before domid listener
	in_vm a "ethtool -G mmnet0 tx 64; ip route add $ROUTE via ${ADDRESS4[b]} dev mmnet0"
	events_start
	in_vm_bg a "socat -u -b 131072 TCP4-LISTEN:5700,bind=${ADDRESS4[a]},so-bindtodevice=mmnet0 - | sha256sum > /tmp/sum.5700"
	listener=$BG
	wait_for 20 listens a 5700
	before=$(settings)
	domid=$(domid_of b)
	detached a "ping -q -f -s 20000 ${ADDRESS4[b]}"
	counters_mark a
	wait_for 20 has_grown a tx_packets 100

	# no zombie: nothing of b is mapped
	vm_kill b
	vm_wait_gone b
	wait_for 60 parked_is a 1
	wait_for 20 in_vm a "! ls -d /sys/bus/fido/devices/fido-$domid.*"
	in_vm a 'pkill timeout; pkill ping; true'
	has_no_carrier a || fail "a carrier without a peer"
	assert_eq "$(settings)" "$before" "settings while b is away"

	vm_create b
	load_modules b
	[ "$(domid_of b)" != "$domid" ] || fail "b has its old domain id"
	wait_for 150 net_is_up
	wait_for 30 parked_is a 0
	wait_for 30 has_carrier a
	network_configure b
	wait_for 30 network_reaches b
	assert_eq "$(settings)" "$before" "settings when b is back"
	nothing_was_deleted

	make_file b 2M
	in_vm b "socat -u -b 131072 /tmp/file TCP:${ADDRESS4[a]}:5700"
	wait "$listener"
	assert_eq "$(in_vm a 'cat /tmp/sum.5700')" "$(in_vm b 'sha256sum < /tmp/file')" "sum at the socket that was open all the time"
}

# Both have waited: one connection, from the first byte to the last.
stream_outlives_link() {
	local before
	before=$(settings)
	make_file a 1M
	counters_mark b
	stream_start a 7020
	wait_for 60 has_grown b rx_bytes $((2 << 20))
	watch_end
	link_vanishes
	both_wait
	in_vm a "ss -Htn state established 'dport = :7020' | grep -q ."
	counters_mark b
	watch_start
	wait_for 120 net_is_up
	wait_for 120 has_grown b rx_bytes $((2 << 20))
	stream_stop a 7020
	assert_eq "$(settings)" "$before" "settings when the link is back"
	watch_end
}

# Whatever can be done to an interface without a carrier.
is_an_interface_still() {
	expect_failure in_vm a 'echo 1 > /sys/class/net/mmnet0/mmnet/abandon'
	link_vanishes
	both_wait
	in_vm a 'ethtool -S mmnet0; ethtool -l mmnet0; ip -s link show mmnet0' > /dev/null
	assert_match "$(in_vm a 'ethtool -i mmnet0')" '^bus-info: *$' "the device that it has"
	expect_failure in_vm a "ping -q -c 2 -i 0.2 -W 1 ${ADDRESS4[b]}"
	in_vm a 'ip link set mmnet0 down; ip link set mmnet0 mtu 1400; ip link set mmnet0 up'
	# a namespace that ends leaves its devices to the first one
	in_vm a 'ip netns add far
		ip link set mmnet0 netns far
		ip netns exec far ip link set mmnet0 up
		ip netns del far'
	wait_for 20 in_vm a 'test -e /sys/class/net/mmnet0/mmnet/parked'
	xdp_ready a
	xdp_attach a mmnet0 pass

	net_refused 'queues = 1' --queues 2
	net_refused "the MAC $(in_vm a 'cat /sys/class/net/mmnet0/address')" --queues 1 --mac-a 02:00:00:00:00:0a
	net_by_hand --keep --queues 1
	wait_for 30 parked_is a 0
	assert_match "$(in_vm a 'ethtool -i mmnet0')" "^bus-info: fido-$(domid_of b)[.]" "the device that it has"
	assert_eq "$(in_vm a 'cat /sys/class/net/mmnet0/mtu')" 1400 "MTU"
	assert_match "$(in_vm a 'ip link show mmnet0')" 'xdp' "the program"
	network_configure a
	counters_mark a
	wait_for 30 network_reaches a
	assert_ge "$(grown a rx_xdp_pass)" 1 "frames that the program has seen"
	xdp_detach a mmnet0
	transfer a "${ADDRESS4[b]}" 5701
	transfer b "[${ADDRESS6[a]}]" 5702
}

# Who removes the network means it; who cannot be asked any more is told in the VM.
goes_at_last() {
	in_dom0 'fidoctl net remove a b'
	none_left
	if [ "$LONG" = 1 ]; then
		net_by_hand --keep --queues 1
		in_dom0 "fidoctl link remove a b --wait $((30 * SLOW))"
		none_left
	fi
	net_by_hand --keep --queues 1
	link_vanishes
	both_wait
	in_vm a 'ip link set mmnet0 up; echo 1 > /sys/class/net/mmnet0/mmnet/abandon'
	wait_for 30 no_interface a
	in_vm b 'ip link set mmnet0 up; rmmod mmnet && modprobe mmnet'
	none_left
	[ "$LONG" = 1 ] || return 0
	net_by_hand --queues 1
	in_vm a '! test -e /sys/class/net/mmnet0/mmnet'
	link_vanishes
	none_left
}

run() {
	no_links
	load_modules a b c
	none_left
	watch_fresh
	configure
	watch_start
	wait_for 60 net_is_up
	network_configure a
	network_configure b
	wait_for 30 network_reaches a
	assert_eq "$(attribute a keep)" b:mmnet "what the interface is known by"
	others_start
	peer_dies_and_returns
	others_end
	stream_outlives_link
	[ "$LONG" = 0 ] || is_an_interface_still
	goes_at_last
}

cleanup() {
	local vm
	watch_cleanup
	streams_kill
	in_vm c 'pkill ping; true'
	no_links
	in_vm a 'ip netns del far 2> /dev/null; rm -f /sys/fs/bpf/mmnet0 /tmp/events; true'
	for vm in a b; do
		in_vm "$vm" 'ip link set mmnet0 xdpdrv off 2> /dev/null
			for f in /sys/class/net/*/mmnet/abandon; do echo 1 > $f; done 2> /dev/null; true'
	done
}
