# SPDX-License-Identifier: GPL-2.0
"""What the kernels count: interrupts, the drivers' own statistics, calls of grant functions.

These are read around a run of their own, which is not timed: the probes on the
grant functions cost the paths that use grants more than those that do not.
"""

import contextlib
import shlex

from .lab import Failed
from .rounds import PATIENCE, command_line, talk

# Each stands for at least one grant operation; those that a kernel lacks are left out.
GRANT_FUNCTIONS = (
    "gnttab_grant_foreign_access_ref", "gnttab_end_foreign_access_ref",
    "gnttab_try_end_foreign_access", "gnttab_map_refs", "gnttab_unmap_refs",
    "gnttab_batch_map", "gnttab_batch_copy",
)

TRACING = "/sys/kernel/tracing"

READ = f"""
echo '# interrupts'; cat /proc/interrupts
echo '# net'; cat /proc/net/dev
echo '# ethtool'; ethtool -S mmnet0 2> /dev/null
echo '# disk'; for f in /sys/block/*/stat; do echo "$f $(cat $f)"; done
echo '# service'; for f in /sys/bus/fido/devices/*/stats/*; do [ -f "$f" ] && echo "$f $(cat $f)"; done
echo '# grants'; cat {TRACING}/kprobe_profile 2> /dev/null
"""

# The commands to the machines travel over netfront, which uses grants. So that none of this
# is counted, no command reaches a machine between its two readings: the client takes them
# within the command that runs the test, the others when xenstore tells them.
SAMPLER = """
xenstore-write data/bench-ack 0
wait_phase() {
	for i in $(seq 400); do
		[ "$(xenstore-read data/bench-phase 2> /dev/null)" = $1 ] && return 0
		sleep 0.3
	done
	exit 1
}
wait_phase 1
sh /tmp/bench-read > /tmp/bench-before
xenstore-write data/bench-ack 1
wait_phase 2
sh /tmp/bench-read > /tmp/bench-after
xenstore-write data/bench-ack 2
"""

START_SAMPLER = ("xenstore-rm data/bench-phase 2> /dev/null; rm -f /tmp/bench-before /tmp/bench-after; "
                 "setsid sh /tmp/bench-sampler < /dev/null > /dev/null 2>&1 &")

SHOW = "cat /tmp/bench-before; echo '# end'; cat /tmp/bench-after"

# phase NUMBER VM...: tells the samplers and waits until each has done it. Dom0 runs this itself.
PHASE = """
phase() {
	local number=$1 vm id; shift
	for vm; do xenstore-write /local/domain/$(xl domid $vm)/data/bench-phase $number; done
	for vm; do
		id=$(xl domid $vm)
		for i in $(seq 150); do
			[ "$(xenstore-read /local/domain/$id/data/bench-ack 2> /dev/null)" = $number ] && continue 2
			sleep 0.2
		done
		echo "$vm takes no counters" >&2; exit 1
	done
}
"""

PROBE = f"""
cd {TRACING} || exit 0
[ ! -e events/grants/enable ] || echo 0 > events/grants/enable
echo > kprobe_events
for f in {' '.join(GRANT_FUNCTIONS)}; do echo "p:grants/$f $f" >> kprobe_events; done 2> /dev/null
[ ! -e events/grants/enable ] || echo 1 > events/grants/enable
"""

UNPROBE = f"""
cd {TRACING} || exit 0
[ ! -e events/grants/enable ] || echo 0 > events/grants/enable
echo > kprobe_events
"""


def each(lab, machines, command, say):
    """In all machines that still live."""
    for name in machines:
        try:
            lab.run(name, command, 120)
        except Failed as why:
            say(f"counters: {why}")


@contextlib.contextmanager
def probes(lab, machines, say):
    """Scripts in place, a probe on each grant function, which may cost nothing any more when runs are timed again."""
    try:
        each(lab, machines, f"echo {shlex.quote(READ)} > /tmp/bench-read; "
                            f"echo {shlex.quote(SAMPLER)} > /tmp/bench-sampler; {PROBE}", say)
        yield
    finally:
        each(lab, machines, UNPROBE, say)


def parse_interrupts(lines, into):
    """Event-channel interrupts by name, summed over processors."""
    for line in lines:
        words = line.split()
        if len(words) < 4 or not words[0].rstrip(":").isdigit():
            continue
        count = sum(int(word) for word in words[1:] if word.isdigit())
        key = ("irq", words[-1])
        into[key] = into.get(key, 0) + count


