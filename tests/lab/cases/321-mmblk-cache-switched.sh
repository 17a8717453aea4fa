# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: the write cache of a served device is switched on and off: the disk stays what it was, writes and zeroes are durable all the same
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

switch_cache() {
	in_vm a "echo '$1' > /sys/block/${SERVED##*/}/queue/write_cache"
}

disk_of() {
	disks_gone
	switch_cache "$1"
	disk_up
	assert_eq "$(attribute queue/write_cache)" "$1" "write cache of the disk"
}

write_block() {
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
}

# Does the client ask for what nobody above it did?
writes_through() {
	local before
	before=$(client_stat fua)
	write_block
	[ "$(client_stat fua)" -gt "$before" ]
}

flushes_of_behind() {
	in_vm a "awk '{ print \$16 }' /sys/block/${SERVED##*/}/stat"
}

zeroes() {
	local fua behind
	fua=$(client_stat fua)
	behind=$(flushes_of_behind)
	in_vm b "blkdiscard -z -o 512 -l 1M /dev/$DISK"
	assert_ge "$(client_stat write_zeroes)" 1 "write zeroes"
	assert_ge "$(client_stat fua)" $((fua + 1)) "zeroes that are to be durable"
	assert_ge "$(flushes_of_behind)" $((behind + 1)) "flushes behind after zeroes"
	in_vm b "dd if=/dev/$DISK bs=512 skip=1 count=2048 iflag=direct | cmp -n 1048576 - /dev/zero"
}

switched_on() {
	disk_of "write through"
	expect_failure writes_through
	switch_cache "write back"
	wait_for 20 writes_through
	zeroes
	# for good: also when the limits have long been read again
	in_vm b 'sleep 5'
	writes_through
	assert_eq "$(attribute queue/write_cache)" "write through" "write cache of the disk, as before"
	same_sums
}

switched_off() {
	local before
	disk_of "write back"
	switch_cache "write through"
	in_vm b 'sleep 5'
	before=$(server_stat flushes)
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc,fsync"
	assert_ge "$(server_stat flushes)" $((before + 1)) "flushes after fsync()"
	assert_eq "$(attribute queue/write_cache)" "write back" "write cache of the disk, as before"
	switch_cache "write back"
	in_vm b 'sleep 5'
	expect_failure writes_through
	same_sums
}

run() {
	disks_gone
	in_vm a 'modprobe -a mmblk loop'
	in_vm b 'modprobe mmblk'
	SERVED=$(loop_create 32M)
	switched_on
	switched_off
}

cleanup() {
	disks_gone
	loop_destroy "$SERVED"
}
