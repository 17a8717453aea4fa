# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: odd Ethernet frames, from a header alone to 64 KiB, with VLAN tags too, arrive byte by byte
# SHORT: neither broadcasts nor the second direction with tags
# TIMEOUT: 180
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZES="14 15 16 42 59 60 61 64 78 100 479 480 481 482 511 512 513 600 991 992 993 1024 1500 1514 2000 2048 2049
4000 4095 4096 4097 4110 4111 4160 4224 5000 8191 8192 8193 9014 12345 16384 20000 32768 40000 50000 60000
65000 65507 65535 65536 65545"

# check FROM DEVICE [MAC]
check() {
	local from=$1 to=${PEER[$1]} dev=$2 mac=${3-} receiver sizes=${SIZES//$'\n'/ }
	# AF_PACKET takes nothing shorter than a tagged header there
	[ "$dev" = mmnet0 ] || sizes=${sizes#14 15 16 }
	mac=${mac:-$(in_vm "$to" "cat /sys/class/net/$dev/address")}
	in_vm_bg "$to" "python3 -S /tmp/frames.py recv $dev $((30 * SLOW)) $sizes > /tmp/frames.log"
	receiver=$BG
	wait_for 20 in_vm "$to" 'grep -q listening /tmp/frames.log'
	in_vm "$from" "python3 -S /tmp/frames.py send $dev $mac $sizes"
	wait "$receiver" || fail "$from to $to by $dev: $(in_vm "$to" 'cat /tmp/frames.log')"
}

cleanup() {
	in_vm a 'ip link del mmnet0.7; true'
	in_vm b 'ip link del mmnet0.7; true'
}

run() {
	local vm
	network_up
	for vm in a b; do
		helper $vm frames.py
		in_vm $vm 'modprobe 8021q
			ip link set mmnet0 mtu 65535
			ip link add link mmnet0 name mmnet0.7 type vlan id 7
			ip link set mmnet0.7 up mtu 65535'
	done
	check a mmnet0
	check b mmnet0
	check a mmnet0.7
	if [ "$LONG" = 1 ]; then
		check a mmnet0 ff:ff:ff:ff:ff:ff
		check b mmnet0.7
	fi
	assert_no_drops
	in_vm a 'ip addr add 10.57.0.1/24 dev mmnet0.7'
	in_vm b 'ip addr add 10.57.0.2/24 dev mmnet0.7'
	make_file a $((4 << 20))
	transfer a 10.57.0.2 7003
}
