# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the cases of the liar share. VM a lies, by tests/mod/fido-liar; b is the victim; c is honest, and b's link with it has to go on
# working whatever a does.
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

LIAR=/sys/kernel/debug/fido-liar
HONEST=10.5.8
VICTIM=10.5.9
BROKEN=0	# lies after which b has to give a up
LIES=0
SEED=${SEED:-1}
ROUNDS=${ROUNDS:-3}	# of random values, where all fields are tried
MARK="liar: $$ begins"
VALUES="0 1 +1 -1 big top ones"

requires() {
	need_module fido mmnet mmblk fido_liar
	need_tool fidoctl
}

# ---- the three ----

# liar_load TYPE: a is a liar, b and c are what they are; b and c have a network.
liar_load() {
	in_vm a "for m in fido_liar fido_test mmblk mmnet; do ! grep -q \"^\$m \" /proc/modules || rmmod \$m; done
		modprobe fido_liar type=$1 && echo 'seed $SEED' > $LIAR/do"
}

honest_start() {
	load_modules b c
	in_vm b 'modprobe mmblk'
	net_up b c $HONEST
	in_vm b "echo '<6>$MARK' > /dev/kmsg; head -c 1048576 /dev/urandom > /tmp/file"
}

honest_works() {
	in_vm b "ping -q -c 1 -W $((5 * SLOW)) $HONEST.2 > /dev/null" || fail "b does not reach c any more"
}

# What came of it all: a file goes through, between b and c as between a and b with honest modules.
honest_end() {
	honest_goes_on
	honest_again
}

# In the short form of a case, the next of which tells lies at once
honest_goes_on() {
	assert_eq "$(violations | wc -l)" "$BROKEN" "times that b gave up a link, for as many lies that call for it"
	send_file b c $HONEST.2 7100
}

honest_again() {
	local ms='for m in fido_liar mmblk; do ! grep -q "^$m " /proc/modules || rmmod $m; done'
	in_dom0 "fidoctl link remove a b --wait $((30 * SLOW)) || fidoctl link remove a b --force || true"
	in_vm a "$ms; modprobe mmnet"
	net_up a b $VICTIM
	send_file b a $VICTIM.1 7101
}

liar_cleanup() {
	no_links
	in_vm a 'echo 1 > /sys/bus/xen/drivers_autoprobe; echo 1 > /sys/bus/xen-backend/drivers_autoprobe; ! grep -q "^fido_liar " /proc/modules || rmmod fido_liar'
}

# ---- the pair of liar and victim: pair_up is the case's ----

# a knows by which interrupts it signals.
liar_ready() {
	in_vm a "echo \$(awk '\$NF ~ /^fido-[0-9]+\\.[0-9]+-0\$/ { sub(\":\", \"\", \$1); chan = \$1 }
		\$NF ~ /^fido-[0-9]+\$/ { sub(\":\", \"\", \$1); link = \$1 }
		END { print \"irqs\", chan, link }' /proc/interrupts) > $LIAR/do"
}

pair_is_up() {
	in_vm a "grep -qx 'up 1' $LIAR/status"
}

pair_remove() {
	local how="--wait $((30 * SLOW))"
	# who reads there waits for an answer that does not come any more, and has the disk open
	! in_vm b 'pgrep -x dd > /dev/null' || how=--force
	in_dom0 "! fidoctl link show a b > /dev/null 2>&1 || fidoctl link remove a b $how"
}

pair_anew() {
	pair_remove
	pair_up
	wait_for 20 pair_is_up
	liar_ready
}

net_pair() {
	local dev
	in_dom0 "fidoctl net add a b --queues 1 --wait $((60 * SLOW))"
	dev=$(mmnet_of b a)
	in_vm b "ip addr replace $VICTIM.2/24 dev $dev; ip link set $dev up mtu 1500
		ip neigh replace $VICTIM.1 lladdr 02:00:00:00:00:01 dev $dev nud permanent"
}

# ---- lies ----

# lie COMMAND...: as main.c of the liar tells
lie() {
	LIES=$((LIES + 1))
	in_vm a "echo '$*' > $LIAR/do"
}

# What b has said of a since the case began, a reason each.
violations() {
	in_vm b "dmesg | sed -n '/$MARK\$/,\$s/.*broke the protocol: //p'"
}

nr_violations() {
	violations | wc -l
}

victim_complains() {
	[ "$(nr_violations)" -gt "$BROKEN" ]
}

# gave_up REASON: b has given the link up for it, and for nothing else, told it once, and goes on. Then all begins anew.
gave_up() {
	wait_for 20 victim_complains
	BROKEN=$((BROKEN + 1))
	assert_eq "$(violations | tail -n "+$BROKEN")" "$1" "what b says of a, which lied so: $2"
	honest_works
	pair_anew
}

# breaks REASON LIE...
breaks() {
	local reason=$1
	shift
	lie "$*"
	gave_up "$reason" "$*"
}

# b may see this one or not: it is a race. It tells it once at most, and goes on.
may_break() {
	local now
	lie "$*" || true
	honest_works
	pair_anew
	now=$(nr_violations)
	assert_le "$now" $((BROKEN + 1)) "violations after: $*"
	BROKEN=$now
}

# lies_harmless: a lie a line of standard input; none of them is a reason to give up the link.
lies_harmless() {
	local line list=
	while IFS= read -r line; do
		list+="; echo '$line' > $LIAR/do"
		LIES=$((LIES + 1))
	done
	in_vm a "set -e$list"
	honest_works
	assert_eq "$(nr_violations)" "$BROKEN" "violations after lies that are none"
	pair_is_up || fail "the service went down for lies that are harmless"
}

# long_or_each NUMBER: of the lines of standard input all in the long form of a case, else the first of each so many
long_or_each() {
	awk -v nr=$((LONG ? 1 : $1)) '(NR - 1) % nr == 0'
}

# fields PREFIX...: all fields whose names begin so
fields() {
	local prefix
	for prefix in "$@"; do
		in_vm a "sed -n 's/^field \\($prefix\\.[a-z0-9_]*\\) .*/\\1/p' $LIAR/lies"
	done
}

# values_long: boundaries, then random values
values_long() {
	local i
	# shellcheck disable=SC2086
	printf '%s\n' $VALUES
	for ((i = 0; i < ROUNDS; i++)); do
		echo random
	done
}

# Where b has given up meanwhile, all begins anew first.
lie_anyhow() {
	if ! quiet lie "$1"; then
		pair_anew
		quiet lie "$1" || true
	fi
}

# Whatever b makes of it, it goes on and tells it once at most.
lie_once() {
	local now
	lie_anyhow "$1"
	honest_works
	now=$(nr_violations)
	assert_le "$now" $((BROKEN + 1)) "violations after: $1"
	BROKEN=$now
}

# lies_long COMMAND FIELD...: all values for each field
lies_long() {
	local command=$1 field value
	shift
	for field in "$@"; do
		for value in $(values_long); do
			lie_once "$command $field $value"
		done
		diag "$command $field: $(in_vm a "cat $LIAR/result"); $BROKEN links given up so far"
	done
}
