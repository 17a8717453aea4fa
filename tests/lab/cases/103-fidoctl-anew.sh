# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a link that is made anew while a VM is still letting go of the one before connects
# SHORT: each order once, one VM each
# TIMEOUT: 300
requires() {
	need_tool fidoctl
	need_module fido mmnet
}

# The VM sees neither the removal nor the new link before both are done, or in the middle of it.
anew() {
	local vm=$1 pause=$2
	vm_pause "$vm"
	in_dom0 'fidoctl link remove a b --force'
	if [ "$pause" = over ]; then
		vm_unpause "$vm"
		link_add a b
	else
		in_dom0 'fidoctl link add a b'
		vm_unpause "$vm"
		wait_for 60 link_has_state a connected
	fi
}

run() {
	local i
	no_links
	load_modules a b
	link_add a b
	for ((i = 0; i < (LONG ? 3 : 1); i++)); do
		anew a over
		anew b within
		[ "$LONG" = 1 ] || continue
		anew b over
		anew a within
	done
	# none is paused: both let go at the same time
	for ((i = 0; i < (LONG ? 5 : 1); i++)); do
		in_dom0 'fidoctl link remove a b --force; fidoctl link add a b'
		wait_for 60 link_has_state a connected
	done
	net_up a b
	in_dom0 "fidoctl link remove a b --wait $((30 * SLOW))"
}

cleanup() {
	no_links
}
