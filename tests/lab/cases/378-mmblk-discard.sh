# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: discards and zeroes of odd ranges touch what they name and nothing else; limits are obeyed, also where the device behind knows neither
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

MIB=32
# Sectors: first, number
RANGES="0:1 1:1 7:15 2047:2 2049:4099 8191:1 12345:6789 65535:1"

requires() {
	need_module fido mmblk
	need_tool fidoctl blkdiscard
}

# The disk holds what /tmp/data does.
as_expected() {
	in_vm b "dd if=/dev/$DISK bs=1M iflag=direct 2> /dev/null | cmp - /tmp/data"
}

fill() {
	in_vm b "head -c ${MIB}M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct"
}

zeroes() {
	local range first number
	for range in $RANGES; do
		first=${range%:*} number=${range#*:}
		in_vm b "blkdiscard -z -o $((first * 512)) -l $((number * 512)) /dev/$DISK
			dd if=/dev/zero of=/tmp/data bs=512 seek=$first count=$number conv=notrunc 2> /dev/null"
		as_expected
	done
}

# What is discarded reads as anything; what is beside it is as it was.
discards() {
	local range first number
	for range in $RANGES; do
		first=${range%:*} number=${range#*:}
		in_vm b "blkdiscard -o $((first * 512)) -l $((number * 512)) /dev/$DISK
			dd if=/dev/$DISK of=/tmp/data bs=512 skip=$first seek=$first count=$number iflag=direct conv=notrunc 2> /dev/null"
		as_expected
	done
	same_sums
}

limits() {
	local before granularity
	granularity=$(attribute queue/discard_granularity)
	assert_eq "$(attribute queue/discard_max_hw_bytes)" "$(in_vm a "cat /sys/block/${SERVED##*/}/queue/discard_max_hw_bytes")" "largest discard"
	in_vm b "echo $((16 * granularity)) > /sys/block/$DISK/queue/discard_max_bytes"
	before=$(served_stat b a "$DISK" discards)
	in_vm b "blkdiscard -o 1M -l $((64 * granularity)) /dev/$DISK"
	assert_eq $(($(served_stat b a "$DISK" discards) - before)) 4 "discards that the server got"
	expect_failure in_vm b "blkdiscard -o 100 -l 512 /dev/$DISK"
	expect_failure in_vm b "blkdiscard -o $((MIB + 1))M -l 1M /dev/$DISK"
	meets 'Operation not supported' "blkdiscard -s -o 1M -l 1M /dev/$DISK"
	# some kernels take no other value after this one
	in_vm b "echo 0 > /sys/block/$DISK/queue/discard_max_bytes"
	meets 'Operation not supported' "blkdiscard -o 1M -l 1M /dev/$DISK"
}

all_of_it() {
	in_vm b "blkdiscard /dev/$DISK"
	assert_eq "$(in_vm a 'stat -c %b /tmp/loop.img')" 0 "blocks behind after a discard of everything"
	in_vm b "dd if=/dev/$DISK bs=1M iflag=direct 2> /dev/null | cmp -n $((MIB << 20)) - /dev/zero"
}

# The same zeroes where the device behind has to be written to
plain_device() {
	disk_remove b a "$SERVED" only
	ramdisks a 1 $MIB
	mapped plain "0 $((MIB * 2048)) flakey /dev/ram0 0 60 0"
	disk_serve /dev/mapper/plain
	fill
	zeroes
	if [ "$(attribute queue/discard_max_bytes)" = 0 ]; then
		meets 'Operation not supported' "blkdiscard -o 1M -l 1M /dev/$DISK"
	fi
	same_sums
}

run() {
	every_disk_gone
	in_vm a 'modprobe -a mmblk loop dm-flakey'
	in_vm b 'modprobe mmblk'
	loop_serve ${MIB}M
	fill
	zeroes
	discards
	fill
	all_of_it
	limits
	assert_eq "$(served_stat b a "$DISK" refused)" 0 "refused requests"
	plain_device
	assert_eq "$(served_stat b a "$DISK" refused)" 0 "refused requests"
}

cleanup() {
	in_vm b 'rm -f /tmp/data'
	every_disk_gone
	mapped_gone plain
	loops_gone
	ramdisks_gone a
}
