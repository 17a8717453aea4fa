# SPDX-License-Identifier: GPL-2.0
"""
Where the time of a one-byte round trip over mmnet goes: netperf's TCP_RR and UDP_RR between VMs a and b of a lab that
runs already, traced by ftrace in both, with the processor's time stamp counter as the clock.
"""

import argparse
import contextlib
import json
import math
import os
import re
import shlex
import statistics
import sys
import time

from . import chain, host, net, report
from .lab import ADDRESS, CACHE, Failed, Lab
from .rounds import PATIENCE, command_line, talk

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
START = time.monotonic()

TRACING = "/sys/kernel/tracing"
# An instance of its own: what else traces there keeps its buffer, and removing it puts everything back.
INSTANCE = f"{TRACING}/instances/{chain.MARK}"
SCRIPT = "/tmp/bench-latency"

PROGRAMS = 'comm == "netperf" || comm == "netserver"'
OF_DEVICE = f'name == "{chain.DEVICE}"'

# Events with the filters that keep everything else out of the buffer.
EVENTS = {
    "syscalls/sys_enter_sendto": PROGRAMS,
    "syscalls/sys_exit_sendto": PROGRAMS,
    "syscalls/sys_enter_recvfrom": PROGRAMS,
    "syscalls/sys_exit_recvfrom": PROGRAMS,
    "net/net_dev_start_xmit": OF_DEVICE,
    "net/net_dev_xmit": OF_DEVICE,
    "irq/irq_handler_entry": 'name ~ "fido-*"',
    "irq/softirq_entry": "vec == 3",
    "net/napi_gro_receive_entry": OF_DEVICE,
    "net/netif_receive_skb": OF_DEVICE,
    "napi/napi_poll": f'dev_name == "{chain.DEVICE}"',
    "sched/sched_waking": PROGRAMS,
    "sched/sched_switch": 'next_comm == "netperf" || next_comm == "netserver"',
}

# With --probes: kernel functions that mmnet calls for each frame, and for each signal.
GROUP = "bench_latency"
PROBES = {"publish": "fido_tx_publish", "signal": "notify_remote_via_irq"}

# Seconds until netperf runs evenly, and how far the two machines may be from starting at the same time.
WARM_UP = 1.0
SLACK = 1.0
# b's window lasts this many seconds longer than a's at most, mostly as long as a datagram takes.
LATE = 0.1
# The window has room for more than is wanted: tracing slows the round trips down.
ROOM = 2
# The first transactions of a window share the CPU with the shell that has opened it.
SKIP = 10
# What a transaction takes of one machine's buffer, in bytes, generously.
PER_TRANSACTION = 2048
LEAST_BUFFER, MOST_BUFFER = 2048, 32768
# Two ways to know the clock's rate that differ by more than this do not confirm each other.
SAME_RATE = 0.01

# A window: waits "$1" seconds, then traces for "$2" at most. Nothing is started meanwhile, as that would take the CPU: bash
# itself waits for a line of "$3", which says when to end, and tells "$4" when it has. The time of day in the marks tells
# the clock's rate.
WINDOW = f"""
cd {INSTANCE} || exit
exec 9<> <(exec $3)
read -rt "$1" -u 9
echo 1 > tracing_on
echo "{chain.MARK} $EPOCHREALTIME" > trace_marker
read -rt "$2" -u 9
echo "{chain.MARK} $EPOCHREALTIME" > trace_marker
echo 0 > tracing_on
kill $! 2> /dev/null
[ -z "$4" ] || echo end > "$4"
"""

# a tells b that its window is over, by netfront, so that b's buffer, which keeps what is latest, has not to be large.
PORT = 5999
LISTEN = f"socat -u UDP-RECV:{PORT} -"
TELL = f"/dev/udp/{ADDRESS['b']}/{PORT}"

