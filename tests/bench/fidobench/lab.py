# SPDX-License-Identifier: GPL-2.0
"""The emulated Xen host, as the benchmarks see it."""

import os
import signal
import subprocess
import sys

CACHE = os.environ.get("FIDO_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "fido-lab")


class Failed(Exception):
    """A command in the lab did not do what it should; the text says why, in one line."""


def last_line(text):
    """The line that most likely names the trouble."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


class Lab:
    """Boots, asks and ends one lab, with a state directory of its own."""

    def __init__(self, top):
        self.program = os.path.join(top, "tests", "lab", "lab")
        suite = os.environ.get("SUITE", "trixie")
        self.env = dict(os.environ, SUITE=suite, VMS="a b")
        self.env["LAB_STATE"] = os.environ.get("LAB_STATE") or os.path.join(CACHE, suite, "bench")

        self.borrowed_proc = False

    def borrow_proc(self):
        """A bare chroot may lack /proc, without which QEMU cannot create the files for the machines' logs."""
        if not os.path.exists("/proc/self/fd") and os.getuid() == 0:
            subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=False)
            self.borrowed_proc = True

    def verb(self, *args):
        """Runs a verb of the lab whose messages are for the user."""
        # In a session of its own, so that an interruption reaches its compilers too.
        child = subprocess.Popen([self.program, *args], env=self.env, stdin=subprocess.DEVNULL,
                                 stdout=sys.stderr, start_new_session=True)
        try:
            status = child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise
        if status:
            raise Failed(f"lab {' '.join(args)} ended with {status}")

    def run(self, name, command, limit=60):
        """Standard output of a command in dom0 or a VM."""
        env = dict(self.env, LAB_TIMEOUT=str(limit))
        done = subprocess.run([self.program, "exec", name, command], env=env, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode == 124:
            raise Failed(f"no end after {limit} s in {name}")
        if done.returncode:
            reason = last_line(done.stderr) or last_line(done.stdout) or command[:60]
            raise Failed(f"exit code {done.returncode} in {name}: {reason}")
        return done.stdout

    def up(self):
        """Boots a fresh lab and adds VM c, which has as many processors as a and b together."""
        self.borrow_proc()
        self.verb("down")
        self.verb("up")
        self.run("dom0", "mkdir -p /lab/vm && echo 'vcpus = 2' > /lab/vm/c.extra")
        self.verb("vm", "start", "c")

    def down(self):
        """Whatever happens, nothing is left running."""
        subprocess.run([self.program, "down"], env=self.env, check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.borrowed_proc:
            subprocess.run(["umount", "/proc"], check=False)
            self.borrowed_proc = False

    def describe(self):
        """The first line of lab status without the path in it."""
        done = subprocess.run([self.program, "status"], env=self.env, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return done.stdout.splitlines()[0].split(", state ")[0].replace("running on ", "")

    def cpu_seconds(self):
        """Seconds that all domains have run since they exist."""
        listing = self.run("dom0", "xl list", 60)
        return sum(float(line.split()[-1]) for line in listing.splitlines()[1:])
