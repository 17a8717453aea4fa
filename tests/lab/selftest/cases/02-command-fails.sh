# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*line [0-9]+ of 02-command-fails.sh failed
run() {
	in_vm a false
	true
}
