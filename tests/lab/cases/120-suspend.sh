# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a VM with a network and a disk that is kept is saved and goes on, is saved and restored, and migrated (PVH), and so is seen by its peers: verified I/O and TCP wait meanwhile, other links are undisturbed; a reader that does not read is told of, and harms nothing; so for the server of the disk
# SHORT: with a network alone it is saved once, and goes on
# TIMEOUT: 1800
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"
# shellcheck disable=SC1091
. "$LAB_DIR/cases/watch-lib.sh"

requires() {
	need_module fido mmnet mmblk
	need_tool fidoctl
}

SAVED=/var/tmp/fido-suspend.saved
STREAM_PORT=7012

net_section() {
	printf '[net]\na = a\nb = b\n'
}

disk_section() {
	printf '[blk]\nclient = b\nserver = a\ndevice = /dev/xvdb\nqueues = 1\nkeep = yes\n'
}

# Interfaces of a restored VM are new ones.
net_goes_on() {
	wait_for 150 net_is_up
	net_answers a b 10.5.0
}

# ---- what goes on all the time ----

# forever VM COMMAND: detached, as connections do not survive what happens here.
forever() {
	in_vm "$1" "setsid sh -c '$2' < /dev/null > /dev/null 2>&1 &"
}

# Rounds of fio, each of which reads what it wrote, and ends the rounds if that is wrong.
disk_load_start() {
	in_vm b 'rm -f /tmp/fio.*; : > /tmp/fio.rounds'
	forever b "while ! [ -e /tmp/fio.stop ]; do $FIO --filename=/dev/$DISK --rw=randwrite --bssplit=4k/60:128k/40 --size=16M --iodepth=16 > /tmp/fio.out 2>&1 || { echo \$? > /tmp/fio.rc; exit; }; echo >> /tmp/fio.rounds; done; echo 0 > /tmp/fio.rc"
}

disk_rounds() {
	in_vm b 'wc -l < /tmp/fio.rounds'
}

disk_has_rounds() {
	[ "$(disk_rounds)" -ge "$1" ]
}

disk_goes_on() {
	wait_for 150 disk_is_up
	assert_eq "$(disk_name)" "$DISK" "disks in b"
	wait_for 30 disk_has_service
	# the one that waited, and one that is new
	wait_for 240 disk_has_rounds $(($(disk_rounds) + 2))
}

disk_has_service() {
	[ "$(attribute mmblk/parked)" = 0 ]
}

disk_load_end() {
	in_vm b ': > /tmp/fio.stop'
	wait_for 120 in_vm b 'test -e /tmp/fio.rc'
	assert_eq "$(in_vm b 'cat /tmp/fio.rc')" 0 "exit code of fio: $(in_vm b 'tail -n 3 /tmp/fio.out')"
	same_sums
}

# From b to a: what a process that is frozen with b has not read would keep b from being saved.
stream_start() {
	local vm
	for vm in a b; do
		to_vm $vm /tmp/stream.py < "$LAB_DIR/helpers/stream.py"
		in_vm $vm 'rm -f /tmp/stop /tmp/stream.rc'
	done
	forever a "python3 -S /tmp/stream.py recv $STREAM_PORT /tmp/stop > /tmp/stream.log 2>&1; echo \$? > /tmp/stream.rc"
	forever b "python3 -S /tmp/stream.py send 10.5.0.1 $STREAM_PORT /tmp/stop 10.5.0.2"
}

received() {
	in_vm a "cat /sys/class/net/$(mmnet_of a b)/statistics/rx_bytes"
}

has_received() {
	[ "$(received)" -ge "$1" ]
}

stream_goes_on() {
	wait_for 60 has_received $(($(received) + 4000000))
}

stream_end() {
	in_vm a ': > /tmp/stop'
	in_vm b ': > /tmp/stop'
	wait_for 30 in_vm a 'test -e /tmp/stream.rc'
	assert_eq "$(in_vm a 'cat /tmp/stream.rc')" 0 "receiver of the stream: $(in_vm a 'cat /tmp/stream.log')"
	diag "stream: $(in_vm a 'tail -n 1 /tmp/stream.log')"
}

# Another link of a's, made by hand
others_start() {
	net_up a c 10.6.0
	forever c 'ping -q -i 0.5 10.6.0.1 > /tmp/ping.out 2>&1'
}

others_end() {
	in_vm c 'pkill -INT ping; tail -s 0.05 --pid=$(pgrep ping) -f /dev/null 2> /dev/null; true'
	assert_match "$(in_vm c 'cat /tmp/ping.out')" ' 0% packet loss' "pings of c"
	assert_eq "$(times a c down)" 0 "times that the link from a to c went down"
}

# ---- what must be true after each ----

nothing_is_held() {
	[ "$(in_vm "$1" 'awk "/^(grants|windows)/ { print \$2 }" /sys/kernel/debug/fido/quarantine' | xargs)" = '0 0' ]
}

all_goes_on() {
	local vm
	net_goes_on
	[ -z "${DISK-}" ] || disk_goes_on
	for vm in a b; do
		wait_for 30 nothing_is_held $vm
	done
}

# times VM PEER STATE: that the link has been told to be so
times() {
	in_vm "$1" "dmesg | grep -c 'link to domain $(domid_of "$2") is $3'" || true
}

