# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a file is served, on ext4 and in memory: all shapes of requests, flushes, discards, zeroes, growth; what is in use or no file is refused
# SHORT: a smaller file, fewer shapes, none in memory; less of what is refused
# TIMEOUT: 500
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

FILE_MIB=$((LONG ? 64 : 32))
# Blocks of one write: less than a page, not a multiple of one, and more than one request may have
SHAPES='1 7 255'
[ "$LONG" = 0 ] || SHAPES='1 3 7 127 255'
# A ramdisk with room for the file, which grows: the file system takes some, too
BRD_MIB=96

# A file system of one's own: the ramdisk of the other cases is smaller.
file_system() {
	in_vm a "modprobe -a ext4; rmmod brd 2> /dev/null; modprobe brd rd_nr=1 rd_size=$((BRD_MIB * 1024))
		mkfs.ext4 -q -b 4096 -m 0 /dev/ram0 && mkdir -p /mnt && mount /dev/ram0 /mnt"
}

# Blocks of 512 bytes that the file has
allocated() {
	in_vm a "sync $SERVED; stat -c %b $SERVED"
}

attributes() {
	local all
	all=$(in_vm b "cd /sys/block/$DISK && cat size ro serial queue/{logical_block_size,write_cache,discard_granularity,discard_max_bytes}" | xargs)
	assert_eq "${all% *}" "$((FILE_MIB * 2048)) 0 CASE360 $1 write back 4096" \
		"sectors, read-only flag, serial, logical block size, write cache, discard granularity"
	assert_ge "${all##* }" 1048576 "largest discard"
}

# $1: MiB; the server sees it past its cache or through it, the two agree
both_directions() {
	in_vm b "head -c $1M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct conv=notrunc"
	assert_eq "$(in_vm a "head -c $1M $SERVED | sha256sum")" "$(in_vm b 'sha256sum < /tmp/data')" "what the server has"
	assert_ge "$(client_stat lists)" 1 "requests with a list of segments"
}

# $1: logical block size
odd_shapes() {
	local blocks bs skip
	for blocks in $SHAPES; do
		bs=$((blocks * $1)) skip=$((RANDOM % 7))
		in_vm b "dd if=/tmp/data of=/dev/$DISK bs=$bs seek=$skip count=5 oflag=direct conv=notrunc
			dd if=/dev/$DISK bs=$bs skip=$skip count=5 iflag=direct | cmp -n $((5 * bs)) - /tmp/data"
	done
	# Not direct: the page cache makes requests of what it likes.
	in_vm b "dd if=/tmp/data of=/dev/$DISK bs=7777 seek=3 count=500 conv=notrunc,fsync
		dd if=/dev/$DISK bs=7777 skip=3 count=500 | cmp -n $((500 * 7777)) - /tmp/data"
}

beyond_the_end() {
	expect_failure in_vm b "dd if=/dev/zero of=/dev/$DISK bs=4k seek=$((FILE_MIB * 256)) count=1 oflag=direct"
	assert_eq "$(in_vm a "stat -c %s $SERVED")" $((FILE_MIB << 20)) "size of the file after a write beyond its end"
}

flushes() {
	local before
	before=$(server_stat flushes)
	in_vm b "for i in 1 2 3; do dd if=/dev/urandom of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc,fsync; done"
	assert_ge "$(server_stat flushes)" $((before + 3)) "flushes after three fsync()"
	before=$(server_stat fua)
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=4k count=4 oflag=direct,dsync conv=notrunc"
	assert_ge "$(server_stat fua)" $((before + 4)) "durable writes after four with O_DSYNC"
}

discards() {
	local before
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=1M count=8 oflag=direct conv=fsync"
	before=$(allocated)
	in_vm b "blkdiscard -o 1M -l 4M /dev/$DISK"
	assert_ge "$(server_stat discards)" 1 "discards"
	# ext4 may need or free a block of its own for the extents
	assert_le "$(allocated)" $((before - 8192 + 16)) "blocks of the file after a discard of 4 MiB"
	in_vm b "dd if=/dev/$DISK bs=1M skip=1 count=4 iflag=direct | cmp -n 4194304 - /dev/zero"
}

zeroes() {
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=1M count=4 oflag=direct conv=fsync"
	in_vm b "blkdiscard -z -o 4096 -l 1M /dev/$DISK"
	assert_ge "$(server_stat write_zeroes)" 1 "write zeroes"
	in_vm b "dd if=/dev/$DISK bs=4k skip=1 count=256 iflag=direct | cmp -n 1048576 - /dev/zero"
	in_vm b "! dd if=/dev/$DISK bs=4k count=1 iflag=direct | cmp -n 4096 - /dev/zero"
}

# A write to a frozen file system waits, holds up nothing else, and is done once it thaws.
frozen() {
	local writer
	in_vm a 'fsfreeze --freeze /mnt'
	in_vm_bg b "dd if=/tmp/data of=/dev/$DISK bs=64k count=4 oflag=direct conv=notrunc"
	writer=$BG
	in_vm b "dd if=/dev/$DISK of=/dev/null bs=64k skip=64 count=16 iflag=direct"
	sleep 2
	kill -0 "$writer" || fail "a write to a frozen file system is done"
	in_vm a 'fsfreeze --unfreeze /mnt'
	wait "$writer"
}

has_size() {
	[ "$(attribute size)" = "$1" ]
}

