# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: RAID-1 over the disks of two storage VMs: one is destroyed under load, the array goes on degraded with all data right, and is whole again when the VM is back
# TIMEOUT: 600
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

SECTORS=$((48 * 2048))

requires() {
	need_module fido mmblk
	need_tool fidoctl mdadm
}

disk_from() {
	in_vm "$1" 'modprobe mmblk'
	ramdisks "$1" 1 $((SECTORS / 2048))
	disk_add b "$1" /dev/ram0 "from-$1"
}

array() {
	in_vm b "cat /sys/block/md0/md/$1"
}

array_is() {
	[ "$(array degraded) $(array sync_action)" = "$1 idle" ]
}

writes_done() {
	[ "$(disk_stat b "$(disk_named b from-c)" writes)" -ge "$1" ]
}

# Files that are written and synced one after the other, with their sums
load_start() {
	# shellcheck disable=SC2016 # for the VM's shell
	in_vm_bg b 'i=0; while [ $i -lt 400 ] && ! [ -e /tmp/stop ]; do
			i=$((i + 1)); f=/mnt/f$((i % 12))
			head -c 1500000 /dev/urandom > $f && sync $f || exit 1
			sha256sum $f > /tmp/sums.$((i % 12)); echo $i > /tmp/count
		done'
}

rounds_are() {
	[ "$(in_vm b 'cat /tmp/count')" -ge "$1" ]
}

run() {
	local load before
	every_disk_gone
	in_vm b 'modprobe -a mmblk raid1 ext4; mkdir -p /mnt; rm -f /tmp/stop /tmp/count /tmp/sums*'
	disk_from a
	disk_from c
	in_vm b "mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --bitmap=none \
		/dev/$(disk_named b from-a) /dev/$(disk_named b from-c) < /dev/null"
	wait_for 60 array_is 0
	in_vm b 'mkfs.ext4 -q /dev/md0 && mount /dev/md0 /mnt'

	load_start
	load=$BG
	wait_for 60 rounds_are 3
	vm_kill c
	vm_wait_gone c
	# what c was asked for waits for its return; nobody waits any more when the disk is taken away
	in_dom0 'fidoctl link remove --stale'
	wait_for 60 array_is 1
	before=$(in_vm b 'cat /tmp/count')
	wait_for 60 rounds_are $((before + 3))

	vm_create c
	disk_from c
	in_vm b "mdadm --manage /dev/md0 --remove detached; mdadm --manage /dev/md0 --add /dev/$(disk_named b from-c)"
	wait_for 120 array_is 0
	in_vm b 'touch /tmp/stop'
	wait "$load"
	in_vm b 'cat /tmp/sums.* | sha256sum -c --quiet'
	in_vm b 'umount /mnt; echo check > /sys/block/md0/md/sync_action'
	wait_for 60 array_is 0
	assert_eq "$(array mismatch_cnt)" 0 "sectors in which the two halves differ"
	in_vm b 'e2fsck -fn /dev/md0'
}

cleanup() {
	in_vm b 'touch /tmp/stop; umount /mnt 2> /dev/null; ! [ -e /dev/md0 ] || mdadm --stop /dev/md0; rm -f /tmp/sums.*'
	every_disk_gone
	ramdisks_gone a
}
