# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a served device appears as mmblk0 with its size and takes requests of all shapes, in both directions
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

attributes() {
	assert_eq "$(attribute size)" $((RAM_MIB * 2048)) "sectors"
	assert_eq "$(attribute ro)" 0 "read-only flag"
	assert_eq "$(attribute serial)" CASE300 "serial"
	assert_eq "$(attribute queue/logical_block_size)" "$(in_vm a 'cat /sys/block/ram0/queue/logical_block_size')" \
		"logical block size"
	assert_eq "$(attribute queue/physical_block_size)" "$(in_vm a 'cat /sys/block/ram0/queue/physical_block_size')" \
		"physical block size"
	assert_eq "$(attribute queue/max_hw_sectors_kb)" 1024 "largest request in KiB"
	assert_eq "$(attribute queue/write_cache)" "write through" "write cache of a ramdisk"
}

# The client writes, the server sees it; the server writes, the client sees it.
both_directions() {
	in_vm b "head -c 20M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct conv=notrunc"
	assert_eq "$(in_vm a "dd if=$SERVED bs=1M count=20 iflag=direct 2> /dev/null | sha256sum")" "$(in_vm b 'sha256sum < /tmp/data')" "what the server has"
	assert_ge "$(client_stat lists)" 1 "requests with a list of segments"
}

odd_shapes() {
	local bs skip
	for bs in 512 1536 3584 65024 1048064; do
		skip=$((RANDOM % 7))
		in_vm b "dd if=/tmp/data of=/dev/$DISK bs=$bs seek=$skip count=5 oflag=direct conv=notrunc
			dd if=/dev/$DISK bs=$bs skip=$skip count=5 iflag=direct | cmp -n $((5 * bs)) - /tmp/data"
	done
	# Not direct: the page cache makes requests of what it likes.
	in_vm b "dd if=/tmp/data of=/dev/$DISK bs=7777 seek=3 count=500 conv=notrunc,fsync
		dd if=/dev/$DISK bs=7777 skip=3 count=500 | cmp -n $((500 * 7777)) - /tmp/data"
}

beyond_the_end() {
	expect_failure in_vm b "dd if=/dev/zero of=/dev/$DISK bs=512 seek=$((RAM_MIB * 2048)) count=1 oflag=direct"
	expect_failure in_vm b "dd if=/dev/zero of=/dev/$DISK bs=1M seek=$((RAM_MIB - 1)) count=2 oflag=direct"
	assert_eq "$(in_vm b "dd if=/dev/$DISK bs=1M skip=$RAM_MIB count=1 2> /dev/null | wc -c")" 0 "bytes behind the end"
}

run() {
	disk_fresh --serial CASE300
	attributes
	both_directions
	odd_shapes
	beyond_the_end
	fio_raw --rw=randwrite --bsrange=512-1M --blockalign=512 --size=32M --iodepth=32 --bssplit=512/20:4k/20:7680/10:64k/20:128k/20:1M/10
	same_sums
	assert_eq "$(client_stat errors)" 0 "errors"
	assert_eq "$(server_stat refused)" 0 "refused requests"
	assert_eq "$(server_stat bounces)" 0 "requests that the server copied"
	assert_eq "$(client_stat bounces)" 0 "requests that the client copied"
}

cleanup() {
	disks_gone
}
