# SPDX-License-Identifier: GPL-2.0
"""The table on the terminal, the raw data in files."""

import json
import os
from itertools import groupby

COLUMNS = ("path", "median", "min .. max", "ratio", "CPU", "notif/pkt", "copies/byte", "grants/pkt")
LEGEND = """\
ratio: first path of the group over this one, by medians; above 1 the first one is faster
CPU: seconds of all domains per gigabyte, or milliseconds per transaction or request (ms)
notif/pkt, grants/pkt: event channel notifications and calls of grant functions, in all domains, per packet or request
copies/byte: by the kernels on the way, the consumer's own copy to user space excepted; * by the way the drivers work, not counted"""


def number(value, digits=3):
    """Short, without an exponent; a dash for what is not known."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def cpu(row):
    """With its unit, since a group has either."""
    if row.get("cpu_s_per_gb") is not None:
        return number(row["cpu_s_per_gb"])
    if row.get("cpu_ms_per_op") is not None:
        return number(row["cpu_ms_per_op"]) + " ms"
    return "-"


def copies(row):
    """A star for what no counter has told."""
    value = row.get("copies_per_byte")
    known = row["path"].startswith("mm")
    return number(value) + ("" if known or value is None else "*")


def table_cells(row, first):
    """One line of the table; a failed cell says why in place of figures."""
    if row.get("failed"):
        return None
    ratio = first["median"] / row["median"] if first["median"] and row["median"] else None
    return (row["path"], number(row["median"]), f"{number(row['min'])} .. {number(row['max'])}",
            f"{ratio:.2f}" if ratio is not None else "-", cpu(row),
            number(row.get("notifications_per_packet")), copies(row), number(row.get("grant_calls_per_packet")))


def groups(rows):
    """Rows of one benchmark with the same parameters, in order."""
    for key, members in groupby(rows, key=lambda row: (row["bench"], row["params"], row["unit"])):
        yield key, list(members)


def heading(key, members):
    """The benchmark, and what its runs lost on the way where that is known."""
    text = f"{key[0]} {key[1]}, {key[2]}"
    losses = [f"{row['path']} {number(row['loss_percent'])} %" for row in members if "loss_percent" in row]
    return text + (f"; loss {', '.join(losses)}" if losses else "")


def text_table(rows):
    """For the terminal."""
    widths = (26, 8, 20, 6, 10, 10, 12, 10)
    lines = ["  " + "".join(f"{name:<{width}}" for name, width in zip(COLUMNS, widths)).rstrip()]
    for key, members in groups(rows):
        lines.append(heading(key, members))
        for row in members:
            cells = table_cells(row, members[0])
            if cells is None:
                lines.append(f"  {row['path']:<26}failed: {row['failed']}")
            else:
                lines.append("  " + "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths)).rstrip())
    return "\n".join(lines + ["", LEGEND])


def markdown_table(rows):
    """For docs/performance.md."""
    lines = ["| benchmark | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for key, members in groups(rows):
        title = heading(key, members)
        for row in members:
            cells = table_cells(row, members[0]) or (row["path"], "failed: " + row["failed"], *[""] * 6)
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
            title = ""
    return "\n".join(lines) + "\n"


def write_json(path, data):
    """Complete or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(data, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)


def write_text(path, text):
    """The same for text."""
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(text)
    os.replace(path + ".new", path)
