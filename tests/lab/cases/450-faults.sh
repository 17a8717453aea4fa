# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: two calls that a network or a disk makes while it is set up fail, drawn by SEED: it is told, nothing is left, and the next try works
# SHORT: one call
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/faults-lib.sh"

# FAULTS_DRAWN of them; SEED=N lab run 450 repeats it. All of them: 451-faults-all.
NUMBER=${FAULTS_DRAWN:-$((LONG ? 2 : 1))}

run() {
	local kind=net
	[ $((SEED % 2)) = 0 ] || kind=disk
	[ $((SEED / 2 % 2)) = 0 ] && FAULTY=(a) || FAULTY=(b)
	diag "SEED=$SEED: $kind, faults in ${FAULTY[*]}"
	faults_start
	sites_of $kind
	memory_note
	# some are not met a second time
	sites_draw $((NUMBER * 3)) > "$CASE_DIR/drawn"
	faults_each "$NUMBER" < "$CASE_DIR/drawn"
	faults_summary
	memory_is_back 6144
}

cleanup() {
	faults_cleanup
}
