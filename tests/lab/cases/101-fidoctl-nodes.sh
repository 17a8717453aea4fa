# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: what fidoctl writes, lists and removes: nodes, permissions, JSON, stale links, races; no driver involved
# SHORT: one round of races of three, for a link alone; the default of queues is not asked
# TIMEOUT: 400
requires() {
	need_tool fidoctl
}

# Locally administered, of one interface.
MAC='[0-9a-f][26ae](:[0-9a-f]{2}){5}'

# json PYTHON-EXPRESSION ARGUMENTS...: of what fidoctl prints with --json, parsed, in j; double quotes only
json() {
	local expression=$1
	shift
	in_dom0 "fidoctl $* --json | python3 -ISX utf8 -c 'import json, sys; j = json.load(sys.stdin); print($expression)'"
}

node() {
	in_dom0 "xenstore-read $1"
}

# nodes DIR NAME...: their values as words
nodes() {
	in_dom0 "xenstore-read $(printf "$1/%s " "${@:2}")" | xargs
}

nodes_and_permissions() {
	local front=/local/domain/$domid_a/device/fido/$domid_b
	local back=/local/domain/$domid_b/backend/fido/$domid_a/$domid_b
	in_dom0 "fidoctl link add a $domid_b"
	assert_eq "$(nodes "$front" backend backend-id peer-name state)" "$back $domid_b b 1" 'frontend'
	assert_eq "$(nodes "$back" frontend frontend-id peer-name state)" "$front $domid_a a 1" 'backend'

	in_dom0 "fidoctl net add b a --mac-a 00:16:3e:00:00:0b --name-a lan0 --mtu 9000 --queues 2"
	assert_eq "$(nodes "$back/service/0" type mac name mtu)" 'mmnet 00:16:3e:00:00:0b lan0 9000' 'network of the backend'
	assert_eq "$(node "$front"/service/0/queues)" 2
	assert_match "$(node "$front"/service/0/mac)" "^$MAC\$"

	in_dom0 "fidoctl blk add a b:/dev/ram0 --read-only --serial disk-1"
	assert_eq "$(nodes "$front/service/1" role serial)" 'client disk-1' 'disk of the client'
	assert_eq "$(nodes "$back/service/1" role device mode)" 'server /dev/ram0 r' 'disk of the server'
	in_dom0 "fidoctl blk add a b:/dev/ram1 --queues 3 --poll-queues 2 --depth 7 --bandwidth 50 --timeout 90 --bounce"
	assert_eq "$(nodes "$front/service/2" queues poll-queues timeout)" '3 2 90' "queues and time-out of the client"
	assert_eq "$(nodes "$back/service/2" queues depth bandwidth bounce)" '5 7 50 1' "queues and limits of the server"
	in_dom0 "fidoctl blk remove a b:/dev/ram1"

	# everything below belongs to the one side and can be read by the other
	assert_eq "$(in_dom0 "xenstore-ls -fp $front | grep -v '(n$domid_a,r$domid_b)\$' || true")" '' 'permissions of the frontend'
	assert_eq "$(in_dom0 "xenstore-ls -fp $back | grep -v '(n$domid_b,r$domid_a)\$' || true")" '' 'permissions of the backend'
}

# The very strings that a guest may write.
lists_and_json() {
	local front=/local/domain/$domid_a/device/fido/$domid_b
	assert_eq "$(json 'j[0]["state"]' link list)" connecting
	assert_eq "$(json 'j["frontend"]["name"] + str(j["backend"]["domid"])' link show b a)" "a$domid_b"
	assert_eq "$(json 'j["backend"]["nodes"]["mtu"]' net show "$domid_a" b)" 9000
	assert_eq "$(json 'len(j)' net list a)" 1
	assert_eq "$(json 'len(j)' net list Domain-0)" 0
	assert_eq "$(json 'j[0]["client"]["name"] + j[0]["server"]["name"] + j[0]["device"] + str(j[0]["read_only"])' blk list)" ab/dev/ram0True
	in_dom0 "xenstore-write $front/service/1/error \"\$(printf '\"q\t\033[31m\303\251\377\302\233')\""
	assert_eq "$(json 'len(j["frontend"]["error"])' blk show a b:/dev/ram0)" 11
	in_dom0 'fidoctl blk show a b:/dev/ram0; fidoctl blk list; fidoctl link show a b' > "$CASE_DIR/text"
	assert_eq "$(LC_ALL=C tr -d '[:print:]\n\303\251\377' < "$CASE_DIR/text" | wc -c)" 0 'control characters in text'
}

