# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: fidoctl's refusals: one clear line, the exit code, and nothing changed in xenstore
# TIMEOUT: 240
requires() {
	need_tool fidoctl
}

# Everything in xenstore, with permissions.
tree() {
	quiet in_dom0 'xenstore-ls -fp'
}

# What is tried next: codes, patterns and arguments
CODES=()
WANTED=()
TRIED=()

# refused CODE REGEX ARGUMENTS...: fidoctl fails with this code and one line on stderr that matches. all_refused looks.
refused() {
	CODES+=("$1")
	WANTED+=("$2")
	shift 2
	TRIED+=("$*")
}

# Commands for dom0: each second one of those that are tried, from the one of this number on; "CODE<tab>LINE[<tab>LINE...]" is printed.
tries() {
	local i
	for ((i = $1; i < ${#TRIED[@]}; i += 2)); do
		printf 'said=$(fidoctl %s 2>&1 > /dev/null); printf "%%s" $?; printf "\\t%%s" "$said" | tr "\\n" "\\t"; echo\n' "${TRIED[i]}"
	done
}

# All of them in one command, by both processors of dom0: a command is most of what a refusal costs.
all_refused() {
	local i answers said
	in_dom0 "{ $(tries 0)
		} > /tmp/refused.0 &
		{ :; $(tries 1)
		} > /tmp/refused.1; wait; paste -d '\n' /tmp/refused.0 /tmp/refused.1; rm /tmp/refused.?" > "$CASE_DIR/answers"
	mapfile -t answers < "$CASE_DIR/answers"
	for i in "${!TRIED[@]}"; do
		said=${answers[i]#*$'\t'}
		assert_eq "${answers[i]%%$'\t'*}" "${CODES[i]}" "exit code of fidoctl ${TRIED[i]}"
		[[ $said != *$'\t'* ]] || fail "more than a line of fidoctl ${TRIED[i]}: $said"
		assert_match "$said" "^fidoctl: .*${WANTED[i]}" "fidoctl ${TRIED[i]}"
	done
	CODES=() WANTED=() TRIED=()
}

usage_errors() {
	refused 2 'link\|net\|blk' ''
	refused 2 'no command frob' frob
	refused 2 'no command link frob' link frob
	refused 2 'add, remove, list or show' blk
	refused 2 'wrong number of names' link add a
	refused 2 'wrong number of names' net add a b c
	refused 2 'no option --frob' link list --frob
	refused 2 '--wait needs a value' link add a b --wait
	refused 2 '--wait: say a number' link add a b --wait soon
	refused 2 'knows no --mtu' link add a b --mtu 1500
	refused 2 '--mtu: .* 68 to 65535' net add a b --mtu 67
	refused 2 '--mtu: .* 68 to 65535' net add a b --mtu 65536
	refused 2 '--queues: .* 1 to 16' net add a b --queues 17
	refused 2 '--poll-queues: .* 1 to 15' blk add a b:/dev/ram0 --poll-queues 16
	refused 2 '--queues and --poll-queues: say 16 together' blk add a b:/dev/ram0 --queues 9 --poll-queues 8
	refused 2 'knows no --poll-queues' net add a b --poll-queues 1
	refused 2 '--depth: .* 1 to 128' blk add a b:/dev/ram0 --depth 129
	refused 2 '--bandwidth: .* 1 to 1000000' blk add a b:/dev/ram0 --bandwidth 0
	refused 2 '--timeout: .* 1 to 86400' blk add a b:/dev/ram0 --timeout 0
	refused 2 'knows no --timeout' net add a b --timeout 5
	refused 2 'no MAC address' net add a b --mac-a 00:16:3e:00:00
	refused 2 'group' net add a b --mac-b 01:16:3e:00:00:00
	refused 2 'cannot have the address' net add a b --mac-b 00:00:00:00:00:00
	refused 2 'say 1 to 15 characters' net add a b --name-a abcdefghijklmnop
	refused 2 'say 1 to 15 characters' net add a b --name-b a/b
	refused 2 'say 1 to 15 characters' net add a b --name-b mmnet%d
	refused 2 'are the same' net add a b --mac-a 00:16:3e:00:00:0a --mac-b 00:16:3E:00:00:0A
	refused 2 'SERVER:/PATH' blk add a b
	refused 2 'SERVER:/PATH' blk add a :/dev/ram0
	refused 2 '1 to 36' blk add a b:/dev/ram0 --serial 1234567890123456789012345678901234567
	refused 2 'two VMs' link remove a
	refused 2 'name no VMs' link remove a b --stale
}

wrong_names() {
	refused 1 'no VM called nobody' link add a nobody
	refused 1 'no VM called nobody' net add nobody a
	refused 1 'no VM called nobody' blk add a nobody:/dev/ram0
	refused 1 'no VM called nobody' link show nobody a
	refused 1 'no VM called nobody' link remove a nobody
	refused 1 'no VM with domid 9999' link add a 9999
	refused 1 'linked with itself' link add a a
	refused 1 'linked with itself' net add 0 Domain-0
	refused 1 'no link between a and b' link show a b
	refused 1 'no link between a and b' link remove a b
	refused 1 'no link between a and b' net remove a b
	refused 1 'no link between a and b' blk remove a b:/dev/ram0
	refused 1 '/dev/nope: No such file' blk add a Domain-0:/dev/nope
	refused 1 '/dev/null is neither a block device nor a file' blk add a 0:/dev/null
}

duplicates() {
	refused 1 'linked already' link add a b
	refused 1 'linked already' link add b a
	refused 1 'linked already' link add "$domid_b" "$domid_a"
	refused 1 'network already' net add a b
	refused 1 'network already' net add "$domid_b" a
	refused 1 'has b:/dev/ram0 already' blk add a b:/dev/ram0
	refused 1 'in use by a' blk add 0 b:/dev/ram0
	refused 1 'in use by a' blk add 0 b:/dev/ram0 --read-only
	refused 1 'no disk b:/dev/ram1' blk remove a b:/dev/ram1
	refused 1 'no disk a:/dev/ram0' blk show b a:/dev/ram0
}

# A service node as the toolstack makes it, 64 of them.
fill_link() {
	in_dom0 "for s in \$(seq 0 63); do
		set -- \"\$@\" /local/domain/$domid_a/device/fido/$domid_b/service/\$s/type test \
			/local/domain/$domid_b/backend/fido/$domid_a/$domid_b/service/\$s/type test
	done; xenstore-write \"\$@\""
}

no_permission() {
	local said rc=0
	said=$(in_dom0 'XENSTORED_PATH=/nowhere fidoctl link list 2>&1') || rc=$?
	assert_eq "$rc" 1 'exit code without xenstore'
	assert_match "$said" '^fidoctl: cannot reach xenstore'
	rc=0
	said=$(in_vm a 'fidoctl link add a b 2>&1') || rc=$?
	assert_eq "$rc" 1 'exit code in a VM'
	assert_eq "$(wc -l <<< "$said")" 1 "lines in a VM: $said"
	assert_match "$said" 'fidoctl: .*dom0'
}

run() {
	local before
	no_links
	unload_modules a
	unload_modules b
	unload_modules dom0
	domid_a=$(in_dom0 'xl domid a')
	domid_b=$(in_dom0 'xl domid b')

	before=$(tree)
	usage_errors
	wrong_names
	all_refused
	no_permission
	assert_eq "$(tree)" "$before" 'xenstore after refusals'

	in_dom0 'fidoctl net add a b && fidoctl blk add a b:/dev/ram0'
	before=$(tree)
	duplicates
	all_refused
	assert_eq "$(tree)" "$before" 'xenstore after refusals of duplicates'

	in_dom0 'fidoctl link remove a b && fidoctl link add a b'
	fill_link
	before=$(tree)
	refused 1 'has 64 services' net add a b
	all_refused
	assert_eq "$(tree)" "$before" 'xenstore after a full link'
}

cleanup() {
	no_links
}
