# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: mkfs.xfs, mount, verified fio, remount, sums right, xfs_repair without a complaint in the client and in the server
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

FILES="fio --directory=/mnt --ioengine=libaio --verify=crc32c --verify_fatal=1 --output-format=terse
	--name=small --rw=randwrite --bs=4k --size=4M --direct=1 --iodepth=16 --randseed=7
	--name=large --rw=write --bs=128k --size=12M --direct=1 --iodepth=8 --randseed=8
	--name=cached --rw=randwrite --bsrange=1k-64k --size=4M --end_fsync=1 --randseed=9"

requires() {
	need_module fido mmblk
	need_tool fidoctl mkfs.xfs
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk loop xfs'
	in_vm b 'modprobe -a mmblk xfs; mkdir -p /mnt'
	# XFS wants 300 MiB; what is not written takes no memory
	loop_serve 512M
	in_vm b "mkfs.xfs -q -f /dev/$DISK && mount -t xfs /dev/$DISK /mnt"
	in_vm b "$(tr '\n' ' ' <<< "$FILES")" > "$CASE_DIR/fio.out"
	in_vm b 'cd /mnt && sha256sum * > /tmp/sums && fstrim /mnt'
	assert_ge "$(disk_stat b "$DISK" discards)" 1 "discards of mkfs and fstrim"
	in_vm b "umount /mnt; echo 3 > /proc/sys/vm/drop_caches
		mount -t xfs /dev/$DISK /mnt && cd /mnt && sha256sum -c --quiet /tmp/sums"
	in_vm b "umount /mnt && xfs_repair -n /dev/$DISK > /tmp/repair 2>&1 || { cat /tmp/repair; false; }"
	assert_eq "$(served_stat b a "$DISK" refused)" 0 "refused requests"
	# What the client left is a file system for the server, too.
	disk_remove b a "$SERVED" only
	in_vm a "xfs_repair -n $SERVED > /tmp/repair 2>&1 || { cat /tmp/repair; false; }"
	in_vm b 'cat /tmp/sums' | to_vm a /tmp/sums
	in_vm a "mkdir -p /mnt && mount -t xfs -o ro $SERVED /mnt && cd /mnt && sha256sum -c --quiet /tmp/sums"
}

cleanup() {
	in_vm b 'umount /mnt 2> /dev/null; true'
	in_vm a 'umount /mnt 2> /dev/null; true'
	every_disk_gone
	loops_gone
}
