#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Load between VMs that come and go: files to and from each peer, and a disk.

    mesh.py DIRECTORY ME PEER...

VMs are called by a letter. The interface to a peer is known by its address, see
mac() below, and is configured whenever it appears; the disk by its serial number,
mesh-ME. Files go over one connection each, every second one by sendfile() from a
file that is gone soon. Both sides know what is in them, and the receiver looks
at each byte, also of a transfer that breaks off. When the carrier or the interface
is lost all connections over it are given up, and it begins anew when it is back.
The disk is written and verified by fio, round after round.

Files in DIRECTORY tell it what to do:
  mark    a number: gaps are measured from now on, and "all mark" says so
  rest    no more rounds on the disk; "disk idle" tells when the last one is over
  spare-WHO  no more files to that peer; "WHO idle" tells when the last one is over
  enough  no more rounds and files; "all idle" tells when the last ones are over
  stop    the end
and the file counters there what has been, as lines of "WHO WHAT NUMBER". WHO is a
peer, "disk" or "all". WHAT, since the program began:
  done    files received, or rounds verified     broken  transfers, or rounds, that failed
  bytes   received, or written to the disk       wrong   those with wrong content
  flaps   losses of the carrier or interface
and "gap" is the longest time in milliseconds, since the last mark, or since the interface
or disk is there, in which nothing came from the peer, or no request to the disk completed
though there were some: fio takes seconds to begin where processors are short.

Wrong content is told to the kernel's log, too, which outlives the VM. When nothing has
moved for ten seconds, where all stand is told to standard output.
"""

import contextlib
import faulthandler
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

NET, BLOCK = "/sys/class/net", "/sys/block"
PORT = 7060
HEAD = struct.Struct("!4scIQ")
MAGIC = b"mesh"
PIECE = 1 << 16
# Seconds for which a transfer may stand still: a peer that is paused breaks none.
PATIENCE = 120
# Seconds between files, rounds and attempts: a VM that boots beside all this needs its share of the processors.
REST = float(os.environ.get("MESH_REST", "0.3"))
LOOK = 0.25
# Seconds in which nothing has moved, after which it is told why
STALL = 10
FILE_MIN, FILE_MAX = 10_000, 2_000_000
DISK_MIB = 2
FIO = ["fio", "--name=mesh", "--ioengine=libaio", "--direct=1", "--verify=crc32c", "--verify_fatal=1",
       "--output-format=terse", "--rw=randwrite", "--bssplit=512/5:4k/50:64k/35:1M/10",
       f"--size={DISK_MIB}M", "--iodepth=16",
       # not a file of this name, when the disk has just gone
       "--allow_file_create=0"]
# no multiple of a page: what lies in a page is something else each time
PERIOD = (1 << 20) - 3
BASE = hashlib.shake_128(b"mesh").digest(PERIOD)
BASE += BASE[:PIECE]


def content(number, offset, length):
    """Of the file of this number, at most a PIECE."""
    start = (number * 40_009 + offset) % PERIOD
    return BASE[start:start + length]


def number_of(name):
    """a is 1"""
    return ord(name) - ord("a") + 1


def mac(me, peer):
    """Address of the interface of ME to PEER."""
    return f"02:f1:d0:00:{number_of(me):02x}:{number_of(peer):02x}"


def address(me, peer):
    """The same, of IP; each pair is a network of its own."""
    low, high = sorted((number_of(me), number_of(peer)))
    return f"10.44.{10 * low + high}.{number_of(me)}"


def attribute(*path):
    """What a file of sysfs says, or None."""
    try:
        with open(os.path.join(*path), encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


class Watched:
    """The longest time for which a value has stayed the same."""

    def __init__(self):
        self.value, self.longest, self.since, self.told = None, 0, time.monotonic(), False

    def mark(self):
        """Forget what was."""
        self.longest, self.since = 0, time.monotonic()

    def rest(self):
        """Nothing is to be expected now."""
        self.since = time.monotonic()

    def look(self, value):
        """Returns milliseconds."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self.since)
        if value != self.value:
            self.value, self.since, self.told = value, now, False
        return round(1000 * self.longest)

    def stalls(self):
        """Once for each time that it stays the same for long."""
        if self.told or time.monotonic() - self.since < STALL:
            return False
        self.told = True
        return True