DISARM = f"""
[ ! -d {INSTANCE} ] || rmdir {INSTANCE}
for name in {' '.join(PROBES)}; do
	! grep -qs ":{GROUP}/$name " {TRACING}/kprobe_events ||
		echo "-:{GROUP}/$name" >> {TRACING}/kprobe_events
done
rm -f {SCRIPT} {SCRIPT}.out
"""

# An event that the kernel lacks is named and left out, one that cannot be filtered is taken whole.
ARM = f"""
[ -d {TRACING}/instances ] || mount -t tracefs tracefs {TRACING} || exit
event() {{
	[ -d events/$1 ] || {{ echo "no event $1"; return 0; }}
	echo "$2" > events/$1/filter || echo "no filter for $1"
	echo 1 > events/$1/enable || echo "no event $1"
}}
probe() {{
	echo "p:{GROUP}/$1 $2" >> {TRACING}/kprobe_events && event {GROUP}/$1 0
}}
mkdir {INSTANCE} && cd {INSTANCE} && echo 0 > tracing_on && echo x86-tsc > trace_clock || exit
"""

# Without the long tails of the lines, which nobody reads.
SHOW = f"sed -E 's/ (queue_mapping|skbaddr|napi_id)=.*//' {INSTANCE}/trace"

KHZ = "dmesg | grep -o 'tsc: Detected [0-9.]* MHz' | tail -n 1"


def say(text):
    """Progress goes to standard error, the tables to standard output."""
    print(f"latency: [{time.monotonic() - START:4.0f} s] {text}", file=sys.stderr, flush=True)


def arguments(argv=None):
    """Options."""
    parser = argparse.ArgumentParser(prog="tests/bench/latency", description=__doc__)
    parser.add_argument("--protocol", choices=("tcp", "udp", "both"), default="both", help="default: both")
    parser.add_argument("--transactions", type=int, default=500, metavar="N", help="to look into, default 500")
    parser.add_argument("--seconds", type=int, default=2, metavar="S",
                        help="length of each of the two runs without tracing, default 2")
    parser.add_argument("--probes", action="store_true",
                        help="kprobes on fido_tx_publish and notify_remote_via_irq, too: two more steps, at their price")
    parser.add_argument("--json", action="store_true", help="JSON on standard output in place of the tables")
    parser.add_argument("--replay", action="store_true", help="no lab: look again into the traces of the last run")
    parser.add_argument("--out", default=os.path.join(TOP, "build", "bench"), metavar="DIR",
                        help="for latency.json, latency.md and the traces, default build/bench")
    options = parser.parse_args(argv)
    if options.transactions < 1 or options.seconds < 1:
        parser.error("--transactions and --seconds are at least 1")
    options.protocols = ["tcp", "udp"] if options.protocol == "both" else [options.protocol]
    return options


def running_lab():
    """The lab that lab up has started, not one that make bench would."""
    suite = os.environ.get("SUITE", "trixie")
    os.environ.setdefault("LAB_STATE", os.path.join(CACHE, suite, "state"))
    lab = Lab(TOP, int(os.environ.get("VCPUS", "1")))
    if lab.describe().startswith(("nothing", "not running")):
        raise Failed("no lab runs: tests/lab/lab up")
    return lab


def set_up(lab):
    """Modules, link, addresses and netserver, as far as they are not there."""
    for name in net.MMNET:
        lab.run(name, "modprobe -a fido mmnet", 90)
    try:
        lab.run("a", f"test -e /sys/class/net/{chain.DEVICE}")
    except Failed:
        net.set_up_mmnet(lab)
    for name, address in net.MMNET.items():
        lab.run(name, f"ip addr replace {address}/24 dev {chain.DEVICE} && ip link set {chain.DEVICE} up")
    lab.run("a", f"ping -c 3 -i 0.2 -W 5 {net.MMNET['b']}")
    net.start_netserver(lab, "b")


def netperf(protocol, seconds):
    """One run from a to b; the command."""
    path = next(path for path in net.PATHS if path.name == "mmnet")
    return net.rr_test(f"{protocol.upper()}_RR").netperf(path, seconds)


