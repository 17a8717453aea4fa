# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: queueing disciplines: a stream is right under each, also while they are exchanged, and with one for each of two queues
# SHORT: one discipline by itself, two that are exchanged once
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZE=$((LONG ? 4 << 20 : 2 << 20))
EXCHANGES=$((LONG ? 3 : 1))
KINDS=(fq 'pfifo limit 100' 'tbf rate 200mbit burst 32k latency 100ms' fq_codel)
[ "$LONG" = 1 ] || KINDS=("${KINDS[@]:1:2}")

cleanup() {
	streams_kill
	in_vm a 'tc qdisc del dev mmnet0 root; true'
	in_vm b 'tc qdisc del dev mmnet0 root; true'
	# the cases after this one expect one queue
	in_dom0 'fidoctl net remove a b'
}

# root_qdisc VM: kind, packets, drops
root_qdisc() {
	in_vm "$1" 'tc -s qdisc show dev mmnet0' |
		awk '$1 == "qdisc" { root = $4 == "root"; kind = $2 } root && $1 == "Sent" { print kind, $4, $7 + 0 }'
}

# check_kind KIND [OPTION...]: of both
check_kind() {
	local vm kind packets
	for vm in a b; do
		in_vm $vm "tc qdisc replace dev mmnet0 root $*"
	done
	transfer a "${ADDRESS4[b]}" 7050
	transfer b "[${ADDRESS6[a]}]" 7051
	read -r kind packets DROPPED <<< "$(root_qdisc a)"
	diag "$*: $packets packets, $DROPPED dropped"
	assert_eq "$kind" "$1" "kind"
	# less often than each frame of 64 KiB would be too few
	assert_ge "$packets" $((SIZE >> 16)) "packets that $1 has counted"
}

# Exchanged with traffic. What a discipline drops then, TCP sends again.
check_exchange() {
	local kind vm i
	stream_start a 7020
	stream_start b 7021
	for ((i = 0; i < EXCHANGES; i++)); do
		for kind in "${KINDS[@]}"; do
			for vm in a b; do
				in_vm $vm "tc qdisc replace dev mmnet0 root $kind"
				counters_mark $vm
			done
			for vm in a b; do
				wait_for 30 has_grown $vm tx_bytes $((1 << 20))
			done
		done
	done
	stream_stop a 7020
	stream_stop b 7021
	diag "exchanged $((EXCHANGES * ${#KINDS[@]})) times on each side, with streams"
}

check_loss() {
	if in_vm a 'modprobe -q sch_netem' && in_vm b 'modprobe -q sch_netem'; then
		check_kind netem loss 5%
		assert_ge "$DROPPED" 1 "packets that netem has dropped"
	else
		diag "no netem here"
	fi
}

# One discipline for each queue: only a device with several has this.
check_mq() {
	local vm kind packets
	in_dom0 'fidoctl net remove a b'
	for vm in a b; do
		wait_for 30 in_vm $vm '! test -e /sys/class/net/mmnet0'
	done
	in_dom0 'fidoctl net add a b --queues 2'
	network_up
	assert_match "$(in_vm a 'tc qdisc show dev mmnet0')" '^qdisc mq .*root' "discipline of two queues by default"
	in_vm a 'tc qdisc replace dev mmnet0 root handle 1: mq
		tc qdisc replace dev mmnet0 parent 1:1 fq
		tc qdisc replace dev mmnet0 parent 1:2 pfifo limit 200'
	transfer a "${ADDRESS4[b]}" 7050
	transfer a "[${ADDRESS6[b]}]" 7051
	read -r kind packets _ <<< "$(root_qdisc a)"
	diag "mq: $packets packets"
	assert_eq "$kind" mq "kind"
	assert_ge "$packets" $((2 * SIZE >> 16)) "packets that mq has counted"
	# all queues under one
	[ "$LONG" = 0 ] || check_kind fq
}

run() {
	local vm
	network_up
	for vm in a b; do
		make_file $vm $SIZE
		in_vm $vm 'modprobe -a sch_fq sch_tbf'
	done
	# by themselves; else a stream sees them when they are exchanged
	if [ "$LONG" = 1 ]; then
		check_kind fq
		check_kind fq_codel
		check_kind pfifo limit 100
		check_loss
	fi
	# longer frames are segmented by it
	check_kind tbf rate 50mbit burst 32k latency 200ms
	check_exchange
	assert_no_drops
	check_mq
	assert_no_drops
	wait_for 20 nothing_held a
	wait_for 20 nothing_held b
}
