#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Checks the models of this directory with spin, and fido/ring.c with CBMC:
# they must hold, and each thing that can be left out must be missed. KTAP; the
# last line is "N passed, N failed, N skipped".
#
#   check.sh [NAME...]      QUICK=1 leaves out what takes more than seconds
#
# CBMC= is the program to use; Debian has it from 13 on, and without it that
# part is skipped.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
CBMC=${CBMC:-cbmc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted=" $* "
passed=0 failed=0 skipped=0 nr=0
optimize=-O2

if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
	echo "1..0 # SKIP spin or gcc is missing: make -C tests/proof setup"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

# spin_says MODEL MODE FLAGS...: "holds" or "fails". MODE is safety; ltl, where
# each process that can go on does so at last; or any, an ltl without that.
spin_says() {
	local model=$1 mode=$2 build run
	shift 2
	case $mode in
	safety)
		build=(-DSAFETY -DNOCLAIM)
		run=()
		;;
	ltl)
		build=(-DNFAIR=4)
		run=(-a -f)
		;;
	any)
		build=(-DNOFAIR)
		run=(-a)
		;;
	esac
	# the states of ring are small: to pack them takes longer than it saves
	[ "$model" = ring ] || build+=(-DCOLLAPSE)
	(
		cd "$work" || exit
		spin "$@" -a "$here/$model.pml" &&
			gcc -w "$optimize" -DVECTORSZ=2048 -DMEMLIM=4000 \
				"${build[@]}" -o pan pan.c &&
			timeout 900 ./pan -m2000000 "${run[@]}"
	) >"$work/log" 2>&1
	sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' "$work/log" >"$work/size"
	if grep -q 'errors: 0' "$work/log" && ! grep -q 'max search depth' "$work/log"; then
		echo holds
	elif grep -q 'errors: [1-9]' "$work/log"; then
		echo fails
	else
		echo trouble
	fi
}

# cbmc_says SCRIPT FLAGS...: SCRIPT is applied to fido/ring.c by sed
cbmc_says() {
	local script=$1 include=()
	shift
	sed "$script" "$top/fido/ring.c" >"$work/ring.c"
	if [ -n "$script" ] && cmp -s "$work/ring.c" "$top/fido/ring.c"; then
		echo "trouble: the script changes nothing"
		return
	fi
	include=(-I"$top/tests/unit/shim" -I"$top/fido" -I"$top/include")
	timeout 900 "$CBMC" "${include[@]}" -DSHIM_WATCH "$@" \
		--bounds-check --pointer-check --pointer-primitive-check \
		--pointer-overflow-check --div-by-zero-check \
		--undefined-shift-check --unwind 6 --unwinding-assertions \
		"$here/ring_cbmc.c" "$work/ring.c" >"$work/log" 2>&1
	sed -n 's/^\*\* \([0-9]* of [0-9]*\) failed.*/\1 assertions fail/p' "$work/log" >"$work/size"
	if grep -q '^VERIFICATION SUCCESSFUL' "$work/log"; then
		echo holds
	elif grep -q '^VERIFICATION FAILED' "$work/log"; then
		echo fails
	else
		echo trouble
	fi
}

