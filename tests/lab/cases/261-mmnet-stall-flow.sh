# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: beside a reader that reads nothing a stream goes on as if it were copied; what is held is bounded in frames, too
# SHORT: half of the stream
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

# So much of the stream is looked at each time
MEASURE=$((LONG ? 16 << 20 : 8 << 20))
MAX_PINS=384
ALL=1000000	# larger than any frame

cleanup() {
	streams_kill
	in_vm a 'tc qdisc del dev mmnet0 root'
	in_vm b 'touch /tmp/go; ethtool --set-tunable mmnet0 rx-copybreak 512'
}

# ---- the reader that does not read ----

# stall COUNT LENGTH: so many datagrams wait in b, until stall_end
stall() {
	in_vm b 'rm -f /tmp/go /tmp/datagrams.log'
	in_vm_bg b "python3 -S /tmp/datagrams.py recv 7007 $((60 * SLOW)) $1 $2 hold=/tmp/go > /tmp/datagrams.log"
	READER=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
	in_vm a "python3 -S /tmp/datagrams.py send ${ADDRESS4[b]} 7007 $1 $2 sndbuf=65536"
}

# stall_end COUNT: all of them are as they were sent
stall_end() {
	in_vm b 'touch /tmp/go'
	wait "$READER"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" "received $1$" "datagrams"
}

# ---- the stream beside it ----

# Hundredths of a second, and bytes received
progress() {
	in_vm b 'read -r up _ < /proc/uptime; echo "${up/./} $(cat /sys/class/net/mmnet0/statistics/rx_bytes)"'
}

has_received() {
	[ "$(in_vm b 'cat /sys/class/net/mmnet0/statistics/rx_bytes')" -ge "$1" ]
}

# measure: RATE in KiB a second, over at least so many bytes
measure() {
	local before after
	before=$(progress)
	wait_for 60 has_received $((${before#* } + MEASURE))
	after=$(progress)
	RATE=$(((${after#* } - ${before#* }) * 100 / 1024 / (${after% *} - ${before% *} + 1)))
}

# stream_value NAME: what TCP says about it
stream_value() {
	in_vm a "ss -Htin state established 'dport = :7020'" |
		awk -v name="$1" '{ for (i = 1; i <= NF; i++) if (split($i, f, ":") == 2 && f[1] == name) n += f[2] }
			END { printf "%.0f\n", n }'
}

check_stream() {
	local free copied stalled sent again
	stream_start a 7020
	measure
	free=$RATE
	in_vm b "ethtool --set-tunable mmnet0 rx-copybreak $ALL"
	measure
	copied=$RATE
	in_vm b 'ethtool --set-tunable mmnet0 rx-copybreak 512'

	counters_mark b
	# more than the budget in bytes
	stall 500 60000
	assert_ge "$(grown b rx_copied_budget)" 1 "frames copied for the budget in bytes"
	assert_ge "$(counter b rx_pinned)" 100 "frames held"
	assert_le "$(counter b rx_pinned_bytes)" $((16 << 20)) "bytes held"
	measure
	stalled=$RATE
	assert_ge "$(counter b rx_pinned)" 100 "frames held"
	assert_eq "$(in_vm b 'grep -c received /tmp/datagrams.log || true')" 0 "readers that have begun to read"
	sent=$(stream_value bytes_sent)
	again=$(stream_value bytes_retrans)
	diag "stream: $free KiB/s, copied $copied KiB/s, beside the reader $stalled KiB/s; $again of $sent bytes sent again"
	assert_ge "$sent" $((2 * MEASURE)) "bytes that TCP has sent"
	assert_le $((again * 10)) "$sent" "ten times the bytes sent again"
	# One that waits for timers, or for the other's reader, would be slower by far.
	assert_ge $((stalled * 4 * SLOW)) "$copied" "$((4 * SLOW)) times the rate beside the reader, against copies"

	stall_end 500
	stream_stop a 7020
	wait_for 20 nothing_held b
}

# Of a middle size: frames run out before bytes do.
check_slots() {
	local pinned
	counters_mark b
	stall 600 4000
	pinned=$(counter b rx_pinned)
	diag "held: $pinned frames, $(counter b rx_pinned_bytes) bytes; copied $(grown b rx_copied_slots) frames"
	assert_ge "$(grown b rx_copied_slots)" 1 "frames copied for the budget in frames"
	assert_eq "$(grown b rx_copied_budget)" 0 "frames copied for the budget in bytes"
	assert_le "$pinned" $MAX_PINS "frames held"
	assert_ge "$pinned" $((MAX_PINS / 2)) "frames held"
	transfer a "${ADDRESS4[b]}" 7008
	transfer b "${ADDRESS4[a]}" 7008
	assert_le "$(counter b rx_pinned)" $MAX_PINS "frames held"
	stall_end 600
	wait_for 20 nothing_held b
}

run() {
	local vm
	network_up
	network_mtu 65535
	for vm in a b; do
		helper $vm datagrams.py
		make_file $vm $((2 << 20))
	done
	# what waits for a while is not to be dropped for that, nor to be sent again
	in_vm a 'modprobe -q tcp_diag; tc qdisc replace dev mmnet0 root pfifo'
	# All datagrams wait in one socket: the limit of all UDP sockets of a small VM is lower than what mmnet may hold and copy.
	in_vm b 'sysctl -qw net.ipv4.udp_mem="65536 65536 65536"'
	check_stream
	check_slots
	assert_no_drops
}
