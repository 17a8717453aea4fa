# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a VM that is paused or hangs is told of, once, by its peer's log, carrier and fidoctl, and is back with all that waited: requests of a disk, a TCP stream; one that has nothing to say is not silent
# SHORT: sooner, and with somebody who looks
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

# VM a serves a disk, is paused and hangs; b is the one that looks.
SECS=$((LONG ? 4 : 3))
HANG=$((LONG ? 10 : 7))
PORT=7020
MARK="heartbeat: $$ begins"

requires() {
	need_module fido mmnet mmblk fido_hang
	need_tool fidoctl
}

looks_for() {
	in_vm b "echo $1 > /sys/module/fido/parameters/heartbeat_secs"
}

# said VM REGEX: how many lines of its log since the case began
said() {
	in_vm "$1" "dmesg | sed -n '/$MARK\$/,\$p' | grep -cE '$2'" || true
}

# told SILENCES RETURNS: as b has
told() {
	[ "$(said b 'is silent for [0-9]+ s') $(said b 'is back after [0-9]+ s')" = "$1 $2" ]
}

carrier_losses() {
	in_vm b 'cat /sys/class/net/mmnet0/carrier_down_count'
}

# What dom0 sees of b's complaint
is_shown() {
	in_dom0 'fidoctl link show a b' | has -E '^ +(front|back)end b .*: connected, a is silent$'
}

is_not_shown() {
	! is_shown
}

nodes_of_silence() {
	in_dom0 "xenstore-ls -f /local/domain/$1 | grep -c '/silent = \"1\"'" || true
}

# debugfs NAME: of what b knows of the link
debugfs() {
	in_vm b "sed -n 's/^$1: //p' /sys/kernel/debug/fido/fido-$(domid_of a)/link"
}

# Who sends nothing and asks for nothing beats all the same.
idle_is_not_silent() {
	local beats
	beats=$(debugfs 'beats of the peer')
	in_dom0 "sleep $((2 * SECS))"
	assert_ge "$(debugfs 'beats of the peer')" $((beats + SECS)) "beats of an idle VM"
	told 0 0 || fail "an idle VM is called silent"
}

read_waits() {
	in_vm b 'ps -o stat= -C dd | grep -q "^D"'
}

# Nothing is given up: what was under way comes to its end.
paused_and_back() {
	local load start=$SECONDS
	stream_start b $PORT
	vm_pause a
	in_vm_bg b "dd if=/dev/$DISK of=/dev/null bs=4k count=1 iflag=direct"
	load=$BG
	wait_for $((SECS + 10)) has_no_carrier b
	diag "no carrier $((SECONDS - start)) s after a was paused, with $SECS"
	told 1 0 || fail "silence not told, or more than once"
	assert_eq "$(debugfs silent)" yes "debugfs"
	wait_for 10 is_shown
	assert_eq "$(nodes_of_silence "$(domid_of b)")" 1 "nodes of b"
	assert_match "$(in_dom0 'fidoctl link list')" 'connected .* b: a is silent' "list of links"
	read_waits || fail "a request has not waited for a paused server"
	vm_unpause a
	wait_for 20 has_carrier b
	wait "$load"
	stream_stop b $PORT
	wait_for 10 is_not_shown
	told 1 1 || fail "its return not told, or more than once"
	assert_eq "$(nodes_of_silence "$(domid_of b)")" 0 "nodes of b"
	wait_for 20 network_reaches b
}

# Xen runs it, and nothing in it runs.
hung_and_back() {
	local losses
	losses=$(carrier_losses)
	in_vm_bg a "modprobe fido_hang seconds=$HANG && rmmod fido_hang"
	wait_for $((HANG + 20)) told 2 2
	wait "$BG"
	wait_for 10 has_carrier b
	assert_eq "$(carrier_losses)" $((losses + 1)) "losses of the carrier"
	wait_for 20 network_reaches b
}

nobody_looks() {
	local losses
	losses=$(carrier_losses)
	looks_for 0
	vm_pause a
	in_dom0 "sleep $((SECS + 3))"
	vm_unpause a
	told 2 2 || fail "a silence is told that nobody asked for"
	assert_eq "$(carrier_losses)" "$losses" "losses of the carrier"
}

run() {
	local vm
	no_links
	disk_fresh
	network_up
	for vm in a b; do
		in_vm $vm "! grep -q '^fido_hang ' /proc/modules || rmmod fido_hang; echo '<6>$MARK' > /dev/kmsg"
	done
	make_file b 1000000
	looks_for $SECS
	idle_is_not_silent
	paused_and_back
	hung_and_back
	[ "$LONG" = 0 ] || nobody_looks
	assert_eq "$(said a 'is silent')" 0 "silences that a, which did not run, told of b"
	same_sums
}

cleanup() {
	in_dom0 'xl unpause a; true'
	looks_for 15
	streams_kill
	in_vm b 'pkill dd; true'
	disks_gone
	no_links
}
