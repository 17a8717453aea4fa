# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: TCP_ZEROCOPY_RECEIVE, of an mmnet socket and of what was spliced from one: content as sent, and no reference is lost
# TIMEOUT: 180
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

SIZE=$((4 << 20))

cleanup() {
	in_vm b 'pkill -f "[/]tmp/pieces.py"; true'
	in_vm a 'pkill socat; true'
}

# check READER WHAT PORT: a sends to PORT of b; the process READER has pages mapped, and says what it got
check() {
	local reader=$1 said
	wait_for 20 listens b "$3"
	in_vm a "socat -u -b 131072 /tmp/file TCP:${ADDRESS4[b]}:$3"
	wait "$reader"
	said=$(in_vm b 'tail -n 2 /tmp/map.log')
	diag "$2: ${said%%$'\n'*}"
	assert_eq "${said##*$'\n'}" "$(in_vm a "sha256sum < /tmp/file | cut -d ' ' -f 1")" "sum of what was sent, $2"
	wait_for 10 nothing_held b
}

reader_start() {
	in_vm_bg b "python3 -S /tmp/pieces.py map 7030 > /tmp/map.log"
	wait_for 20 listens b 7030
}

run() {
	network_up
	helper b pieces.py
	make_file a $SIZE
	reader_start
	check "$BG" direct 7030
	reader_start
	local reader=$BG
	in_vm_bg b 'python3 -S /tmp/pieces.py proxy 7031 127.0.0.1 7030'
	check "$reader" spliced 7031
}
