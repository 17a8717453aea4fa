# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: it is about time, not about data
# DESCRIPTION: writes that the server has to copy do not wait for its timer when its buffers are short
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

WRITES=96
# A request that waits for a buffer without being woken loses 100 ms
LOST=5000

buffers() {
	in_vm a "echo $1 > /sys/module/mmblk/parameters/read_buffer"
}

# Milliseconds for WRITES writes of 1 MiB, eight at a time, into a loop device: those are copied.
time_writes() {
	local start
	disks_gone
	buffers "$1"
	disk_up
	assert_eq "$(attribute size)" $((32 << 11)) "size of the disk"
	start=$(date +%s%3N)
	in_vm b "fio --name=load --ioengine=libaio --direct=1 --output-format=terse --filename=/dev/$DISK \
		--rw=write --bs=1M --size=32M --loops=$((WRITES / 32)) --iodepth=8" > "$CASE_DIR/fio-$1.out"
	TOOK=$(($(date +%s%3N) - start))
	assert_ge "$(server_stat bounces)" "$WRITES" "copied writes"
}

run() {
	local room
	disks_gone
	in_vm a 'modprobe -a mmblk loop'
	in_vm b 'modprobe mmblk'
	expect_failure buffers 0
	expect_failure buffers 1025
	SERVED=$(loop_create 32M)
	time_writes 16
	room=$TOOK
	time_writes 1
	assert_ge "$(server_stat full)" 8 "requests that waited for a buffer"
	same_sums
	echo "$WRITES writes: $room ms with room for all, $TOOK ms with room for one"
	assert_ge $((room + LOST)) "$TOOK" "milliseconds with room for one write"
}

cleanup() {
	buffers 16
	disks_gone
	loop_destroy "$SERVED"
}
