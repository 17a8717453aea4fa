# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the project's cases share: modules, links, networks.

# in_vms "VM..." COMMAND: in all of them at the same time
in_vms() {
	local vm pids=()
	for vm in $1; do
		in_vm "$vm" "$2" &
		pids+=($!)
	done
	for vm in "${pids[@]}"; do
		wait "$vm"
	done
}

# Loaded, whatever a case before left behind. dom0 has the modules, too.
load_modules() {
	in_vms "$*" 'modprobe -a fido mmnet'
}

unload_modules() {
	in_vm "$1" 'for m in fido_test fido_liar mmblk mmnet fido; do ! grep -q "^$m " /proc/modules || rmmod $m; done'
}

# has_processors VM: two of them, as one has that cases name in their heads, unless it was started again since
has_processors() {
	[ "$(in_vm "$1" nproc)" -lt 2 ] || return 0
	vm_kill "$1"
	vm_wait_gone "$1"
	VCPUS=2 vm_create "$1"
}

# No link at all, not even what a destroyed VM left.
no_links() {
	in_dom0 'fidoctl link list | awk "NR > 1 { gsub(/[()]/, \"\"); print \$2, \$4 }" | while read -r f b; do
		fidoctl link remove "$f" "$b" --force; done >&2'
}

link_has_state() {
	in_dom0 "fidoctl link list $1" | has " $2 "
}

link_add() {
	in_dom0 "fidoctl link add $1 $2 --wait $((60 * SLOW))"
}

# As the tools in dom0 call a machine of the lab.
xen_name() {
	if [ "$1" = dom0 ]; then
		echo Domain-0
	else
		echo "$1"
	fi
}

domid_of() {
	if [ "$1" = dom0 ]; then
		echo 0
	else
		vm_domid "$1"
	fi
}

# The interface of VM $1 towards VM $2.
mmnet_of() {
	in_vm "$1" "ls /sys/bus/fido/devices/fido-$(domid_of "$2").*/net"
}

# net_address VM PEER ADDRESS: for the interface of the VM towards the peer
net_address() {
	in_vm "$1" "dev=\$(ls /sys/bus/fido/devices/fido-$(domid_of "$2").*/net) &&
		ip addr replace $3/24 dev \$dev && ip link set \$dev up"
}

# net_answers A B PREFIX: the network between the two has addresses, PREFIX.1 and PREFIX.2, and answers.
net_answers() {
	net_address "$1" "$2" "$3.1"
	net_address "$2" "$1" "$3.2"
	wait_for 20 in_vm "$1" "ping -c 1 -W 1 $3.2"
}

# net_up A B [PREFIX [OPTION...]]: a network between the two, that answers. Options are fidoctl's.
net_up() {
	in_dom0 "fidoctl net add $(xen_name "$1") $(xen_name "$2") --wait $((60 * SLOW)) ${*:4}"
	net_answers "$1" "$2" "${3:-10.5.0}"
}

# Memory that is free when caches are dropped, in KiB.
free_memory() {
	in_vm "$1" 'sync; echo 3 > /proc/sys/vm/drop_caches; awk "/^MemFree/ { print \$2 }" /proc/meminfo'
}

quarantined() {
	in_vm "$1" 'awk "/^grants/ { print \$2 }" /sys/kernel/debug/fido/quarantine'
}

# To wait for: revoking is tried again after a second at the latest.
none_quarantined() {
	[ "$(quarantined "$1")" = 0 ]
}

mapped_pages() {
	in_vm "$1" "awk -F': ' '/^pages mapped/ { print \$2 }' /sys/kernel/debug/fido/fido-$(vm_domid "$2")/link"
}

# detached VM COMMAND: goes on in the VM, for a minute at most. Busybox's sh would take its own programs, which do less.
detached() {
	in_vm "$1" "setsid timeout $((60 * SLOW)) bash -c '$2' < /dev/null > /dev/null 2>&1 &"
}

# load_start FROM TO ADDRESS: a TCP stream to TO, and a flood of pings.
load_start() {
	detached "$2" 'socat -u TCP-LISTEN:7000,reuseaddr,fork OPEN:/dev/null'
	detached "$1" "while true; do dd if=/dev/zero bs=64k 2> /dev/null | socat -u - TCP:$3:7000; done & ping -q -f $3; wait"
	wait_for 20 has_sent "$1" 100
}

load_stop() {
	in_vm "$1" 'pkill timeout; pkill socat; pkill ping; true'
}

has_sent() {
	[ "$(in_vm "$1" 'cat /sys/class/net/mmnet0/statistics/tx_packets')" -gt "$2" ]
}
