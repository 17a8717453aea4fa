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
	network_up
	rounds_under_streams '9000 576 65535' '65535 1500 296'
	diag "received: $(grown a rx_bytes) and $(grown b rx_bytes) bytes"
	assert_no_drops
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
}
