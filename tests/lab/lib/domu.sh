# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The domUs' initramfs: programs of the suite root with their libraries, and the lab's module tree.

domu_programs() {
	echo bash mount umount losetup blkdiscard blkid lsblk fstrim flock setsid taskset
	echo dd cp mv rm ls cat cmp diff stat sync truncate seq sort head tail wc md5sum sha256sum timeout sleep tee od stdbuf nproc env date
	echo grep sed awk find xargs tar kmod ps free top vmstat pkill pgrep sysctl
	echo ip bridge tc ss ping ethtool nft tcpdump socat netperf netserver iperf3
	echo mke2fs e2fsck tune2fs dumpe2fs resize2fs debugfs mkfs.xfs xfs_repair dmsetup mdadm blktrace fio stress-ng strace python3
	echo blockdev mkswap swapon swapoff sfdisk partx
	echo nbd-client nbd-server exportfs rpc.nfsd rpc.mountd
	echo lvm pvcreate vgcreate vgextend vgremove lvcreate lvextend lvremove pvmove pvs vgs lvs vgchange
	echo xenstore-read xenstore-write xenstore-ls xenstore-rm xenstore-list xenstore-exists xenstore-watch xenstore-chmod
}

# Libraries that only cost memory and start-up time here: nobody uses fio's Ceph engines in an initramfs.
stub_libraries() {
	echo librbd.so.1:fio librados.so.2:fio libnfs.so:fio libIPSec_MB.so:stress-ng
}

resolve_program() {
	in_root sh -c 'readlink -f "$(command -v "$1")"' sh "$1"
}

# make_stub TREE LIBRARY PROGRAM: an empty library with the functions that the program asks of the real one.
make_stub() {
	local tree=$1 library=$2 program=$3 real
	real=$(in_root ldd "$program" | awk -v l="$library" 'index($1, l) == 1 && !n++ { print $3 }')
	[ -n "$real" ] || return 0
	in_root sh -ec '
		nm -D --defined-only "$1" | awk "\$2 ~ /[TWi]/ { sub(/@.*/, \"\", \$3); print \$3 }" | sort -u > /tmp/defined
		nm -D --undefined-only "$2" | awk "{ sub(/@.*/, \"\", \$2); print \$2 }" | sort -u > /tmp/wanted
		comm -12 /tmp/defined /tmp/wanted | sed "s/.*/int &(void) { return -1; }/" > /tmp/stub.c
		gcc -w -fno-builtin -shared -nostdlib -Wl,-soname,"$3" -o /tmp/stub.so /tmp/stub.c
		rm -f /tmp/defined /tmp/wanted /tmp/stub.c' sh "$real" "$program" "$(basename "$real")"
	mkdir -p "$tree/usr/lib/stubs"
	mv "$ROOT/tmp/stub.so" "$tree/usr/lib/stubs/$(basename "$real")"
}

add_stubs() {
	local tree=$1 pair program
	for pair in $(stub_libraries); do
		program=$(resolve_program "${pair#*:}")
		make_stub "$tree" "${pair%%:*}" "$program"
	done
}

# ldd in the root, but with the stubs in place of the heavy libraries.
collect_files() {
	local tree=$1 program path
	mkdir -p "$ROOT/tmp/stubs"
	cp "$tree"/usr/lib/stubs/* "$ROOT/tmp/stubs/"
	for program in $(domu_programs); do
		path=$(resolve_program "$program")
		[ -n "$path" ] || { echo "no $program in the root" >&2; continue; }
		echo "$path"
		in_root env LD_LIBRARY_PATH=/tmp/stubs ldd "$path" 2> /dev/null |
			sed -nE 's/^(.* => )?[[:space:]]*(\/[^ ]+) \(0x.*/\2/p' | grep -v '^/tmp/stubs/' || true
	done | sort -u
	rm -rf "$ROOT/tmp/stubs"
}

