# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: ten minutes
# DESCRIPTION: ten minutes of verified I/O on four disks at once under memory pressure in both VMs, while a fifth comes and goes: all data is right, nothing is left
# TIMEOUT: 1800
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

MINUTES=${MINUTES:-10}
DISKS=4
MIB=20
# What may be missing at the end, in KiB: slabs that grew under pressure, and are not given back at once
MARGIN=16384

requires() {
	need_module fido mmblk
	need_tool fidoctl stress-ng
}

# Half of what is free, touched again and again, and more than that now and then: reclaim runs.
press() {
	in_vm_bg "$1" "stress-ng --quiet --vm 1 --vm-bytes 40% --vm-method inc-nybble --vm-hang 1 \
		--bigheap 1 --bigheap-bytes 64m --timeout $((MINUTES * 60 + 300))s; true"
}

pressure_is_over() {
	in_vm "$1" '! pgrep stress-ng'
}

uptime_of_b() {
	in_vm b 'cut -d . -f 1 /proc/uptime'
}

load_start() {
	local i jobs=
	for ((i = 0; i < DISKS; i++)); do
		jobs+=" --name=disk$i --filename=/dev/$(disk_named b "soak-$i")"
	done
	in_vm_bg b "rm -f /tmp/stop; n=0; until [ -e /tmp/stop ]; do
			n=\$((n + 1))
			fio --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 --output-format=terse --rw=randwrite \
				--bssplit=512/5:4k/50:64k/35:1M/10 --size=${MIB}M --iodepth=16 --randseed=\$n $jobs || exit 1
			echo \$n > /tmp/rounds
		done"
	LOAD=$BG
}

# The fifth disk: new content each time, and gone again
visit() {
	disk_add b a /dev/ram$DISKS soak-guest
	DISK=$(disk_named b soak-guest)
	in_vm b "head -c 4M /dev/urandom > /tmp/data && dd if=/tmp/data of=/dev/$DISK bs=1M oflag=direct &&
		dd if=/dev/$DISK bs=64k count=64 iflag=direct | cmp - /tmp/data; rc=\$?; rm /tmp/data; exit \$rc"
	disk_remove b a /dev/ram$DISKS soak-guest
}

# Each request had one completion.
check_disk() {
	local name asked=0 what
	name=$(disk_named b "soak-$1")
	DISK=$name wait_for 20 nothing_in_flight
	for what in reads writes flushes discards write_zeroes; do
		asked=$((asked + $(disk_stat b "$name" $what)))
	done
	assert_eq "$(disk_stat b "$name" completions)" $asked "completions of disk $1"
	assert_eq "$(disk_stat b "$name" errors)" 0 "errors of disk $1"
	assert_eq "$(in_vm b "dd if=/dev/$name bs=1M iflag=direct 2> /dev/null | sha256sum")" \
		"$(in_vm a "dd if=/dev/ram$1 bs=1M iflag=direct 2> /dev/null | sha256sum")" "sum of disk $1"
}

run() {
	local i vm end visits=0
	local -A free
	# who presses is the first to go, and nobody else
	expect_log 'Out of memory: Killed process [0-9]+ \(stress-ng'
	every_disk_gone
	for vm in a b; do
		in_vm $vm 'modprobe mmblk; rm -f /tmp/rounds'
	done
	ramdisks a $((DISKS + 1)) $MIB
	for ((i = 0; i < DISKS; i++)); do
		disk_add b a "/dev/ram$i" "soak-$i"
		# all of its memory is taken from now on
		in_vm b "dd if=/dev/zero of=/dev/$(disk_named b "soak-$i") bs=1M oflag=direct 2> /dev/null; true"
	done
	visit
	for vm in a b; do
		free[$vm]=$(free_memory $vm)
		press $vm
	done
	load_start
	end=$(($(uptime_of_b) + MINUTES * 60))
	while [ "$(uptime_of_b)" -lt $end ]; do
		still_runs "$LOAD" || fail "the load ended"
		visit
		visits=$((visits + 1))
	done
	in_vm b 'touch /tmp/stop; pkill stress-ng; true'
	in_vm a 'pkill stress-ng; true'
	wait "$LOAD"
	for ((i = 0; i < DISKS; i++)); do
		check_disk $i
	done
	diag "$(in_vm b 'cat /tmp/rounds') rounds of $DISKS times $MIB MiB, written and verified; the fifth disk came and went $visits times"
	for vm in a b; do
		wait_for 60 pressure_is_over $vm
		wait_for 20 none_quarantined $vm
		diag "free memory of $vm: ${free[$vm]} -> $(free_memory $vm) KiB"
		assert_ge "$(free_memory $vm)" $((free[$vm] - MARGIN)) "free memory of $vm in KiB"
	done
}

cleanup() {
	in_vm a 'pkill stress-ng; true'
	in_vm b 'touch /tmp/stop; pkill stress-ng; pkill fio; rm -f /tmp/data'
	every_disk_gone
	ramdisks_gone a
}
