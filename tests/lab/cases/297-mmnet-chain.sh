# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: three VMs, six paths
# DESCRIPTION: a chain of three VMs, routed and bridged: b hands on where a's payload lies, and copies it only if c must not read a
# TIMEOUT: 360
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZE=$((16 << 20))

declare -A IN OUT

# dev_counters DEVICE: of b
dev_counters() {
	in_vm b "ethtool -S $1" | sed -n 's/^ *q[0-9]*_\(.*\): /\1 /p'
}

# copied DEVICE: bytes of received frames that b had to copy, but for small ones
copied() {
	dev_counters "$1" | awk '/^rx_copied_/ && !/_(bytes|small) / { n += $2 } END { print n + 0 }'
}

bounced() {
	dev_counters "$1" | counter_sum tx_bounced
}

# chain_send FROM TO ADDRESS PORT: how many frames did b copy on reception, and when it sent them on?
chain_send() {
	local in=${IN[$1]} out=${OUT[$1]} copied bounced kept
	copied=$(copied "$in")
	bounced=$(bounced "$out")
	kept=$(dev_counters "$in" | counter_sum rx_zerocopy_bytes)
	send_file "$1" "$2" "$3" "$4"
	COPIED=$(($(copied "$in") - copied))
	BOUNCED=$(($(bounced "$out") - bounced))
	KEPT=$(($(dev_counters "$in" | counter_sum rx_zerocopy_bytes) - kept))
	diag "$1 to $2: $KEPT bytes in place; frames copied in b: $COPIED on reception, $BOUNCED on sending"
}

chain_mtu() {
	in_vm a "ip link set $(mmnet_of a b) mtu $1"
	in_vm b "ip link set ${IN[a]} mtu $1 && ip link set ${IN[c]} mtu $1"
	in_vm c "ip link set $(mmnet_of c b) mtu $1"
}

no_copy_in_b() {
	assert_ge "$KEPT" $((SIZE * 95 / 100)) "bytes received in place in b"
	assert_eq "$COPIED" 0 "frames that b copied on reception"
	assert_eq "$BOUNCED" 0 "frames that b copied to send them"
}

cleanup() {
	in_vm b 'ip link del br0; sysctl -qw net.ipv4.ip_forward=0'
	no_links
	vm_kill c 2> /dev/null || true
}

run() {
	local to_a to_c
	no_links
	vm_create c
	load_modules a b c
	net_up a b 10.71.0 --mtu 1500
	net_up b c 10.72.0 --mtu 1500
	to_a=$(mmnet_of b a)
	to_c=$(mmnet_of b c)
	IN=([a]=$to_a [c]=$to_c)
	OUT=([a]=$to_c [c]=$to_a)
	in_vm b 'sysctl -qw net.ipv4.ip_forward=1'
	in_vm a 'ip route replace 10.72.0.0/24 via 10.71.0.2'
	in_vm c 'ip route replace 10.71.0.0/24 via 10.72.0.1'
	make_file a $SIZE
	make_file c $SIZE

	diag "routed, a and c without a link"
	chain_send a c 10.72.0.2 7040
	assert_eq "$COPIED" 0 "frames that b copied on reception"
	assert_ge "$BOUNCED" 10 "frames that b copied to send them"

	diag "routed, a and c with a link"
	in_dom0 "fidoctl link add a c --wait $((60 * SLOW))"
	chain_send a c 10.72.0.2 7041
	no_copy_in_b
	chain_send c a 10.71.0.1 7042
	no_copy_in_b

	diag "routed, a and c with a link, frames of one segment, as by default"
	chain_mtu 65535
	chain_send a c 10.72.0.2 7046
	no_copy_in_b
	chain_send c a 10.71.0.1 7047
	no_copy_in_b
	chain_mtu 1500

	diag "bridged"
	in_vm b "sysctl -qw net.ipv4.ip_forward=0
		ip addr flush dev $to_a; ip addr flush dev $to_c
		ip link add br0 type bridge
		ip link set $to_a master br0; ip link set $to_c master br0
		ip link set br0 up"
	in_vm c "ip route del 10.71.0.0/24; ip addr replace 10.71.0.3/24 dev $(mmnet_of c b)"
	wait_for 20 in_vm a 'ping -q -c 1 -W 2 10.71.0.3'
	chain_send a c 10.71.0.3 7043
	no_copy_in_b
	chain_send c a 10.71.0.1 7044
	no_copy_in_b

	# the owner goes while its pages are under way
	in_vm_bg c 'timeout 20 socat -u TCP-LISTEN:7045,reuseaddr OPEN:/dev/null; true'
	wait_for 20 listens c 7045
	in_vm_bg a 'timeout 20 socat -u -b 131072 /dev/zero TCP:10.71.0.3:7045; true'
	wait_for 20 in_vm c "[ \$(cat /sys/class/net/$(mmnet_of c b)/statistics/rx_bytes) -gt $((SIZE * 4)) ]"
	vm_kill a
	vm_wait_gone a
	vm_create a
	in_vm c "ip addr replace 10.72.0.2/24 dev $(mmnet_of c b)"
	in_vm b "ip link del br0; ip addr replace 10.72.0.1/24 dev $to_c; ip link set $to_c up"
	wait_for 20 in_vm b 'ping -q -c 1 -W 2 10.72.0.2'
}