removal() {
	in_dom0 "fidoctl net remove a b && fidoctl blk remove a b:/dev/ram0"
	assert_eq "$(json 'len(j["services"])' link show a b)" 0
	in_dom0 "fidoctl link remove $domid_b a"
	assert_eq "$(json 'len(j)' link list)" 0
	assert_eq "$(in_dom0 'xenstore-ls -f | grep -E "(device|backend)/fido" || true')" '' 'nodes that are left'
}

# Those of the first and of the second VM, as "net show" has them.
macs_of() {
	json "\" \".join(dict((j[s][\"name\"], j[s][\"nodes\"][\"mac\"]) for s in (\"frontend\", \"backend\"))[n] for n in (\"$1\", \"$2\"))" net show "$1" "$2"
}

# Addresses that nobody gave: the same again, whatever the id of the service, and whichever VM is the frontend.
addresses() {
	local macs
	in_dom0 'fidoctl net add a b'
	macs=$(macs_of a b)
	assert_match "$macs" "^$MAC $MAC\$"
	[ "${macs% *}" != "${macs#* }" ] || fail "one address for two: $macs"
	assert_eq "$(in_dom0 'fidoctl net list' | awk '$1 == "a" { print $3, $6 }')" "$macs" 'listed addresses'
	in_dom0 'fidoctl net remove a b && fidoctl blk add a b:/dev/ram0 && fidoctl net add a b'
	assert_eq "$(json 'j["id"]' net show a b)" 1
	assert_eq "$(macs_of a b)" "$macs" 'addresses of the second time'
	in_dom0 'fidoctl link remove a b && fidoctl net add b a'
	assert_eq "$(json 'j["frontend"]["name"]' net show a b)" b
	assert_eq "$(macs_of a b)" "$macs" 'addresses with the roles exchanged'
	# the other end has the very address that would have been made: another one then
	in_dom0 "fidoctl net remove a b && fidoctl net add a b --mac-b ${macs% *}"
	assert_match "$(macs_of a b)" "^$MAC ${macs% *}\$"
	[ "$(macs_of a b)" != "${macs% *} ${macs% *}" ] || fail 'one address for two'
	in_dom0 'fidoctl link remove a b'
}

# default_is NUMBER: of queues, when nobody says how many
default_is() {
	in_dom0 'fidoctl net add a b'
	assert_eq "$(json 'j["frontend"]["nodes"]["queues"] + " " + j["backend"]["nodes"]["queues"]' net show a b)" "$1 $1" 'queues'
	in_dom0 'fidoctl net remove a b'
}

vcpus_online() {
	in_dom0 "xenstore-ls -f /local/domain/$1/cpu | grep -c 'availability = \"online\"'"
}

# vcpu_said A B: of a vCPU that neither has, which their kernels pass over
vcpu_said() {
	in_dom0 "xenstore-write /local/domain/$domid_a/cpu/100/availability $1 /local/domain/$domid_b/cpu/100/availability $2"
}

# As many queues as both have vCPUs.
queues() {
	local nr b
	nr=$(vcpus_online "$domid_a")
	b=$(vcpus_online "$domid_b")
	[ "$nr" -le "$b" ] || nr=$b
	default_is "$nr"
	vcpu_said online online
	default_is $((nr + 1))
	vcpu_said online offline
	default_is "$nr"
	in_dom0 "xenstore-rm /local/domain/$domid_a/cpu/100 && xenstore-rm /local/domain/$domid_b/cpu/100"
	in_dom0 'fidoctl link remove a b'
}

