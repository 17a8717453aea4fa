# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: after all of that, both VMs are as good as new
# EXPECT: ok
run() {
	in_vm a 'ping -c 1 -W 10 b'
	expect_failure in_vm b 'exit 7'
}
