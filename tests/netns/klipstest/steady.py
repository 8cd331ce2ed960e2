# SPDX-License-Identifier: GPL-2.0-only
"""Steady traffic in the background: echo requests of which it is counted how many were answered."""

import contextlib
import os
import select
import socket
import threading
import time

from .counters import Watch, xfrm
from .packet import checksum
from .tap import Failure, after, equal

PERIOD = 0.02
# How long an answer may take, once nothing is sent any more.
PATIENCE = 3
# How many may be lost while daemons renew SAs.
STRAYS = 5
# Where KLIPS counts what comes for an SA that is larval.
EARLY = "rx_sa_not_mature"


class Steady:
    """Asks every 20 ms, in a thread, for the length of a block."""

    def __init__(self, ns, to, size=200):
        with ns:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._to, self._ident, self._data = to, os.urandom(2), os.urandom(size)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent, self.answered = 0, set()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        self._socket.close()

    def _run(self):
        following = time.monotonic()
        while not self._over.is_set():
            self.sent += 1
            rest = self._ident + (self.sent & 0xffff).to_bytes(2) + self._data
            message = b"\x08\0\0\0" + rest
            self._socket.sendto(message[:2] + checksum(message).to_bytes(2) + message[4:], (self._to, 0))
            following = max(following + PERIOD, time.monotonic())
            self._collect(following)
        deadline = after(PATIENCE)
        while len(self.answered) < self.sent and time.monotonic() < deadline:
            self._collect(time.monotonic() + 0.1)

    def _collect(self, until):
        while (left := until - time.monotonic()) > 0 and select.select([self._socket], [], [], left)[0]:
            data = self._socket.recv(65535)
            data = data[4 * (data[0] & 15):]
            if data[0] == 0 and data[4:6] == self._ident and data[8:] == self._data:
                self.answered.add(int.from_bytes(data[6:8]))

    @property
    def lost(self):
        """Which of them were not answered; after the block."""
        return sorted(set(range(1, self.sent + 1)) - self.answered)

    def whole(self):
        """Fails unless all were answered; after the block."""
        if self.lost:
            raise Failure(f"{len(self.lost)} of {self.sent} echo requests without an answer: {self.lost[:20]}")


@contextlib.contextmanager
def renewal(ns, to, *gateways):
    """Steady traffic for the length of a block in which daemons renew SAs. KLIPS must not discard any of it.

    Each daemon makes and deletes its SAs when the other says so, and for a moment one has an SA that the other has no
    longer or not yet. What is sent meanwhile is lost, whoever's IPsec it is. XFRM, which sees last what nobody has an SA
    for, counts it; KLIPS, if the SA is larval.
    """
    ours, strays = [Watch(gateway) for gateway in gateways], [Watch(gateway, xfrm) for gateway in gateways]
    with Steady(ns, to) as steady:
        yield steady
    counted = [watch.rose() for watch in ours + strays]
    equal([set(rose) - {EARLY} for rose in counted[:len(ours)]], [set() for _ in ours],
          "reasons for discarding packets")
    if len(steady.lost) > min(sum(sum(rose.values()) for rose in counted), STRAYS):
        raise Failure(f"{len(steady.lost)} of {steady.sent} echo requests without an answer: {steady.lost[:20]}; counted was "
                      f"{counted}")
