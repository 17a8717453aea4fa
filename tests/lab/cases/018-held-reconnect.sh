# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a process that holds memory of a peer does not keep the link from coming back, and reads it as it was in the end
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

LENGTH=30000
COUNT=20

run() {
	local receiver
	network_up
	network_mtu 65535
	helper a datagrams.py
	helper b datagrams.py
	in_vm b 'rm -f /tmp/go'
	in_vm_bg b "python3 /tmp/datagrams.py recv 7007 $((120 * SLOW)) $COUNT $LENGTH hold=/tmp/go > /tmp/datagrams.log"
	receiver=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
	in_vm a "python3 /tmp/datagrams.py send ${ADDRESS4[b]} 7007 $COUNT $LENGTH sndbuf=65536"
	wait_for 10 in_vm b "test \$(ethtool -S mmnet0 | awk '/q0_rx_pinned:/ { print \$2 }') -ge $COUNT"

	# all of a's side goes and comes back, while b's process holds the frames; ten seconds are what b waits for it
	in_vm a 'rmmod mmnet fido'
	in_vm a 'modprobe -a fido mmnet'
	wait_for 30 in_vm a 'test -e /sys/class/net/mmnet0'
	network_configure a
	wait_for 60 has_carrier a
	wait_for 60 has_carrier b
	wait_for 30 network_reaches a
	assert_match "$(in_vm b 'dmesg | grep "still hold memory" | tail -n 1')" "stays mapped until they let go" "b's log"
	make_file a $((4 << 20))
	transfer a "${ADDRESS4[b]}" 7008

	in_vm b 'touch /tmp/go'
	wait "$receiver"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" "received $COUNT$" "datagrams"
	wait_for 30 nothing_held b
}

cleanup() {
	in_vm b 'touch /tmp/go; true'
}
