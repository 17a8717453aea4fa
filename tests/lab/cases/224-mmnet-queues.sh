# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: VMs of its own, many phases
# DESCRIPTION: two VMs with two processors: two queues by default, flows stay on theirs, affinity stays as set; rxhash, busy polling, threaded NAPI
# TIMEOUT: 700
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

# shellcheck disable=SC2034 # by the library
{
	ADDRESS4=([c]=10.50.0.1 [d]=10.50.0.2)
	ADDRESS6=([c]=fd50::1 [d]=fd50::2)
	PEER=([c]=d [d]=c)
}
FLOWS=8
FRAMES=1000
TRIPS=300
# In microseconds: what people set, and longer than an answer takes here
BUSY=50
BUSY_LONG=100000

# ---- the network ----

configure() {
	local vm
	for vm in c d; do
		wait_for 30 in_vm $vm 'test -e /sys/class/net/mmnet0'
		network_configure $vm
	done
	for vm in c d; do
		wait_for 60 has_carrier $vm
	done
	wait_for 30 network_reaches c
}

both_ways() {
	transfer c "${ADDRESS4[d]}" "$1"
	transfer d "${ADDRESS4[c]}" $(($1 + 1))
}

# serve PORT: flows.py in d, until the VM ends
serve() {
	in_vm_bg d "python3 -S /tmp/flows.py serve $1; true"
	wait_for 20 listens d "$1"
}

# ---- queues ----

# by_queue VM NAME: what each queue has counted
by_queue() {
	in_vm "$1" 'ethtool -S mmnet0' | awk -v name="_$2:" '$1 ~ "^q[0-9]+" name "$" { print $2 }' | xargs
}

queues_mark() {
	by_queue "$1" "$2" > "$CASE_DIR/queues-$1"
}

# queues_grown VM NAME: since queues_mark, the larger one of the two first
queues_grown() {
	local before now
	read -ra before < "$CASE_DIR/queues-$1"
	read -ra now <<< "$(by_queue "$1" "$2")"
	printf '%s\n' $((now[0] - before[0])) $((now[1] - before[1])) | sort -nr | xargs
}

channels() {
	in_vm "$1" 'ethtool -l mmnet0' | awk '/^Combined:/ { print $2 }' | xargs
}

check_default() {
	local vm
	assert_eq "$(in_dom0 'fidoctl net show c d' | grep -c 'queues = 2$')" 2 "sides that show two queues"
	for vm in c d; do
		assert_eq "$(channels $vm)" "2 2" "channels of $vm"
	done
}

# xps VM QUEUE: CPUs and receive queues whose flows it sends
xps() {
	in_vm "$1" "cd /sys/class/net/mmnet0/queues/tx-$2 && cat xps_cpus xps_rxqs" | sed 's/^[0,]*//' | xargs
}

check_xps() {
	assert_eq "$(xps c 0)" "1 1" "flows of queue 0"
	assert_eq "$(xps c 1)" "2 2" "flows of queue 1"
	in_vm c 'ethtool -L mmnet0 combined 1 && ethtool -L mmnet0 combined 2'
	assert_eq "$(xps c 1)" "2 2" "flows of queue 1 after it was out of use"
	# what somebody else has set stays
	in_vm c 'echo 3 > /sys/class/net/mmnet0/queues/tx-0/xps_cpus
		ethtool -L mmnet0 combined 1 && ethtool -L mmnet0 combined 2'
	assert_eq "$(xps c 0)" "3 1" "flows of queue 0"
	in_vm c 'echo 1 > /sys/class/net/mmnet0/queues/tx-0/xps_cpus'
}

# Half of them begin on each processor.
check_flows() {
	local vm more less
	serve 7040
	for vm in c d; do
		queues_mark $vm rx_packets
	done
	in_vm c "python3 -S /tmp/flows.py both ${ADDRESS4[d]} 7040 $FLOWS $((1 << 20))"
	for vm in c d; do
		read -r more less <<< "$(queues_grown $vm rx_packets)"
		diag "$FLOWS flows: $more and $less frames on the queues of $vm"
		assert_ge $((5 * less)) "$more" "frames on the other queue of $vm"
	done
}

