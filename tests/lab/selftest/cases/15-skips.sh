# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# EXPECT: ok .*# SKIP no-such-module.ko is not built
requires() {
	need_module no-such-module
}

run() {
	false
}
