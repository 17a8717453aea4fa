# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: two queues into a server with one processor: its module goes and comes under load on both, nothing spins, all data is right
# SHORT: two rounds
# TIMEOUT: 400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

ROUNDS=${ROUNDS:-$((LONG ? 6 : 2))}
LOOPS=$((ROUNDS + 3))	# of the load, which is to outlast them

completions() {
	in_vm a 'cat /sys/bus/fido/devices/*/stats/completions'
}

progress() {
	[ "$(completions)" -gt 40 ]
}

has_disk() {
	in_vm c 'ls -d /sys/block/mmblk*'
}

run() {
	local load round
	disks_gone
	no_links
	has_processors c
	in_vm c 'modprobe -a fido mmblk'
	storage_modules
	in_dom0 "fidoctl blk add c a:$SERVED --queues 2 --wait $((60 * SLOW))"
	wait_for 30 has_disk
	assert_eq "$(in_vm c 'ls /sys/block/mmblk0/mq | wc -l')" 2 "hardware queues"
	in_vm_bg c "$FIO --filename=/dev/mmblk0 --rw=randwrite --bssplit=4k/80:128k/20 --size=16M --offset_increment=16M \
		--numjobs=2 --cpus_allowed=0,1 --cpus_allowed_policy=split --loops=$LOOPS --iodepth=16" > "$CASE_DIR/fio.out"
	load=$BG
	for ((round = 0; round < ROUNDS; round++)); do
		wait_for 30 progress
		kill -0 "$load" 2> /dev/null || break
		in_vm a 'rmmod mmblk'
		in_vm a 'modprobe mmblk'
	done
	assert_ge "$round" 2 "rounds before the load ended"
	wait "$load"
	assert_ge "$(in_vm c 'cat /sys/bus/fido/devices/*/stats/requeues')" 1 "requests sent again"
	assert_eq "$(in_vm c 'cat /sys/bus/fido/devices/*/stats/errors')" 0 "errors"
	in_dom0 "fidoctl blk remove c a:$SERVED"
}

cleanup() {
	in_vm a 'modprobe mmblk'
	in_vm c 'pkill fio; true'
	in_dom0 "fidoctl blk remove c a:$SERVED --force > /dev/null 2>&1; true"
	no_links
}
