# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a client that asks for what cannot be is refused, a server that answers what was not asked is given up; other links go on
# SHORT: one lie of a kind, but all requests; 430 is at peace again
# TIMEOUT: 400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/liar-lib.sh"

SERVED=/dev/ram0
ROLE=client

pair_up() {
	if [ "$ROLE" = client ]; then
		in_dom0 "fidoctl blk add a b:$SERVED --wait $((60 * SLOW))"
	else
		in_dom0 "fidoctl blk add b a:/dev/lie --wait $((60 * SLOW))"
		wait_for 30 in_vm b 'ls -d /sys/block/mmblk*'
	fi
}

# address DOMID PHYSICAL
address() {
	printf '0x%x' $(($1 << 48 | $2))
}

# ---- a is the client ----

# refused: "STATUS LIE" a line of standard input: each is answered so, and the next one is served as if nothing had been.
refused() {
	local status line list=
	while read -r status line; do
		list+="answered $status '$line'; "
		LIES=$((LIES + 1))
	done
	in_vm a "value() { awk -v n=\$1 '\$1 == n { print \$2 }' $LIAR/status; }
		answered() {
			local before i=0
			before=\$(value answers)
			echo \"send \$2\" > $LIAR/do || exit 1
			until [ \$(value answers) -gt \$before ]; do
				sleep 0.05
				i=\$((i + 1))
				[ \$i -lt $((200 * SLOW)) ] || { echo \"no answer to \$2\"; exit 1; }
			done
			# Linux before 6.11 has no INVAL and says IOERR
			case \$1:\$(value status) in
			\$1:\$1 | 14:1) ;;
			*) echo \"\$2: status \$(value status), not \$1\"; exit 1 ;;
			esac
		}
		$list answered 0 read"
	honest_works
	assert_eq "$(nr_violations)" "$BROKEN" "violations after requests that were refused"
}

# 0 OK, 1 IOERR, 2 NOTSUPP, 14 INVAL
wrong_requests() {
	refused << LIES
0 read
0 write
0 list
0 flush
0 loop
0 read request.reserved ones request.reserved2 ones
2 read request.op 0
2 read request.op 6
2 read request.op ones
14 read request.flags 1
14 write request.flags ones
1 read request.sector ones
1 read request.sector big
1 read request.sector 0x1000000
14 read request.bytes 0
14 read request.bytes +1
14 read request.bytes 0xfffffe00
14 read request.nr_segs 1
1 discard request.bytes 0xfffff000
1 zeroes request.bytes 0xfffff000
14 flush request.sector 8
14 flush request.bytes 4096
14 write request.nr_segs 0
14 write request.nr_segs ones
14 write request.bytes 8192
14 write seg.addr +1
14 write seg.len +1
14 write seg.len 0
14 write seg.len ones
1 write seg.addr $(address "$(vm_domid a)" 0xfffffffff000)
1 write seg.addr $(address "$(vm_domid c)" $((32 << 20)))
1 write seg.addr $(address 32000 4096)
14 list seg.len 16
14 list seg.addr +8
14 list seg.addr $(address "$(vm_domid a)" 0xfffffffff000)
14 list request.nr_segs 257
14 list list.len 0
14 list list.len ones
14 list list.addr +1
1 list list.addr $(address "$(vm_domid a)" 0xfffffffff000)
LIES
}

wrong_client() {
	breaks 'mmblk: request with a tag out of range' send read request.tag 128
	[ "$LONG" = 1 ] || return 0
	breaks 'mmblk: request of a wrong size' send read slot.len 20
	breaks 'mmblk: request with an id' send read slot.id 3
	# XSA-155: a list that changes while it is read
	may_break race list list.len ones 500
}

client() {
	in_vm b 'grep -q "^brd " /proc/modules || modprobe brd rd_nr=1 rd_size=16384'
	pair_anew
	wrong_requests
	wrong_client
}

# ---- a is the server ----

disk() {
	in_vm b 'cd /sys/block && echo mmblk*'
}

# A READ of b waits for an answer at a.
ask() {
	lie hold 1
	in_vm b "setsid dd if=/dev/$(disk) of=/dev/null bs=4096 count=1 skip=77 iflag=direct < /dev/null > /dev/null 2>&1 &"
	wait_for 20 in_vm a "! grep -qx 'requests 0' $LIAR/status"
}

# answers REASON LIE...
answers() {
	local reason=$1
	shift
	ask
	breaks "$reason" send 'done' "$@"
}

wrong_answers() {
	answers 'mmblk: completion with a tag that is not in flight' done.tag 127
	[ "$LONG" = 1 ] || return 0
	answers 'mmblk: completion of another operation' done.op 2
	answers 'mmblk: completion with another length' done.status ones
	answers 'mmblk: completion with unreadable data' seg.addr "$(address "$(vm_domid a)" 0xfffffffff000)"
	answers 'mmblk: completion with half of what data needs' slot.id ones
}

# A page of c, which does not let a read it: an error of this request alone.
third_domain() {
	lie hold 1
	in_vm_bg b "! dd if=/dev/$(disk) of=/dev/null bs=4096 count=1 skip=78 iflag=direct"
	wait_for 20 in_vm a "! grep -qx 'requests 0' $LIAR/status"
	lie send 'done' seg.addr "$(address "$(vm_domid c)" $((32 << 20)))"
	wait "$BG"
	lie hold 0
	in_vm b "dd if=/dev/$(disk) of=/dev/null bs=4096 count=1 skip=79 iflag=direct"
	assert_eq "$(nr_violations)" "$BROKEN" "violations after an address of c"
}

wrong_configurations() {
	breaks 'mmblk: unknown version' send config config.version 2
	[ "$LONG" = 1 ] || return 0
	breaks 'mmblk: unknown message' send config config.kind 9
	breaks 'mmblk: invalid logical block size' send config config.logical_block_size 1000
	breaks 'mmblk: the logical block size changed' send config config.logical_block_size 1024
}

# What is useless is replaced: b does not read ahead by gigabytes because a says so.
useless_configurations() {
	lies_harmless << 'LIES'
send config config.io_opt 0x7ffff000
send config config.io_min ones config.physical_block_size ones config.alignment_offset ones
send config config.discard_sectors ones config.discard_granularity 3 config.discard_alignment ones
send config config.write_zeroes_sectors ones config.flags ones
send config config.io_opt 0x7ffff000 config.sectors 16384 config.reserved ones
LIES
	# the last one has arrived
	wait_for 20 in_vm b "grep -qx 16384 /sys/block/$(disk)/size"
	in_vm b "dd if=/dev/$(disk) of=/dev/null bs=64k count=16"
	assert_le "$(in_vm b "cat /sys/block/$(disk)/queue/read_ahead_kb")" 131072 "KiB that b reads ahead"
}

server() {
	ROLE=server
	pair_anew
	useless_configurations
	third_domain
	wrong_answers
	wrong_configurations
}

run() {
	# those of b that wait when the disk is removed
	expect_log 'I/O error|Buffer I/O'
	no_links
	honest_start
	liar_load mmblk
	client
	server
	diag "$LIES lies, $BROKEN of which b did not let pass"
	honest_goes_on
	[ "$LONG" = 0 ] || honest_again
}

cleanup() {
	liar_cleanup
}
