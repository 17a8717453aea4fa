# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: a bridge of mmnet and netfront: odd frames and streams pass it, flooded ones too, a packet socket reads along
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZES="60 64 500 992 993 1000 1024 1200 1500 1514"

# tap VM DEVICE: in the background
tap() {
	in_vm_bg "$1" "python3 -S /tmp/frames.py tap $2 $((20 * SLOW)) $SIZES > /tmp/frames.$2.log"
	wait_for 20 in_vm "$1" "grep -q listening /tmp/frames.$2.log"
}

# One frame, three readers: packet sockets at mmnet0, behind a pair of veth, and in dom0 behind netfront.
check_frames() {
	local dest=$1 vif here veth there
	vif=vif$(vm_domid b).1
	tap b mmnet0
	here=$BG
	tap b vd1
	veth=$BG
	tap dom0 "$vif"
	there=$BG
	in_vm a "python3 -S /tmp/frames.py send mmnet0 $dest $SIZES"
	wait "$here" || fail "packet socket: $(in_vm b 'cat /tmp/frames.mmnet0.log')"
	wait "$veth" || fail "behind veth: $(in_vm b 'cat /tmp/frames.vd1.log')"
	wait "$there" || fail "behind netfront: $(in_dom0 "cat /tmp/frames.$vif.log")"
}

# What is too large for netfront is dropped without a word; TCP's ends agree on less.
check_large_mtu() {
	network_mtu 65535
	assert_eq "$(in_vm b 'cat /sys/class/net/br0/mtu')" 1500 "MTU of the bridge"
	expect_failure in_vm a "ping -q -c 2 -i 0.2 -W 2 -I mmnet0 -s 4000 $NETFRONT.1"
	send_file a dom0 "$NETFRONT.1" 7036
	send_file dom0 a "$NETFRONT.3" 7037
}

cleanup() {
	in_vm b 'ip link del br0; ip link del vd0; true'
	in_vm a "ip addr del $NETFRONT.3/24 dev mmnet0; ip neigh flush dev mmnet0; true"
	in_dom0 'pkill socat; true'
	eth1_remove
}

run() {
	local left
	network_up
	eth1_add
	helper a frames.py
	helper b frames.py
	helper dom0 frames.py
	in_vm b 'modprobe -a bridge veth
		ip link add vd0 type veth peer name vd1
		ip link set vd1 up
		ip link add br0 type bridge
		for d in mmnet0 eth1 vd0; do ip link set $d master br0 up; done
		ip link set br0 up'
	# not eth0, which is on the same network, shall answer
	in_vm a "sysctl -qw net.ipv4.conf.all.arp_ignore=1
		ip addr add $NETFRONT.3/24 dev mmnet0"
	wait_for 20 in_vm a "ping -q -c 1 -W 2 -I mmnet0 $NETFRONT.1"

	# flooded: nobody has this address
	check_frames 02:00:00:00:00:77

	make_file a $((8 << 20))
	make_file dom0 $((8 << 20))
	counters_mark b
	left=$(left b)
	in_vm a "ip route replace $NETFRONT.1 dev mmnet0 src $NETFRONT.3"
	send_file a dom0 "$NETFRONT.1" 7034
	send_file dom0 a "$NETFRONT.3" 7035
	diag "bridged: in b $(grown b rx_copied_forward) frames copied on reception, $(($(left b) - left)) when they left"
	assert_eq "$(grown b rx_copied_forward)" 0 "frames copied on reception"
	assert_ge "$(left b)" $((left + 10)) "skbs copied where they left"
	check_large_mtu
	assert_no_drops
	wait_for 10 nothing_held b
}
