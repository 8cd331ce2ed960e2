# SPDX-License-Identifier: GPL-2.0-only
"""PF_KEYv2 in the dialect of KLIPS, byte by byte and without help from the code under test.

Numbers in headers and extensions are in host order, SPIs and the insides of socket addresses in network order.
"""

import errno
import select
import socket
import struct

PF_KEY, PF_KEY_V2 = 15, 2

GETSPI, UPDATE, ADD, DELETE, GET, ACQUIRE, REGISTER, EXPIRE, FLUSH, DUMP, PROMISC, PCHANGE = range(1, 13)
GRPSA, ADDFLOW, DELFLOW, DEBUG = range(13, 17)

SA, LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT, SRC, DST, PROXY, KEY_AUTH, KEY_ENCRYPT, IDENT_SRC, IDENT_DST = \
    range(1, 12)
SUPPORTED_AUTH, SUPPORTED_ENCRYPT, SPIRANGE = range(14, 17)
SATYPE2, SA2, DST2, SRC_FLOW, DST_FLOW, SRC_MASK, DST_MASK = range(18, 25)
PROTOCOL, NATT_TYPE, NATT_SPORT, NATT_DPORT = range(26, 30)
NATT_NONESP = 2
# The third and fourth SA of GRPSA.
GROUP = 33

AH, ESP, IPIP, COMP, INT = 2, 3, 9, 10, 11
LARVAL, MATURE, DYING, DEAD = range(4)
REPLACEFLOW, CLEARFLOW, INFLOW, POLICYONLY = 2, 4, 8, 16
# Extended sequence numbers.
ESN = 0x400


def ext(kind, payload):
    """An extension, padded to words."""
    payload += b"\0" * (-(4 + len(payload)) % 8)
    return struct.pack("=HH", (4 + len(payload)) // 8, kind) + payload


def sa(spi, kind=SA, replay=0, state=MATURE, auth=0, encrypt=0, flags=0, ref=0):
    """The SA extension, with the reference that KLIPS has behind it."""
    return ext(kind, struct.pack("!I", spi) + struct.pack("=BBBBIII", replay, state, auth, encrypt, flags, ref, 0))


def address(kind, host, port=0, proto=0, prefix=0):
    """An address extension."""
    head = struct.pack("=BBH", proto, prefix, 0)
    if ":" in host:
        inside = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0)
        return ext(kind, head + inside + socket.inet_pton(socket.AF_INET6, host) + bytes(4))
    return ext(kind, head + struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8))


def key(kind, data, bits=None):
    """A key extension."""
    return ext(kind, struct.pack("=HH", len(data) * 8 if bits is None else bits, 0) + data)


def lifetime(kind, allocations=0, octets=0, addtime=0, usetime=0, packets=0):
    """A lifetime extension."""
    return ext(kind, struct.pack("=IQQQII", allocations, octets, addtime, usetime, packets, 0))


def message(kind, satype, *extensions, seq=1, pid=0, version=2, err=0, reserved=0, words=None):
    """A whole message."""
    body = b"".join(extensions)
    words = 2 + len(body) // 8 if words is None else words
    return struct.pack("=BBBBHHII", version, kind, err, satype, words, reserved, seq, pid) + body


def natt(sport, dport):
    """The extensions of UDP encapsulation (RFC 3948)."""
    ports = [ext(kind, struct.pack("=HH", port, 0)) for kind, port in ((NATT_SPORT, sport), (NATT_DPORT, dport))]
    return [ext(NATT_TYPE, struct.pack("=B3x", NATT_NONESP)), *ports]


def add(satype, dst, spi, src="0.0.0.0", auth_key=b"", enc_key=b"", kind=ADD, lifetimes=(), more=(), seq=1, pid=0, **words):
    """ADD or UPDATE of an SA."""
    keys = []
    if auth_key:
        keys.append(key(KEY_AUTH, auth_key))
    if enc_key:
        keys.append(key(KEY_ENCRYPT, enc_key))
    return message(kind, satype, sa(spi, **words), *lifetimes, address(SRC, src), address(DST, dst), *keys, *more,
                   seq=seq, pid=pid)


def flow(src, src_mask, dst, dst_mask, proto=0, sport=0, dport=0):
    """The extensions that select packets."""
    exts = [address(SRC_FLOW, src, sport), address(DST_FLOW, dst, dport),
            address(SRC_MASK, src_mask, 0xffff if sport else 0), address(DST_MASK, dst_mask, 0xffff if dport else 0)]
    if proto:
        exts.append(ext(PROTOCOL, struct.pack("=BBBB", proto, 0, 0, 0)))
    return exts


