# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: swap on mmblk under memory pressure: every page is as it was left, nothing deadlocks, also when the server's module goes and comes meanwhile
# TIMEOUT: 600
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

# MiB of the swap space, and by how much the program exceeds what is free
SWAP=160
EXCESS=80
PASSES=2

vmstat_of_b() {
	in_vm b "awk '\$1 == \"$1\" { print \$2 }' /proc/vmstat"
}

# swapped_out PAGES: more than that since the case began
swapped_out() {
	[ $(($(vmstat_of_b pswpout) - out)) -gt "$1" ]
}

available() {
	# shellcheck disable=SC2016 # for the VM's awk
	in_vm b 'sync; echo 3 > /proc/sys/vm/drop_caches; awk "/^MemAvailable/ { print int(\$2 / 1024) }" /proc/meminfo'
}

reload_server() {
	in_vm a 'rmmod mmblk'
	in_vm a 'modprobe mmblk'
}

run() {
	local load size in out
	every_disk_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk'
	ramdisks a 1 $SWAP
	# all of its memory is taken from now on, and not when a has other worries
	in_vm a 'dd if=/dev/zero of=/dev/ram0 bs=1M oflag=direct 2> /dev/null; true'
	disk_serve /dev/ram0
	helper_to b swap.py
	in_vm b "mkswap /dev/$DISK && swapon /dev/$DISK"
	out=$(vmstat_of_b pswpout)
	in=$(vmstat_of_b pswpin)
	size=$(($(available) + EXCESS))
	in_vm_bg b "python3 -S /tmp/swap.py $size $PASSES /tmp/swap.state"
	load=$BG

	wait_for 120 swapped_out 2000
	reload_server
	wait_for 120 swapped_out $((EXCESS * 128))
	reload_server
	wait "$load" || fail "a page is not as it was left, or the program was ended"
	assert_eq "$(in_vm b 'tail -n 1 /tmp/swap.state')" "done" "the last word of the program"

	out=$(($(vmstat_of_b pswpout) - out))
	in=$(($(vmstat_of_b pswpin) - in))
	diag "$size MiB in use: $out pages swapped out, $in in"
	assert_ge "$out" $((EXCESS * 256)) "pages swapped out"
	assert_ge "$in" $((EXCESS * 256)) "pages swapped in"
	assert_ge "$(disk_stat b "$DISK" write_bytes)" $((out * 4096)) "bytes written to the disk"
	assert_eq "$(disk_stat b "$DISK" errors)" 0 "errors"
	in_vm b "swapoff /dev/$DISK"
}

cleanup() {
	in_vm a 'modprobe mmblk'
	# shellcheck disable=SC2016 # for the VM's shell
	in_vm b 'pkill -f swap.py; for d in /dev/mmblk*; do swapoff $d 2> /dev/null; done; rm -f /tmp/swap.*; true'
	every_disk_gone
	ramdisks_gone a
}
