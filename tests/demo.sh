#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# make demo: two VMs on an emulated Xen host ping, stream and share a disk through fido, in one go.
# Settings by environment as for tests/lab/lab (SUITE=, GUEST=, FIDO_CACHE=, LAB_ACCEL=).
set -euo pipefail

top=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
lab=$top/tests/lab/lab

# A state directory of its own: a lab that somebody works in stays untouched.
export SUITE=${SUITE:-trixie}
export LAB_STATE=${FIDO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fido-lab}/$SUITE/demo
export VMS="a b"

readonly ADDRESS_A=10.77.0.1 ADDRESS_B=10.77.0.2 CONTROL_B=10.99.0.12
readonly STREAMS=3 STREAM_SECONDS=2 DISK_MIB=64 VERIFY_MIB=24

current_step="start"
child=
summary=()

say() {
	printf 'demo: [%3d s] %s\n' "$SECONDS" "$*"
}

# begin TEXT: what follows belongs to this step, and is blamed on it.
begin() {
	current_step=$1
	say "$current_step"
}

indent() {
	sed 's/^/    /'
}

note() {
	summary+=("$(printf '  %-10s %s' "$1" "$2")")
}

# on NAME COMMAND: in a machine of the lab, with an end.
on() {
	LAB_TIMEOUT=${LIMIT:-240} "$lab" exec "$@" < /dev/null
}

# long VERB: of the lab, in a session of its own, so that an interruption need not wait for it and ends its compilers too.
long() {
	setsid "$lab" "$@" < /dev/null &
	child=$!
	wait "$child"
	child=
}

# Whatever happened: name it, and leave nothing running.
finish() {
	local rc=$?
	trap - EXIT INT TERM
	[ -z "$child" ] || kill -- "-$child" 2> /dev/null || true
	"$lab" down > /dev/null 2>&1 || true
	if [ $rc != 0 ]; then
		say "FAILED at: $current_step (exit code $rc); the machines' logs are in $LAB_STATE/log"
	fi
	exit $rc
}

boot() {
	begin "what this host lacks is installed, the $SUITE root is built (once), all is compiled in it and booted"
	long setup
	"$lab" down > /dev/null 2>&1
	long up
	begin "what runs"
	"$lab" status | indent
	note host "$("$lab" status | head -n 1 | sed 's/, state .*//; s/^running on //')"
}

load_modules() {
	local vm
	begin "fido, mmnet and mmblk are loaded in a and b"
	for vm in a b; do
		on $vm 'modprobe -a fido mmnet mmblk && lsmod | grep -E "^(fido|mmnet|mmblk) "' | sed "s/^/    $vm: /"
	done
}

link_vms() {
	begin "fidoctl in dom0 links a and b and gives them a network"
	on dom0 'fidoctl link add a b --wait 90 && fidoctl net add a b --wait 30' | indent
	on dom0 'fidoctl link list' | indent
	note link "a and b read each other's memory, and write none of it"
}

set_addresses() {
	begin "addresses of mmnet0"
	on a "ip link set mmnet0 up && ip addr add $ADDRESS_A/24 dev mmnet0"
	on b "ip link set mmnet0 up && ip addr add $ADDRESS_B/24 dev mmnet0"
	on a 'ip addr show dev mmnet0' | sed 's/^/    a: /'
	on b 'ip addr show dev mmnet0' | sed 's/^/    b: /'
}

ping_peer() {
	local answer
	begin "ping from a to b over mmnet0"
	answer=$(on a "ping -c 5 -i 0.2 -W 5 $ADDRESS_B")
	indent <<< "$answer"
	note mmnet0 "$(sed -n 's/ packets transmitted, / sent, /; s/, time .*//; /sent,/p' <<< "$answer"), rtt $(
		sed -n 's/^rtt [^=]*= [^/]*\/\([^/]*\).*/\1 ms on average/p' <<< "$answer")"
}

# stream ADDRESS: Mbit/s of one short TCP stream from a to b.
stream() {
	on a "netperf -P 0 -H $1 -t TCP_STREAM -l $STREAM_SECONDS -- -m 65536 -k THROUGHPUT" |
		sed -n 's/^THROUGHPUT=\([0-9]*\).*/\1/p'
}

median() {
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

stream_both() {
	local i fast slow mmnet=() netfront=()
	begin "netperf TCP_STREAM of $STREAM_SECONDS s from a to b, by turns over mmnet and over netfront, bridge and netback"
	on b 'pgrep -x netserver > /dev/null || netserver > /dev/null'
	for ((i = 1; i <= STREAMS; i++)); do
		fast=$(stream $ADDRESS_B)
		slow=$(stream $CONTROL_B)
		[ -n "$fast" ] && [ -n "$slow" ] || return 1
		printf '    round %d: mmnet %5d Mbit/s, netfront %5d Mbit/s\n' "$i" "$fast" "$slow"
		mmnet+=("$fast")
		netfront+=("$slow")
	done
	note netperf "mmnet $(median "${mmnet[@]}"), netfront $(median "${netfront[@]}") Mbit/s in the middle (a demonstration; make bench measures)"
}

attach_disk() {
	begin "b serves a ramdisk of $DISK_MIB MiB, which becomes /dev/mmblk0 in a"
	on b "modprobe brd rd_nr=1 rd_size=$((DISK_MIB * 1024)) && ls -l /dev/ram0" | indent
	on dom0 'fidoctl blk add a b:/dev/ram0 --wait 30' | indent
	on a 'lsblk /dev/mmblk0' | indent
}

use_disk() {
	begin "mkfs.ext4 and mount on /dev/mmblk0"
	on a 'mkfs.ext4 -q /dev/mmblk0 && mount /dev/mmblk0 /mnt && df -h /mnt' | indent
	begin "fio writes $VERIFY_MIB MiB at random, reads them back and checks the CRC of each block"
	LIMIT=300 on a "fio --name=verify --directory=/mnt --size=${VERIFY_MIB}M --rw=randwrite --bs=16k --direct=1 \
		--ioengine=libaio --iodepth=8 --verify=crc32c --verify_fatal=1 --thread" |
		grep -E 'err=|READ:|WRITE:' | indent
	begin "unmount and e2fsck"
	on a 'umount /mnt && e2fsck -fn /dev/mmblk0' 2>&1 | indent
	note mmblk0 "ext4 made and mounted, $VERIFY_MIB MiB written and verified by fio (crc32c), e2fsck clean"
}

unlink_vms() {
	begin "fidoctl takes disk, network and link away; the modules are unloaded"
	on dom0 'fidoctl blk remove a b:/dev/ram0 && fidoctl link remove a b --wait 30' | indent
	on a 'modprobe -r mmblk mmnet fido'
	on b 'modprobe -r mmblk mmnet fido'
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

boot
load_modules
link_vms
set_addresses
ping_peer
stream_both
attach_disk
use_disk
unlink_vms
begin "shutdown"
"$lab" down
say "passed. What was seen:"
printf '%s\n' "${summary[@]}"
