#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Datagrams whose content both sides know.

  datagrams.py send HOST PORT COUNT LEN... [sndbuf=BYTES] [segment=1]
  datagrams.py recv PORT SECONDS COUNT LEN... [hold=PATH]

COUNT datagrams of each length. The receiver takes them in any order and prints
how many of them came; it fails if one is damaged. With hold= it reads nothing
before PATH exists. With segment= all datagrams of a length are given to the
kernel at once, which has them segmented.
"""
import hashlib
import os
import select
import socket
import sys
import time

SO_RCVBUFFORCE = 33
SOL_UDP = 17
UDP_SEGMENT = 103
BASE = hashlib.shake_128(b"datagram").digest(1 << 17)


def content(number, length):
    head = number.to_bytes(4, "big")[:length]
    start = number % 8191
    return head + BASE[start:start + length - len(head)]


def open_socket(family):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 27)
    return sock


def send_singly(sock, peer, count, lengths):
    for number in range(count):
        for length in lengths:
            sock.sendto(content(number, length), peer)


def send_segmented(sock, peer, count, lengths):
    for length in lengths:
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, length)
        sock.sendto(b"".join(content(number, length)
                             for number in range(count)), peer)


def send(host, port, count, lengths, options):
    family, _, _, _, peer = socket.getaddrinfo(host, port)[0]
    sock = open_socket(family)
    if "sndbuf" in options:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF,
                        int(options["sndbuf"]))
    if "segment" in options:
        send_segmented(sock, peer, count, lengths)
    else:
        send_singly(sock, peer, count, lengths)
    print("sent", count * len(lengths))


def recv(port, seconds, count, lengths, options):
    sock = open_socket(socket.AF_INET6)
    sock.bind(("::", port))
    print("listening", flush=True)
    while "hold" in options and not os.path.exists(options["hold"]):
        time.sleep(0.1)
    end = time.monotonic() + seconds
    got = 0
    while got < count * len(lengths):
        left = end - time.monotonic()
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            break
        data = sock.recv(1 << 17)
        number = int.from_bytes(data[:4], "big") if len(data) >= 4 else 0
        if len(data) not in lengths or data != content(number, len(data)):
            if len(data) >= 4:
                print("datagram of", len(data), "bytes is damaged")
                return 1
        got += 1
    print("received", got)
    return 0


def main(argv):
    options = dict(a.split("=") for a in argv if "=" in a)
    args = [a for a in argv[2:] if "=" not in a]
    if argv[1] == "send":
        return send(args[0], int(args[1]), int(args[2]),
                    [int(n) for n in args[3:]], options)
    return recv(int(args[0]), float(args[1]), int(args[2]),
                [int(n) for n in args[3:]], options)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
