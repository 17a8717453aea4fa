#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Datagrams to and fro, one at a time.

  pingpong.py serve PORT            answers each with itself, until killed
  pingpong.py ask HOST PORT COUNT   prints how many came back as they were sent
"""
import socket
import sys


def serve(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("", port))
    print("listening", flush=True)
    while True:
        data, peer = sock.recvfrom(2048)
        sock.sendto(data, peer)


def ask(host, port, count):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((host, port))
    sock.settimeout(10)
    good = 0
    for number in range(count):
        data = number.to_bytes(4, "big") * 16
        sock.send(data)
        good += sock.recv(2048) == data
    print(good)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
