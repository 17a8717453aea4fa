# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: in a chain of three VMs the last one, or the middle, unloads mmnet while the last has not read what came from the first: the first gets that memory back when it has been read, and not before
# SHORT: the middle does not unload it
# TIMEOUT: 300
# VMS: c
# shellcheck source=chain-lib.sh
. "$LAB_DIR/cases/chain-lib.sh"

# Frames that a has sent to b, and that nobody has given back
in_flight() {
	counter a tx_in_flight
}

nothing_in_flight() {
	[ "$(in_flight)" = 0 ]
}

# unloaded_while_held VM CONDITION...: which others see when it has begun; within the ten seconds for which is waited.
unloaded_while_held() {
	local vm=$1 unload
	shift
	chain_up
	fill_socket
	assert_ge "$(in_flight)" $COUNT "frames of a's in c's socket"
	in_vm_bg "$vm" 'rmmod mmnet'
	unload=$BG
	wait_for 10 "$@"
	assert_ge "$(in_flight)" $COUNT "frames of a's in c's socket, of which it is not said that they are read"
	read_socket
	wait_for 30 nothing_in_flight
	wait "$unload"
	in_vm "$vm" 'modprobe mmnet'
	no_links
}

# b has its interface to a since before
b_is_cut_off() {
	[ "$(in_vm b 'cat /sys/class/net/mmnet1/carrier')" = 0 ]
}

run() {
	no_links
	chain_load
	unloaded_while_held c b_is_cut_off
	[ "$LONG" = 0 ] || unloaded_while_held b has_no_carrier c
}

cleanup() {
	no_links
}
