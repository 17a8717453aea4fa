# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*b: .*BUG: made up
run() {
	in_vm b 'echo "<3>BUG: made up" > /dev/kmsg'
}
