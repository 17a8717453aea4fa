# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the mmblk cases share: VM a serves a device, VM b is the client.

requires() {
	need_module fido mmblk
	need_tool fidoctl
}

SERVED=/dev/ram0
RAM_MIB=48

# ---- the disk ----

storage_modules() {
	in_vms 'a b' 'modprobe mmblk'
	in_vm a "modprobe brd rd_nr=1 rd_size=$((RAM_MIB * 1024))"
}

# A loop device on a file in memory: it has a write cache, discards and zeroes.
loop_create() {
	in_vm a "truncate -s $1 /tmp/loop.img && losetup -f --show /tmp/loop.img"
}

loop_destroy() {
	in_vm a "losetup -d $1; rm -f /tmp/loop.img; true"
}

client_service() {
	in_vm b 'grep -lx client /sys/bus/fido/devices/*/role | head -n 1 | xargs -r dirname'
}

server_service() {
	in_vm a 'grep -lx server /sys/bus/fido/devices/*/role | head -n 1 | xargs -r dirname'
}

# Name of the one disk in the client
disk_name() {
	in_vm b 'cd /sys/block && ls -d mmblk* 2> /dev/null'
}

no_disk() {
	[ -z "$(disk_name || true)" ]
}

one_disk() {
	[ "$(disk_name | wc -l)" = 1 ]
}

# disk_up [OPTION...]: of fidoctl; sets DISK
disk_up() {
	in_dom0 "fidoctl blk add b a:$SERVED --wait $((60 * SLOW)) $*"
	wait_for 30 one_disk
	DISK=$(disk_name)
}

# Nothing of an earlier case, then a disk
disk_fresh() {
	disks_gone
	storage_modules
	disk_up "$@"
}

disks_gone() {
	in_dom0 "fidoctl link remove --stale; fidoctl blk remove b a:$SERVED --force > /dev/null 2>&1; true"
	wait_for 30 no_disk
}

attribute() {
	in_vm b "cat /sys/block/$DISK/$1"
}

# ---- counters ----

# role_stat VM ROLE NAME: one command, as it is polled
role_stat() {
	in_vm "$1" "role=\$(grep -lx $2 /sys/bus/fido/devices/*/role | head -n 1) && cat \"\${role%/role}/stats/$3\""
}

client_stat() {
	role_stat b client "$1"
}

server_stat() {
	role_stat a server "$1"
}

# ---- data ----

# Each block carries a sum of its own, which is checked afterwards.
FIO="fio --name=load --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 --randrepeat=0 --output-format=terse"

fio_raw() {
	in_vm b "$FIO --filename=/dev/$DISK $*" > "$CASE_DIR/fio.out"
}

# Past the page cache on both sides: the server's does not know what the client writes.
same_sums() {
	local server b
	in_vm a "dd if=$SERVED bs=1M iflag=direct 2> /dev/null | sha256sum" > "$CASE_DIR/sum-a" &
	server=$!
	b=$(in_vm b "dd if=/dev/$DISK bs=1M iflag=direct 2> /dev/null | sha256sum")
	wait $server
	assert_eq "$b" "$(cat "$CASE_DIR/sum-a")" "sum of the disk, seen from the client"
}
