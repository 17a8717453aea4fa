# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a disk that is removed by force while it is in use fails its I/O and leaves nothing; what is removed can be added again at once; the client reloads
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

progress() {
	[ "$(server_stat completions)" -gt "$1" ]
}

# The service goes while requests are in flight: they fail, nothing hangs.
remove_in_use() {
	local load
	in_vm_bg b "! $FIO --filename=/dev/$DISK --rw=randwrite --bs=64k --size=32M --time_based --runtime=600 --iodepth=16" > "$CASE_DIR/fio.out"
	load=$BG
	wait_for 30 progress 20
	in_dom0 "fidoctl blk remove b a:$SERVED --force"
	wait_for 30 no_disk
	wait "$load"
}

# The same for a mounted file system
remove_mounted() {
	disk_up
	in_vm b "modprobe -a ext4 crc32c_generic; mkdir -p /mnt; mkfs.ext4 -q /dev/$DISK && mount /dev/$DISK /mnt && echo x > /mnt/x"
	in_dom0 "fidoctl blk remove b a:$SERVED --force"
	wait_for 30 no_disk
	expect_failure in_vm b 'echo y > /mnt/y && sync /mnt/y'
	in_vm b 'umount /mnt'
}

# What is removed is free: the server has closed the device.
again_at_once() {
	disk_up
	in_dom0 "for i in 1 2 3; do
			fidoctl blk remove b a:$SERVED && fidoctl blk add b a:$SERVED --wait $((60 * SLOW)) || exit 1
		done"
	in_vm a "grep -q server /sys/bus/fido/devices/*/role"
	in_dom0 "fidoctl blk remove b a:$SERVED"
	no_disk || fail "a disk that was removed is still there"
	in_vm a 'rmmod brd && modprobe brd rd_nr=1 rd_size='$((RAM_MIB * 1024))
}

# A client that nobody uses can be reloaded, one that is open cannot.
reload_client() {
	disk_up
	in_vm b "exec 3< /dev/$DISK; ! rmmod mmblk"
	in_vm b "head -c 4M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct"
	in_vm b 'rmmod mmblk && modprobe mmblk'
	wait_for 60 one_disk
	DISK=$(disk_name)
	wait_for 30 in_vm b "cmp -n 4194304 /tmp/data /dev/$DISK"
}

run() {
	expect_log 'I/O error|Buffer I/O|EXT4-fs|JBD2|Aborting journal|lost'
	disk_fresh
	remove_in_use
	remove_mounted
	again_at_once
	reload_client
	same_sums
}

cleanup() {
	in_vm b 'pkill fio; umount /mnt 2> /dev/null; modprobe mmblk; true'
	disks_gone
}
