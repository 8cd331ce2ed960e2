# SPDX-License-Identifier: GPL-2.0-only
"""PF_KEYv2 in the dialect of Linux, which is KAME's, byte by byte; and how its clients judge what the kernel answers.

Its headers, addresses and keys are those of `pfkey`. SPIs and the insides of socket addresses are in network order, and so
are the ports of UDP encapsulation.
"""

import socket
import struct

from . import pfkey
from .pfkey import ext
from .tap import Failure, check, equal

SPDUPDATE, SPDADD, SPDDELETE, SPDGET, SPDACQUIRE, SPDDUMP, SPDFLUSH, SPDSETIDX, SPDEXPIRE, SPDDELETE2, NEW_MAPPING, MIGRATE = \
    range(13, 25)
POLICY, SA2, NATT_TYPE, NATT_SPORT, NATT_DPORT, NATT_OA = range(18, 24)
# The highest type of an extension that clients know.
LAST = 26

IPCOMP = 9
DISCARD, NONE, IPSEC = range(3)
IN, OUT, FWD = range(1, 4)
ANY, TRANSPORT, TUNNEL = range(3)
USE, REQUIRE, UNIQUE = range(1, 4)
IPPROTO = {pfkey.ESP: 50, pfkey.AH: 51, IPCOMP: 108}


def sa(spi, replay=0, state=pfkey.MATURE, auth=0, encrypt=0, flags=0):
    """The SA extension; here it ends with the flags."""
    return ext(pfkey.SA, struct.pack("!I", spi) + struct.pack("=BBBBI", replay, state, auth, encrypt, flags))


def sa2(mode=ANY, reqid=0):
    """The extension with the mode and the number that policies ask for."""
    return ext(SA2, struct.pack("=BBHII", mode, 0, 0, 0, reqid))


def lifetime(kind, addtime=0, octets=0, allocations=0, usetime=0):
    """A lifetime extension."""
    return ext(kind, struct.pack("=IQQQ", allocations, octets, addtime, usetime))


def request(mode, level, reqid=0, ends=None, satype=pfkey.ESP):
    """What a policy wants of one SA; `ends` are those of a tunnel."""
    inside = b"".join(struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(host)) for host in ends or ())
    return struct.pack("=HHBBHII", 16 + len(inside), IPPROTO[satype], mode, level, 0, reqid, 0) + inside


def policy(direction, *requests, kind=IPSEC, ident=0, priority=0):
    """The policy extension."""
    return ext(POLICY, struct.pack("=HBBII", kind, direction, 0, ident, priority) + b"".join(requests))


def spd(kind, direction, src, dst, *requests, upper=255, action=IPSEC, priority=0, ident=0, seq=1, pid=0):
    """A message about a policy; `src` and `dst` are networks."""
    ends = [pfkey.address(which, host, prefix=int(prefix), proto=upper)
            for which, (host, prefix) in ((pfkey.SRC, src.split("/")), (pfkey.DST, dst.split("/")))]
    return pfkey.message(kind, 0, policy(direction, *requests, kind=action, priority=priority, ident=ident), *ends, seq=seq,
                         pid=pid)


def policy_of(got):
    """Of the policy in a message: type, direction, id, priority, and the requests' bytes."""
    kind, direction, _, ident, priority = struct.unpack_from("=HBBII", got.exts[POLICY])
    return kind, direction, ident, priority, got.exts[POLICY][12:]


def spi_of(got):
    """The SPI of a message."""
    return int.from_bytes(got.exts[pfkey.SA][:4])


def parse(data):
    """The message, if the strictest client takes it: charon gives up at an extension that it does not know, or knows
    already; and every extension has its length."""
    got = pfkey.Message(data)
    equal((got.version, got.words * 8), (2, len(data)), "version and length")
    check(len(data) <= 4096, f"{len(data)} bytes, more than charon reads")
    at, kinds = 16, []
    while at < len(data):
        words, kind = struct.unpack_from("=HH", data, at)
        check(words and at + words * 8 <= len(data), f"extension {kind} of {words} words at {at}")
        check(1 <= kind <= LAST, f"extension of type {kind}")
        _extension(kind, data[at:at + words * 8])
        kinds.append(kind)
        at += words * 8
    equal(len(kinds), len(set(kinds)), f"extensions without repeats in {kinds}")
    return got


def _extension(kind, body):
    if kind in (pfkey.SA, SA2):
        equal(len(body), 16, f"length of extension {kind}")
    elif kind in (pfkey.LIFETIME_CURRENT, pfkey.LIFETIME_HARD, pfkey.LIFETIME_SOFT):
        equal(len(body), 32, "length of a lifetime")
    elif kind in (pfkey.SRC, pfkey.DST, pfkey.PROXY, NATT_OA):
        family = struct.unpack_from("=H", body, 8)[0]
        equal(len(body), {socket.AF_INET: 24, socket.AF_INET6: 40}.get(family), f"length of address {kind} of family {family}")
    elif kind in (NATT_TYPE, NATT_SPORT, NATT_DPORT):
        equal(len(body), 8, f"length of extension {kind}")


class Client:
    """Writes requests, and takes for the answer what has its own pid and the number of the request. Iked, charon and
    setkey agree in that; the last numbers all of its requests 0. One that is not `shy` shows its dialect first."""

    def __init__(self, ns, shy=True):
        self.key = pfkey.PfKey(ns, shy=True)
        if not shy:
            self.key.ask(pfkey.message(SPDDUMP, 0))
        # Messages of others that were passed over.
        self.heard = []

    def ask(self, data):
        """All that is queued as an answer when write returns; the first is of the request's type."""
        equal(self.key.write(data), 0, "errno of write")
        mine = []
        seq, pid = struct.unpack_from("=II", data, 8)
        for got in self.key.drain():
            # A list is numbered by itself.
            own = got.pid == pid and (got.seq == seq or got.kind in (pfkey.DUMP, SPDDUMP))
            (mine if own else self.heard).append(parse(got.data))
        if not mine:
            raise Failure(f"no answer to a message of type {data[1]}")
        equal(mine[0].kind, data[1], "type of the answer")
        return mine

    def request(self, data, err=0):
        """The one answer, with its errno."""
        got = self.ask(data)
        equal(([answer.errno for answer in got]), [err], "errno of the answers")
        return got[0]

    def close(self):
        """Closes the socket."""
        self.key.close()
