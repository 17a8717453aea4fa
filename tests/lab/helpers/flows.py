#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TCP connections whose content both sides know, and round trips.

  flows.py serve PORT                     for both of these, until it is killed
  flows.py both HOST PORT NUMBER BYTES    NUMBER connections at a time
  flows.py trips HOST PORT COUNT          COUNT round trips of a byte on one

Each connection of "both" has a process, on the CPUs in turn; BYTES go there,
then as many come back, each way with a checksum at the end.
"""
import hashlib
import os
import signal
import socket
import struct
import sys
import traceback

HEAD = struct.Struct("!cI")
PIECE = 1 << 16


def receive(sock, length):
    data = bytearray()
    while len(data) < length:
        piece = sock.recv(min(PIECE, length - len(data)))
        if not piece:
            raise EOFError(f"{len(data)} of {length} bytes came")
        data += piece
    return bytes(data)


def send_checked(sock, length):
    data = os.urandom(length)
    sock.sendall(data)
    sock.sendall(hashlib.sha256(data).digest())


def receive_checked(sock, length):
    data = receive(sock, length)
    if receive(sock, 32) != hashlib.sha256(data).digest():
        raise ValueError(f"{length} bytes are not what was sent")


def answer(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    kind, number = HEAD.unpack(receive(sock, HEAD.size))
    if kind == b"b":
        receive_checked(sock, number)
        send_checked(sock, number)
    else:
        for _ in range(number):
            sock.sendall(receive(sock, 1))
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)


def in_child(function, *args):
    pid = os.fork()
    if pid:
        return pid
    try:
        function(*args)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def serve(port):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.create_server(("", port), backlog=64)
    while True:
        sock = listener.accept()[0]
        in_child(answer, sock)
        sock.close()


def flow(cpu, host, port, length):
    os.sched_setaffinity(0, {cpu})
    with socket.create_connection((host, port)) as sock:
        sock.sendall(HEAD.pack(b"b", length))
        send_checked(sock, length)
        receive_checked(sock, length)


def both(host, port, number, length):
    cpus = sorted(os.sched_getaffinity(0))
    pids = [in_child(flow, cpus[i % len(cpus)], host, port, length) for i in range(number)]
    failed = [pid for pid in pids if os.waitpid(pid, 0)[1]]
    if failed:
        sys.exit(f"{len(failed)} of {number} connections failed")


def trips(host, port, count):
    with socket.create_connection((host, port)) as sock:
        # and no time limit: with one, Python waits in poll() and not in recv()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(HEAD.pack(b"t", count))
        for i in range(count):
            byte = bytes([i & 255])
            sock.sendall(byte)
            if receive(sock, 1) != byte:
                sys.exit(f"round trip {i} brought something else")


def main():
    args = sys.argv[2:]
    if sys.argv[1] == "serve":
        serve(int(args[0]))
    elif sys.argv[1] == "both":
        both(args[0], int(args[1]), int(args[2]), int(args[3]))
    else:
        trips(args[0], int(args[1]), int(args[2]))


main()