def rate(lab, protocol, seconds):
    """Transactions a second, untraced."""
    output = lab.run("a", netperf(protocol, seconds), seconds + PATIENCE)
    values = net.read_keys(output, net.STREAM_KEYS)["THROUGHPUT"]
    if not values or not values[0]:
        raise Failed("netperf said no rate")
    return values[0]


def buffer_kb(expected):
    """For as many transactions in a window, within bounds."""
    return min(max(math.ceil(expected * PER_TRANSACTION / 1024), LEAST_BUFFER), MOST_BUFFER)


def arm_script(size, probes):
    """All events enabled, nothing recorded yet."""
    lines = [DISARM, ARM, f"echo {size} > buffer_size_kb"]
    lines += [f"event {name} {shlex.quote(wanted)}" for name, wanted in EVENTS.items()]
    lines += [f"probe {name} {function} || echo 'no probe {name}'" for name, function in PROBES.items() if probes]
    return "\n".join(lines + [f"echo {shlex.quote(WINDOW)} > {SCRIPT}"])


@contextlib.contextmanager
def armed(lab, size, probes):
    """Whatever happens, nothing stays traced. Gives remarks on what a kernel lacks."""
    remarks = []
    try:
        for name in net.MMNET:
            output = lab.run(name, arm_script(size, probes), 90)
            remarks += [f"{name}: {line}" for line in output.splitlines()]
        yield remarks
    finally:
        for name in net.MMNET:
            try:
                lab.run(name, DISARM, 90)
            except Failed as why:
                say(f"tracing in {name} is not cleared away: {why}")


def record(lab, protocol, length):
    """
    One run with a window in each machine, a's within b's.

    No command reaches a machine while its window is open: it would be run by the
    CPU that is watched. So b's opens by itself, before a's, and closes after it.
    """
    window = f"bash {SCRIPT}"
    seconds = math.ceil(WARM_UP + length + 3 * SLACK)
    b = f"setsid {window} {WARM_UP} {length + 2 * SLACK:.3f} '{LISTEN}' '' < /dev/null > /dev/null 2>&1 &"
    a = (f"{netperf(protocol, seconds)} > {SCRIPT}.out & pid=$!; {window} {WARM_UP + SLACK} {length:.3f} true {TELL}; "
         f"wait $pid || {{ cat {SCRIPT}.out; exit 1; }}")
    runs = talk(lab, [command_line("b", b, PATIENCE), command_line("a", a, seconds + PATIENCE)], seconds + 2 * PATIENCE)
    if len(runs) != 2:
        raise Failed("dom0 said nothing about the traced run")
    for run in runs:
        run.check()


def capture(lab, protocol, options):
    """What a lab is needed for, ready to be saved."""
    say(f"{protocol}: without tracing")
    rates = [rate(lab, protocol, options.seconds)]
    length = ROOM * (options.transactions + SKIP) / rates[0]
    with armed(lab, buffer_kb(rates[0] * (length + LATE)), options.probes) as remarks:
        say(f"{protocol}: {rates[0]:.0f} a second; tracing for {length:.2f} s")
        record(lab, protocol, length)
        say(f"{protocol}: reading the traces")
        texts = {name: lab.run(name, SHOW, 180) for name in net.MMNET}
    rates.append(rate(lab, protocol, options.seconds))
    return {"rates": rates, "texts": texts, "remarks": remarks, "dmesg": {name: lab.run(name, KHZ) for name in net.MMNET},
            "about": {"host": host.describe(), "lab": lab.describe(), "processors": lab.run("a", "nproc").strip(),
                      "idle_poll_us": lab.run("a", "cat /sys/module/fido/parameters/idle_poll_us").strip()}}


