# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: ok
run() {
	expect_log 'WARNING: announced'
	in_vm b 'echo "<3>WARNING: announced" > /dev/kmsg'
}