index_of_interface() {
	in_vm b "cat /sys/class/net/$(mmnet_of b a)/ifindex"
}

# ---- what is done ----

checkpoint() {
	local domid up index
	domid=$(domid_of b)
	up=$(times b a up)
	index=$(index_of_interface)
	vm_checkpoint b $SAVED
	in_dom0 "rm $SAVED"
	all_goes_on
	stream_goes_on
	assert_eq "$(domid_of b)" "$domid" "domain id of b"
	assert_eq "$(times b a up)" $((up + 1)) "times that the link came up"
	assert_eq "$(index_of_interface)" "$index" "interface of b"
	assert_eq "$(in_dom0 'xenstore-ls -f /local/domain' | grep -c /suspended || true)" 0 "ends that are suspended"
}

save_and_restore() {
	local domid
	domid=$(domid_of b)
	vm_save b $SAVED
	vm_wait_gone b
	wait_for 30 nothing_is_held a
	vm_restore b $SAVED
	in_dom0 "rm $SAVED"
	[ "$(domid_of b)" != "$domid" ] || fail "b has its old domain id"
	all_goes_on
	stream_goes_on
	assert_eq "$(in_vm b 'ls -d /sys/bus/xen*/devices/fido*' | wc -l)" 1 "links in b"
	assert_eq "$(in_dom0 'fidoctl link list' | grep -c stale || true)" 0 "stale links"
}

# Debian's Xen has no shadow paging, and so no live migration of PV guests, whatever they have.
migrate() {
	local domid
	[ "$GUEST" = pvh ] || return 0
	domid=$(domid_of b)
	vm_migrate b
	[ "$(domid_of b)" != "$domid" ] || fail "b has its old domain id"
	wait_for 30 nothing_is_held a
	all_goes_on
	stream_goes_on
	assert_eq "$(in_dom0 'fidoctl link list' | grep -c stale || true)" 0 "stale links"
}

# Nothing of the first time is in the way of the second.
twice() {
	checkpoint
	save_and_restore
	checkpoint
	save_and_restore
	migrate
}

pause_is_no_suspend() {
	local up
	up=$(times b a up)
	vm_pause b
	vm_unpause b
	net_goes_on
	assert_eq "$(times b a up)" "$up" "times that the link came up"
}

stalled_reader_start() {
	forever b 'exec python3 -c "
import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((\"10.5.0.2\", 7013))
s.listen()
c = s.accept()
time.sleep(100000)"'
	forever a 'until dd if=/dev/zero bs=64k count=16 2> /dev/null | socat -u - TCP:10.5.0.2:7013; do sleep 1; done'
	wait_for 30 in_vm b 'ss -Htn sport = :7013 | awk "\$2 > 20000 { found = 1 } END { exit !found }"'
}

# What was received, and not read, is memory of a.
refused_for_a_reader() {
	stalled_reader_start
	expect_failure vm_checkpoint b $SAVED
	in_dom0 "rm -f $SAVED"
	wait_for 30 vm_answers b
	in_vm b 'dmesg | grep "cannot be suspended: processes here hold memory of a peer"'
	in_vm b 'pkill -f "701[3]"; true'
	in_vm a 'pkill socat; true'
	all_goes_on
	checkpoint
}

# It serves the disk, and nobody sends to it what its frozen processes do not read.
server_checkpoint() {
	vm_checkpoint a $SAVED
	in_dom0 "rm $SAVED"
	all_goes_on
}

# A network whose stream waits meanwhile
short() {
	net_section | watch_configure
	watch_start
	net_goes_on
	stream_start
	stream_goes_on
	checkpoint
	stream_end
}

long() {
	in_vm b 'modprobe mmblk; sysctl -qw kernel.hung_task_timeout_secs=0'
	behind_make 64
	behind_attach
	in_vm a 'modprobe mmblk'
	# shellcheck disable=SC2034 # for same_sums
	SERVED=/dev/xvdb
	{ net_section; disk_section; } | watch_configure
	watch_start
	wait_for 60 disk_is_up
	wait_for 30 one_disk
	DISK=$(disk_name)
	net_goes_on
	others_start
	disk_load_start
	stream_start
	stream_goes_on
	twice
	others_end
	pause_is_no_suspend
	refused_for_a_reader
	stream_end
	server_checkpoint
	disk_load_end
}

run() {
	no_links
	wait_for 30 no_disk
	watch_fresh
	in_dom0 "rm -f $SAVED"
	load_modules a b c
	if [ "$LONG" = 1 ]; then
		long
	else
		short
	fi
}

cleanup() {
	watch_cleanup
	in_dom0 "rm -f $SAVED"
	in_vm b ': > /tmp/fio.stop; : > /tmp/stop; pkill fio; pkill python3; true'
	in_vm a ': > /tmp/stop; pkill python3; pkill socat; true'
	in_vm c 'pkill ping; true'
	no_links
	in_vm b 'for f in /sys/block/mmblk*/mmblk/abandon; do echo 1 > $f; done 2> /dev/null; true'
	in_vm b 'rm -f /tmp/fio.* /tmp/stream.* /tmp/stop; sysctl -qw kernel.hung_task_timeout_secs=120'
	in_vm a 'rm -f /tmp/stream.* /tmp/stop'
	behind_gone
}
