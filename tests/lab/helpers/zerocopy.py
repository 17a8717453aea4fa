#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Sends with MSG_ZEROCOPY.

  zerocopy.py tcp HOST PORT SECONDS COUNT LENGTH   COUNT pieces, a stream
  zerocopy.py udp HOST PORT SECONDS COUNT LEN...   as by datagrams.py send

There are a few buffers, used in turn. One is written again as soon as the
kernel has told that it does not need it any more, and not before; that may
take SECONDS at most. At the end all such notices have come. Printed are how
often the kernel has copied all the same, and the SHA-256 of a stream.
"""
import errno
import hashlib
import select
import socket
import struct
import sys
import time

from datagrams import content

BUFFERS = 8
MSG_ZEROCOPY = 0x4000000
MSG_ERRQUEUE = 0x2000
SO_ZEROCOPY = 60
NOTICES = ((0, 11), (41, 25))  # SOL_IP, IP_RECVERR; SOL_IPV6, IPV6_RECVERR
EXTENDED_ERROR = "=IBBBBII"  # errno, origin, type, code, pad, info, data
ORIGIN_ZEROCOPY = 5
CODE_COPIED = 1


class Sender:
    """A socket and its buffers."""

    def __init__(self, sock, length, seconds):
        sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        self.sock = sock
        self.seconds = seconds
        self.poll = select.poll()
        self.poll.register(sock, 0)  # errors are told in any case
        self.buffers = [memoryview(bytearray(length)) for _ in range(BUFFERS)]
        # of each buffer: numbers of the calls whose notice is awaited
        self.used = [set() for _ in range(BUFFERS)]
        self.calls = 0
        self.turn = 0
        self.copied = 0

    def take_notice(self):
        """Returns False if there is none."""
        try:
            _, notices, _, _ = self.sock.recvmsg(1, 512, MSG_ERRQUEUE)
        except BlockingIOError:
            return False
        for level, kind, data in notices:
            if (level, kind) not in NOTICES:
                continue
            _, origin, _, code, _, first, last = struct.unpack_from(
                EXTENDED_ERROR, data)
            if origin != ORIGIN_ZEROCOPY:
                sys.exit(f"zerocopy.py: a notice of origin {origin}")
            if code & CODE_COPIED:
                self.copied += last - first + 1
            for used in self.used:
                used.difference_update(range(first, last + 1))
        return True

    def wait_for_notice(self):
        end = time.monotonic() + self.seconds
        while not self.take_notice():
            if time.monotonic() > end:
                sys.exit(f"zerocopy.py: no notice for {self.seconds} s")
            self.poll.poll(100)

    def wait_for(self, used):
        while used:
            self.wait_for_notice()

    def send(self, data):
        """Takes the next buffer when nobody needs it any more."""
        buffer, used = self.buffers[self.turn], self.used[self.turn]
        self.turn = (self.turn + 1) % BUFFERS
        self.wait_for(used)
        buffer[:len(data)] = data
        rest = buffer[:len(data)]
        while rest:
            try:
                done = self.sock.send(rest, MSG_ZEROCOPY)
            except OSError as err:
                if err.errno != errno.ENOBUFS:
                    raise
                self.wait_for_notice()  # too many are under way
                continue
            used.add(self.calls)
            self.calls += 1
            rest = rest[done:]

    def end(self):
        for used in self.used:
            self.wait_for(used)
        print("notices of", self.calls, "calls, copied", self.copied)


def send_tcp(host, port, seconds, count, length):
    digest = hashlib.sha256()
    with socket.create_connection((host, port)) as sock:
        sender = Sender(sock, length, seconds)
        for number in range(count):
            data = content(number, length)
            digest.update(data)
            sender.send(data)
        sender.end()
    print(digest.hexdigest())


def send_udp(host, port, seconds, count, lengths):
    family, _, _, _, peer = socket.getaddrinfo(host, port)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(peer)
        sender = Sender(sock, max(lengths), seconds)
        for number in range(count):
            for length in lengths:
                sender.send(content(number, length))
        sender.end()


def main(argv):
    host, (port, seconds, count, *lengths) = argv[2], map(int, argv[3:])
    if argv[1] == "tcp":
        send_tcp(host, port, seconds, count, lengths[0])
    else:
        send_udp(host, port, seconds, count, lengths)


main(sys.argv)
