# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*no end after
# TIMEOUT: 4
run() {
	in_vm a 'sleep 1000'
}
