# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 10 minutes
# DESCRIPTION: ten minutes of whole files both ways at once, with memory pressure in both VMs: every sum is right, no stream stalls, nothing is left
# TIMEOUT: 1500
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

MINUTES=${MINUTES:-10}
FILE_BYTES=$((16 << 20))
# What may be missing at the end, in KiB: slabs that grew under pressure, and are not given back at once
MARGIN=16384
# Milliseconds in which nothing of a stream arrives
MAX_GAP=$((1000 * SLOW))

stop_all() {
	local vm
	for vm in a b; do
		in_vm $vm 'touch /tmp/stop; pkill stress-ng; true'
	done
}

cleanup() {
	stop_all
	in_vm a 'pkill socat; rm -f /tmp/big; true'
	in_vm b 'pkill socat; rm -f /tmp/big; true'
}

# A new file each time: other pages, other bytes.
send_files() {
	in_vm_bg "$1" "while ! [ -e /tmp/stop ]; do
			head -c $FILE_BYTES /dev/urandom > /tmp/big || exit 1
			sha256sum < /tmp/big | cut -c 1-64 >> /tmp/sent
			socat -u -b 131072 /tmp/big TCP:${ADDRESS4[${PEER[$1]}]}:7030 || exit 1
		done"
}

# Half of what is free, touched again and again, and more than that now and then: reclaim runs.
press() {
	in_vm_bg "$1" "stress-ng --quiet --vm 1 --vm-bytes 45% --vm-method inc-nybble --vm-hang 1 \
		--bigheap 1 --bigheap-bytes 64m --timeout $((MINUTES * 60 + 300))s; true"
}

# sums VM: what was received there is what the other side sent, in this order.
check_sums() {
	local sent taken
	sent=$(in_vm "${PEER[$1]}" 'cat /tmp/sent')
	taken=$(in_vm "$1" 'cut -d " " -f 1 /tmp/taken')
	assert_eq "$taken" "$sent" "sums of the files that $1 received"
	diag "$1: $(in_vm "$1" 'awk "{ n++; bytes += \$2; if (\$3 > gap) gap = \$3 }
		END { print n, \"files,\", bytes, \"bytes, longest gap\", gap, \"ms\" }" /tmp/taken')"
	assert_ge "$(in_vm "$1" 'wc -l < /tmp/taken')" 2 "files that $1 received"
	assert_eq "$(in_vm "$1" "awk '\$3 > $MAX_GAP { print NR \":\", \$3, \"ms\" }' /tmp/taken")" '' \
		"streams to $1 in which nothing came for more than $MAX_GAP ms"
}

all_files_taken() {
	[ "$(in_vm "$1" 'wc -l < /tmp/taken')" = "$(in_vm "${PEER[$1]}" 'wc -l < /tmp/sent')" ]
}

# Its memory is free only then.
pressure_is_over() {
	in_vm "$1" '! pgrep stress-ng'
}

run() {
	local vm senders=() takers=()
	local -A free
	network_up
	network_mtu 65535
	# what the first stream leaves behind is not counted
	for vm in a b; do
		make_file $vm $FILE_BYTES
		transfer $vm "${ADDRESS4[${PEER[$vm]}]}" 7029
		in_vm $vm 'rm -f /tmp/file /tmp/big'
	done
	for vm in a b; do
		wait_for 20 nothing_held $vm
		free[$vm]=$(free_memory $vm)
	done
	for vm in a b; do
		helper $vm gaps.py
		in_vm $vm 'rm -f /tmp/stop /tmp/sent /tmp/taken /tmp/done; : > /tmp/sent'
		in_vm_bg $vm 'python3 -S /tmp/gaps.py 7030 /tmp/done > /tmp/taken'
		takers+=("$BG")
		wait_for 20 listens $vm 7030
	done
	for vm in a b; do
		counters_mark $vm
		press $vm
		send_files $vm
		senders+=("$BG")
	done
	wait_for $((MINUTES * 60 / SLOW + 60)) in_vm a "[ \$(cut -d . -f 1 /proc/uptime) -ge $(($(in_vm a 'cut -d . -f 1 /proc/uptime') + MINUTES * 60)) ]"
	stop_all
	for vm in "${senders[@]}"; do
		wait "$vm"
	done
	for vm in a b; do
		wait_for 60 all_files_taken $vm
		in_vm $vm 'touch /tmp/done'
	done
	for vm in "${takers[@]}"; do
		wait "$vm"
	done
	check_sums a
	check_sums b
	assert_no_drops
	for vm in a b; do
		wait_for 20 nothing_held $vm
		wait_for 20 none_quarantined $vm
		wait_for 60 pressure_is_over $vm
		in_vm $vm 'rm -f /tmp/big'
	done
	for vm in a b; do
		diag "free memory of $vm: ${free[$vm]} -> $(free_memory $vm) KiB"
		assert_ge "$(free_memory $vm)" $((free[$vm] - MARGIN)) "free memory of $vm in KiB"
	done
}
