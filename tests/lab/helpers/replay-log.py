#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Reads what the target "log-writes" of the device mapper has logged.

    replay-log.py list LOG
    replay-log.py check LOG N
    replay-log.py replay LOG IMAGE
    replay-log.py states LOG IMAGE COPY MOST COMMAND...

LOG is the log device or a copy of it: a super block, then for each write a
sector that describes it, followed by its data. Writes without FUA are there in
the order of their completion, but no sooner than the next flush.

check    durable.py wrote this: each of its notes was true. Every block that a
         note calls durable is in the log before it, and a flush lies between
         them, or the block was written with FUA. The last note says N.
replay   IMAGE, at first full of zeroes, becomes what the device is at the end.
states   IMAGE becomes, step by step, what the device would have been after a
         loss of power behind each flush, FUA write and mark. MOST of these
         states, spread evenly, and all at marks, are copied to COPY, and
         COMMAND is run, with MARK in its environment. It must succeed.
"""

import os
import shutil
import struct
import subprocess
import sys

MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
BLOCK = 4096


class Entry:
    """What the log says about one write."""

    def __init__(self, head, sector_size):
        sector, sectors, self.flags, self.length = struct.unpack_from("<QQQQ", head)
        self.offset, self.size = sector * sector_size, sectors * sector_size
        self.mark = head[32:32 + self.length].decode() if self.flags & MARK else ""
        self.data = b""

    def is_state(self):
        """Does a loss of power behind it leave what is known?"""
        return bool(self.flags & (FLUSH | FUA | MARK))

    def names(self):
        """The flags in words."""
        words = (FLUSH, "flush"), (FUA, "fua"), (DISCARD, "discard"), (MARK, "mark")
        return ",".join(word for flag, word in words if self.flags & flag) or "write"


def entries(path):
    """All entries of a log, one after the other, with their data."""
    with open(path, "rb") as log:
        magic, version, count, sector_size = struct.unpack_from("<QQQI", log.read(28))
        if magic != MAGIC or version != 1:
            sys.exit(f"{path} is no log of writes")
        log.seek(sector_size)
        for _ in range(count):
            entry = Entry(log.read(sector_size), sector_size)
            if entry.size and not entry.flags & DISCARD:
                entry.data = log.read(entry.size)
                if len(entry.data) != entry.size:
                    sys.exit(f"{path} ends in the middle of a write")
            yield entry


def apply(entry, image):
    """The write, done to the image."""
    image.seek(entry.offset)
    if entry.flags & DISCARD:
        # the devices that are used for this read zeroes then
        image.write(bytes(entry.size))
    elif entry.data:
        image.write(entry.data)


class Checker:
    """Goes through the log and knows which numbers are durable."""

    def __init__(self):
        self.durable, self.volatile = set(), set()
        self.notes = self.last = 0

    def block(self, data, place, is_fua):
        """A block of durable.py; returns what is wrong."""
        magic, number = struct.unpack_from("<8sQ", data)
        if magic == b"fidonote":
            missing = set(range(number)) - self.durable
            self.notes, self.last = self.notes + 1, number
            if missing:
                where = "has not even been written" if min(missing) not in self.volatile else "has not been flushed"
                return f"note {self.notes} calls block {min(missing)} durable, which {where}; {len(missing)} such"
        elif magic == b"fidodata":
            if struct.unpack_from("<Q", data, 16)[0] != place:
                return f"block {number} is at {place}, not where it belongs"
            (self.durable if is_fua else self.volatile).add(number)
        elif any(data):
            return f"something else at block {place}"
        return None

    def entry(self, entry):
        """One write of the log."""
        # what is in the log before a flush was complete when the flush was sent
        if entry.flags & FLUSH:
            self.durable |= self.volatile
            self.volatile.clear()
        if entry.flags & DISCARD:
            return None
        for at in range(0, len(entry.data), BLOCK):
            wrong = self.block(entry.data[at:at + BLOCK], (entry.offset + at) // BLOCK, entry.flags & FUA)
            if wrong:
                return wrong
        return None


def check(path, last):
    """The claims of durable.py."""
    checker, flushes, fuas, number = Checker(), 0, 0, 0
    for number, entry in enumerate(entries(path)):
        flushes += bool(entry.flags & FLUSH)
        fuas += bool(entry.flags & FUA)
        wrong = checker.entry(entry)
        if wrong:
            sys.exit(f"entry {number} ({entry.names()}): {wrong}")
    if checker.last != last:
        sys.exit(f"the last note in the log says {checker.last}, the program said {last}")
    print(f"{number + 1} entries, {flushes} flushes, {fuas} with FUA, {checker.notes} notes, {last} blocks durable")


def replay(path, image_path):
    """All of the log."""
    with open(image_path, "r+b") as image:
        for entry in entries(path):
            apply(entry, image)


def chosen_states(path, most):
    """Numbers of the entries behind which to look."""
    states = [(number, entry.flags & MARK) for number, entry in enumerate(entries(path)) if entry.is_state()]
    step = max(1, len(states) // most)
    return {number for i, (number, mark) in enumerate(states) if mark or i % step == 0}


def states(path, image_path, copy, most, command):
    """Look at what a loss of power would have left."""
    chosen = chosen_states(path, most)
    with open(image_path, "r+b") as image:
        for number, entry in enumerate(entries(path)):
            apply(entry, image)
            if number not in chosen:
                continue
            image.flush()
            shutil.copyfile(image_path, copy)
            env = dict(os.environ, MARK=entry.mark, ENTRY=str(number))
            if subprocess.run(command, env=env, check=False).returncode:
                sys.exit(f"behind entry {number} ({entry.names()} {entry.mark}): {' '.join(command)} failed")
    print(f"{len(chosen)} states looked at")


def show(path):
    """A line for each entry."""
    for number, entry in enumerate(entries(path)):
        print(number, entry.names(), entry.offset // 512, entry.size // 512, entry.mark)


def main():
    """Which of them?"""
    verb, path = sys.argv[1:3]
    if verb == "check":
        check(path, int(sys.argv[3]))
    elif verb == "replay":
        replay(path, sys.argv[3])
    elif verb == "states":
        states(path, sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6:])
    else:
        show(path)


if __name__ == "__main__":
    main()
