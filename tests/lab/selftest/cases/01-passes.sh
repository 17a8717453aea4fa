# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: ok
run() {
	in_vm a true
	wait_for 10 in_vm b true
	diag "a remark"
}
