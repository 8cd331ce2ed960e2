# SPDX-License-Identifier: GPL-2.0-only
"""A model of the tables behind PF_KEY, from Documentation/pfkey.md and proc.md alone: what a request does, with which errno
it fails, and what the listings show afterwards.

A request is an object that can say its own bytes (`data`) and be carried out by the model (`apply`, which returns an
errno or 0 and never changes anything when it fails).
"""

import errno
import ipaddress
import itertools
import struct
from dataclasses import dataclass, field

from . import pfkey
from .pfkey import AH, COMP, DYING, ESP, INT, IPIP, LARVAL, MATURE

_NAMES = {AH: "ah", ESP: "esp", IPIP: "tun", COMP: "comp", INT: "int"}
_IP_PROTO = {AH: 51, ESP: 50, IPIP: 4, COMP: 108, INT: 61}
# Name, sizes of the key, size of the IV.
_CIPHERS = {3: ("3DES", {192}, 64), 11: ("NULL", {0}, 0), 12: ("AES", {128, 192, 256}, 128),
            13: ("AES_CTR", {160, 224, 288}, 64), 20: ("AES_GCM_16", {160, 224, 288}, 64)}
_AUTHS = {0: ("", 0), 2: ("HMAC_MD5", 128), 3: ("HMAC_SHA1", 160), 5: ("HMAC_SHA2_256", 256), 7: ("HMAC_SHA2_512", 512)}
_NATENCAP = {0: "none", 1: "nonike", 2: "nonesp"}
SHUNTS = {256: "%pass", 257: "%drop", 258: "%reject", 259: "%hold", 260: "%trap", 261: "%trapsubnet"}
LIMITS = ("alloc", "bytes", "addtime", "usetime", "packets")
NO_LIMITS = (0,) * 5
# A larval SA is left alone for so many seconds.
LARVAL_SECONDS = 30
MOST_IN_GROUP = 4


def said_text(said):
    """(satype, destination, SPI) as listings name it."""
    satype, dst, spi = said
    if satype == INT:
        return SHUNTS[spi]
    return f"{_NAMES[satype]}{spi:#x}@{dst}"


def net_text(address, mask):
    """A network as listings print it: the address as it was given."""
    return f"{address}/{int(ipaddress.ip_address(mask)).bit_count()}"


@dataclass
class Sa:
    """An SA as it is in the table."""

    said: tuple
    src: str
    serial: int
    inbound: bool
    state: int = LARVAL
    auth: int = 0
    encrypt: int = 0
    keys: tuple = (0, 0)
    window: int = 0
    flags: int = 0
    hard: tuple = NO_LIMITS
    soft: tuple = NO_LIMITS
    nat: tuple = (0, 0, 0)
    policy: tuple = None
    # Learned from the answer.
    ref: int = 0
    refhim: int = 0
    made: float = 0
    next: tuple = None
    prev: tuple = None

    def limits(self):
        """(soft, hard) of each kind; a soft limit is never above the hard one."""
        return [(min(soft, hard) if hard else soft, hard) for soft, hard in zip(self.soft, self.hard, strict=True)]

    def row(self):
        """The line of the listing, with what the model cannot know replaced by `_`."""
        satype = self.said[0]
        name = {ESP: "ESP", IPIP: "IPIP", AH: "AH", COMP: "COMP"}[satype]
        compression = {0: "NONE", 2: "DEFLATE"}.get(self.encrypt, "") if satype == COMP else None
        for part in (compression or _CIPHERS.get(self.encrypt, ("",))[0], _AUTHS[self.auth][0]):
            name += "_" + part if part else ""
        words = [f"{said_text(self.said)} {name}:", "dir=in " if self.inbound else "dir=out", f"src={self.src}"]
        if self.policy:
            words.append(f"policy={net_text(*self.policy[:2])}->{net_text(*self.policy[2:])}")
        if satype == ESP and self.encrypt and _CIPHERS[self.encrypt][2]:
            words.append(f"iv_bits={_CIPHERS[self.encrypt][2]}bits iv=_")
        for label, value in (("ooowin", self.window if self.encrypt or self.auth else 0), ("flags", self.flags & ~1),
                             ("alen", _AUTHS[self.auth][1]), ("aklen", self.keys[0]), ("eklen", self.keys[1])):
            if value:
                words.append(f"{label}={value:#x}<>" if label == "flags" else f"{label}={value}")
        life = "".join(self._lifetime(kind, *limits) for kind, limits in zip(LIMITS, self.limits(), strict=True))
        words += [f"life(c,s,h)={life}", f"natencap={_NATENCAP.get(self.nat[0], 'unknown')}", f"natsport={self.nat[1]}",
                  f"natdport={self.nat[2]}", "refcount=1", f"ref={self.ref}", f"refhim={self.refhim}"]
        return " ".join(words)

    @staticmethod
    def _lifetime(kind, soft, hard):
        if not soft and not hard and kind != "addtime":
            return ""
        used = {"alloc": "1", "addtime": "_"}.get(kind, "0")
        return f"{kind}({used},{soft},{hard})"

    def place(self):
        """Where it is listed: by the classic hash, the newest first."""
        satype, dst, spi = self.said
        address = struct.unpack("=I", ipaddress.ip_address(dst).packed)[0] if "." in dst else 0
        swapped = struct.unpack("=I", struct.pack("!I", spi))[0]
        return ((address + swapped + _IP_PROTO[satype]) & 0xffffffff) % 257, -self.serial


