# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: flushes, discards and zeroes reach a device with a write cache, and nothing else does
# TIMEOUT: 200
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

attributes() {
	local name=${SERVED##*/} file
	for file in write_cache fua discard_granularity rotational; do
		assert_eq "$(attribute queue/$file)" "$(in_vm a "cat /sys/block/$name/queue/$file")" "$file"
	done
	assert_eq "$(attribute queue/write_cache)" "write back" "write cache of a loop device"
}

flushes() {
	local before
	before=$(server_stat flushes)
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=64k count=8 oflag=direct"
	assert_eq "$(server_stat flushes)" "$before" "flushes after plain writes"
	in_vm b "for i in 1 2 3; do dd if=/dev/urandom of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc,fsync; done"
	assert_ge "$(server_stat flushes)" $((before + 3)) "flushes after three fsync()"
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=4k count=4 oflag=direct,dsync conv=notrunc"
	assert_ge "$(server_stat flushes)" $((before + 7)) "flushes after four writes with O_DSYNC"
}

# Blocks of the backing file that are allocated
allocated() {
	in_vm a 'stat -c %b /tmp/loop.img'
}

discards() {
	local before
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=1M count=8 oflag=direct conv=fsync"
	before=$(allocated)
	in_vm b "blkdiscard -o 1M -l 4M /dev/$DISK"
	assert_ge "$(server_stat discards)" 1 "discards"
	assert_eq "$(allocated)" $((before - 8192)) "blocks behind after a discard of 4 MiB"
	expect_failure in_vm b "blkdiscard -o 100 -l 512 /dev/$DISK"
}

zeroes() {
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=1M count=4 oflag=direct conv=fsync"
	in_vm b "blkdiscard -z -o 512 -l 1M /dev/$DISK"
	assert_ge "$(server_stat write_zeroes)" 1 "write zeroes"
	in_vm b "dd if=/dev/$DISK bs=512 skip=1 count=2048 iflag=direct | cmp -n 1048576 - /dev/zero"
	in_vm b "! dd if=/dev/$DISK bs=512 count=1 iflag=direct | cmp -n 512 - /dev/zero"
}

run() {
	disks_gone
	in_vm a 'modprobe -a mmblk loop'
	in_vm b 'modprobe mmblk'
	SERVED=$(loop_create 32M)
	disk_up
	attributes
	flushes
	discards
	zeroes
	same_sums
}

cleanup() {
	disks_gone
	loop_destroy "$SERVED"
}
