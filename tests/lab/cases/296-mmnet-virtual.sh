# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: frames go on through virtual devices of the receiving VM: veth, also translated, and macvlan into a namespace, tun to a process; content as sent
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZE=$((8 << 20))

# go_check WHAT ADDRESS [ADDRESS6]: servers in the namespace, for streams and datagrams
go_check() {
	go_stream "$1" "$2"
	datagrams_answered "$1" a "$2" 7037
	[ -n "${3-}" ] || return 0
	wait_for 20 in_vm a "ping -q -c 1 -W 2 $3"
	go_stream "$1, IPv6" "[$3]"
	datagrams_answered "$1, IPv6" a "$3" 7037
}

go_stream() {
	local server
	in_vm_bg b "ip netns exec lab socat -u -b 131072 TCP6-LISTEN:7036,reuseaddr,ipv6only=0 - | sha256sum > /tmp/sum.7036"
	server=$BG
	wait_for 20 in_vm b "ip netns exec lab ss -Hltn 'sport = :7036' | grep -q ."
	counters_mark b
	in_vm a "socat -u -b 131072 /tmp/file TCP:$2:7036"
	wait "$server"
	assert_eq "$(in_vm b 'cat /tmp/sum.7036')" "$(in_vm a 'sha256sum < /tmp/file')" "sum of what arrived by $1"
	diag "$1: $(grown b rx_zerocopy_bytes) bytes in place, $(grown b rx_copied_bytes) copied"
	assert_ge "$(grown b rx_zerocopy_bytes)" $((SIZE * 95 / 100)) "bytes received in place"
}

check_veth() {
	in_vm b 'ip link add ve0 type veth peer name ve1 netns lab
		ip addr add 10.62.0.1/24 dev ve0
		ip link set ve0 up
		ip netns exec lab ip link set lo up
		ip netns exec lab ip link set ve1 up
		ip netns exec lab ip addr add 10.62.0.2/24 dev ve1
		ip netns exec lab ip route add 10.50.0.0/24 via 10.62.0.1
		ip addr add fd62::1/64 dev ve0 nodad
		ip netns exec lab ip addr add fd62::2/64 dev ve1 nodad
		ip netns exec lab ip route add fd50::/64 via fd62::1'
	in_vm a "ip route replace 10.62.0.0/24 via ${ADDRESS4[b]}
		ip route replace fd62::/64 via ${ADDRESS6[b]}"
	go_check "veth" 10.62.0.2 fd62::2
}

# Without a route to a, the namespace knows b only: its address stands for a's as a source and as a destination.
check_nat() {
	local sink
	in_vm b "ip netns exec lab ip route del 10.50.0.0/24
		modprobe -a nf_tables nft_chain_nat nft_masq nft_nat
		nft 'add table ip lab'
		nft 'add chain ip lab post { type nat hook postrouting priority 100; }'
		nft 'add rule ip lab post oifname ve0 masquerade'
		nft 'add chain ip lab pre { type nat hook prerouting priority -100; }'
		nft 'add rule ip lab pre iifname ve0 tcp dport 7038 dnat to ${ADDRESS4[a]}'
		nft 'add rule ip lab pre iifname ve0 udp dport 7039 dnat to ${ADDRESS4[a]}'"
	go_check "veth, source translated" 10.62.0.2
	sink a 7038
	sink=$BG
	in_vm b 'ip netns exec lab socat -u -b 131072 /tmp/file TCP:10.62.0.1:7038'
	wait "$sink"
	assert_eq "$(in_vm a 'cat /tmp/sum.7038')" "$(in_vm b 'sha256sum < /tmp/file')" "sum of what came from the namespace"
	echo_start a 7039
	datagrams_answered "veth, destination translated" b 10.62.0.1 7039 '' ip netns exec lab
	echo_stop a
	in_vm b 'nft delete table ip lab'
}

# The namespace's own interface stands on mmnet0 itself.
check_macvlan() {
	in_vm b 'ip link add link mmnet0 name mv0 type macvlan mode bridge
		ip link set mv0 netns lab
		ip netns exec lab ip addr add 10.63.0.2/24 dev mv0
		ip netns exec lab ip link set mv0 up
		ip netns exec lab ip addr add fd63::2/64 dev mv0 nodad'
	in_vm a 'ip addr add 10.63.0.1/24 dev mmnet0; ip addr add fd63::1/64 dev mmnet0 nodad'
	go_check "macvlan" 10.63.0.2 fd63::2
	# answers would go this way for ever
	in_vm b 'ip netns exec lab ip link del mv0'
	in_vm a 'ip addr del 10.63.0.1/24 dev mmnet0; ip addr del fd63::1/64 dev mmnet0'
}

# By tun0 to a process, and by tun1 into the namespace.
check_tun() {
	local relay
	in_vm_bg b 'exec python3 -S /tmp/tun.py tun0 tun1 > /tmp/tun.log'
	relay=$BG
	wait_for 20 in_vm b 'grep -q ready /tmp/tun.log'
	in_vm b 'ip addr add 10.64.0.1/24 dev tun0
		ip link set tun0 up
		ip link set tun1 netns lab
		ip netns exec lab ip addr add 10.64.0.2/24 dev tun1
		ip netns exec lab ip link set tun1 up
		ip netns exec lab ip route replace 10.50.0.0/24 via 10.64.0.1
		ip addr add fd64::1/64 dev tun0 nodad
		ip netns exec lab ip addr add fd64::2/64 dev tun1 nodad
		ip netns exec lab ip route replace fd50::/64 via fd64::1'
	in_vm a "ip route replace 10.64.0.0/24 via ${ADDRESS4[b]}
		ip route replace fd64::/64 via ${ADDRESS6[b]}"
	go_check "tun" 10.64.0.2 fd64::2
	kill "$relay"
}

cleanup() {
	echo_stop a
	echo_stop b
	# the brackets: this shell is not to be found
	in_vm b 'pkill socat; pkill -f "[/]tmp/tun.py"; nft delete table ip lab; ip netns del lab; ip link del ve0
		sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0'
	in_vm a 'ip route del 10.62.0.0/24; ip route del 10.64.0.0/24; ip addr del 10.63.0.1/24 dev mmnet0
		ip route del fd62::/64; ip route del fd64::/64; ip addr del fd63::1/64 dev mmnet0; true'
}

run() {
	local vm dropped
	network_up
	in_vm b 'modprobe -a veth tun macvlan; mkdir -p /dev/net /var/run
		[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
		sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		ip netns add lab'
	helper b tun.py
	for vm in a b; do
		helper $vm datagrams.py
		make_file $vm $SIZE
	done
	echo_start b 7037 ip netns exec lab
	dropped=$(left b drop_nomem)
	check_veth
	check_nat
	check_macvlan
	check_tun
	assert_eq "$(left b drop_nomem)" "$dropped" "skbs dropped where they left"
	assert_no_drops
	wait_for 10 nothing_held b
}