copy_files() {
	local tree=$1 file
	while read -r file; do
		# The loader's names go through /lib -> usr/lib, as in the root.
		file=${file/#\/lib/\/usr\/lib}
		file=${file/#\/bin/\/usr\/bin}
		file=${file/#\/sbin/\/usr\/sbin}
		mkdir -p "$tree$(dirname "$file")"
		cp -L "$ROOT$file" "$tree$file"
	done
}

# Names by which programs are called when they are links to something else, and busybox for all the rest.
link_programs() {
	local tree=$1 name path
	for name in $(domu_programs) modprobe insmod rmmod lsmod modinfo depmod mkfs.ext4 fsck.ext4 mkfs.ext2; do
		path=$(in_root sh -c 'command -v "$1"' sh "$name")
		[ -n "$path" ] || continue
		[ -e "$tree/usr/bin/$name" ] || [ -e "$tree/usr/sbin/$name" ] ||
			ln -s "$(resolve_program "$name")" "$tree$path"
	done
	cp "$ROOT/usr/bin/busybox" "$tree/usr/bin/busybox"
	for name in $(in_root busybox --list); do
		[ -e "$tree/usr/bin/$name" ] || [ -L "$tree/usr/bin/$name" ] || [ -e "$tree/usr/sbin/$name" ] ||
			ln -s /usr/bin/busybox "$tree/usr/bin/$name"
	done
	for name in poweroff reboot halt; do
		rm -f "$tree/usr/bin/$name"
		printf '#!/bin/busybox sh\nexec busybox %s -f\n' "$name" > "$tree/usr/sbin/$name"
		chmod +x "$tree/usr/sbin/$name"
	done
}

make_domu_tree() {
	local tree=$1 d
	mkdir -p "$tree"/{usr/bin,usr/sbin,usr/lib,usr/lib64,etc,proc,sys,dev,lab,root,tmp,run,mnt,fido,var/lib}
	for d in bin sbin lib lib64; do
		ln -s "usr/$d" "$tree/$d"
	done
	add_stubs "$tree"
	collect_files "$tree" | copy_files "$tree"
	cp -r "$ROOT"/usr/lib/python3* "$tree/usr/lib/" 2> /dev/null || true
	find "$tree/usr/lib" -maxdepth 2 \( -name __pycache__ -o -name 'test' -o -name 'idlelib' -o -name dist-packages \) -prune -exec rm -rf {} +
	mkdir -p "$tree/etc/ld.so.conf.d" "$tree/usr/lib/netns"
	{ echo /usr/lib/stubs; cat "$ROOT"/etc/ld.so.conf.d/*.conf; } > "$tree/etc/ld.so.conf"
	echo 'root:x:0:0:root:/root:/bin/bash' > "$tree/etc/passwd"
	echo 'root:x:0:' > "$tree/etc/group"
	cp "$ROOT"/etc/{protocols,services} "$tree/etc/" 2> /dev/null || true
	cp -r "$ROOT/etc/iproute2" "$tree/etc/" 2> /dev/null || cp -r "$ROOT/usr/share/iproute2" "$tree/etc/" 2> /dev/null || true
	link_programs "$tree"
	cp -al "$GUEST_DIR/modtree/usr/lib/modules" "$tree/usr/lib/modules"
	"$ROOT/usr/sbin/ldconfig" -r "$tree" 2> /dev/null || ldconfig -r "$tree"
	ln -s /lab/init "$tree/init"
}

domu_key() {
	{
		cat "$LAB_DIR/lib/domu.sh" "$SUITE_DIR/key"
		[ "$KERNEL" = debian ] || cat "$GUEST_DIR/key"
	} | sha256sum | cut -c1-16
}

make_domu_base() {
	local tree=$GUEST_DIR/domu.tree key
	key=$(domu_key)
	[ "$(cat "$GUEST_DIR/domu-base.key" 2> /dev/null)" = "$key" ] && [ -s "$GUEST_DIR/domu-base.cpio" ] && return 0
	rm -rf "$tree"
	make_domu_tree "$tree"
	rm -f "$GUEST_DIR/domu-base.cpio"
	(cd "$tree" && find . | cpio -o -H newc --quiet) > "$GUEST_DIR/domu-base.cpio"
	rm -rf "$tree"
	echo "$key" > "$GUEST_DIR/domu-base.key"
}
