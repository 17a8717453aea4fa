#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Takes streams on a port, one after the other, until a file appears.

    gaps.py PORT STOP

For each stream a line: its SHA-256, its bytes, and the longest time in
milliseconds in which nothing arrived, from the beginning of the connection to
its end.
"""

import hashlib
import os
import socket
import sys
import time


def take(conn):
    """One stream, to its end."""
    digest, size, longest = hashlib.sha256(), 0, 0.0
    before = time.monotonic()
    while True:
        piece = conn.recv(1 << 17)
        longest = max(longest, time.monotonic() - before)
        if not piece:
            return digest.hexdigest(), size, longest
        digest.update(piece)
        size += len(piece)
        # what the sum takes is no gap
        before = time.monotonic()


def main():
    """Until told to stop."""
    port, stop = int(sys.argv[1]), sys.argv[2]
    server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    server.settimeout(0.5)
    while not os.path.exists(stop):
        try:
            conn, _ = server.accept()
        except socket.timeout:
            continue
        conn.settimeout(120)
        with conn:
            digest, size, longest = take(conn)
        print(digest, size, round(1000 * longest), flush=True)


if __name__ == "__main__":
    main()
