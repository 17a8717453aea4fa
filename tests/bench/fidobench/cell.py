# SPDX-License-Identifier: GPL-2.0
"""What netperf and fio have in common here: tests, the paths they go over, and what was measured in each pair."""

import fnmatch
import statistics
from dataclasses import dataclass, field

from .lab import Failed


@dataclass(frozen=True)
class Path:
    """A way for data: the client is the machine that starts the test, target its address or device."""
    name: str
    client: str
    target: str
    machines: tuple
    account: object


@dataclass
class Result:
    """Of one run: the figure; the bytes that arrived, for costs; other figures by (bench, unit)."""
    value: float
    bytes: float = 0.0
    extra: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Test:
    """
    A benchmark without the path.

    A family's class adds command(paths, seconds), empty(path), the same without
    any work, and parse(output, paths), which gives a Result for each path. Only
    a chained test is ever given more than one path at a time.
    """
    bench: str
    params: str
    unit: str
    options: str
    cpu: bool = field(default=False, kw_only=True)
    counted: bool = field(default=False, kw_only=True)
    chained = False

    @property
    def title(self):
        """As in messages, and for --only."""
        return f"{self.bench} {self.params}"


@dataclass
class Cell:
    """
    A test over a path.

    series has a list of figures for each (bench, params, unit), the test's own
    one first. A run that fails is repeated once and noted in failures; when it
    fails again, the whole cell has: a median over what happened to work would be a lie.
    """
    test: Test
    path: Path
    series: dict = field(default_factory=dict)
    counts: dict = field(default_factory=dict)
    failures: list = field(default_factory=list)
    failed: str = ""

    @property
    def title(self):
        """As in messages."""
        return f"{self.test.title} over {self.path.name}"

    def fail(self, why):
        """Remembers the first reason."""
        self.failed = self.failed or str(why)

    def add(self, bench, unit, value):
        """One figure of one run."""
        self.series.setdefault((bench, self.test.params, unit), []).append(value)

    def take(self, result, cpu_seconds=None):
        """One run, with the processor time of all domains where it was measured."""
        self.add(self.test.bench, self.test.unit, result.value)
        for (bench, unit), value in result.extra.items():
            self.add(bench, unit, value)
        if cpu_seconds is not None and result.bytes:
            self.add(f"CPU of {self.test.bench}", "s/GB", cpu_seconds / result.bytes * 1e9)

    @property
    def last(self):
        """Figure of the last run, or None."""
        runs = self.series.get((self.test.bench, self.test.params, self.test.unit))
        return runs[-1] if runs else None

    def rows(self):
        """As results.json has them."""
        own = (self.test.bench, self.test.params, self.test.unit)
        series = {own: [], **self.series}
        rows = [self.row(key, runs) for key, runs in series.items()]
        if self.failed:
            rows[0]["failed"] = self.failed
        elif self.failures:
            rows[0]["repeated"] = self.failures
        return rows + [self.row((f"{what} of {self.test.bench}", self.test.params, unit), [value])
                       for (what, unit), value in self.counts.items()]

    def row(self, key, runs):
        """A series as a dictionary."""
        bench, params, unit = key
        median = statistics.median(runs) if runs and not self.failed else None
        return {"bench": bench, "path": self.path.name, "params": params, "unit": unit, "median": median, "runs": runs}


@dataclass
class Group:
    """A test over all paths, which are measured right after each other."""
    family: str
    test: Test
    cells: list

    def turn(self, rep):
        """Cells that still work; who begins changes from round to round."""
        first = rep % len(self.cells)
        return [cell for cell in self.cells[first:] + self.cells[:first] if not cell.failed]


def matches(test, family, selectors):
    """Selectors are FAMILY, PATTERN or FAMILY:PATTERN; a pattern is the beginning of a title, in any case. None: all."""
    for selector in selectors:
        if selector == family:
            return True
        name, colon, pattern = selector.rpartition(":")
        if (not colon or name == family) and fnmatch.fnmatchcase(test.title.lower(), pattern + "*"):
            return True
    return not selectors


def make_groups(family, tests, paths, selectors):
    """Those tests of a family that are wanted."""
    return [Group(family, test, [Cell(test, path) for path in paths])
            for test in tests if matches(test, family, selectors)]


def mark_trouble(groups, trouble):
    """Paths that could not be set up, with the reason, by name."""
    for group in groups:
        for cell in group.cells:
            if cell.path.name in trouble:
                cell.fail(trouble[cell.path.name])


def set_up_paths(steps, say):
    """Calls what makes each path ready; a path that cannot be is the reason why its cells fail, not the end."""
    trouble = {}
    for name, step in steps.items():
        try:
            step()
        except Failed as why:
            trouble[name] = str(why)
            say(f"{name} is not there: {why}")
    return trouble


def per(value, base):
    """A ratio, or None where one of both was not counted."""
    return value / base if base and value is not None else None
