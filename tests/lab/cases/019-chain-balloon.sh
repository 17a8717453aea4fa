# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a chain of three VMs; the first one's memory changes between its two links: what is handed on is right, and no link is broken
# SHORT: it changes once, with a stream on one of the two links
# TIMEOUT: 900
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"
# shellcheck source=balloon-lib.sh
. "$LAB_DIR/cases/balloon-lib.sh"

SIZE=$((LONG ? 16 << 20 : 4 << 20))
PAGES=$((TAKEN << 8))

requires() {
	need_balloon
	need_module fido mmnet
	need_tool fidoctl
}

# Pages of a that b must not hand on
marked() {
	in_vm b "awk -F': ' '/^pages not forwarded/ { print \$2 }' /sys/kernel/debug/fido/fido-$(vm_domid a)/link"
}

links_broken() {
	local vm
	for vm in a b c; do
		in_vm $vm "grep -h ^broken /sys/kernel/debug/fido/fido-*/link | grep -v ': no$' || true"
	done
}

bounced() {
	in_vm b "ethtool -S $(mmnet_of b c)" | sed -n 's/^ *q[0-9]*_\(.*\): /\1 /p' | counter_sum tx_bounced
}

# chain WHAT: streams from a to c and back, by way of b
chain() {
	local what=$1 round
	net_up a b 10.71.0 --mtu 1500
	net_up b c 10.72.0 --mtu 1500
	in_vm b 'sysctl -qw net.ipv4.ip_forward=1'
	in_vm a 'ip route replace 10.72.0.0/24 via 10.71.0.2'
	in_vm c 'ip route replace 10.71.0.0/24 via 10.72.0.1'
	wait_for 30 in_vm a 'ping -q -c 1 -W 2 10.72.0.2'
	for ((round = 1; round <= (LONG ? 2 : 1); round++)); do
		make_file a $SIZE
		send_file a c 10.72.0.2 704$round
		send_file c a 10.71.0.1 705$round
	done
	diag "$what: $(marked) pages of a that b must not hand on; it copied $(bounced) frames"
	assert_eq "$(links_broken)" "" "links that are broken"
}

# What a sends to c meanwhile lies in memory that c sees, or is copied.
short() {
	# shellcheck disable=SC2034 # for the streams
	ADDRESS4=([a]=10.73.0.1 [c]=10.73.0.2) PEER=([a]=c [c]=a)
	net_up a c 10.73.0 --mtu 1500
	make_file a 1M
	stream_start a 7020
	balloon_down
	balloon_up "$1"
	stream_stop a 7020
	chain "other memory"
	assert_ge "$(marked)" $((PAGES / 2)) "pages of a that b must not hand on"
}

long() {
	local former=$1
	# c has not seen at all what b sees
	balloon_down
	link_add a c
	balloon_up "$former"
	chain "new memory"
	assert_ge "$(marked)" $((PAGES / 2)) "pages of a that b must not hand on"
	no_links

	# both see the same, but for what the balloon was late with
	link_add a c
	chain "the same memory"
	assert_le "$(marked)" 512 "pages of a that b must not hand on"

	# c sees what was there before
	in_dom0 'fidoctl link remove a b; fidoctl link remove b c'
	balloon_down
	balloon_up "$former"
	chain "other memory"
	assert_ge "$(marked)" $((PAGES / 2)) "pages of a that b must not hand on"
}

run() {
	local former
	no_links
	load_modules a b c
	make_file c $SIZE
	former=$(balloon_now)
	if [ "$LONG" = 1 ]; then
		long "$former"
	else
		short "$former"
	fi
}

cleanup() {
	streams_kill
	in_vm b 'sysctl -qw net.ipv4.ip_forward=0'
	no_links
	in_dom0 "xl mem-set a $VM_MEM"
}
