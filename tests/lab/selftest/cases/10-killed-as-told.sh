# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: ok
run() {
	vm_kill a
	vm_wait_gone a
	vm_create a
	in_vm a true
}
