# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a VM gets other memory while it has a network and disks, which no peer sees and which is what it is given first: streams and requests go on both ways, a network and a link that are made anew come up, and further disks do
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"
. "$LAB_DIR/cases/mmnet-lib.sh"
# shellcheck source=balloon-lib.sh
. "$LAB_DIR/cases/balloon-lib.sh"

PORT=7060
MIB=16

requires() {
	need_balloon
	need_module fido mmnet mmblk
	need_tool fidoctl
}

# Each serves one to the other.
disks_up() {
	in_dom0 "fidoctl blk add a b:/dev/ram0 --serial of-b --wait $((60 * SLOW))
		fidoctl blk add b a:/dev/ram0 --serial of-a --wait $((60 * SLOW))"
}

# verify CLIENT SERIAL
verify() {
	in_vm "$1" "fio --name=balloon --filename=/dev/$(disk_named "$1" "$2") --ioengine=libaio --direct=1 --iodepth=16 --rw=randwrite --size=${MIB}M \
		--bssplit=4k/60:64k/30:1M/10 --verify=crc32c --verify_fatal=1 --output-format=terse"
}

# all_works WHAT: in both directions
all_works() {
	diag "$1: of the frames of a $(counter a tx_bounced) were copied, $(counter a tx_drop_nomem) dropped for want of memory"
	send_file a b 10.5.0.2 $PORT
	send_file b a 10.5.0.1 $PORT
	verify a of-b
	verify b of-a
	diag "$1: of the frames of a $(counter a tx_bounced) were copied, $(counter a tx_drop_nomem) dropped for want of memory"
}

run() {
	local former vm
	every_disk_gone
	no_links
	for vm in a b; do
		ramdisks $vm 2 $MIB
		make_file $vm $((MIB << 20))
	done
	in_vms "a b" "modprobe -a fido mmnet mmblk"
	net_up a b
	disks_up
	former=$(balloon_now)
	balloon_down
	balloon_up "$former"
	all_works "other memory"

	# of rings that the peer sees
	in_dom0 'fidoctl net remove a b'
	net_up a b
	all_works "a network made anew"

	# so of further disks, which may come out of the kernel's reserve
	disk_add a b /dev/ram1 more-of-b
	disk_add b a /dev/ram1 more-of-a
	verify a more-of-b
	verify b more-of-a

	# all that it has is exported again
	every_disk_gone
	no_links
	net_up a b
	disks_up
	all_works "a link made anew"
	assert_eq "$(counter a tx_bounced)" 0 "frames of a's that were copied"
}

cleanup() {
	every_disk_gone
	no_links
	for vm in a b; do
		ramdisks_gone $vm
	done
	in_dom0 "xl mem-set a $VM_MEM"
}
