# SPDX-License-Identifier: GPL-2.0
"""One cell of the table: a benchmark over one path, with what was measured."""

import statistics
from dataclasses import dataclass, field

from .lab import Failed


@dataclass
class Result:
    """Of one run: the figure, and the work done, to which costs are related."""
    value: float
    bytes: float = 0.0
    ops: float = 0.0
    extra: dict = field(default_factory=dict)


@dataclass
class Cell:
    """A benchmark over a path.

    measure(lab, seconds) gives a Result, account(delta) a dictionary of what
    was counted. One failure makes the whole cell a failed one: a median over
    the runs that happened to work would be a lie.
    """
    bench: str
    path: str
    params: str
    unit: str
    measure: object
    account: object
    machines: tuple
    runs: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    extra: list = field(default_factory=list)
    counts: dict = field(default_factory=dict)
    failed: str = ""

    @property
    def title(self):
        """As in messages."""
        return f"{self.bench} {self.params} over {self.path}"

    def fail(self, why):
        """Remembers the first reason."""
        self.failed = self.failed or str(why)

    def run(self, lab, seconds):
        """One repetition, with the processor time of all domains around it."""
        if self.failed:
            return
        try:
            before = lab.cpu_seconds()
            result = self.measure(lab, seconds)
            spent = lab.cpu_seconds() - before
        except Failed as why:
            self.fail(why)
            return
        self.runs.append(result.value)
        self.extra.append(result.extra)
        if result.bytes:
            self.cpu.append(("cpu_s_per_gb", spent / result.bytes * 1e9))
        elif result.ops:
            self.cpu.append(("cpu_ms_per_op", spent / result.ops * 1e3))

    def median(self):
        """None when the cell failed or never ran."""
        return statistics.median(self.runs) if self.runs and not self.failed else None

    def cost(self, name):
        """Median processor time by name, or None."""
        values = [value for kind, value in self.cpu if kind == name]
        return statistics.median(values) if values and not self.failed else None

    def row(self):
        """As results.json has it."""
        row = {"bench": self.bench, "path": self.path, "params": self.params, "unit": self.unit,
               "median": self.median(), "runs": self.runs}
        if self.runs:
            row.update(min=min(self.runs), max=max(self.runs))
        for name in ("cpu_s_per_gb", "cpu_ms_per_op"):
            if self.cost(name) is not None:
                row[name] = self.cost(name)
        for name in self.extra[0] if self.extra else ():
            row[name] = statistics.median(extra[name] for extra in self.extra)
        row.update(self.counts)
        if self.failed:
            row["failed"] = self.failed
        return row
