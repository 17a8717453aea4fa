# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: not ok .*cleaned after failure
run() {
	fail "on purpose"
}

cleanup() {
	diag "cleaned after failure"
}
