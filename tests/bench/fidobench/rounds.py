# SPDX-License-Identifier: GPL-2.0
"""
Runs: a test over all of its paths is one command to dom0, which passes each run on to its machine.

Dom0 is also where the processor time of all domains is known, so it is read
there right before and after a run.
"""

import shlex
from dataclasses import dataclass

from .lab import ADDRESS, Failed, last_line

# on SECONDS ADDRESS PORT TARGET COMMAND: when the time is over, the agent in the machine kills the command.
PRELUDE = """
cpu() { echo "#cpu $(xl list | awk 'NR > 1 { sum += $NF } END { printf "%.1f", sum }')"; }
on() { local rc=0; echo "#run"; /lab/labsh exec -t "$@" 2>&1 || rc=$?; echo; echo "#end $rc"; }
"""

# For starting and ending of what runs a given number of seconds; emulated and shared processors are slow.
PATIENCE = 30

# The processor time is known to a tenth of a second for each domain, so these runs are longer, by this factor.
CPU_LENGTH = 3


@dataclass
class Run:
    """What dom0 said about one command."""
    output: str
    code: int

    def check(self):
        """The output, unless it failed."""
        if self.code:
            raise Failed(f"exit code {self.code}: {last_line(self.output)}")
        return self.output


def command_line(machine, command, limit):
    """A line of dom0's script."""
    return f"on {limit} {ADDRESS[machine]} 5000 - {shlex.quote(command)}"


def parse_events(text):
    """The script's output, however far it came: runs, and readings of the processor time, in their order."""
    events, lines = [], []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "#cpu":
            events.append(float(rest))
        elif word == "#run":
            lines = []
        elif word == "#end":
            events.append(Run("\n".join(lines), int(rest)))
        else:
            lines.append(line)
    return events


def talk(lab, lines, limit):
    """Sends a script to dom0; its events."""
    try:
        return parse_events(lab.run("dom0", PRELUDE + "\n".join(lines), limit))
    except ValueError as why:
        raise Failed(f"dom0's answer is not what it was: {why}") from why


def batches(test, cells):
    """Cells that share a command."""
    return [cells] if test.chained and not test.cpu else [[cell] for cell in cells]


def run_line(test, batch, seconds):
    """A run of all cells of a batch."""
    command = test.command([cell.path for cell in batch], seconds)
    return command_line(batch[0].path.client, command, len(batch) * seconds + PATIENCE)


def script(test, batch, seconds):
    """For one batch: one event, or five when the processor time is wanted, less what starting takes."""
    if not test.cpu:
        return [run_line(test, batch, seconds)]
    path, run = batch[0].path, run_line(test, batch, CPU_LENGTH * seconds)
    return ["cpu", run, "cpu", command_line(path.client, test.empty(path), PATIENCE), "cpu"]


def take(test, batch, events):
    """Gives each cell of a batch what was measured."""
    spent = None
    if test.cpu:
        before, run, between, empty, after = events
        empty.check()
        spent = (between - before) - (after - between)
    else:
        run, = events
    for cell, result in zip(batch, test.parse(run.check(), [cell.path for cell in batch])):
        cell.take(result, spent)


def attempt(lab, test, cells, seconds):
    """One run of each cell; returns the reason why one got nothing, by the path's name."""
    parts = [script(test, batch, seconds) for batch in batches(test, cells)]
    limit = sum(len(part) for part in parts) * PATIENCE + len(cells) * CPU_LENGTH * seconds
    trouble = {}
    try:
        events = talk(lab, sum(parts, []), limit)
    except Failed as why:
        return {cell.path.name: str(why) for cell in cells}
    for batch, part in zip(batches(test, cells), parts):
        mine, events = events[:len(part)], events[len(part):]
        try:
            if len(mine) < len(part):
                raise Failed("dom0 said nothing about it")
            take(test, batch, mine)
        except Failed as why:
            trouble.update({cell.path.name: str(why) for cell in batch})
    return trouble


def bury(lab, groups, cell, say):
    """When a machine of a failed cell is gone, so is everything else that needs it."""
    for machine in cell.path.machines:
        if lab.answers(machine):
            continue
        say(f"{machine} does not answer any more")
        for group in groups:
            for other in group.cells:
                if machine in other.path.machines:
                    other.fail(f"{machine} does not answer any more")


def play(lab, groups, group, rep, seconds, say):
    """One run of each cell of a group, by turns; what failed is repeated once, alone."""
    cells = group.turn(rep)
    trouble = attempt(lab, group.test, cells, seconds) if cells else {}
    for cell in cells:
        if cell.path.name not in trouble:
            continue
        cell.failures.append(trouble[cell.path.name])
        say(f"{cell.title} failed and is repeated: {cell.failures[-1]}")
        again = attempt(lab, group.test, [cell], seconds)
        if again:
            cell.fail(again[cell.path.name])
            say(f"{cell.title} failed: {cell.failed}")
            bury(lab, groups, cell, say)
