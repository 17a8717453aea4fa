# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: schedulers, queue depths and readahead are changed under load: all data is right, and the disk's statistics agree with what was sent
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

SCHEDULERS="mq-deadline bfq kyber none"

set_to() {
	in_vm b "echo $2 > /sys/block/$DISK/queue/$1"
}

# Field of /sys/block/DISK/stat, counted from 1, as Documentation/block/stat.rst has them
stat_field() {
	attribute stat | awk -v n="$1" '{ print $n }'
}

counters() {
	echo "$(stat_field 1) $(stat_field 3) $(stat_field 5) $(stat_field 7)"
}

sent() {
	echo "$(disk_stat b "$DISK" reads) $(($(disk_stat b "$DISK" read_bytes) / 512)) \
		$(disk_stat b "$DISK" writes) $(($(disk_stat b "$DISK" write_bytes) / 512))"
}

# progress: some requests more
progress() {
	wait_for 30 has_completed $(($(disk_stat b "$DISK" completions) + 30))
}

under_load() {
	local load name
	in_vm_bg b "rm -f /tmp/stop; until [ -e /tmp/stop ]; do $FIO --filename=/dev/$DISK --rw=randwrite --bssplit=4k/70:64k/20:1M/10 --size=32M --loops=2 --iodepth=64 || exit 1; done" > "$CASE_DIR/fio.out"
	load=$BG
	for name in $SCHEDULERS; do
		progress
		set_to scheduler "$name"
		assert_match "$(attribute queue/scheduler)" "\[$name\]" "scheduler"
		progress
		set_to nr_requests 4
		progress
		set_to nr_requests 128
		set_to read_ahead_kb 0
		progress
		set_to read_ahead_kb 4096
		set_to max_sectors_kb 64
		progress
		set_to max_sectors_kb 1024
		still_runs "$load" || fail "the load ended with $name"
	done
	in_vm b 'touch /tmp/stop'
	wait "$load"
	wait_for 20 nothing_in_flight
}

# What readahead brings is what is there, however much it is.
readahead() {
	local kib
	for kib in 0 4 128 8192; do
		set_to read_ahead_kb $kib
		assert_eq "$(attribute queue/read_ahead_kb)" $kib "readahead"
		in_vm b "echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/$DISK bs=7777 2> /dev/null | sha256sum" > "$CASE_DIR/sum.$kib"
		cmp "$CASE_DIR/sum.0" "$CASE_DIR/sum.$kib" || fail "with $kib KiB of readahead other data is read"
	done
	set_to read_ahead_kb 128
}

run() {
	every_disk_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe -a mmblk bfq kyber-iosched'
	ramdisks a 1 32
	disk_serve /dev/ram0
	assert_match "$(attribute queue/scheduler)" '\[none\]' "scheduler by default"
	expect_failure set_to scheduler no-such-one
	assert_eq "$(sent | xargs)" "$(counters)" "reads, sectors, writes, sectors: sent, and in the statistics, before"
	under_load
	readahead
	assert_eq "$(sent | xargs)" "$(counters)" "reads, sectors, writes, sectors: sent, and in the statistics"
	assert_eq "$(disk_stat b "$DISK" errors)" 0 "errors"
	same_sums
}

cleanup() {
	in_vm b 'touch /tmp/stop; pkill fio; true'
	every_disk_gone
	ramdisks_gone a
}