def parse_net(lines, into):
    """Packets of each interface."""
    for line in lines:
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and len(words) >= 10 and words[0].isdigit():
            into[("tx_bytes", name.strip())] = int(words[8])
            into[("tx_packets", name.strip())] = int(words[9])


def parse_ethtool(lines, into):
    """Counters of mmnet0, queues summed up."""
    for line in lines:
        name, colon, value = line.strip().partition(": ")
        queue, underscore, rest = name.partition("_")
        if colon and underscore and queue[:1] == "q" and value.isdigit():
            into[("mmnet", rest)] = into.get(("mmnet", rest), 0) + int(value)


def parse_disk(lines, into):
    """Requests of each disk, reads and writes together."""
    for line in lines:
        words = line.split()
        if len(words) > 8:
            into[("requests", words[0].split("/")[3])] = int(words[1]) + int(words[5])


def parse_service(lines, into):
    """Counters in sysfs of what is bound to fido's bus, services of a kind summed up."""
    for line in lines:
        words = line.split()
        if len(words) == 2 and words[1].isdigit():
            key = ("service", words[0].rsplit("/", 1)[1])
            into[key] = into.get(key, 0) + int(words[1])


def parse_grants(lines, into):
    """Calls of grant functions."""
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[1].isdigit():
            into[("grants", "calls")] = into.get(("grants", "calls"), 0) + int(words[1])


PARSERS = {
    "interrupts": parse_interrupts, "net": parse_net, "ethtool": parse_ethtool,
    "disk": parse_disk, "service": parse_service, "grants": parse_grants,
}


def parse_all(text):
    """All counters of a reading."""
    sections, into = {}, {}
    lines = []
    for line in text.splitlines():
        if line.startswith("# "):
            lines = sections.setdefault(line[2:], [])
        else:
            lines.append(line)
    for section, parse in PARSERS.items():
        parse(sections.get(section, []), into)
    return into


class Delta:
    """What was counted between two readings in several machines."""

    def __init__(self, before, after):
        self.machines = {name: {key: value - before[name].get(key, 0) for key, value in after[name].items()}
                         for name in after}

    def get(self, machine, kind, name):
        """One counter."""
        try:
            return self.machines[machine][(kind, name)]
        except KeyError:
            raise Failed(f"{machine} has no counter {kind} {name}") from None

    def interrupts(self, machine, wanted):
        """Sum over the interrupts whose name the function wants."""
        return sum(value for (kind, name), value in self.machines[machine].items()
                   if kind == "irq" and wanted(name))

    def grant_calls(self):
        """In all machines, whoever called; None where one could not be watched."""
        calls = [counts.get(("grants", "calls")) for counts in self.machines.values()]
        return None if None in calls else sum(calls)


def script(cell, seconds):
    """Dom0's part: the samplers' readings around the client's around the run. Dom0 takes its own by itself."""
    client, machines = cell.path.client, cell.path.machines
    vms = [name for name in machines if name not in (client, "dom0")]
    run = cell.test.command([cell.path], seconds)
    inner = f"sh /tmp/bench-read > /tmp/bench-before; {{ {run}; }}; rc=$?; sh /tmp/bench-read > /tmp/bench-after; exit $rc"
    lines = [PHASE, *(command_line(name, START_SAMPLER, PATIENCE) + " > /dev/null" for name in vms),
             f"phase 1 {' '.join(vms)}", "sh /tmp/bench-read > /tmp/bench-before",
             command_line(client, inner, 2 * seconds + PATIENCE),
             "sh /tmp/bench-read > /tmp/bench-after", f"phase 2 {' '.join(vms)}"]
    return lines + [command_line(name, SHOW, PATIENCE) for name in machines]


def count(lab, cell, seconds):
    """One run over a cell's path; fills in what was counted."""
    run, *shown = talk(lab, script(cell, seconds), (len(cell.path.machines) + 6) * PATIENCE) or [None]
    if not run or len(shown) != len(cell.path.machines):
        raise Failed("dom0 said nothing about it")
    run.check()
    before, after = {}, {}
    for name, reading in zip(cell.path.machines, shown):
        first, end, second = reading.check().partition("\n# end\n")
        if not end:
            raise Failed(f"no counters of {name}")
        before[name], after[name] = parse_all(first), parse_all(second)
    found = cell.path.account(Delta(before, after))
    cell.counts = {key: value for key, value in found.items() if value is not None}
