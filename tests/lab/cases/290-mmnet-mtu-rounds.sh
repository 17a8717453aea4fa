# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 50 rounds
# DESCRIPTION: 50 rounds of MTU changes on both sides, with a checksummed stream each way
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ROUNDS=${ROUNDS:-50}

rounds() {
	in_vm_bg "$1" "mtu=($2)
		for ((i = 0; i < $ROUNDS; i++)); do
			ip link set mmnet0 mtu \${mtu[i % \${#mtu[@]}]} || exit 1
			sleep 0.05
		done"
}

cleanup() {
	streams_kill
	in_vm a 'ip link set mmnet0 mtu 1500'
	in_vm b 'ip link set mmnet0 mtu 1500'
}

run() {
	local rounds
	network_up
	make_file a $((1 << 20))
	make_file b $((1 << 20))
	counters_mark a
	counters_mark b
	stream_start a 7020
	stream_start b 7021
	rounds a '9000 576 65535'
	rounds=$BG
	rounds b '65535 1500 296'
	wait "$BG"
	wait "$rounds"
	stream_stop a 7020
	stream_stop b 7021
	diag "received: $(grown a rx_bytes) and $(grown b rx_bytes) bytes"
	assert_no_drops
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
}
