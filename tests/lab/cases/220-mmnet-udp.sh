# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: UDP datagrams of all sizes arrive as they were sent, IPv4 and IPv6, with and without fragmentation
# SHORT: IPv6 with fragmentation alone
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZES="0 1 3 4 64 400 438 439 500 1000 1471 1472 1473 4096 8192 20000 40000 65000 65507"
COUNT=5

check() {
	local to=${PEER[$1]} receiver want
	want=$((COUNT * $(wc -w <<< "$SIZES")))
	in_vm_bg "$to" "python3 -S /tmp/datagrams.py recv 7002 $((20 * SLOW)) $COUNT $SIZES > /tmp/datagrams.log"
	receiver=$BG
	wait_for 20 in_vm "$to" 'grep -q listening /tmp/datagrams.log'
	in_vm "$1" "python3 -S /tmp/datagrams.py send $2 7002 $COUNT $SIZES"
	wait "$receiver"
	assert_match "$(in_vm "$to" 'cat /tmp/datagrams.log')" "received $want$" "datagrams"
}

run() {
	local mtu
	network_up
	helper a datagrams.py
	helper b datagrams.py
	for mtu in 1500 65535; do
		in_vm a "ip link set mmnet0 mtu $mtu"
		in_vm b "ip link set mmnet0 mtu $mtu"
		check a "${ADDRESS4[b]}"
		[ "$LONG$mtu" = 065535 ] || check b "${ADDRESS6[a]}"
	done
	assert_no_drops
}
