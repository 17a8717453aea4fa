# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: all writes of the server's device are logged: what fdatasync() or O_DSYNC called durable was so, and ext4 survives a loss of power at any flush
# TIMEOUT: 600
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

MIB=24
BATCHES=100
FILES=8
# States of the file system, besides those at marks
STATES=30

requires() {
	need_module fido mmblk
	need_tool fidoctl dmsetup e2fsck
}

# The device "order": a ramdisk with a log, which makes it one with a write cache that knows FUA
order_up() {
	local log
	ramdisks a 1 $MIB
	log=$(loop_create 192M)
	mapped order "0 $((MIB * 2048)) log-writes /dev/ram0 $log"
	disk_serve /dev/mapper/order
	assert_eq "$(attribute queue/write_cache) $(attribute queue/fua)" "write back 1" "cache of the disk"
}

# The log is whole when the target has gone. It ran out of space, or of memory, if it says so.
order_down() {
	disk_remove b a "$SERVED" only
	assert_eq "$(in_vm a 'dmsetup status order | grep -c disabled; true')" 0 "logging was disabled"
	mapped_gone order
}

replay() {
	in_vm a "python3 -S /tmp/replay-log.py $*"
}

# Is the log all that the device got?
log_is_complete() {
	in_vm a "rm -f /tmp/image; truncate -s ${MIB}M /tmp/image"
	replay replay /tmp/loop.img /tmp/image
	in_vm a 'cmp /tmp/image /dev/ram0'
}

raw() {
	local durable
	order_up
	helper_to b durable.py
	durable=$(in_vm b "python3 -S /tmp/durable.py /dev/$DISK $BATCHES")
	assert_ge "$(served_stat b a "$DISK" fua)" 1 "writes with FUA"
	assert_ge "$(served_stat b a "$DISK" flushes)" $((BATCHES * 3 / 4)) "flushes"
	order_down
	diag "raw: $(replay check /tmp/loop.img "$durable")"
	log_is_complete
}

# What is said about the log must be false of a log that is not so.
checker_finds() {
	expect_failure replay check /tmp/loop.img 1
	in_vm a 'cp /tmp/loop.img /tmp/broken.img; python3 - << END
import struct
with open("/tmp/broken.img", "r+b") as log:
    count, size = struct.unpack_from("<QI", log.read(28), 16)
    at = size
    for _ in range(count):
        log.seek(at)
        sector, sectors, flags, length = struct.unpack("<QQQQ", log.read(32))
        log.seek(at + 16)
        log.write(struct.pack("<Q", flags & ~3))
        at += size * (1 + (0 if flags & 4 else sectors))
END'
	expect_failure replay check /tmp/broken.img 1
	in_vm a 'rm /tmp/broken.img'
}

# Runs behind states of the file system: it can be recovered, and all is there that had been synced by then.
state_script() {
	to_vm a /tmp/state.sh << 'END'
[ "$MARK" != made ] || : > /tmp/made
[ -e /tmp/made ] || exit 0
e2fsck -fp /tmp/copy > /tmp/e2fsck.out 2>&1
[ $? -lt 2 ] && e2fsck -fn /tmp/copy >> /tmp/e2fsck.out 2>&1 || { cat /tmp/e2fsck.out; exit 1; }
case $MARK in synced-*) echo "${MARK#synced-}" > /tmp/synced ;; esac
for i in $(seq "$(cat /tmp/synced)"); do
	[ "$(debugfs -R "cat /f$i" /tmp/copy 2> /dev/null | sha256sum)" = "$(sed -n "${i}p" /tmp/sums)" ] ||
		{ echo "f$i is not as it was synced"; exit 1; }
done
END
}

mark() {
	in_vm a "dmsetup message order 0 mark $1"
}

ext4() {
	local i
	order_up
	in_vm b "modprobe ext4; mkdir -p /mnt; rm -f /tmp/sums
		mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 -J size=4 /dev/$DISK && blockdev --flushbufs /dev/$DISK"
	mark made
	in_vm b "mount /dev/$DISK /mnt"
	for ((i = 1; i <= FILES; i++)); do
		in_vm b "head -c 300001 /dev/urandom > /mnt/f$i && sync /mnt/f$i && sha256sum < /mnt/f$i >> /tmp/sums
			dd if=/dev/urandom of=/mnt/scratch bs=64k count=8 seek=$((i * 3)) conv=notrunc 2> /dev/null"
		mark synced-$i
	done
	in_vm b 'umount /mnt'
	order_down
	in_vm b 'cat /tmp/sums' | to_vm a /tmp/sums
	state_script
	in_vm a "rm -f /tmp/image /tmp/made; echo 0 > /tmp/synced; truncate -s ${MIB}M /tmp/image"
	diag "ext4: $(replay states /tmp/loop.img /tmp/image /tmp/copy $STATES bash /tmp/state.sh)"
	assert_eq "$(in_vm a 'cat /tmp/synced')" $FILES "files that were looked for"
	in_vm a 'cmp /tmp/image /dev/ram0'
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk loop dm-log-writes'
	in_vm b 'modprobe mmblk'
	helper_to a replay-log.py
	raw
	checker_finds
	loops_gone
	ext4
}

cleanup() {
	in_vm b 'umount /mnt 2> /dev/null; true'
	every_disk_gone
	mapped_gone order
	loops_gone
	in_vm a 'rm -f /tmp/image /tmp/copy'
	ramdisks_gone a
}
