# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the XDP cases share: programs on interfaces, frames that are counted.
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

# shellcheck disable=SC2034 # by the cases
# The longest frame that fits into one page is of 3520 bytes.
LINEAR_SIZES="42 59 60 61 64 100 480 481 482 1024 1514 2048 2049 3000 3400 3519 3520"
# shellcheck disable=SC2034
LONG_SIZES="3521 4096 4097 7616 7617 9014 12345 20000 32768 50000 65000 65535 65545"

requires() {
	need_module fido mmnet
	need_tool fidoctl xdp
}

xdp_ready() {
	in_vm "$1" 'grep -q " /sys/fs/bpf " /proc/mounts || mount -t bpf bpf /sys/fs/bpf'
}

# xdp_attach VM DEVICE PROGRAM...: in place of the one that may be there; PROGRAM as for "xdp load"
xdp_attach() {
	local vm=$1 dev=$2 options=()
	shift 2
	while [[ $1 = -* ]]; do
		options+=("$1")
		shift
	done
	in_vm "$vm" "xdp load ${options[*]} /sys/fs/bpf/$dev $*
		ip -force link set dev $dev xdpdrv pinned /sys/fs/bpf/$dev"
}

xdp_detach() {
	in_vm "$1" "ip link set dev $2 xdpdrv off"
}

# frames_count FROM SIZES VM COUNTER: as many as were sent
frames_count() {
	local nr
	nr=$(wc -w <<< "$2")
	counters_mark "$3"
	frames_send "$1" "$2"
	wait_for 10 has_grown "$3" "$4" "$nr"
	assert_eq "$(grown "$3" "$4")" "$nr" "$4 of $3"
}
