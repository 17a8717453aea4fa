# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a VM destroyed under load takes nobody with it, leaves no zombie, and can be linked again
# TIMEOUT: 300
requires() {
	need_module fido mmnet
	need_tool fidoctl
}

kill_one() {
	local other=$2
	load_modules a b
	net_up a b
	in_vm "$other" 'nohup sh -c "timeout 60 ping -f -i 0.002 10.5.0.'"$3"' > /dev/null; true" >/dev/null 2>&1 &'
	in_vm "$other" 'nohup sh -c "timeout 60 dd if=/dev/zero bs=64k | timeout 60 nc 10.5.0.'"$3"' 7000" >/dev/null 2>&1 &'
	in_vm "$1" 'nohup sh -c "timeout 60 nc -l -p 7000 > /dev/null" >/dev/null 2>&1 &'
	wait_for 20 in_vm "$other" '[ $(cat /sys/class/net/mmnet0/statistics/tx_packets) -gt 20 ]'
	vm_kill "$1"
	vm_wait_gone "$1" 30
	wait_for 20 in_vm "$other" 'grep -q 0 /sys/class/net/mmnet0/carrier'
	no_links
	vm_create "$1"
	in_vm "$other" 'pkill nc; pkill ping; true'
}

run() {
	no_links
	kill_one a b 1
	kill_one b a 2
	load_modules a b
	net_up a b
}

cleanup() {
	no_links
}
