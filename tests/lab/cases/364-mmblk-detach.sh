# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a disk that is open is not removed, nor is its link, unless --force says so; --wait waits until it is closed, and nothing is lost
# SHORT: none is removed by force, as in 350
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

users_are() {
	[ "$(in_vm b "cat $(client_service)/users")" = "$1" ] && in_dom0 "fidoctl blk show b a:$SERVED" | has -x " *users = $1"
}

# refused ARGUMENTS...: one line says what is open, and nothing is gone
refused() {
	local said rc=0
	said=$(in_dom0 "fidoctl $* --wait 1 2>&1 > /dev/null") || rc=$?
	assert_eq "$rc" 1 "exit code of fidoctl $*"
	assert_eq "$(wc -l <<< "$said")" 1 "lines of fidoctl $*: $said"
	assert_match "$said" "^fidoctl: .* not removed: disk $DISK is in use in b, open 1 time: .*--force" "fidoctl $*"
	one_disk || fail "the disk is gone"
}

opened_by_a_program() {
	detached b "exec sleep 50 3< /dev/$DISK"
	wait_for 20 users_are 1
	refused blk remove b "a:$SERVED"
	in_vm b 'pkill sleep'
	wait_for 20 users_are 0
}

mount_it() {
	in_vm b "modprobe -a ext4 crc32c_generic; mkdir -p /mnt; mkfs.ext4 -q /dev/$DISK && mount /dev/$DISK /mnt"
	in_vm b 'head -c 4M /dev/urandom > /mnt/data'
	wait_for 20 users_are 1
}

# The client writes back what it has when it is unmounted; then the disk goes.
wait_for_umount() {
	local removal sum
	sum=$(in_vm b 'sha256sum < /mnt/data')
	in_vm_bg dom0 "fidoctl blk remove b a:$SERVED --wait 120"
	removal=$BG
	in_vm b 'echo more > /mnt/more; umount /mnt'
	wait "$removal"
	wait_for 30 no_disk
	in_vm a "modprobe -a ext4 crc32c_generic; mkdir -p /mnt"
	wait_for 30 in_vm a "mount $SERVED /mnt"
	assert_eq "$(in_vm a 'sha256sum < /mnt/data')" "$sum" "what was written before"
	assert_eq "$(in_vm a 'cat /mnt/more')" more "what was written last"
	in_vm a 'umount /mnt'
}

by_force() {
	mount_it
	in_dom0 "fidoctl blk remove b a:$SERVED --force"
	wait_for 30 no_disk
	in_vm b 'umount /mnt'
}

run() {
	expect_log 'I/O error|Buffer I/O|EXT4-fs|JBD2|Aborting journal|lost'
	disk_fresh
	wait_for 20 users_are 0
	opened_by_a_program
	mount_it
	refused blk remove b "a:$SERVED"
	refused link remove a b
	in_vm b 'echo x > /mnt/x && sync /mnt/x'
	wait_for_umount
	if [ "$LONG" = 1 ]; then
		disk_up
		by_force
	fi
}

cleanup() {
	in_vm b 'pkill sleep; umount /mnt 2> /dev/null; true'
	in_vm a 'umount /mnt 2> /dev/null; true'
	disks_gone
}
