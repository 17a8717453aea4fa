#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Datagrams whose content both sides know.

  datagrams.py send HOST PORT COUNT LEN... [sndbuf=BYTES] [segment=1] [dev=DEV]
  datagrams.py recv PORT SECONDS COUNT LEN... [hold=PATH] [group=HOST dev=DEV]
  datagrams.py ask HOST PORT COUNT LEN... wait=SECONDS [df=0]
  datagrams.py echo PORT STOP

COUNT datagrams of each length. The receiver takes them in any order and prints
how many of them came; it fails if one is damaged. With hold= it reads nothing
before PATH exists. With segment= all datagrams of a length are given to the
kernel at once, which has them segmented. With group= the receiver joins it on
the device, and gets nothing else; the sender names the device, too.

Who asks sends one datagram at a time, waits for the same in return, and asks a
few times more if none comes. With df=0 routers may fragment what is sent. Who
echoes does so until the file STOP exists.
"""
import hashlib
import os
import select
import socket
import struct
import sys
import time

SO_RCVBUFFORCE = 33
SOL_UDP = 17
UDP_SEGMENT = 103
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT = 0
TRIES = 5
BASE = hashlib.shake_128(b"datagram").digest(1 << 17)


def content(number, length):
    head = number.to_bytes(4, "big")[:length]
    start = number % 8191
    return head + BASE[start:start + length - len(head)]


def open_socket(family):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 27)
    return sock


def is_ipv4(host):
    return ":" not in host


def send_by(sock, family, dev):
    """Groups have no route of their own."""
    index = socket.if_nametoindex(dev)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                        struct.pack("=4s4si", bytes(4), bytes(4), index))


def join(group, port, dev):
    """Returns a socket that is bound to the group."""
    index = socket.if_nametoindex(dev)
    if is_ipv4(group):
        sock = open_socket(socket.AF_INET)
        sock.bind((group, port))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        struct.pack("=4s4si", socket.inet_aton(group),
                                    bytes(4), index))
        return sock
    sock = open_socket(socket.AF_INET6)
    sock.bind((group, port, 0, index))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(socket.AF_INET6, group) +
                    struct.pack("=i", index))
    return sock


def bind_all(port):
    sock = open_socket(socket.AF_INET6)
    sock.bind(("::", port))
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
    if "dev" in options:
        send_by(sock, family, options["dev"])
    if "segment" in options:
        send_segmented(sock, peer, count, lengths)
    else:
        send_singly(sock, peer, count, lengths)
    print("sent", count * len(lengths))


def recv(port, seconds, count, lengths, options):
    if "group" in options:
        sock = join(options["group"], port, options["dev"])
    else:
        sock = bind_all(port)
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


def is_known(data, count, lengths):
    number = int.from_bytes(data[:4], "big")
    return (len(data) in lengths and number < count and
            data == content(number, len(data)))


def answer_to(sock, peer, seconds):
    end = time.monotonic() + seconds
    while select.select([sock], [], [], max(0, end - time.monotonic()))[0]:
        data, address = sock.recvfrom(1 << 17)
        if address[0] == peer[0]:
            return data
    return None


def ask_one(sock, peer, data, wait, is_late):
    for _ in range(TRIES):
        try:
            sock.sendto(data, peer)
        except OSError as err:
            print("sending", len(data), "bytes:", err)
        answer = answer_to(sock, peer, wait)
        # to a question that was asked again
        while answer is not None and answer != data and is_late(answer):
            answer = answer_to(sock, peer, wait)
        if answer is not None:
            return answer == data
    return False


def ask(host, port, count, lengths, options):
    family, _, _, _, peer = socket.getaddrinfo(host, port)[0]
    sock = open_socket(family)
    if "df" in options:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    for number in range(count):
        for length in lengths:
            if not ask_one(sock, peer, content(number, length),
                           float(options["wait"]),
                           lambda data: is_known(data, count, lengths)):
                print("datagram", number, "of", length, "bytes: no answer, or "
                      "a wrong one")
                return 1
    print("answered", count * len(lengths))
    return 0


def echo(port, stop):
    sock = bind_all(port)
    print("listening", flush=True)
    while not os.path.exists(stop):
        if not select.select([sock], [], [], 0.2)[0]:
            continue
        data, peer = sock.recvfrom(1 << 17)
        try:
            sock.sendto(data, peer)
        except OSError as err:
            print("sending", len(data), "bytes:", err, flush=True)
    return 0


def main(argv):
    options = dict(a.split("=") for a in argv if "=" in a)
    args = [a for a in argv[2:] if "=" not in a]
    if argv[1] == "echo":
        return echo(int(args[0]), args[1])
    if argv[1] in ("send", "ask"):
        what = send if argv[1] == "send" else ask
        return what(args[0], int(args[1]), int(args[2]),
                    [int(n) for n in args[3:]], options)
    return recv(int(args[0]), float(args[1]), int(args[2]),
                [int(n) for n in args[3:]], options)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
