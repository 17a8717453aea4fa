# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the cases of faults share: calls of fido, mmnet and mmblk in one VM fail, by tests/mod/fido-faults; its peer has no faults. c, if the
# case has it, has a network with both and must not notice.
# shellcheck disable=SC1091
. "$LAB_DIR/cases/lib.sh"

FAULTS=/sys/kernel/debug/fido-faults
SEED=${SEED:-$$}
# How long to wait for what should not fail, and for what may
SURE=60
MAYBE=20
DISK=/dev/ram0
# VMs in which calls can fail
FAULTY=(a b)
BESIDE=
TRIED=0
PASSED_OVER=0
RECOVERED=0
ANEW=0
# Where a failure is told to nobody so far, and nothing works until the service is removed and added: those read xenstore as if a node were
# not there, or do not write the one that says "up", or cannot make the service. Function and symbol, as an extended regular expression.
SILENT='^(xenbus_exists|xenbus_read|xenbus_write) |(service_add|services_scan|service_scan)'
NR_SILENT=0

requires() {
	need_module fido mmnet mmblk fido_faults
	need_tool fidoctl
}

# ---- the VMs ----

# faults_load VM: what makes calls fail comes first, and learns where the others lie.
faults_load() {
	unload_modules "$1"
	in_vm "$1" "! grep -q '^fido_faults ' /proc/modules || rmmod fido_faults
		modprobe fido_faults && modprobe -a fido mmnet mmblk"
}

faults_start() {
	local vm
	no_links
	load_modules a b
	in_vm a 'modprobe mmblk && modprobe brd rd_nr=1 rd_size=16384'
	in_vm b 'modprobe mmblk'
	for vm in "${FAULTY[@]}"; do
		faults_load "$vm"
		diag "$vm: $(in_vm "$vm" "awk '\$2 == \"probed\" { n++; next } { list = list \" \" \$1 }
			END { print n, \"functions can fail, not in this kernel are:\" list }' $FAULTS/functions")"
	done
}

# The bystander: linked with both.
beside_start() {
	BESIDE=c
	load_modules c
	net_up a c 10.5.7
	net_up b c 10.5.8
}

beside_works() {
	[ -n "$BESIDE" ] || return 0
	in_vm c "ping -q -c 1 -W $((5 * SLOW)) 10.5.7.1 > /dev/null && ping -q -c 1 -W $((5 * SLOW)) 10.5.8.1 > /dev/null" ||
		fail "c does not reach a and b any more: $1"
}

faults_cleanup() {
	local vm
	for vm in a b; do
		in_vm "$vm" "! test -e $FAULTS/do || echo off > $FAULTS/do"
	done
	no_links
	for vm in a b; do
		unload_modules "$vm"
		in_vm "$vm" '! grep -q "^fido_faults " /proc/modules || rmmod fido_faults'
	done
	wait_for 30 in_vm a '! grep -q "^brd " /proc/modules || rmmod brd'
}

# ---- what is tried, KIND is net or disk: a is the frontend of the network, and the server of the disk ----

# attempt KIND SECONDS: fidoctl's words
attempt() {
	case $1 in
	net) in_dom0 "fidoctl net add a b --wait $(($2 * SLOW)) 2>&1" ;;
	disk) in_dom0 "fidoctl blk add b a:$DISK --wait $(($2 * SLOW)) 2>&1" ;;
	esac
}

# The addresses are those of an interface that may just have come.
net_works() {
	local a b
	a=$(mmnet_of a b) && b=$(mmnet_of b a) || return 1
	quiet_output in_vm a "ip addr replace 10.5.9.1/24 dev $a; ip link set $a up" &&
		quiet_output in_vm b "ip addr replace 10.5.9.2/24 dev $b; ip link set $b up" &&
		wait_until $((10 * SLOW)) quiet_output in_vm a 'ping -q -c 1 -W 1 10.5.9.2'
}

# A disk that waits for its server would keep who uses it.
disk_works() {
	wait_until $((10 * SLOW)) quiet_output in_vm b 'test -b /dev/mmblk0' || return 1
	quiet_output in_vm b "head -c 1M /dev/urandom > /tmp/block
		timeout $((20 * SLOW)) dd if=/tmp/block of=/dev/mmblk0 bs=1M oflag=direct &&
		timeout $((20 * SLOW)) dd if=/dev/mmblk0 bs=1M count=1 iflag=direct | cmp - /tmp/block"
}

# All of it goes, in order, and nothing is left.
all_removed() {
	local vm
	in_dom0 "! fidoctl link show a b > /dev/null 2>&1 || fidoctl link remove a b --wait $((30 * SLOW)) >&2" ||
		fail "the link cannot be removed: $1"
	for vm in a b; do
		wait_until $((20 * SLOW)) none_quarantined "$vm" || fail "grants of $vm are in quarantine: $1"
	done
}

# ---- sites, "KIND VM SITE FUNCTION SYMBOL" a line in a file of the case ----

sites_forget() {
	in_vm "$1" "echo reset > $FAULTS/do"
}

# sites_note KIND VM: what was passed since it forgot, unless it is known already; the new ones are in "new", too
sites_note() {
	touch "$CASE_DIR/sites"
	in_vm "$2" "cat $FAULTS/sites" > "$CASE_DIR/passed"
	awk -v kind="$1" -v vm="$2" 'FILENAME ~ /sites$/ { known[$3, $4]; next }
		!(($1, $2) in known) { print kind, vm, $1, $2, $5 }' "$CASE_DIR/sites" "$CASE_DIR/passed" > "$CASE_DIR/new"
	cat "$CASE_DIR/new" >> "$CASE_DIR/sites"
	assert_eq "$(in_vm "$2" "awk '\$1 == \"lost\" { print \$2 }' $FAULTS/status")" 0 "sites that were not written down"
}

