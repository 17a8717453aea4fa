# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: sixteen disks over one link, with I/O on all of them at once, each its own; as many services as a link takes, and a clear word about one more
# TIMEOUT: 600
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

DISKS=16
MIB=4
MAX_SERVICES=64

disks_named() {
	local i
	for ((i = 0; i < DISKS; i++)); do
		disk_named b "many-$i"
	done
}

all_are_there() {
	[ "$(disks_named | wc -l)" = $DISKS ]
}

sum_of() {
	in_vm "$1" "dd if=/dev/$2 bs=1M iflag=direct 2> /dev/null | sha256sum"
}

sixteen() {
	local i disks jobs=
	in_dom0 "for i in \$(seq 0 $((DISKS - 1))); do
			fidoctl blk add b a:/dev/ram\$i --serial many-\$i --wait $((60 * SLOW)) || exit 1
		done"
	wait_for 60 all_are_there
	mapfile -t disks < <(disks_named)
	assert_eq "$(printf '%s\n' "${disks[@]}" | sort -u | wc -l)" $DISKS "names of disks"
	for ((i = 0; i < DISKS; i++)); do
		jobs+=" --name=disk$i --filename=/dev/${disks[i]} --randseed=$((i + 1))"
	done
	in_vm b "fio --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 --output-format=terse --rw=randwrite \
		--bssplit=4k/60:64k/40 --size=${MIB}M --iodepth=8 $jobs" > "$CASE_DIR/fio.out"
	for ((i = 0; i < DISKS; i++)); do
		assert_eq "$(disk_stat b "${disks[i]}" errors)" 0 "errors of disk $i"
		sum_of b "${disks[i]}" > "$CASE_DIR/sum.$i"
		assert_eq "$(cat "$CASE_DIR/sum.$i")" "$(sum_of a "ram$i")" "sum of disk $i"
	done
	# no two disks are one
	assert_eq "$(cat "$CASE_DIR"/sum.* | sort -u | wc -l)" $DISKS "different contents"
	every_disk_gone
	for ((i = 0; i < DISKS; i++)); do
		wait_for 30 disk_is_gone b "many-$i"
	done
	ramdisks_gone a
}

# Without drivers: the nodes alone. A network on the link counts, too.
limit() {
	in_vm a 'rmmod mmblk'
	in_vm b 'rmmod mmblk'
	in_dom0 "for i in \$(seq 0 $MAX_SERVICES); do
			fidoctl blk add b a:/dev/none\$i --wait 0 > /tmp/added 2>&1 || exit 0
		done; exit 1"
	assert_match "$(in_dom0 'cat /tmp/added')" "has $MAX_SERVICES services, more are not possible: remove one" "what fidoctl says"
	in_dom0 'fidoctl blk remove b a:/dev/none3 && fidoctl blk add b a:/dev/none3 --wait 0'
	every_disk_gone
	assert_eq "$(in_dom0 'fidoctl blk list' | wc -l)" 1 "lines of the list of disks"
}

run() {
	every_disk_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk'
	ramdisks a $DISKS $MIB
	sixteen
	limit
	# the link has not suffered
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk'
	ramdisks a 1 16
	disk_serve /dev/ram0
	fio_raw --rw=randwrite --bs=64k --size=16M --iodepth=16
	same_sums
}

cleanup() {
	every_disk_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe mmblk'
	ramdisks_gone a
}
