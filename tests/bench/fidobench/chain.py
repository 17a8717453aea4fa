# SPDX-License-Identifier: GPL-2.0
"""
What ftrace of two VMs tells about one-byte messages between them: each from send() to recv(), step by step.

a sends, b answers, strictly by turns. So b's turn, from its recv() to its
send(), lies within a's, from its send() to its recv(), once both are on one
clock; that is how they are found to belong together. Within a message the
points are looked up between those that must be there, and any other may lack:
its time is then part of the step after it.
"""

import bisect
import re
import statistics
from collections import Counter, namedtuple
from dataclasses import dataclass, field

from .lab import Failed

DEVICE = "mmnet0"
MARK = "bench-latency"

# Who sends first and who answers, by machine; and their calls that are paired.
PROGRAM = {"a": "netperf", "b": "netserver"}
SEND, RECEIVED = "enter_sendto", "exit_recvfrom"

# What ends each step, in the order of a message's way, with the step's name.
STEPS = {
    "xmit": "send(): system call, TCP or UDP, IP, queue",
    "publish": "mmnet: frame into its slot",
    "signal": "published, a signal is wanted",
    "noticed": "until the peer notices",
    "softirq": "from its interrupt to its poll",
    "frame": "mmnet: poll, frame out of its slot",
    "stack": "GRO, until the stack has it",
    "waking": "IP, TCP or UDP, until the reader is woken",
    "polled": "rest of the poll",
    "running": "until the reader runs",
    "received": "recv(): back into the program",
    "next": "program, until its send()",
}

LINE = re.compile(r"\s*(?P<comm>.*?)-(?P<pid>\d+)\s+(?:\(\s*[-\d]+\)\s+)?\[\d+\]\s+(?:\S+\s+)?(?P<time>\d+):\s+(?P<what>.*)")
SYSCALL = re.compile(r"sys_(?P<name>sendto|recvfrom)(?:\(| -> (?P<result>0x[0-9a-f]+))")
ENTRIES = re.compile(r"entries-in-buffer/entries-written: (\d+)/(\d+)")

# What of an event has to be ours, whether the kernel has filtered it or not. A group is whom or what the event is about.
OURS = {
    "net_dev_start_xmit": rf"dev={DEVICE}\b",
    "net_dev_xmit": rf"dev={DEVICE}\b",
    "irq_handler_entry": r"name=fido-",
    "softirq_entry": r"vec=3\b",
    "napi_gro_receive_entry": rf"dev={DEVICE}\b",
    "netif_receive_skb": rf"dev={DEVICE}\b",
    "napi_poll": rf"for device {DEVICE}\b",
    "sched_waking": r"\bpid=(\d+)",
    "sched_switch": r"\bnext_pid=(\d+)",
    "publish": r"",
    "signal": r"",
    "tracing_mark_write": rf"{MARK} ([\d.]+)",
}
OURS = {kind: re.compile(pattern) for kind, pattern in OURS.items()}

RUNNING_POLL = "poll that was running"
BACKWARDS = "received before it was sent"
# Too many round trips that go back in time mean clocks that differ.
BAD_CLOCKS = 0.1
# More round trips than this say no more about the difference.
ENOUGH_FOR_OFFSET = 200

# A pairing of turns is believed if any other one scatters so many times as much.
DISTINCT = 1.4

Event = namedtuple("Event", "time about comm")
Trip = namedtuple("Trip", "begin end")
Transaction = namedtuple("Transaction", "out there answer back following since")


def interpret(pid, what):
    """Kind of an event, and what it is about: a process unless the kind has something else; None for what is not ours."""
    call = SYSCALL.match(what)
    if call:
        if call["result"] is None:
            return f"enter_{call['name']}", pid
        # A byte was wanted; what failed was no message.
        return (f"exit_{call['name']}", pid) if int(call["result"], 16) == 1 else None
    kind, _, rest = what.partition(": ")
    found = kind in OURS and OURS[kind].search(rest)
    return (kind, found[1] if found.re.groups else pid) if found else None


