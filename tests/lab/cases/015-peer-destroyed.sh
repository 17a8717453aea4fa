# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 112 destroys a VM under load, beside a link that goes on, and links it again
# DESCRIPTION: a VM destroyed under load takes nobody with it, leaves no zombie, and can be linked again
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
	kill_one a b 1
	kill_one b a 2
	load_modules a b
	net_up a b
}

cleanup() {
	no_links
}