# sites_of KIND: one clean attempt shows who calls what
sites_of() {
	local vm
	for vm in "${FAULTY[@]}"; do
		sites_forget "$vm"
	done
	attempt "$1" $SURE
	"$1_works" || fail "nothing works, without a fault: $1"
	for vm in "${FAULTY[@]}"; do
		sites_note "$1" "$vm"
		diag "$1, $vm: $(wc -l < "$CASE_DIR/new") sites that were not known"
	done
	all_removed "$1"
}

# sites_draw NUMBER: by SEED
sites_draw() {
	awk -v seed="$SEED" 'BEGIN { srand(seed) } { print rand(), $0 }' "$CASE_DIR/sites" | sort -n |
		awk -v number="$1" 'NR <= number { sub(/^[^ ]+ /, ""); print }'
}

# ---- one fault ----

# The mark is in the log before the fault is.
fault_arm() {
	in_vm "$1" "echo '<6>faults: $TRIED of $CASE_NAME' > /dev/kmsg; echo 'fail $3 $2 1 1' > $FAULTS/do"
}

# How many calls failed; none is armed afterwards.
fault_end() {
	in_vm "$1" "awk '\$1 == \"failed\" { print \$2 }' $FAULTS/status; echo off > $FAULTS/do"
}

# What the VM says of it, the first line and the number of lines.
fault_told() {
	in_vm "$1" "dmesg | sed -n '/faults: $TRIED of $CASE_NAME/,\$p' | grep -E 'fido|mmnet|mmblk' | grep -v 'faults:' |
		grep -iE 'error|cannot|fail|too small|left|trying|: -?[0-9]+ [a-z]' | sed 's/^\\[[^]]*\\] *//' | awk 'NR == 1 { line = \$0 } END { if (NR) print NR, line }'"
}

# What becomes of an attempt: it works all the same, or somebody is told. Then "remove and add" is the way out in any case.
fault_judge() {
	local what=$1 works=$2 said=$3 told=$4 function=$5 symbol=$6
	if [ "$works" = 1 ]; then
		RECOVERED=$((RECOVERED + 1))
		diag "$what: it works all the same${told:+; told: ${told#* }}"
		return
	fi
	ANEW=$((ANEW + 1))
	if [ -n "$told" ]; then
		assert_le "${told%% *}" 8 "lines in the log for one fault, $what"
		diag "$what: to be removed and added; told: ${told#* }"
	elif grep -qE "$SILENT" <<< "$function $symbol"; then
		NR_SILENT=$((NR_SILENT + 1))
		diag "$what: to be removed and added; nobody is told why"
	else
		grep -q 'not added: ' <<< "$said" || fail "$what: nothing works, and nobody is told: $said"
		diag "$what: to be removed and added; fidoctl: $(tail -n 1 <<< "$said")"
	fi
}

# one_fault KIND VM SITE FUNCTION SYMBOL
one_fault() {
	local kind=$1 vm=$2 site=$3 function=$4 symbol=$5 what="$4 from $5 ($1, $2)" said works=0 failed told
	TRIED=$((TRIED + 1))
	fault_arm "$vm" "$site" "$function"
	said=$(attempt "$kind" $MAYBE) && "${kind}_works" && works=1
	failed=$(fault_end "$vm")
	if [ "$failed" = 0 ]; then
		PASSED_OVER=$((PASSED_OVER + 1))
		diag "$what: it was not called this time"
	else
		told=$(fault_told "$vm")
		fault_judge "$what" $works "$said" "$told" "$function" "$symbol"
	fi
	all_removed "$what"
	[ $works = 1 ] || without_fault "$kind" "$what"
	beside_works "$what"
}

# The next try, from the beginning
without_fault() {
	local said
	said=$(attempt "$1" $SURE) || fail "without a fault it fails, too, after $2: $said"
	"$1_works" || fail "without a fault nothing works, after $2"
	all_removed "after $2"
}

# faults_each [NUMBER]: for each site of standard input, in the form of the file; until so many were met
faults_each() {
	local list line
	mapfile -t list
	for line in "${list[@]}"; do
		[ $# = 0 ] || [ $((RECOVERED + ANEW)) -lt "$1" ] || return 0
		# shellcheck disable=SC2086
		one_fault $line
	done
}

# ---- memory ----

memory_note() {
	FREE_A=$(free_memory a)
	FREE_B=$(free_memory b)
}

# memory_is_back KIB: at most so much less than it was
memory_is_back() {
	local a b
	a=$(free_memory a)
	b=$(free_memory b)
	diag "free memory: a $FREE_A -> $a KiB, b $FREE_B -> $b KiB"
	assert_ge "$a" $((FREE_A - $1)) "free memory of a in KiB"
	assert_ge "$b" $((FREE_B - $1)) "free memory of b in KiB"
}

faults_summary() {
	diag "$TRIED faults: $RECOVERED times it worked all the same, $ANEW times after remove and add, $NR_SILENT of these told to nobody; $PASSED_OVER not met"
	assert_ge $((RECOVERED + ANEW)) 1 "faults that were met"
}