# A type that no driver takes, since it has no room in the service table.
long_type() {
	local front=/local/domain/$domid_a/device/fido/$domid_b
	in_dom0 "fidoctl link add a b && xenstore-write $front/service/3/type eightish $front/service/4/type sevenis"
	assert_match "$(json 'j["services"][0]["frontend"]["error"]' link show a b)" 'more than 7 characters'
	assert_eq "$(json 'j["services"][1]["frontend"]["error"]' link show a b)" None
	in_dom0 'fidoctl link remove a b'
}

# What is left of a VM that is gone is in its peer's directories alone.
stale_links() {
	local back=/local/domain/0/backend/fido/9999/0 front=/local/domain/$domid_a/device/fido/9998
	in_dom0 "xenstore-write $back/frontend-id 9999 $back/peer-name ghost $back/state 4 \
		$front/backend-id 9998 $front/peer-name spook $front/state 4"
	assert_eq "$(json '" ".join(sorted(l["state"] + l["frontend"]["state"] + l["backend"]["state"] for l in j))' link list)" \
		'staleconnectedgone stalegoneconnected'
	in_dom0 'fidoctl link remove ghost dom0'
	assert_eq "$(json 'len(j)' link list)" 1
	in_dom0 'fidoctl link remove --stale'
	assert_eq "$(json 'len(j)' link list)" 0
}

# count REGEX: of the lines that those have said who came at the same time
count() {
	grep -cE "$1" "$CASE_DIR/said" || true
}

# at_once ITEMS COMMAND: for each item, $i, all at the same time
at_once() {
	in_dom0 "for i in $1; do $2 2>&1 & done; wait" > "$CASE_DIR/said"
}

# Whoever comes at the same time finds all or nothing: one makes the link, the others find it.
links_at_once() {
	at_once '1 2 3 4' 'fidoctl link add a b'
	assert_eq "$(count '^link .* added, ')" 1 'links made'
	assert_eq "$(count 'fidoctl: a and b are linked already')" 3 'links found'
	at_once '1 2 3 4' 'fidoctl link remove a b'
	assert_eq "$(json 'len(j)' link list)" 0 'links that are left'
	assert_eq "$(in_dom0 'xenstore-ls -f | grep -E "(device|backend)/fido" || true')" '' 'nodes that are left'
}

# The first one makes the link, too.
disks_at_once() {
	at_once '1 2 3 4' 'fidoctl blk add a b:/dev/ram$i'
	assert_eq "$(count '^disk .* added, ')" 4 'disks made'
	assert_eq "$(count '^link .* added$')" 1 'links made for disks'
	assert_eq "$(json '" ".join(str(x["id"]) for x in j["services"])' link show a b)" '0 1 2 3' 'ids of disks'
	assert_eq "$(json '" ".join(sorted(x["device"] for x in j))' blk list)" '/dev/ram1 /dev/ram2 /dev/ram3 /dev/ram4' disks
	at_once '1 2 3 4' 'fidoctl net add a b'
	assert_eq "$(count '^network .* added, ')" 1 'networks made'
	assert_eq "$(count 'a and b have a network already')" 3 'networks found'
	at_once '1 2 3 4 1 2 3 4' 'fidoctl blk remove a b:/dev/ram$i'
	assert_eq "$(count '^disk .* removed$')" 4 'disks removed'
	assert_eq "$(count 'a has no disk b:')" 4 'disks that were gone'
	assert_eq "$(json '" ".join(x["type"] for x in j["services"])' link show a b)" mmnet 'services that are left'
	in_dom0 'fidoctl link remove a b'
}

races() {
	local i
	for ((i = 1; i <= ${ROUNDS:-$((LONG ? 3 : 1))}; i++)); do
		links_at_once
		[ "$LONG" = 0 ] || disks_at_once
	done
}

run() {
	no_links
	unload_modules a
	unload_modules b
	unload_modules dom0
	domid_a=$(in_dom0 'xl domid a')
	domid_b=$(in_dom0 'xl domid b')
	nodes_and_permissions
	lists_and_json
	removal
	addresses
	[ "$LONG" = 0 ] || queues
	long_type
	stale_links
	races
}

cleanup() {
	no_links
}
