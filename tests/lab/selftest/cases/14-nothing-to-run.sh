# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a case without run() must not pass
# EXPECT: not ok
true
