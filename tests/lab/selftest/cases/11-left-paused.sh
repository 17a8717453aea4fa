# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*VM b is paused
run() {
	in_dom0 'xl pause b'
}
