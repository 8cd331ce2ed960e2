# SPDX-License-Identifier: GPL-2.0-only
"""How clients of KLIPS judge what the kernel answers: the checks of the library that Openswan's and libreswan's programs
are built with, and the way their daemon waits for an answer.

The library refuses a message as a whole; a daemon whose answer is refused counts the request as failed.
"""

import socket
import struct

from . import pfkey
from .tap import Failure, check, equal

SENSITIVITY, PROPOSAL, KMPRIVATE = 12, 13, 17
NATT_TYPE, NATT_SPORT, NATT_DPORT, NATT_OA, PLUMBIF, SAREF = range(27, 33)
_NAME = {pfkey.SA, pfkey.SRC, pfkey.DST}
_LIMITS = {pfkey.LIFETIME_HARD, pfkey.LIFETIME_SOFT}
_IDENTS = {pfkey.IDENT_SRC, pfkey.IDENT_DST}
_NATT = {NATT_TYPE, NATT_SPORT, NATT_DPORT, NATT_OA}
_FLOW = {pfkey.SRC_FLOW, pfkey.DST_FLOW, pfkey.SRC_MASK, pfkey.DST_MASK}
_SECOND = {pfkey.SATYPE2, pfkey.SA2, pfkey.DST2}

# Of each message from the kernel: the extensions that it must have, and those that it may have besides.
REPLY = {
    pfkey.GETSPI: (_NAME, set()),
    pfkey.UPDATE: (_NAME, {pfkey.LIFETIME_CURRENT, pfkey.PROXY, NATT_SPORT, NATT_DPORT} | _LIMITS | _IDENTS),
    # The answer to ADD is read twice, by the rules for answers and by those for requests; references are learned from it.
    pfkey.ADD: (_NAME | {SAREF}, _LIMITS | _IDENTS | _NATT),
    pfkey.DELETE: (_NAME, set()),
    pfkey.GET: (_NAME, {pfkey.LIFETIME_CURRENT, pfkey.PROXY} | _LIMITS | _IDENTS | _NATT),
    pfkey.ACQUIRE: ({pfkey.SRC, pfkey.DST, PROPOSAL}, {pfkey.PROXY} | _IDENTS),
    pfkey.REGISTER: (set(), {pfkey.SUPPORTED_AUTH, pfkey.SUPPORTED_ENCRYPT}),
    pfkey.EXPIRE: (_NAME | {pfkey.LIFETIME_CURRENT}, _LIMITS),
    pfkey.FLUSH: (set(), set()),
    pfkey.GRPSA: ({pfkey.SA, pfkey.DST}, _SECOND),
    pfkey.ADDFLOW: ({pfkey.SA, pfkey.DST} | _FLOW, {pfkey.SRC, pfkey.PROTOCOL}),
    pfkey.DELFLOW: (_FLOW, {pfkey.SA, pfkey.PROTOCOL}),
}
_NAMED = {pfkey.GETSPI, pfkey.UPDATE, pfkey.ADD, pfkey.DELETE, pfkey.GET, pfkey.GRPSA, pfkey.ADDFLOW}
_SATYPES = {pfkey.AH, pfkey.ESP, pfkey.IPIP, pfkey.COMP, pfkey.INT}
_ADDRESSES = {pfkey.SRC, pfkey.DST, pfkey.PROXY, pfkey.DST2, NATT_OA} | _FLOW
# References that the library believes in.
_REFS = 1 << 15


def parse(data):
    """The message, if the library takes it."""
    check(len(data) >= 16, f"{len(data)} bytes are no header")
    got = pfkey.Message(data)
    equal((got.version, got.words * 8, got.reserved), (2, len(data), 0), "version, length and reserved field")
    check(got.kind in REPLY, f"message of type {got.kind}")
    check(got.satype <= 11, f"satype {got.satype}")
    check(got.kind not in _NAMED or got.satype in _SATYPES, f"satype {got.satype} in a message of type {got.kind}")
    required, permitted = REPLY[got.kind]
    kinds = [kind for kind, _ in _walk(data)]
    equal(len(kinds), len(set(kinds)), f"extensions without repeats in {kinds}")
    check(required <= set(kinds), f"{got}: without {required - set(kinds)}")
    check(set(kinds) <= required | permitted, f"{got}: with {set(kinds) - required - permitted}")
    for kind, body in _walk(data):
        _extension(kind, body)
    if got.kind in (pfkey.ADD, pfkey.UPDATE):
        _complete_sa(got)
    return got


