# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: both ends unload their client at random, in full traffic both ways: nothing is lost, wrong or left
# SHORT: each way of unloading once
# TIMEOUT: 400
requires() {
	need_module fido fido_test
	need_tool fidoctl
}

ROUNDS=$((LONG ? 10 : 3))

# Traffic both ways, proven by counters that grow.
flood() {
	local pair before
	for pair in a:b b:a; do
		in_vm "${pair%:*}" "cd $(test_dir "${pair%:*}" "${pair#*:}") &&
			echo $((1 + RANDOM % 8)) > flood && echo $((RANDOM % 40)) > hold && echo 1 > order"
	done
	for pair in a:b b:a; do
		before=$(test_value "${pair%:*}" "${pair#*:}" received)
		wait_for 20 received_more "${pair%:*}" "${pair#*:}" $((before + 50))
	done
}

received_more() {
	[ "$(test_value "$1" "$2" received)" -gt "$3" ]
}

both_up() {
	wait_for 30 test_is_up a b
	wait_for 30 test_is_up b a
}

# one_round NUMBER: each kind of unloading once, then at random
one_round() {
	local first=a second=b
	[ $((RANDOM % 2)) = 0 ] || { first=b; second=a; }
	flood
	test_no_errors a b
	test_no_errors b a
	case $(($1 < 3 ? $1 : RANDOM % 3)) in
	0)
		in_vm $first 'rmmod fido_test && modprobe fido_test'
		;;
	1)
		in_vm $first 'rmmod fido_test'
		in_vm $second 'rmmod fido_test'
		test_load $second $first
		;;
	2)
		in_vm_bg $first 'rmmod fido_test; modprobe fido_test'
		in_vm $second 'rmmod fido_test; modprobe fido_test'
		wait "$BG"
		;;
	esac
	both_up
}

run() {
	local i
	# shellcheck disable=SC1091
	. "$LAB_DIR/cases/test-lib.sh"
	RANDOM=${SEED:-$$}
	diag "SEED=${SEED:-$$}"
	no_links
	test_load a b
	test_link a b
	for ((i = 0; i < ROUNDS; i++)); do
		one_round "$i"
	done
	# All of it still works, and all memory comes back. An end that was not reloaded still floods: only when that is over it takes orders.
	for i in a:b b:a; do
		test_set "${i%:*}" "${i#*:}" flood 0
		test_set "${i%:*}" "${i#*:}" hold 0
	done
	wait_for 30 test_set a b stream '100 4 odd'
	diag "a to b, stream: $(in_vm a "cat $(test_dir a b)/result")"
	test_no_errors b a
	in_vm a 'rmmod fido_test'
	in_vm b 'rmmod fido_test'
	in_dom0 'fidoctl link remove a b'
	for i in a b; do
		wait_for 30 in_vm $i '! ls -d /sys/kernel/debug/fido/fido-*'
		wait_for 10 none_quarantined $i
	done
}

cleanup() {
	no_links
	for vm in a b; do
		in_vm $vm '! lsmod | grep -q fido_test || rmmod fido_test'
	done
}
