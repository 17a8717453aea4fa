# SPDX-License-Identifier: GPL-2.0
"""fio over mmblk, over blkfront with two places for blkback, and on the same kind of ramdisk in the VM itself."""

import json
from dataclasses import dataclass

from .cell import Cell, Result
from .lab import Failed
from .net import per

DISK_KIB = 65536


@dataclass(frozen=True)
class Path:
    """A disk of VM a; machines are those that take part."""
    name: str
    device: str
    machines: tuple
    account: object


@dataclass(frozen=True)
class Test:
    """A fio job."""
    name: str
    params: str
    unit: str
    options: str
    side: str
    by_size: bool


def tests(only):
    """The jobs to run, in the order of the table."""
    every = []
    for name, params, options, by_size in (
            ("fio seq", "128 KiB QD 8", "--bs=128k --iodepth=8", True),
            ("fio rand", "4 KiB QD 16", "--bs=4k --iodepth=16 --norandommap", False)):
        for side in ("write", "read"):
            mode = ("rand" if name == "fio rand" else "") + side
            every.append(Test(f"{name} {side}", params, "MB/s" if by_size else "IOPS",
                              f"{options} --rw={mode}", side, by_size))
    return [test for test in every if not only or test.name in only or "fio" in only]


def parse(output, test):
    """fio's JSON, of which only one job and one direction matter here."""
    start = output.find("{")
    if start < 0:
        raise Failed("fio said nothing")
    try:
        job = json.loads(output[start:])["jobs"][0]
    except (ValueError, KeyError, IndexError) as why:
        raise Failed("fio's output is not what it was") from why
    if job.get("error"):
        raise Failed(f"fio saw error {job['error']}")
    side = job[test.side]
    latency = {"mean_latency_us": side["lat_ns"]["mean"] / 1e3}
    if test.by_size:
        return Result(side["bw_bytes"] / 1e6, bytes=side["io_bytes"], extra=latency)
    return Result(side["iops"], ops=side["total_ios"], extra=latency)


def measure(path, test):
    """A function that runs the job once."""
    def once(lab, seconds):
        limit = seconds + 60
        output = lab.run("a", f"timeout -k 5 {limit} fio --name=bench --filename={path.device} --direct=1 --thread "
                              f"--ioengine=libaio --time_based --runtime={seconds} --randrepeat=0 {test.options} "
                              "--output-format=json", limit + 30)
        return parse(output, test)
    return once


def account_mmblk(delta):
    """A read is copied once, by the client; a write only where it had to bounce."""
    requests = delta.get("a", "requests", "mmblk0")
    size = delta.get("a", "service", "write_bytes") + delta.get("a", "service", "read_bytes")
    copied = delta.get("a", "service", "bounce_bytes") + delta.get("a", "service", "read_bytes")
    signals = sum(delta.get(vm, "service", "signals") for vm in "ab")
    return {"packets": requests, "bytes_per_packet": per(size, requests),
            "notifications_per_packet": per(signals, requests), "copies_per_byte": per(copied, size),
            "grant_calls_per_packet": per(delta.grant_calls(), requests)}


def is_blkfront(name):
    """Event channels of blkfront and blkback."""
    return name.startswith("blkif")


def account_blkfront(disk):
    """Persistent grants, which both ends use unless told otherwise, cost a copy each way."""
    def account(delta):
        requests = delta.get("a", "requests", disk)
        notified = sum(delta.interrupts(machine, is_blkfront) for machine in delta.machines)
        return {"packets": requests, "notifications_per_packet": per(notified, requests), "copies_per_byte": 1.0,
                "grant_calls_per_packet": per(delta.grant_calls(), requests)}
    return account


def account_ramdisk(delta):
    """Nobody is told, nothing is copied on the way to the driver."""
    return {"notifications_per_packet": 0.0, "copies_per_byte": 0.0,
            "grant_calls_per_packet": None if not delta.grant_calls() else delta.grant_calls()}


PATHS = (
    Path("mmblk", "/dev/mmblk0", ("a", "b"), account_mmblk),
    Path("blkfront, blkback in b", "/dev/xvdc", ("a", "b"), account_blkfront("xvdc")),
    Path("blkfront, blkback in dom0", "/dev/xvdb", ("a", "dom0"), account_blkfront("xvdb")),
    Path("ramdisk in a", "/dev/ram0", ("a",), account_ramdisk),
)

