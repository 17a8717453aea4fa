# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: partitions on the disk: made, read anew under load, in use, changed, found again when the disk returns, and by the server
# SHORT: three rescans
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

ROUNDS=${ROUNDS:-$((LONG ? 15 : 3))}

requires() {
	need_module fido mmblk
	need_tool fidoctl sfdisk
}

# has_parts NUMBER...: these, and no others
has_parts() {
	local number want=()
	for number in "$@"; do
		want+=("${DISK}p$number")
	done
	[ "$(in_vm b "cd /sys/block/$DISK && ls -d ${DISK}p* 2> /dev/null; true" | sort | xargs)" = "${want[*]}" ]
}

part_sectors() {
	in_vm b "cat /sys/block/$DISK/${DISK}p$1/size"
}

made() {
	in_vm b "printf 'label: gpt\nsize=16MiB\nsize=12MiB\nsize=8MiB\n' | sfdisk -q /dev/$DISK"
	wait_for 20 has_parts 1 2 3
	assert_eq "$(part_sectors 1) $(part_sectors 2) $(part_sectors 3)" "32768 24576 16384" "sizes of the partitions"
}

# A rescan waits for nobody's requests, and nobody's requests get lost by it.
read_anew() {
	local load round
	in_vm_bg b "$FIO --filename=/dev/$DISK --offset=40M --rw=randwrite --bssplit=4k/60:128k/40 --size=16M --loops=$((LONG ? 6 : 3)) --iodepth=16" > "$CASE_DIR/fio.out"
	load=$BG
	for ((round = 0; round < ROUNDS; round++)); do
		in_vm b "blockdev --rereadpt /dev/$DISK"
		has_parts 1 2 3 || fail "partitions are missing after rescan $round"
		still_runs "$load" || break
	done
	assert_ge "$round" 2 "rescans before the load ended"
	wait "$load"
}

in_use() {
	in_vm b "mkfs.ext4 -q /dev/${DISK}p1 && mount /dev/${DISK}p1 /mnt && head -c 6M /dev/urandom > /mnt/1 && cd /mnt && sha256sum 1 > /tmp/sums"
	meets 'Device or resource busy' "blockdev --rereadpt /dev/$DISK"
	in_vm b "head -c 12M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/${DISK}p2 bs=1M oflag=direct"
	# beside one that is in use others come and go
	in_vm b "partx -d --nr 3 /dev/$DISK"
	wait_for 20 has_parts 1 2
	in_vm b "partx -a --nr 3 /dev/$DISK"
	wait_for 20 has_parts 1 2 3
	expect_failure in_vm b "dd if=/dev/zero of=/dev/${DISK}p2 bs=1M seek=12 count=1 oflag=direct conv=notrunc"
	in_vm b "umount /mnt && cmp /tmp/data /dev/${DISK}p2"
}

as_left() {
	in_vm b "mount /dev/${DISK}p1 /mnt && cd /mnt && sha256sum -c --quiet /tmp/sums"
	in_vm b "umount /mnt && e2fsck -fn /dev/${DISK}p1 && cmp /tmp/data /dev/${DISK}p2"
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk loop ext4'
	in_vm b 'modprobe -a mmblk ext4; mkdir -p /mnt'
	loop_serve 64M
	made
	read_anew
	in_use
	disk_remove b a "$SERVED" only
	disk_serve "$SERVED"
	wait_for 20 has_parts 1 2 3
	as_left
	disk_remove b a "$SERVED" only
	in_vm b 'cat /tmp/sums' | to_vm a /tmp/sums
	in_vm a "partx -a $SERVED && mkdir -p /mnt && mount -o ro ${SERVED}p1 /mnt && cd /mnt && sha256sum -c --quiet /tmp/sums"
	in_vm a "umount /mnt; partx -d $SERVED"
}

cleanup() {
	in_vm b 'pkill fio; umount /mnt 2> /dev/null; rm -f /tmp/data'
	in_vm a 'umount /mnt 2> /dev/null; true'
	every_disk_gone
	loops_gone
}
