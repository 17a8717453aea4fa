# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 020 links three VMs with each other, and destroys one
# DESCRIPTION: several peers at once: three VMs, each linked with both others; one is destroyed, the rest goes on
# TIMEOUT: 300
# VMS: c
requires() {
	need_module fido mmnet
	need_tool fidoctl
}

run() {
	no_links
	load_modules a b c
	net_up a b 10.5.0
	net_up b c 10.5.1
	net_up c a 10.5.2
	in_vm a 'ping -c 3 -i 0.2 10.5.0.2'
	in_vm b 'ping -c 3 -i 0.2 10.5.1.2'
	in_vm c 'ping -c 3 -i 0.2 10.5.2.2'
	vm_kill c
	vm_wait_gone c
	in_vm a 'ping -c 3 -i 0.2 10.5.0.2'
}

cleanup() {
	no_links
}
