# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# lab root: one root file system per suite. It is the compiler's home, dom0's disk and the quarry of the domUs' initramfs.

# Raised when the way of building changes and not only the list.
RECIPE=4

root_packages() {
	echo linux-image-amd64 linux-headers-amd64 gcc make perl sparse libc6-dev libxen-dev pkgconf
	echo xen-system-amd64 xz-utils zstd kmod procps busybox-static
	echo iproute2 iputils-ping ethtool nftables tcpdump socat netperf iperf3
	echo e2fsprogs xfsprogs fio dmsetup lvm2 mdadm fdisk blktrace stress-ng strace python3-minimal
	echo nbd-client nbd-server nfs-kernel-server
}

root_components() {
	# netperf was non-free until trixie.
	[ "$SUITE" = bookworm ] && echo main,non-free || echo main
}

recipe_key() {
	{ echo "$RECIPE" "$SUITE"; root_components; root_packages | xargs -n1 | sort; } | sha256sum | cut -c1-16
}

# The host's own Debian mirror; nothing when it has none (another distribution), then mmdebstrap's default is used.
host_mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2> /dev/null |
		grep -E '/debian/?$' | head -n 1 || true
}

# The host's ways to the network (proxies, certificates, time checks) hold for the new root too.
acquire_options() {
	apt-config dump 2> /dev/null |
		grep -E '^Acquire::(http|https|ftp|Retries|Check-|ForceIPv|Max-FutureTime|By-Hash|CompressionTypes::Order)' || true
}

# bootstrap TARGET PACKAGE...
bootstrap() {
	local target=$1 options=() line mirror=${LAB_MIRROR:-$(host_mirror)}
	shift
	while read -r line; do
		[ -z "$line" ] || options+=("--aptopt=$line")
	done <<< "$(acquire_options)"
	INITRD=No mmdebstrap --mode=root --variant=minbase --components="$(root_components)" "${options[@]}" \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--include="$(tr ' ' ',' <<< "$*")" \
		"$SUITE" "$target" ${mirror:+"$mirror"}
}

# unpack_kernel BZIMAGE VMLINUX: neither Xen nor xl then has to decompress under the emulator.
unpack_kernel() {
	local image=$1 out=$2 sects offset length
	sects=$(od -An -tu1 -j $((0x1f1)) -N 1 "$image")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$image")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$image")
	dd if="$image" of="$ROOT/tmp/payload" bs=64K iflag=skip_bytes,count_bytes status=none \
		skip=$(((sects + 1) * 512 + offset)) count=$((length))
	# The last four bytes are the size, which the decompressors take for rubbish.
	case $(od -An -tx1 -N 4 "$ROOT/tmp/payload" | tr -d ' ') in
	28b52ffd) in_root zstd -q -dc /tmp/payload > "$out" || true ;;
	fd377a58) in_root xz -q -dc --single-stream /tmp/payload > "$out" || true ;;
	1f8b*) in_root gzip -q -dc /tmp/payload > "$out" || true ;;
	*) return 1 ;;
	esac
	rm -f "$ROOT/tmp/payload"
	[ "$(head -c 4 "$out" | tr -d '\0')" = $'\x7fELF' ]
}

# The kernel modules that the lab's machines have, dom0 and domU alike, with all that they need.
wanted_modules() {
	local modules=$ROOT/usr/lib/modules/$1/kernel
	echo xenfs xen-gntdev xen-gntalloc xen-evtchn xen-privcmd xen-netfront xen-netback xen-blkfront xen-blkback
	echo virtio_pci virtio_blk virtio_net 9p 9pnet_virtio
	echo ext4 xfs brd loop null_blk scsi_debug sd_mod bfq kyber-iosched raid0 raid1 raid10 raid456
	echo dm-mod dm-delay dm-flakey dm-linear dm-log-writes dm-mirror dm-raid dm-snapshot dm-thin-pool
	echo nbd nfsd nfs nfsv4
	echo bridge br_netfilter veth 8021q tun tap dummy ifb macvlan macvtap ipvlan bonding vxlan nlmon netconsole
	echo pktgen tcp_diag udp_diag inet_diag unix_diag packet_diag af_packet_diag tcp_bbr
	find "$modules"/net/{netfilter,sched,ipv4/netfilter,ipv6/netfilter} -name '*.ko*' 2> /dev/null |
		sed 's/.*\///; s/\.ko.*//' | grep -E '^(nft?|act|cls|em|sch)_'
}

# Module files named in dependency order, relative to the version's directory; unknown and built-in ones fall out.
resolve_modules() {
	local version=$1
	shift
	{ in_root modprobe -q -a -S "$version" --show-depends "$@" 2> /dev/null || true; } |
		sed -n "s|^insmod [^ ]*/modules/$version/\([^ ]*\).*|\1|p" | awk '!seen[$0]++'
}