def tell_stall(who, *command):
    """What the threads do, here and in the kernel, and what a command says."""
    print(f"{time.monotonic():.1f}: {who}: nothing has moved for {STALL} s", flush=True)
    faulthandler.dump_traceback(sys.stdout)
    for task in os.listdir("/proc/self/task"):
        print(task, (attribute("/proc/self/task", task, "stack") or "").replace("\n", " "))
    print(subprocess.run(command, check=False, text=True, errors="replace", stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout, flush=True)


class Counters:
    """What is told of a peer or of the disk."""

    def __init__(self, who):
        self.who, self.lock, self.watched = who, threading.Lock(), Watched()
        self.number = dict.fromkeys(("done", "bytes", "broken", "wrong", "flaps", "gap"), 0)

    def add(self, what, number=1):
        """From any thread."""
        with self.lock:
            self.number[what] += number

    def wrong(self, why):
        """What must never be."""
        self.add("wrong")
        line = f"BUG: mesh.py, {self.who}: {why}"
        print(line, flush=True)
        # all that the kernel takes as one
        line = line.split("\n", maxsplit=1)[0][:500]
        with contextlib.suppress(OSError), open("/dev/kmsg", "w", encoding="utf-8") as log:
            log.write(f"<2>{line}\n")

    def broken(self, why):
        """What may be, if it is the peer's end."""
        self.add("broken")
        print(f"{time.monotonic():.1f}: {self.who}: {why!r}", flush=True)


class Orders:
    """The files in the directory."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        """Of one of them."""
        return os.path.join(self.directory, name)

    def given(self, *names):
        """One of them, at least."""
        return any(os.path.exists(self.path(name)) for name in names)

    def mark(self):
        """The number, or that of no mark."""
        return attribute(self.path("mark")) or "0"


class Session:
    """One life of the way to a peer, with a thread that sends, one that listens, and one for each file that comes."""

    def __init__(self, peer, device):
        self.peer, self.device = peer, device.encode()
        self.over, self.busy = False, False
        self.socks, self.lock = set(), threading.Lock()
        self.start(self.send)
        self.start(self.listen)

    def start(self, function, *args):
        """A thread that keeps nobody from ending."""
        threading.Thread(target=function, args=args, daemon=True).start()

    @contextlib.contextmanager
    def held(self, sock):
        """A socket that end() knows."""
        with sock:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", PATIENCE, 0))
            with self.lock:
                if self.over:
                    raise OSError("the session is over")
                self.socks.add(sock)
            try:
                yield sock
            finally:
                with self.lock:
                    self.socks.discard(sock)

    def new_socket(self):
        """By this interface and no other one."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device)
        return self.held(sock)

    def end(self):
        """Wakes all threads; what is queued, which may lie in the peer's memory, is dropped when they close their sockets."""
        with self.lock:
            self.over = True
            for sock in self.socks:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.shutdown(socket.SHUT_RDWR)

    # ---- sending ----

    def send(self):
        """One file after the other."""
        while not self.over:
            self.busy = True
            if not self.peer.is_spared():
                try:
                    self.send_file(self.peer.next_number())
                except (OSError, EOFError) as error:
                    self.peer.counters.broken(error)
            self.busy = False
            time.sleep(REST)

    def send_file(self, number):
        """Returns when the peer has it and has found it right."""
        size = FILE_MIN + number * 700_001 % (FILE_MAX - FILE_MIN)
        with self.new_socket() as sock:
            sock.bind((self.peer.mine, 0))
            sock.connect((self.peer.theirs, PORT))
            sock.sendall(HEAD.pack(MAGIC, self.peer.me.encode(), size, number))
            if number % 2:
                self.send_pages(sock, number, size)
            else:
                for offset in range(0, size, PIECE):
                    sock.sendall(content(number, offset, min(PIECE, size - offset)))
            answer = sock.recv(1)
        if not answer:
            raise EOFError("the peer has not answered")
        if answer != b"y":
            self.peer.counters.wrong(f"file {number} has not arrived as it was sent")

    def send_pages(self, sock, number, size):
        """In place, from a file whose pages are free as soon as nobody refers to them."""
        with tempfile.TemporaryFile(dir=self.peer.orders.directory) as file:
            for offset in range(0, size, PIECE):
                file.write(content(number, offset, min(PIECE, size - offset)))
            file.flush()
            sent = 0
            while sent < size:
                sent += os.sendfile(sock.fileno(), file.fileno(), sent, size - sent)

    # ---- receiving ----

    def listen(self):
        """A thread for each connection."""
        while not self.over:
            try:
                with self.new_socket() as server:
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    server.bind((self.peer.mine, PORT))
                    server.listen()
                    self.accept(server)
            except OSError:
                time.sleep(REST)

    def accept(self, server):
        """Until the session is over; that nobody comes is no error."""
        while not self.over:
            with contextlib.suppress(BlockingIOError):
                self.start(self.take, server.accept()[0])

    def take(self, sock):
        """One file."""
        try:
            with self.held(sock):
                right = self.take_file(sock)
                sock.sendall(b"y" if right else b"n")
        except (OSError, EOFError) as error:
            self.peer.counters.broken(error)

    def take_file(self, sock):
        """Is it what it should be?"""
        head = b""
        while len(head) < HEAD.size:
            head += self.piece(sock, HEAD.size - len(head))
        magic, who, size, number = HEAD.unpack(head)
        if magic != MAGIC or who != self.peer.name.encode() or not FILE_MIN <= size < FILE_MAX:
            self.peer.counters.wrong(f"{head.hex()} is no head of a file")
            return False
        offset = 0
        while offset < size:
            piece = self.piece(sock, min(PIECE, size - offset))
            if piece != content(number, offset, len(piece)):
                self.peer.counters.wrong(f"file {number} of {size} bytes differs within {len(piece)} bytes from {offset} on")
                return False
            offset += len(piece)
            self.peer.counters.add("bytes", len(piece))
        self.peer.counters.add("done")
        return True

    @staticmethod
    def piece(sock, length):
        """Some of it."""
        piece = sock.recv(length)
        if not piece:
            raise EOFError("the connection ended before the file")
        return piece


class Peer:
    """One of the others: sessions with it, one after the other."""

    def __init__(self, orders, me, name):
        self.orders, self.me, self.name = orders, me, name
        self.mine, self.theirs = address(me, name), address(name, me)
        self.counters = Counters(name)
        self.number = number_of(me)
        self.index = self.state = self.session = None

    def next_number(self):
        """Of a file; each is another one."""
        self.number += 1
        return self.number

    def interface(self):
        """The newest one that leads there, as (index, name)."""
        wanted = mac(self.me, self.name)
        found = [(int(attribute(NET, name, "ifindex") or 0), name)
                 for name in os.listdir(NET) if attribute(NET, name, "address") == wanted]
        return max(found, default=(None, None))

    def configure(self, name):
        """False if it has gone again."""
        commands = (["ip", "addr", "replace", f"{self.mine}/24", "dev", name], ["ip", "link", "set", name, "up"])
        return all(subprocess.run(command, check=False).returncode == 0 for command in commands)

    def look(self):
        """Begins and ends sessions."""
        index, name = self.interface()
        if index != self.index:
            self.index = index if name and self.configure(name) else None
        state = None
        if self.index and attribute(NET, name, "carrier") == "1":
            state = index, attribute(NET, name, "carrier_down_count")
        if state != self.state:
            self.change(state, name)
        self.counters.number["gap"] = self.counters.watched.look(self.counters.number["bytes"])
        if state and self.counters.watched.stalls():
            # busybox's sh would take its own programs
            tell_stall(self.name, "bash", "-c", f"ss -tinmo dst {self.theirs}; tc -s qdisc show dev {name}; ethtool -S {name} | grep -v ': 0$'")

    def change(self, state, name):
        """Another state, another session."""
        if self.session:
            self.session.end()
            self.counters.add("flaps")
        self.state = state
        self.session = Session(self, name) if state else None
        self.counters.watched.mark()

    def is_spared(self):
        """No file is to be begun."""
        return self.orders.given("enough", f"spare-{self.name}")

    def busy(self):
        """Has a file under way."""
        return bool(self.session and self.session.busy)


class Disk:
    """The disk that a peer serves."""

    def __init__(self, orders, me):
        self.orders, self.serial = orders, f"mesh-{me}"
        self.counters = Counters("disk")
        self.is_busy, self.seen = False, None
        threading.Thread(target=self.run, daemon=True).start()

    def name(self):
        """Of the newest one, or None."""
        names = [name for name in os.listdir(BLOCK) if attribute(BLOCK, name, "serial") == self.serial]
        return max(names, key=lambda name: int(name.lstrip("mblk") or 0), default=None)

    def run(self):
        """One round after the other."""
        number = 0
        while True:
            self.is_busy = True
            name = None if self.orders.given("rest", "enough") else self.name()
            if name:
                number += 1
                self.round(name, number)
            self.is_busy = False
            time.sleep(REST)

    def round(self, name, number):
        """Each block has a sum of its own; whatever else fails, a wrong one is told."""
        path = f"/dev/{name}"
        try:
            # fio opens it twice: as long as it is open here no other disk gets its name
            with open(path, "rb", buffering=0):
                code, said = self.fio(path, number)
        except OSError as error:
            code, said = 1, repr(error)
        if re.search("verify: |verify failed", said):
            self.counters.wrong(f"{name}, round {number}: {said}")
        elif code:
            self.counters.broken(f"{name}, round {number}: {said}")
        else:
            self.counters.add("bytes", DISK_MIB << 20)
            self.counters.add("done")

    def fio(self, path, number):
        """Its exit code and what it complained of."""
        done = subprocess.run([*FIO, f"--filename={path}", f"--randseed={number}"], cwd=self.orders.directory,
                              check=False, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, "\n".join(line for line in done.stdout.splitlines() if not line.startswith("3;"))

    def look(self):
        """Its progress: what has completed."""
        name = self.name()
        if name != self.seen:
            self.seen = name
            self.counters.watched.mark()
        if name and not (attribute(BLOCK, name, "inflight") or "").strip("0 "):
            self.counters.watched.rest()
        stat = (attribute(BLOCK, name, "stat") or "").split() if name else []
        self.counters.number["gap"] = self.counters.watched.look((name, stat[0:1], stat[4:5]))
        if name and self.counters.watched.stalls():
            tell_stall("disk", "bash", "-c", f"grep . {BLOCK}/{name}/stat {BLOCK}/{name}/inflight")

    def busy(self):
        """Has a round under way."""
        return self.is_busy


def tell(orders, all_of_them, mark):
    """The counters, at once or not at all."""
    enough = orders.given("enough")
    idle = enough and not any(one.busy() for one in all_of_them)
    disk = all_of_them[-1]
    lines = [f"all mark {mark}", f"all idle {int(idle)}",
             f"disk idle {int(orders.given('rest', 'enough') and not disk.busy())}"]
    for one in all_of_them:
        lines += [f"{one.counters.who} {what} {number}" for what, number in one.counters.number.items()]
    lines += [f"{peer.name} idle {int(peer.is_spared() and not peer.busy())}" for peer in all_of_them[:-1]]
    path = orders.path("counters")
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(path + ".new", path)


def main():
    """Until told to stop."""
    orders, me = Orders(sys.argv[1]), sys.argv[2]
    all_of_them = [*(Peer(orders, me, name) for name in sys.argv[3:]), Disk(orders, me)]
    mark = "0"
    while not orders.given("stop"):
        if orders.mark() != mark:
            mark = orders.mark()
            for one in all_of_them:
                one.counters.watched.mark()
        for one in all_of_them:
            one.look()
        tell(orders, all_of_them, mark)
        time.sleep(LOOK)


if __name__ == "__main__":
    main()
