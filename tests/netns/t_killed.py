# SPDX-License-Identifier: GPL-2.0-only
"""Tools that are killed in the middle of their work, at each of their system calls, or refused one of their requests.

What a tool had asked for by then is done, and nothing else: a group has all of its SAs, or there is none. Requests are
refused for want of memory, on a kernel that can fail allocations.
"""

import collections
import ctypes
import os
import signal

from klipstest import fault, pfkey
from klipstest.netns import Netns, run
from klipstest.pfkey import ESP, IPIP, PfKey
from klipstest.tap import case, check, end, equal, note

US, PEER = "10.9.0.1", "10.9.0.2"
TRACEME, PEEKUSER, SYSCALL, SETOPTIONS, TRACESYSGOOD = 0, 3, 24, 0x4200, 1
# Where a stopped task's registers are (x86-64), and the numbers of calls.
RAX, RDI, ORIG_RAX = 80, 112, 120
SOCKET, SENDERS = 41, (1, 20, 44, 46)

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long] * 4
TOOL = run("bash", "-c", "command -v ipsec").out.strip()

ns = Netns("k-killed")
ns.ip("link add wan0 type dummy", f"addr add {US}/24 dev wan0", "link set wan0 up")
key = PfKey(ns)


class Traced:
    """A tool that stops before and after each system call, from when it has a PF_KEY socket."""

    def __init__(self, *argv):
        with ns:
            self.pid = os.fork()
            if self.pid == 0:
                self._become(argv)
        self.sent, self._fd, self._sending, self.status = 0, None, False, None
        self._wait()
        libc.ptrace(SETOPTIONS, self.pid, 0, TRACESYSGOOD)
        self._entering = False
        while self._fd is None and self.step():
            pass

    @staticmethod
    def _become(argv):
        try:
            libc.ptrace(TRACEME, 0, 0, 0)
            null = os.open("/dev/null", os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            os.execv(argv[0], argv)
        finally:
            os._exit(127)

    def _wait(self):
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSTOPPED(status):
            return True
        self.status = os.waitstatus_to_exitcode(status)
        return False

    def _register(self, place):
        return libc.ptrace(PEEKUSER, self.pid, place, 0)

    @property
    def is_about_to_send(self):
        """Whether it stopped before a request."""
        return self._entering and self._sending

    def step(self):
        """Goes on to the next stop. `False`: it has ended."""
        libc.ptrace(SYSCALL, self.pid, 0, 0)
        if not self._wait():
            return False
        self._entering = not self._entering
        number = self._register(ORIG_RAX)
        if self._entering:
            self._sending = number in SENDERS and self._fd is not None and self._register(RDI) == self._fd
        elif number == SOCKET and self._register(RAX) >= 0 and self._fd is None and self._is_pfkey:
            self._fd = self._register(RAX)
        else:
            self.sent += self._sending and self._register(RAX) > 0
        return True

    @property
    def _is_pfkey(self):
        return self._register(RDI) == pfkey.PF_KEY

    def kill(self):
        """Ends it where it stands."""
        os.kill(self.pid, signal.SIGKILL)
        while self._wait():
            pass


NAMES = [(IPIP if n == 0 else ESP, PEER, 0x1000 + n) for n in range(4)]
SAIDS = [f"{'tun' if satype == IPIP else 'esp'}{spi:#x}@{PEER}" for satype, _, spi in NAMES]
GROUP = TOOL, "spigrp", "--said", *SAIDS


def sure(*requests):
    """Makes requests."""
    for data in requests:
        equal(key.write(data), 0, f"errno of request {data[1]}")
    key.drain()


def groups():
    """Each SA with those after it, as they are listed."""
    return sorted(line.split() for line in ns.read("/proc/net/ipsec_spigrp").splitlines())


def grouped(done):
    """The same, when the request of `GROUP` is done, or not."""
    return sorted(SAIDS[n:] if done else [SAIDS[n]] for n in range(4))


def dissolved():
    """Has each SA stand alone."""
    sure(pfkey.group(NAMES[0]))
    equal(groups(), grouped(False), "groups that were dissolved")


def killed(argv, state, undo):
    """Kills a tool at each of its system calls in turn: `state` of how many requests it has sent is what there must be."""
    counts = collections.Counter()
    for stops in range(1000):
        tool = Traced(*argv)
        if not all(tool.step() for _ in range(stops)):
            equal(tool.status, 0, "status of the tool that was not killed")
            state(tool.sent)
            undo()
            return counts
        tool.kill()
        counts[tool.sent] += 1
        state(tool.sent)
        undo()
    raise AssertionError("more than 1000 system calls")


def is_grouped(sent):
    """Checks what there is when so many requests were sent: all of the group, or nothing."""
    equal(groups(), grouped(sent > 0), f"groups after {sent} requests")


sure(*[pfkey.add(satype, PEER, spi, src=US, **({} if satype == IPIP else {"enc_key": bytes(16), "auth_key": bytes(20),
                                                                         "encrypt": 12, "auth": 3}))
       for satype, _, spi in NAMES])

with case("the tool makes a group of four by one request"):
    tool = Traced(*GROUP)
    while tool.step():
        pass
    equal((tool.status, tool.sent), (0, 1), "status, requests")
    equal(groups(), grouped(True), "groups")
    check(groups() != grouped(False), "groups that differ")
    dissolved()

with case("ipsec spigrp, killed at each system call: all four SAs are grouped if it was asked for, and else none"):
    counts = killed(GROUP, is_grouped, dissolved)
    note(f"killed {sum(counts.values())} times, after so many requests: {dict(sorted(counts.items()))}")
    equal(sorted(counts), [0, 1], "requests that it was killed after")

with case("ipsec spi, killed at each system call: the SA is there if it was asked for"):
    saids = {False: sorted(SAIDS), True: sorted([*SAIDS, f"esp0x2000@{PEER}"])}

    def is_added(sent):
        equal(sorted(line.split()[0] for line in ns.read("/proc/net/ipsec_spi").splitlines()), saids[sent > 0],
              f"SAs after {sent} requests")

    def deleted():
        key.write(pfkey.message(pfkey.DELETE, ESP, pfkey.sa(0x2000, state=0), pfkey.address(pfkey.SRC, US),
                                pfkey.address(pfkey.DST, PEER)))
        key.drain()
        is_added(0)

    counts = killed((TOOL, "spi", "--said", f"esp0x2000@{PEER}", "--src", US, "--esp", "aes128-sha1-96", "--enckey",
                     "0x" + "11" * 16, "--authkey", "0x" + "22" * 20), is_added, deleted)
    note(f"killed {sum(counts.values())} times, after so many requests: {dict(sorted(counts.items()))}")
    check(len(counts) >= 2, f"killed after {counts}")

def refused(nth):
    """Runs the tool, which gets no memory at the n-th allocation for its request: its status, and whether there were so
    many."""
    tool = Traced(*GROUP)
    while not tool.is_about_to_send:
        check(tool.step(), "it ended before its request")
    fd = os.open(f"/proc/{tool.pid}/fail-nth", os.O_RDWR)
    os.pwrite(fd, b"%d" % nth, 0)
    tool.step()
    left = int(os.pread(fd, 32, 0))
    os.pwrite(fd, b"0", 0)
    os.close(fd)
    while tool.step():
        pass
    return tool.status, left == 0


if fault.available():
    with case("ipsec spigrp, refused memory for its request: nothing is grouped, and it says so"):
        fault.set_up(fault.module_text())
        outcomes = collections.Counter()
        for nth in range(1, 100):
            status, happened = refused(nth)
            where = f"allocation {nth}, status {status}"
            equal(groups(), grouped(status == 0), f"groups, {where}")
            dissolved()
            if not happened:
                equal(status, 0, f"status without a fault, {where}")
                break
            outcomes["refused" if status else "done"] += 1
        note(f"failed so many allocations: {dict(outcomes)}")
        # There is a link for each SA but the last.
        check(outcomes["refused"] >= 3, f"refused: {outcomes}")
else:
    note("skipped in part: this kernel cannot fail allocations")

end()
