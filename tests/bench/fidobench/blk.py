# SPDX-License-Identifier: GPL-2.0
"""fio over mmblk, over blkfront with two places for blkback, and on the same kind of disk in the VM itself."""

import json
from dataclasses import dataclass

from .cell import Path, Result, Test, per, set_up_paths
from .lab import Failed

DISK_MIB = 64
FIO = "fio --output-format=json --ioengine=libaio --direct=1 --thread --randrepeat=0 --group_reporting"


@dataclass(frozen=True)
class Fio(Test):
    """A fio job; figure takes it from one direction of fio's JSON."""
    side: str
    figure: object
    chained = True

    def jobs(self, paths):
        """One after the other, each with a report of its own."""
        return " ".join(f"--stonewall --name=job{number} --filename={path.target}" for number, path in enumerate(paths))

    def command(self, paths, seconds):
        """One fio for all disks: starting it takes as long as a measurement, under an emulator."""
        return f"{FIO} --time_based --runtime={seconds} {self.options} {self.jobs(paths)}"

    def empty(self, path):
        """One block."""
        return f"{FIO} --io_size=128k {self.options} {self.jobs([path])}"

    def parse(self, output, paths):
        """In the order of the paths."""
        start = output.find("{")
        if start < 0:
            raise Failed(f"fio said nothing but {output.strip()[-100:]!r}")
        try:
            jobs = {job["jobname"]: job for job in json.loads(output[start:output.rfind("}") + 1])["jobs"]}
            return [self.result(jobs[f"job{number}"]) for number, _ in enumerate(paths)]
        except (ValueError, KeyError) as why:
            raise Failed(f"fio's output is not what it was: {why!r}") from why

    def result(self, job):
        """Of one disk."""
        if job["error"]:
            raise Failed(f"fio saw error {job['error']}")
        side = job[self.side]
        if not side["total_ios"]:
            raise Failed("no request was completed")
        return Result(self.figure(side), bytes=side["io_bytes"])


def megabytes(side):
    """Per second."""
    return side["bw_bytes"] / 1e6


def requests(side):
    """Per second."""
    return side["iops"]


def latency(side):
    """Mean of the whole way from submission to completion."""
    return side["lat_ns"]["mean"] / 1e3


def both_sides(name, params, unit, options, figure, mode="", **more):
    """A job that writes and one that reads."""
    return [Fio(f"fio {name} {side}", params, unit, f"{options} --rw={mode}{side}", side, figure,
                cpu=more.get("cpu", False) and side == "write", counted=more.get("counted", False))
            for side in ("write", "read")]


def tests(vcpus):
    """In the order of the table. With more processors only what needs them."""
    random = "--norandommap --bs=4k"
    if vcpus > 1:
        return [Fio("fio rand read, null_blk", f"4 KiB QD 16, {vcpus} jobs", "IOPS",
                    f"{random} --iodepth=16 --numjobs={vcpus} --rw=randread", "read", requests, counted=True)]
    return (both_sides("seq", "128 KiB QD 8", "MB/s", "--bs=128k --iodepth=8", megabytes, cpu=True, counted=True) +
            both_sides("seq", "1 MiB QD 8", "MB/s", "--bs=1m --iodepth=8", megabytes) +
            both_sides("rand", "4 KiB QD 16", "IOPS", f"{random} --iodepth=16", requests, "rand", counted=True) +
            both_sides("rand", "4 KiB QD 1, mean latency", "us", f"{random} --iodepth=1", latency, "rand"))


def counts(delta, handled, notified, copied):
    """The same figures for each path."""
    return {("notifications", "1/request"): per(notified, handled), ("copies", "1/byte"): copied,
            ("grant calls", "1/request"): per(delta.grant_calls(), handled)}


def account_mmblk(delta):
    """A read is copied once, by the client; a write only where it had to bounce, on either side."""
    size = delta.get("a", "service", "write_bytes") + delta.get("a", "service", "read_bytes")
    copied = delta.get("a", "service", "read_bytes") + sum(delta.get(vm, "service", "bounce_bytes") for vm in "ab")
    signals = sum(delta.get(vm, "service", "signals") for vm in "ab")
    return counts(delta, delta.get("a", "requests", "mmblk0"), signals, per(copied, size))


