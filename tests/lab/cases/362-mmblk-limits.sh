# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: not in each run yet
# DESCRIPTION: the server keeps a client to the depth and to the bandwidth that it was given, and can be reloaded while it does
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

server_attribute() {
	in_vm a "cat $(server_service)/$1"
}

# A device that takes its time: what it was given is with it for 20 ms.
slow_device() {
	in_vm a 'modprobe -q -r null_blk; modprobe null_blk nr_devices=1 queue_mode=2 irqmode=2 completion_nsec=20000000 gb=1'
}

many_reads() {
	in_vm b "fio --name=load --ioengine=libaio --direct=1 --filename=/dev/$DISK --rw=randread --bs=4k --size=4M --iodepth=32 \
		--output-format=terse" > "$CASE_DIR/fio-$1.out"
}

depth() {
	SERVED=/dev/nullb0
	slow_device
	disk_up
	assert_eq "$(server_attribute depth)" 128 "depth that nobody has given"
	many_reads all
	assert_ge "$(server_stat deepest)" 8 "requests that the device had at a time"
	assert_eq "$(server_stat held)" 0 "waits without a limit"
	disks_gone

	disk_up --depth 2
	assert_eq "$(server_attribute depth)" 2 "depth"
	assert_match "$(in_dom0 "fidoctl blk show b a:$SERVED")" 'depth = 2'
	many_reads two
	assert_eq "$(server_stat deepest)" 2 "requests that the device had at a time, of 2"
	assert_ge "$(server_stat held)" 1 "waits"
	assert_eq "$(client_stat errors)" 0 "errors"
	disks_gone
	wait_for 30 in_vm a 'modprobe -r null_blk'
}

# takes_at_least MS COMMAND: in the client
takes_at_least() {
	local ms
	ms=$(in_vm b "t=\$(date +%s%N); { $2; } > /dev/null 2>&1 || exit 1; echo \$(((\$(date +%s%N) - t) / 1000000))")
	assert_ge "$ms" "$1" "ms for $2"
}

# 16 MiB at 2 MiB/s, but for what the bucket holds (a tenth of a second) and the last request (1 MiB): 7.4 s
bandwidth() {
	SERVED=/dev/ram0
	disk_up --bandwidth 2
	assert_eq "$(server_attribute bandwidth)" 2 "bandwidth"
	takes_at_least 7000 "dd if=/dev/zero of=/dev/$DISK bs=1M count=16 oflag=direct"
	takes_at_least 7000 "dd if=/dev/$DISK of=/dev/null bs=1M count=16 iflag=direct"
	takes_at_least 7000 "dd if=/dev/zero of=/dev/$DISK bs=64k count=256 oflag=direct"
	assert_ge "$(server_stat held)" 8 "waits"
}

waits_again() {
	[ "$(server_stat held)" -gt "$1" ]
}

# The threads wait for the time to come when they are told to end.
reload() {
	local load before
	before=$(server_stat held)
	in_vm b 'head -c 8M /dev/urandom > /tmp/data'
	in_vm_bg b "dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct"
	load=$BG
	wait_for 30 waits_again "$before"
	in_vm a 'rmmod mmblk && modprobe mmblk'
	wait "$load"
	assert_eq "$(client_stat errors)" 0 "errors"
	assert_eq "$(in_vm a "dd if=$SERVED bs=1M count=8 iflag=direct 2> /dev/null | sha256sum")" "$(in_vm b 'sha256sum < /tmp/data')" "what the server has"
	in_vm b 'rm -f /tmp/data'
}

run() {
	disks_gone
	storage_modules
	depth
	bandwidth
	reload
}

cleanup() {
	in_vm a 'modprobe mmblk'
	in_dom0 'fidoctl blk remove b a:/dev/nullb0 --force > /dev/null 2>&1; true'
	SERVED=/dev/ram0
	disks_gone
	in_vm a 'modprobe -q -r null_blk; true'
}
