# SPDX-License-Identifier: GPL-2.0
"""netperf over mmnet, over netfront/bridge/netback, and over loopback in one VM."""

from dataclasses import dataclass

from .cell import Cell, Result
from .lab import Failed

ADDRESS = {"a": "10.77.0.1", "b": "10.77.0.2"}
CONTROL_B = "10.99.0.12"
SIZES = (64, 1024, 4096, 8192, 16384)


@dataclass(frozen=True)
class Path:
    """Where packets go: netperf runs in client and connects to address."""
    name: str
    client: str
    address: str
    machines: tuple
    account: object


@dataclass(frozen=True)
class Test:
    """A netperf test; result(values) makes a Result of its output."""
    name: str
    params: str
    unit: str
    options: str
    keys: str
    result: object


def size_name(size):
    """64 B, 16 KiB; what is no multiple stays in bytes."""
    return f"{size // 1024} KiB" if size >= 1024 and size % 1024 == 0 else f"{size} B"


def stream_result(values):
    """Mbit/s, and the bytes behind them."""
    rate, seconds = values["THROUGHPUT"], values["ELAPSED_TIME"]
    return Result(rate, bytes=rate * 1e6 / 8 * seconds)


def udp_result(values):
    """What arrived counts; what did not is the loss."""
    sent, received = values["LOCAL_SEND_THROUGHPUT"], values["REMOTE_RECV_THROUGHPUT"]
    loss = max(0.0, 100 * (1 - received / sent)) if sent else 0.0
    return Result(received, bytes=received * 1e6 / 8 * values["ELAPSED_TIME"], extra={"loss_percent": loss})


def rr_result(values):
    """Transactions per second."""
    rate, seconds = values["THROUGHPUT"], values["ELAPSED_TIME"]
    return Result(rate, ops=rate * seconds)


STREAM_KEYS = "THROUGHPUT,ELAPSED_TIME"
UDP_KEYS = "LOCAL_SEND_THROUGHPUT,REMOTE_RECV_THROUGHPUT,ELAPSED_TIME"


def stream_test(size):
    """TCP_STREAM with messages of this size."""
    return Test("TCP_STREAM", size_name(size), "Mbit/s", f"-m {size}", STREAM_KEYS, stream_result)


def udp_test(size):
    """UDP_STREAM with datagrams of this size."""
    return Test("UDP_STREAM", f"{size} B", "Mbit/s", f"-m {size} -R 1", UDP_KEYS, udp_result)


def tests(sizes, only):
    """The tests to run, in the order of the table."""
    every = [stream_test(size) for size in SIZES if sizes]
    every += [
        stream_test(65536),
        Test("TCP_MAERTS", "64 KiB", "Mbit/s", "-M 65536", STREAM_KEYS, stream_result),
        udp_test(1472),
        udp_test(65507),
        Test("TCP_RR", "1 B", "1/s", "-r 1,1", STREAM_KEYS, rr_result),
        Test("UDP_RR", "1 B", "1/s", "-r 1,1", STREAM_KEYS, rr_result),
    ]
    return [test for test in every if not only or test.name in only]


def parse(output, keys):
    """KEY=VALUE lines of netperf as numbers."""
    values = {}
    for line in output.splitlines():
        key, equals, value = line.partition("=")
        if equals and key in keys.split(","):
            try:
                values[key] = float(value)
            except ValueError:
                continue
    missing = [key for key in keys.split(",") if key not in values]
    if missing:
        raise Failed(f"netperf said nothing about {missing[0]}")
    return values


def measure(path, test):
    """A function that runs the test once."""
    def once(lab, seconds):
        limit = seconds + 30
        output = lab.run(path.client, f"timeout -k 5 {limit} netperf -P 0 -H {path.address} -t {test.name} "
                                      f"-f m -l {seconds} -- {test.options} -k {test.keys}", limit + 30)
        values = parse(output, test.keys)
        if not values.get("THROUGHPUT", values.get("REMOTE_RECV_THROUGHPUT")):
            raise Failed("nothing arrived")
        return test.result(values)
    return once


