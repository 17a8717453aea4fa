# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: what ethtool, ip and tcpdump show
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

run() {
	local text before after capture
	network_up
	text=$(in_vm a 'ethtool mmnet0')
	assert_match "$text" 'Speed: Unknown' "ethtool"
	assert_match "$text" 'Link detected: yes' "ethtool"
	assert_match "$(in_vm a 'ethtool -k mmnet0')" 'tcp-segmentation-offload: on' "features"
	assert_match "$(in_vm a 'ethtool -l mmnet0')" 'Combined:[[:space:]]*1' "channels"
	assert_match "$(in_vm a 'ethtool -g mmnet0')" 'TX:[[:space:]]*512' "rings"
	in_vm a 'ethtool -T mmnet0'
	in_vm a 'ethtool --set-tunable mmnet0 rx-copybreak 2000'
	assert_match "$(in_vm a 'ethtool --get-tunable mmnet0 rx-copybreak')" 'rx-copybreak: 2000' "tunable"
	in_vm a 'ethtool --set-tunable mmnet0 rx-copybreak 512'

	in_vm_bg b 'timeout 30 tcpdump -Z root -n -i mmnet0 -c 10 icmp > /tmp/tcpdump.log 2>&1'
	capture=$BG
	wait_for 20 in_vm b 'grep -q "listening on" /tmp/tcpdump.log'
	before=$(in_vm a 'cat /sys/class/net/mmnet0/statistics/tx_packets')
	in_vm a "ping -q -c 5 -i 0.2 -s 1000 ${ADDRESS4[b]}"
	after=$(in_vm a 'cat /sys/class/net/mmnet0/statistics/tx_packets')
	assert_ge $((after - before)) 5 "packets counted"
	wait "$capture"
	assert_eq "$(in_vm b 'grep -c "ICMP echo" /tmp/tcpdump.log')" 10 "packets captured"

	# without offloads, each side in turn
	make_file a $((2 << 20))
	in_vm a 'ethtool -K mmnet0 tso off gso off'
	transfer a "${ADDRESS4[b]}" 7011
	in_vm a 'ethtool -K mmnet0 tx off sg off'
	transfer a "${ADDRESS4[b]}" 7011
	in_vm a 'ethtool -K mmnet0 tx on sg on gso on tso on'
	in_vm b 'ethtool -K mmnet0 gro off'
	transfer a "${ADDRESS4[b]}" 7011
	in_vm b 'ethtool -K mmnet0 gro on'
	assert_no_drops
}
