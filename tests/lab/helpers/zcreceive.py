#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A TCP reader that has pages mapped in place of copied, where the kernel can.

  zcreceive.py PORT

Takes one stream by TCP_ZEROCOPY_RECEIVE, what cannot be mapped by recv().
Prints "mapped N, refused N", bytes and calls, and the SHA-256 of the stream.
"""
import ctypes
import hashlib
import mmap
import socket
import struct
import sys

TCP_ZEROCOPY_RECEIVE = 35
SIZE = 1 << 18
# struct tcp_zerocopy_receive, up to recv_skip_hint
REQUEST = struct.Struct("=QII")
MAP_FAILED = ctypes.c_void_p(-1).value

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                      ctypes.c_int, ctypes.c_int, ctypes.c_long]


def accept(port):
    server = socket.socket(socket.AF_INET6)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("::", port))
    server.listen(1)
    print("listening", flush=True)
    return server.accept()[0]


def place_for(sock):
    """Addresses that pages of this socket can be mapped to."""
    place = libc.mmap(None, SIZE, mmap.PROT_READ, mmap.MAP_SHARED,
                      sock.fileno(), 0)
    if place == MAP_FAILED:
        raise OSError(ctypes.get_errno(), "mmap of a socket")
    return place


def receive(sock, place):
    """Return how many bytes were mapped, and how many have to be copied."""
    request = bytearray(REQUEST.pack(place, SIZE, 0))
    # getsockopt() of Python gives no input to the kernel
    length = ctypes.c_uint32(len(request))
    buffer = (ctypes.c_char * len(request)).from_buffer(request)
    if libc.getsockopt(sock.fileno(), socket.IPPROTO_TCP,
                       TCP_ZEROCOPY_RECEIVE, buffer, ctypes.byref(length)):
        raise OSError(ctypes.get_errno(), "TCP_ZEROCOPY_RECEIVE")
    _, mapped, hint = REQUEST.unpack(request)
    return mapped, hint


def main(port):
    sock = accept(port)
    place = place_for(sock)
    digest = hashlib.sha256()
    total = refused = 0
    # whoever has more to copy than to map reads on as far as that goes
    while sock.recv(1, socket.MSG_PEEK):
        hint = 0
        try:
            mapped, hint = receive(sock, place)
            digest.update(ctypes.string_at(place, mapped))
            total += mapped
        except OSError:
            mapped = 0
            refused += 1
        if hint or not mapped:
            digest.update(sock.recv(hint or SIZE))
    print(f"mapped {total}, refused {refused}")
    print(digest.hexdigest())


if __name__ == "__main__":
    main(int(sys.argv[1]))
