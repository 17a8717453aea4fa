#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A TCP stream made of odd pieces, or read in odd ways.

  pieces.py send HOST PORT FILE PIECES   sendfile() many pieces of a file
  pieces.py splice PORT                  receive by splice() through a pipe
  pieces.py read PORT                    receive by read()
  pieces.py map PORT                     have pages mapped, where the kernel can
  pieces.py proxy PORT HOST PORT         from one socket to the other by splice()

A piece begins anywhere in a page and is as short as one byte; held back by
TCP_CORK, they become frames of as many fragments as an skb can have. Both
sides print the SHA-256 of the stream.
"""
import ctypes
import hashlib
import mmap
import os
import socket
import struct
import sys

MAX_PIECE = 5000

TCP_ZEROCOPY_RECEIVE = 35
MAP_SIZE = 1 << 18
# struct tcp_zerocopy_receive, up to recv_skip_hint
MAP_REQUEST = struct.Struct("=QII")


def pieces(size, number):
    """Deterministic, odd."""
    state = 1
    for _ in range(number):
        state = (state * 1103515245 + 12345) % (1 << 31)
        length = 1 + (state >> 8) % (MAX_PIECE if state & 64 else 100)
        yield (state >> 3) % (size - length), length


def send(host, port, path, number):
    file = os.open(path, os.O_RDONLY)
    size = os.fstat(file).st_size
    digest = hashlib.sha256()
    sock = socket.create_connection((host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    for offset, length in pieces(size, number):
        digest.update(os.pread(file, length, offset))
        while length:
            done = os.sendfile(sock.fileno(), file, offset, length)
            offset += done
            length -= done
    sock.close()
    print(digest.hexdigest())


def accept(port):
    server = socket.socket(socket.AF_INET6)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("::", port))
    server.listen(1)
    print("listening", flush=True)
    return server.accept()[0]


def receive_read(port):
    sock = accept(port)
    digest = hashlib.sha256()
    while data := sock.recv(100001):
        digest.update(data)
    print(digest.hexdigest())


def receive_splice(port):
    sock = accept(port)
    digest = hashlib.sha256()
    reader, writer = os.pipe()
    while True:
        left = os.splice(sock.fileno(), writer, 60001)
        if not left:
            break
        while left:
            data = os.read(reader, left)
            digest.update(data)
            left -= len(data)
    print(digest.hexdigest())


def place_for(libc, sock):
    """Addresses that pages of this socket can be mapped to."""
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                          ctypes.c_int, ctypes.c_int, ctypes.c_long]
    place = libc.mmap(None, MAP_SIZE, mmap.PROT_READ, mmap.MAP_SHARED,
                      sock.fileno(), 0)
    if place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap of a socket")
    return place


def map_pages(libc, sock, place):
    """How many bytes were mapped, and how many have to be copied; or None."""
    request = bytearray(MAP_REQUEST.pack(place, MAP_SIZE, 0))
    # getsockopt() of Python gives no input to the kernel
    length = ctypes.c_uint32(len(request))
    buffer = (ctypes.c_char * len(request)).from_buffer(request)
    if libc.getsockopt(sock.fileno(), socket.IPPROTO_TCP,
                       TCP_ZEROCOPY_RECEIVE, buffer, ctypes.byref(length)):
        return None
    return MAP_REQUEST.unpack(request)[1:]


def receive_map(port):
    sock = accept(port)
    libc = ctypes.CDLL(None, use_errno=True)
    place = place_for(libc, sock)
    digest = hashlib.sha256()
    total = refused = 0
    while sock.recv(1, socket.MSG_PEEK):
        found = map_pages(libc, sock, place)
        refused += found is None
        mapped, hint = found or (0, 0)
        digest.update(ctypes.string_at(place, mapped))
        total += mapped
        # who has more to copy than to map reads on as far as that goes
        if hint or not mapped:
            digest.update(sock.recv(hint or MAP_SIZE))
    print(f"mapped {total}, refused {refused}")
    print(digest.hexdigest())


def proxy(port, host, to_port):
    source = accept(port)
    sink = socket.create_connection((host, to_port))
    reader, writer = os.pipe()
    while left := os.splice(source.fileno(), writer, 60001):
        while left:
            left -= os.splice(reader, sink.fileno(), left)
    sink.close()


def main(argv):
    if argv[1] == "send":
        send(argv[2], int(argv[3]), argv[4], int(argv[5]))
    elif argv[1] == "proxy":
        proxy(int(argv[2]), argv[3], int(argv[4]))
    elif argv[1] == "map":
        receive_map(int(argv[2]))
    elif argv[1] == "splice":
        receive_splice(int(argv[2]))
    else:
        receive_read(int(argv[2]))


main(sys.argv)
