# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: processes that hold memory of a peer do not keep the link from coming back, and read it as it was; what waits for them is bounded and told
# SHORT: once, which does not reach the bound
# TIMEOUT: 420
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

LENGTH=30000
COUNT=20

READERS=()

# Windows onto a that only wait for their last readers, in b
windows_left() {
	in_vm b 'awk "/^windows/ { print \$2 }" /sys/kernel/debug/fido/quarantine'
}

has_windows() {
	[ "$(windows_left)" = "$1" ]
}

has_pinned() {
	[ "$(counter b rx_pinned)" -ge $COUNT ]
}

# hold PORT: a process in b has frames of a, and reads nothing before /tmp/go is there
hold() {
	network_mtu 65535
	in_vm_bg b "python3 -S /tmp/datagrams.py recv $1 $((120 * SLOW)) $COUNT $LENGTH hold=/tmp/go > /tmp/datagrams.$1"
	READERS+=("$BG")
	wait_for 20 in_vm b "grep -q listening /tmp/datagrams.$1"
	in_vm a "python3 -S /tmp/datagrams.py send ${ADDRESS4[b]} $1 $COUNT $LENGTH sndbuf=65536"
	wait_for 20 has_pinned
}

# All of a's side goes and comes back. What b still maps of it stays as it is.
reload_a() {
	unload_modules a
	in_vm a 'modprobe -a fido mmnet'
	wait_for 30 in_vm a 'test -e /sys/class/net/mmnet0'
	network_configure a
}

is_back() {
	local vm
	for vm in a b; do
		wait_for 60 has_carrier $vm
	done
	wait_for 30 network_reaches a
	transfer a "${ADDRESS4[b]}" 7018
	transfer b "${ADDRESS4[a]}" 7018
}

# b says why the link does not come, where people look for it
is_told() {
	in_dom0 'fidoctl link show a b' | has 'waiting until they let go'
}

# has_read PORT: each byte as it was sent, before a was reloaded
has_read() {
	assert_match "$(in_vm b "cat /tmp/datagrams.$1")" "received $COUNT$" "datagrams at port $1"
}

# It is enough then.
once_more() {
	hold 7017
	reload_a
	wait_for 60 has_windows 2
	wait_for 30 is_told
	expect_failure quiet_output has_carrier a
}

run() {
	local vm reader
	network_up
	in_vm b 'rm -f /tmp/go'
	for vm in a b; do
		helper $vm datagrams.py
		make_file $vm $((LONG ? 4 << 20 : 1 << 20))
	done
	wait_for 30 has_windows 0

	hold 7016
	reload_a
	is_back
	assert_eq "$(windows_left)" 1 "windows that are held"
	assert_match "$(in_vm b 'dmesg | grep "still hold memory" | tail -n 1')" "stays mapped until they let go" "b's log"

	[ "$LONG" = 0 ] || once_more
	in_vm b 'touch /tmp/go'
	for reader in "${READERS[@]}"; do
		wait "$reader"
	done
	has_read 7016
	[ "$LONG" = 0 ] || has_read 7017
	wait_for 30 has_windows 0
	[ "$LONG" = 0 ] || is_back
	for vm in a b; do
		wait_for 30 nothing_held $vm
		wait_for 10 none_quarantined $vm
	done
}

cleanup() {
	in_vm b 'touch /tmp/go; true'
	load_modules a b
}
