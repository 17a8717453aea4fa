# SPDX-License-Identifier: GPL-2.0
"""What the kernels count: interrupts, the drivers' own statistics, calls of grant functions.

These are read around a run of their own, which is not timed: the probes on the
grant functions cost the paths that use grants more than those that do not.
"""

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
true
"""


def arm(lab, machines):
    """Puts a probe on each grant function; those of an earlier run are replaced."""
    for name in machines:
        lab.run(name, f"""
            cd {TRACING} || exit 0
            echo 0 > events/enable; echo > kprobe_events
            for f in {' '.join(GRANT_FUNCTIONS)}; do echo "p:grants/$f $f" >> kprobe_events; done 2> /dev/null
            [ ! -e events/grants/enable ] || echo 1 > events/grants/enable""", 90)


def disarm(lab, machines):
    """Takes the probes away; a kernel without them has nothing to take."""
    for name in machines:
        lab.run(name, f"cd {TRACING} 2> /dev/null || exit 0; "
                      "[ ! -e events/grants/enable ] || echo 0 > events/grants/enable; "
                      "echo > kprobe_events 2> /dev/null; true", 90)


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


def snapshot(lab, name):
    """All counters of a machine."""
    sections, into = {}, {}
    lines = []
    for line in lab.run(name, READ, 90).splitlines():
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
    """Runs action with the probes on; returns what was counted."""
    arm(lab, machines)
    try:
        before = {name: snapshot(lab, name) for name in machines}
        action()
        return Delta(before, {name: snapshot(lab, name) for name in machines})
    finally:
        try:
            disarm(lab, machines)
        except Failed:
            pass
