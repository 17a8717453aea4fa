# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: frames that one processor built and another one read are released, though the first has nothing more to receive; unloading does not wait for them
# SHORT: two rounds
# TIMEOUT: 300
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ROUNDS=${ROUNDS:-$((LONG ? 4 : 2))}
NET=10.5.62
PORT=7062

# bind_irqs NAME CPU: all interrupts of c whose name contains NAME
bind_irqs() {
	in_vm c "irqs=\$(sed -n 's/^ *\\([0-9]*\\):.*$1.*/\\1/p' /proc/interrupts)
		test -n \"\$irqs\" && for irq in \$irqs; do echo $2 > /proc/irq/\$irq/smp_affinity_list || exit 1; done"
}

net_rx() {
	in_vm c 'awk "/NET_RX/ { print \$2, \$3 }" /proc/softirqs'
}

# receive CPU: /tmp/file of a arrives at a process of c that is bound to CPU
receive() {
	local reader
	in_vm_bg c "taskset -c $1 socat -u -b 131072 TCP-LISTEN:$PORT,reuseaddr - | taskset -c $1 sha256sum > /tmp/sum"
	reader=$BG
	wait_for 20 listens c "$PORT"
	in_vm a "socat -u -b 131072 /tmp/file TCP:$NET.2:$PORT"
	wait "$reader"
	assert_eq "$(in_vm c 'cat /tmp/sum')" "$(in_vm a 'sha256sum < /tmp/file')" "sum of what a sent"
}

# What a VM holds, and what it has sent that is held.
at_rest() {
	in_vm "$1" "ethtool -S $(mmnet_of "$1" "$2")" |
		awk '/_(rx_pinned|tx_in_flight):/ { n += $2 } END { exit n != 0 }'
}

# The control network's interrupts go to the reader's processor, where they can be moved: the other one has nothing to do but for mmnet.
one_round() {
	local built=$1 read=$((1 - $1)) before
	bind_irqs fido- "$built"
	in_vm c "for irq in \$(sed -n 's/^ *\\([0-9]*\\):.*eth0.*/\\1/p' /proc/interrupts); do
		echo $read > /proc/irq/\$irq/smp_affinity_list; done 2> /dev/null; true"
	counters_mark c
	before=$(net_rx)
	receive "$read"
	diag "built on CPU $built, read on CPU $read: NET_RX $before before, $(net_rx) after; $(counter c rx_pinned) frames held"
	assert_ge "$(grown c rx_zerocopy)" 1 "frames received by address"
	wait_for 5 at_rest c a
	wait_for 5 at_rest a c
}

complaints() {
	in_vm c 'dmesg | grep -cE "still in use|are lost"; true'
}

run() {
	local round start before
	no_links
	has_processors c
	unload_modules c
	load_modules a c
	net_up a c "$NET"
	make_file a $((4 << 20))
	for ((round = 0; round < ROUNDS; round++)); do
		one_round $((round % 2))
	done

	before=$(complaints)
	# no time is left for what goes on at rest
	receive 1
	start=$SECONDS
	in_vm c 'rmmod mmnet && rmmod fido'
	diag "unloaded within $((SECONDS - start)) s"
	assert_le $((SECONDS - start)) $((8 * SLOW)) "seconds to unload"
	assert_eq "$(complaints)" "$before" "complaints of fido about pages"
}

cleanup() {
	no_links
}
