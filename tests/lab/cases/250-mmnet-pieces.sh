# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: frames with as many odd fragments as an skb can have; readers that splice
# SHORT: one direction
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

NR=3000

# check FROM HOW
check() {
	local from=$1 to=${PEER[$1]} how=$2 receiver want
	in_vm_bg "$to" "python3 -S /tmp/pieces.py $how 7006 > /tmp/pieces.log"
	receiver=$BG
	wait_for 20 listens "$to" 7006
	want=$(in_vm "$from" "python3 -S /tmp/pieces.py send ${ADDRESS4[$to]} 7006 /tmp/file $NR")
	wait "$receiver"
	assert_eq "$(in_vm "$to" 'tail -n 1 /tmp/pieces.log')" "$want" "sum of the pieces from $from"
}

run() {
	local vm
	network_up
	for vm in a b; do
		helper $vm pieces.py
		make_file $vm $((1 << 20))
		counters_mark $vm
	done
	check a read
	check a splice
	if [ "$LONG" = 1 ]; then
		check b read
		check b splice
	fi
	make_file a $((4 << 20))
	assert_ge "$(grown a tx_zerocopy)" 100 "frames sent in place"
	assert_no_drops
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
}
