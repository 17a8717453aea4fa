# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: rounds of load, link, traffic, unload in alternating order leave nothing behind
# SHORT: three rounds of ten
# TIMEOUT: 600

# More than the grant table of such a VM has room for exports, if each round leaked one: lib/vm.sh makes it for four peers.
ROUNDS=$((LONG ? 10 : 3))
WARM_UP=$((LONG ? 2 : 1))

requires() {
	need_module fido mmnet
	need_tool fidoctl
}

one_round() {
	local first=a second=b
	[ $(($1 % 2)) = 0 ] || { first=b; second=a; }
	load_modules $first
	load_modules $second
	# what TCP keeps of a stream that broke must not look like a leak: it grows with the segments
	net_up a b 10.5.0 --mtu 1500
	# traffic while the modules go
	load_start a b 10.5.0.2
	unload_modules $first
	unload_modules $second
	in_dom0 'fidoctl link remove a b --force' >&2
	load_stop a
	load_stop b
}

run() {
	local i a b after_a after_b
	no_links
	unload_modules a
	unload_modules b
	for ((i = 1; i <= WARM_UP; i++)); do
		one_round "$i"
	done
	a=$(free_memory a)
	b=$(free_memory b)
	for ((; i <= ROUNDS; i++)); do
		one_round "$i"
	done
	after_a=$(free_memory a)
	after_b=$(free_memory b)
	diag "free memory: a $a -> $after_a KiB, b $b -> $after_b KiB"
	assert_ge "$after_a" $((a - 6144)) "free memory of a in KiB"
	assert_ge "$after_b" $((b - 6144)) "free memory of b in KiB"
	load_modules a b
	assert_eq "$(quarantined a)" 0 "grants of a that could not be revoked"
	assert_eq "$(quarantined b)" 0 "grants of b that could not be revoked"
	assert_eq "$(in_dom0 'xl list | grep -c "(null)" || true')" 0 "zombie domains"
}

cleanup() {
	no_links
	load_modules a b
}