def addflow(selector, dst, spi, satype, flags=0, seq=1, pid=0, src="0.0.0.0"):
    """ADDFLOW; `selector` is made by `flow`."""
    return message(ADDFLOW, satype, sa(spi, state=0, flags=flags), address(SRC, src), address(DST, dst), *selector,
                   seq=seq, pid=pid)


def delflow(selector, seq=1, pid=0):
    """DELFLOW of one eroute."""
    return message(DELFLOW, 0, *selector, seq=seq, pid=pid)


def clear_flows(seq=1, pid=0):
    """DELFLOW of all eroutes."""
    return message(DELFLOW, 0, sa(0, state=0, flags=CLEARFLOW), seq=seq, pid=pid)


def member(satype, dst, spi, family=None):
    """A member of a group, as it stands in the extension GROUP."""
    own, octets = (socket.AF_INET6, socket.inet_pton(socket.AF_INET6, dst)) if ":" in dst else \
        (socket.AF_INET, socket.inet_aton(dst) + bytes(12))
    return struct.pack("=BBH", satype, 0, own if family is None else family) + struct.pack("!I", spi) + octets


def group(first, second=None, *outer, seq=1, pid=0):
    """GRPSA; each SA is (satype, dst, spi)."""
    satype, dst, spi = first
    exts = [sa(spi, state=0), address(DST, dst)]
    if second:
        satype2, dst2, spi2 = second
        exts += [ext(SATYPE2, struct.pack("=I", satype2)), sa(spi2, SA2, state=0), address(DST2, dst2)]
    if outer:
        exts.append(ext(GROUP, bytes(4) + b"".join(member(*name) for name in outer)))
    return message(GRPSA, satype, *exts, seq=seq, pid=pid)


def spirange(low, high):
    """The extension that GETSPI chooses from."""
    return ext(SPIRANGE, struct.pack("!II", low, high) + bytes(4))


class Message:
    """A message that was received."""

    def __init__(self, data):
        self.data = data
        (self.version, self.kind, self.errno, self.satype, self.words, self.reserved, self.seq,
         self.pid) = struct.unpack_from("=BBBBHHII", data)
        self.exts = {}
        at = 16
        while at < len(data):
            words, kind = struct.unpack_from("=HH", data, at)
            if words == 0:
                raise ValueError(f"extension of length 0 at {at} of {data.hex()}")
            self.exts[kind] = data[at + 4:at + words * 8]
            at += words * 8

    def sa(self, kind=SA):
        """The SA extension: spi, replay, state, auth, encrypt, flags, ref."""
        payload = self.exts[kind]
        return struct.unpack_from("!I", payload) + struct.unpack_from("=BBBBII", payload, 4)

    def address(self, kind):
        """The IPv4 address of an address extension."""
        return socket.inet_ntoa(self.exts[kind][8:12])

    def algorithms(self, kind):
        """Of a SUPPORTED extension: id, ivlen, minbits, maxbits of each."""
        payload = self.exts.get(kind, b"\0" * 4)[4:]
        return [struct.unpack_from("=BBHH", payload, at) for at in range(0, len(payload), 8)]

    def __repr__(self):
        return (f"<kind {self.kind} errno {self.errno} satype {self.satype} seq {self.seq} pid {self.pid} "
                f"exts {sorted(self.exts)}>")


# Changes nothing, and is nothing that the other dialect has.
INTRODUCTION = message(DEBUG, 0, ext(25, struct.pack("=12I4x", 0, 1 << 31, *[0] * 10)))


class PfKey:
    """A PF_KEY socket, opened where the process is now. Unless it is `shy` it shows its dialect at once."""

    def __init__(self, ns=None, shy=False):
        if ns is None:
            self.socket = socket.socket(PF_KEY, socket.SOCK_RAW, PF_KEY_V2)
        else:
            with ns:
                self.socket = socket.socket(PF_KEY, socket.SOCK_RAW, PF_KEY_V2)
        if not shy:
            self.socket.send(INTRODUCTION)

    def write(self, data):
        """Sends a message; 0 or the errno of the refusal."""
        try:
            self.socket.send(data)
        except OSError as error:
            return error.errno
        return 0

    def read(self):
        """A message that is there now, or None."""
        try:
            return Message(self.socket.recv(65536, socket.MSG_DONTWAIT))
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            return None

    def drain(self):
        """All messages that are there now."""
        messages = []
        while (got := self.read()) is not None:
            messages.append(got)
        return messages

    def ask(self, data):
        """Sends a message: the errno, and what is there to be read right after."""
        self.drain()
        return self.write(data), self.drain()

    def readable(self):
        """What poll says."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self):
        """Closes the socket."""
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
