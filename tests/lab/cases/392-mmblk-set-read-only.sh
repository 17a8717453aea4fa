# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a device that the server's host makes read-only, and writable again, while it is served
# TIMEOUT: 200
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

is_read_only() {
	[ "$(attribute ro)" = "$1" ]
}

write_block() {
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
}

run() {
	local writes
	disk_fresh
	write_block
	writes=$(server_stat writes)
	in_vm a "blockdev --setro $SERVED"
	# before the client has heard of it: the server refuses by itself
	expect_failure write_block
	wait_for 20 is_read_only 1
	expect_failure write_block
	assert_eq "$(server_stat writes)" "$writes" "writes since the device is read-only"
	same_sums
	in_vm a "blockdev --setrw $SERVED"
	wait_for 20 is_read_only 0
	write_block
	same_sums
}

cleanup() {
	in_vm a "blockdev --setrw $SERVED; true"
	disks_gone
}