# Plain copies (no .xz) below the directory given, so that loading is cheap under the emulator.
copy_modules() {
	local version=$1 to=$2 file
	while read -r file; do
		mkdir -p "$to/$(dirname "$file")"
		case $file in
		*.xz) in_root xz -dc < "$ROOT/usr/lib/modules/$version/$file" > "$to/${file%.xz}" ;;
		*.zst) in_root zstd -q -dc < "$ROOT/usr/lib/modules/$version/$file" > "$to/${file%.zst}" ;;
		*) cp "$ROOT/usr/lib/modules/$version/$file" "$to/$file" ;;
		esac
	done
}

make_modtree() {
	local version tree
	version=$(kernel_version)
	tree=$SUITE_DIR/modtree.new/usr/lib/modules/$version
	rm -rf "$SUITE_DIR/modtree.new"
	mkdir -p "$tree"
	cp "$ROOT/usr/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$tree/"
	# shellcheck disable=SC2046
	resolve_modules "$version" $(wanted_modules "$version") > "$SUITE_DIR/modules.list"
	copy_modules "$version" "$tree" < "$SUITE_DIR/modules.list"
	rm -rf "$SUITE_DIR/modtree"
	mv "$SUITE_DIR/modtree.new" "$SUITE_DIR/modtree"
}

# dom0's disk: the root without compiler, headers and the modules that nobody loads.
make_image() {
	local tree=$SUITE_DIR/image.tree version
	version=$(kernel_version)
	rm -rf "$tree"
	cp -al "$ROOT" "$tree"
	rm -rf "${tree:?}"/{boot,src,var/lib/apt,var/cache,usr/src,usr/include,usr/lib/gcc,usr/libexec/gcc,tmp,usr/lib/modules}
	rm -f "$tree"/usr/lib/x86_64-linux-gnu/*.a
	mkdir -p "$tree"/{tmp,boot,lab,fido,usr/lib/modules,var/cache}
	cp -al "$SUITE_DIR/modtree/usr/lib/modules/$version" "$tree/usr/lib/modules/$version"
	chroot "$tree" depmod "$version"
	rm -f "$SUITE_DIR/root.img"
	mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -m 0 -d "$tree" "$SUITE_DIR/root.img" 3G
	rm -rf "$tree"
}

make_dom0_initrd() {
	local version tree=$SUITE_DIR/dom0-initrd.tree
	version=$(kernel_version)
	rm -rf "$tree"
	mkdir -p "$tree"/{bin,modules,dev}
	cp "$ROOT/usr/bin/busybox" "$tree/bin/busybox"
	resolve_modules "$version" virtio_pci virtio_blk ext4 crc32c_generic |
		copy_modules "$version" "$tree/modules"
	(cd "$tree/modules" && resolve_modules "$version" virtio_pci virtio_blk ext4 crc32c_generic |
		sed 's/\.\(xz\|zst\)$//' > order)
	cp "$LAB_DIR/guest/dom0-initrd" "$tree/init"
	(cd "$tree" && find . | cpio -o -H newc --quiet) > "$SUITE_DIR/dom0-initrd.cpio"
	rm -rf "$tree"
}

derive_from_root() {
	local version
	version=$(kernel_version)
	gzip -dc "$ROOT/boot/xen-$(xen_version)-amd64.gz" > "$SUITE_DIR/xen"
	unpack_kernel "$ROOT/boot/vmlinuz-$version" "$SUITE_DIR/vmlinux"
	make_modtree
	make_image
	make_dom0_initrd
}

build_root() {
	local key
	key=$(recipe_key)
	[ "$(cat "$SUITE_DIR/key" 2> /dev/null)" = "$key" ] && return 0
	need_root root
	lab_setup quiet
	say "building the $SUITE root in $SUITE_DIR (once; later starts need no network)"
	mkdir -p "$SUITE_DIR"
	rm -rf "$SUITE_DIR/root.new" "$SUITE_DIR/key"
	# shellcheck disable=SC2046 # words
	step "bootstrap of $SUITE" bootstrap "$SUITE_DIR/root.new" $(root_packages)
	rm -rf "$ROOT"
	mv "$SUITE_DIR/root.new" "$ROOT"
	step "kernel, Xen and disk image" derive_from_root
	echo "$key" > "$SUITE_DIR/key"
}

lab_root() {
	with_lock "root-$SUITE" build_root
	[ "${1-}" = quiet ] || say "$SUITE: Xen $(xen_version), Linux $(kernel_version), $ROOT"
}
