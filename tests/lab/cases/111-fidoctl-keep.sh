# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a disk that is kept survives its server's VM: files are written while that is destroyed and started again, and all is right; with a time-out requests fail until then; what cannot be kept, and what nobody wants any more
# SHORT: one death of the server, no time-out; what can be kept is not asked, nor what nobody wants
# TIMEOUT: 1200
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"
# shellcheck disable=SC1091
. "$LAB_DIR/cases/watch-lib.sh"

LIMIT=$((10 * SLOW))

# configure [LINE]: one disk of a in b
configure() {
	watch_configure << EOF
[blk]
client = b
server = a
device = /dev/xvdb
queues = 1
keep = yes
${1-}
EOF
}

# ---- the client ----

parked_is() {
	[ "$(attribute mmblk/parked)" = "$1" ]
}

still_runs() {
	kill -0 "$1" 2> /dev/null
}

progress() {
	[ "$(client_stat completions)" -ge "$1" ]
}

read_one() {
	in_vm b "dd if=/dev/$DISK of=/dev/null bs=4k count=1 iflag=direct"
}

# Its VM dies: the disk stays, without a service. No zombie: nothing of a is mapped.
server_dies() {
	vm_kill a
	vm_wait_gone a
	wait_for 60 parked_is 1
	assert_eq "$(in_vm b 'grep -lx client /sys/bus/fido/devices/*/role 2> /dev/null | wc -l')" 0 "services of the disk"
}

# ---- what is proven ----

# Files under fio, which knows what it wrote, and one that was synced before
write_on() {
	local load before
	in_vm b "modprobe -a ext4 crc32c_generic; mkdir -p /mnt; mkfs.ext4 -q /dev/$DISK && mount /dev/$DISK /mnt"
	in_vm b 'head -c 4M /dev/urandom > /mnt/before && sync /mnt/before && sha256sum /mnt/before > /tmp/sums'
	before=$(client_stat completions)
	in_vm_bg b "$FIO --directory=/mnt --rw=randwrite --bssplit=4k/60:128k/40 --size=24M --loops=$((LONG ? 8 : 3)) --iodepth=16 --fsync=64" > "$CASE_DIR/fio.out"
	load=$BG
	wait_for 60 progress $((before + 200))
	in_vm b 'head -c 1M /dev/urandom > /mnt/last && sync /mnt/last && sha256sum /mnt/last >> /tmp/sums'
	server_dies
	still_runs "$load" || fail "the load has not met the server's death"

	# the module is there before the device: the supervisor tries again, the disk waits on
	vm_create a
	load_modules a
	in_vm a 'modprobe mmblk'
	wait_for 90 said 'trying again: a: cannot serve /dev/xvdb'
	behind_attach
	wait_for 150 disk_is_up
	wait_for 30 parked_is 0
	assert_eq "$(disk_name)" "$DISK" "disks in b"
	wait "$load"
	assert_ge "$(client_stat requeues)" 1 "requests sent again"
	assert_eq "$(client_stat errors)" 0 "errors"
	assert_eq "$(client_stat timeouts)" 0 "requests that failed"
}

all_is_right() {
	in_vm b 'umount /mnt; echo 3 > /proc/sys/vm/drop_caches'
	in_vm b "e2fsck -fn /dev/$DISK"
	in_vm b "mount /dev/$DISK /mnt && sha256sum -c --quiet /tmp/sums; umount /mnt"
	same_sums
}

survives() {
	local domid
	configure
	watch_start
	wait_for 60 disk_is_up
	wait_for 30 one_disk
	DISK=$(disk_name)
	assert_eq "$(attribute mmblk/keep)" a:/dev/xvdb "what the disk is known by"
	expect_failure in_vm b "echo 1 > /sys/block/$DISK/mmblk/abandon"
	domid=$(domid_of a)
	write_on
	[ "$(domid_of a)" != "$domid" ] || fail "a has its old domain id"
	all_is_right
	watch_end
	in_dom0 'fidoctl blk remove b a:/dev/xvdb'
	no_disk || fail "a disk that was removed is still there"
}

# Away for longer than requests wait: they fail, the disk stays, and goes on.
lapses() {
	local load
	configure "timeout = $LIMIT"
	watch_start
	wait_for 60 disk_is_up
	wait_for 30 one_disk
	DISK=$(disk_name)
	in_vm_bg b "exec 3< /dev/$DISK; while dd if=/dev/$DISK of=/dev/null bs=4k count=1 iflag=direct 2> /dev/null; do :; done"
	load=$BG
	server_dies
	# a read fails, and ends it
	wait "$load"
	expect_failure read_one
	vm_create a
	load_modules a
	behind_attach
	in_vm a 'modprobe mmblk'
	wait_for 90 disk_is_up
	wait_for 30 read_one
	assert_eq "$(disk_name)" "$DISK" "disks in b"
	same_sums
	watch_end
}

# Nobody comes back for it: it can be given up, and does not keep the module.
abandoned() {
	vm_kill a
	vm_wait_gone a
	in_dom0 'fidoctl link remove --stale'
	wait_for 30 parked_is 1
	in_vm b "echo 1 > /sys/block/$DISK/mmblk/abandon"
	wait_for 30 no_disk
	in_vm b 'rmmod mmblk && modprobe mmblk'
	vm_create a
	load_modules a
	behind_attach
}

