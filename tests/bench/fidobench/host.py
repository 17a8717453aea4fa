# SPDX-License-Identifier: GPL-2.0
"""What is known about the machine that the lab runs on. A bare chroot may lack /proc."""

import os
import platform


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


def load_average():
    """None where it is not known."""
    try:
        return os.getloadavg()
    except OSError:
        return None


def describe():
    """As machine.json has it."""
    return {"processor": processor(), "processors": len(os.sched_getaffinity(0)), "memory_mib": memory_mib(),
            "kernel": platform.release()}
