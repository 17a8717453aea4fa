# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: MTU from 68 to 65535, at rest and with traffic
# TIMEOUT: 240
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

check_mtu() {
	network_mtu "$1"
	# answers are as long
	in_vm a "ping -q -c 3 -i 0.2 -W 5 -M do -s $(($1 - 28)) ${ADDRESS4[b]}"
}

run() {
	local mtu sink
	network_up
	for mtu in 68 576 1280 1500 9000 65535; do
		check_mtu $mtu
	done
	expect_failure in_vm a 'ip link set mmnet0 mtu 67'
	expect_failure in_vm a 'ip link set mmnet0 mtu 65536'

	make_file a $((1 << 20))
	for mtu in 576 65535; do
		network_mtu $mtu
		transfer a "${ADDRESS4[b]}" 7004
	done

	make_file a $((16 << 20))
	sink b 7005
	sink=$BG
	in_vm_bg a "socat -u -b 131072 /tmp/file TCP:${ADDRESS4[b]}:7005"
	for mtu in 9000 1500 65535 576 1500; do
		network_mtu $mtu
	done
	wait "$BG"
	wait "$sink"
	assert_eq "$(in_vm b 'cat /tmp/sum.7005')" "$(in_vm a 'sha256sum < /tmp/file')" "sum"
	assert_no_drops
}
