#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does to a block device what programs may do, and looks at each result.

    blockdev.py DEVICE

The device is overwritten. Prints a line for each check that succeeded; the
first one that does not ends the program with a message.
"""

import errno
import fcntl
import mmap
import os
import random
import struct
import sys

BLKROSET, BLKROGET, BLKRRPART, BLKFLSBUF = 0x125d, 0x125e, 0x125f, 0x1261
BLKSSZGET, BLKIOMIN, BLKIOOPT, BLKALIGNOFF, BLKPBSZGET = 0x1268, 0x1278, 0x1279, 0x127a, 0x127b
BLKGETSIZE64 = 0x80081272
RAND = random.Random(3)
MIB = 1 << 20


def expect(wanted, what, function, *args):
    """The call fails with this error."""
    try:
        function(*args)
    except OSError as error:
        if error.errno == wanted:
            return
        sys.exit(f"{what}: {error.strerror}, not {os.strerror(wanted)}")
    sys.exit(f"{what}: succeeded, must say {os.strerror(wanted)}")


def equal(got, want, what):
    """Numbers or content."""
    if got != want:
        short = f": {got} and not {want}" if isinstance(got, int) else ""
        sys.exit(f"{what}{short}")


def ioctl_int(fd, number, form="i"):
    """An ioctl that gives a number."""
    buffer = bytearray(8)
    fcntl.ioctl(fd, number, buffer)
    return struct.unpack_from(form, buffer)[0]


def read_at(fd, size, offset):
    """Past the page cache, into memory of its own."""
    buffer = mmap.mmap(-1, (size + 4095) & ~4095)
    view = memoryview(buffer)[:size]
    equal(os.preadv(fd, [view], offset), size, "length of a read")
    return bytes(view)


def numbers(path):
    """What ioctls say is what sysfs does."""
    queue = f"/sys/block/{os.path.basename(path)}/queue/"

    def attribute(name):
        with open(queue + name, encoding="ascii") as file:
            return int(file.read())

    fd = os.open(path, os.O_RDONLY)
    equal(ioctl_int(fd, BLKSSZGET), attribute("logical_block_size"), "BLKSSZGET")
    equal(ioctl_int(fd, BLKPBSZGET, "I"), attribute("physical_block_size"), "BLKPBSZGET")
    equal(ioctl_int(fd, BLKIOMIN, "I"), attribute("minimum_io_size"), "BLKIOMIN")
    equal(ioctl_int(fd, BLKIOOPT, "I"), attribute("optimal_io_size"), "BLKIOOPT")
    equal(ioctl_int(fd, BLKALIGNOFF), 0, "BLKALIGNOFF")
    equal(ioctl_int(fd, BLKGETSIZE64, "Q"), os.lseek(fd, 0, os.SEEK_END), "BLKGETSIZE64")
    os.close(fd)


def alignment(path):
    """O_DIRECT: sectors at any address that is a multiple of 512, and nothing else."""
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    memory = memoryview(mmap.mmap(-1, 64 * 1024))
    for address, length in ((512, 512), (512, 7680), (3584, 1024), (3584, 9728), (1536, 40960)):
        content = RAND.randbytes(length)
        memory[address:address + length] = content
        equal(os.pwritev(fd, [memory[address:address + length]], 512 * length), length, "length of a write")
        equal(read_at(fd, length, 512 * length), content, f"{length} bytes from {address} differ")
        memory[address:address + length] = bytes(length)
        os.preadv(fd, [memory[address:address + length]], 512 * length)
        equal(bytes(memory[address:address + length]), content, f"{length} bytes to {address} differ")
    for address, length, offset in ((0, 100, 0), (0, 513, 0), (0, 512, 100), (0, 512, 256), (1, 512, 0), (511, 512, 0), (256, 512, 0)):
        piece = memory[address:address + length]
        expect(errno.EINVAL, f"write of {length} from {address} to {offset}", os.pwritev, fd, [piece], offset)
        expect(errno.EINVAL, f"read of {length} to {address} from {offset}", os.preadv, fd, [piece], offset)
    os.close(fd)


def pieces(path):
    """Many small pieces of memory in one call, and one large one."""
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    for count, size in ((2, 512), (64, 512), (1000, 512), (300, 1024), (257, 4096), (1024, 4096)):
        memory = memoryview(mmap.mmap(-1, count * 8192))
        places = [i * 8192 + 512 * RAND.randrange((8192 - size) // 512 + 1) for i in range(count)]
        content = RAND.randbytes(count * size)
        for i, place in enumerate(places):
            memory[place:place + size] = content[i * size:(i + 1) * size]
        views = [memory[place:place + size] for place in places]
        equal(os.pwritev(fd, views, MIB), count * size, f"length of a write of {count} pieces")
        equal(read_at(fd, count * size, MIB), content, f"{count} written pieces of {size} differ")
        for view in views:
            view[:] = bytes(size)
        equal(os.preadv(fd, views, MIB), count * size, f"length of a read of {count} pieces")
        equal(b"".join(views), content, f"{count} pieces of {size} that were read differ")
    content = RAND.randbytes(8 * MIB)
    memory = mmap.mmap(-1, 8 * MIB)
    memory[:] = content
    equal(os.pwritev(fd, [memory], 512), 8 * MIB, "length of a large write")
    equal(read_at(fd, 8 * MIB, 512), content, "8 MiB differ")
    os.close(fd)


def flagged(path):
    """RWF_NOWAIT may say EAGAIN, RWF_HIPRI may be ignored; what succeeds is right."""
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    memory = mmap.mmap(-1, 65536)
    for flags, may_fail in ((os.RWF_NOWAIT, {errno.EAGAIN}), (os.RWF_HIPRI, set()), (os.RWF_DSYNC, set()), (os.RWF_SYNC, set())):
        for i in range(50):
            size = RAND.choice((512, 4096, 65536))
            content = RAND.randbytes(size)
            memory[:size] = content
            try:
                equal(os.pwritev(fd, [memoryview(memory)[:size]], i * 65536, flags), size, "length of a write")
            except OSError as error:
                if error.errno not in may_fail:
                    raise
                continue
            equal(read_at(fd, size, i * 65536), content, f"write with flags {flags} differs")
            try:
                equal(os.preadv(fd, [memoryview(memory)[:size]], i * 65536, flags & ~os.RWF_DSYNC & ~os.RWF_SYNC), size, "length of a read")
            except OSError as error:
                if error.errno not in may_fail:
                    raise
                continue
            equal(memory[:size], content, f"read with flags {flags} differs")
    os.close(fd)


def exclusive(path):
    """O_EXCL excludes O_EXCL, and nobody else."""
    first = os.open(path, os.O_RDWR | os.O_EXCL)
    expect(errno.EBUSY, "a second open with O_EXCL", os.open, path, os.O_RDWR | os.O_EXCL)
    os.close(os.open(path, os.O_RDWR))
    os.close(first)
    os.close(os.open(path, os.O_RDWR | os.O_EXCL))


def read_only(path):
    """BLKROSET holds for who opens afterwards, and for writes of who has it open."""
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    before = read_at(fd, 4096, 0)
    fcntl.ioctl(fd, BLKROSET, struct.pack("i", 1))
    equal(ioctl_int(fd, BLKROGET), 1, "BLKROGET")
    memory = mmap.mmap(-1, 4096)
    expect(errno.EPERM, "a write to a read-only disk", os.pwritev, fd, [memory], 0)
    equal(read_at(fd, 4096, 0), before, "a read-only disk has changed")
    fcntl.ioctl(fd, BLKROSET, struct.pack("i", 0))
    equal(ioctl_int(fd, BLKROGET), 0, "BLKROGET")
    equal(os.pwritev(fd, [memory], 0), 4096, "length of a write")
    os.close(fd)


def cache(path):
    """BLKFLSBUF writes what the page cache has, and drops it."""
    cached, direct = os.open(path, os.O_RDWR), os.open(path, os.O_RDWR | os.O_DIRECT)
    for size in (512, 5000, 3 * MIB + 17):
        content = RAND.randbytes(size)
        equal(os.pwrite(cached, content, 12345), size, "length of a write")
        fcntl.ioctl(cached, BLKFLSBUF)
        equal(read_at(direct, (size + 12345 + 511) & ~511, 0)[12345:12345 + size], content, "cached writes are not on the disk")
        equal(os.pread(cached, size, 12345), content, "cached reads differ")
    os.close(cached)
    os.close(direct)


def beyond(path):
    """The end, and what lies behind it."""
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    end = os.lseek(fd, 0, os.SEEK_END)
    memory = mmap.mmap(-1, MIB)
    expect(errno.ENOSPC, "a write behind the end", os.pwritev, fd, [memory], end)
    equal(os.pwritev(fd, [memory], end - 65536), 65536, "length of a write over the end")
    equal(os.preadv(fd, [memory], end - 512), 512, "length of a read over the end")
    equal(os.preadv(fd, [memory], end), 0, "length of a read behind the end")
    os.close(fd)


def main():
    """All of them."""
    for function in numbers, alignment, pieces, flagged, exclusive, read_only, cache, beyond:
        function(sys.argv[1])
        print(f"{function.__name__}: {function.__doc__}")


if __name__ == "__main__":
    main()
