# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 370 does the same with XFS, and 111 has ext4
# DESCRIPTION: mkfs.ext4, mount, verified fio, remount, verified again, e2fsck without a complaint
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

FILES="fio --directory=/mnt --ioengine=libaio --verify=crc32c --verify_fatal=1 --output-format=terse
	--name=small --rw=randwrite --bs=4k --size=4M --direct=1 --iodepth=16 --randseed=7
	--name=large --rw=write --bs=128k --size=12M --direct=1 --iodepth=8 --randseed=8
	--name=cached --rw=randwrite --bsrange=1k-64k --size=4M --end_fsync=1 --randseed=9"

run() {
	disk_fresh
	in_vm a 'modprobe ext4'
	in_vm b "modprobe -a ext4 crc32c_generic; mkdir -p /mnt; mkfs.ext4 -q /dev/$DISK && mount /dev/$DISK /mnt"
	in_vm b "$(tr '\n' ' ' <<< "$FILES")" > "$CASE_DIR/fio.out"
	in_vm b "cd /mnt && sha256sum * > /tmp/sums 2> /dev/null; cd / && umount /mnt"
	in_vm b "echo 3 > /proc/sys/vm/drop_caches; mount /dev/$DISK /mnt && cd /mnt && sha256sum -c --quiet /tmp/sums"
	in_vm b "umount /mnt && e2fsck -fn /dev/$DISK"
	# What the client left is a file system for the server, too.
	in_dom0 "fidoctl blk remove b a:$SERVED"
	wait_for 30 no_disk
	in_vm a "e2fsck -fn $SERVED && mkdir -p /mnt && mount -o ro $SERVED /mnt && cd /mnt && ls"
	in_vm b 'cat /tmp/sums' | to_vm a /tmp/sums
	in_vm a 'cd /mnt && sha256sum -c --quiet /tmp/sums; cd /; umount /mnt'
}

cleanup() {
	in_vm b 'umount /mnt 2> /dev/null; true'
	in_vm a 'umount /mnt 2> /dev/null; true'
	disks_gone
}