# expect TOOL holds|fails NAME ARGUMENTS-OF-TOOL_says...
expect() {
	local tool=$1 want=$2 name=$3 got
	shift 3
	[ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || return 0
	nr=$((nr + 1))
	if [ "$tool" = cbmc ] && ! command -v "$CBMC" >/dev/null; then
		skipped=$((skipped + 1))
		echo "ok $nr $name # SKIP cbmc is missing (Debian 13 has it)"
		return
	fi
	rm -rf "${work:?}"/*
	got=$("${tool}_says" "$@")
	if [ "$got" = "$want" ]; then
		passed=$((passed + 1))
		echo "ok $nr $name: $got, $(cat "$work/size")"
	else
		failed=$((failed + 1))
		echo "not ok $nr $name: $got, but should be: $want"
		tail -n 20 "$work/log" | sed 's/^/# /'
	fi
}

# missed NAME FLAGS -- MUTATION...: the model of the ring without each of them
missed() {
	local name=$1 flags=() mutation optimize=-O0	# found at once
	shift
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	shift
	for mutation; do
		expect spin fails "$name-$mutation" ring safety "${flags[@]}" "-D$mutation"
	done
}

check_fence() {
	local mutation
	expect spin holds fence fence safety
	for mutation in LATE_LIST NO_GRACE NO_ANEW NO_HOLD NO_FENCE; do
		expect spin fails "fence-$mutation" fence safety "-D$mutation"
	done
}

check_service() {
	expect spin holds service-comes-up service ltl -DT0=1 -DT1=1
	expect spin fails service-without-renewal service safety -DNO_RENEW
	expect spin fails service-generation-first service safety -DGEN_FIRST
	expect spin holds service-short service safety -DT0=1 -DT1=2
	[ -z "${QUICK-}" ] || return 0
	expect spin fails service-old-echo service safety -DOLD_ECHO
	expect spin fails service-without-retraction service safety -DNO_RETRACT \
		-DOLD_ECHO -DT0=3 -DT1=3
	expect spin holds service service safety -DT0=2 -DT1=2
	expect spin holds service-long service safety -DT0=3 -DT1=1
}

check_ring() {
	local slots=(-DNO_IDS -DMESSAGES=4)
	local ids=(-DNO_DONE -DNSLOTS=4 -DMESSAGES=3)
	local lives=(-DRESTARTS=1 -DNO_IDS -DMESSAGES=2)
	local lives_ids=(-DRESTARTS=1 -DNO_DONE -DNIDS=1 -DMESSAGES=1)

	expect spin holds ring-slots ring any "${slots[@]}" -DMESSAGES=6 -DSPURIOUS=1
	missed ring-slots "${slots[@]}" -- NO_MB_PUBLISH NO_MB_ARM NO_MB_DONE \
		NO_MB_SPACE NO_LOOK_ARM NO_LOOK_SPACE PROD_PLAIN CONS_EARLY \
		PROD_LATE EVENT_EXACT EVENT_SHORT EVENT_NEVER FULL_UNSEEN
	expect spin holds ring-ids ring safety "${ids[@]}"
	missed ring-ids "${ids[@]}" -- NO_MB_RELEASE NO_MB_ARM_RELEASE \
		NO_LOOK_RELEASE COOKIE_PLAIN REL_PLAIN FREE_PLAIN REL_EARLY \
		REL_LATE IDS_UNSEEN
	expect spin holds ring-lives ring safety "${lives[@]}"
	missed ring-lives "${lives[@]}" -- NO_RENEW NO_ECHO NO_FIRST NO_QUIET \
		FREE_EARLY
	[ -z "${QUICK-}" ] || return 0
	expect spin holds ring-all ring safety -DMESSAGES=2
	expect spin holds ring-narrow ring safety -DNSLOTS=1 -DNIDS=1 -DMESSAGES=3
	expect spin holds ring-lives-ids ring safety "${lives_ids[@]}"
	missed ring-lives-ids "${lives_ids[@]}" -- DRAIN_EARLY
}

check_source() {
	expect cbmc holds source ''
	expect cbmc fails source-index-unchecked \
		's/if ((u32)(now - seen) > (u32)(limit - seen))/if (false)/'
	expect cbmc fails source-not-in-flight \
		'/^void \*fido_ring_reap/,/^}/ s/if (!cookie)/if (false)/'
	expect cbmc fails source-message-too-long 's/head.len > SLOT_ROOM(ring) || //'
	[ -z "${QUICK-}" ] || return 0
	expect cbmc holds source-two-pages '' -DSLOT_SIZE=2048
	expect cbmc fails source-broken-not-seen \
		'/^static u32 ring_look/,/^}/ s/if (fido_ring_is_broken(ring))/if (false)/'
	expect cbmc fails source-id-unchecked \
		'/^static void \*ring_claim/,/^}/ s/if (id >= ring->geom.nr_ids)/if (false)/'
	expect cbmc fails source-double-release 's/WRITE_ONCE(ring->cookie\[id\], NULL);/;/'
	expect cbmc fails source-endless \
		'/^bool fido_ring_unwatch/,/^}/ s/while (READ_ONCE(ring->mine->cons) != cons)/while (fido_ring_waiting(ring))/'
}

echo "KTAP version 1"
check_service
check_fence
check_ring
check_source
echo "1..$nr"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
