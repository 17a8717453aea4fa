# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: dom0 can be one end of a link, in either role
requires() {
	need_module fido mmnet
	need_tool fidoctl
}

run() {
	no_links
	load_modules dom0 a
	net_up a dom0 10.6.0
	in_dom0 'ping -c 3 -i 0.2 10.6.0.1'
	in_dom0 'fidoctl link remove a Domain-0'
	net_up dom0 a 10.6.0
	in_dom0 'ping -c 3 -i 0.2 10.6.0.2'
}

cleanup() {
	no_links
	unload_modules dom0
}
