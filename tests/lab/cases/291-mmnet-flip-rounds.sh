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
	local rounds
	network_up
	make_file a $((1 << 20))
	make_file b $((1 << 20))
	counters_mark a
	counters_mark b
	stream_start a 7020
	stream_start b 7021
	rounds a 0.3
	rounds=$BG
	rounds b 0.25
	wait "$BG"
	wait "$rounds"
	stream_stop a 7020
	stream_stop b 7021
	diag "received: $(grown a rx_bytes) and $(grown b rx_bytes) bytes, $(grown a rx_drop_closed) and $(grown b rx_drop_closed) frames while closed"
	network_configure a
	network_configure b
	transfer a "[${ADDRESS6[b]}]" 7022
	wait_for 20 nothing_held a
	wait_for 20 nothing_held b
}
