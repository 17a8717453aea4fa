# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: frames go on through virtual devices of the receiving VM: veth and macvlan into a namespace, tun to a process; content as sent
# TIMEOUT: 180
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZE=$((8 << 20))

# go_check WHAT ADDRESS: a server in the namespace
go_check() {
	local server
	in_vm_bg b "ip netns exec lab socat -u -b 131072 TCP-LISTEN:7036,reuseaddr - | sha256sum > /tmp/sum.7036"
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
	in_vm b 'ip netns add lab
		ip link add ve0 type veth peer name ve1 netns lab
		ip addr add 10.62.0.1/24 dev ve0
		ip link set ve0 up
		ip netns exec lab ip link set lo up
		ip netns exec lab ip link set ve1 up
		ip netns exec lab ip addr add 10.62.0.2/24 dev ve1
		ip netns exec lab ip route add default via 10.62.0.1'
	in_vm a "ip route replace 10.62.0.0/24 via ${ADDRESS4[b]}"
	go_check "veth" 10.62.0.2
}

# The namespace's own interface stands on mmnet0 itself.
check_macvlan() {
	in_vm b 'ip link add link mmnet0 name mv0 type macvlan mode bridge
		ip link set mv0 netns lab
		ip netns exec lab ip addr add 10.63.0.2/24 dev mv0
		ip netns exec lab ip link set mv0 up'
	in_vm a 'ip addr add 10.63.0.1/24 dev mmnet0'
	go_check "macvlan" 10.63.0.2
}

# By tun0 to a process, and by tun1 into the namespace.
check_tun() {
	local server relay
	in_vm_bg b 'exec python3 /tmp/tun.py tun0 tun1 > /tmp/tun.log'
	relay=$BG
	wait_for 20 in_vm b 'grep -q ready /tmp/tun.log'
	in_vm b 'ip addr add 10.64.0.1/24 dev tun0
		ip link set tun0 up
		ip link set tun1 netns lab
		ip netns exec lab ip addr add 10.64.0.2/24 dev tun1
		ip netns exec lab ip link set tun1 up
		ip netns exec lab ip route replace 10.50.0.0/24 via 10.64.0.1'
	in_vm a "ip route replace 10.64.0.0/24 via ${ADDRESS4[b]}"
	go_check "tun" 10.64.0.2
	kill "$relay"
}

cleanup() {
	in_vm b 'pkill socat; pkill -f /tmp/tun.py; ip netns del lab; ip link del ve0; sysctl -qw net.ipv4.ip_forward=0'
	in_vm a 'ip route del 10.62.0.0/24; ip route del 10.64.0.0/24; ip addr del 10.63.0.1/24 dev mmnet0; true'
}

run() {
	network_up
	in_vm b 'modprobe -a veth tun macvlan; mkdir -p /dev/net /var/run
		[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
		sysctl -qw net.ipv4.ip_forward=1'
	helper b tun.py
	make_file a $SIZE
	check_veth
	check_macvlan
	check_tun
	assert_no_drops
	wait_for 10 nothing_held b
}
