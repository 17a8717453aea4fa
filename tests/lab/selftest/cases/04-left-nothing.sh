# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: what the time-out of the case before ended is gone in the VM too
# EXPECT: ok
run() {
	expect_failure in_vm a 'pgrep -x sleep'
}
