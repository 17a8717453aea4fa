# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*VM b crashed.*b: .*Kernel panic
run() {
	in_vm_bg b 'echo c > /proc/sysrq-trigger'
	wait_for 30 crashed
}

crashed() {
	domain_list | has '^b .*c'
}
