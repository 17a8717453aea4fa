# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: nonsense in a peer's nodes in xenstore, and behind its root-ref: the link is refused with a reason, other links go on
# SHORT: one lie of a kind
# TIMEOUT: 400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/liar-lib.sh"

# In a no driver is bound to the link: the case plays the frontend by hand, in a's own directory. See docs/protocol.md for who owns which
# node. What is granted comes from the liar's "forge".

driver_free() {
	liar_load mmnet
	in_vm a 'echo 0 > /sys/bus/xen/drivers_autoprobe'
}

# offer NODE...: a link whose frontend offers itself; GREF is a's forged root page. NODE is "NAME VALUE", or "NAME" to have none.
offer() {
	local node nodes="xenstore-write \$d/protocol-version 1 \$d/root-ref $GREF \$d/event-channel 1 \$d/features 0"
	for node in "$@"; do
		case $node in
		*' '*) nodes+="; xenstore-write -- \$d/${node%% *} '${node#* }'" ;;
		*) nodes+="; xenstore-rm \$d/$node" ;;
		esac
	done
	in_dom0 'fidoctl link add a b --wait 0'
	in_vm a "d=device/fido/$B; set -e
		$nodes
		back=\$(xenstore-read \$d/backend); i=0
		until [ \"\$(xenstore-read \$back/state)\" = 2 ]; do
			sleep 0.1; i=\$((i + 1)); [ \$i -lt $((200 * SLOW)) ]
		done
		xenstore-write \$d/state 3"
}

# Why b did not take it, in xenstore, where fidoctl finds it
why_refused() {
	in_dom0 "xenstore-read /local/domain/$B/error/backend/fido/$A/$B/error"
}

link_gone() {
	in_dom0 'fidoctl link remove a b --force'
}

# refused REASON NODE...
refused() {
	local reason=$1
	shift
	LIES=$((LIES + 1))
	offer "$@"
	wait_for 20 why_refused
	assert_match "$(why_refused)" "$reason" "what b says of ${*:-the root page}"
	honest_works
	link_gone
}

# forge [full] FIELD VALUE...: other pages from now on. b may still map what it saw before, for a moment.
forge() {
	wait_for 20 in_vm a "echo 'forge $B $A $*' > $LIAR/do"
	GREF=$(in_vm a "cat $LIAR/result")
}

# forged REASON FIELD VALUE...
forged() {
	local reason=$1
	shift
	forge "$@"
	refused "$reason"
	diag "forged $*: refused"
}

NOT_MAPPED="mapping the frontend's memory"

nodes() {
	forge root.heartbeat 0
	# Version 2 of the protocol may come, and others are none.
	refused "^93 domain $A speaks version 2 of the protocol, we speak 1:" 'protocol-version 2'
	if [ "$LONG" = 1 ]; then
		refused "^[0-9]+ $NOT_MAPPED" 'protocol-version -1'
		refused "^[0-9]+ $NOT_MAPPED" 'protocol-version'
		refused "^[0-9]+ $NOT_MAPPED" 'root-ref -1'
		refused "^[0-9]+ $NOT_MAPPED" 'root-ref 4294967295'
		refused '^[0-9]+ reading event-channel' 'event-channel nonsense'
		# granted to somebody else: the page of xenstore itself
		refused "^[0-9]+ $NOT_MAPPED" 'root-ref 1'
	fi
	# all is well, but for the last step
	refused '^[0-9]+ binding the event channel' 'event-channel 4294967295' 'features 18446744073709551615'
}

pages() {
	# somebody else's memory
	forged "^71 $NOT_MAPPED" root.domid "$(vm_domid c)"
	# tables that name themselves: nothing to complain of before the event channel
	forged '^[0-9]+ ' mid.leaf mid
	[ "$LONG" = 1 ] || return 0
	# more than there is
	forged "^7 $NOT_MAPPED" full
	forged "^71 $NOT_MAPPED" root.magic 0
	forged "^71 $NOT_MAPPED" root.version 2
	forged "^71 $NOT_MAPPED" root.nr_frames 0
	forged "^71 $NOT_MAPPED" root.nr_frames ones
	forged "^[0-9]+ $NOT_MAPPED" root.mid ones
	# and a hole in the memory
	forged '^[0-9]+ ' root.mid root
	forged '^[0-9]+ binding the event channel' leaf.frame ones
	forged '^[0-9]+ binding the event channel' leaf.frame leaf
}

# What is no state is none: b waits on, for somebody who knows one.
states() {
	local state
	in_dom0 'fidoctl link add a b --wait 0'
	wait_for 20 back_waits
	for state in 99 -1 nonsense 18446744073709551616 '' 7; do
		LIES=$((LIES + 1))
		in_vm a "xenstore-write -- device/fido/$B/state '$state'"
		[ "$LONG" = 0 ] || honest_works
		back_waits || fail "b goes on because a's state is '$state'"
	done
	in_vm a "xenstore-rm device/fido/$B/state"
	honest_works
	back_waits || fail "b goes on because a has no state"
	link_gone
}

# The other way round: b is the frontend, and a a backend that refuses it for its version. b knows why, and says so.
other_version() {
	LIES=$((LIES + 1))
	in_vm a 'echo 0 > /sys/bus/xen-backend/drivers_autoprobe'
	in_dom0 'fidoctl link add b a --wait 0'
	in_vm a "d=backend/fido/$B/$A; set -e
		xenstore-write \$d/protocol-version 2 \$d/state 2
		front=\$(xenstore-read \$d/frontend); i=0
		until [ \"\$(xenstore-read \$front/state)\" = 3 ]; do
			sleep 0.1; i=\$((i + 1)); [ \$i -lt $((200 * SLOW)) ]
		done
		xenstore-write \$d/state 6"
	wait_for 20 in_dom0 "xenstore-read /local/domain/$B/error/device/fido/$A/error"
	assert_match "$(in_dom0 'fidoctl link show a b')" "domain $A speaks version 2 of the protocol, we speak 1:" 'what fidoctl says of the version'
	honest_works
	link_gone
	in_vm a 'echo 1 > /sys/bus/xen-backend/drivers_autoprobe'
}

back_waits() {
	[ "$(in_dom0 "xenstore-read /local/domain/$B/backend/fido/$A/$B/state")" = 2 ]
}

# Nodes that come and go, and a state that never rests: XSA-349. b may give up, in its own words, and no more than that.
restless() {
	forge root.heartbeat 0
	in_dom0 'fidoctl link add a b --wait 0'
	wait_for 20 back_waits
	LIES=$((LIES + 1))
	in_vm_bg a "d=device/fido/$B
		end=\$((SECONDS + $((LONG ? 5 : 3))))
		while [ \$SECONDS -lt \$end ]; do
			xenstore-write \$d/protocol-version 1 \$d/root-ref $GREF \$d/event-channel 1 \$d/state 3
			xenstore-rm \$d/root-ref
			xenstore-write -- \$d/state 6 \$d/root-ref -1 \$d/state 3 \$d/state 6
		done"
	in_vm b "ping -q -c $((LONG ? 10 : 6)) -i 0.4 -W $((5 * SLOW)) $HONEST.2"
	wait "$BG"
	honest_works
	link_gone
}

run() {
	no_links
	honest_start
	A=$(vm_domid a)
	B=$(vm_domid b)
	driver_free
	states
	nodes
	pages
	other_version
	restless
	diag "$LIES lies"
	in_vm a "echo unforge > $LIAR/do; echo 1 > /sys/bus/xen/drivers_autoprobe"
	honest_end
}

cleanup() {
	liar_cleanup
}
