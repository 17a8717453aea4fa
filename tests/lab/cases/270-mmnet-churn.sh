# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: ip link set down and up, and unloading on either side, with traffic both ways
# SHORT: one round of unloading
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ROUNDS=${ROUNDS:-$((LONG ? 5 : 1))}

# Traffic that survives what is done to it, in both directions.
traffic() {
	in_vm_bg "$1" "while [ ! -e /tmp/stop ]; do
			timeout 3 socat -u -b 131072 /dev/zero TCP:${ADDRESS4[${PEER[$1]}]}:7009,connect-timeout=1
			timeout 1 ping -q -f -s 2000 ${ADDRESS4[${PEER[$1]}]}
			sleep 0.1
		done > /dev/null 2>&1; true"
}

flip() {
	in_vm "$1" 'ip link set mmnet0 down'
	in_vm "$1" 'ip link set mmnet0 up'
	network_configure "$1"
}

reload() {
	in_vm "$1" 'rmmod mmnet && modprobe mmnet'
	wait_for 30 in_vm "$1" 'test -e /sys/class/net/mmnet0'
	network_configure "$1"
}

cleanup() {
	in_vm a 'touch /tmp/stop; pkill socat; true'
	in_vm b 'touch /tmp/stop; pkill socat; true'
}

run() {
	local vm round action
	network_up
	for vm in a b; do
		in_vm $vm 'rm -f /tmp/stop'
		in_vm_bg $vm 'socat -u TCP6-LISTEN:7009,reuseaddr,fork,ipv6only=0 /dev/null; true'
		wait_for 20 listens $vm 7009
	done
	traffic a
	traffic b
	for action in flip reload; do
		[ "$LONG$action" != 0flip ] || continue
		for ((round = 0; round < ROUNDS; round++)); do
			$action a
			$action b
			wait_for 30 has_carrier a
			wait_for 30 has_carrier b
			wait_for 30 network_reaches a
		done
	done
	for vm in a b; do
		in_vm $vm 'touch /tmp/stop; pkill socat; true'
	done
	make_file a $((1 << 20))
	transfer a "${ADDRESS4[b]}" 7010
	wait_for 20 nothing_held a
	wait_for 20 nothing_held b
}
