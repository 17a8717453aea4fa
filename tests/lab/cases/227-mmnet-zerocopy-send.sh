# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: MSG_ZEROCOPY by TCP and UDP: the sender gets its memory back when the reader has read, and not before; nothing is copied
# SHORT: one of IPv4 and IPv6
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

COUNT=100
LENGTH=100000
# What zerocopy.py has
BUFFERS=8

cleanup() {
	in_vm b 'touch /tmp/go; pkill socat; true'
}

# check_tcp ADDRESS PORT
check_tcp() {
	local sink said
	sink b "$2"
	sink=$BG
	counters_mark a
	counters_mark b
	said=$(in_vm a "python3 -S /tmp/zerocopy.py tcp $1 $2 $((60 * SLOW)) $COUNT $LENGTH")
	wait "$sink"
	diag "TCP to $1, port $2: ${said%%$'\n'*}, $(grown a tx_zerocopy_bytes) bytes in place"
	assert_eq "$(in_vm b "cut -d ' ' -f 1 /tmp/sum.$2")" "${said##*$'\n'}" "sum of what was sent"
	assert_match "$said" '^notices of [0-9]+ calls, copied 0$' "notices"
	assert_ge "$(grown a tx_zerocopy_bytes)" $((COUNT * LENGTH * 9 / 10)) "bytes sent in place"
	assert_eq "$(grown a tx_bounced)" 0 "frames copied by the driver"
}

# listen COUNT LENGTHS [hold=PATH]: in the background, as $BG
listen() {
	in_vm b 'rm -f /tmp/datagrams.log'
	in_vm_bg b "python3 -S /tmp/datagrams.py recv 7018 $((60 * SLOW)) $1 $2 ${3-} > /tmp/datagrams.log"
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
}

# check_udp ADDRESS LENGTHS COPIED: COPIED is a pattern of the number that the kernel copies
check_udp() {
	local receiver said nr
	nr=$((10 * $(wc -w <<< "$2")))
	listen 10 "$2"
	receiver=$BG
	counters_mark a
	said=$(in_vm a "python3 -S /tmp/zerocopy.py udp $1 7018 $((60 * SLOW)) 10 $2")
	wait "$receiver"
	diag "UDP to $1: $said"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" "received $nr$" "datagrams"
	assert_match "$said" "^notices of $nr calls, copied $3$" "notices"
	assert_eq "$(grown a tx_bounced)" 0 "frames copied by the driver"
}

# Buffers that the reader has not read stay the sender's: it stands still when all are on their way.
check_held() {
	local receiver sender
	counters_mark b
	in_vm b 'rm -f /tmp/go'
	listen 40 60000 hold=/tmp/go
	receiver=$BG
	in_vm_bg a "python3 -S /tmp/zerocopy.py udp ${ADDRESS4[b]} 7018 $((60 * SLOW)) 40 60000 > /tmp/zerocopy.log"
	sender=$BG
	wait_for 20 has_grown b rx_zerocopy $BUFFERS
	in_vm a "ping -q -c 10 -i 0.2 -W 5 ${ADDRESS4[b]}"
	assert_eq "$(grown b rx_zerocopy)" $BUFFERS "datagrams that came while nobody read"
	assert_eq "$(in_vm a 'wc -c < /tmp/zerocopy.log')" 0 "what the sender has said meanwhile"
	in_vm b 'touch /tmp/go'
	wait "$sender"
	wait "$receiver"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" 'received 40$' "datagrams"
	assert_match "$(in_vm a 'cat /tmp/zerocopy.log')" '^notices of 40 calls, copied 0$' "notices"
}

run() {
	local vm
	network_up
	for vm in a b; do
		helper $vm datagrams.py
	done
	helper a zerocopy.py
	check_tcp "${ADDRESS4[b]}" 7016
	if [ "$LONG" = 1 ]; then
		check_tcp "${ADDRESS6[b]}" 7017
		check_udp "${ADDRESS4[b]}" '100 600 1400' 0
	fi
	# the kernel copies what has to be sent in fragments
	check_udp "${ADDRESS6[b]}" '100 600 1400 20000' '[0-9]+'
	network_mtu 65535
	check_udp "${ADDRESS4[b]}" '64 300 600 4096 20000 65000' 0
	if [ "$LONG" = 1 ]; then
		check_tcp "${ADDRESS4[b]}" 7016
		check_udp "${ADDRESS6[b]}" '64 300 600 4096 20000 65000' 0
	fi
	check_held
	assert_no_drops
	wait_for 20 nothing_held a
	wait_for 20 nothing_held b
}
