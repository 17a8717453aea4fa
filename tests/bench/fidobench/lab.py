# SPDX-License-Identifier: GPL-2.0
"""The emulated Xen host, as the benchmarks see it."""

import os
import signal
import subprocess
import sys

CACHE = os.environ.get("FIDO_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "fido-lab")

# As lib/vm.sh of the lab numbers them.
ADDRESS = {"dom0": "127.0.0.1", "a": "10.99.0.11", "b": "10.99.0.12", "c": "10.99.0.13"}

EXIT_TIMEOUT = 124
EXIT_CHANNEL = 125


class Failed(Exception):
    """A command in the lab did not do what it should; the text says why, in one line."""


def last_line(text):
    """The line that most likely names the trouble."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


class Lab:
    """Boots, asks and ends one lab, with a state directory of its own."""

    def __init__(self, top, vcpus, memory=512):
        self.program = os.path.join(top, "tests", "lab", "lab")
        self.vcpus = vcpus
        self.memory = int(os.environ.get("VM_MEM") or memory)
        suite = os.environ.get("SUITE", "trixie")
        self.env = dict(os.environ, SUITE=suite, VMS="a b", VCPUS=str(vcpus), VM_MEM=str(self.memory))
        self.env["LAB_STATE"] = os.environ.get("LAB_STATE") or os.path.join(CACHE, suite, "bench")
        self.children = []

    def begin(self, *args):
        """Starts a verb of the lab whose messages are for the user."""
        # In a session of its own, so that an interruption reaches its compilers too.
        child = subprocess.Popen([self.program, *args], env=self.env, stdin=subprocess.DEVNULL,
                                 stdout=sys.stderr, start_new_session=True)
        self.children.append(child)
        return child

    def end(self, child):
        """Waits for what begin() started."""
        status = child.wait()
        self.children.remove(child)
        if status:
            raise Failed(f"lab {' '.join(child.args[1:])} ended with {status}")

    def verb(self, *args):
        """Both."""
        self.end(self.begin(*args))

    def run(self, name, command, limit=60):
        """Standard output of a command in dom0 or a VM."""
        env = dict(self.env, LAB_TIMEOUT=str(limit))
        done = subprocess.run([self.program, "exec", name, command], env=env, text=True, check=False, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode == EXIT_TIMEOUT:
            raise Failed(f"no end after {limit} s in {name}")
        if done.returncode:
            reason = last_line(done.stderr) or last_line(done.stdout) or command.strip()[:60]
            raise Failed(f"exit code {done.returncode} in {name}: {reason}")
        return done.stdout

    def answers(self, name):
        """Whether a machine still lives."""
        try:
            self.run(name, "true", 30)
        except Failed:
            return False
        return True

    def up(self):
        """Boots a fresh lab with a and b."""
        self.verb("down")
        self.verb("up")

    def begin_loopback_vm(self):
        """Adds VM c, which has as many processors as a and b together."""
        self.run("dom0", f"mkdir -p /lab/vm && echo 'vcpus = {2 * self.vcpus}' > /lab/vm/c.extra")
        return self.begin("vm", "start", "c")

    def end_loopback_vm(self, child):
        """It answers now, and is what was asked for."""
        self.end(child)
        seen = self.run("c", "nproc").strip()
        if seen != str(2 * self.vcpus):
            raise Failed(f"c has {seen} processors")

    def down(self):
        """Whatever happens, nothing is left running."""
        for child in self.children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait()
        self.children = []
        subprocess.run([self.program, "down"], env=self.env, check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def emulator(self):
        """Its process id, or 0."""
        try:
            with open(os.path.join(self.env["LAB_STATE"], "qemu.pid"), encoding="utf-8") as file:
                return int(file.read())
        except (OSError, ValueError):
            return 0

    def describe(self):
        """The first line of lab status without the path in it."""
        done = subprocess.run([self.program, "status"], env=self.env, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return (done.stdout.splitlines() or ["nothing"])[0].split(", state ")[0].replace("running on ", "")
