# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the mmblk cases with other disks than one of /dev/ram0 share: disks are called by their serial number, services are those of a disk.
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

# ---- disks ----

# disk_named CLIENT SERIAL: its name there, nothing if there is none
disk_named() {
	in_vm "$1" "grep -lxF '$2' /sys/block/mmblk*/serial 2> /dev/null | cut -d / -f 4"
}

disk_is_there() {
	[ -n "$(disk_named "$1" "$2")" ]
}

# No answer is no news.
disk_is_gone() {
	local name
	name=$(disk_named "$1" "$2") && [ -z "$name" ]
}

# disk_add CLIENT SERVER DEVICE SERIAL [OPTION...]: of fidoctl; one more
disk_add() {
	in_dom0 "fidoctl blk add $1 $2:$3 --serial $4 --wait $((60 * SLOW)) ${*:5}"
	wait_for 30 disk_is_there "$1" "$4"
}

# disk_remove CLIENT SERVER DEVICE SERIAL [OPTION...]
disk_remove() {
	in_dom0 "fidoctl blk remove $1 $2:$3 ${*:5}"
	wait_for 30 disk_is_gone "$1" "$4"
}

# disk_serve DEVICE [OPTION...]: the one disk of b; sets SERVED and DISK
disk_serve() {
	# shellcheck disable=SC2034 # for same_sums
	SERVED=$1
	disk_add b a "$1" only "${@:2}"
	DISK=$(disk_named b only)
}

# loop_serve SIZE: the same, of a loop device
loop_serve() {
	local loop
	loop=$(loop_create "$1")
	disk_serve "$loop"
}

# All disks of all VMs go, in an orderly way.
every_disk_gone() {
	in_dom0 "fidoctl link remove --stale
		fidoctl blk list | awk 'NR > 1 { print \$1, \$3 \":\" \$5 }' | while read -r client disk; do
			fidoctl blk remove \"\$client\" \"\$disk\" < /dev/null || true
		done"
	wait_for 30 no_disk
}

# ---- devices to be served ----

# ramdisks VM NUMBER MIB: new ones, all zeroes
ramdisks() {
	ramdisks_gone "$1"
	in_vm "$1" "modprobe brd rd_nr=$2 rd_size=$(($3 * 1024))"
}

# The server closes a device a moment after its disk has gone.
ramdisks_gone() {
	wait_for 30 in_vm "$1" '! grep -q "^brd " /proc/modules || rmmod brd'
}

# A disk of the SCSI midlayer in a; arguments are the module's.
scsi_debug() {
	in_vm a "modprobe -a scsi_mod sd_mod && modprobe scsi_debug $*"
	wait_for 30 has_scsi_disk
}

# scsi_serve PARAMETER...: of such a disk
scsi_serve() {
	local name
	scsi_debug "$@"
	name=$(scsi_disk)
	disk_serve "/dev/$name"
}

scsi_disk() {
	in_vm a 'ls /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*:*/block | head -n 1'
}

has_scsi_disk() {
	in_vm a "test -b /dev/$(scsi_disk)"
}

scsi_debug_gone() {
	wait_for 30 in_vm a '! grep -q "^scsi_debug " /proc/modules || rmmod scsi_debug'
}

# There is no udev that would make its nodes.
DMSETUP="DM_DISABLE_UDEV=1 dmsetup"

# mapped NAME TABLE: a device of the device mapper in a; \n separates the table's lines
mapped() {
	in_vm a "printf '$2\n' | $DMSETUP create $1"
}

# mapped_gone NAME...: in this order
mapped_gone() {
	local name
	for name in "$@"; do
		wait_for 30 in_vm a "! $DMSETUP info $name || $DMSETUP remove $name"
	done
}

# remapped NAME TABLE: what is in flight completes, what comes later meets the new table
remapped() {
	in_vm a "$DMSETUP suspend $1 && printf '$2\n' | $DMSETUP load $1 && $DMSETUP resume $1"
}

# A loop device can still be in use when it is let go of; then it goes with its last user.
loops_gone() {
	in_vm a 'losetup -D; rm -f /tmp/*.img'
}

# ---- counters and sizes ----

# disk_stat CLIENT DISK NAME: the client's counter for a disk
disk_stat() {
	in_vm "$1" "cat /sys/block/$2/device/stats/$3"
}

# served_stat CLIENT SERVER DISK NAME: the server's counter for the same
served_stat() {
	local service
	service=$(in_vm "$1" "basename \$(readlink /sys/block/$3/device)")
	in_vm "$2" "cat /sys/bus/fido/devices/fido-$(domid_of "$1").${service##*.}/stats/$4"
}

# sectors_are NUMBER: of DISK in b
sectors_are() {
	[ "$(attribute size)" = "$1" ]
}

# inflight_is_zero: of DISK in b
nothing_in_flight() {
	[ "$(attribute inflight | xargs)" = "0 0" ]
}

# has_completed COUNT: DISK of b, since its disk was made
has_completed() {
	[ "$(disk_stat b "$DISK" completions)" -ge "$1" ]
}

# still_runs PID: what in_vm_bg started
still_runs() {
	kill -0 "$1" 2> /dev/null
}

# ---- errors that a program in b meets ----

# meets TEXT COMMAND: it fails, and says so in these words
meets() {
	local said
	said=$(in_vm b "LC_ALL=C; export LC_ALL; ! { $2; } 2>&1")
	assert_match "$said" "$1" "what b is told"
}

# helper_to VM NAME: of the directory helpers
helper_to() {
	to_vm "$1" "/tmp/$2" < "$LAB_DIR/helpers/$2"
}
