# SPDX-License-Identifier: GPL-2.0
"""One boot, all paths by turns, a table at the end."""

import argparse
import datetime
import functools
import os
import signal
import sys
import time

from . import blk, cell, counters, host, net, remote, report, rounds
from .lab import Failed, Lab

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
START = time.monotonic()
QUICK_MINUTES = 8
MEMORY_MIB = 512


def say(text):
    """Progress goes to standard error, the table to standard output."""
    print(f"bench: [{time.monotonic() - START:4.0f} s] {text}", file=sys.stderr, flush=True)


def arguments(argv=None):
    """Defaults come from the environment, for make bench."""
    parser = argparse.ArgumentParser(prog="tests/bench/bench", description=__doc__)
    env = os.environ.get
    parser.add_argument("--reps", type=int, default=int(env("REPS", "5")), help="repetitions (REPS=5)")
    # Not SECONDS: bash has a variable of this name, which would get lost or worse on the way.
    parser.add_argument("--seconds", type=int, default=int(env("RUN_SECONDS", "1")), help="length of a run (RUN_SECONDS=1)")
    parser.add_argument("--quick", action="store_true", default=env("QUICK") == "1",
                        help="one run of a second each within 8 minutes, to try the benchmark itself (QUICK=1)")
    parser.add_argument("--only", default=env("ONLY", ""), metavar="NAME,...",
                        help="net, blk, or beginnings of names such as net:tcp_stream, 'blk:fio seq*1 MiB' (ONLY=)")
    parser.add_argument("--vcpus", type=int, choices=(1, 2), default=int(env("BENCH_VCPUS", "1")),
                        help="2: other tests, which need several processors and queues in a and b (BENCH_VCPUS=1)")
    parser.add_argument("--remote", action="store_true", default=env("REMOTE") == "1",
                        help="disks also by NBD and by NFS over mmnet, for comparison only (REMOTE=1)")
    parser.add_argument("--minutes", type=float, default=float(env("MINUTES", "25")),
                        help="begin no round that would end later, and nothing at all after that (MINUTES=25)")
    parser.add_argument("--no-counts", action="store_true", help="leave out what is counted in runs of its own")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("--out", help="directory for the results (build/bench, or build/bench/vcpus2)")
    options = parser.parse_args(argv)
    if options.quick:
        options.reps, options.seconds, options.minutes = 1, 1, min(options.minutes, QUICK_MINUTES)
    if options.reps < 1 or options.seconds < 1:
        parser.error("--reps and --seconds are at least 1")
    if options.remote and options.vcpus == 2:
        parser.error("--remote is of ramdisks: not with --vcpus 2, where there are none")
    options.only = [name.strip().lower() for name in options.only.split(",") if name.strip()]
    if not options.out:
        options.out = os.path.join(TOP, "build", "bench", *(["vcpus2"] if options.vcpus == 2 else []))
    return options


def wanted_groups(options):
    """Tests by paths, of both families."""
    disks = blk.paths(options.vcpus, remote.PATHS if options.remote else ())
    groups = (cell.make_groups("net", net.tests(options.vcpus), net.PATHS, options.only) +
              cell.make_groups("blk", blk.tests(options.vcpus), disks, options.only))
    if not groups:
        raise Failed(f"nothing is called {', '.join(options.only)}")
    return groups


def machine(lab, options):
    """What the figures depend on."""
    return {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "host": host.describe(), "lab": lab.describe(), "others_busy": None,
            "vms": f"a and b: {options.vcpus} processor(s) each; c, for loopback: {2 * options.vcpus}; {lab.memory} MiB each",
            "reps": options.reps, "seconds": options.seconds, "cpu_seconds": rounds.CPU_LENGTH * options.seconds}


def load_modules(lab):
    """Both sides of all links; a machine that cannot is the reason why cells fail, not the end."""
    for name in ("a", "b"):
        try:
            lab.run(name, "modprobe -a fido mmnet mmblk", 90)
        except Failed as why:
            say(f"the modules do not load: {why}")


def set_ups(options):
    """What makes the paths ready, with the family that they are of, in this order."""
    if not options.remote:
        return ("net", net.set_up), ("blk", blk.set_up)
    return (("net", net.set_up), ("blk", functools.partial(blk.set_up, more=len(remote.DISKS))),
            ("blk", remote.set_up))


