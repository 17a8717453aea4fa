# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: every field of every structure that a peer reads, with boundaries and ROUNDS random values each
# DESCRIPTION: a peer that lies in each field of what it shows and says, at once and while it is read: nothing but refusals
# TIMEOUT: 14400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/liar-lib.sh"

# 340 values a role with ROUNDS=3; each may cost a link made anew. SEED=N ROUNDS=N lab run 490 repeats it, ROLES= takes some of them.
ROLES=${ROLES:-net client server}
ROLE=net

pair_up() {
	case $ROLE in
	net) net_pair ;;
	client) in_dom0 "fidoctl blk add a b:/dev/ram0 --wait $((60 * SLOW))" ;;
	server)
		in_dom0 "fidoctl blk add b a:/dev/lie --wait $((60 * SLOW))"
		wait_for 30 in_vm b 'ls -d /sys/block/mmblk*'
		;;
	esac
}

# A disk that somebody uses: there is always something to answer.
reader() {
	in_vm b "rm -f /tmp/stop.reader; setsid bash -c 'until [ -e /tmp/stop.reader ]; do
		dd if=/dev/mmblk0 of=/dev/null bs=4096 count=4 iflag=direct; sleep 0.1; done' < /dev/null > /dev/null 2>&1 &"
}

reader_stop() {
	in_vm b 'touch /tmp/stop.reader'
}

core() {
	local list field
	mapfile -t list < <(fields ctl release entry table root)
	lies_long set "${list[@]}"
	for field in ctl.prod ctl.cons ctl.rel_prod entry.gen entry.peer_gen entry.drained_gen root.readers; do
		may_break flip "$field" random 2000
	done
}

net() {
	local list field
	ROLE=net
	liar_load mmnet
	pair_anew
	core
	mapfile -t list < <(fields net seg slot)
	lies_long 'send tcp' "${list[@]}"
	lies_long 'send udp' "${list[@]}"
	for field in "${list[@]}"; do
		may_break race tcp "$field" random 5000
	done
}

client() {
	local list field
	ROLE=client
	in_vm b 'grep -q "^brd " /proc/modules || modprobe brd rd_nr=1 rd_size=16384'
	pair_anew
	mapfile -t list < <(fields request seg slot)
	lies_long 'send write' "${list[@]}"
	mapfile -t list < <(fields request list)
	lies_long 'send list' "${list[@]}"
	for field in "${list[@]}"; do
		may_break race list "$field" random 5000
	done
}

server() {
	local list
	ROLE=server
	pair_anew
	reader
	mapfile -t list < <(fields 'config' slot)
	lies_long 'send config' "${list[@]}"
	mapfile -t list < <(fields 'done' seg slot)
	lies_while_asked "${list[@]}"
}

# As lies_long, but there must be a request to answer.
lies_while_asked() {
	local field value
	for field in "$@"; do
		for value in $(values_long); do
			lie_anyhow 'hold 1'
			wait_until $((10 * SLOW)) quiet_output in_vm a "! grep -qx 'requests 0' $LIAR/status" || true
			lie_once "send done $field $value"
			lie_anyhow 'hold 0'
		done
		diag "send done $field: $BROKEN links given up so far"
	done
}

run() {
	local role
	diag "SEED=$SEED ROUNDS=$ROUNDS ROLES=\"$ROLES\""
	expect_log 'I/O error|Buffer I/O'
	no_links
	honest_start
	for role in $ROLES; do
		pair_remove
		[ "$role" = net ] || liar_load mmblk
		"$role"
	done
	reader_stop
	diag "$LIES lies, $BROKEN of which b did not let pass"
	honest_end
}

cleanup() {
	reader_stop
	liar_cleanup
}
