#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# setup.sh [DIR]: install the packages that the tests in DIR need, by default
# those beside this file, where apt exists.
set -euo pipefail

cd "${1:-$(dirname "$0")}"

missing=()
while read -r package; do
	case $package in ''|'#'*) continue ;; esac
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
		grep -q 'ok installed' || missing+=("$package")
done < packages

[ ${#missing[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "the tests in ${PWD##*/} need: ${missing[*]}" >&2
	exit 1
fi

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
echo "installing ${missing[*]}"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get \
	-o DPkg::Lock::Timeout=300 -qq -y install "${missing[@]}" >/dev/null