def prepare(lab, options, groups):
    """Boots and sets the paths up."""
    lab.up()
    load_modules(lab)
    for family, set_up in set_ups(options):
        mine = [group for group in groups if group.family == family]
        if mine:
            say(f"setting up paths of {family}")
            cell.mark_trouble(mine, set_up(lab, say))


def is_late(options):
    """Whether the machine was too slow for all that was wanted."""
    return time.monotonic() - START > options.minutes * 60


def play_round(lab, options, groups, rep):
    """As far as there is time."""
    for number, group in enumerate(groups):
        if is_late(options):
            say(f"no time for {len(groups) - number} more tests of round {rep + 1}")
            break
        rounds.play(lab, groups, group, rep, options.seconds, say)
        progress(group, rep)


def progress(group, rep):
    """Figures of this run, one line."""
    figures = [f"{one.path.name} {report.number(one.last)}" for one in group.turn(0) if one.last is not None]
    say(f"{rep + 1}: {group.test.title}, {group.test.unit}: {'; '.join(figures) or 'nothing'}")


def repeat(lab, options, groups, about, watch):
    """All rounds, with what is known saved after each; the counting comes early, when all caches are warm."""
    longest = 0
    for rep in range(options.reps):
        begin = time.monotonic()
        if rep and begin - START + longest > options.minutes * 60:
            say(f"no time for round {rep + 1} of {options.reps} within {options.minutes:.0f} minutes")
            break
        play_round(lab, options, groups, rep)
        longest = max(longest, time.monotonic() - begin)
        about["round_s"] = round(longest)
        about["reps"] = rep + 1
        save(options, groups, about, watch)
        say(f"round {rep + 1} of {options.reps} took {time.monotonic() - begin:.0f} s")
        if rep == 0 and not options.no_counts:
            count(lab, options, groups)
            save(options, groups, about, watch)


def count(lab, options, groups):
    """A run of its own for the counters, once for each cell that has some."""
    counted = [group for group in groups if group.test.counted]
    if options.quick:
        counted = list({group.family: group for group in reversed(counted)}.values())
    cells = [one for group in counted for one in group.turn(0) if one.path.account]
    if not cells or is_late(options):
        return
    begin = time.monotonic()
    machines = sorted({name for one in cells for name in one.path.machines})
    with counters.probes(lab, machines, say):
        for one in cells:
            if is_late(options):
                say("no time to count more")
                break
            try:
                counters.count(lab, one, options.seconds)
                found = [f"{report.number(value)} {what}" for (what, _), value in one.counts.items()]
                say(f"{one.title}: {', '.join(found)}")
            except Failed as why:
                say(f"{one.title} was not counted: {why}")
    say(f"notifications, copies and grant calls of {len(cells)} runs counted in {time.monotonic() - begin:.0f} s")


def save(options, groups, about, watch=None):
    """All files; returns the rows by family."""
    about["others_busy"] = watch.others() if watch else None
    families = [[row for group in groups if group.family == family for one in group.cells for row in one.rows()]
                for family in ("net", "blk")]
    families = [rows for rows in families if rows]
    report.write_json(os.path.join(options.out, "results.json"), sum(families, []))
    report.write_json(os.path.join(options.out, "machine.json"), about)
    report.write_text(os.path.join(options.out, "table.md"), report.document(families, about, report.markdown))
    return families


def bench(lab, options):
    """Everything; the exit code."""
    groups = wanted_groups(options)
    prepare(lab, options, groups)
    about, watch = machine(lab, options), host.Watch(lab.emulator())
    say(f"ready: {sum(len(group.cells) for group in groups)} figures a round")
    repeat(lab, options, groups, about, watch)
    about["duration_s"] = round(time.monotonic() - START)
    print(report.document(save(options, groups, about, watch), about, report.plain))
    say(f"raw data in {os.path.relpath(options.out)}/results.json")
    return 1 if any(one.failed for group in groups for one in group.cells) else 0


def interrupted(*_):
    """SIGTERM ends as Ctrl-C does, with the lab taken down."""
    raise KeyboardInterrupt


def main():
    """Leaves nothing running, however it ends."""
    options = arguments()
    lab = Lab(TOP, options.vcpus, remote.MEMORY_MIB if options.remote else MEMORY_MIB)
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


if __name__ == "__main__":
    sys.exit(main())
