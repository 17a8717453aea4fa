# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# lab setup: what the host itself needs.

# One row per tool: the command that proves it, the Debian package that brings it.
host_tools() {
	cat << 'ROWS'
qemu-system-x86_64 qemu-system-x86
mmdebstrap mmdebstrap
mke2fs e2fsprogs
cpio cpio
setsid util-linux
od coreutils
tar tar
gzip gzip
ROWS
}

missing_tools() {
	local tool package
	while read -r tool package; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$tool" > /dev/null || echo "$package"
	done <<< "$(host_tools)"
	# mmdebstrap checks the archive's signature against these.
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || echo debian-archive-keyring
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@" || sudo "$@"
	fi
}

install_packages() {
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
	as_root "${apt[@]}" install --no-install-recommends "$@" ||
		{ as_root "${apt[@]}" update && as_root "${apt[@]}" install --no-install-recommends "$@"; }
}

lab_setup() {
	local missing
	# No process substitution anywhere here: a bare chroot may have no /proc, and so no /dev/fd.
	read -ra missing <<< "$(missing_tools | sort -u | xargs)"
	if [ ${#missing[@]} = 0 ]; then
		[ "${1-}" = quiet ] || say "the host has everything"
		return 0
	fi
	command -v apt-get > /dev/null ||
		die "missing here: ${missing[*]} (names of Debian packages; install what your system calls them)"
	[ "$(id -u)" = 0 ] || command -v sudo > /dev/null ||
		die "missing here: ${missing[*]}; run as root: apt-get install ${missing[*]}"
	say "installing on this host: ${missing[*]}"
	step "apt-get install" install_packages "${missing[@]}"
}

# The root file systems have device nodes and foreign owners, so all but the boot itself is root's work.
need_root() {
	[ "$(id -u)" = 0 ] || die "run as root (the lab builds in a chroot): sudo -E $0 $*"
}