growth() {
	in_vm a "truncate -s +8M $SERVED"
	wait_for 30 has_size $(((FILE_MIB + 8) * 2048))
	in_vm b "dd if=/tmp/data of=/dev/$DISK bs=1M seek=$FILE_MIB count=8 oflag=direct conv=notrunc
		dd if=/dev/$DISK bs=1M skip=$FILE_MIB count=8 iflag=direct | cmp -n 8388608 - /tmp/data"
}

# refused PATH REASON [OPTION...]
refused() {
	expect_failure in_dom0 "fidoctl blk add b a:$1 --wait $((20 * SLOW)) ${*:3}" 2>&1 | tee "$CASE_DIR/refusal"
	assert_match "$(cat "$CASE_DIR/refusal")" "$2" "why $1 is refused"
	in_dom0 "fidoctl blk remove b a:$1 > /dev/null 2>&1; true"
}

# Under another name of it, or fidoctl itself would refuse
in_use() {
	in_vm a "ln -sf $SERVED /tmp/alias"
	refused /tmp/alias 'file is in use'
	[ "$LONG" = 0 ] || refused /tmp/alias 'file is in use' --read-only
	expect_failure in_vm a 'umount /mnt'
}

not_served() {
	refused /dev/null 'neither a block device nor a file'
	refused /mnt/none 'no such device or file'
	[ "$LONG" = 1 ] || return 0
	refused /mnt 'neither a block device nor a file'
	refused /proc/version 'no place for data' --read-only
	in_vm a 'truncate -s 1M /tmp/open'
	in_vm_bg a "exec 3>> /tmp/open; sleep $((60 * SLOW))"
	wait_for 20 in_vm a 'ls -l /proc/[0-9]*/fd 2> /dev/null | grep -q " /tmp/open$"'
	refused /tmp/open 'file is in use'
	in_vm a 'pkill sleep; true'
	in_vm a 'dd if=/dev/zero of=/mnt/swap bs=1M count=4 && mkswap /mnt/swap && swapon /mnt/swap'
	refused /mnt/swap 'file is in use'
	in_vm a 'swapoff /mnt/swap && rm /mnt/swap'
}

# Readers share it, and nobody writes it.
read_only() {
	disk_up --read-only
	assert_eq "$(attribute ro)" 1 "read-only flag"
	expect_failure in_vm b "dd if=/dev/zero of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
	expect_failure in_vm a "dd if=/dev/zero of=$SERVED bs=4k count=1 conv=notrunc"
	in_vm a "ln -sf $SERVED /tmp/alias"
	in_dom0 "fidoctl blk add b a:/tmp/alias --read-only --wait $((60 * SLOW))"
	in_dom0 'fidoctl blk remove b a:/tmp/alias'
	wait_for 30 one_disk
	DISK=$(disk_name)
	same_sums
	disks_gone
}

on_ext4() {
	local block
	file_system
	SERVED=/mnt/disk.img
	in_vm a "truncate -s ${FILE_MIB}M $SERVED"
	disk_up --serial CASE360
	block=$(in_vm a 'cat /sys/block/ram0/queue/logical_block_size')
	attributes "$block"
	both_directions 20
	odd_shapes "$block"
	beyond_the_end
	assert_eq "$(server_stat bounces)" 0 "requests that the server copied"
	flushes
	discards
	zeroes
	fio_raw --rw=randwrite --bsrange=512-1M --blockalign=512 --size=$((FILE_MIB / 2))M --iodepth=32 --bssplit=512/20:4k/20:7680/10:64k/20:128k/20:1M/10
	frozen
	in_use
	growth
	same_sums
	assert_eq "$(server_stat refused)" 0 "refused requests"
	disks_gone
	read_only
	not_served
	in_vm a 'umount /mnt && e2fsck -fn /dev/ram0'
	in_vm a 'rmmod brd'
}

# Through the page cache where the kernel has no direct I/O for it, or none that tells what it needs
in_memory() {
	local block
	FILE_MIB=32
	SERVED=/tmp/disk.img
	in_vm a "truncate -s ${FILE_MIB}M $SERVED"
	disk_up --serial CASE360
	block=$(attribute queue/logical_block_size)
	attributes "$block"
	both_directions 12
	odd_shapes "$block"
	flushes
	discards
	zeroes
	fio_raw --rw=randwrite --bssplit=4k/40:64k/30:1M/30 --size=16M --iodepth=16
	growth
	assert_eq "$(in_vm a "sha256sum < $SERVED")" "$(in_vm b "dd if=/dev/$DISK bs=1M iflag=direct 2> /dev/null | sha256sum")" "sum of the file"
	assert_eq "$(server_stat refused)" 0 "refused requests"
	disks_gone
	in_vm a "rm $SERVED"
}

run() {
	expect_log 'fido-.*cannot serve'
	disks_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk'
	on_ext4
	[ "$LONG" = 0 ] || in_memory
}

cleanup() {
	in_vm a 'fsfreeze --unfreeze /mnt 2> /dev/null; pkill sleep; swapoff /mnt/swap 2> /dev/null; true'
	in_dom0 'fidoctl blk remove b a:/tmp/alias > /dev/null 2>&1; true'
	disks_gone
	in_vm a 'umount /mnt 2> /dev/null; rmmod brd 2> /dev/null; rm -f /tmp/disk.img /tmp/alias /tmp/open; true'
}
