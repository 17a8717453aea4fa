# SPDX-License-Identifier: GPL-2.0
"""How fast mmnet and mmblk are wanted to be: ratios to the other paths, one table for all benchmarks."""

# Units of which less is better; a bar is then a most and not a least.
LESS_IS_BETTER = ("us", "s/GB", "%")

NETFRONT, LOOPBACK = "netfront", "loopback"
BLKFRONT, RAMDISK = "blkfront, blkback in b", "ramdisk in a"


def both(bench, params, **bars):
    """The same for writing and reading."""
    return {(f"fio {bench} {side}", params): {BLKFRONT: bars["blkfront"], RAMDISK: bars.get("ramdisk")}
            for side in ("write", "read")}


STREAMS = {
    "64 B": {NETFRONT: 1.3, LOOPBACK: 1.0},
    "1 KiB": {NETFRONT: 2.0, LOOPBACK: 1.0},
    "4 KiB": {NETFRONT: 2.0, LOOPBACK: 1.0},
    "8 KiB": {NETFRONT: 2.3, LOOPBACK: 1.0},
    "16 KiB": {NETFRONT: 2.8, LOOPBACK: 1.2},
    "64 KiB": {NETFRONT: 2.5, LOOPBACK: 1.2},
}

# (benchmark, parameters): what the median of mmnet or mmblk shall be at least, as a multiple of the path's.
RATIOS = {
    **{(bench, size): bars for bench in ("TCP_STREAM", "TCP_MAERTS") for size, bars in STREAMS.items()},
    ("TCP_SENDFILE", "64 KiB"): {NETFRONT: 3.0, LOOPBACK: 1.2},
    ("UDP_STREAM", "1472 B"): {NETFRONT: 1.5, LOOPBACK: 0.9},
    ("UDP_STREAM", "65507 B"): {NETFRONT: 2.5, LOOPBACK: 0.9},
    ("loss of UDP_STREAM", "1472 B"): {NETFRONT: 1.0},
    ("loss of UDP_STREAM", "65507 B"): {NETFRONT: 1.0},
    ("TCP_RR", "1 B"): {NETFRONT: 3.0, LOOPBACK: 0.8},
    ("UDP_RR", "1 B"): {NETFRONT: 3.0, LOOPBACK: 0.8},
    ("TCP_CRR", "1 B"): {NETFRONT: 2.0},
    ("TCP_STREAM", "64 KiB, 8 streams"): {NETFRONT: 2.5, LOOPBACK: 1.0},
    ("CPU of TCP_STREAM", "64 KiB"): {NETFRONT: 0.45, LOOPBACK: 1.1},
    ("fio seq write", "128 KiB QD 8"): {BLKFRONT: 2.0, RAMDISK: 0.9},
    ("fio seq read", "128 KiB QD 8"): {BLKFRONT: 1.5, RAMDISK: 0.8},
    **both("seq", "1 MiB QD 8", blkfront=2.0, ramdisk=0.9),
    **both("rand", "4 KiB QD 16", blkfront=1.5, ramdisk=0.8),
    **both("rand", "4 KiB QD 1, mean latency", blkfront=0.6),
    ("CPU of fio seq write", "128 KiB QD 8"): {BLKFRONT: 0.5, RAMDISK: 1.3},
    ("fio rand read, null_blk", "4 KiB QD 16, 2 jobs"): {BLKFRONT: 1.5},
}

# (path, benchmark, parameters): at most so many notifications per packet.
NOTIFICATIONS = {
    ("mmnet", bench, "64 KiB"): 0.05 for bench in ("TCP_STREAM", "TCP_MAERTS", "TCP_SENDFILE")
}


def ratio(bench, params, path):
    """The bar, or None where the figure is only to be stated."""
    return RATIOS.get((bench, params), {}).get(path)


def is_met(unit, ours, theirs, bar):
    """Without a division: nothing lost is at most nothing lost."""
    return ours <= bar * theirs if unit in LESS_IS_BETTER else ours >= bar * theirs


def wording(unit, bar):
    """As the column has it."""
    return f"{'≤' if unit in LESS_IS_BETTER else '≥'} {bar:g}"
