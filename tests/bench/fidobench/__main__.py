# SPDX-License-Identifier: GPL-2.0
"""One boot, all paths by turns, a table at the end."""

import argparse
import datetime
import os
import platform
import signal
import sys
import time

from . import blk, counters, net, report
from .lab import Failed, Lab

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
START = time.monotonic()


def say(text):
    """Progress goes to standard error, the table to standard output."""
    print(f"bench: [{time.monotonic() - START:4.0f} s] {text}", file=sys.stderr, flush=True)


def arguments():
    """Defaults come from the environment, for make bench."""
    parser = argparse.ArgumentParser(prog="tests/bench/bench", description=__doc__)
    env = os.environ.get
    parser.add_argument("--reps", type=int, default=int(env("REPS", "5")), help="repetitions (REPS=5)")
    # Not SECONDS: bash has a variable of this name, which would get lost or worse on the way.
    parser.add_argument("--seconds", type=int, default=int(env("RUN_SECONDS", "3")), help="length of a run (RUN_SECONDS=3)")
    parser.add_argument("--sizes", action="store_true", default=env("SIZES") == "1",
                        help="TCP_STREAM also with messages of 64 B to 16 KiB (SIZES=1)")
    parser.add_argument("--quick", action="store_true", default=env("QUICK") == "1",
                        help="one run of a second each, to try the benchmark itself (QUICK=1)")
    parser.add_argument("--only", default=env("ONLY", ""), metavar="NAME,...",
                        help="net, blk, or names such as TCP_RR (ONLY=)")
    parser.add_argument("--minutes", type=float, default=float(env("MINUTES", "25")),
                        help="begin no round that would end later, on a machine that is too slow (MINUTES=25)")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("--out", default=os.path.join(TOP, "build", "bench"), help="directory for the results")
    options = parser.parse_args()
    if options.quick:
        options.reps, options.seconds = 1, 1
    options.only = [name for name in options.only.split(",") if name]
    if options.reps < 1 or options.seconds < 1:
        parser.error("--reps and --seconds are at least 1")
    return options


def wanted(options, family, names):
    """Which tests of a family: None for no one, an empty list for all."""
    if not options.only or family in options.only:
        return []
    chosen = [name for name in options.only if name in names]
    return chosen or None


def proc_lines(name):
    """Lines of a file in /proc, which a bare chroot may lack."""
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
    """None where /proc is missing."""
    try:
        return os.getloadavg()
    except OSError:
        return None


def machine(lab, options):
    """What the figures depend on."""
    return {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "host": {"processor": processor(), "processors": len(os.sched_getaffinity(0)), "memory_mib": memory_mib(),
                     "kernel": platform.release()},
            "lab": lab.describe(), "load_average": load_average(),
            "vms": "a and b: 1 processor each; c, for loopback: 2; 512 MiB each",
            "reps": options.reps, "seconds": options.seconds}


def load_modules(lab):
    """Both sides of all links; a machine that cannot is the reason why cells fail, not the end."""
    for name in ("a", "b"):
        lab.run(name, "modprobe -a fido mmnet mmblk", 90)


def prepare(lab, options):
    """Boots, sets the paths up and returns the cells to measure."""
    cells = []
    lab.up()
    try:
        load_modules(lab)
    except Failed as why:
        say(f"the modules do not load: {why}")
    chosen = wanted(options, "net", {test.name for test in net.tests(True, [])})
    if chosen is not None:
        cells += net.cells(net.set_up(lab, say), options.sizes, chosen)
    chosen = wanted(options, "blk", {test.name for test in blk.tests([])} | {"fio"})
    if chosen is not None:
        cells += blk.cells(blk.set_up(lab, say), chosen)
    if not cells:
        raise Failed(f"nothing is called {', '.join(options.only)}")
    return cells


def play_round(lab, options, cells, rep):
    """Candidates by turns; who begins changes from round to round."""
    for _, members in report.groups([{"bench": cell.bench, "params": cell.params, "unit": cell.unit, "cell": cell}
                                     for cell in cells]):
        group = [member["cell"] for member in members]
        turn = rep % len(group)
        for cell in group[turn:] + group[:turn]:
            had_failed = cell.failed
            cell.run(lab, options.seconds)
            if cell.failed and not had_failed:
                say(f"{cell.title} failed: {cell.failed}")
            elif cell.runs and not cell.failed:
                say(f"{cell.title}: {report.number(cell.runs[-1])} {cell.unit}")


def repeat(lab, options, cells, about):
    """All rounds, with what is known saved after each; the counting comes early, when all caches are warm."""
    longest = 0
    for rep in range(options.reps):
        begin = time.monotonic()
        if rep and begin - START + longest > options.minutes * 60:
            say(f"no time for round {rep + 1} of {options.reps} within {options.minutes:.0f} minutes")
            break
        say(f"round {rep + 1} of {options.reps}, {len(cells)} runs")
        play_round(lab, options, cells, rep)
        longest = max(longest, time.monotonic() - begin)
        if rep == 0:
            count(lab, options, cells)
        about["reps"] = rep + 1
        save(options, cells, about)


def count(lab, options, cells):
    """A run of its own for the counters, once for each cell."""
    say("counting notifications, copies and grant calls")
    try:
        counters.install(lab, ("a", "b", "c", "dom0"))
    except Failed as why:
        say(f"nothing is counted: {why}")
        return
    seconds = min(options.seconds, 2)
    for cell in cells:
        if cell.failed:
            continue
        try:
            delta = counters.around(lab, cell.machines, lambda inner, cell=cell: cell.measure(inner, seconds))
            cell.counts = {key: value for key, value in cell.account(delta).items() if value is not None}
        except Failed as why:
            say(f"{cell.title} was not counted: {why}")


def save(options, cells, about):
    """All files; returns the rows."""
    rows = [cell.row() for cell in cells]
    report.write_json(os.path.join(options.out, "results.json"), rows)
    report.write_json(os.path.join(options.out, "machine.json"), about)
    report.write_text(os.path.join(options.out, "table.md"), report.markdown_table(rows))
    return rows


def print_report(rows, about):
    """What make bench is for."""
    print(f"machine: {about['host']['processor']}, {about['host']['processors']} processors; {about['lab']}")
    print(f"VMs: {about['vms']}; {about['reps']} runs of {about['seconds']} s each, candidates by turns")
    print(report.text_table(rows))


def bench(lab, options):
    """Everything; the exit code."""
    cells = prepare(lab, options)
    about = machine(lab, options)
    repeat(lab, options, cells, about)
    about["duration_s"] = round(time.monotonic() - START)
    about["load_average_end"] = load_average()
    print_report(save(options, cells, about), about)
    say(f"raw data in {os.path.relpath(options.out)}/results.json")
    return 1 if any(cell.failed for cell in cells) else 0


def interrupted(*_):
    """SIGTERM ends as Ctrl-C does, with the lab taken down."""
    raise KeyboardInterrupt


def main():
    """Leaves nothing running, however it ends."""
    options = arguments()
    lab = Lab(TOP)
    signal.signal(signal.SIGTERM, interrupted)
    try:
        return bench(lab, options)
    except Failed as why:
        say(f"no benchmark: {why}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        if not options.keep:
            lab.down()


sys.exit(main())
