# SPDX-License-Identifier: GPL-2.0
"""The tables on the terminal and in files, the raw data in files."""

import json
import os

from . import bars

COUNTS = ("notifications", "copies", "grant calls", "packet size")

LEGEND = """\
Medians, with least .. most of all runs. Beside a ratio stands what is wanted, and whether it is met. us, s/GB and %:
less is better. CPU: seconds of all domains per gigabyte that arrived, without what starting the programs takes."""

COUNTS_LEGEND = """\
From one run each that was not timed, all domains together, per packet or request. Notifications: signals of mmnet and
mmblk, event channel interrupts of the others. Copies: per byte, by drivers or hypervisor, the consumer's own excepted;
* by the way the drivers work, not counted. Grant calls: a batch is one. Packet size: mean, both directions."""


def number(value, digits=3):
    """Short, without an exponent; a dash for what is not known."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) < 0.0005:
        return "< 0.001"
    return f"{float(f'{value:.{digits}g}'):g}"


def spread(row):
    """Of all runs."""
    return f"{number(min(row['runs']))} .. {number(max(row['runs']))}" if row["runs"] else ""


def figure(row):
    """Median and spread, or what became of them."""
    if row.get("failed"):
        return "failed"
    return f"{number(row['median'])} ({spread(row)})" if row["median"] is not None else "-"


def ratio(first, other):
    """The first path's median over another one's."""
    ours, theirs = first["median"], other["median"]
    if ours is None or not theirs:
        return "-"
    return f"{ours / theirs:.2f}"


def wanted(first, other):
    """The bar beside the ratio."""
    bar = bars.ratio(first["bench"], first["params"], other["path"])
    if bar is None:
        return ""
    ours, theirs = first["median"], other["median"]
    if ours is None or theirs is None:
        return bars.wording(first["unit"], bar)
    verdict = "met" if bars.is_met(first["unit"], ours, theirs, bar) else "**no**"
    return f"{bars.wording(first['unit'], bar)} {verdict}"


def by_test(rows):
    """Rows of the same figure by path, in the order of their first appearance."""
    tests = {}
    for row in rows:
        tests.setdefault((row["bench"], row["params"], row["unit"]), {})[row["path"]] = row
    return tests


def is_count(bench):
    """Whether a row is one of those that are counted once."""
    return bench.startswith(tuple(f"{what} of " for what in COUNTS))


def table_of_rates(rows):
    """Header and lines: a test each, its paths beside each other."""
    tests = {key: paths for key, paths in by_test(rows).items() if not is_count(key[0])}
    names = list(dict.fromkeys(path for paths in tests.values() for path in paths))
    barred = [name for name in names[1:] if any(bars.ratio(bench, params, name) for bench, params, _ in tests)]
    header = ["benchmark", *names]
    for name in names[1:]:
        header += [f"{names[0]} / {name}"] + ["wanted"] * (name in barred)
    lines = []
    for (bench, params, unit), paths in tests.items():
        first = paths.get(names[0])
        line = [f"{bench} {params}, {unit}"] + [figure(paths[name]) if name in paths else "-" for name in names]
        for name in names[1:]:
            both = first and name in paths
            line.append(ratio(first, paths[name]) if both else "-")
            if name in barred:
                line.append(wanted(first, paths[name]) if both else "")
        lines.append(line)
    return header, lines


def count_cell(what, paths, path, title):
    """One figure of the table of counts, with the bar where there is one."""
    row = paths.get(path)
    if not row:
        return "-"
    text = number(row["median"])
    if what == "copies" and not path.startswith("mm"):
        text += "*"
    bar = bars.NOTIFICATIONS.get((path, *title)) if what == "notifications" else None
    if bar is not None:
        text += f" (≤ {bar:g} {'met' if row['median'] <= bar else '**no**'})"
    return text


def table_of_counts(rows):
    """Header and lines: a test over a path each."""
    found = {}
    for (bench, params, _), paths in by_test(rows).items():
        if is_count(bench):
            what, _, test = bench.partition(" of ")
            found.setdefault((test, params), {})[what] = paths
    lines = []
    for title, whats in found.items():
        for path in dict.fromkeys(path for paths in whats.values() for path in paths):
            cells = [count_cell(what, whats.get(what, {}), path, title) for what in COUNTS]
            lines.append([" ".join(title), path] + cells)
    return ["benchmark", "path", *COUNTS], lines


def remarks(rows):
    """What went wrong, a line each."""
    notes = []
    for row in rows:
        title = f"{row['bench']} {row['params']} over {row['path']}"
        if row.get("failed"):
            notes.append(f"{title} failed: {row['failed']}")
        notes += [f"{title}: a run was repeated, since it failed: {why}" for why in row.get("repeated", ())]
    return notes


def markdown(header, lines):
    """A table for docs/performance.md."""
    if not lines:
        return ""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def plain(header, lines):
    """The same for the terminal."""
    rows = [[cell.replace("**", "") for cell in row] for row in [header, *lines]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows) + "\n"


def conditions(about):
    """What the figures depend on, in two lines."""
    host, others = about["host"], about.get("others_busy")
    return [f"Host: {host['processor']}, {host['processors']} processors; lab: {about['lab']}. VMs: {about['vms']}.",
            f"{about['reps']} runs of {about['seconds']} s for each figure, of {about['cpu_seconds']} s where the "
            "processor time is measured, the paths by turns, all in one boot"
            + (f"; everything else on the host took {others:g} processors meanwhile." if others is not None else ".")]


def document(families, about, table):
    """All tables; families are lists of rows, table is markdown() or plain()."""
    parts = conditions(about) + [""]
    for rows in families:
        parts += [table(*table_of_rates(rows))]
    counted = [line for rows in families for line in table_of_counts(rows)[1]]
    parts += [LEGEND, ""]
    if counted:
        parts += [table(table_of_counts([])[0], counted), COUNTS_LEGEND, ""]
    notes = [note for rows in families for note in remarks(rows)]
    return "\n".join(parts + [f"- {note}" for note in notes]).rstrip() + "\n"


def write_json(path, data):
    """Complete or not at all."""
    write_text(path, json.dumps(data, indent=1) + "\n")


def write_text(path, text):
    """The same for text."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(text)
    os.replace(path + ".new", path)
