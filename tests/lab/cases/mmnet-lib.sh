# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the mmnet cases share: a network between the VMs a and b, counters, transfers.

declare -A ADDRESS4=([a]=10.50.0.1 [b]=10.50.0.2)
declare -A ADDRESS6=([a]=fd50::1 [b]=fd50::2)
declare -A PEER=([a]=b [b]=a)
declare -A SINK SOURCE
NETWORK_COPIES="slots budget pieces forward nomem"

requires() {
	need_module fido mmnet
	need_tool fidoctl
}

# ---- the network ----

has_carrier() {
	[ "$(in_vm "$1" 'cat /sys/class/net/mmnet0/carrier')" = 1 ]
}

has_no_carrier() {
	[ "$(in_vm "$1" 'cat /sys/class/net/mmnet0/carrier')" = 0 ]
}

# network_mtu BYTES: of both ends
network_mtu() {
	local vm
	for vm in "${!PEER[@]}"; do
		in_vm "$vm" "ip link set mmnet0 mtu $1"
	done
}

# Not the default MTU, but one with which TCP's frames are left to be segmented, and which suits bridges, routers and XDP programs.
network_configure() {
	in_vm "$1" "sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
		ip link set mmnet0 up mtu 1500
		ip addr replace ${ADDRESS4[$1]}/24 dev mmnet0
		ip addr replace ${ADDRESS6[$1]}/64 dev mmnet0 nodad"
}

network_reaches() {
	in_vm "$1" "ping -q -c 1 -W 2 ${ADDRESS4[${PEER[$1]}]}"
}

network_up() {
	local vm
	in_vms 'a b' 'modprobe -a fido mmnet'
	# a VM that the emulator lost, and that was replaced, has left its link
	in_dom0 'fidoctl net show a b > /dev/null 2>&1 || { fidoctl link remove --stale; fidoctl net add a b; }'
	for vm in a b; do
		wait_for 30 in_vm "$vm" 'test -e /sys/class/net/mmnet0'
		network_configure "$vm"
	done
	for vm in a b; do
		wait_for 60 has_carrier "$vm"
	done
	wait_for 30 network_reaches a
}

helper() {
	to_vm "$1" "/tmp/$2" < "$LAB_DIR/helpers/$2"
}

# ---- counters: all queues of mmnet0 together ----

counters() {
	in_vm "$1" 'ethtool -S mmnet0' | sed -n 's/^ *q[0-9]*_\(.*\): /\1 /p'
}

counters_mark() {
	counters "$1" > "$CASE_DIR/counters-$1"
}

# counter_sum NAME: of standard input
counter_sum() {
	awk -v name="$1" '$1 == name { sum += $2 } END { printf "%.0f\n", sum }'
}

counter() {
	counters "$1" | counter_sum "$2"
}

# grown VM NAME: since counters_mark
grown() {
	echo $(($(counter "$1" "$2") - $(counter_sum "$2" < "$CASE_DIR/counters-$1")))
}

# grown_at_once VM NAME...: all of them together, by one look at the counters
grown_at_once() {
	local vm=$1
	shift
	counters "$vm" > "$CASE_DIR/counters-now"
	cat "$CASE_DIR/counters-$vm" "$CASE_DIR/counters-now" > "$CASE_DIR/counters-both"
	awk -v names=" $* " -v before="$(wc -l < "$CASE_DIR/counters-$vm")" 'index(names, " " $1 " ") { sum += NR > before ? $2 : -$2 }
		END { printf "%.0f\n", sum }' "$CASE_DIR/counters-both"
}

# has_grown VM NAME COUNT
has_grown() {
	[ "$(grown "$1" "$2")" -ge "$3" ]
}

# What was received in spite of all bounds and without a need for a copy.
assert_no_copies() {
	# shellcheck disable=SC2046,SC2086 # words
	assert_eq "$(grown_at_once "$1" $(printf 'rx_copied_%s ' $NETWORK_COPIES))" 0 "frames copied in $1 ($NETWORK_COPIES)"
	assert_eq "$(grown "${PEER[$1]}" tx_bounced)" 0 "frames copied in ${PEER[$1]}"
}

assert_no_drops() {
	local vm
	for vm in "${!PEER[@]}"; do
		assert_eq "$(counters "$vm" | awk '/_drop_/ && !/_closed/ { n += $2 } END { print n + 0 }')" 0 "frames dropped in $vm"
	done
}

is_below() {
	[ "$(counter "$1" "$2")" -le "$3" ]
}

nothing_held() {
	is_below "$1" rx_pinned 0 && is_below "${PEER[$1]}" tx_in_flight 0
}

# ---- transfers ----

listens() {
	in_vm "$1" "ss -Hltn 'sport = :$2' | grep -q ."
}

make_file() {
	in_vm "$1" "head -c $2 /dev/urandom > /tmp/file"
}

# sink VM PORT: takes one stream in the background, its sum into a file there.
sink() {
	in_vm_bg "$1" "socat -u -b 131072 TCP6-LISTEN:$2,reuseaddr,ipv6only=0 - | sha256sum > /tmp/sum.$2"
	wait_for 20 listens "$1" "$2"
}

# send_file FROM TO ADDRESS PORT: /tmp/file of FROM goes to TO and arrives as it was.
send_file() {
	local from=$1 to=$2 address=$3 port=$4 sink
	sink "$to" "$port"
	sink=$BG
	in_vm "$from" "socat -u -b 131072 /tmp/file TCP:$address:$port"
	wait "$sink"
	assert_eq "$(in_vm "$to" "cat /tmp/sum.$port")" "$(sum_of_file "$from")" "sum of what $from sent"
}

