# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: in a chain of three VMs the last one, or the middle, unloads mmnet while the last has not read what came from the first: the first gets that memory back when it has been read, and not before
# SHORT: the middle does not unload it
# TIMEOUT: 300
# VMS: c
# shellcheck source=chain-lib.sh
. "$LAB_DIR/cases/chain-lib.sh"

# Frames that a has sent to b over the channel that they have now, and that nobody has given back
in_flight() {
	counter a tx_in_flight
}

# Channels that a and b had, of which b has not said yet that nobody reads what was sent there
held() {
	in_vm a "awk -F ': ' '/^channels held/ { n += \$2 } END { print n + 0 }' /sys/kernel/debug/fido/*/link"
}

none_left() {
	[ "$("$1")" = 0 ]
}

# unloaded_while_held VM WHAT NUMBER CONDITION...: so many there are of what a keeps, once others see that it has begun; within the ten
# seconds for which is waited.
unloaded_while_held() {
	local vm=$1 what=$2 number=$3 unload
	shift 3
	chain_up
	fill_socket
	assert_ge "$(in_flight)" $COUNT "frames of a's in c's socket"
	in_vm_bg "$vm" 'rmmod mmnet'
	unload=$BG
	wait_for 10 "$@"
	assert_ge "$("$what")" "$number" "what a keeps for c, of which it is not said that it is read: $what"
	read_socket
	wait_for 30 none_left "$what"
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
	unloaded_while_held c in_flight $COUNT b_is_cut_off
	[ "$LONG" = 0 ] || unloaded_while_held b held 1 has_no_carrier c
}

cleanup() {
	no_links
}