# The nodes of a virtual disk, as a toolstack writes them. The states come last, since a
# driver takes a node for new by its state. Device numbers: 202 (xvd) << 8 | letter << 4.
ATTACH = """
set -e
front=$(xl domid a); back={back}; number={number}
fe=/local/domain/$front/device/vbd/$number
be=/local/domain/$back/backend/vbd/$front/$number
xenstore-write $be/frontend $fe $be/frontend-id $front $be/online 1 $be/removable 1 $be/bootable 1 \
	$be/dev {name} $be/type phy $be/mode w $be/device-type disk $be/params /dev/{disk} \
	$fe/backend $be $fe/backend-id $back $fe/virtual-device $number $fe/device-type disk
xenstore-chmod /local/domain/$back/backend/vbd n$back
xenstore-chmod /local/domain/$back/backend/vbd/$front n$back
xenstore-chmod -r $be n$back r$front
xenstore-chmod -r $fe n$front r$back
xenstore-write $be/state 1 $fe/state 1
state() {{ [ "$(xenstore-read $1/state 2> /dev/null)" = $2 ]; }}
for i in $(seq 100); do state $be 2 && break; sleep 0.1; done
state $be 2 || {{ echo "blkback did not take the disk: $be is in state $(xenstore-read $be/state)" >&2; exit 1; }}
xenstore-write $be/physical-device {device} $be/hotplug-status connected
for i in $(seq 200); do state $fe 4 && state $be 4 && exit 0; sleep 0.1; done
echo "not connected: frontend $(xenstore-read $fe/state), backend $(xenstore-read $be/state)" >&2
exit 1
"""


def ramdisks(lab, name, number):
    """Filled, since a page that brd has never stored reads faster than any disk."""
    lab.run(name, f"modprobe -r brd; modprobe brd rd_nr={number} rd_size={DISK_KIB} && "
                  f"for i in $(seq 0 {number - 1}); do dd if=/dev/zero of=/dev/ram$i bs=1M count={DISK_KIB // 1024} "
                  "oflag=direct 2> /dev/null; done; sync", 120)


def attach(lab, back, name, disk):
    """A disk of the machine back becomes one of a, by xvd name."""
    number = 202 << 8 | (ord(name[-1]) - ord("a")) << 4
    lab.run(back, "modprobe xen-blkback")
    lab.run("a", "modprobe xen-blkfront")
    domid = "0" if back == "dom0" else f"$(xl domid {back})"
    minor = disk[len("ram"):]
    lab.run("dom0", ATTACH.format(back=domid, number=number, name=name, disk=disk, device=f"1:{minor}"), 90)
    lab.run("a", f"for i in $(seq 50); do [ -b /dev/{name} ] && exit 0; sleep 0.1; done; "
                 f"echo no /dev/{name} >&2; exit 1")


def set_up_mmblk(lab):
    """The link may stand already, for mmnet."""
    lab.run("dom0", "fidoctl blk add a b:/dev/ram0 --wait 60 >&2", 120)
    lab.run("a", "[ -b /dev/mmblk0 ] || { echo no /dev/mmblk0 >&2; exit 1; }")


def set_up(lab, say):
    """Makes the paths ready; returns the reason why one is not, by path."""
    ramdisks(lab, "a", 1)
    ramdisks(lab, "b", 2)
    ramdisks(lab, "dom0", 1)
    trouble = {}
    steps = (("mmblk", lambda: set_up_mmblk(lab)),
             ("blkfront, blkback in b", lambda: attach(lab, "b", "xvdc", "ram1")),
             ("blkfront, blkback in dom0", lambda: attach(lab, "dom0", "xvdb", "ram0")))
    for path, step in steps:
        try:
            step()
        except Failed as why:
            trouble[path] = str(why)
            say(f"{path} is not there: {why}")
    return trouble


def cells(trouble, only):
    """Tests times paths, those of a test beside each other."""
    made = []
    for test in tests(only):
        for path in PATHS:
            cell = Cell(test.name, path.name, test.params, test.unit, measure(path, test), path.account, path.machines)
            if path.name in trouble:
                cell.fail(trouble[path.name])
            made.append(cell)
    return made
