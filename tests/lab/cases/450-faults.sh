# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: two calls that a network or a disk makes while it is set up fail, drawn by SEED: it is told, nobody else notices, nothing is left, and the next try works
# TIMEOUT: 400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/faults-lib.sh"

# FAULTS_DRAWN of them; SEED=N lab run 450 repeats it. All of them: 451-faults-all.
NUMBER=${FAULTS_DRAWN:-2}

run() {
	local kind=net
	[ $((SEED % 2)) = 0 ] || kind=disk
	diag "SEED=$SEED, $kind"
	faults_start
	in_vm a 'modprobe brd rd_nr=1 rd_size=16384'
	beside_start
	sites_of $kind
	memory_note
	sites_draw "$NUMBER" > "$CASE_DIR/drawn"
	faults_each < "$CASE_DIR/drawn"
	faults_summary
	memory_is_back 6144
}

cleanup() {
	faults_cleanup
}
