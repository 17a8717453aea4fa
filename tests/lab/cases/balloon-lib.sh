# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# a gives memory back, and gets other memory in its place.

TAKEN=64	# MiB

need_balloon() {
	[ "$GUEST" = pv ] || skip "a PVH guest does not see that its memory was exchanged"
}

balloon_now() {
	in_vm a 'cat /sys/devices/system/xen_memory/xen_memory0/info/current_kb'
}

# balloon TARGET CURRENT: conditions for both numbers, in KiB, as the balloon driver of a has them
balloon() {
	in_vm a "cd /sys/devices/system/xen_memory/xen_memory0
		[ \$(cat target_kb) $1 ] && [ \$(cat info/current_kb) $2 ]"
}

balloon_down() {
	local target=$((VM_MEM - TAKEN))
	in_dom0 "xl mem-set a $target"
	wait_for 120 balloon "-le $((target << 10))" "-le $((target << 10))"
}

# balloon_up FORMER: as much as there was. What others map of the memory that went still counts as a's, so a may have more.
balloon_up() {
	in_dom0 "xl mem-set a $VM_MEM; xl mem-max a $((VM_MEM + 2 * TAKEN))"
	wait_for 180 balloon "-gt $(((VM_MEM - TAKEN) << 10))" "-ge $(($1 - 1024))"
}