def per(value, base):
    """A ratio, or None where nothing was counted to relate to."""
    return value / base if base > 0 else None


def mmnet_copied(delta, sender, receiver):
    """Bytes that either kernel copied before recv(); headers and small frames travel inside a message, by copy."""
    inline = delta.get(sender, "mmnet", "tx_bytes") - delta.get(sender, "mmnet", "tx_zerocopy_bytes")
    return inline + delta.get(sender, "mmnet", "tx_bounced_bytes") + delta.get(receiver, "mmnet", "rx_copied_bytes")


def account_mmnet(delta):
    """Both directions together."""
    packets = sum(delta.get(vm, "mmnet", "tx_packets") for vm in "ab")
    size = sum(delta.get(vm, "mmnet", "tx_bytes") for vm in "ab")
    copied = mmnet_copied(delta, "a", "b") + mmnet_copied(delta, "b", "a")
    return {"packets": packets, "bytes_per_packet": per(size, packets),
            "notifications_per_packet": per(sum(delta.get(vm, "mmnet", "signals") for vm in "ab"), packets),
            "copies_per_byte": per(copied, size),
            "grant_calls_per_packet": per(delta.grant_calls(), packets)}


def is_netfront(name):
    """Event channels of eth0 in a VM, and of a vif in dom0."""
    return name.startswith(("eth0-", "vif"))


def account_netfront(delta):
    """An interrupt is what a notification becomes; the copy is the hypervisor's, by the way netback works."""
    packets = sum(delta.get(vm, "tx_packets", "eth0") for vm in "ab")
    size = sum(delta.get(vm, "tx_bytes", "eth0") for vm in "ab")
    notified = sum(delta.interrupts(machine, is_netfront) for machine in ("a", "b", "dom0"))
    return {"packets": packets, "bytes_per_packet": per(size, packets),
            "notifications_per_packet": per(notified, packets), "copies_per_byte": 1.0,
            "grant_calls_per_packet": per(delta.grant_calls(), packets)}


def account_loopback(delta):
    """A packet of loopback is handed over within the stack."""
    packets = delta.get("c", "tx_packets", "lo")
    return {"packets": packets, "bytes_per_packet": per(delta.get("c", "tx_bytes", "lo"), packets),
            "notifications_per_packet": 0.0, "copies_per_byte": 0.0,
            "grant_calls_per_packet": per(delta.grant_calls(), packets)}


PATHS = (
    Path("mmnet", "a", ADDRESS["b"], ("a", "b"), account_mmnet),
    Path("netfront", "a", CONTROL_B, ("a", "b", "dom0"), account_netfront),
    Path("loopback", "c", "127.0.0.1", ("c",), account_loopback),
)


def set_up_mmnet(lab):
    """Link and addresses; raises Failed with the reason that the table will show."""
    lab.run("dom0", "fidoctl net add a b --wait 60 >&2", 120)
    for vm, address in ADDRESS.items():
        lab.run(vm, f"ip link set mmnet0 up && ip addr add {address}/24 dev mmnet0")
    lab.run("a", f"ping -c 3 -i 0.2 -W 5 {ADDRESS['b']}", 60)


def set_up(lab, say):
    """Makes the paths ready; returns the reason why one is not, by path."""
    trouble = {}
    for vm in "bc":
        lab.run(vm, "pgrep -x netserver > /dev/null || netserver > /dev/null")
    try:
        set_up_mmnet(lab)
    except Failed as why:
        trouble["mmnet"] = str(why)
        say(f"mmnet is not there: {why}")
    return trouble


def cells(trouble, sizes, only):
    """Tests times paths, those of a test beside each other."""
    made = []
    for test in tests(sizes, only):
        for path in PATHS:
            cell = Cell(test.name, path.name, test.params, test.unit, measure(path, test), path.account, path.machines)
            if path.name in trouble:
                cell.fail(trouble[path.name])
            made.append(cell)
    return made
