# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: each attribute of the queue takes and refuses the values that it does for a local disk, null_blk, and reads back the same
# TIMEOUT: 200
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

requires() {
	need_module fido mmblk
	need_tool fidoctl
}

# try_all DISK: a line for each attribute and value: taken or refused and why, and what it says then
try_all() {
	in_vm b "DISK=$1; $(cat << 'END'
LC_ALL=C; export LC_ALL
cd /sys/block/$DISK/queue
try() {
	file=$1; shift
	[ -e "$file" ] || { echo "$file: none"; return; }
	before=$(cat $file)
	for value in "$@"; do
		said=$(bash -c 'printf "%s" "$1" > "$2"' sh "$value" "$file" 2>&1) && said=taken || said=${said##*: }
		echo "$file '$value': $said, $(cat $file 2>&1)"
	done
	case $file in
	scheduler) ;;
	*) echo "$before" > $file 2> /dev/null ;;
	esac
	echo "$file: $(cat $file 2>&1)"
}
echo none > scheduler
junk="x -1 99999999999999999999"
try scheduler none mq-deadline $junk none
try nr_requests 0 3 4 127 128 129 256 100000 $junk
try max_sectors_kb 3 4 512 1023 1024 1025 4294967295 $junk
try read_ahead_kb 0 1 3 4 4096 2147483647 4294967295 4294967296 $junk
try nomerges 0 1 2 3 $junk
try rq_affinity 0 1 2 3 $junk
try io_timeout 0 1 30000 4294967295 4294967296 $junk
try iostats 0 1 2 $junk
try add_random 0 1 2 $junk
try rotational 0 1 2 $junk
try stable_writes 0 1 2 $junk
try write_cache "write back" "write through" none $junk
for file in max_hw_sectors_kb max_segments logical_block_size hw_sector_size minimum_io_size nr_zones zoned fua dax \
	discard_granularity write_zeroes_max_bytes chunk_sectors virt_boundary_mask; do
	[ ! -e $file ] || { echo 1 > $file; } 2> /dev/null && echo "$file was written"
done
true
END
)"
}

run() {
	every_disk_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk; ! grep -q "^null_blk " /proc/modules || rmmod null_blk
		modprobe null_blk nr_devices=1 queue_mode=2 submit_queues=1 hw_queue_depth=128 max_sectors=2048 gb=1'
	ramdisks a 1 16
	disk_serve /dev/ram0
	# what they are made of differs, and is not what is asked here
	in_vm b "for d in $DISK nullb0; do cd /sys/block/\$d/queue; echo 0 > rotational; echo 0 > add_random; echo 0 > stable_writes; echo 30000 > io_timeout; done; true"
	try_all "$DISK" > "$CASE_DIR/mmblk"
	try_all nullb0 > "$CASE_DIR/nullb"
	diff "$CASE_DIR/nullb" "$CASE_DIR/mmblk" > "$CASE_DIR/diff" || fail "other than for null_blk: $(cat "$CASE_DIR/diff")"
	diag "$(grep -c ': taken' "$CASE_DIR/mmblk") values taken, $(grep -c "': [^t]" "$CASE_DIR/mmblk") refused, as by null_blk"
	fio_raw --rw=randwrite --bs=64k --size=16M --iodepth=16
	same_sums
}

cleanup() {
	in_vm b '! grep -q "^null_blk " /proc/modules || rmmod null_blk'
	every_disk_gone
	ramdisks_gone a
}
