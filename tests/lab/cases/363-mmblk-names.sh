# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: several disks of one link with their serial numbers; partitions come, are read again under load, and stay while they are in use; a server shows in sysfs what it serves
# SHORT: no partitions, which 379 has
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

server_shows() {
	local service
	service=$(server_service)
	assert_eq "$(in_vm a "cat $service/device")" "$SERVED" "device of the server"
	assert_eq "$(in_vm a "cat $service/mode")" w "mode of the server"
	assert_eq "$(in_vm a "cat $service/bounce")" 0 "bounce of the server"
	in_vm a "! [ -e $service/serial ]"
	in_vm b "! [ -e $(client_service)/device ]"
}

serial_of() {
	in_vm b "cat /sys/block/$1/serial /sys/block/$1/device/serial | uniq"
}

# Two disks of one link: each has its own name, number and size.
two_disks() {
	local second
	assert_eq "$(serial_of "$DISK")" one "serial"
	assert_eq "$(in_vm b "lsblk -dno SERIAL /dev/$DISK" | xargs)" one "serial of lsblk"
	in_vm a 'modprobe loop'
	LOOP=$(loop_create 8M)
	in_dom0 "fidoctl blk add b a:$LOOP --serial two --wait $((60 * SLOW))"
	wait_for 30 in_vm b '[ "$(ls -d /sys/block/mmblk* | wc -l)" = 2 ]'
	second=$(in_vm b "cd /sys/block && ls -d mmblk* | grep -vx $DISK")
	assert_eq "$(serial_of "$second")" two "serial of the second"
	assert_eq "$(in_vm b "cat /sys/block/$second/size")" 16384 "sectors of the second"
	in_dom0 "fidoctl blk remove b a:$LOOP"
	wait_for 30 one_disk
	loop_destroy "$LOOP"
	LOOP=
}

# make_table START SIZE...: an MBR with these partitions, in sectors
make_table() {
	to_vm b /tmp/table.py <<-'EOF'
	import struct, sys
	numbers = [int(n) for n in sys.argv[2:]]
	table = b"".join(struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\0\2\0", start, size)
	                 for start, size in zip(numbers[::2], numbers[1::2]))
	with open(sys.argv[1], "r+b", buffering=0) as disk:
	    disk.write(b"\0" * 446 + table.ljust(64, b"\0") + b"\x55\xaa")
	EOF
	in_vm b "python3 -S /tmp/table.py /dev/$DISK $* && blockdev --rereadpt /dev/$DISK"
}

sectors_of() {
	in_vm b "cat /sys/block/$DISK/$DISK$1/size"
}

partitions() {
	make_table 2048 16384 18432 32768
	assert_eq "$(sectors_of p1)" 16384 "sectors of the first partition"
	assert_eq "$(sectors_of p2)" 32768 "sectors of the second partition"
	in_vm b "head -c 1M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/${DISK}p1 bs=64k oflag=direct"
	assert_eq "$(in_vm a "dd if=$SERVED bs=1M skip=1 count=1 iflag=direct 2> /dev/null | sha256sum")" "$(in_vm b 'sha256sum < /tmp/data')" \
		"what the server has at the first partition"
	expect_failure in_vm b "dd if=/dev/zero of=/dev/${DISK}p1 bs=512 seek=16384 count=1 oflag=direct"
}

# The table is read again and again while the disk is written, behind the partitions.
read_again() {
	local load i
	in_vm_bg b "$FIO --filename=/dev/$DISK --offset=32M --rw=randwrite --bs=16k --size=16M --loops=2 --iodepth=16" > "$CASE_DIR/fio.out"
	load=$BG
	for ((i = 1; i <= 5; i++)); do
		make_table 2048 $((8192 + i))
		assert_eq "$(sectors_of p1)" $((8192 + i)) "sectors of the first partition, time $i"
		in_vm b "! [ -e /sys/block/$DISK/${DISK}p2 ]"
	done
	wait "$load"
}

# A partition that is in use keeps the table; afterwards it is gone with its table.
in_use() {
	detached b "exec sleep 50 3< /dev/${DISK}p1"
	wait_for 20 in_vm b "[ \"\$(cat $(client_service)/users)\" -ge 1 ]"
	expect_failure in_vm b "blockdev --rereadpt /dev/$DISK"
	in_vm b 'pkill sleep'
	wait_for 20 in_vm b "blockdev --rereadpt /dev/$DISK"
	in_vm b "dd if=/dev/zero of=/dev/$DISK bs=512 count=1 oflag=direct conv=notrunc"
	wait_for 20 in_vm b "blockdev --rereadpt /dev/$DISK"
	in_vm b "! [ -e /dev/${DISK}p1 ]"
}

run() {
	disk_fresh --serial one
	server_shows
	two_disks
	if [ "$LONG" = 1 ]; then
		partitions
		read_again
		in_use
	fi
	same_sums
}

cleanup() {
	in_vm b 'pkill fio; pkill sleep; rm -f /tmp/table.py; true'
	disks_gone
	if [ -n "${LOOP-}" ]; then
		in_dom0 "fidoctl blk remove b a:$LOOP --force > /dev/null 2>&1; true"
		loop_destroy "$LOOP"
	fi
}