class Trace:
    """Events of one machine by kind, in the order of time."""

    def __init__(self, text, machine, offset=0):
        self.events, self.times, self.lost = {}, {}, 0
        for line in text.splitlines():
            match = LINE.match(line)
            if match:
                self.add(match, offset)
            elif ENTRIES.search(line):
                kept, written = (int(number) for number in ENTRIES.search(line).groups())
                self.lost = written - kept
        for kind, events in self.events.items():
            events.sort()
            self.times[kind] = [event.time for event in events]
        self.begin = min((times[0] for times in self.times.values()), default=0)
        # ftrace has forgotten the names of some.
        callers = Counter(event.about for event in self.events.get(SEND, ()) if event.comm in (PROGRAM[machine], "<...>"))
        self.pid = callers.most_common(1)[0][0] if callers else None

    def add(self, match, offset):
        """One line that is an event."""
        known = interpret(match["pid"], match["what"])
        if known:
            kind, about = known
            self.events.setdefault(kind, []).append(Event(int(match["time"]) - offset, about, match["comm"].strip()))

    def span(self, kind, low, high):
        """Numbers of events in a time, both ends included; None is no limit."""
        times = self.times.get(kind, [])
        begin = 0 if low is None else bisect.bisect_left(times, low)
        return range(begin, len(times) if high is None else bisect.bisect_right(times, high))

    def pick(self, kind, numbers, about):
        """The first one that is about whom it should be, None: anybody; or None."""
        events = self.events.get(kind)
        return next((events[number] for number in numbers if about is None or events[number].about == about), None)

    def first(self, kind, low, high, about=None):
        """The earliest event in a time, or None."""
        return self.pick(kind, self.span(kind, low, high), about)

    def last(self, kind, low, high, about=None):
        """The latest event in a time, or None."""
        return self.pick(kind, reversed(self.span(kind, low, high)), about)

    def count(self, low, high):
        """Events of all kinds."""
        return sum(len(self.span(kind, low, high)) for kind in self.events)

    def trips(self, begin, end):
        """The program's turns, from one kind of event to the next of another one; what does not alternate is passed over."""
        calls = sorted((event.time, kind) for kind in (begin, end) for event in self.events.get(kind, ())
                       if event.about == self.pid)
        found, begun = [], None
        for time, kind in calls:
            if kind == begin:
                begun = time
            elif begun is not None:
                found.append(Trip(begun, time))
                begun = None
        return found

    def khz(self):
        """Ticks in a millisecond, by the marks that hold the time of day; None without."""
        marks = self.events.get("tracing_mark_write", ())
        if len(marks) < 2 or marks[-1].about == marks[0].about:
            return None
        return (marks[-1].time - marks[0].time) / (float(marks[-1].about) - float(marks[0].about)) / 1000


def at(event):
    """Its time, or None."""
    return event.time if event else None


def arrival(receiver, since, until):
    """When the last frame came to GRO and to the stack; kernels may lack either event."""
    frame = at(receiver.last("napi_gro_receive_entry", since, until))
    return frame, at(receiver.last("netif_receive_skb", since if frame is None else frame, until))


@dataclass
class Message:
    """A byte on its way: when it came by each point, by what it was noticed, and what lies beside the way."""
    points: dict
    how: str
    waited: bool
    beside: dict = field(default_factory=dict)

    def steps(self, begin):
        """Ticks of each step that can be told from the one before."""
        found = {}
        for name in STEPS:
            if self.points.get(name) is not None:
                found[name] = self.points[name] - begin
                begin = self.points[name]
        return found


class Backwards(Exception):
    """A message was there before it was sent."""


def how_noticed(interrupt, softirq):
    """What the receiving CPU did when it saw the message."""
    if interrupt:
        return "interrupt of a sleeping CPU" if interrupt.comm.startswith("<idle>") else "interrupt of a CPU that was awake"
    if softirq:
        return "looking before sleeping" if softirq.comm.startswith("fido-idle") else "poll for another reason"
    return RUNNING_POLL


def follow(sender, receiver, sent, received, following, since):
    """A message whose two ends are known. Nothing can have arrived before since: then the receiver itself had the turn."""
    xmit = at(sender.first("net_dev_start_xmit", sent, received, sender.pid))
    if xmit is None:
        return None
    waking = at(receiver.last("sched_waking", xmit, received, receiver.pid))
    until = received if waking is None else waking
    frame, stack = arrival(receiver, since, until)
    arrived = stack if frame is None else frame
    if arrived is None:
        return None
    if arrived < xmit:
        raise Backwards
    softirq = receiver.last("softirq_entry", xmit, arrived)
    interrupt = receiver.first("irq_handler_entry", xmit, softirq.time if softirq else arrived)
    noticed = (interrupt or softirq or Event(arrived, None, None)).time
    running = at(receiver.first("sched_switch", waking, received, receiver.pid)) if waking is not None else None
    points = {"xmit": xmit, "noticed": noticed, "waking": waking, "running": running, "received": received,
              "next": following, "publish": at(sender.first("publish", xmit, noticed))}
    points["signal"] = at(sender.first("signal", points["publish"] or xmit, noticed))
    if interrupt:
        points["softirq"] = at(softirq)
    points["frame"] = frame if frame != noticed else None
    points["stack"] = stack if stack != noticed else None
    if waking is not None:
        points["polled"] = at(receiver.first("napi_poll", waking, received if running is None else running))
    called = receiver.last("enter_recvfrom", since, received, receiver.pid)
    return Message(points, how_noticed(interrupt, softirq), bool(called and called.time <= noticed),
                   beside_the_way(sender, sent, xmit))