# Both of its ends know nothing of each other any more, and nobody has said that it shall go.
link_vanishes() {
	local front
	front=/local/domain/$(domid_of b)/device/fido/$(domid_of a)
	in_dom0 "xenstore-rm \$(xenstore-read $front/backend) $front"
	wait_for 30 parked_is 1
}

# loop_resize LOOP SIZE
loop_resize() {
	in_vm a "truncate -s $2 /tmp/loop.img && losetup -c $1"
}

# Both sides of a service are up, and the disk is not: who adds it is told.
smaller_is_refused() {
	local said
	link_vanishes
	loop_resize "$1" 8M
	said=$(expect_failure in_dom0 "fidoctl blk add b a:$1 --keep --wait $((20 * SLOW)) 2>&1")
	assert_match "$(grep -v waiting <<< "$said")" 'the device that came back is smaller' "what is said of a smaller one"
	wait_for 30 parked_is 1
	loop_resize "$1" 16M
	in_dom0 "fidoctl blk add b a:$1 --keep --wait $((20 * SLOW))"
	wait_for 30 parked_is 0
}

# What is in the memory of a goes with it; what may be is written through.
what_is_kept() {
	local loop said
	storage_modules
	in_vm a 'modprobe loop'
	said=$(expect_failure in_dom0 "fidoctl blk add b a:/dev/ram0 --keep --wait $((20 * SLOW)) 2>&1")
	assert_match "$(grep -v waiting <<< "$said")" 'cannot keep /dev/ram0: its contents go with this VM'
	loop=$(loop_create 16M)
	SERVED=$loop
	disk_up
	assert_eq "$(attribute queue/write_cache)" "write back" "cache of what is not kept"
	in_dom0 "fidoctl blk remove b a:$loop"
	disk_up --keep
	assert_eq "$(attribute queue/write_cache)" "write through" "cache of what is kept"
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=64k count=32 oflag=direct"
	in_vm b "blkdiscard -z -o 1M -l 1M /dev/$DISK"
	same_sums
	smaller_is_refused "$loop"
	same_sums
	in_dom0 "fidoctl link remove a b --wait $((30 * SLOW))"
	wait_for 30 no_disk
	loop_destroy "$loop"
}

# error_of NODES: what a service is told to be wrong
error_of() {
	in_dom0 "xenstore-read $1/error 2> /dev/null || true"
}

waits_for_disk() {
	[[ $(error_of "$1") == *'its disk is still there'* ]]
}

is_fine() {
	[ -z "$(error_of "$1")" ]
}

# A second service of the disk that is found before the first one has gone waits for that; it is told if it lasts.
found_too_early() {
	local services first
	SERVED=/dev/xvdb
	disk_up --keep
	services=/local/domain/$(domid_of b)/device/fido/$(domid_of a)/service
	first=$services/$(in_dom0 "xenstore-list $services | head -n 1")
	in_dom0 "for n in role keep serial queues; do v=\$(xenstore-read $first/\$n 2> /dev/null) && xenstore-write $services/9/\$n \"\$v\"; done; xenstore-write $services/9/type mmblk"
	wait_for 30 waits_for_disk "$services/9"
	in_dom0 "xenstore-rm $first"
	wait_for 30 is_fine "$services/9"
	wait_for 30 parked_is 0
	in_dom0 "xenstore-rm $services/9"
	wait_for 30 parked_is 1
	in_vm b "echo 1 > /sys/block/$DISK/mmblk/abandon"
	wait_for 30 no_disk
	no_links
}

# Nobody names it any more, and its server is away: it goes once nobody has it open, and does not wait for ever.
dropped() {
	configure
	watch_start
	wait_for 60 disk_is_up
	wait_for 30 one_disk
	DISK=$(disk_name)
	in_vm_bg b "sleep $((300 * SLOW)) 3< /dev/$DISK; true"
	wait_for 20 in_dom0 'fidoctl blk show b a:/dev/xvdb | grep -q "users = 1"'
	# what it left is still there when the supervisor begins
	watch_end
	vm_kill a
	vm_wait_gone a
	watch_configure_away
	watch_start
	wait_for 30 said "removed later: disk $DISK is in use in b"
	one_disk || fail 'an open disk was removed'
	in_vm b 'pkill sleep; true'
	wait_for 30 no_disk
	wait_for 10 said 'stale link .* removed'
	watch_end
}

run() {
	expect_log 'I/O error|Buffer I/O|timeout error|cannot serve|cannot keep|its disk is still there'
	no_links
	wait_for 30 no_disk
	watch_fresh
	load_modules a b
	in_vm b 'modprobe mmblk; sysctl -qw kernel.hung_task_timeout_secs=0'
	behind_make 64
	behind_attach
	in_vm a 'modprobe mmblk'
	# shellcheck disable=SC2034 # for same_sums
	SERVED=/dev/xvdb
	survives
	if [ "$LONG" = 1 ]; then
		lapses
		abandoned
		what_is_kept
		dropped
		found_too_early
	fi
}

cleanup() {
	watch_cleanup
	in_vm b 'pkill fio; pkill dd; pkill sleep; true'
	no_links
	# shellcheck disable=SC2016 # for the VM's shell
	in_vm b 'for f in /sys/block/mmblk*/mmblk/abandon; do echo 1 > $f; done 2> /dev/null; umount /mnt 2> /dev/null; true'
	in_vm b 'rm -f /tmp/sums; sysctl -qw kernel.hung_task_timeout_secs=120'
	behind_gone
}
