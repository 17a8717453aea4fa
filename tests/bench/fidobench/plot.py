# SPDX-License-Identifier: GPL-2.0
"""Pictures of results.json: throughput over message size, and all medians as multiples of the last path's."""

import json
import os
import subprocess
import sys

from .net import SIZES, size_name
from .report import by_test, is_count

# Okabe and Ito's, which those who see few colors tell apart, too; the lightest last.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#f0e442")

SIZES_HEAD = """\
set terminal svg size 960,430 dynamic noenhanced background rgb 'white' font 'sans,13'
set output '{out}'
set multiplot layout 1,2
set logscale x 2
set logscale y
set xrange [45:93000]
set grid
set key top left
set xlabel 'message size, B'
set ylabel 'Mbit/s'
set xtics ({tics})
"""

BARS_HEAD = """\
set terminal svg size 1000,470 dynamic noenhanced background rgb 'white' font 'sans,12'
set output '{out}'
set title '{title}'
set style data histogram
set style histogram errorbars gap 1.5 lw 1
set style fill solid 0.85 border -1
set boxwidth 0.95
set grid ytics
set yrange [0:*]
set xtics rotate by -30
set rmargin 14
set key outside top center horizontal
"""


def color(index):
    """Of a path, by its place."""
    return COLORS[index % len(COLORS)]


def draw(script):
    """Gnuplot takes data within the script, as blocks."""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def block(name, lines):
    """Data by name."""
    return "\n".join([f"${name} << END", *lines, "END", ""])


def triple(row, base=1.0, inverse=False):
    """Median, least, most, or how much less they are than the base; gnuplot skips NaN."""
    if not row or row["median"] is None or not base:
        return "NaN NaN NaN"
    values = (row["median"], min(row["runs"]), max(row["runs"]))
    if inverse:
        values = (base * base / value for value in (values[0], values[2], values[1]))
    return " ".join(f"{value / base:.4f}" for value in values)


def sizes_panel(tests, bench, title):
    """Script of one half: lines of all paths, with a bar from the least to the most of the runs."""
    found = {size: tests.get((bench, size_name(size), "Mbit/s"), {}) for size in SIZES}
    paths = list(dict.fromkeys(path for rows in found.values() for path in rows))
    prefix = bench.lower()
    script, curves = f"set title '{title}'\n", []
    for index, path in enumerate(paths):
        lines = [f"{size} {triple(rows.get(path))}" for size, rows in found.items()]
        script += block(f"{prefix}{index}", lines)
        curves.append(f"${prefix}{index} using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.6 "
                      f"lc rgb '{color(index)}' title '{path}'")
    return script + "plot " + ", ".join(curves) + "\n" if curves else ""


def sizes(rows, out):
    """TCP over message size, both directions; False when nothing of it was measured."""
    tests = by_test(rows)
    tics = ", ".join(f"'{size_name(size).removesuffix(' B').replace(' KiB', 'K')}' {size}" for size in SIZES)
    panels = [sizes_panel(tests, "TCP_STREAM", "TCP_STREAM: client to server"),
              sizes_panel(tests, "TCP_MAERTS", "TCP_MAERTS: server to client")]
    if not all(panels):
        return False
    draw(SIZES_HEAD.format(out=out, tics=tics) + "".join(panels))
    return True


def short(bench, params, unit):
    """A label that fits below a bar."""
    return f"{bench.replace('fio ', '')} {params.replace(', mean latency', '')}, {unit}"


def multiples(rows, out, title, wanted):
    """Bars of all paths, as multiples of the median of the last one that a test has."""
    tests = {key: paths for key, paths in by_test(rows).items() if wanted(key)}
    names = list(dict.fromkeys(path for paths in tests.values() for path in paths))
    if not tests:
        return False
    lines, bases = [], {}
    for key, paths in tests.items():
        last = max(paths, key=names.index)
        bases[last] = None
        base = paths[last]["median"]
        lines.append(f'"{short(*key)}" ' + " ".join(triple(paths.get(name), base, key[2] == "us") for name in names))
    curves = [f"$data using {column}:{column + 1}:{column + 2}:xtic(1) lc rgb '{color(index)}' title '{name}'"
              for index, (column, name) in enumerate(zip(range(2, 99, 3), names))]
    draw(BARS_HEAD.format(out=out, title=title) + f"set ylabel 'multiple of {' or '.join(bases)}'\n" +
         block("data", lines) + "plot " + ", ".join(curves) + "\n")
    return True


def is_net(key):
    """What the picture over sizes does not show."""
    bench, params, unit = key
    shown = bench in ("TCP_STREAM", "TCP_MAERTS") and params != "64 KiB"
    return not is_count(bench) and unit in ("Mbit/s", "1/s") and not shown


def is_blk(key):
    """All of fio but its costs."""
    bench, _, unit = key
    return bench.startswith("fio ") and unit in ("MB/s", "IOPS", "us")


def main(results, directory):
    """Writes those pictures for which there are figures."""
    with open(results, encoding="utf-8") as file:
        rows = json.load(file)
    net = [row for row in rows if "fio" not in row["bench"]]
    blk = [row for row in rows if "fio" in row["bench"]]
    pictures = {
        "net-sizes.svg": lambda out: sizes(net, out),
        "net.svg": lambda out: multiples(net, out, "netperf: medians; whiskers: least and most", is_net),
        "blk.svg": lambda out: multiples(blk, out, "fio: medians; whiskers: least and most; more is better (latency: its inverse)", is_blk),
    }
    for name, make in pictures.items():
        out = os.path.join(directory, name)
        if make(out):
            print(f"plot: {os.path.relpath(out)}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:3])
