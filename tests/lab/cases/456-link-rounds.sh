# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: more than an hour
# DESCRIPTION: a thousand links are made and removed, in both roles: memory of both VMs, of dom0 and of xenstored, xenstore's nodes and event channels are as before
# TIMEOUT: 14400
requires() {
	need_module fido mmnet
	need_tool fidoctl
}

ROUNDS=${ROUNDS:-1000}
# At once in dom0, as each command on the way there takes its time
BATCH=20
# What may be missing at the end, in KiB: of a VM, of xenstored. A page a link would be 4,000.
MARGIN=3072
MARGIN_STORE=2048
NAMES=(memory-a memory-b memory-0 xenstored nodes channels-a channels-b channels-0)

# batch FRONTEND BACKEND NUMBER
batch() {
	in_dom0 "for i in \$(seq $3); do
		fidoctl link add $1 $2 --wait $((60 * SLOW)) > /dev/null && fidoctl link remove $1 $2 --wait $((60 * SLOW)) > /dev/null || exit 1
	done"
}

# rounds NUMBER: half of them each way
rounds() {
	local left=$1 number
	while [ "$left" -gt 0 ]; do
		number=$((left < BATCH ? left : BATCH))
		if [ $((left / BATCH % 2)) = 0 ]; then
			batch a b "$number"
		else
			batch b a "$number"
		fi
		left=$((left - number))
	done
}

# Event channels that a domain has, as Xen counts them
channels() {
	in_dom0 "/usr/lib/xen*/bin/lsevtchn $1 | wc -l"
}

# What there is, in the order of NAMES
look() {
	free_memory a
	free_memory b
	free_memory dom0
	in_dom0 "awk '/^VmRSS/ { print \$2 }' /proc/\$(cat /run/xen/xenstored.pid)/status"
	in_dom0 'xenstore-ls -f | wc -l'
	channels "$(domid_of a)"
	channels "$(domid_of b)"
	channels 0
}

run() {
	local before after i
	no_links
	load_modules a b
	# what is allocated once
	rounds 20
	mapfile -t before < <(look)
	rounds "$ROUNDS"
	mapfile -t after < <(look)
	for i in "${!NAMES[@]}"; do
		diag "${NAMES[i]}: ${before[i]} -> ${after[i]}"
	done
	for i in 0 1 2; do
		assert_ge "${after[i]}" $((before[i] - MARGIN)) "${NAMES[i]} in KiB, free"
	done
	assert_le "${after[3]}" $((before[3] + MARGIN_STORE)) "memory of xenstored in KiB"
	for i in 4 5 6 7; do
		assert_eq "${after[i]}" "${before[i]}" "${NAMES[i]}"
	done
	wait_for 10 none_quarantined a
	wait_for 10 none_quarantined b
	net_up a b
}

cleanup() {
	no_links
}
