#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Two tun devices, and a process between them.

  tun.py NAME NAME     hands on what comes by one to the other

The devices can be moved to other namespaces once "ready" is printed.
"""
import fcntl
import os
import select
import struct
import sys

TUNSETIFF = 0x400454ca
IFF_TUN = 1
IFF_NO_PI = 0x1000


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF,
                struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def main(argv):
    one, two = open_tun(argv[1]), open_tun(argv[2])
    other = {one: two, two: one}
    print("ready", flush=True)
    while True:
        for tun in select.select([one, two], [], [])[0]:
            packet = os.read(tun, 1 << 17)
            try:
                os.write(other[tun], packet)
            except OSError:
                pass  # not up yet


main(sys.argv)