def clock_rate(raw):
    """Ticks in a millisecond, and remarks: what the kernels found, checked against the time of day in the traces."""
    found, remarks = [], []
    for name, line in raw["dmesg"].items():
        match = re.search(r"Detected ([\d.]+) MHz", line)
        told, seen = float(match[1]) * 1000 if match else None, chain.Trace(raw["texts"][name], name).khz()
        if told and seen and abs(told / seen - 1) > SAME_RATE:
            remarks.append(f"{name}: the kernel says {told:.0f} kHz, its clock counts {seen:.0f} kHz, which is used")
            told = seen
        found += [told or seen] if told or seen else []
    if not found:
        raise Failed("nothing tells the rate of the time stamp counter")
    if abs(found[0] / found[-1] - 1) > SAME_RATE:
        remarks.append("the time stamp counters of a and b differ in their rate: no step is to be trusted")
    return found[0], remarks


def evaluate(raw, wanted):
    """An entry of latency.json."""
    khz, remarks = clock_rate(raw)
    result = chain.analyse(raw["texts"], khz, wanted, SKIP)
    untraced = statistics.mean(raw["rates"])
    result["about"] = raw["about"]
    result["tracing"] = {"rates_without": raw["rates"], "rate_with": result.pop("rate"), "events": result.pop("events")}
    traced = result["tracing"]["rate_with"]
    if traced and result["tracing"]["events"]:
        result["tracing"]["us_per_event"] = (1 / traced - 1 / untraced) * 1e6 / result["tracing"]["events"]
    result["remarks"] = raw["remarks"] + remarks
    return result


def cells(row):
    """One direction's three columns; what was not always seen says so."""
    if row is None:
        return ["-", "", ""]
    span = f"{report.number(row['p10_us'])} .. {report.number(row['p90_us'])}"
    if row.get("seen", 1) < 0.995:
        span += f", in {report.number(100 * row['seen'])} %"
    return [report.number(row["median_us"]), span, f"{100 * row['share']:.1f} %"]


def table(result):
    """Header and lines: a step each, both directions beside each other."""
    ways = result["ways"]
    header = ["step"]
    for name in ways:
        header += [f"{name.replace('->', ' to ')}, us", "p10 .. p90", "share"]
    lines = []
    for step, title in chain.STEPS.items():
        rows = [next((row for row in way["steps"] if row["step"] == step), None) for way in ways.values()]
        if any(rows):
            lines.append([title] + sum((cells(row) for row in rows), []))
    return header, lines + [["all"] + sum((cells(way["all"]) for way in ways.values()), [])]


def figure(row):
    """Median and spread in one line."""
    return f"{report.number(row['median_us'])} us ({report.number(row['p10_us'])} .. {report.number(row['p90_us'])})"


def notes_of_way(name, way):
    """What the table has no room for."""
    noticed = "; ".join(f"{how} {100 * row['part']:.0f} %, {figure(row)}" for how, row in way["noticed"].items())
    beside = "; ".join(f"{what} {figure(row)}" for what, row in way["beside"].items())
    name = name.replace("->", " to ")
    return [f"{name}, noticed by: {noticed}. The reader was in recv() already: {100 * way['reader_waited']:.0f} %.",
            f"{name}, beside the way: {beside or 'nothing seen'}."]


def note_of_tracing(tracing):
    """What looking cost."""
    without = ", ".join(report.number(rate) for rate in tracing["rates_without"])
    text = f"Tracing: {without} transactions a second without, {report.number(tracing['rate_with'])} with it"
    if tracing.get("us_per_event", 0) > 0:
        return (f"{text}; so one of the {tracing['events']:.1f} events of a transaction costs about "
                f"{report.number(tracing['us_per_event'])} us, which is part of the step that it is in.")
    return f"{text}: no price to be seen."


