#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Takes all event channels that this domain may have, and keeps them.

    channels.py STOP

Says how many it got, and why it got no more. Ends, and gives them back, when
the file STOP is there. Needs /dev/xen/evtchn (xen-evtchn.ko).
"""

import fcntl
import os
import struct
import sys
import time

BIND_UNBOUND_PORT = 0x44502
MOST = 10000


def take(fd):
    """Ports that dom0 could bind to, which it never does."""
    for number in range(MOST):
        try:
            fcntl.ioctl(fd, BIND_UNBOUND_PORT, struct.pack("I", 0))
        except OSError as error:
            return number, error.strerror
    return MOST, "enough"


def main():
    """Until told to stop."""
    fd = os.open("/dev/xen/evtchn", os.O_RDWR)
    number, why = take(fd)
    print(f"took {number} event channels: {why}", flush=True)
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.2)


main()
