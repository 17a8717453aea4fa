# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a read-only export cannot be written, whatever the client tries; what is in use is not served
# TIMEOUT: 200
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

read_only() {
	disk_up --read-only
	assert_eq "$(attribute ro)" 1 "read-only flag"
	same_sums
	expect_failure in_vm b "dd if=/dev/zero of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
	expect_failure in_vm b "blkdiscard /dev/$DISK"
	in_vm b "blockdev --setrw /dev/$DISK; true"
	expect_failure in_vm b "dd if=/dev/zero of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
	assert_eq "$(server_stat writes)" 0 "writes"
	same_sums
}

in_use() {
	disks_gone
	in_vm a "modprobe ext4; mkdir -p /mnt; mkfs.ext4 -q $SERVED && mount $SERVED /mnt"
	expect_failure in_dom0 "fidoctl blk add b a:$SERVED --wait $((20 * SLOW))" 2>&1 | tee "$CASE_DIR/refusal"
	assert_match "$(cat "$CASE_DIR/refusal")" 'mounted or otherwise in use' "the reason"
	in_vm a 'umount /mnt'
	disks_gone
	expect_failure in_dom0 "fidoctl blk add b a:/dev/none --wait $((20 * SLOW))" 2>&1 | tee "$CASE_DIR/refusal"
	assert_match "$(cat "$CASE_DIR/refusal")" 'no such device' "the reason"
	in_dom0 'fidoctl blk remove b a:/dev/none > /dev/null 2>&1; true'
}

run() {
	disks_gone
	storage_modules
	in_vm a "dd if=/dev/urandom of=$SERVED bs=1M count=8"
	expect_log 'fido-.*cannot serve'
	read_only
	in_use
}

cleanup() {
	in_vm a 'umount /mnt 2> /dev/null; true'
	disks_gone
}