# sum_of_file VM: of /tmp/file, which is read once
sum_of_file() {
	in_vm "$1" '[ /tmp/file.sum -nt /tmp/file ] || sha256sum < /tmp/file > /tmp/file.sum; cat /tmp/file.sum'
}

# transfer FROM ADDRESS PORT: the same, between the two.
transfer() {
	send_file "$1" "${PEER[$1]}" "$2" "$3"
}

# ---- datagrams that are answered; needs the helper datagrams.py at both ends ----

# echo_start VM PORT [COMMAND...]: one server there, run by COMMAND
echo_start() {
	in_vm "$1" 'rm -f /tmp/stop.echo /tmp/echo.log'
	in_vm_bg "$1" "${*:3} python3 -S /tmp/datagrams.py echo $2 /tmp/stop.echo > /tmp/echo.log"
	wait_for 20 in_vm "$1" 'grep -q listening /tmp/echo.log'
}

echo_stop() {
	in_vm "$1" 'touch /tmp/stop.echo'
}

# datagrams_answered WHAT VM ADDRESS PORT [OPTION [COMMAND...]]: there and back as they were sent, small ones and large ones. OPTION
# is for datagrams.py, COMMAND runs it.
datagrams_answered() {
	local said
	said=$(in_vm "$2" "${*:6} python3 -S /tmp/datagrams.py ask $3 $4 5 1400 60000 wait=$((5 * SLOW)) ${5-}") ||
		fail "datagrams, $1: $said"
	diag "datagrams, $1: $said"
}

# ---- frames, compared byte by byte; needs the helper frames.py ----

# frames_listen VM DEVICE SIZES: in the background, as $BG
frames_listen() {
	in_vm "$1" 'rm -f /tmp/frames.log'
	in_vm_bg "$1" "python3 -S /tmp/frames.py recv $2 $((30 * SLOW)) $3 > /tmp/frames.log"
	wait_for 20 in_vm "$1" 'grep -q listening /tmp/frames.log'
}

# frames_send VM SIZES: to the other one
frames_send() {
	local mac
	mac=$(in_vm "${PEER[$1]}" 'cat /sys/class/net/mmnet0/address')
	in_vm "$1" "python3 -S /tmp/frames.py send mmnet0 $mac $2"
}

# frames_arrive FROM TO DEVICE SIZES: FROM sends by mmnet0, TO has them from DEVICE
frames_arrive() {
	local receiver
	frames_listen "$2" "$3" "$4"
	receiver=$BG
	frames_send "$1" "$4"
	wait "$receiver" || fail "frames from $1 to $2, $3: $(in_vm "$2" 'cat /tmp/frames.log')"
}

# ---- streams: /tmp/file over and over on one connection, until told to stop ----

# stream_start FROM PORT
stream_start() {
	local from=$1 port=$2
	sink "${PEER[$from]}" "$port"
	SINK[$port]=$BG
	in_vm_bg "$from" "rm -f /tmp/stop.$port /tmp/sent.$port
		until [ -e /tmp/stop.$port ]; do cat /tmp/file; done |
			tee >(sha256sum > /tmp/sent.$port) |
			socat -u -b 131072 - TCP:${ADDRESS4[${PEER[$from]}]}:$port
		while ! [ -s /tmp/sent.$port ]; do sleep 0.1; done"
	SOURCE[$port]=$BG
	wait_for 20 in_vm "$from" "ss -Htn state established 'dport = :$port' | grep -q ."
}

# stream_stop FROM PORT: all of it arrived as it was sent.
stream_stop() {
	local from=$1 port=$2
	in_vm "$from" "touch /tmp/stop.$port"
	wait "${SOURCE[$port]}"
	wait "${SINK[$port]}"
	assert_eq "$(in_vm "${PEER[$from]}" "cat /tmp/sum.$port")" "$(in_vm "$from" "cat /tmp/sent.$port")" \
		"sum of the stream from $from"
}

# rounds_under_streams ARG_A ARG_B: "rounds VM ARG" starts them in the background, in a and in b, while a stream goes each way.
rounds_under_streams() {
	local rounds_a
	make_file a $((1 << 20))
	make_file b $((1 << 20))
	counters_mark a
	counters_mark b
	stream_start a 7020
	stream_start b 7021
	rounds a "$1"
	rounds_a=$BG
	rounds b "$2"
	wait "$BG"
	wait "$rounds_a"
	stream_stop a 7020
	stream_stop b 7021
}

# What is left when a case fails half-way.
streams_kill() {
	local vm
	for vm in "${!PEER[@]}"; do
		in_vm "$vm" 'touch /tmp/stop.{7020..7029}; pkill socat; true'
	done
}

# ---- a second interface of b: eth1, by netfront and netback to dom0 ----

NETFRONT=10.61.0

eth1_add() {
	in_dom0 'xl network-attach b mac=00:16:3e:99:01:02 bridge=xenbr0 script=/lab/vif-lab'
	wait_for 20 in_vm b 'test -e /sys/class/net/eth1'
	in_vm b "sysctl -qw net.ipv4.conf.all.arp_ignore=1
		ip link set eth1 up
		ip addr replace $NETFRONT.2/24 dev eth1"
	in_dom0 "ip addr replace $NETFRONT.1/24 dev xenbr0"
	wait_for 20 in_vm b "ping -q -c 1 -W 2 $NETFRONT.1"
}

eth1_remove() {
	in_dom0 "ip addr del $NETFRONT.1/24 dev xenbr0; xl network-detach b 1; true"
	wait_for 20 in_vm b '! test -e /sys/class/net/eth1'
}

# left VM [COUNTER]: of skbs where they left, by whatever device; those that were copied there
left() {
	in_vm "$1" 'ethtool -S mmnet0' | awk -v name="leave_${2:-copied}:" '$1 == name { print $2 }'
}
