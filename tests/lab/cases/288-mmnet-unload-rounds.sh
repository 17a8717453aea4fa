# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: 50 rounds
# DESCRIPTION: 50 rounds of unloading mmnet on either side, or on both at once, while streams run both ways: no byte is wrong, nothing is left
# TIMEOUT: 1800
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

ROUNDS=${ROUNDS:-50}
# Rounds after which free memory is looked at first: caches have grown by then
WARM_UP=$((ROUNDS / 5))
# What may be missing at the end, in KiB: far less than a channel and the frames on it in each round
MARGIN=8192
SIDES=(a b 'a b')

declare -A REST COMPLAINTS
PROCESSES=()

# ---- streams that survive what is done to them ----

streams_begin() {
	local vm
	for vm in a b; do
		in_vm $vm 'rm -f /tmp/stop'
		in_vm_bg $vm 'python3 -S /tmp/stream.py recv 7012 /tmp/stop > /tmp/stream.log'
		PROCESSES+=("$BG")
		wait_for 20 listens $vm 7012
	done
	for vm in a b; do
		in_vm_bg $vm "python3 -S /tmp/stream.py send ${ADDRESS4[${PEER[$vm]}]} 7012 /tmp/stop ${ADDRESS4[$vm]}"
		PROCESSES+=("$BG")
	done
}

streams_end() {
	local vm
	for vm in a b; do
		in_vm $vm 'touch /tmp/stop'
	done
	for vm in "${PROCESSES[@]}"; do
		wait "$vm"
	done
	PROCESSES=()
	for vm in a b; do
		diag "$vm received $(in_vm $vm 'cat /tmp/stream.log')"
	done
}

received() {
	in_vm "$1" 'cat /sys/class/net/mmnet0/statistics/rx_bytes'
}

has_received() {
	[ "$(received "$1")" -ge "$2" ]
}

# Data comes to both, not just an acknowledgement now and then.
wait_for_flow() {
	local a b
	a=$(received a)
	b=$(received b)
	wait_for 60 has_received a $((a + (1 << 20)))
	wait_for 60 has_received b $((b + (1 << 20)))
}

# ---- a round ----

# reload VM...: all of them at the same time
reload() {
	local vm pids=()
	for vm in "$@"; do
		in_vm_bg "$vm" 'rmmod mmnet'
		pids+=("$BG")
	done
	for vm in "${pids[@]}"; do
		wait "$vm"
	done
	for vm in "$@"; do
		in_vm "$vm" 'modprobe mmnet'
		wait_for 30 in_vm "$vm" 'test -e /sys/class/net/mmnet0'
		network_configure "$vm"
	done
}

one_round() {
	local from=a sides
	[ $(($1 % 2)) = 0 ] || from=b
	read -ra sides <<< "${SIDES[RANDOM % ${#SIDES[@]}]}"
	wait_for_flow
	reload "${sides[@]}"
	wait_for 30 has_carrier a
	wait_for 30 has_carrier b
	wait_for 30 network_reaches a
	transfer $from "${ADDRESS4[${PEER[$from]}]}" 7013
}

rounds() {
	local round
	network_up
	streams_begin
	for ((round = 0; round < $1; round++)); do
		one_round $round
	done
	streams_end
}

# ---- what is left ----

# What fido says when something is still in use by the time it is unloaded
complaints() {
	in_vm "$1" "dmesg | grep -cE 'pages of domain [0-9]+ are still in use|unloading while domain' || true"
}

# Without streams, link and modules
rest() {
	local vm
	for vm in a b; do
		wait_for 30 nothing_held $vm
	done
	link_has_state a connected || fail "the link is not connected"
	in_dom0 "fidoctl link remove a b --wait $((30 * SLOW))"
	for vm in a b; do
		wait_for 30 none_quarantined $vm
		COMPLAINTS[$vm]=$(complaints $vm)
		unload_modules $vm
		assert_le "$(complaints $vm)" "${COMPLAINTS[$vm]}" "complaints of $vm when fido was unloaded"
		REST[$vm]=$(free_memory $vm)
	done
}

cleanup() {
	in_vm a 'touch /tmp/stop; pkill socat; true'
	in_vm b 'touch /tmp/stop; pkill socat; true'
	load_modules a b
}

run() {
	local vm
	local -A before
	RANDOM=${SEED:-$$}
	diag "SEED=${SEED:-$$}"
	for vm in a b; do
		helper $vm stream.py
		make_file $vm $((1 << 20))
	done
	rounds $WARM_UP
	rest
	before=([a]=${REST[a]} [b]=${REST[b]})
	rounds $((ROUNDS - WARM_UP))
	rest
	diag "free memory: a ${before[a]} -> ${REST[a]} KiB, b ${before[b]} -> ${REST[b]} KiB"
	for vm in a b; do
		assert_ge "${REST[$vm]}" $((before[$vm] - MARGIN)) "free memory of $vm in KiB"
	done
	assert_eq "$(in_dom0 'xl list | grep -c "(null)" || true')" 0 "zombie domains"
	network_up
	transfer a "[${ADDRESS6[b]}]" 7013
}
