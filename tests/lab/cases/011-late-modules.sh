# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: modules may come before or after the link, on either side first, and modprobe never waits for the peer
# SHORT: a first
requires() {
	need_module fido
	need_tool fidoctl
}

try_order() {
	local begin
	unload_modules a
	unload_modules b
	begin=$SECONDS
	in_vm "$1" 'modprobe fido'
	assert_le $((SECONDS - begin)) 20 "seconds for modprobe without a peer (the kernel's own wait is 30)"
	in_vm "$2" 'modprobe fido'
	wait_for 30 link_has_state a connected
}

run() {
	no_links
	load_modules a b
	link_add a b
	try_order a b
	[ "$LONG" = 0 ] || try_order b a
	unload_modules a
	unload_modules b
	in_dom0 'fidoctl link remove a b --force; fidoctl link add a b'
	load_modules b a
	wait_for 30 link_has_state a connected
}

cleanup() {
	no_links
}
