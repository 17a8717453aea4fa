# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: what programs do to a block device: O_DIRECT of odd shapes, a thousand pieces, O_EXCL, RWF_NOWAIT, BLKROSET, BLKFLSBUF, io_uring, the end; refusals as of any disk
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

# io_uring, with registered memory and files, and in the modes that ask for polling where there is a queue to poll or not
rings() {
	local options
	for options in "--fixedbufs=1 --registerfiles=1" "--sqthread_poll=1" "--nonvectored=1 --force_async=4"; do
		in_vm b "fio --name=ring --ioengine=io_uring --direct=1 --verify=crc32c --verify_fatal=1 --output-format=terse \
			--filename=/dev/$DISK --rw=randwrite --bssplit=512/20:4k/40:128k/40 --size=16M --iodepth=32 $options" > "$CASE_DIR/fio.out"
	done
	in_vm b "fio --name=polled --ioengine=pvsync2 --hipri=1 --direct=1 --verify=crc32c --verify_fatal=1 --output-format=terse \
		--filename=/dev/$DISK --rw=randwrite --bs=4k --size=4M" > "$CASE_DIR/fio.out"
}

serve() {
	disk_serve "$1"
	in_vm b "python3 -S /tmp/blockdev.py /dev/$DISK"
	rings
	same_sums
	wait_for 20 nothing_in_flight
	assert_eq "$(served_stat b a "$DISK" refused)" 0 "refused requests"
	assert_eq "$(disk_stat b "$DISK" errors)" 0 "errors"
	disk_remove b a "$SERVED" only
}

run() {
	local loop
	every_disk_gone
	in_vm a 'modprobe -a mmblk loop'
	in_vm b 'modprobe mmblk'
	helper_to b blockdev.py
	ramdisks a 1 32
	serve /dev/ram0
	loop=$(loop_create 32M)
	serve "$loop"
}

cleanup() {
	in_vm b 'pkill fio; true'
	every_disk_gone
	loops_gone
	ramdisks_gone a
}
