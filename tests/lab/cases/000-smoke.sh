# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: the lab itself: versions, every VM named, and the control network between them
run() {
	local vm first list
	diag "dom0: $(in_dom0 'uname -r; xl info xen_version; free -m | awk "/Mem:/ { print \$2 \" MiB\" }"' | xargs)"
	list=$(in_dom0 'xl list')
	first=${VMS%% *}
	for vm in $VMS; do
		assert_match "$list" "^$vm " "xl list"
		assert_eq "$(in_vm "$vm" hostname)" "$vm" "hostname"
		assert_eq "$(in_vm "$vm" 'uname -r')" "$(guest_kernel_version)" "kernel of $vm"
		[ "$vm" = "$first" ] || in_vm "$first" "ping -c 2 -i 0.2 -W 5 $vm"
	done
	expect_failure in_vm "$first" 'exit 3'
}
