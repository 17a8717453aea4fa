# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: not in each run yet
# DESCRIPTION: requests wait while the server is away, and fail when the disk's time-out is over, until it is back; without one they wait on
# TIMEOUT: 500
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

# Long enough for a module to be loaded meanwhile
LIMIT=$((10 * SLOW))

# A request that was not sent yet is not counted in flight: the process tells.
waiting() {
	in_vm b 'ps -o stat= -C dd | grep -q "^D"'
}

read_one() {
	in_vm b "dd if=/dev/$DISK of=/dev/null bs=4k count=1 iflag=direct"
}

# Away for less than that: nobody notices.
short_absence() {
	local load
	in_vm a 'rmmod mmblk'
	in_vm_bg b "dd if=/dev/$DISK of=/dev/null bs=4k count=16 iflag=direct"
	load=$BG
	in_vm a 'modprobe mmblk'
	wait "$load"
	assert_eq "$(client_stat timeouts)" 0 "requests that failed"
}

# Away for longer: what waits fails, what comes fails at once, and it says so.
long_absence() {
	local load rc=0
	in_vm a 'rmmod mmblk'
	in_vm_bg b "dd if=/tmp/data of=/dev/$DISK bs=64k oflag=direct"
	load=$BG
	wait_for 20 waiting
	wait "$load" || rc=$?
	assert_eq "$rc" 1 "exit code of what waited"
	assert_ge "$(client_stat timeouts)" 1 "requests that failed"
	expect_failure read_one
	in_vm a 'modprobe mmblk'
	wait_for 30 read_one
	in_vm b "dd if=/tmp/data of=/dev/$DISK bs=64k oflag=direct"
	assert_eq "$(in_vm a "dd if=$SERVED bs=1M count=2 iflag=direct 2> /dev/null | sha256sum")" "$(in_vm b 'sha256sum < /tmp/data')" "what the server has"
}

# over START: twice the time-out has passed
over() {
	[ $((SECONDS - $1)) -ge $((2 * LIMIT)) ]
}

# Without a time-out: as long as it takes, here twice the time from before.
without() {
	local load start
	in_vm a 'rmmod mmblk'
	in_vm_bg b "dd if=/dev/$DISK of=/dev/null bs=4k count=1 iflag=direct"
	load=$BG
	wait_for 20 waiting
	start=$SECONDS
	wait_for $((3 * LIMIT)) over "$start"
	waiting || fail "a request has not waited"
	in_vm a 'modprobe mmblk'
	wait "$load"
	assert_eq "$(client_stat timeouts)" 0 "requests that failed"
}

run() {
	expect_log 'I/O error|Buffer I/O|timeout error'
	disk_fresh --timeout "$LIMIT"
	in_vm b 'head -c 2M /dev/urandom > /tmp/data'
	short_absence
	long_absence
	disks_gone
	disk_up
	without
}

cleanup() {
	in_vm a 'modprobe mmblk'
	in_vm b 'pkill dd; rm -f /tmp/data; true'
	disks_gone
}
