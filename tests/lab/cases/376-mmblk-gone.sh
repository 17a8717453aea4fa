# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: the device behind is unplugged, or fails altogether, under I/O: the client gets errors and does not hang, the disk can be removed, and nobody holds the device
# SHORT: it is unplugged; in 377 it fails
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

requires() {
	need_module fido mmblk
	need_tool fidoctl dmsetup
}

load_start() {
	in_vm_bg b "! $FIO --filename=/dev/$DISK --rw=randwrite --bssplit=4k/50:64k/50 --size=24M --time_based --runtime=600 --iodepth=32" > "$CASE_DIR/fio.out" 2>&1
	LOAD=$BG
	wait_for 30 has_completed 100
}

load_failed() {
	wait "$LOAD"
	assert_match "$(cat "$CASE_DIR/fio.out")" 'Input/output error|No such device|No space left' "what fio was told"
	wait_for 20 nothing_in_flight
}

unplugged() {
	scsi_serve dev_size_mb=32
	load_start
	in_vm a "echo 1 > /sys/block/${SERVED##*/}/device/delete"
	load_failed
	expect_failure in_vm b "dd if=/dev/zero of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
	assert_eq "$(in_vm b "dd if=/dev/$DISK bs=4k count=1 iflag=direct 2> /dev/null | wc -c")" 0 "bytes that can be read"
	disk_remove b a "$SERVED" only
	# the module goes when nobody has its disk open
	scsi_debug_gone
}

# The same without a word about the size, and with a way back
replaced() {
	ramdisks a 1 24
	mapped gone "0 49152 linear /dev/ram0 0"
	disk_serve /dev/mapper/gone
	load_start
	remapped gone "0 49152 error"
	load_failed
	meets 'Input/output error' "dd if=/dev/$DISK of=/dev/null bs=4k count=1 iflag=direct"
	meets 'Input/output error' "dd if=/dev/zero of=/dev/$DISK bs=4k count=1 oflag=direct conv=notrunc"
	assert_ge "$(disk_stat b "$DISK" errors)" 2 "errors"
	remapped gone "0 49152 linear /dev/ram0 0"
	fio_raw --rw=randwrite --bssplit=4k/50:64k/50 --size=24M --iodepth=32
	same_sums
	remapped gone "0 49152 error"
	disk_remove b a "$SERVED" only
	mapped_gone gone
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk dm-mod'
	in_vm b 'modprobe mmblk'
	unplugged
	[ "$LONG" = 0 ] || replaced
}

cleanup() {
	in_vm b 'pkill fio; true'
	every_disk_gone
	mapped_gone gone
	scsi_debug_gone
	ramdisks_gone a
}