has_received() {
	local more less
	read -r more less <<< "$(queues_grown "$1" rx_packets)"
	[ $((more + less)) -ge "$2" ]
}

# move VM: whoever sends or reads, from one processor to the other and back, while data flows
move() {
	in_vm_bg "$1" 'for i in 1 2 3; do
			for cpu in 0 1; do
				for p in $(pgrep -x socat); do taskset -pc $cpu $p || exit; done
				sleep 0.2
			done
		done > /dev/null'
}

# One connection, wherever its ends run: its data on one queue, and its acknowledgements, too.
check_one_flow() {
	local vm more less mover
	make_file c $((1 << 20))
	for vm in c d; do
		queues_mark $vm rx_packets
	done
	stream_start c 7020
	move c
	mover=$BG
	move d
	wait "$BG"
	wait "$mover"
	wait_for 60 has_received d $FRAMES
	stream_stop c 7020
	for vm in c d; do
		read -r more less <<< "$(queues_grown $vm rx_packets)"
		diag "one flow: $more and $less frames on the queues of $vm"
		assert_ge $((100 * more)) $((99 * (more + less))) "frames on one queue of $vm, of 100"
	done
}

# ---- affinity ----

# irq_of VM QUEUE
irq_of() {
	in_vm "$1" 'device=$(basename "$(readlink -f /sys/class/net/mmnet0/device)")
		awk -v name="$device-'"$2"'" '\''$NF == name { sub(":", "", $1); print $1 }'\'' /proc/interrupts'
}

affinity() {
	in_vm "$1" "cat /proc/irq/$(irq_of "$1" "$2")/smp_affinity_list"
}

assert_affinity() {
	local vm
	for vm in c d; do
		assert_eq "$(affinity $vm 0) $(affinity $vm 1)" "$1" "processors of the queues of $vm, $2"
	done
}

reload() {
	in_vm "$1" 'rmmod mmnet && modprobe mmnet'
	configure
}

check_affinity() {
	local vm
	assert_affinity "0 1" "by default"
	for vm in c d; do
		in_vm $vm "echo 1 > /proc/irq/$(irq_of $vm 0)/smp_affinity_list
			echo 0 > /proc/irq/$(irq_of $vm 1)/smp_affinity_list"
	done
	assert_affinity "1 0" "as set"
	for vm in c d; do
		in_vm $vm 'ip link set mmnet0 down; ip link set mmnet0 up'
	done
	configure
	assert_affinity "1 0" "after down and up"
	for vm in c d; do
		reload $vm
		assert_affinity "1 0" "after $vm has started anew"
	done
	both_ways 7050
	for vm in c d; do
		in_vm $vm "echo 0 > /proc/irq/$(irq_of $vm 0)/smp_affinity_list
			echo 1 > /proc/irq/$(irq_of $vm 1)/smp_affinity_list"
	done
	reload d
	assert_affinity "0 1" "as set back"
}

# ---- receive hashing ----

# count_hashes PORT: of a transfer to d; frames that had one when the stack got them are $HASHED of $SEEN
count_hashes() {
	in_vm d 'cd /sys/kernel/tracing && echo > trace && cd events/net/napi_gro_receive_entry &&
		echo "name == \"mmnet0\"" > filter && echo 1 > enable'
	transfer c "${ADDRESS4[d]}" "$1"
	in_vm d 'cd /sys/kernel/tracing && echo 0 > events/net/napi_gro_receive_entry/enable && cat trace && echo > trace' \
		> "$CASE_DIR/trace"
	HASHED=$(grep -c ' hash=0x0*[1-9a-f]' "$CASE_DIR/trace" || true)
	SEEN=$(grep -c 'napi_gro_receive_entry: dev=mmnet0' "$CASE_DIR/trace" || true)
}