def note_of_clocks(result):
    """Whether the time stamps can be compared."""
    clocks, backwards = result["clocks"], result["failed"].get(chain.BACKWARDS, 0)
    text = f"Clocks: x86-tsc, {result['khz'] / 1000:.3f} MHz"
    if clocks["scatter_us"] is not None:
        return (f"{text}. AS THEY ARE, RECEIVING COMES BEFORE SENDING: b's was set back by {clocks['offset_us']:.2f} us "
                f"(scatter {report.number(clocks['scatter_us'])} us), as if both ways took equally long. How a round trip "
                "is divided between the two ways is thus assumed, not measured.")
    least = (f"Least time from driver to driver: {report.number(clocks['least_there_us'])} us there, "
             f"{report.number(clocks['least_back_us'])} us back; a difference of the clocks is smaller than that.")
    if backwards:
        return f"{text}, taken as they are, although {backwards} transactions were received before they were sent. {least}"
    return f"{text}, taken as they are: whatever was received had been sent before. {least}"


def doubts(result):
    """What speaks against the figures."""
    lines = [f"{name.replace('->', ' to ')}: most messages were found by a poll that ran before they were sent; either "
             "polls never end, or the clocks may differ by some microseconds"
             for name, way in result["ways"].items() if way["noticed"].get(chain.RUNNING_POLL, {}).get("part", 0) > 0.5]
    if result["failed"]:
        lines.append("left out: " + ", ".join(f"{number} {why}" for why, number in result["failed"].items()))
    lines += [f"{name}: the buffer was too small, {number} events are lost" for name, number in result["lost"].items()]
    return lines + result.get("remarks", [])


def notes(result):
    """All lines below the table."""
    lines = [note_of_tracing(result["tracing"]), note_of_clocks(result)]
    lines += sum((notes_of_way(name, way) for name, way in result["ways"].items()), [])
    return lines + doubts(result)


def document(results):
    """Everything for people."""
    parts = []
    for protocol, result in results.items():
        about = result["about"]
        parts += [f"### {protocol.upper()}_RR, 1 byte, over mmnet", "",
                  f"Host: {about['host']['processor']}, {about['host']['processors']} processors; lab: {about['lab']}; "
                  f"{about['processors']} processor(s) a VM, idle_poll_us {about['idle_poll_us']}. "
                  f"{result['transactions']} transactions, round trip {figure(result['round_trip'])}"
                  + (f"; everything else on the host took {about['others_busy']:g} processors meanwhile."
                     if about.get("others_busy") is not None else "."), "",
                  report.markdown(*table(result)), *(f"- {note}" for note in notes(result)), ""]
    return "\n".join(parts) + LEGEND


LEGEND = """\
Medians of steps need not add up. Shares do: of the time of the round trips between p10 and p90. A step ends where the
table names it; what was not seen in all messages is otherwise part of the step after it.
"""


def raw_path(options, protocol):
    """Of the traces, for --replay."""
    return os.path.join(options.out, f"latency-{protocol}.raw.json")


def obtain(options):
    """Traces of each protocol, new or old; an old one that is not there is left out."""
    if options.replay:
        for protocol in options.protocols:
            try:
                with open(raw_path(options, protocol), encoding="utf-8") as file:
                    yield protocol, json.load(file)
            except OSError as why:
                say(f"no trace to look into: {why}")
        return
    lab = running_lab()
    set_up(lab)
    for protocol in options.protocols:
        watch = host.Watch(lab.emulator())
        raw = capture(lab, protocol, options)
        raw["about"]["others_busy"] = watch.others()
        report.write_json(raw_path(options, protocol), raw)
        yield protocol, raw


def main(argv=None):
    """The lab is left as it is, but for the network and netserver."""
    options = arguments(argv)
    results = {}
    try:
        for protocol, raw in obtain(options):
            results[protocol] = evaluate(raw, options.transactions)
    except Failed as why:
        say(f"no breakdown: {why}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    if not results:
        return 2
    report.write_json(os.path.join(options.out, "latency.json"), results)
    report.write_text(os.path.join(options.out, "latency.md"), document(results))
    print(json.dumps(results, indent=1) if options.json else document(results))
    say(f"raw data in {os.path.relpath(options.out)}/latency.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
