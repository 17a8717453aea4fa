# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: unit tests break each of these rules; 400 and 420 show that others go on
# DESCRIPTION: a peer that sends frames which are none: each kind is found, told once, and other links go on
# SHORT: one lie of a kind
# TIMEOUT: 400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/liar-lib.sh"

pair_up() {
	net_pair
}

# One lie for each thing that is checked
heads() {
	breaks 'mmnet: too many segments' send frame net.nr_segs ones
	[ "$LONG" = 1 ] || return 0
	breaks 'mmnet: message without its head' send frame slot.len 8
	breaks 'mmnet: message of a wrong length' send frame net.inline_len +1
	breaks 'mmnet: frame of an impossible length' send frame net.len ones
	breaks 'mmnet: frame without headers' send frame net.len +1
	breaks 'mmnet: parts are not the whole' send udp net.len +1
	breaks 'mmnet: segment of an impossible length' send piece seg.len 0
	breaks 'mmnet: segments without an id' send piece slot.id ones
}

# XSA-423, XSA-432, XSA-448: what is said about checksum and segmentation
offloads() {
	breaks 'mmnet: checksum outside the frame' send udp net.csum_start ones
	[ "$LONG" = 1 ] || return 0
	breaks 'mmnet: unknown kind of segmentation' send tcp net.gso_type 9
	breaks 'mmnet: TCP segments too small' send tcp net.gso_size 1
}

# address DOMID PHYSICAL
address() {
	printf '0x%x' $(($1 << 48 | $2))
}

unreadable() {
	in_vm b "ethtool -S $(mmnet_of b a)" | awk '/rx_drop_unreadable:/ { n += $2 } END { print n + 0 }'
}

has_dropped() {
	[ "$(unreadable)" = "$1" ]
}

# A page of c, which does not let a read it: b must not read it for a. And one of nobody. Either costs the frame only.
third_domains() {
	local before
	before=$(unreadable)
	lies_harmless << LIES
send piece seg.addr $(address "$(vm_domid c)" $((32 << 20)))
send piece seg.addr $(address 32000 4096)
LIES
	wait_for 10 has_dropped $((before + 2))
}

addresses() {
	breaks "mmnet: address outside the owner's memory" \
		send piece seg.addr "$(address "$(vm_domid a)" 0xfffffffff000)"
}

# Hints, reserved words, and frames that are as they should be
harmless() {
	lies_harmless << 'LIES'
send frame
send piece
send udp
send tcp
send frame net.hash random net.flags 0x1c
send frame net.reserved ones net.reserved2 ones
send tcp net.gso_type 0x81
send tcp net.gso_size 65534
LIES
}

# XSA-155: the message changes while it is read; the id is another one than a's fido.ko knows
races() {
	may_break race tcp net.nr_segs ones 2000
	[ "$LONG" = 1 ] || return 0
	may_break race frame net.len ones 2000
	may_break race piece seg.addr ones 2000
	may_break send piece slot.id 5
}

run() {
	no_links
	honest_start
	liar_load mmnet
	pair_anew
	harmless
	third_domains
	heads
	offloads
	addresses
	races
	diag "$LIES lies, $BROKEN of which b did not let pass"
	honest_end
}

cleanup() {
	liar_cleanup
}