check_rxhash() {
	make_file c $((1 << 20))
	assert_match "$(in_vm d 'ethtool -k mmnet0')" 'receive-hashing: on$' "features"
	count_hashes 7060
	diag "rxhash on: $HASHED of $SEEN frames with a hash"
	assert_ge "$HASHED" 1 "frames with a hash"
	in_vm d 'ethtool -K mmnet0 rxhash off'
	assert_match "$(in_vm d 'ethtool -k mmnet0')" 'receive-hashing: off$' "features"
	count_hashes 7061
	diag "rxhash off: $HASHED of $SEEN frames with a hash"
	assert_ge "$SEEN" 1 "frames"
	assert_eq "$HASHED" 0 "frames with a hash"
	in_vm d 'ethtool -K mmnet0 rxhash on'
}

# ---- busy polling ----

# busy READ POLL: of sockets that are made from now on, in microseconds
busy() {
	local vm
	for vm in c d; do
		in_vm $vm "sysctl -qw net.core.busy_read=$1 net.core.busy_poll=$2"
	done
}

trips() {
	in_vm c "timeout $((60 * SLOW)) python3 -S /tmp/flows.py trips ${ADDRESS4[d]} $1 $TRIPS"
}

# count_signals PORT: of d, for 1000 frames of round trips that c begins: $SIGNALS
count_signals() {
	serve "$1"
	counters_mark d
	trips "$1"
	SIGNALS=$((1000 * $(grown d signals) / $(grown d tx_packets)))
}

check_busy() {
	local vm without
	for vm in c d; do
		# otherwise idle processors look for messages, which are not signalled then
		in_vm $vm 'echo 0 > /sys/module/fido/parameters/idle_poll_us'
	done
	count_signals 7070
	without=$SIGNALS
	busy $BUSY $BUSY
	serve 7071
	trips 7071
	busy $BUSY_LONG $BUSY
	count_signals 7072
	diag "signals for 1000 frames: $without, with busy polling $SIGNALS"
	assert_ge "$without" 300 "signals for 1000 frames"
	assert_le $((2 * SIGNALS)) "$without" "signals for 2000 frames, with busy polling"
	both_ways 7073
	busy 0 0
	serve 7075
	trips 7075
	both_ways 7076
}

# defer NUMBER NANOSECONDS
defer() {
	local vm
	for vm in c d; do
		in_vm $vm "cd /sys/class/net/mmnet0 && echo $1 > napi_defer_hard_irqs && echo $2 > gro_flush_timeout"
	done
}

# A timer polls before events are asked for again.
check_deferred() {
	serve 7080
	defer 2 500000
	trips 7080
	both_ways 7081
	defer 0 0
	trips 7080
	both_ways 7083
}

# ---- threaded NAPI ----

threaded() {
	local vm
	for vm in c d; do
		in_vm $vm "echo $1 > /sys/class/net/mmnet0/threaded"
		assert_eq "$(in_vm $vm 'cat /sys/class/net/mmnet0/threaded')" "$1" "threaded, of $vm"
	done
}

check_threaded() {
	local vm
	threaded 1
	for vm in c d; do
		assert_eq "$(in_vm $vm 'pgrep napi/mmnet0 | wc -l')" 2 "threads of $vm"
	done
	both_ways 7090
	for vm in c d; do
		in_vm $vm 'ip link set mmnet0 down; ip link set mmnet0 up'
	done
	configure
	both_ways 7092
	# the polls are disabled and enabled
	in_vm d 'rmmod mmnet && modprobe mmnet'
	configure
	both_ways 7094
	threaded 0
	both_ways 7096
}

run() {
	local vm
	VCPUS=2 vm_create c d
	for vm in c d; do
		in_vm $vm 'modprobe -a fido mmnet'
		helper $vm flows.py
	done
	in_dom0 "fidoctl net add c d --wait $((60 * SLOW))"
	configure
	for vm in c d; do
		make_file $vm $((4 << 20))
	done
	check_default
	check_xps
	check_flows
	check_one_flow
	assert_no_drops
	check_affinity
	check_rxhash
	check_busy
	check_deferred
	check_threaded
	for vm in c d; do
		wait_for 10 nothing_held $vm
	done
	in_dom0 "fidoctl link remove c d --wait $((30 * SLOW))"
	vm_kill c
	vm_kill d
}

cleanup() {
	in_dom0 'fidoctl link remove c d --force > /dev/null 2>&1; fidoctl link remove --stale > /dev/null 2>&1; true'
}
