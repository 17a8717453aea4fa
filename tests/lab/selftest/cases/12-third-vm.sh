# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: ok
# VMS: c
run() {
	in_vm c 'ping -c 1 -W 10 a'
	vm_pause c
	vm_unpause c
	in_vm c true
}
