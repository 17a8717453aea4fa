# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: minutes
# DESCRIPTION: maptrack entries that suffice for one peer alone, no event channel left, a quota of xenstore that is reached: what cannot be had is told, others go on, and when there is enough again it works
# TIMEOUT: 600

# A grant table that is too small: 016-small-tables.
requires() {
	need_module fido mmnet
	need_tool fidoctl
}

CHANNELS=96

# Of c alone: its tables, instead of those of lib/vm.sh. A peer takes an entry for each page, 256 of them are a frame.
PEERS=1
maptrack_frames() {
	echo $((VM_MEM * 3 * PEERS / 2))
}

c_says() {
	in_vm c "dmesg | grep -E '$1' | tail -n 1"
}

has_said() {
	[ -n "$(c_says "$1")" ]
}

# tells REGEX: c's log does, once it has happened
tells() {
	wait_for 60 has_said "$1"
	diag "c: $(c_says "$1")"
	# what comes later is said anew
	in_vm c 'dmesg -c > /dev/null'
}

a_works() {
	in_vm c "ping -q -c 1 -W $((5 * SLOW)) 10.5.7.2 > /dev/null" || fail "c does not reach a any more: $1"
}

links_removed() {
	local peer
	for peer in "$@"; do
		in_dom0 "fidoctl link remove c $peer --wait $((30 * SLOW))"
	done
	wait_for 10 none_quarantined c
}

# c_start NUMBER: with maptrack entries for so many peers
c_start() {
	PEERS=$1
	in_dom0 "mkdir -p /lab/vm; echo 'max_event_channels = $CHANNELS' > /lab/vm/c.extra"
	vm_create c
	in_dom0 'rm -f /lab/vm/c.extra'
	load_modules c
	to_vm c /tmp/channels.py < "$LAB_DIR/helpers/channels.py"
	in_vm c 'modprobe xen-evtchn'
}

# ---- maptrack: enough for one peer ----

# Whoever is refused is refused until the link is made anew.
maptrack() {
	net_up c a 10.5.7
	in_dom0 'fidoctl link add c b'
	tells 'maptrack table too small .* set max_maptrack_frames=[0-9]+'
	wait_for 30 link_has_state b closed
	a_works "after b was refused"
	links_removed a b
	net_up c b 10.5.8
	links_removed b
}

# ---- event channels ----

channels_take() {
	in_vm c 'rm -f /tmp/stop.channels /tmp/channels.log'
	in_vm_bg c 'python3 -S /tmp/channels.py /tmp/stop.channels > /tmp/channels.log'
	wait_for 60 in_vm c 'grep -q took /tmp/channels.log'
	diag "$(in_vm c 'cat /tmp/channels.log')"
}

channels_give_back() {
	in_vm c 'touch /tmp/stop.channels'
	wait "$BG"
}

# None for a new link. Today the limit is not named then, and the link has to be made anew.
channels_link() {
	net_up c a 10.5.7
	channels_take
	in_dom0 'fidoctl link add c b'
	tells 'fido.*event.channel'
	a_works "after there was no event channel for b"
	in_dom0 "fidoctl link remove c b --wait $((30 * SLOW))"
	in_dom0 'fidoctl link add b c'
	tells 'fido.*event channel'
	a_works "after there was no event channel for b, as the frontend"
	in_dom0 "fidoctl link remove b c --wait $((30 * SLOW))"
	channels_give_back
	net_up c b 10.5.8
	links_removed a b
}

# None for a service of a link that is up. The frontend gives that link up, the backend tries again until there is one.
channels_service() {
	net_up c a 10.5.7
	link_add c b
	channels_take
	in_dom0 'fidoctl net add c b > /dev/null 2>&1 || true'
	tells 'raise max_event_channels in xl.cfg'
	a_works "after there was no event channel for b's network"
	in_dom0 "fidoctl link remove c b --wait $((30 * SLOW))"
	channels_give_back
	link_add b c
	channels_take
	in_dom0 'fidoctl net add b c > /dev/null 2>&1 || true'
	tells 'see max_event_channels in xl.cfg'
	a_works "after there was no event channel for b's network, as the backend"
	channels_give_back
	in_dom0 "fidoctl net show b c > /dev/null 2>&1 || fidoctl net add b c --wait $((60 * SLOW))"
	wait_for 60 in_vm c "grep -qx up /sys/bus/fido/devices/fido-$(domid_of b).*/state"
	in_dom0 "fidoctl link remove b c --wait $((30 * SLOW))"
	links_removed a
}

# ---- xenstore: nodes of c's own, until it may have no more ----

# A hundred to a directory, as the size of one has a quota, too.
quota_fill() {
	in_vm c "n=0
		for step in 100 10 1; do
			while set -- && for i in \$(seq \$step); do set -- \"\$@\" data/fill/\$(((n + i) / 100))/\$((n + i)) x; done &&
				xenstore-write \"\$@\" 2> /tmp/quota.log; do
				n=\$((n + step))
				[ \$n -lt 100000 ] || exit 1
			done
		done
		echo \"took \$n nodes: \$(head -n 1 /tmp/quota.log)\""
}

# Today the reason does not reach xenstore, where nothing can be written, and the link has to be made anew.
quota() {
	net_up c a 10.5.7
	diag "$(quota_fill)"
	in_dom0 'fidoctl link add c b > /dev/null 2>&1 || true'
	tells 'fido.*(writing|write)'
	a_works "after xenstore's quota was reached"
	in_vm c 'xenstore-rm data/fill'
	in_dom0 "fidoctl link remove c b --wait $((30 * SLOW)) || fidoctl link remove c b --force"
	net_up c b 10.5.8
	links_removed a b
}

run() {
	expect_log 'fido: .*too small'
	no_links
	load_modules a b
	c_start 1
	maptrack
	vm_kill c
	vm_wait_gone c
	c_start 4
	channels_link
	channels_service
	quota
	wait_for 10 none_quarantined a
	wait_for 10 none_quarantined b
}

cleanup() {
	in_dom0 'rm -f /lab/vm/c.extra'
	no_links
	vm_kill c 2> /dev/null || true
}