@dataclass
class Flow:
    """What an eroute selects; None for a mask stands for no field at all."""

    src: str
    src_mask: str
    dst: str
    dst_mask: str
    proto: int = 0
    sport: int = 0
    dport: int = 0

    def extensions(self):
        """For a message."""
        return pfkey.flow(self.src, self.src_mask, self.dst, self.dst_mask, self.proto, self.sport, self.dport)

    def key(self):
        """As given."""
        return (":" in self.src, *(int(ipaddress.ip_address(a)) for a in (self.src, self.dst)), self.proto, self.sport,
                self.dport)

    def mask(self):
        """Which of it matters."""
        return (*(int(ipaddress.ip_address(a)) for a in (self.src_mask, self.dst_mask)), self.proto and 0xff,
                self.sport and 0xffff, self.dport and 0xffff)

    def slot(self):
        """What only one eroute can have."""
        version, src, dst, *rest = self.key()
        src_mask, dst_mask, *_ = self.mask()
        return version, src & src_mask, dst & dst_mask, *rest, self.mask()

    def place(self):
        """Where it is listed: under one key the most specific mask first."""
        src, dst, proto, sport, dport = (part.bit_count() for part in self.mask())
        return self.key(), -src, -dst, -proto, -(sport + dport)

    def row(self, said):
        """The line of the listing, of an eroute that matched nothing."""
        def end(address, mask, port):
            net = net_text(address, mask)
            if not port:
                return net
            return f"[{net}]:{port}" if ":" in net else f"{net}:{port}"

        proto = f":{self.proto}" if self.proto else ""
        return (f"{'0':<10} {end(self.src, self.src_mask, self.sport):<18} -> "
                f"{end(self.dst, self.dst_mask, self.dport):<18} => {said_text(said)}{proto}")


