# SPDX-License-Identifier: GPL-2.0-only
"""A fuzzer of PF_KEY: sequences of requests that were sound once, on several sockets of both dialects.

Where the kernel tells which code a request came to (klipstest/kcov.py), those that came to new code are kept, with what went
before them, and are what others are made from.
"""

import collections
import contextlib
import errno
import functools
import re
import socket
import struct
import threading
import time

from . import kame, pfkey, seeds
from .fault import Listings
from .mangle import Mangler
from .pfkey import ACQUIRE, DUMP, EXPIRE, PROMISC, PfKey, ext, message
from .spd import Speaker
from .tap import SLOWER, Failure, equal, note

# So many requests in a sequence, sequences until all sockets are made anew, and requests until all tables are emptied.
STEPS, ROUND, CROWD = 12, 40, 120
# Nothing takes so many seconds, once the modules of the algorithms are there.
PATIENCE = 20 * SLOWER
# DEBUG of KLIPS, and ACQUIRE, are not answered.
MUTE = (ACQUIRE, 16)
LISTS = (DUMP, kame.SPDDUMP)
# What the kernel says by itself about something that has changed.
UNASKED = (ACQUIRE, EXPIRE, 17, 21)
LAST_TYPE, LAST_EXT = 24, 33
IP_IPSEC_POLICY, IPV6_IPSEC_POLICY = 16, 34
# Which sockets a request of each dialect is written to. The deaf ones are never read from, the new ones know nothing.
ROLES = {"klips": ("klips", "klips", "klips", "klips too", "new", "deaf klips"),
         "linux": ("linux", "linux", "linux", "linux too", "new", "deaf linux")}


@functools.lru_cache(4096)
def sound(data):
    """Fails unless what came from the kernel is a message. Many hear the same."""
    if not 16 <= len(data) <= 4096 or data[0] != 2 or struct.unpack_from("=H", data, 4)[0] * 8 != len(data):
        raise Failure(f"no message: {data.hex()}")
    if not 1 <= data[1] <= LAST_TYPE or (data[2] and data[2] not in errno.errorcode):
        raise Failure(f"type or errno of {data.hex()}")
    at, kinds = 16, set()
    while at < len(data):
        words, kind = struct.unpack_from("=HH", data, at)
        if not words or at + words * 8 > len(data) or not 1 <= kind <= LAST_EXT or kind in kinds:
            raise Failure(f"extension at {at} of {data.hex()}")
        kinds.add(kind)
        at += words * 8


def _plain(text):
    """A listing without what changes by itself."""
    return re.sub(r"\bidle=\d+|(add|use)time\(\d+", "", text)


class Watchdog:
    """Tells which request it is that does not come back."""

    def __init__(self):
        self.since, self.what = None, ""
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self):
        while True:
            time.sleep(1)
            since = self.since
            if since is not None and time.monotonic() - since > PATIENCE:
                note(f"for {PATIENCE} s now: {self.what}")
                self.since = None