def is_blkfront(name):
    """Event channels of blkfront and blkback."""
    return name.startswith("blkif")


def account_blkfront(disk):
    """Persistent grants, which both ends use unless told otherwise, cost a copy each way."""
    def account(delta):
        notified = sum(delta.interrupts(machine, is_blkfront) for machine in delta.machines)
        return counts(delta, delta.get("a", "requests", disk), notified, 1.0)
    return account


@dataclass(frozen=True)
class Backing:
    """The device behind, by machine; b has one for mmblk and one for blkback, where those must not share."""
    load: str
    own: str
    of_b: tuple
    kind: str


RAMDISK = Backing(
    f"modprobe -r brd; modprobe brd rd_nr={{number}} rd_size={DISK_MIB * 1024} && "
    # Filled, since a page that brd has never stored reads faster than any disk.
    f"for i in $(seq 0 $(({{number}} - 1))); do "
    f"dd if=/dev/zero of=/dev/ram$i bs=1M count={DISK_MIB} oflag=direct 2>&1; done",
    "ram0", ("ram0", "ram1"), "ramdisk")
NULL_BLK = Backing(
    "modprobe -r null_blk; modprobe null_blk nr_devices={number} queue_mode=2 submit_queues=2 irqmode=0 gb=1",
    "nullb0", ("nullb0", "nullb1"), "null_blk")


def backing(vcpus):
    """null_blk, where the device must not be the limit of several queues."""
    return RAMDISK if vcpus == 1 else NULL_BLK


def paths(vcpus, others=()):
    """All disks are VM a's; machines are those that take part. The last one is what pictures compare with."""
    device = backing(vcpus)
    return (
        Path("mmblk", "a", "/dev/mmblk0", ("a", "b"), account_mmblk),
        Path("blkfront, blkback in b", "a", "/dev/xvdc", ("a", "b"), account_blkfront("xvdc")),
        Path("blkfront, blkback in dom0", "a", "/dev/xvdb", ("a", "dom0"), account_blkfront("xvdb")),
        *others,
        Path(f"{device.kind} in a", "a", f"/dev/{device.own}", ("a",), None),
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


def device_number(lab, name, disk):
    """Major and minor in hexadecimal, as blkback wants them."""
    major, minor = lab.run(name, f"cat /sys/block/{disk}/dev").strip().split(":")
    return f"{int(major):x}:{int(minor):x}"


def wait_device(lab, name):
    """The node appears soon after what makes it says so."""
    lab.run("a", f"for i in $(seq 50); do [ -b /dev/{name} ] && exit 0; sleep 0.1; done; echo no /dev/{name} >&2; exit 1")


def attach(lab, back, name, disk):
    """A disk of the machine back becomes one of a, by xvd name."""
    number = 202 << 8 | (ord(name[-1]) - ord("a")) << 4
    lab.run(back, "modprobe xen-blkback")
    lab.run("a", "modprobe xen-blkfront")
    domid = "0" if back == "dom0" else f"$(xl domid {back})"
    lab.run("dom0", ATTACH.format(back=domid, number=number, name=name, disk=disk,
                                  device=device_number(lab, back, disk)), 90)
    wait_device(lab, name)


def set_up_mmblk(lab, disk):
    """The link may stand already, for mmnet."""
    lab.run("dom0", f"fidoctl blk add a b:/dev/{disk} --queues {lab.vcpus} --wait 60 >&2", 120)
    wait_device(lab, "mmblk0")


def set_up(lab, say, more=0):
    """Makes the paths ready; returns the reason why one is not, by path. b gets some more devices, behind its own."""
    device = backing(lab.vcpus)

    def load(name, number):
        lab.run(name, device.load.format(number=number), 120)

    def set_up_b():
        load("b", len(device.of_b) + more)
        set_up_mmblk(lab, device.of_b[0])

    def set_up_dom0():
        load("dom0", 1)
        attach(lab, "dom0", "xvdb", device.own)

    mmblk, other, dom0, own = (path.name for path in paths(lab.vcpus))
    return set_up_paths({own: lambda: load("a", 1), mmblk: set_up_b,
                         other: lambda: attach(lab, "b", "xvdc", device.of_b[1]), dom0: set_up_dom0}, say)
