#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install the packages that the models need, where apt exists.
set -euo pipefail

cd "$(dirname "$0")"

../unit/setup.sh "$PWD"

# Not each release of Debian has it, and the rest does without.
if ! command -v cbmc >/dev/null && command -v apt-cache >/dev/null &&
	[ -n "$(apt-cache madison cbmc 2>/dev/null)" ]; then
	echo cbmc >"${list:=$(mktemp -d)}/packages"
	../unit/setup.sh "$list" || echo "cbmc could not be installed" >&2
	rm -rf "$list"
fi
