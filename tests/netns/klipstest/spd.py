# SPDX-License-Identifier: GPL-2.0-only
"""Policies in the Linux dialect, byte by byte: what requests say of them, whatever that is, and what answers do. The rest of
the dialect is `klipstest.kame`'s."""

import socket
import struct

from .kame import DISCARD, IPPROTO, IPSEC, OUT, POLICY, REQUIRE, SPDDUMP, SPDGET, TUNNEL, sa, sa2
from .pfkey import ADD, DST, KEY_AUTH, KEY_ENCRYPT, SRC, PfKey, ext, key, message

ENTRUST, BYPASS = 3, 4
DEFAULT, BEET = 0, 3
SEC_CTX = 24
REQID_MAX = 0x3fff


def sockaddr(host, port=0):
    """A socket address."""
    if ":" in host:
        return (struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, host)
                + bytes(4))
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def address(kind, net, port=0, proto=255):
    """An address extension; `net` may have a prefix length."""
    host, _, length = net.partition("/")
    return ext(kind, struct.pack("=BBH", proto, int(length or (128 if ":" in host else 32)), 0) + sockaddr(host, port))


def template(satype, mode, level=REQUIRE, reqid=0, src=None, dst=None, length=None):
    """A request of a policy; a tunnel has two ends."""
    ends = sockaddr(src) + sockaddr(dst) if src else b""
    ends += b"\0" * (-len(ends) % 8)
    head = struct.pack("=HHBBHII", 16 + len(ends) if length is None else length, IPPROTO.get(satype, satype), mode, level, 0, reqid, 0)
    return head + ends


def policy(kind=IPSEC, direction=OUT, templates=(), number=0, priority=0):
    """The policy extension."""
    return ext(POLICY, struct.pack("=HBBII", kind, direction, 0, number, priority) + b"".join(templates))


def spd(kind, src, dst, *more, direction=OUT, action=IPSEC, templates=(), priority=0, proto=255, ports=(0, 0), seq=1, pid=0):
    """SPDADD and its like."""
    return message(kind, 0, address(SRC, src, ports[0], proto), address(DST, dst, ports[1], proto), *more,
                   policy(action, direction, templates, priority=priority), seq=seq, pid=pid)


def numbered(kind, number, seq=1, pid=0):
    """SPDGET and SPDDELETE2."""
    return message(kind, 0, policy(DISCARD, (number & 7) + 1, number=number), seq=seq, pid=pid)


def add(satype, src, dst, spi, mode=TUNNEL, reqid=0, auth_key=b"", enc_key=b"", kind=ADD, more=(), seq=1, pid=0, **words):
    """ADD or UPDATE of an SA."""
    keys = [key(number, octets) for number, octets in ((KEY_AUTH, auth_key), (KEY_ENCRYPT, enc_key)) if octets]
    return message(kind, satype, sa(spi, **words), sa2(mode, reqid),
                   address(SRC, src), address(DST, dst), *more, *keys, seq=seq, pid=pid)


class Policy:
    """A message about a policy, taken apart."""

    def __init__(self, got):
        self.message = got
        raw = got.exts[POLICY]
        self.action, self.direction, _, self.id, self.priority = struct.unpack_from("=HBBII", raw)
        self.src, self.sport, self.proto = self._end(got.exts[SRC])
        self.dst, self.dport, _ = self._end(got.exts[DST])
        self.templates = list(self._templates(raw[12:]))

    @staticmethod
    def _host(raw):
        family, = struct.unpack_from("=H", raw)
        port, = struct.unpack_from("!H", raw, 2)
        if family == socket.AF_INET6:
            return socket.inet_ntop(family, raw[8:24]), port, 28
        return socket.inet_ntoa(raw[4:8]), port, 16

    @classmethod
    def _end(cls, raw):
        proto, length, _ = struct.unpack_from("=BBH", raw)
        host, port, _ = cls._host(raw[4:])
        return f"{host}/{length}", port, proto

    @classmethod
    def _templates(cls, raw):
        while raw:
            length, proto, mode, level, _, reqid, _ = struct.unpack_from("=HHBBHII", raw)
            ends = ()
            if length > 16:
                src, _, size = cls._host(raw[16:])
                dst, _, _ = cls._host(raw[16 + size:])
                ends = src, dst
            yield proto, mode, level, reqid, ends
            raw = raw[length:]

    def limits(self, kind):
        """(addtime, usetime) of a lifetime."""
        return struct.unpack_from("=QQ", self.message.exts[kind], 12)


class Speaker(PfKey):
    """A socket that speaks this dialect from the start."""

    def __init__(self, ns=None):
        super().__init__(ns, shy=True)
        # Subscribes to nothing.
        self.ask(numbered(SPDGET, 0xfffffff8))

    def done(self, data):
        """Sends what must succeed: its answers."""
        status, got = self.ask(data)
        if status or not got or got[0].errno:
            raise AssertionError(f"errno {status or (got and got[0].errno)}, {got}")
        return got

    def refusal(self, data):
        """Sends what must fail: the errno in the one answer."""
        status, got = self.ask(data)
        if status or len(got) != 1 or len(got[0].data) != 16:
            raise AssertionError(f"write {status}, answers {got}")
        return got[0].errno

    def policies(self):
        """All policies, as listed."""
        _, got = self.ask(message(SPDDUMP, 0))
        if got[0].errno:
            return []
        while got[-1].seq:
            got += self.drain()
        return [Policy(one) for one in got]
