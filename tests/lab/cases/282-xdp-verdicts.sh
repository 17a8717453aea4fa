# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: XDP programs for each verdict: in one page, with fragments, with a header put in front
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/xdp-lib.sh"

# Frames were dropped on purpose: cases to come begin with fresh counters.
cleanup() {
	in_vm b 'ip link del mmnet0.7; rm -f /sys/fs/bpf/mmnet0; rmmod mmnet; true'
}

set_mtu() {
	in_vm a "ip link set mmnet0 mtu 65535"
	in_vm b "ip link set mmnet0 mtu $1"
}

# check_verdicts SIZES [-f]
check_verdicts() {
	local sizes=$1
	shift
	xdp_attach b mmnet0 "$@" pass
	frames_arrive a b mmnet0 "$sizes"
	xdp_attach b mmnet0 "$@" drop
	frames_count a "$sizes" b rx_xdp_drop
	xdp_attach b mmnet0 "$@" aborted
	frames_count a "$sizes" b rx_xdp_error
	xdp_attach b mmnet0 "$@" invalid
	frames_count a "$sizes" b rx_xdp_error
	xdp_attach b mmnet0 "$@" tx
	frames_arrive a a mmnet0 "$sizes"
	frames_count a "$sizes" b rx_xdp_tx
	xdp_attach b mmnet0 "$@" tag 7
	frames_arrive a b mmnet0.7 "$sizes"
}

# What TCP sends goes through the program, too: whole, in wire format.
check_tcp() {
	counters_mark b
	transfer a "${ADDRESS4[b]}" 7010
	transfer a "[${ADDRESS6[b]}]" 7011
	assert_eq "$(grown b rx_zerocopy)" 0 "frames without a copy"
	assert_ge "$(grown b rx_xdp_pass)" "$1" "frames that passed"
	transfer b "${ADDRESS4[a]}" 7012
}

run() {
	local vm
	network_up
	for vm in a b; do
		helper $vm frames.py
		make_file $vm $((4 << 20))
	done
	xdp_ready b
	in_vm b 'modprobe 8021q; ip link add link mmnet0 name mmnet0.7 type vlan id 7; ip link set mmnet0.7 up'

	in_vm b 'xdp load /sys/fs/bpf/mmnet0 pass; ip link set mmnet0 mtu 3499'
	expect_failure in_vm b 'ip link set dev mmnet0 xdpdrv pinned /sys/fs/bpf/mmnet0'
	set_mtu 1500
	xdp_attach b mmnet0 pass
	in_vm b 'ip -d link show mmnet0' | has 'prog/xdp' || fail "no program is shown"
	expect_failure in_vm b 'ip link set mmnet0 mtu 3499'
	in_vm b 'ip link set mmnet0 mtu 3498; ip link set mmnet0 mtu 1500'
	check_tcp 1000
	assert_no_drops
	check_verdicts "$LINEAR_SIZES"
	assert_no_drops
	frames_count a "$LONG_SIZES" b rx_drop_xdp_length

	counters_mark b
	in_vm b 'ip link set dev mmnet0 xdpdrv off'
	set_mtu 65535
	expect_failure in_vm b 'ip link set dev mmnet0 xdpdrv pinned /sys/fs/bpf/mmnet0'
	check_verdicts "$LINEAR_SIZES $LONG_SIZES" -f
	xdp_attach b mmnet0 -f pass
	check_tcp 100
	assert_eq "$(grown b rx_drop_xdp_length)" 0 "too long"
	xdp_detach b mmnet0
	counters_mark b
	transfer a "${ADDRESS4[b]}" 7013
	assert_eq "$(grown b rx_xdp_pass)" 0 "frames for a program that is gone"
	assert_ge "$(grown b rx_zerocopy)" 1 "frames without a copy"
	wait_for 10 nothing_held a
	wait_for 10 nothing_held b
}