def beside_the_way(sender, sent, xmit):
    """What the sender does still while the message is under way already; ticks by name."""
    ends = {"driver's part of send(), with a signal if one is sent": (xmit, "net_dev_xmit"),
            "send() as a whole": (sent, "exit_sendto")}
    found = {name: (begin, sender.first(kind, max(begin, xmit), None, sender.pid)) for name, (begin, kind) in ends.items()}
    return {name: end.time - begin for name, (begin, end) in found.items() if end}


def transactions(a, b):
    """Turns of b within turns of a, with a's next send() and b's one before; and how many of a's turns have none."""
    ours, theirs = a.trips(SEND, RECEIVED), b.trips(RECEIVED, SEND)
    begins = [trip.begin for trip in theirs]
    found, alone = [], 0
    for out, back in ours:
        number = bisect.bisect_left(begins, out)
        within = theirs[number:bisect.bisect_right(begins, back)]
        following = a.first(SEND, back, None, a.pid)
        if len(within) == 1 and within[0].end < back:
            if following:
                since = theirs[number - 1].end if number else None
                found.append(Transaction(out, *within[0], back, following.time, since))
        else:
            alone += 1
    return found, alone


def offset_of(ours, theirs):
    """
    b's clock less a's from the turns alone, and how far it scatters; None if there is none that stands out.

    As NTP does it: there and back are taken to last equally long. Which turns
    belong together is told by their lengths: with a wrong pairing the
    difference is another one in each pair.
    """
    ours = ours[:ENOUGH_FOR_OFFSET]
    need = max(1, min(len(ours), len(theirs)) // 2)
    found = []
    for shift in range(need - len(ours), len(theirs) - need + 1):
        pairs = zip(ours[max(0, -shift):], theirs[max(0, shift):])
        offsets = [(there - out + answer - back) // 2 for (out, back), (there, answer) in pairs]
        middle = statistics.median_low(offsets)
        # A mean, since what disturbs one turn for long is what tells it from the others.
        found.append((sum(abs(offset - middle) for offset in offsets) // len(offsets), middle))
    found.sort()
    scatter, offset = found[0]
    if len(found) > 1 and DISTINCT * scatter >= found[1][0]:
        return None
    return offset, scatter


@dataclass
class Way:
    """All messages of one direction."""
    messages: list = field(default_factory=list)
    begins: list = field(default_factory=list)

    def add(self, message, begin):
        """One of them."""
        self.messages.append(message)
        self.begins.append(begin)


def follow_all(a, b, wanted, skip):
    """Both messages of each transaction; what could not be followed is counted by the reason."""
    pairs, alone = transactions(a, b)
    there, back, failed = Way(), Way(), Counter()
    if alone:
        failed["no answer within"] = alone
    for one in pairs[skip:]:
        if len(there.messages) == wanted:
            break
        try:
            out = follow(a, b, one.out, one.there, one.answer, one.since)
            home = follow(b, a, one.answer, one.back, one.following, one.out)
        except Backwards:
            failed[BACKWARDS] += 1
            continue
        if out and home:
            there.add(out, one.out)
            back.add(home, one.answer)
        else:
            failed["not seen in the driver"] += 1
    return there, back, failed


def quantile(values, share):
    """A value that is there."""
    return sorted(values)[round(share * (len(values) - 1))]


def spread(values):
    """Of some microseconds."""
    return {"median_us": statistics.median(values), "p10_us": quantile(values, 0.1), "p90_us": quantile(values, 0.9)}


def core(totals):
    """Numbers of the transactions between p10 and p90: a CPU that was taken away once shall not decide on shares."""
    low, high = quantile(totals, 0.1), quantile(totals, 0.9)
    return [number for number, total in enumerate(totals) if low <= total <= high]


def describe_steps(way, khz, among, whole):
    """One direction's, as latency.json has them; shares are of the whole time of the core, both directions."""
    each = [message.steps(begin) for message, begin in zip(way.messages, way.begins)]
    rows = []
    for name, title in STEPS.items():
        ticks = [steps[name] for steps in each if name in steps]
        if ticks:
            rows.append({"step": name, "title": title, **spread([tick * 1000 / khz for tick in ticks]),
                         "seen": len(ticks) / len(each),
                         "share": sum(each[number].get(name, 0) for number in among) / whole})
    return rows


def describe_way(way, khz, among, whole):
    """Steps, how messages were noticed, and what is beside."""
    noticed = {}
    for message, begin in zip(way.messages, way.begins):
        noticed.setdefault(message.how, []).append(message.steps(begin)["noticed"] * 1000 / khz)
    names = dict.fromkeys(name for message in way.messages for name in message.beside)
    totals = [message.points["next"] - begin for message, begin in zip(way.messages, way.begins)]
    return {"steps": describe_steps(way, khz, among, whole),
            "all": {**spread([total * 1000 / khz for total in totals]),
                    "share": sum(totals[number] for number in among) / whole},
            "noticed": {how: {"part": len(values) / len(way.messages), **spread(values)}
                        for how, values in sorted(noticed.items(), key=lambda item: -len(item[1]))},
            "reader_waited": sum(message.waited for message in way.messages) / len(way.messages),
            "beside": {name: spread([message.beside[name] * 1000 / khz for message in way.messages
                                     if name in message.beside]) for name in names}}


def least(way, khz):
    """The shortest time from a sender's driver to the receiver: no difference between the clocks can be larger."""
    return min(message.points["noticed"] - message.points["xmit"] for message in way.messages) * 1000 / khz


def on_one_clock(a, texts, wanted, skip):
    """b's trace, with its clock set to a's if it is not, the messages, and by how much it was set, with the scatter."""
    b = Trace(texts["b"], "b")
    found, ours = follow_all(a, b, wanted, skip), a.trips(SEND, RECEIVED)
    bad = sum(found[2].values())
    difference = bad > BAD_CLOCKS * len(ours) and offset_of(ours, b.trips(RECEIVED, SEND))
    if difference:
        moved = Trace(texts["b"], "b", difference[0])
        again = follow_all(a, moved, wanted, skip)
        if 2 * sum(again[2].values()) < bad:
            return moved, again, difference
    return b, found, (0, None)


def too_small(a, b):
    """Machines whose buffer was full before a's window was over, with how many events were dropped for others."""
    missed = b.lost and b.begin > a.begin
    return {name: trace.lost for name, trace, lost in (("a", a, a.lost), ("b", b, missed)) if lost}


def analyse(texts, khz, wanted, skip=0):
    """Everything that two traces tell, as latency.json has it. If they are not on one clock, that is put right and said."""
    a = Trace(texts["a"], "a")
    ours = a.trips(SEND, RECEIVED)
    for name, trips in (("a", ours), ("b", Trace(texts["b"], "b").trips(RECEIVED, SEND))):
        if not trips:
            raise Failed(f"the trace of {name} has no round trip in it")
    b, (there, back, failed), (offset, scatter) = on_one_clock(a, texts, wanted, skip)
    if not there.messages:
        raise Failed("no transaction could be followed: b's window does not hold a's, events lack, or the clocks differ; "
                     + ", ".join(f"{number} {why}" for why, number in failed.items()))
    totals = [last.points["next"] - begin for last, begin in zip(back.messages, there.begins)]
    among = core(totals)
    whole = sum(totals[number] for number in among)
    span = ours[-1].begin - ours[0].begin
    return {"transactions": len(totals), "failed": dict(failed), "khz": khz,
            "round_trip": spread([total * 1000 / khz for total in totals]),
            "rate": (len(ours) - 1) * khz * 1000 / span if span else None,
            "events": sum(trace.count(ours[0].begin, ours[-1].begin) for trace in (a, b)) / len(ours),
            "lost": too_small(a, b),
            "clocks": {"offset_us": offset * 1000 / khz, "scatter_us": scatter and scatter * 1000 / khz,
                       "least_there_us": least(there, khz), "least_back_us": least(back, khz)},
            "ways": {"a->b": describe_way(there, khz, among, whole), "b->a": describe_way(back, khz, among, whole)}}
