# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a VM of its own; a processor that goes offline
# DESCRIPTION: a processor of the client goes offline and comes back while requests of its queue wait for the server
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

has_disk() {
	in_vm c 'ls -d /sys/block/mmblk0'
}

progress() {
	[ "$(server_stat completions)" -gt 40 ]
}

cpu1() {
	in_vm c "timeout $((30 * SLOW)) sh -c 'echo $1 > /sys/devices/system/cpu/cpu1/online'"
}

run() {
	local load
	disks_gone
	VCPUS=2 vm_create c
	in_vm c 'modprobe -a fido mmblk'
	storage_modules
	in_dom0 "fidoctl blk add c a:$SERVED --queues 2 --wait $((60 * SLOW))"
	wait_for 30 has_disk
	assert_eq "$(in_vm c 'ls /sys/block/mmblk0/mq | wc -l')" 2 "hardware queues"
	in_vm_bg c "$FIO --filename=/dev/mmblk0 --rw=randwrite --bs=4k --size=16M --loops=4 --iodepth=8 --cpus_allowed=1" \
		> "$CASE_DIR/fio.out"
	load=$BG
	wait_for 30 progress
	in_vm a 'rmmod mmblk'
	kill -0 "$load"
	cpu1 0
	assert_eq "$(in_vm c 'cat /sys/devices/system/cpu/online')" 0 "processors online"
	in_vm a 'modprobe mmblk'
	wait "$load"
	cpu1 1
	in_vm c "$FIO --filename=/dev/mmblk0 --rw=randwrite --bs=4k --size=8M --iodepth=8 --cpus_allowed=1" > "$CASE_DIR/fio2.out"
	assert_eq "$(in_vm c 'cat /sys/bus/fido/devices/*/stats/errors')" 0 "errors"
	in_dom0 "fidoctl blk remove c a:$SERVED"
	vm_kill c
}

cleanup() {
	in_vm a 'modprobe mmblk'
	in_dom0 "fidoctl blk remove c a:$SERVED > /dev/null 2>&1; true"
	no_links
}
