#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Odd Ethernet frames, from one machine to another, compared byte by byte.

  frames.py send DEV DEST LEN...       send one frame of each length
  frames.py recv DEV SECONDS LEN... [kind=N]
                                       wait for all of them, in any order
  frames.py tap DEV SECONDS LEN...     the same, at the port of a bridge, too

A frame's content follows from its length, so that both sides know it. The
lengths count the Ethernet header, and not a VLAN tag that the device adds.
With kind= all must be taken for such: 0 to this host, 1 to all, 2 to a group,
3 to another host.
"""
import hashlib
import select
import socket
import sys
import time

ETHERTYPE = 0x88b5  # local experimental
ETH_P_ALL = 3
PACKET_OUTGOING = 4
HEADER = 14
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33


def payload(length):
    return hashlib.shake_128(b"%d" % length).digest(length - HEADER)


def open_socket(dev, proto):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                         socket.htons(proto))
    for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
        sock.setsockopt(socket.SOL_SOCKET, option, 1 << 24)
    sock.bind((dev, proto))
    return sock


def send(dev, dest, lengths):
    sock = open_socket(dev, 0)
    source = sock.getsockname()[4]
    header = bytes.fromhex(dest.replace(":", "")) + source
    header += ETHERTYPE.to_bytes(2, "big")
    for length in lengths:
        while True:
            try:
                sock.send(header + payload(length))
                break
            except OSError as err:
                if err.errno != 105:  # ENOBUFS: the qdisc is full
                    raise
                time.sleep(0.01)
    print("sent", len(lengths))


def is_ours(frame, kind):
    return (frame[12:14] == ETHERTYPE.to_bytes(2, "big") and
            kind != PACKET_OUTGOING)


def recv(dev, seconds, lengths, proto, kind=None):
    sock = open_socket(dev, proto)
    print("listening", flush=True)
    wanted = set(lengths)
    end = time.monotonic() + seconds
    while wanted:
        left = end - time.monotonic()
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            print("missing", sorted(wanted))
            return 1
        frame, address = sock.recvfrom(1 << 17)
        if not is_ours(frame, address[2]):
            continue
        if frame[HEADER:] != payload(len(frame)):
            print("frame of", len(frame), "bytes is damaged")
            return 1
        if kind is not None and address[2] != kind:
            print("frame of", len(frame), "bytes is of kind", address[2])
            return 1
        wanted.discard(len(frame))
    print("received", len(lengths))
    return 0


def main(argv):
    if argv[1] == "send":
        return send(argv[2], argv[3], [int(n) for n in argv[4:]])
    kind = None
    if argv[-1].startswith("kind="):
        kind = int(argv.pop()[5:])
    return recv(argv[2], float(argv[3]), [int(n) for n in argv[4:]],
                ETH_P_ALL if argv[1] == "tap" else ETHERTYPE, kind)


sys.exit(main(sys.argv))
