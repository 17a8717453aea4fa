# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: TCP both ways: content, GSO frames of many kilobytes, no copy in the kernel before the reader's
# SHORT: half of the bytes, one direction for IPv4 and IPv6 each
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZE=$((LONG ? 16 << 20 : 8 << 20))

check() {
	local from=$1 to=${PEER[$1]} address=$2 bytes frames
	counters_mark a
	counters_mark b
	transfer "$from" "$address" 7001
	assert_no_copies "$to"
	bytes=$(grown "$to" rx_zerocopy_bytes)
	frames=$(grown "$to" rx_zerocopy)
	diag "$from to $address: $bytes bytes in $frames frames, $(grown "$to" rx_copied_bytes) bytes copied, $(grown "$from" signals) signals"
	assert_ge "$bytes" $((SIZE * 99 / 100)) "bytes received in place"
	# TCP makes small frames where time passes slowly: far more than one MSS is enough
	assert_ge $((bytes / frames)) 4000 "bytes a frame"
}

run() {
	network_up
	make_file a $SIZE
	make_file b $SIZE
	check a "${ADDRESS4[b]}"
	if [ "$LONG" = 1 ]; then
		check b "${ADDRESS4[a]}"
		check a "[${ADDRESS6[b]}]"
	fi
	check b "[${ADDRESS6[a]}]"
	# the default: a frame is one segment
	network_mtu 65535
	check a "${ADDRESS4[b]}"
	check b "[${ADDRESS6[a]}]"
	assert_no_drops
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
}
