# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a client of its own: round trips, every byte of what is sent by pointer, releases in any order
# SHORT: releases in each order of one direction
# TIMEOUT: 300
requires() {
	need_module fido fido_test
	need_tool fidoctl
}

# orders PAIR: in which is released
orders() {
	if [ "$LONG" = 1 ] || [ "$1" = a:b ]; then
		echo 0 1 2
	fi
}

run() {
	local pair from to
	# shellcheck disable=SC1091
	. "$LAB_DIR/cases/test-lib.sh"
	no_links
	test_load a b
	test_link a b
	for pair in a:b b:a; do
		from=${pair%:*}
		to=${pair#*:}
		test_do "$from" "$to" ping 200
		test_do "$from" "$to" stream '200 1'
		test_do "$from" "$to" stream '100 16 odd'
		for order in $(orders "$pair"); do
			test_set "$to" "$from" order "$order"
			test_set "$to" "$from" hold 40
			test_do "$from" "$to" stream '200 3 odd'
		done
		# More than there are ids: the sender has to wait for each release.
		test_set "$to" "$from" hold 63
		test_do "$from" "$to" stream '300 1'
		test_set "$to" "$from" hold 0
		test_no_errors "$to" "$from"
	done
	test_do a b stream '1000 16 sum'
	test_do a b stream '1000 16 touch'
	assert_eq "$(test_value a b in_flight)" 0 "messages that b did not give back"
	# Can it fail? One wrong byte must be found.
	expect_failure test_set a b stream '5 2 corrupt'
	assert_ge "$(test_value b a errors)" 5 "wrong messages found"
}

cleanup() {
	no_links
	in_vm a 'rmmod fido_test'
	in_vm b 'rmmod fido_test'
}
