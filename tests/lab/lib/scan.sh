# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the machines printed since the last case: every kernel complaint is a failure of the case that ran.
#
# The consoles are files on the host (dom0 and Xen by the serial port, the domUs by
# xenconsoled), so this works for machines that are dead, too.

# Extended regular expressions, one a line.
bad_lines() {
	cat << 'PATTERNS'
BUG:
BUG [^ ]+ \(([Nn]ot tainted|Tainted)
kernel BUG at
Oops
WARNING:
Kernel panic
general protection fault
unable to handle
Unhandled .*(fault|trap)
(soft|hard) lockup
INFO: task .* blocked for more than
rcu.*(detected stall|self-detected|detected expedited stall|kthread starved)
possible (circular|recursive) locking dependency
possible irq lock inversion
inconsistent lock state
suspicious RCU usage
DEBUG_LOCKS_WARN_ON
turning off the locking correctness validator
trying to register non-static key
held lock freed
bad unlock balance
sleeping function called from invalid context
scheduling while atomic
Bad page (state|map)
page dumped because
Bad rss-counter
list_(add|del) corruption
refcount_t:
unregister_netdevice: waiting for
NETDEV WATCHDOG
kmemleak: .* new suspected memory leak
unreferenced object
kmemleak: .*(disabled|Cannot|pool empty)
pagealloc: (memory corruption|single bit error)
(KASAN|KCSAN|KFENCE|UBSAN):
ODEBUG:
segfault at
malloc\(\): |free\(\): |double free
Fatal glibc error
Out of memory: Killed
\(XEN\).*(Xen BUG at|Xen WARN at|Assertion .* failed|FATAL|Panic on CPU|domain_crash called|Watchdog timer)
PATTERNS
}

# What is no fault of the code under test, each with its reason.
# - xstate.c: what Xen lets a PVH guest see of TCG's XSAVE is at odds with itself; told at each boot.
allowed_lines() {
	cat << 'PATTERNS'
^$
WARNING: CPU: .* at arch/x86/kernel/fpu/xstate\.c:
PATTERNS
}

# Console files: "machine file" per line.
consoles() {
	local file
	echo "dom0 $LOGS/host.log"
	for file in "$LOGS"/guest-*.log; do
		[ -e "$file" ] || continue
		file=${file##*/guest-}
		echo "${file%.log} $LOGS/guest-$file"
	done
}

mark_file() {
	echo "$LAB_STATE/marks/$1"
}

# Two steps around a scan: what arrives meanwhile, or after it, belongs to the next case and is not lost.
note_ends() {
	local machine file
	mkdir -p "$LAB_STATE/marks"
	consoles | while read -r machine file; do
		stat -c %s "$file" > "$(mark_file "$machine").next" 2> /dev/null || true
	done
}

advance_marks() {
	local next
	for next in "$LAB_STATE"/marks/*.next; do
		[ ! -e "$next" ] || mv "$next" "${next%.next}"
	done
}

# since_mark MACHINE FILE: what was printed after the mark.
since_mark() {
	local from
	from=$(cat "$(mark_file "$1")" 2> /dev/null || echo 0)
	tail -c "+$((from + 1))" "$2" 2> /dev/null | tr -d '\r'
}

# A VM that died before its first line was started again, and that was said: none of our code has run in it. A boot that is
# followed by another one is left out if it never came to that line.
without_dead_starts() {
	awk '/Linux version [0-9]/ { if (boot && !reached) text = ""; printf "%s", text; text = ""; boot = 1; reached = 0 }
		/LAB-FIRST-LINE/ { reached = 1 }
		{ text = text $0 "\n" }
		END { printf "%s", text }'
}

# TCG's virtualization of AMD at times leaves the hypervisor's registers in a guest, which dies of it: its code segment is Xen's. Or it
# does not find the guest's IDT, which lies where Linux maps it for good, read-only.
LOST_REGISTERS='RIP: +e008:\[<ffff82d0|cr2: fffffe0000000[0-9a-f]{3}$'
emulator_lost_vm() {
	[ -n "$(emulator_lost_domids)" ]
}

# Domain ids of those, one a line, each once
emulator_lost_domids() {
	since_mark dom0 "$LOGS/host.log" | grep -aA 14 'Triple fault - invoking HVM shutdown' |
		grep -aE "Triple fault - |$LOST_REGISTERS" |
		awk '/Triple fault - / { id = match($0, /d[0-9]+v[0-9]+ Triple/) ? substr($0, RSTART + 1) + 0 : 0; next }
			!seen[id]++ { print id }'
}

# TCG 7.2 at times takes something else for the flags, and the next interrupt makes it true: a kernel with flags that no processor has
# (reserved ones, or NT, which no kernel sets), so with the direction flag, copies backwards. No "grep -q" here: who writes would be
# ended by a signal, and that is what the pipe returns then.
LOST_FLAGS='RSP: (e02b|0018):.* EFLAGS: ([1-9a-f]|0[1-9a-f]|00[4-9a-f]|[0-9a-f]{4}[4-9a-f])'
emulator_lost_flags() {
	local machine file
	consoles | while read -r machine file; do
		since_mark "$machine" "$file"
	done | grep -aE "$LOST_FLAGS" > /dev/null
}

# What the emulator did to a machine, in words; nothing if it did not.
emulator_did() {
	if emulator_lost_vm; then
		echo "the emulator gave a VM the hypervisor's registers, see host.log"
	elif emulator_lost_flags; then
		echo "the emulator gave a kernel flags that no processor has"
	fi
}

# A command that has kmemleak print what it finds. It reports what two scans found alike and what is 5 s old; /dev/kmsg takes short
# lines alone.
leak_scan() {
	cat << 'END'
k=/sys/kernel/debug/kmemleak
if [ -e $k ]; then
	echo scan > $k; sleep 5; echo scan > $k
	head -n 100 $k | while IFS= read -r line; do echo "<4>$line" > /dev/kmsg; done
	echo clear > $k
fi
END
}

# flush_console MACHINE TEXT: what was printed before has arrived once this line has. A machine that does not answer is passed over.
flush_console() {
	local machine=$1 text=$2
	vm_exec "$machine" $((30 * SLOW)) "$(leak_scan); echo '<6>$text' > /dev/kmsg" 2> /dev/null || return 0
	: > "$CASE_DIR/answered-$machine"
	wait_until $((10 * SLOW)) printed "$machine" "$text" || true
}

printed() {
	local file
	[ "$1" = dom0 ] && file=$LOGS/host.log || file=$(console_log "$1")
	tail -c 20000 "$file" | has -aF "$2"
}

# flush_consoles TEXT VM...: what dom0 and those of them that answer have printed up to now is in their files.
flush_consoles() {
	local machine text=$1 pids=()
	shift
	rm -f "$CASE_DIR"/answered-*
	for machine in dom0 "$@"; do
		flush_console "$machine" "$text" &
		pids+=($!)
	done
	wait "${pids[@]}" || true
}

# scan_patterns EXPECTED_FILE: for bad_of; the regular expressions in the file are expected by the case.
scan_patterns() {
	bad_lines > "$LAB_STATE/bad"
	{ allowed_lines; [ ! -s "$1" ] || cat "$1"; } > "$LAB_STATE/allowed"
}

# bad_of MACHINE: complaints in what it printed, standard input, as "machine: line"
bad_of() {
	{ [ "$1" = dom0 ] && cat || without_dead_starts; } | grep -aE -f "$LAB_STATE/bad" |
		grep -avE -f "$LAB_STATE/allowed" | sed "s/^/$1: /" || true
}

# bad_since_mark EXPECTED_FILE: of all machines
bad_since_mark() {
	local machine file
	scan_patterns "$1"
	consoles | while read -r machine file; do
		since_mark "$machine" "$file" | bad_of "$machine"
	done
}
