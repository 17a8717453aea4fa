# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a polled queue: io_uring's polled I/O verifies without one signal of the server, survives the server's reload, and what nobody polls any more completes
# SHORT: the server is not reloaded, as in 345
# TIMEOUT: 500
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

ROUNDS=${ROUNDS:-3}
LOOPS=$((ROUNDS * 2 + 2))	# of the load, which is to outlast them
POLLED="fio --name=load --ioengine=io_uring --hipri=1 --direct=1 --verify=crc32c --verify_fatal=1 --randrepeat=0 --output-format=terse"

# chan_counter CHANNEL NAME: of the client, since the service is up
chan_counter() {
	in_vm b "awk '\$1 == \"channel\" { on = \$2 == \"$1:\"; next }
		on { for (i = 1; i < NF; i++) if (\$i == \"$2\") { print \$(i + 1); exit } }' \
		/sys/kernel/debug/fido/fido-$(vm_domid a)/$SERVICE"
}

find_service() {
	SERVICE=$(client_service)
	SERVICE=${SERVICE##*.}
}

polled_load() {
	local events received
	events=$(chan_counter 1 events)
	received=$(chan_counter 1 received)
	in_vm b "$POLLED --filename=/dev/$DISK --rw=randwrite --bssplit=4k/80:128k/20 --size=16M --iodepth=8" > "$CASE_DIR/fio.out"
	assert_ge "$(chan_counter 1 received)" $((received + 200)) "completions that were polled"
	assert_eq "$(chan_counter 1 events)" "$events" "signals for the polled queue"
}

# Whoever does not ask for polling uses the other queue.
plain_load() {
	local received
	received=$(chan_counter 1 received)
	fio_raw --rw=randwrite --bs=16k --size=8M --iodepth=8
	assert_eq "$(chan_counter 1 received)" "$received" "plain requests in the polled queue"
}

progress() {
	[ "$(server_stat completions)" -gt 20 ]
}

reload_server() {
	local load round
	in_vm_bg b "$POLLED --filename=/dev/$DISK --rw=randwrite --bs=16k --size=16M --loops=$LOOPS --iodepth=8" > "$CASE_DIR/fio-reload.out"
	load=$BG
	for ((round = 0; round < ROUNDS; round++)); do
		wait_for 30 progress
		kill -0 "$load" 2> /dev/null || break
		in_vm a 'rmmod mmblk'
		in_vm a 'modprobe mmblk'
	done
	assert_ge "$round" 1 "rounds before the load ended"
	wait "$load"
}

idle() {
	[ "$(in_vm b "awk '{ print \$1 + \$2 }' /sys/block/$DISK/inflight")" = 0 ]
}

# The process, all of it, dies with requests in flight: they come to their end.
poller_dies() {
	in_vm b "timeout -s KILL 3 $POLLED --thread --filename=/dev/$DISK --rw=randwrite --bs=64k --size=16M --time_based --runtime=600 --iodepth=32; true" > "$CASE_DIR/fio-dies.out"
	wait_for 30 idle
}

run() {
	in_vm b '[ "$(cat /proc/sys/kernel/io_uring_disabled 2> /dev/null || echo 0)" = 0 ]' || skip "io_uring is disabled in the VM"
	disk_fresh --queues 1 --poll-queues 1
	find_service
	assert_eq "$(in_vm b "ls /sys/block/$DISK/mq | wc -l")" 2 "hardware queues"
	assert_eq "$(attribute queue/io_poll)" 1 "polling offered"
	polled_load
	plain_load
	[ "$LONG" = 0 ] || reload_server
	poller_dies
	assert_eq "$(client_stat errors)" 0 "errors"
	same_sums
}

cleanup() {
	in_vm a 'modprobe mmblk'
	in_vm b 'pkill fio; true'
	disks_gone
}
