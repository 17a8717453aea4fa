# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a link connects, shows what it has, and goes away without a trace
requires() {
	need_module fido
	need_tool fidoctl
}

run() {
	local dir
	no_links
	load_modules a b
	link_add a b
	for dir in a:b b:a; do
		assert_ge "$(mapped_pages "${dir%:*}" "${dir#*:}")" 50000 "pages of ${dir#*:} that ${dir%:*} has mapped"
		assert_match "$(in_vm "${dir%:*}" 'cat /sys/kernel/debug/fido/*/link')" 'state: up' "state"
	done
	expect_failure in_dom0 'fidoctl link add a b'
	in_dom0 'fidoctl link remove a b'
	for dir in a b; do
		wait_for 20 in_vm "$dir" '! ls -d /sys/kernel/debug/fido/fido-*'
		wait_for 10 none_quarantined "$dir"
	done
	assert_eq "$(in_dom0 'xenstore-ls -f | grep fido | grep -c "/state " || true')" 0 "nodes left in xenstore"
}

cleanup() {
	no_links
}
