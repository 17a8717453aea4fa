# SPDX-License-Identifier: GPL-2.0
"""What is known about the machine that the lab runs on. A bare chroot may lack /proc."""

import os
import platform
import time


def proc_lines(name):
    """Lines of a file in /proc, or none."""
    try:
        with open(os.path.join("/proc", name), encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []


def processor():
    """The model's name, as the kernel has it."""
    for line in proc_lines("cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_mib():
    """Of the host, or None."""
    for line in proc_lines("meminfo"):
        if line.startswith("MemTotal"):
            return int(line.split()[1]) // 1024
    return None


def ticks_of_all():
    """Clock ticks that the processors were busy for, whoever took them; None where it is not known."""
    lines = proc_lines("stat")
    if not lines:
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in lines[0].split()[1:9])
    return user + nice + system + irq + softirq + steal


def ticks_of(pid):
    """Clock ticks of a process with all of its threads, or None."""
    lines = proc_lines(f"{pid}/stat")
    if not lines:
        return None
    words = lines[0].rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


class Watch:
    """How many processors were taken by what is not the emulator, since this began."""

    def __init__(self, pid):
        self.pid = pid
        self.begin = self.reading()

    def reading(self):
        """Seconds, and ticks of others; None where they are not known."""
        every, ours = ticks_of_all(), ticks_of(self.pid)
        return (time.monotonic(), every - ours) if every is not None and ours is not None else None

    def others(self):
        """A mean over the whole time, or None."""
        now = self.reading()
        if not now or not self.begin or now[0] <= self.begin[0]:
            return None
        ticks = (now[1] - self.begin[1]) / os.sysconf("SC_CLK_TCK")
        return round(max(0.0, ticks / (now[0] - self.begin[0])), 2)


def describe():
    """As machine.json has it."""
    return {"processor": processor(), "processors": len(os.sched_getaffinity(0)), "memory_mib": memory_mib(),
            "kernel": platform.release()}
