# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: what a server may have behind: ramdisk, null_blk, SCSI disk, partition, loop, RAID-1, RAID-5, mapped device, all with a file system in the client; whether data is copied for it is told, and true; parts of what is served are refused
# TIMEOUT: 600
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

MIB=24

requires() {
	need_module fido mmblk
	need_tool fidoctl dmsetup mdadm
}

# told NAME: an attribute of the server for DISK
told() {
	local service
	service=$(in_vm b "basename \$(readlink /sys/block/$DISK/device)")
	in_vm a "cat /sys/bus/fido/devices/fido-$(domid_of b).${service##*.}/$1"
}

# unsupported: requests of DISK that the device cannot do. A loop device on a file system without that finds out by the first
# zeroes that it is to write, as it does for a user of its own; who asked then writes them. RAID-5 of Linux 7.2 offers discards
# and refuses them.
unsupported() {
	in_vm b "dmesg | grep -cE 'operation not supported error, dev $DISK, .*\((WRITE_ZEROES|DISCARD)\)' || true"
}

# serves DEVICE COPIED OPTION...: verified writes, a file system, and the same bytes on both sides; COPIED is 1 if the client's pages do not reach the device
serves() {
	local before
	disk_serve "$1" "${@:3}"
	before=$(unsupported)
	assert_eq "$(told bounce)" "$2" "is data for $1 copied"
	fio_raw --rw=randwrite --bssplit=4k/50:64k/30:256k/20 --size=16M --iodepth=16
	if [ "$2" = 1 ]; then
		assert_ge "$(served_stat b a "$DISK" bounces)" 1 "writes that were copied for $1"
	else
		assert_eq "$(served_stat b a "$DISK" bounces)" 0 "writes that were copied for $1"
	fi
	in_vm b "mkfs.ext4 -q /dev/$DISK && mount /dev/$DISK /mnt && head -c 6M /dev/urandom > /mnt/file && umount /mnt && e2fsck -fn /dev/$DISK"
	same_sums
	assert_eq "$(disk_stat b "$DISK" errors)" $(($(unsupported) - before)) "errors of $1"
	assert_eq "$(served_stat b a "$DISK" refused)" 0 "refused requests of $1"
	disk_remove b a "$1" only
}

# Nobody else writes to what is served, by whatever name.
exclusive() {
	local said
	disk_serve "$1"
	said=$(expect_failure in_dom0 "fidoctl blk add b a:$2 --wait $((20 * SLOW)) 2>&1")
	assert_match "$said" 'mounted or otherwise in use' "what fidoctl says about $2"
	disk_remove b a "$1" only
}

simple() {
	ramdisks a 1 $MIB
	serves /dev/ram0 0
	serves /dev/ram0 1 --bounce
	in_vm a 'modprobe null_blk nr_devices=1 memory_backed=1 gb=1 bs=512'
	in_vm b "modprobe mmblk"
	disk_serve /dev/nullb0
	assert_eq "$(told bounce)" 0 "is data for /dev/nullb0 copied"
	disk_remove b a /dev/nullb0 only
	wait_for 30 in_vm a 'rmmod null_blk'
}

# A SCSI disk and its partitions: there is a controller that does DMA, so pages need not be copied
parts() {
	local drive
	scsi_debug dev_size_mb=32
	drive=$(scsi_disk)
	in_vm a "printf 'label: gpt\nsize=24M\nsize=4M\n' | sfdisk -q --wipe never /dev/$drive && partx -u /dev/$drive; test -b /dev/${drive}1"
	serves "/dev/${drive}1" 0
	exclusive "/dev/$drive" "/dev/${drive}2"
	scsi_debug_gone
}

stacked() {
	local loop
	loop=$(loop_create ${MIB}M)
	serves "$loop" 1
	mapped behind "0 $((MIB * 2048)) linear $loop 0"
	serves /dev/mapper/behind 1
	mapped_gone behind
	loops_gone
}

raid() {
	ramdisks a 3 $MIB
	in_vm a 'mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --bitmap=none /dev/ram0 /dev/ram1 < /dev/null'
	serves /dev/md0 1
	in_vm a 'mdadm --stop /dev/md0
		mdadm --create /dev/md0 --run --level=5 --raid-devices=3 --metadata=1.2 --bitmap=none /dev/ram0 /dev/ram1 /dev/ram2 < /dev/null'
	serves /dev/md0 1
	in_vm a 'echo check > /sys/block/md0/md/sync_action'
	wait_for 60 in_vm a 'grep -qx idle /sys/block/md0/md/sync_action'
	assert_eq "$(in_vm a 'cat /sys/block/md0/md/mismatch_cnt')" 0 "sectors whose parity is wrong"
	in_vm a 'mdadm --stop /dev/md0'
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk loop dm-mod raid1 raid456'
	in_vm b 'modprobe -a mmblk ext4; mkdir -p /mnt'
	simple
	parts
	stacked
	raid
}

cleanup() {
	in_vm b 'umount /mnt 2> /dev/null; true'
	every_disk_gone
	mapped_gone behind
	in_vm a '! [ -e /dev/md0 ] || mdadm --stop /dev/md0; true'
	loops_gone
	scsi_debug_gone
	in_vm a '! grep -q "^null_blk " /proc/modules || rmmod null_blk'
	ramdisks_gone a
}
