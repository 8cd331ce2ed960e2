# SPDX-License-Identifier: GPL-2.0-only
"""Steady traffic through many tunnels, from processes of their own: echo requests, each of which must be answered."""

import mmap
import os
import select
import signal
import socket
import struct
import time
import traceback

from .capture import SO_RCVBUFFORCE
from .packet import checksum, ipv4
from .tally import attach, program
from .tap import SLOWER, Failure, until
from .tunnels import host_a, host_b

# So many at a time, and so many seconds apart; never more than so many without an answer.
BURST, PERIOD, WINDOW = 4, 0.02, 64
# So many answers show that traffic flows.
ENOUGH = 10
# What there is to know of a sender.
_SENT, _ANSWERED, _LOST, _UP_TO, _WORDS = range(5)


def replies(ident):
    """The filter of a raw socket that keeps the echo replies with an identifier."""
    return program((0x30, 0, 0, 20), (0x15, 0, 3, 0), (0x28, 0, 0, 24), (0x15, 0, 1, ident), (0x06, 0, 0, 0xffff),
                   (0x06, 0, 0, 0))


class Sender:
    """One process."""

    def __init__(self, ns, tunnels, ident, patience, words):
        with ns:
            self._out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self._in = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        attach(self._in, replies(ident))
        self._in.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self._in.setblocking(False)
        self._ends = [(host_a(n), host_b(n)) for n in range(tunnels)]
        head = struct.pack("!BBHHH", 8, 0, 0, ident, 0)
        # The number is followed by its complement, so that one checksum is right for all.
        data = head + struct.pack("!II", 0, 0xffffffff) + bytes(64)
        self._head, self._tail = head[:2] + struct.pack("!H", checksum(data)) + head[4:], bytes(64)
        self._patience, self._words = patience, words
        self._waiting = {}

    def run(self, over):
        """Asks until `over()`, then waits for what is still to come."""
        while not over():
            began = time.monotonic()
            self._send()
            self._until(began + PERIOD)
        while self._waiting:
            self._until(time.monotonic() + PERIOD)

    def _send(self):
        for _ in range(min(BURST, WINDOW - len(self._waiting))):
            number = self._words[_SENT]
            src, dst = self._ends[number % len(self._ends)]
            self._waiting[number] = time.monotonic_ns()
            self._words[_SENT] = number + 1
            message = self._head + struct.pack("!II", number, 0xffffffff - number) + self._tail
            try:
                self._out.sendto(ipv4(src, dst, socket.IPPROTO_ICMP, message), (dst, 0))
            except OSError:
                # Nobody answers it, which is what counts.
                pass

    def _until(self, deadline):
        """Takes answers in, and tells up to which moment everything has been answered."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                break
            number, complement = struct.unpack_from("!II", self._in.recv(256), 28)
            if number + complement == 0xffffffff and self._waiting.pop(number, None):
                self._words[_ANSWERED] += 1
        now = time.monotonic_ns()
        while self._waiting and now - self._oldest() > self._patience * 1e9:
            del self._waiting[next(iter(self._waiting))]
            self._words[_LOST] += 1
        self._words[_UP_TO] = self._oldest() if self._waiting else now

    def _oldest(self):
        return next(iter(self._waiting.values()))


class Crowd:
    """Senders for the length of a block, which begins when traffic flows, through the first `tunnels` tunnels. What is not
    answered in `patience` seconds is lost."""

    def __init__(self, ns, tunnels, senders, patience=20):
        self._ns, self._tunnels, self._senders, self._patience = ns, tunnels, senders, patience * SLOWER
        self._shared = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")
        self._pids = []

    def __enter__(self):
        for number in range(self._senders):
            pid = os.fork()
            if pid == 0:
                self._child(number)
            self._pids.append(pid)
        try:
            until(lambda: self.answered >= ENOUGH, "traffic flows", 60)
        except Failure as failure:
            self.__exit__(failure)
            raise
        return self

    def _child(self, number):
        status = 1
        try:
            words = self._words(number)
            Sender(self._ns, self._tunnels, 0x6b00 + number, self._patience, words).run(lambda: self._shared[0])
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)

    def _words(self, number):
        return self._shared[1 + number * _WORDS:1 + (number + 1) * _WORDS]

    def __exit__(self, *trouble):
        self._shared[0] = 1
        for pid in self._pids:
            if trouble[0]:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _sum(self, word):
        return sum(self._words(number)[word] for number in range(self._senders))

    @property
    def sent(self):
        """Requests that were sent."""
        return self._sum(_SENT)

    @property
    def answered(self):
        """Requests that were answered."""
        return self._sum(_ANSWERED)

    @property
    def lost(self):
        """Requests without an answer; after the block."""
        return self.sent - self.answered

    def up_to(self):
        """The moment, of time.monotonic_ns, up to which everything that was sent has been answered or given up."""
        return min(self._words(number)[_UP_TO] for number in range(self._senders))
