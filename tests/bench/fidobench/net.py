# SPDX-License-Identifier: GPL-2.0
"""netperf over mmnet, over netfront/bridge/netback, and over loopback in one VM."""

import statistics
from dataclasses import dataclass

from .cell import Path, Result, Test, per, set_up_paths
from .lab import ADDRESS, Failed

MMNET = {"a": "10.77.0.1", "b": "10.77.0.2"}
SIZES = (64, 1024, 4096, 8192, 16384, 65536)
STREAMS = 8
SENDFILE = "/tmp/bench-file"
STREAM_KEYS = ("THROUGHPUT", "ELAPSED_TIME")
UDP_KEYS = ("LOCAL_SEND_THROUGHPUT", "REMOTE_RECV_THROUGHPUT", "ELAPSED_TIME")


def stream_result(values):
    """Mbit/s, and the bytes behind them."""
    rate = values["THROUGHPUT"]
    return Result(rate, bytes=rate * 1e6 / 8 * values["ELAPSED_TIME"])


def udp_result(values):
    """What arrived counts; what did not is the loss."""
    sent, received = values["LOCAL_SEND_THROUGHPUT"], values["REMOTE_RECV_THROUGHPUT"]
    loss = max(0.0, 100 * (1 - received / sent)) if sent else 0.0
    return Result(received, bytes=received * 1e6 / 8 * values["ELAPSED_TIME"],
                  extra={("loss of UDP_STREAM", "%"): loss})


def rr_result(values):
    """Transactions per second."""
    return Result(values["THROUGHPUT"])


def read_keys(output, keys):
    """KEY=VALUE lines of netperf as lists of numbers, one for each netperf that ran."""
    values = {key: [] for key in keys}
    for line in output.splitlines():
        key, equals, value = line.partition("=")
        if equals and key in values:
            try:
                values[key].append(float(value))
            except ValueError:
                continue
    return values


def read_classic(output, _):
    """The last line of a test that has no -k: two socket sizes, message size, seconds, rate."""
    for line in reversed(output.splitlines()):
        words = line.split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            continue
        if len(numbers) == 5:
            return {"ELAPSED_TIME": [numbers[3]], "THROUGHPUT": [numbers[4]]}
    return {"THROUGHPUT": []}


@dataclass(frozen=True)
class Netperf(Test):
    """A netperf test; streams of them at a time."""
    flags: str
    keys: tuple
    result: object
    read: object = read_keys
    streams: int = 1

    def netperf(self, path, length):
        """One netperf; what is not measured within a limit never ends by itself."""
        keys = f" -k {','.join(self.keys)}" if self.read is read_keys else ""
        # Loopback is two processes on two processors, as the two VMs are; the scheduler would put them on one.
        pinned = " -T 0,1" if path.client == "c" and self.bench.endswith("RR") else ""
        return f"netperf -P 0 -H {path.target} -t {self.bench} -l {length}{pinned} {self.flags} -- {self.options}{keys}"

    def command(self, paths, seconds):
        """All streams, and the first exit code that is none of success."""
        one = self.netperf(paths[0], seconds)
        if self.streams == 1:
            return one
        return (f"pids=; rc=0; for i in $(seq {self.streams}); do {one} & pids=\"$pids $!\"; done; "
                "for pid in $pids; do wait $pid || rc=$?; done; (exit $rc)")

    def empty(self, path):
        """A negative length is one in bytes."""
        return self.netperf(path, -1)

    def parse(self, output, _):
        """Rates summed up."""
        values = self.read(output, self.keys)
        missing = [key for key in values if len(values[key]) != self.streams]
        if missing:
            raise Failed(f"netperf said {len(values[missing[0]])} times {missing[0]}, not {self.streams}")
        merged = {key: statistics.mean(runs) if key == "ELAPSED_TIME" else sum(runs) for key, runs in values.items()}
        result = self.result(merged)
        if not result.value:
            raise Failed("nothing arrived")
        return [result]


def size_name(size):
    """64 B, 16 KiB; what is no multiple stays in bytes."""
    return f"{size // 1024} KiB" if size >= 1024 and size % 1024 == 0 else f"{size} B"


def stream_test(bench, size, option):
    """Messages of this size; option says whose."""
    big = size == SIZES[-1]
    return Netperf(bench, size_name(size), "Mbit/s", f"-m {option}{size}", "-f m", STREAM_KEYS, stream_result,
                   cpu=big and bench == "TCP_STREAM", counted=big)


def udp_test(size):
    """Datagrams of this size."""
    return Netperf("UDP_STREAM", f"{size} B", "Mbit/s", f"-m {size} -R 1", "-f m", UDP_KEYS, udp_result, counted=True)


