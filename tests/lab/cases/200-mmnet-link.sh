# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: mmnet0 appears with the service, its carrier follows the link, IPv4 and IPv6 pass
# TIMEOUT: 180
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ping_all() {
	in_vm a "ping -q -c 3 -i 0.2 -W 5 ${ADDRESS4[b]} && ping -q -c 3 -i 0.2 -W 5 -s 60000 ${ADDRESS4[b]}"
	in_vm b "ping -q -c 3 -i 0.2 -W 5 ${ADDRESS6[a]} && ping -q -c 3 -i 0.2 -W 5 -s 60000 ${ADDRESS6[a]}"
}

# service_anew [OPTION...]: as fidoctl is told
service_anew() {
	local vm
	in_dom0 'fidoctl net remove a b'
	for vm in a b; do
		wait_for 30 in_vm $vm '! test -e /sys/class/net/mmnet0'
	done
	in_dom0 "fidoctl net add a b $*"
	for vm in a b; do
		wait_for 30 in_vm $vm 'test -e /sys/class/net/mmnet0'
	done
}

assert_mtu() {
	assert_eq "$(in_vm a 'cat /sys/class/net/mmnet0/mtu')" "$1" "MTU of a"
	assert_eq "$(in_vm b 'cat /sys/class/net/mmnet0/mtu')" "$1" "MTU of b"
}

run() {
	network_up
	assert_eq "$(in_vm a 'ethtool -i mmnet0 | sed -n "s/driver: //p"')" mmnet "driver"
	ping_all
	assert_no_drops

	# the peer's driver goes and comes
	in_vm b 'rmmod mmnet'
	wait_for 30 has_no_carrier a
	in_vm b 'modprobe mmnet'
	wait_for 30 in_vm b 'test -e /sys/class/net/mmnet0'
	network_configure b
	wait_for 30 has_carrier a
	wait_for 30 has_carrier b
	ping_all

	# the service goes and comes
	service_anew
	assert_mtu 65535
	service_anew --mtu 9000 --mac-a 02:00:00:00:00:0a --mac-b 02:00:00:00:00:0b
	assert_mtu 9000
	assert_eq "$(in_vm a 'cat /sys/class/net/mmnet0/address')" 02:00:00:00:00:0a "MAC"
	network_up
	ping_all
}
