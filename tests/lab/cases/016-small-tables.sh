# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: two VMs are started for it
# DESCRIPTION: a domain whose grant limits are too small gets a refusal that names the line for xl.cfg
# TIMEOUT: 300
requires() {
	need_module fido
	need_tool fidoctl
}

# The limits of the VMs that this case makes; instead of those of lib/vm.sh.
grant_frames() {
	echo "$GRANTS"
}

maptrack_frames() {
	echo "$MAPTRACK"
}

small_vm() {
	vm_create c
	in_vm c 'modprobe fido'
}

small_vm_gone() {
	vm_kill c
	vm_wait_gone c
}

# refused A B REASON: a link of c, for what c says since
refused() {
	in_vm c 'dmesg -c > /dev/null'
	in_dom0 "fidoctl link add $1 $2"
	wait_for 60 in_vm c "dmesg | grep -q '$3'"
	diag "$(in_vm c "dmesg | grep '$3' | tail -1")"
	wait_for 30 link_has_state c closed
	no_links
}

run() {
	no_links
	load_modules a
	expect_log 'fido: .*too small'
	GRANTS=64 MAPTRACK=2048 small_vm
	refused c a 'set max_grant_frames=[0-9]*'
	refused a c 'set max_grant_frames=[0-9]*'
	small_vm_gone
	GRANTS=1024 MAPTRACK=64 small_vm
	refused c a 'set max_maptrack_frames=[0-9]*'
	small_vm_gone
	# a has not suffered
	load_modules b
	link_add a b
	wait_for 10 none_quarantined a
}

cleanup() {
	no_links
	vm_kill c 2> /dev/null || true
}
