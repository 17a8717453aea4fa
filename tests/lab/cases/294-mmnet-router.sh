# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: frames leave the receiving VM by netfront: routed, translated both ways, redirected by tc, spliced by a proxy; content as sent
# TIMEOUT: 360
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZE=$((8 << 20))
BEYOND6=fd61:

# Both ways: to dom0, and back.
check() {
	local what=$1 left
	counters_mark b
	left=$(left b)
	send_file a dom0 "$NETFRONT.1" 7030
	[ -z "${2-}" ] || send_file dom0 a "$2" 7031
	diag "$what: in b $(grown b rx_copied_forward) frames copied on reception, $(($(left b) - left)) when they left"
}

kept_until_they_left() {
	assert_eq "$(grown b rx_copied_forward)" 0 "frames copied on reception"
}

check_route() {
	local before
	in_vm a "ip route replace $NETFRONT.0/24 via ${ADDRESS4[b]}"
	in_dom0 "ip route replace 10.50.0.0/24 via $NETFRONT.2"
	in_vm b 'sysctl -qw net.ipv4.ip_forward=1'
	before=$(left b)
	check "routed" "${ADDRESS4[a]}"
	kept_until_they_left
	assert_ge "$(left b)" $((before + 10)) "skbs copied where they left"
	datagrams_answered "routed" a "$NETFRONT.1" 7041
}

check_route6() {
	local before
	in_vm b "sysctl -qw net.ipv6.conf.all.forwarding=1
		ip addr replace $BEYOND6:2/64 dev eth1 nodad"
	in_dom0 "ip addr replace $BEYOND6:1/64 dev xenbr0 nodad
		ip -6 route replace fd50::/64 via $BEYOND6:2"
	in_vm a "ip -6 route replace $BEYOND6:/64 via ${ADDRESS6[b]}"
	wait_for 20 in_vm a "ping -q -c 1 -W 2 $BEYOND6:1"
	counters_mark b
	before=$(left b)
	send_file a dom0 "[$BEYOND6:1]" 7038
	send_file dom0 a "[${ADDRESS6[a]}]" 7039
	kept_until_they_left
	assert_ge "$(left b)" $((before + 10)) "skbs copied where they left"
	datagrams_answered "routed, IPv6" a "$BEYOND6:1" 7041
}

# What is too large for the way out comes back as a message that says so.
check_path_mtu() {
	network_mtu 65535
	# no path MTU is known yet, and none is asked for: one frame, which b cuts into fragments
	datagrams_answered "fragmented by the router" a "$NETFRONT.1" 7041 df=0
	expect_failure in_vm a "ping -q -c 2 -i 0.2 -W 2 -M do -s 4000 $NETFRONT.1"
	assert_match "$(in_vm a "ip route get $NETFRONT.1")" 'mtu 1500' "path MTU"
	check "routed with an MTU of 65535" "${ADDRESS4[a]}"
	kept_until_they_left
	network_mtu 1500
}

# Without a route to a, dom0 knows b only: its address stands for a's as a source and as a destination.
check_nat() {
	in_dom0 'ip route del 10.50.0.0/24'
	in_vm b "modprobe -a nf_tables nft_chain_nat nft_masq nft_nat
		nft 'add table ip lab'
		nft 'add chain ip lab post { type nat hook postrouting priority 100; }'
		nft 'add rule ip lab post oifname eth1 masquerade'
		nft 'add chain ip lab pre { type nat hook prerouting priority -100; }'
		nft 'add rule ip lab pre iifname eth1 tcp dport 7040 dnat to ${ADDRESS4[a]}'
		nft 'add rule ip lab pre iifname eth1 udp dport 7042 dnat to ${ADDRESS4[a]}'"
	check "translated"
	kept_until_they_left
	datagrams_answered "source translated" a "$NETFRONT.1" 7041
	send_file dom0 a "$NETFRONT.2" 7040
	echo_start a 7042
	datagrams_answered "destination translated" dom0 "$NETFRONT.2" 7042
	echo_stop a
	in_vm b 'nft delete table ip lab'
	in_dom0 "ip route replace 10.50.0.0/24 via $NETFRONT.2"
}

# A redirected frame meets no hook: then, and only then, what may leave is copied on reception.
check_tc() {
	local receiver sizes="60 600 1000 1400 1514"
	in_vm b "modprobe -a sch_ingress cls_matchall act_mirred
		tc qdisc add dev eth1 clsact; sleep 0.3"
	check "beside a filter of tc" "${ADDRESS4[a]}"
	assert_ge "$(grown b rx_copied_forward)" 10 "frames copied on reception"

	in_vm b "tc qdisc add dev mmnet0 clsact
		tc filter add dev mmnet0 ingress protocol 0x88b5 matchall action mirred egress redirect dev eth1"
	in_vm_bg dom0 "python3 -S /tmp/frames.py tap xenbr0 $((20 * SLOW)) $sizes > /tmp/frames.log"
	receiver=$BG
	wait_for 20 in_dom0 'grep -q listening /tmp/frames.log'
	in_vm a "python3 -S /tmp/frames.py send mmnet0 ff:ff:ff:ff:ff:ff $sizes"
	wait "$receiver" || fail "redirected frames: $(in_dom0 'cat /tmp/frames.log')"
	in_vm b 'tc qdisc del dev mmnet0 clsact; tc qdisc del dev eth1 clsact; sleep 0.3'
}

# A process in b moves pages from one socket to the other.
check_proxy() {
	local sink proxy before
	in_vm b 'sysctl -qw net.ipv4.ip_forward=0'
	before=$(left b)
	sink dom0 7032
	sink=$BG
	in_vm_bg b "python3 -S /tmp/pieces.py proxy 7033 $NETFRONT.1 7032"
	proxy=$BG
	wait_for 20 listens b 7033
	in_vm a "socat -u -b 131072 /tmp/file TCP:${ADDRESS4[b]}:7033"
	wait "$proxy"
	wait "$sink"
	assert_eq "$(in_dom0 'cat /tmp/sum.7032')" "$(in_vm a 'sha256sum < /tmp/file')" "sum of what went through the proxy"
	diag "spliced: $(($(left b) - before)) skbs copied when they left"
	assert_ge "$(left b)" $((before + 10)) "skbs copied where they left"
}

cleanup() {
	echo_stop a
	echo_stop dom0
	in_vm a "ip route del $NETFRONT.0/24; ip -6 route del $BEYOND6:/64; true"
	in_dom0 "ip route del 10.50.0.0/24; ip -6 route del fd50::/64; ip addr del $BEYOND6:1/64 dev xenbr0; pkill socat; true"
	in_vm b 'sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
		nft delete table ip lab
		tc qdisc del dev mmnet0 clsact; true'
	eth1_remove
}

run() {
	local vm dropped
	network_up
	eth1_add
	for vm in a dom0; do
		helper $vm frames.py
		helper $vm datagrams.py
		make_file $vm $SIZE
	done
	helper b pieces.py
	echo_start dom0 7041
	dropped=$(left b drop_nomem)
	check_route
	check_route6
	check_path_mtu
	check_nat
	check_tc
	check_proxy
	assert_eq "$(left b drop_nomem)" "$dropped" "skbs dropped where they left"
	assert_no_drops
	wait_for 10 nothing_held b
}
