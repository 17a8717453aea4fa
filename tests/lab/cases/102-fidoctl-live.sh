# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: fidoctl with live drivers: --wait, orderly removal, a peer that does not answer, a disk that is not there, addresses that stay
# SHORT: no VM is started again, so no addresses that stay
# TIMEOUT: 400
requires() {
	need_tool fidoctl
	need_module fido mmnet mmblk
}

state_of_link() {
	in_dom0 "fidoctl link list" | awk '$1 == "a" { print $5 }'
}

# address VM PEER: what the interface towards the peer has
address() {
	in_vm "$1" "cat /sys/class/net/$(mmnet_of "$1" "$2")/address"
}

# Nobody gave addresses: the interfaces have them again after a VM was started again, with another domid.
addresses_stay() {
	local a b
	in_dom0 "fidoctl net add a b --wait $((60 * SLOW))"
	a=$(address a b)
	b=$(address b a)
	assert_eq "$(in_dom0 'fidoctl net list' | awk '$1 == "a" { print $3, $6 }')" "$a $b" 'listed addresses'
	vm_kill b
	vm_wait_gone b
	no_links
	vm_create b
	load_modules b
	in_dom0 "fidoctl net add b a --wait $((60 * SLOW))"
	assert_eq "$(address a b) $(address b a)" "$a $b" 'addresses after b was started again'
	in_dom0 "fidoctl link remove a b --wait $((30 * SLOW))"
}

run() {
	local said
	no_links
	load_modules a b
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk'

	link_add a b
	assert_eq "$(state_of_link)" connected
	in_dom0 "fidoctl net add a b --wait $((60 * SLOW))"
	assert_match "$(in_dom0 'fidoctl net list')" '^a .* up '

	# the server has no such device: the line says so, the service is gone again
	said=$(expect_failure in_dom0 "fidoctl blk add a b:/dev/nope --wait $((60 * SLOW)) 2>&1")
	assert_match "$(grep -v waiting <<< "$said")" '^fidoctl: .*not added: .*nope'
	assert_eq "$(in_dom0 'fidoctl blk list' | wc -l)" 1 'lines of the list of disks'
	assert_eq "$(state_of_link)" connected

	in_dom0 'fidoctl net remove a b'
	wait_for 30 in_vm a '! test -e /sys/class/net/mmnet0'
	in_dom0 "fidoctl link remove a b --wait $((30 * SLOW))"
	assert_eq "$(state_of_link)" ''

	# one that does not answer: refused in order, possible by force
	link_add a b
	vm_pause a
	said=$(expect_failure in_dom0 'fidoctl link remove a b --wait 3 2>&1 | grep -v waiting; exit ${PIPESTATUS[0]}')
	assert_match "$said" '^fidoctl: .*use --force'
	in_dom0 'fidoctl link remove a b --force'
	vm_unpause a
	link_add a b
	in_dom0 "fidoctl link remove a b --wait $((30 * SLOW))"
	[ "$LONG" = 0 ] || addresses_stay
}

cleanup() {
	no_links
}
