# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: not in each run yet
# DESCRIPTION: what the configuration names comes back when a VM does; mistakes are told with their line; what was made by hand stays, and an open disk until it is closed; reload, end, errors
# TIMEOUT: 600
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"
# shellcheck disable=SC1091
. "$LAB_DIR/cases/watch-lib.sh"

requires() {
	need_tool fidoctl
	need_module fido mmnet mmblk
}

# configure QUEUES: a network, and a disk of a in b
configure() {
	watch_configure nas << EOF
# a comment
[net]
a = a
b = b   # another
queues = $1

[blk]
client = b
server = a
device = /dev/ram0
serial = r1
EOF
}

# That the links are the same ones, with the same services.
nodes() {
	in_dom0 'xenstore-ls -f /local/domain | grep -E "/(device|backend)/fido/.*(config|type|mac|device|-id) = " | sort'
}

everything_works() {
	wait_for 60 states_are 'up up'
	net_answers a b 10.5.0
	wait_for 30 one_disk
	DISK=$(disk_name)
	in_vm b "dd if=/dev/urandom of=/dev/$DISK bs=64k count=16 oflag=direct 2> /dev/null"
	same_sums
}

mistakes() {
	local said rc=0
	configure 2
	in_dom0 "fidoctl watch --config $CONF --check"
	watch_configure bad << 'EOF'
[net]
a = 1
b = b
mtuu = 1500
mtu = 9
EOF
	said=$(in_dom0 "fidoctl watch --config $CONF --check 2>&1") || rc=$?
	assert_eq "$rc" 1 'exit code of --check'
	assert_match "$said" "^fidoctl: $CONF/bad.conf:2: a: 1 is a domain id"
	assert_match "$said" "^fidoctl: $CONF/bad.conf:4: .net. knows no .mtuu"
	assert_match "$said" "^fidoctl: $CONF/bad.conf:5: mtu: say a number from 68 to 65535"
	assert_match "$said" "^fidoctl: $CONF/bad.conf is not used"
	# the other file is used
	assert_eq "$(states)" 'missing missing'
	rc=0
	said=$(in_dom0 'fidoctl watch --config /nowhere 2>&1') || rc=$?
	assert_eq "$rc" 1 'exit code without a configuration'
	assert_match "$said" '^fidoctl: /nowhere: No such file'
	rc=0
	in_dom0 'fidoctl watch --once --check 2>&1' || rc=$?
	assert_eq "$rc" 2 'exit code of two modes'
	watch_configure_away bad
}

once() {
	local before
	assert_match "$(in_dom0 "fidoctl watch --config $CONF --dry-run 2>&1")" 'network a -- b: would be made'
	assert_eq "$(nodes)" '' 'nodes after --dry-run'
	in_dom0 "fidoctl watch --config $CONF --once"
	everything_works
	before=$(nodes)
	in_dom0 "fidoctl watch --config $CONF --once"
	assert_eq "$(nodes)" "$before" 'nodes after --once, the second time'
	assert_eq "$(states)" 'up up'
}

# The client goes, then the server, whose device is there later than its module.
return_of_vms() {
	vm_kill b
	vm_wait_gone b
	wait_for 20 states_are 'waiting waiting'
	wait_for 20 said 'stale link .* removed'
	vm_create b
	load_modules b
	in_vm b 'modprobe mmblk'
	everything_works

	vm_kill a
	vm_wait_gone a
	wait_for 20 states_are 'waiting waiting'
	wait_for 30 no_disk
	vm_create a
	load_modules a
	in_vm a 'modprobe mmblk'
	wait_for 60 said 'trying again: a: cannot serve /dev/ram0'
	storage_modules
	everything_works
}

pause_is_no_end() {
	local before
	before=$(nodes)
	vm_pause a
	in_dom0 "fidoctl watch --config $CONF --once"
	assert_eq "$(nodes)" "$before" 'nodes while a is paused'
	vm_unpause a
	everything_works
}

# What is not the supervisor's, and what is no more.
by_hand_and_reload() {
	local before
	in_dom0 'fidoctl link add a 0'
	forget_log
	configure 1
	watch_signal HUP
	wait_for 30 said 'network a -- b: made anew'
	wait_for 60 states_are 'up up'
	assert_eq "$(in_dom0 'fidoctl net show a b | grep -c "queues = 1"')" 2 'sides with the new parameter'
	everything_works

	# what somebody removes is made again
	before=$(in_dom0 'fidoctl blk list' | wc -l)
	in_dom0 'fidoctl link remove a b --force'
	everything_works
	assert_eq "$(in_dom0 'fidoctl blk list' | wc -l)" "$before" 'disks'

	# what is open stays until it is closed
	detached b "exec sleep 50 3< /dev/$DISK"
	wait_for 20 in_dom0 'fidoctl blk show b a:/dev/ram0 | grep -q "users = 1"'
	watch_configure_away nas
	watch_signal HUP
	wait_for 30 said "removed later: disk $DISK is in use in b"
	one_disk || fail 'an open disk was removed'
	in_vm b 'pkill sleep'
	wait_for 60 in_dom0 '! fidoctl link show a b > /dev/null 2>&1'
	wait_for 30 no_disk
	in_dom0 'fidoctl link show a 0 > /dev/null'
}

end_of_it() {
	local rc=0
	watch_signal TERM
	in_dom0 "timeout $SLOW tail -s 0.05 --pid=\$(cat $LOG.pid) -f /dev/null"
	wait "$WATCH" || rc=$?
	assert_eq "$rc" 0 'exit code after SIGTERM'
	wait_for 5 said 'ends, links stay'
}

run() {
	no_links
	watch_fresh
	load_modules a b
	storage_modules
	mistakes
	once

	# takes over what is there
	watch_start
	wait_for 20 said 'network a -- b: up'
	return_of_vms
	pause_is_no_end
	by_hand_and_reload
	end_of_it
}

cleanup() {
	watch_cleanup
	in_vm b 'pkill sleep; true'
	no_links
}
