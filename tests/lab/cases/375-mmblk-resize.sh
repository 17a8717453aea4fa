# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: the server's device grows and shrinks: the client sees it, a mounted file system grows with it, I/O beyond a new end fails and nothing else does
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

requires() {
	need_module fido mmblk
	need_tool fidoctl dmsetup
}

# resized MIB: the device in the server, then the disk in the client
resized() {
	in_vm a "truncate -s $1M /tmp/loop.img && losetup -c $SERVED"
	wait_for 30 sectors_are $(($1 * 2048))
	assert_eq "$(in_vm b "lsblk -bdno SIZE /dev/$DISK" | xargs)" $(($1 << 20)) "size that lsblk shows"
}

reported() {
	in_dom0 "fidoctl blk show b a:$SERVED --json" | tr -d ' \n' | has "\"sectors\":\"$1\""
}

grows() {
	in_vm b "mkfs.ext4 -q /dev/$DISK && mount /dev/$DISK /mnt && head -c 20M /dev/urandom > /mnt/1 &&
		cd /mnt && sha256sum 1 > /tmp/sums"
	expect_failure in_vm b 'head -c 80M /dev/zero > /mnt/2'
	in_vm b 'rm /mnt/2; sync /mnt'
	resized 128
	wait_for 30 reported $((128 * 2048))
	in_vm b "resize2fs /dev/$DISK && head -c 80M /dev/urandom > /mnt/2 && cd /mnt && sha256sum 2 >> /tmp/sums"
	in_vm b 'sync; echo 3 > /proc/sys/vm/drop_caches; cd /mnt && sha256sum -c --quiet /tmp/sums'
	in_vm b "umount /mnt && e2fsck -fn /dev/$DISK"
	# mkfs may have asked for zeroes that a file in memory cannot have: that is an error, but no refusal
	assert_eq "$(served_stat b a "$DISK" refused)" 0 "refused requests"
}

shrinks() {
	local before
	in_vm b "head -c 64M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct"
	resized 64
	assert_eq "$(in_vm b "dd if=/dev/$DISK bs=1M skip=64 count=1 iflag=direct 2> /dev/null | wc -c")" 0 "bytes behind the new end"
	meets 'No space left on device' "dd if=/tmp/data of=/dev/$DISK bs=1M seek=64 count=1 oflag=direct conv=notrunc"
	in_vm b "dd if=/dev/$DISK bs=1M iflag=direct | cmp - /tmp/data; rm /tmp/data"
	before=$(disk_stat b "$DISK" errors)
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=1M count=8 oflag=direct conv=notrunc"
	assert_eq "$(disk_stat b "$DISK" errors)" "$before" "errors below the new end"
}

# mapping MIB: a table of that size, for "sized"
mapping() {
	echo "0 $(($1 * 2048)) linear $LOOP 0"
}

# remap MIB: as resized(); a write to the file behind a loop device would make that longer again
remap() {
	remapped sized "$(mapping "$1")"
	wait_for 30 sectors_are $(($1 * 2048))
}

# The end comes nearer while requests are under way: these fail, the disk goes on.
shrinks_under_load() {
	local load
	disk_remove b a "$SERVED" only
	LOOP=$SERVED
	mapped sized "$(mapping 64)"
	disk_serve /dev/mapper/sized
	in_vm_bg b "! $FIO --filename=/dev/$DISK --rw=randwrite --bs=64k --size=64M --time_based --runtime=600 --iodepth=16" > "$CASE_DIR/fio.out" 2>&1
	load=$BG
	wait_for 30 has_completed 50
	remap 32
	wait "$load"
	assert_match "$(cat "$CASE_DIR/fio.out")" 'Input/output error|No space left' "what fio was told"
	wait_for 20 nothing_in_flight
	fio_raw --rw=randwrite --bs=64k --size=32M --iodepth=16
	same_sums
	remap 64
	fio_raw --rw=randwrite --bs=64k --size=64M --iodepth=16
	same_sums
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk loop dm-mod'
	in_vm b 'modprobe -a mmblk ext4; mkdir -p /mnt'
	loop_serve 64M
	grows
	shrinks
	shrinks_under_load
}

cleanup() {
	in_vm b 'pkill fio; umount /mnt 2> /dev/null; rm -f /tmp/data'
	every_disk_gone
	mapped_gone sized
	loops_gone
}