def rr_test(bench):
    """A byte there and a byte back. Without -f, which would turn the rate into bits."""
    return Netperf(bench, "1 B", "1/s", "-r 1,1", "", STREAM_KEYS, rr_result, counted=bench == "TCP_RR")


def tests(vcpus):
    """In the order of the table. With more processors only what needs them."""
    if vcpus > 1:
        return [Netperf("TCP_STREAM", f"64 KiB, {STREAMS} streams", "Mbit/s", "-m 65536", "-f m", STREAM_KEYS,
                        stream_result, streams=STREAMS, counted=True)]
    every = [stream_test("TCP_STREAM", size, "") for size in SIZES]
    # The message size of the other end comes after the comma.
    every += [stream_test("TCP_MAERTS", size, ",") for size in SIZES]
    every += [Netperf("TCP_SENDFILE", "64 KiB", "Mbit/s", "-m 65536", f"-f m -F {SENDFILE}", STREAM_KEYS, stream_result,
                      read_classic, counted=True)]
    every += [udp_test(1472), udp_test(65507)]
    return every + [rr_test(bench) for bench in ("TCP_RR", "UDP_RR", "TCP_CRR")]


def mmnet_bytes_copied(delta, sender, receiver):
    """Bytes that either driver copied; headers and small frames travel inside a message, by copy."""
    inline = delta.get(sender, "mmnet", "tx_bytes") - delta.get(sender, "mmnet", "tx_zerocopy_bytes")
    return inline + delta.get(sender, "mmnet", "tx_bounced_bytes") + delta.get(receiver, "mmnet", "rx_copied_bytes")


def counts(delta, packets, size, notified, copied):
    """The same figures for each path."""
    return {("notifications", "1/packet"): per(notified, packets), ("copies", "1/byte"): copied,
            ("grant calls", "1/packet"): per(delta.grant_calls(), packets), ("packet size", "B"): per(size, packets)}


def account_mmnet(delta):
    """Both directions together."""
    packets = sum(delta.get(vm, "mmnet", "tx_packets") for vm in "ab")
    size = sum(delta.get(vm, "mmnet", "tx_bytes") for vm in "ab")
    copied = mmnet_bytes_copied(delta, "a", "b") + mmnet_bytes_copied(delta, "b", "a")
    signals = sum(delta.get(vm, "mmnet", "signals") for vm in "ab")
    return counts(delta, packets, size, signals, per(copied, size))


def is_netfront(name):
    """Event channels of eth0 in a VM, and of a vif in dom0."""
    return name.startswith(("eth0-", "vif"))


def account_netfront(delta):
    """An interrupt is what a notification becomes; the copy is the hypervisor's, by the way netback works."""
    packets = sum(delta.get(vm, "tx_packets", "eth0") for vm in "ab")
    size = sum(delta.get(vm, "tx_bytes", "eth0") for vm in "ab")
    notified = sum(delta.interrupts(machine, is_netfront) for machine in ("a", "b", "dom0"))
    return counts(delta, packets, size, notified, 1.0)


PATHS = (
    Path("mmnet", "a", MMNET["b"], ("a", "b"), account_mmnet),
    Path("netfront", "a", ADDRESS["b"], ("a", "b", "dom0"), account_netfront),
    # Nobody is notified and nothing is granted within one kernel.
    Path("loopback", "c", "127.0.0.1", ("c",), None),
)


def start_netserver(lab, name):
    """With a file for TCP_SENDFILE beside it."""
    lab.run(name, f"pgrep -x netserver > /dev/null || netserver > /dev/null; head -c 4M /dev/zero > {SENDFILE}; "
                  "pgrep -x netserver > /dev/null || { echo no netserver >&2; exit 1; }")


def set_up_mmnet(lab):
    """Link and addresses."""
    lab.run("dom0", f"fidoctl net add a b --queues {lab.vcpus} --wait 60 >&2", 120)
    for vm, address in MMNET.items():
        lab.run(vm, f"ip addr replace {address}/24 dev mmnet0 && ip link set mmnet0 up")
    lab.run("a", f"ping -c 3 -i 0.2 -W 5 {MMNET['b']}", 60)


def set_up_loopback(lab, child):
    """VM c is there for this only."""
    lab.end_loopback_vm(child)
    start_netserver(lab, "c")


def set_up(lab, say):
    """Makes the paths ready; returns the reason why one is not, by path."""
    # It boots while the others are made ready.
    loopback = lab.begin_loopback_vm()
    return set_up_paths({"netfront": lambda: [start_netserver(lab, vm) for vm in "ab"],
                         "mmnet": lambda: set_up_mmnet(lab),
                         "loopback": lambda: set_up_loopback(lab, loopback)}, say)
