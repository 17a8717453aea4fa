#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Streams whose content both sides know, and that need not come to an end.

  stream.py send HOST PORT STOP FROM   one connection after the other, from the
                                       address FROM
  stream.py recv PORT STOP             takes them all, several at a time

Until the file STOP exists. A connection that breaks, or on which nothing has
moved for some seconds, is given up with all that is queued for it. The
receiver looks at each byte, and ends at once if one is wrong. At its end it
prints how many bytes came, and on how many connections.
"""
import hashlib
import os
import select
import socket
import struct
import sys
import time

PATIENCE = 3
PIECE = 1 << 17
# no multiple of a page: what lies in a page is something else each time
PERIOD = (1 << 20) - 3
BASE = hashlib.shake_128(b"stream").digest(PERIOD)
BASE += BASE[:PIECE]


def content(offset, length):
    start = offset % PERIOD
    return BASE[start:start + length]


def forget_at_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))


def send_one(host, port, stop, source):
    # an address that is not there must not be replaced by one of another path
    with socket.create_connection((host, port), timeout=PATIENCE,
                                  source_address=(source, 0)) as sock:
        forget_at_close(sock)
        offset = 0
        while not os.path.exists(stop):
            offset += sock.send(content(offset, PIECE))


def send(host, port, stop, source):
    while not os.path.exists(stop):
        try:
            send_one(host, port, stop, source)
        except OSError:
            time.sleep(0.1)
    return 0


class Stream:
    """A connection that is received."""

    def __init__(self, sock):
        self.sock = sock
        self.offset = 0
        self.latest = time.monotonic()
        sock.setblocking(False)
        forget_at_close(sock)

    def fileno(self):
        return self.sock.fileno()

    def is_idle(self):
        return time.monotonic() - self.latest > PATIENCE

    def take(self):
        """Returns False at the end."""
        try:
            piece = self.sock.recv(PIECE)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if piece != content(self.offset, len(piece)):
            sys.exit(f"stream.py: wrong within {len(piece)} bytes "
                     f"from {self.offset} on")
        self.offset += len(piece)
        self.latest = time.monotonic()
        return bool(piece)


def recv(port, stop):
    server = socket.create_server(("", port), family=socket.AF_INET6,
                                  dualstack_ipv6=True)
    streams = []
    size = number = 0
    while not os.path.exists(stop):
        ready = select.select([server, *streams], [], [], 0.2)[0]
        if server in ready:
            ready.remove(server)
            streams.append(Stream(server.accept()[0]))
            number += 1
        over = [s for s in ready if not s.take()]
        over += [s for s in streams if s.is_idle() and s not in over]
        for stream in over:
            size += stream.offset
            streams.remove(stream)
            stream.sock.close()
    print(size + sum(s.offset for s in streams), "bytes on", number,
          "connections")
    return 0


def main(argv):
    if argv[1] == "send":
        return send(argv[2], int(argv[3]), argv[4], argv[5])
    return recv(int(argv[2]), argv[3])


sys.exit(main(sys.argv))
