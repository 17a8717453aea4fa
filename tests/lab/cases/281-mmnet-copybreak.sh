# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: rx-copybreak is obeyed to the byte: what is no longer is copied, and nothing else; four times as long for UDP
# SHORT: two lengths, no streams
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ALL=1000000	# larger than any frame
# Of one piece, and of many
FRAMES=600
DATAGRAMS4=
DATAGRAMS6=30000
if [ "$LONG" = 1 ]; then
	FRAMES='600 2000 3000 20000'
	DATAGRAMS4='1000 3000 30000'
	DATAGRAMS6=$DATAGRAMS4
fi

break_at() {
	in_vm b "ethtool --set-tunable mmnet0 rx-copybreak $1"
}

cleanup() {
	break_at 512
}

# one_datagram LENGTH HOST: in one frame
one_datagram() {
	local receiver
	in_vm b 'rm -f /tmp/datagrams.log'
	in_vm_bg b "python3 -S /tmp/datagrams.py recv 7014 $((20 * SLOW)) 1 $1 > /tmp/datagrams.log"
	receiver=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
	in_vm a "python3 -S /tmp/datagrams.py send $2 7014 1 $1"
	wait "$receiver"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" 'received 1$' "datagrams"
}

# sent SMALL PLACE WHAT COMMAND...: how many of its frames are copied, and how many stay in place?
sent() {
	local small=$1 place=$2 what=$3
	shift 3
	counters_mark b
	"$@"
	assert_eq "$(grown b rx_copied_small)" "$small" "$what: frames copied as small"
	assert_eq "$(grown b rx_zerocopy)" "$place" "$what: frames in place"
}

# check FACTOR WHAT COMMAND...: the limit between a copy and none, of a frame that is the same each time.
# What counts is outside of the slot; how much that is shows when it is copied.
check() {
	local factor=$1 what=$2 outside limit
	shift 2
	break_at $ALL
	sent 1 0 "$what, a limit above all" "$@"
	outside=$(grown b rx_copied_bytes)
	limit=$(((outside + factor - 1) / factor))
	diag "$what: $outside bytes outside of the slot, copied with rx-copybreak $limit, not with $((limit - 1))"
	break_at $limit
	sent 1 0 "$what, at the limit" "$@"
	break_at $((limit - 1))
	sent 0 1 "$what, above the limit" "$@"
}

# A stream that is copied as a whole, and one that is not at all
check_stream() {
	break_at $ALL
	counters_mark b
	transfer a "$1" 7015
	assert_eq "$(grown b rx_zerocopy)" 0 "frames of a stream in place, with a limit above all"
	assert_ge "$(grown b rx_copied_small)" 1 "frames of a stream copied as small"
	break_at 0
	counters_mark b
	transfer a "$1" 7015
	assert_eq "$(grown b rx_copied_small)" 0 "frames of a stream copied as small, with a limit of zero"
	assert_ge "$(grown b rx_zerocopy)" 1 "frames of a stream in place"
}

run() {
	local length vm
	network_up
	network_mtu 65535
	for vm in a b; do
		helper $vm frames.py
		helper $vm datagrams.py
	done
	for length in $FRAMES; do
		check 1 "frame of $length" frames_arrive a b mmnet0 "$length"
	done
	for length in $DATAGRAMS4; do
		check 4 "datagram of $length" one_datagram "$length" "${ADDRESS4[b]}"
	done
	for length in $DATAGRAMS6; do
		check 4 "datagram of $length, IPv6" one_datagram "$length" "${ADDRESS6[b]}"
	done
	if [ "$LONG" = 1 ]; then
		make_file a $((2 << 20))
		check_stream "${ADDRESS4[b]}"
		check_stream "[${ADDRESS6[b]}]"
	fi
	assert_no_drops
}
