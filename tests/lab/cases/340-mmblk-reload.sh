# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 345 does the same with two queues
# DESCRIPTION: the server's module goes and comes under load: I/O waits, completes, and all data is right
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

ROUNDS=${ROUNDS:-4}
LOOPS=$((ROUNDS * 2 + 2))	# of the load, which is to outlast them

load_runs() {
	kill -0 "$1" 2> /dev/null
}

progress() {
	[ "$(server_stat completions)" -gt 20 ]
}

run() {
	local load round
	disk_fresh
	# not randrw with --io_size: what overwrites itself so is misjudged by the fio of Debian 12, on any disk
	in_vm_bg b "$FIO --filename=/dev/$DISK --rw=randwrite --bssplit=4k/60:128k/30:1M/10 --size=32M --loops=$LOOPS --iodepth=16" > "$CASE_DIR/fio.out"
	load=$BG
	for ((round = 0; round < ROUNDS; round++)); do
		wait_for 30 progress
		load_runs "$load" || break
		in_vm a 'rmmod mmblk'
		in_vm a 'modprobe mmblk'
	done
	assert_ge "$round" 2 "rounds before the load ended"
	wait "$load"
	assert_ge "$(client_stat requeues)" 1 "requests sent again"
	assert_eq "$(client_stat errors)" 0 "errors"
	same_sums
}

cleanup() {
	in_vm a 'modprobe mmblk'
	in_vm b 'pkill fio; true'
	disks_gone
}
