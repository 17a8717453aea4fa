# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a VM destroyed under load takes nobody with it, leaves no zombie, and can be linked again
# SHORT: one end of the link of two
# TIMEOUT: 300
requires() {
	need_module fido mmnet
	need_tool fidoctl
}

kill_one() {
	local other=$2
	load_modules a b
	net_up a b
	load_start "$other" "$1" "10.5.0.$3"
	vm_kill "$1"
	vm_wait_gone "$1" 30
	wait_for 20 in_vm "$other" 'grep -q 0 /sys/class/net/mmnet0/carrier'
	no_links
	vm_create "$1"
	load_stop "$other"
}

run() {
	no_links
	# 017-three-vms destroys one that is both frontend and backend, but not under load
	[ "$LONG" = 0 ] || kill_one a b 1
	kill_one b a 2
	load_modules a b
	net_up a b
}

cleanup() {
	no_links
}
