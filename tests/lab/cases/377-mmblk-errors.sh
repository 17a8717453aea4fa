# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: errors cross as what they are: medium error, no space in a thin pool, failed writes; what is not hit by them is right, a device that was offline comes back
# SHORT: neither a thin pool nor zones
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

BAD_SECTOR=4660
BAD_SECTORS=10

requires() {
	need_module fido mmblk
	need_tool fidoctl dmsetup
}

errors_mark() {
	ERRORS=$(disk_stat b "$DISK" errors)
	SERVED_ERRORS=$(served_stat b a "$DISK" errors)
}

# errors_are COUNT: since errors_mark, on both sides
errors_are() {
	assert_eq "$(($(disk_stat b "$DISK" errors) - ERRORS)) $(($(served_stat b a "$DISK" errors) - SERVED_ERRORS))" "$1 $1" \
		"errors that the client and the server counted"
}

read_sector() {
	echo "dd if=/dev/$DISK of=/dev/null bs=512 skip=$1 count=1 iflag=direct"
}

# It tells ten errors in five seconds, and there were others before.
kernel_tells() {
	in_vm b "! $(read_sector $BAD_SECTOR) && dmesg | grep 'critical medium error, dev $DISK, sector $BAD_SECTOR '"
}

medium() {
	scsi_serve dev_size_mb=16 opts=2 medium_error_start=$BAD_SECTOR medium_error_count=$BAD_SECTORS
	in_vm b "head -c 16M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct"
	errors_mark
	meets 'No data available' "$(read_sector $BAD_SECTOR)"
	meets 'No data available' "$(read_sector $((BAD_SECTOR + BAD_SECTORS - 1)))"
	errors_are 2
	wait_for 30 kernel_tells
	errors_mark
	in_vm b "$(read_sector $((BAD_SECTOR - 1))) && $(read_sector $((BAD_SECTOR + BAD_SECTORS)))"
	in_vm b "dd if=/dev/$DISK bs=$((BAD_SECTOR * 512)) count=1 iflag=direct | cmp -n $((BAD_SECTOR * 512)) - /tmp/data"
	errors_are 0
}

offline() {
	in_vm a "echo offline > /sys/block/${SERVED##*/}/device/state"
	meets 'No such device|Input/output error' "$(read_sector 0)"
	in_vm a "echo running > /sys/block/${SERVED##*/}/device/state"
	in_vm b "dd if=/dev/$DISK bs=1M count=2 iflag=direct | cmp -n 2097152 - /tmp/data"
	disk_remove b a "$SERVED" only
	scsi_debug_gone
}

# pool_uses BLOCKS: of 64 KiB, as in "0 16384 thin-pool TRANSACTION USED/TOTAL USED/TOTAL ..."
pool_uses() {
	in_vm a "dmsetup status pool | awk '{ split(\$6, data, \"/\"); exit data[1] != $1 }'"
}

# A pool of 8 MiB, and a volume that promises 32
no_space() {
	ramdisks a 2 8
	mapped pool "0 16384 thin-pool /dev/ram0 /dev/ram1 128 0 1 error_if_no_space"
	in_vm a 'dmsetup message pool 0 "create_thin 0"'
	mapped thin "0 65536 thin /dev/mapper/pool 0"
	disk_serve /dev/mapper/thin
	in_vm b "head -c 6M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct"
	errors_mark
	meets 'No space left on device' "dd if=/dev/zero of=/dev/$DISK bs=64k seek=256 count=100 oflag=direct"
	assert_ge "$(disk_stat b "$DISK" errors)" $((ERRORS + 1)) "errors"
	wait_for 30 pool_uses 128
	# what has its space can be written and read
	in_vm b "dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct conv=notrunc && dd if=/dev/$DISK bs=1M count=6 iflag=direct | cmp -n 6291456 - /tmp/data"
	# what the client gives back is free in the pool
	in_vm b "blkdiscard -o 16M -l 4M /dev/$DISK"
	wait_for 30 pool_uses 96
	disk_remove b a "$SERVED" only
	mapped_gone thin pool
}

# Half of the device fails, then all writes do.
failures() {
	ramdisks a 1 16
	mapped half "0 16384 linear /dev/ram0 0\n16384 16384 error"
	disk_serve /dev/mapper/half
	errors_mark
	meets 'Input/output error' "dd if=/dev/zero of=/dev/$DISK bs=4k seek=2048 count=1 oflag=direct"
	meets 'Input/output error' "$(read_sector 16384)"
	errors_are 2
	in_vm b "dd if=/tmp/data of=/dev/$DISK bs=1M count=6 oflag=direct conv=notrunc && dd if=/dev/$DISK bs=1M count=6 iflag=direct | cmp -n 6291456 - /tmp/data"
	errors_are 2

	remapped half "0 32768 flakey /dev/ram0 0 0 60 1 error_writes"
	errors_mark
	meets 'Input/output error' "dd if=/dev/zero of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
	in_vm b "dd if=/dev/$DISK bs=1M count=6 iflag=direct | cmp -n 6291456 - /tmp/data"
	# of a cached write only fsync() can tell
	meets 'Input/output error' "dd if=/dev/zero of=/dev/$DISK bs=4k count=1 conv=notrunc,fsync"
	assert_ge "$(disk_stat b "$DISK" errors)" $((ERRORS + 2)) "errors"
	disk_remove b a "$SERVED" only
	mapped_gone half
}

# Its zones have to be written in order.
zoned() {
	local said
	in_vm a 'modprobe null_blk nr_devices=1 zoned=1 zone_size=4 gb=1'
	said=$(expect_failure in_dom0 "fidoctl blk add b a:/dev/nullb0 --wait $((20 * SLOW)) 2>&1")
	assert_match "$said" 'cannot serve /dev/nullb0: zoned devices are not supported' "what fidoctl says"
	wait_for 30 in_vm a 'rmmod null_blk'
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk dm-mod dm-thin-pool dm-flakey'
	in_vm b 'modprobe mmblk'
	medium
	offline
	[ "$LONG" = 0 ] || no_space
	failures
	[ "$LONG" = 0 ] || zoned
}

cleanup() {
	in_vm b 'rm -f /tmp/data'
	every_disk_gone
	mapped_gone thin pool half
	scsi_debug_gone
	ramdisks_gone a
	in_vm a '! grep -q "^null_blk " /proc/modules || rmmod null_blk'
}
