# SPDX-License-Identifier: GPL-2.0
"""What the kernels count: interrupts, the drivers' own statistics, calls of grant functions.

These are read around a run of their own, which is not timed: the probes on the
grant functions cost the paths that use grants more than those that do not.
"""

import shlex

from .lab import Failed

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
# within the command that runs the benchmark, the others when xenstore tells them.
SAMPLER = """
xenstore-write data/bench-ack 0
wait_phase() {
	for i in $(seq 600); do
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


def install(lab, machines):
    """Scripts in place, a probe on each grant function."""
    for name in machines:
        lab.run(name, f"echo {shlex.quote(READ)} > /tmp/bench-read; echo {shlex.quote(SAMPLER)} > /tmp/bench-sampler")
        lab.run(name, f"""
            cd {TRACING} || exit 0
            echo 0 > events/enable; echo > kprobe_events
            for f in {' '.join(GRANT_FUNCTIONS)}; do echo "p:grants/$f $f" >> kprobe_events; done 2> /dev/null
            [ ! -e events/grants/enable ] || echo 1 > events/grants/enable""", 120)


def start_samplers(lab, machines):
    """In the background of each machine that is not the client."""
    for name in machines:
        lab.run(name, "xenstore-rm data/bench-phase 2> /dev/null; rm -f /tmp/bench-before /tmp/bench-after; "
                      "setsid sh /tmp/bench-sampler < /dev/null > /dev/null 2>&1 &")


def enter_phase(lab, machines, phase):
    """Tells the samplers and waits until each has done it."""
    if not machines:
        return
    domids = " ".join("0" if name == "dom0" else f"$(xl domid {name})" for name in machines)
    lab.run("dom0", f"""
        for id in {domids}; do xenstore-write /local/domain/$id/data/bench-phase {phase}; done
        for id in {domids}; do
            for i in $(seq 300); do
                [ "$(xenstore-read /local/domain/$id/data/bench-ack 2> /dev/null)" = {phase} ] && continue 2
                sleep 0.2
            done
            echo "domain $id takes no counters" >&2; exit 1
        done""", 120)


class Client:
    """The lab, but the client's command is put between two readings of its counters."""

    def __init__(self, lab, client):
        self.lab = lab
        self.client = client

    def run(self, name, command, limit=60):
        """As Lab.run."""
        if name == self.client:
            command = (f"sh /tmp/bench-read > /tmp/bench-before; {command}; rc=$?; "
                       "sh /tmp/bench-read > /tmp/bench-after; exit $rc")
        return self.lab.run(name, command, limit)


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
            into[("rx_bytes", name.strip())] = int(words[0])
            into[("rx_packets", name.strip())] = int(words[1])
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
    """What was counted between two snapshots of several machines."""

    def __init__(self, before, after):
        self.machines = {name: {key: value - before[name].get(key, 0) for key, value in after[name].items()}
                         for name in after}

    def get(self, machine, kind, name):
        """One counter; those that do not exist have not counted anything."""
        return self.machines[machine].get((kind, name), 0)

    def interrupts(self, machine, wanted):
        """Sum over the interrupts whose name the function wants."""
        return sum(value for (kind, name), value in self.machines[machine].items()
                   if kind == "irq" and wanted(name))

    def grant_calls(self):
        """In all machines, whoever called."""
        return sum(counts.get(("grants", "calls"), 0) for counts in self.machines.values())


def around(lab, machines, action):
    """Runs action(lab) in the first machine; returns what was counted in all of them."""
    client, others = machines[0], machines[1:]
    start_samplers(lab, others)
    enter_phase(lab, others, 1)
    action(Client(lab, client))
    enter_phase(lab, others, 2)
    readings = {name: lab.run(name, "cat /tmp/bench-before; echo; echo '# end'; cat /tmp/bench-after", 90)
                for name in machines}
    before, after = {}, {}
    for name, text in readings.items():
        first, end, second = text.partition("\n# end\n")
        if not end:
            raise Failed(f"no counters of {name}")
        before[name], after[name] = parse_all(first), parse_all(second)
    return Delta(before, after)
