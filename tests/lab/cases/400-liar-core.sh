# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a peer that lies about rings, releases, its service table and its events: one refusal, one line in the log, and other links go on
# SHORT: one lie of a kind; 430 is at peace again
# TIMEOUT: 400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/liar-lib.sh"

pair_up() {
	net_pair
}

# More datagrams than there are slots, towards a.
flood() {
	in_vm b "head -c 200000 /dev/zero | timeout $((3 * SLOW)) socat -u -b 100 - UDP-SENDTO:$VICTIM.1:9 || true"
}

rings() {
	breaks 'producer index out of range' set ctl.prod big
	[ "$LONG" = 1 ] || return 0
	breaks 'release index out of range' set ctl.rel_prod big
	breaks 'message too long' send frame slot.len ones
	breaks 'message with an impossible id' send frame slot.id 512
	breaks 'release of an id that is not in flight' release 0
}

# XSA-396's kin: what is not ours any more must not be freed again.
released_twice() {
	lie twice
	in_vm b "ping -q -c 1 -W 1 -s 1000 $VICTIM.1 > /dev/null || true"
	gave_up 'release of an id that is not in flight' twice
}

# b looks at a's index when its ring is full, and not before.
wrong_consumer() {
	lie stall 1
	lie set ctl.cons big
	flood
	gave_up 'consumer index out of range' 'set ctl.cons big'
}

# Nothing moves at a's: b waits, with what fits into a ring, and goes on when a does.
stalled() {
	lie stall 1
	flood
	honest_works
	lie stall 0
	wait_for 20 in_vm a "[ \$(awk '\$1 == \"received\" { print \$2 }' $LIAR/status) -ge 512 ]"
}

# Thresholds, words that nobody reads, and geometry that was read before.
harmless() {
	lies_harmless << 'LIES'
set ctl.space_event ones
set ctl.rel_event top
set ctl.prod_event big
set ctl.pad0 ones ctl.pad1 ones ctl.pad2 ones ctl.pad3 ones
set ctl.magic 0 ctl.slot_size ones ctl.nr_slots ones ctl.event_channel ones
set ctl.slot_page ones ctl.rel_page ones
set root.magic 0 root.version 2 root.domid ones root.heartbeat 1
set root.nr_frames ones root.mid ones root.reserved ones
set root.readers 0 root.windows 0
set entry.drained_gen 0
flip ctl.prod_event ones 200
flip root.heartbeat ones 200
send frame slot.flags ones
send piece seg.reserved ones
LIES
}

# offer_refused LIE: with a new generation. b refuses it, a's fido.ko notices that, and offers properly.
offer_refused() {
	LIES=$((LIES + 1))
	in_vm a "ups() { awk '\$1 == \"ups\" { print \$2 }' $LIAR/status; }
		before=\$(ups); i=0
		echo '$*' > $LIAR/do || exit 1
		until [ \$(ups) -gt \$before ] && grep -qx 'up 1' $LIAR/status; do
			sleep 0.1
			i=\$((i + 1))
			[ \$i -lt $((200 * SLOW)) ] || exit 1
		done"
	liar_ready
	assert_eq "$(nr_violations)" "$BROKEN" "violations after an offer that does not match: $*"
}

offers() {
	local lie
	while IFS= read -r lie; do
		offer_refused "$lie"
	done < <(long_or_each 3 << 'LIES'
set entry.nr_channels 0 entry.gen 0x10000000
set entry.nr_channels ones entry.gen 0x20000000
set entry.type ones entry.gen 0x30000000
set entry.chan_table ones entry.gen 0x40000000
set table.ctl +8 entry.gen 0x50000000
set ctl.nr_slots 0 entry.gen 0x60000000
set ctl.rel_page top entry.gen 0x70000000
set entry.peer_gen ones
LIES
	)
	honest_works
	assert_match "$(in_vm b "dmesg | sed -n '/$MARK\$/,\$p' | grep 'do not match' | head -n 1")" \
		"the peer's channels do not match" "b's log"
	# the newline of a type of its own making does not reach the log: what is no letter is escaped
	offer_refused set entry.type 0x41410a4141 entry.gen 0x71000000
	assert_match "$(in_vm b "dmesg | sed -n '/$MARK\$/,\$p' | grep 'do not match' | tail -n 1")" \
		'of type AA\\nAA' "b's log"
}

# XSA-332, XSA-391
storms() {
	local what
	for what in chan link; do
		in_vm_bg a "echo 'storm $what 2000' > $LIAR/do"
		in_vm b "ping -q -c 5 -i 0.2 -W $((5 * SLOW)) $HONEST.2"
		wait "$BG"
		diag "$(in_vm a "cat $LIAR/result")"
	done
	pair_is_up || fail "the service went down for events"
}

# XSA-155: between two looks
between_looks() {
	[ "$LONG" = 0 ] || may_break flip ctl.prod big 300
	may_break race frame slot.len ones 2000
}

run() {
	no_links
	honest_start
	liar_load mmnet
	pair_anew
	rings
	released_twice
	[ "$LONG" = 0 ] || wrong_consumer
	stalled
	harmless
	pair_anew
	offers
	storms
	between_looks
	diag "$LIES lies, $BROKEN of which b did not let pass"
	honest_goes_on
	[ "$LONG" = 0 ] || honest_again
}

cleanup() {
	liar_cleanup
}
