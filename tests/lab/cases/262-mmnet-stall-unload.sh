# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: what a reader holds stays as it was sent when mmnet is unloaded on either side, and when the link is removed
# SHORT: the link is removed; in 018 the sender unloads
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

# Less than the budget: all of them are held
COUNT=100
LENGTH=60000

cleanup() {
	in_vm b 'touch /tmp/go; true'
	load_modules a b
}

has_taken_all() {
	[ "$(grown b rx_zerocopy)" -ge $COUNT ] && [ "$(counter b rx_pinned)" -ge $COUNT ]
}

# Channels of VM $1 that are kept since the peer may read what was sent on them
channels_held() {
	in_vm "$1" "awk -F': ' '/^channels held/ { print \$2 }' /sys/kernel/debug/fido/fido-$(vm_domid "${PEER[$1]}")/link"
}

holds_channels() {
	[ "$(channels_held "$1")" -ge 1 ]
}

holds_none() {
	[ "$(channels_held "$1")" = 0 ] && [ "$(quarantined "$1")" = 0 ]
}

has_quarantine() {
	[ "$(quarantined "$1")" -ge $COUNT ]
}

no_device() {
	in_vm "$1" '! test -e /sys/class/net/mmnet0'
}

# The reader in b has pages of a, and reads nothing until /tmp/go appears.
hold() {
	network_up
	network_mtu 65535
	counters_mark b
	in_vm b 'rm -f /tmp/go /tmp/datagrams.log'
	in_vm_bg b "python3 -S /tmp/datagrams.py recv 7007 $((60 * SLOW)) $COUNT $LENGTH hold=/tmp/go > /tmp/datagrams.log"
	READER=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
	in_vm a "python3 -S /tmp/datagrams.py send ${ADDRESS4[b]} 7007 $COUNT $LENGTH sndbuf=65536"
	wait_for 20 has_taken_all
}

# Whatever a has given back too early is something else after this.
churn() {
	in_vm a 'head -c $(awk "/^MemAvailable/ { printf \"%d\", \$2 * 512 }" /proc/meminfo) /dev/zero > /tmp/churn; rm /tmp/churn'
}

# let_go: the reader reads, all is as it was sent, and nothing is left
let_go() {
	local vm
	churn
	assert_eq "$(in_vm b 'grep -c received /tmp/datagrams.log || true')" 0 "readers that have begun to read"
	in_vm b 'touch /tmp/go'
	wait "$READER"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" "received $COUNT$" "datagrams held while $1"
	network_up
	transfer a "${ADDRESS4[b]}" 7008
	transfer b "[${ADDRESS6[a]}]" 7008
	for vm in a b; do
		wait_for 30 holds_none $vm
		wait_for 20 nothing_held $vm
	done
}

check_unload() {
	hold
	in_vm "$1" 'rmmod mmnet'
	wait_for 20 holds_channels a
	let_go "$1 unloads mmnet"
}

# Nobody is asked: the grants of what is read are in quarantine.
check_remove() {
	local vm
	hold
	in_dom0 'fidoctl link remove a b --force'
	for vm in a b; do
		wait_for 30 no_device $vm
	done
	wait_for 20 has_quarantine a
	diag "a: $(quarantined a) grants in quarantine, b: $(quarantined b)"
	let_go "the link is removed"
}

run() {
	local vm
	for vm in a b; do
		helper $vm datagrams.py
		make_file $vm $((1 << 20))
	done
	# who reads goes; and who owns what is read
	if [ "$LONG" = 1 ]; then
		check_unload b
		check_unload a
	fi
	check_remove
	assert_no_drops
}
