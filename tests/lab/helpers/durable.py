#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes to a block device, past the page cache, and notes there what is durable.

    durable.py DEVICE BATCHES

Sector 0 to 7 are the note. Each other block of 4 KiB that is written says

    magic, its number in the order of writing, and its place on the device.

A batch is some writes of one to sixteen blocks, from four threads at once, no
two of them to the same place. When all have returned the program makes them
durable: in most batches by fdatasync(), in some by writing the blocks with
RWF_DSYNC in the first place. Then it writes the note: every block of a number
below N is durable. So whoever sees the order in which the device got all this
can tell whether that was true: replay-log.py does. Prints the last N.
"""

import mmap
import os
import random
import struct
import sys
import threading

BLOCK = 4096
THREADS = 4
MAGIC_DATA = b"fidodata"
MAGIC_NOTE = b"fidonote"


class Device:
    """An open block device with a buffer for each thread."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_DIRECT)
        self.blocks = os.lseek(self.fd, 0, os.SEEK_END) // BLOCK
        self.buffer = [mmap.mmap(-1, 16 * BLOCK) for _ in range(THREADS + 1)]

    def write(self, thread, place, content, flags=0):
        """Blocks to a place, from the thread's buffer."""
        buffer = self.buffer[thread]
        for i, head in enumerate(content):
            buffer[i * BLOCK:(i + 1) * BLOCK] = head + bytes([head[8]]) * (BLOCK - len(head))
        size = len(content) * BLOCK
        if os.pwritev(self.fd, [memoryview(buffer)[:size]], place * BLOCK, flags) != size:
            raise OSError("short write")


def batch(device, rand, number):
    """Writes (place, heads) of one batch, all to different places."""
    step = 16
    slots = rand.sample(range(1, device.blocks // step), rand.randint(2, 12))
    writes = []
    for slot in slots:
        length = rand.choice((1, 1, 2, 5, 16))
        place = slot * step + rand.randint(0, step - length)
        heads = [struct.pack("<8sQQ", MAGIC_DATA, number + i, place + i) for i in range(length)]
        number += length
        writes.append((place, heads))
    return writes, number


def write_all(device, writes, flags):
    """From several threads at once."""
    errors = []

    def work(thread):
        try:
            for place, heads in writes[thread::THREADS]:
                device.write(thread, place, heads, flags)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def main():
    """Batches, each followed by its note."""
    device, batches = Device(sys.argv[1]), int(sys.argv[2])
    rand, number = random.Random(1), 0
    for i in range(batches):
        writes, number = batch(device, rand, number)
        through = i % 4 == 3
        write_all(device, writes, os.RWF_DSYNC if through else 0)
        if not through:
            os.fdatasync(device.fd)
        device.write(THREADS, 0, [struct.pack("<8sQ", MAGIC_NOTE, number)])
    os.fsync(device.fd)
    print(number)


if __name__ == "__main__":
    main()