def _walk(data):
    at = 16
    while at < len(data):
        check(len(data) - at >= 8, f"{len(data) - at} bytes are left over")
        words, kind = struct.unpack_from("=HH", data, at)
        check(1 <= words * 8 <= len(data) - at and words, f"extension {kind} is {words} words long")
        check(1 <= kind <= SAREF, f"extension of type {kind}")
        yield kind, data[at:at + words * 8]
        at += words * 8


def _extension(kind, body):
    if kind in (pfkey.SA, pfkey.SA2):
        _sa(body)
    elif kind in (pfkey.LIFETIME_CURRENT, pfkey.LIFETIME_HARD, pfkey.LIFETIME_SOFT):
        equal(len(body), 40, "length of a lifetime")
    elif kind in _ADDRESSES:
        _address(kind, body)
    elif kind in _IDENTS:
        number, reserved = struct.unpack_from("=HH", body, 4)
        check(number <= 4 and reserved == 0 and (len(body) == 16 or body[-1] == 0), f"identity {body.hex()}")
    elif kind == PROPOSAL:
        equal((len(body) - 8) % 80, 0, "rest of the proposal behind combinations of 80 bytes")
    elif kind in (pfkey.SATYPE2, pfkey.PROTOCOL, NATT_TYPE, NATT_SPORT, NATT_DPORT):
        equal(len(body), 8, f"length of extension {kind}")
    elif kind == SAREF:
        equal(len(body), 16, "length of the references")


def _sa(body):
    equal(len(body), 24, "length of an SA")
    replay, state, _, _, _, reference, rest = struct.unpack_from("=BBBBIII", body, 8)
    check(replay <= 64, f"replay window {replay}")
    check(state <= pfkey.DYING, f"state {state}")
    check(reference in (0, 0xffffffff) or reference < _REFS, f"reference {reference}")
    equal(rest, 0, "reserved field of an SA")


def _address(kind, body):
    _, prefix, reserved, family = struct.unpack_from("=BBHH", body, 4)
    equal((prefix, reserved), (0, 0), f"prefix length and reserved field of address {kind}")
    sizes = {socket.AF_INET: 24, socket.AF_INET6: 40}
    check(family in sizes, f"family {family} of address {kind}")
    equal(len(body), sizes[family], f"length of address {kind}")


def _complete_sa(got):
    spi, _, state, auth, encrypt, _, _ = got.sa()
    check(spi > 255 and state == pfkey.MATURE, f"SPI {spi:#x} in state {state}")
    if got.satype == pfkey.ESP:
        check(encrypt and (auth or encrypt != 11), f"ESP with cipher {encrypt} and authentication {auth}")


class Daemon:
    """Writes requests, and takes for the answer what has its own pid and the number of the request."""

    def __init__(self, ns):
        self.socket = pfkey.PfKey(ns)
        # Messages of others that were passed over.
        self.heard = []

    def request(self, data):
        """The answer, which must be queued when write returns, of the request's type, and without an errno."""
        equal(self.socket.write(data), 0, "errno of write")
        kind, seq, pid = data[1], *struct.unpack_from("=II", data, 8)
        while (got := self.socket.read()) is not None:
            if (got.pid, got.seq) == (pid, seq):
                equal((got.kind, got.errno), (kind, 0), "type and errno of the answer")
                return parse(got.data)
            self.heard.append(got)
        raise Failure(f"no answer to message {seq} of type {kind}")

    def close(self):
        """Closes the socket."""
        self.socket.close()


def scan_eroutes(text):
    """The eroutes as the daemon reads them, every two minutes: count, source, destination, SAID, protocol."""
    found = []
    for line in text.splitlines():
        check(len(line) <= 1023, "line too long for the daemon")
        words = line.split()
        check(len(words) in (5, 6), f"{len(words)} fields in {line!r}")
        count = int(words.pop(0)) if len(words) == 6 else None
        equal((words[1], words[3]), ("->", "=>"), f"arrows in {line!r}")
        said, _, proto = words[4].partition(":")
        found.append((count, words[0], words[2], said, proto))
    return found


def algorithms(got):
    """Of the answer to REGISTER, what the daemon will offer its peers: authentication and encryption."""
    return [{alg[0]: alg[1:] for alg in got.algorithms(kind)} for kind in (pfkey.SUPPORTED_AUTH, pfkey.SUPPORTED_ENCRYPT)]


def address_of(got, kind):
    """The address of an address extension, of either family."""
    body = got.exts[kind]
    family = struct.unpack_from("=H", body, 4)[0]
    return socket.inet_ntop(family, body[8:12] if family == socket.AF_INET else body[12:28])
