# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: the multi-hop pointer: b hands on to c what a sent, by address if c may read a, else as a copy
# TIMEOUT: 400
# VMS: c
requires() {
	need_module fido fido_test
	need_tool fidoctl
}

relay() {
	in_vm b "echo fido-$(vm_domid c).$TEST_SID > $(test_dir b a)/forward
		echo fido-$(vm_domid a).$TEST_SID > $(test_dir b c)/forward"
}

traffic() {
	test_do a b ping 50
	test_set c b hold 20
	test_set c b order 1
	test_do a b stream '200 4 odd'
	test_do c b stream '100 16'
	test_set c b hold 0
}

run() {
	local before
	# shellcheck disable=SC1091
	. "$LAB_DIR/cases/test-lib.sh"
	no_links
	test_load a b c
	test_link a b
	test_link b c
	in_dom0 "fidoctl link add a c --wait $((60 * SLOW))"
	relay

	traffic
	assert_ge "$(test_value b a forwarded)" 200 "messages of a that b handed on by address"
	assert_ge "$(test_value b c forwarded)" 100 "messages of c that b handed on by address"
	assert_eq "$(test_value b a bounced)" 0 "messages of a that b copied"
	test_no_errors c b
	test_no_errors a b
	test_no_errors b a
	test_no_errors b c

	# Without the right to read a, c gets copies, and all is correct as before.
	in_dom0 'fidoctl link remove a c'
	before=$(test_value b a forwarded)
	traffic
	assert_ge "$(test_value b a bounced)" 200 "messages of a that b copied"
	assert_eq "$(test_value b a forwarded)" "$before" "messages of a that b handed on by address"
	test_no_errors c b
	test_no_errors a b

	# The one in the middle goes down in full traffic.
	test_set a b flood 4
	wait_for 20 in_vm c "[ \$(awk '\$1 == \"messages\" { print \$2 }' $(test_dir c b)/status) -gt 400 ]"
	in_vm b 'rmmod fido_test'
	wait_for 30 in_vm a "grep -qx 'up 0' $(test_dir a b)/status"
	wait_for 30 in_vm c "grep -qx 'up 0' $(test_dir c b)/status"
	test_set a b flood 0
}

cleanup() {
	no_links
	in_vms 'a b c' '! lsmod | grep -q fido_test || rmmod fido_test'
}
