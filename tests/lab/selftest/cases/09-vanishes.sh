# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*VM a vanished
run() {
	in_dom0 'xl destroy a'
}
