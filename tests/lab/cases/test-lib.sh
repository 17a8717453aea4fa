# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Services of type "test": see tests/mod/main.c for what the files do.

TEST_SID=9

# test_service add|remove A B
test_service() {
	to_vm dom0 /tmp/test-service < "$LAB_DIR/helpers/test-service.sh"
	in_dom0 "bash /tmp/test-service $1 $2 $3 $TEST_SID"
}

# test_dir VM PEER: where VM controls its end
test_dir() {
	echo "/sys/kernel/debug/fido_test/fido-$(vm_domid "$2").$TEST_SID"
}

# test_value VM PEER NAME: a counter
test_value() {
	in_vm "$1" "awk '\$1 == \"$3\" { print \$2 }' $(test_dir "$1" "$2")/status"
}

# test_set VM PEER FILE TEXT
test_set() {
	in_vm "$1" "echo '$4' > $(test_dir "$1" "$2")/$3"
}

# The same for those that run a test: the result is shown.
test_do() {
	test_set "$@"
	diag "$1 to $2, $3 $4: $(in_vm "$1" "cat $(test_dir "$1" "$2")/result")"
}

test_is_up() {
	[ "$(test_value "$1" "$2" up)" = 1 ]
}

test_load() {
	local vm
	for vm in "$@"; do
		in_vm "$vm" 'modprobe fido && modprobe fido_test'
	done
}

# test_link A B: a link with a test service that is up
test_link() {
	in_dom0 "fidoctl link add $1 $2 --wait $((60 * SLOW))"
	test_service add "$1" "$2"
	wait_for 30 test_is_up "$1" "$2"
	wait_for 30 test_is_up "$2" "$1"
}

# What must be so after any test, asked for in one command: on a busy VM each takes a second.
test_no_errors() {
	assert_eq "$(in_vm "$1" "awk '\$1 ~ /^(errors|unreadable|broken|wrong_address)\$/ { n++; if (\$2 != 0) print }
		END { print n, \"counters\" }' $(test_dir "$1" "$2")/status")" \
		"4 counters" "messages of $2 that $1 found wrong, and addresses of $1 that are wrong"
}
