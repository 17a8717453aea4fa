# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*dom0: .*WARNING: in dom0
run() {
	in_dom0 'echo "<3>WARNING: in dom0" > /dev/kmsg'
}