@dataclass
class Model:
    """Both tables."""

    local: set
    sas: dict = field(default_factory=dict)
    eroutes: dict = field(default_factory=dict)
    serial: int = 0

    # The listings.

    def sa_order(self):
        """All SAs as they are listed."""
        return sorted(self.sas.values(), key=Sa.place)

    def listing(self, name):
        """The rows of a listing."""
        if name == "eroute":
            ordered = sorted(self.eroutes.values(), key=lambda eroute: eroute[0].place())
            return [flow.row(said) for flow, said in ordered]
        if name == "spi":
            return [sa.row() for sa in self.sa_order()]
        return ["".join(said_text(said) + " " for said in self.chain(sa.said)) for sa in self.sa_order()]

    # Groups.

    def chain(self, said):
        """An SA and those behind it."""
        found = []
        while said:
            found.append(said)
            said = self.sas[said].next
        return found

    def head(self, said):
        """The first of the group."""
        while self.sas[said].prev:
            said = self.sas[said].prev
        return said

    def group(self, *names):
        """Groups SAs, or dissolves the group of one."""
        if any(said not in self.sas for said in names):
            return errno.ENOENT
        first, *outer = names
        if not outer:
            for said in self.chain(self.head(first)):
                self.sas[said].next = self.sas[said].prev = None
            return 0
        inbound = {self.sas[said].inbound for said in outer}
        if len(inbound) > 1:
            return errno.EINVAL
        chain = names[::-1] if True in inbound else names
        pairs = list(itertools.pairwise(chain))
        taken = any(self.sas[said].next or self.sas[behind].prev for said, behind in pairs)
        if taken or len(set(chain)) < len(chain) or self.head(chain[0]) == chain[-1]:
            return errno.EEXIST
        if len(self.chain(self.head(chain[0]))) + len(chain[1:-1]) + len(self.chain(chain[-1])) > MOST_IN_GROUP:
            return errno.EINVAL
        for said, behind in pairs:
            self.sas[said].next, self.sas[behind].prev = behind, said
        return 0

    def remove(self, said):
        """Removes an SA with its group."""
        if said not in self.sas:
            return errno.ESRCH
        for member in self.chain(self.head(said)):
            del self.sas[member]
        return 0

    def flush(self, satype):
        """Removes the SAs of a satype with their groups."""
        if satype > 11:
            return errno.EINVAL
        for said in list(self.sas):
            if said in self.sas and satype in (0, said[0]):
                self.remove(said)
        return 0

    # SAs.

    def insert(self, sa):
        """A new SA."""
        self.serial += 1
        sa.serial = self.serial
        sa.inbound = sa.said[1] in self.local
        self.sas[sa.said] = sa

    def add(self, sa):
        """ADD: the SA as the message has it."""
        if (code := _incomplete(sa)) or sa.said in self.sas:
            return code or errno.EEXIST
        if code := _unusable(sa):
            return code
        self.insert(sa)
        return 0

    def update(self, sa):
        """UPDATE: of ports alone, or of everything but a few things."""
        if code := _incomplete(sa):
            return code
        old = self.sas.get(sa.said)
        if not old:
            return errno.ENOENT
        _, sport, dport = sa.nat
        if sport or dport:
            old.nat = (old.nat[0], sport or old.nat[1], dport or old.nat[2])
            return 0
        if code := _unusable(sa):
            return code
        for kept in ("serial", "inbound", "policy", "ref", "refhim", "next", "prev"):
            setattr(sa, kept, getattr(old, kept))
        if old.policy:
            sa.flags |= old.flags & (pfkey.INFLOW | pfkey.POLICYONLY)
        self.sas[sa.said] = sa
        return 0

    # Eroutes and policies.

    def add_flow(self, flow, said, flags):
        """ADDFLOW."""
        if flags & (pfkey.INFLOW | pfkey.POLICYONLY):
            tunnels = [member for member in self.chain(said) if member[0] == IPIP] if said in self.sas else []
            if not tunnels:
                return errno.ENOENT
            tunnel = self.sas[tunnels[0]]
            tunnel.policy = (flow.src, flow.src_mask, flow.dst, flow.dst_mask)
            tunnel.flags |= flags & (pfkey.INFLOW | pfkey.POLICYONLY)
            return 0
        if flow.slot() in self.eroutes and not flags & pfkey.REPLACEFLOW:
            return errno.EEXIST
        self.eroutes[flow.slot()] = (flow, said)
        return 0

    def delete_flow(self, flow):
        """DELFLOW of one."""
        if flow.slot() in self.eroutes:
            del self.eroutes[flow.slot()]
            return 0
        same_key = any(other.key() == flow.key() for other, _ in self.eroutes.values())
        return errno.ENOENT if same_key else errno.EFAULT


def _incomplete(sa):
    """What the message of an SA is refused for before anything is looked up."""
    satype, dst, spi = sa.said
    fits = {ESP: sa.encrypt and (sa.auth or sa.encrypt != 11), IPIP: True, AH: sa.auth and not sa.encrypt,
            COMP: sa.encrypt and not sa.auth}.get(satype)
    same_family = (":" in dst) == (":" in sa.src)
    bad = sa.state != MATURE or spi < 256 or not fits or not same_family
    return errno.EINVAL if bad else 0


def _unusable(sa):
    """What an SA cannot be made for."""
    if sa.said[0] == IPIP:
        return 0
    if sa.said[0] == AH:
        return 0 if sa.auth in _AUTHS and sa.keys[0] == _AUTHS[sa.auth][1] else errno.EINVAL
    if sa.said[0] == COMP:
        return 0 if sa.encrypt == 2 else errno.EINVAL
    if sa.encrypt not in _CIPHERS:
        return errno.EPROTO
    auth, enc = sa.keys
    good = (enc in _CIPHERS[sa.encrypt][1] and sa.auth in _AUTHS and auth == _AUTHS[sa.auth][1]
            and not (sa.encrypt == 20 and sa.auth) and not (sa.encrypt in (11, 13) and not sa.auth))
    return 0 if good else errno.EINVAL


# What the state of an SA may be told as.
STATES = {LARVAL: {LARVAL}, MATURE: {MATURE, DYING}}
