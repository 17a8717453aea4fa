# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 50 rounds
# DESCRIPTION: 50 rounds of ip link set down and up on both sides; a checksummed stream each way survives
# TIMEOUT: 180
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ROUNDS=${ROUNDS:-50}

# The pauses of the two differ, so that they meet in all ways.
rounds() {
	in_vm_bg "$1" "for ((i = 0; i < $ROUNDS; i++)); do
			ip link set mmnet0 down || exit 1
			ip link set mmnet0 up || exit 1
			sleep $2
		done"
}

cleanup() {
	streams_kill
}

run() {
	network_up
	rounds_under_streams 0.3 0.25
	diag "received: $(grown a rx_bytes) and $(grown b rx_bytes) bytes, $(grown a rx_drop_closed) and $(grown b rx_drop_closed) frames while closed"
	network_configure a
	network_configure b
	transfer a "[${ADDRESS6[b]}]" 7022
	wait_for 20 nothing_held a
	wait_for 20 nothing_held b
}
