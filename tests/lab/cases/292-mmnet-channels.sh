# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 50 rounds
# DESCRIPTION: ethtool -L between one and all channels, 50 rounds on both sides with traffic; sending keeps to the active ones
# TIMEOUT: 180
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ROUNDS=${ROUNDS:-50}
QUEUES=4

rounds() {
	in_vm_bg "$1" "n=($2)
		for ((i = 0; i < $ROUNDS; i++)); do
			ethtool -L mmnet0 combined \${n[i % \${#n[@]}]} || exit 1
			sleep 0.05
		done"
}

# Frames sent by each queue.
sent() {
	in_vm "$1" 'ethtool -S mmnet0' | awk '/q[0-9]+_tx_packets:/ { print $2 }' | xargs
}

channels() {
	in_vm "$1" 'ethtool -l mmnet0' | awk '/^Combined:/ { print $2 }' | xargs
}

# Many flows: each hash finds its queue.
flows() {
	in_vm "$1" "python3 -c '
import socket
for i in range(60):
    socket.socket(type=socket.SOCK_DGRAM).sendto(b\"x\", (\"${ADDRESS4[${PEER[$1]}]}\", 9))'"
}

check_active() {
	local nr=$1 before after queue
	in_vm a "ethtool -L mmnet0 combined $nr"
	assert_eq "$(channels a)" "$QUEUES $nr" "channels"
	assert_eq "$(in_vm a 'ls -d /sys/class/net/mmnet0/queues/tx-* | wc -l')" "$nr" "tx queues"
	read -ra before <<< "$(sent a)"
	flows a
	read -ra after <<< "$(sent a)"
	diag "with $nr of $QUEUES channels: ${before[*]} -> ${after[*]}"
	for ((queue = 0; queue < QUEUES; queue++)); do
		if ((queue < nr)); then
			assert_ge "${after[queue]}" $((before[queue] + 1)) "frames of queue $queue"
		else
			assert_eq "${after[queue]}" "${before[queue]}" "frames of queue $queue"
		fi
	done
}

cleanup() {
	streams_kill
	# the cases after this one expect the default
	in_dom0 'fidoctl net remove a b'
}

run() {
	local rounds nr
	network_up
	in_dom0 "fidoctl net remove a b"
	wait_for 30 in_vm a '! test -e /sys/class/net/mmnet0'
	wait_for 30 in_vm b '! test -e /sys/class/net/mmnet0'
	in_dom0 "fidoctl net add a b --queues $QUEUES"
	network_up

	for nr in 1 2 $QUEUES; do
		check_active "$nr"
	done
	expect_failure in_vm a 'ethtool -L mmnet0 combined 0'
	expect_failure in_vm a "ethtool -L mmnet0 combined $((QUEUES + 1))"
	expect_failure in_vm a 'ethtool -L mmnet0 rx 1'
	assert_eq "$(channels a)" "$QUEUES $QUEUES" "channels"

	make_file a $((1 << 20))
	make_file b $((1 << 20))
	stream_start a 7020
	stream_start a 7022
	stream_start b 7021
	rounds a '1 4 2'
	rounds=$BG
	rounds b '3 1 4'
	wait "$BG"
	wait "$rounds"
	stream_stop a 7020
	stream_stop a 7022
	stream_stop b 7021
	in_vm a 'ethtool -L mmnet0 combined 2'
	assert_no_drops

	# what was set stays when the link comes anew
	in_vm b 'rmmod mmnet && modprobe mmnet'
	network_up
	assert_eq "$(channels a)" "$QUEUES 2" "channels"
	make_file b $((1 << 20))
	transfer b "${ADDRESS4[a]}" 7024
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
}