class Fuzzer:
    """Makes up sequences, writes them, and looks at what comes."""

    def __init__(self, ns, rng, coverage=None):
        self._ns, self._rng, self._coverage = ns, rng, coverage
        programs = seeds.programs()
        self._mangler = Mangler(rng, [data for _, steps in programs for data in steps])
        self._seeds = [[(rng.choice(ROLES[dialect]), data) for data in steps] for dialect, steps in programs]
        self._sockets, self._curious, self._program = {}, set(), []
        self._watchdog, self._before = Watchdog(), None
        # Sound from beginning to end; they hear what everybody hears.
        self.keepers = {"klips": PfKey(ns), "linux": Speaker(ns)}
        with ns:
            self._listings = Listings(*("ipsec_" + name for name in ("eroute", "spi", "spigrp", "tncfg")))
            self._exempt = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.kept, self.errnos, self.heard = [], collections.Counter(), collections.Counter()
        self.executions, self.refusals, self.slowest, self._since = 0, 0, (0.0, ""), 0

    # Sockets.

    def reopen(self):
        """All sockets anew."""
        self.close()
        self._ns.sysctl("net.ipsec.pfkey_dialect", self._rng.randrange(3))
        for name, kind in (("klips", PfKey), ("linux", Speaker)):
            self._sockets |= {name: kind(self._ns), f"{name} too": kind(self._ns), f"deaf {name}": kind(self._ns)}
        for satype in (2, 3):
            self._sockets["deaf klips"].write(message(7, satype))
            self._sockets["deaf linux"].write(message(7, satype))

    def close(self):
        """Closes all sockets but the keepers'."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets, self._curious = {}, set()

    def _renew(self):
        """The socket of which nothing is known."""
        if "new" in self._sockets:
            self._sockets["new"].close()
            self._curious.discard("new")
        self._sockets["new"] = PfKey(self._ns, shy=True)

    def clear(self):
        """Empties the tables."""
        for name, requests in seeds.CLEAR.items():
            for data in requests:
                equal(self.keepers[name].write(data), 0, f"errno of {data.hex()}")
        self._since = 0

    def listen(self):
        """What the keepers have heard is sound; whether the kernel said something by itself."""
        unasked = 0
        for keeper in self.keepers.values():
            for data in self._read(keeper):
                sound(data)
                self.heard[data[1]] += 1
                unasked += data[1] in UNASKED and not data[2]
        return unasked

    @staticmethod
    def _read(sock):
        """All that is there to be read."""
        got = []
        with contextlib.suppress(BlockingIOError):
            while True:
                got.append(sock.socket.recv(65536, socket.MSG_DONTWAIT))
        return got

    # Sequences.

    def _window(self, steps):
        start = self._rng.randrange(max(len(steps) - STEPS, 0) + 1)
        return steps[start:start + STEPS]

    def _base(self):
        """What a sequence is made from: rather what was kept last."""
        if self.kept and self._rng.random() < 0.65:
            return self.kept[int(len(self.kept) * self._rng.random() ** 0.5)]
        return self._window(self._rng.choice(self._seeds))

    def make(self):
        """A sequence."""
        rng, steps = self._rng, self._base()
        if rng.random() < 0.3:
            steps = steps[:rng.randint(1, len(steps))] + self._base()
        share, made = rng.choice((0.08, 0.25, 0.6)), []
        for role, data in steps[:STEPS + 4]:
            if rng.random() < 0.04:
                continue
            if rng.random() < 0.06:
                role = rng.choice(ROLES[rng.choice(tuple(ROLES))])
            for _ in range(rng.choice((1,) * 19 + (2,))):
                made.append((role, self._mangler.mangled(data) if rng.random() < share else data))
        return made

    def seeds(self):
        """Everything once as it is."""
        self.reopen()
        for steps in self._seeds:
            self.run(steps)
        self.clear()

    def round(self, alone):
        """Some sequences. When nobody else works on the tables, what is refused is seen to have changed nothing."""
        self.reopen()
        for _ in range(ROUND):
            if self._since > CROWD or self._rng.random() < 0.2:
                self.clear()
            self.run(self.make(), alone)
        self.clear()
        self.listen()

    def run(self, steps, alone=False):
        """Writes a sequence."""
        self._program = []
        self._renew()
        if alone:
            self._before = self._tables()
        for role, data in steps:
            self._program.append((role, data))
            if self._rng.random() < 0.01:
                self._option(data)
            self._step(role, data, alone)
        self._quiet()
        self.listen()

    # One request.

    def _step(self, role, data, alone):
        """Writes one request, reads what comes, and judges it."""
        sock, rng = self._sockets[role], self._rng
        if not role.startswith("deaf"):
            # What others were answered must not be taken for the answer.
            self._judge_heard(role, self._read(sock))
        self._watchdog.what, began = f"{role} {data.hex()}", time.monotonic()
        self._watchdog.since = began
        if self._coverage:
            self._coverage.begin()
        status = sock.write(data)
        partly = rng.random() < 0.02 and self._partly(sock)
        got = [] if role.startswith("deaf") else self._read(sock)
        if self._coverage and self._coverage.new():
            self.kept.append(self._program[-6:])
        self._watchdog.since = None
        self._count(time.monotonic() - began, data)
        self._judge(role, data, status, got, partly)
        if alone:
            self._compare(role not in self._curious and self._refused(role, data, status, got))

    def _compare(self, refused):
        """What was refused has changed nothing."""
        before, self._before = self._before, self._tables()
        self.refusals += refused
        if refused and before != self._before and not self.listen():
            raise Failure(f"refused, and yet changed:\n{before}\n{self._before}\n{self.said()}")

    def _count(self, took, data):
        self.executions += 1
        self._since += 1
        self.slowest = max(self.slowest, (took, data.hex()))

    def _partly(self, sock):
        """Reads a beginning, or in a way that there is not."""
        with contextlib.suppress(OSError):
            sock.socket.recv(self._rng.choice((0, 1, 15, 16, 17, 64)), socket.MSG_DONTWAIT | self._rng.choice(
                (0, socket.MSG_PEEK, socket.MSG_TRUNC, socket.MSG_OOB)))
        return True

    def _judge(self, role, data, status, got, partly):
        if len(data) >= 16 and data[1] == PROMISC:
            self._curious.add(role)
        self._judge_heard(role, got)
        answer = self._answer(role, data, got)
        code = status or (answer[2] if answer else 0)
        self.errnos[errno.errorcode.get(code, code) if code else "ok"] += 1
        unsure = partly or role in self._curious or role.startswith("deaf")
        if status == 0 and not (answer or unsure or data[1] in MUTE):
            raise Failure(f"neither refused nor answered:\n{self.said()}")

    def _judge_heard(self, role, got):
        """Who wants to see everything sees requests too, as they are."""
        for one in got if role not in self._curious else ():
            sound(one)

    def _answer(self, role, data, got):
        """The answer to a request; lists have numbers of their own. To who wants to see everything, what has the request's
        own errno is the request."""
        shown = data[:16] if role in self._curious and data[2:3] != b"\0" else None
        return next((one for one in got if one[1] == data[1] and (one[8:16] == data[8:16] or data[1] in LISTS)
                     and one[:16] != shown), None)

    def _refused(self, role, data, status, got):
        """Whether a request was, by `write` or by its answer."""
        answer = self._answer(role, data, got)
        return bool(status or (answer and answer[2]))

    def _tables(self):
        """All that there is to be seen of SAs, eroutes and devices."""
        return self._listings.read(_plain)

    def _option(self, data):
        """The policy of a socket, good or bad."""
        fields = struct.pack("=HBBII", self._rng.randrange(6), self._rng.randrange(4), 0, 0, 0)
        policy = self._mangler.mangled(message(pfkey.FLUSH, 0, ext(kame.POLICY, fields)))[16:]
        for level, name in ((socket.IPPROTO_IP, IP_IPSEC_POLICY), (socket.IPPROTO_IPV6, IPV6_IPSEC_POLICY)):
            with contextlib.suppress(OSError):
                self._exempt.setsockopt(level, name, self._rng.choice((policy, data)))

    def _quiet(self):
        """Talks no more to the log than it must."""
        if any(len(data) > 1 and data[1] == 16 for _, data in self._program):
            self.keepers["klips"].write(message(16, 0, ext(25, bytes(52))))

    def said(self):
        """The sequence up to now, for the report."""
        return "\n".join(f"{role}: {data.hex()}" for role, data in self._program)
