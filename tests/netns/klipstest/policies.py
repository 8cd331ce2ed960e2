# SPDX-License-Identifier: GPL-2.0-only
"""Policies of the Linux dialect on a KLIPS gateway, made by `ipsec setkey`, against the same by ip-xfrm(8) on the other.

Both are made from one description: the SAs of each direction, innermost first, and the policies of gateway A; those of
gateway B are the mirror image.
"""

import os
from dataclasses import dataclass, field

from .topology import A, B, NET_A, NET_B

PROTOS = {"esp": 50, "ah": 51, "ipcomp": 108}


@dataclass
class Sa:
    """One SA of a direction."""

    proto: str = "esp"
    mode: str = "tunnel"
    reqid: int = 0
    level: str = "require"
    keys: tuple = field(default_factory=lambda: (os.urandom(16), os.urandom(20)))

    def setkey(self, src, dst, spi):
        """The statement that makes it."""
        cipher, auth = (f"0x{key.hex()}" for key in self.keys)
        alg = {"esp": f"-E aes-cbc {cipher} -A hmac-sha1 {auth}", "ah": f"-A hmac-sha1 {auth}", "ipcomp": "-C deflate"}
        window = "" if self.proto == "ipcomp" else "-r 32"
        return f"add {src} {dst} {self.proto} {spi:#x} -m {self.mode} -u {self.reqid} {window} {alg[self.proto]};"

    def xfrm(self, src, dst, spi):
        """The line for ip(8) that makes it."""
        cipher, auth = (f"0x{key.hex()}" for key in self.keys)
        alg = {"esp": f"enc cbc(aes) {cipher} auth-trunc hmac(sha1) {auth} 96",
               "ah": f"auth-trunc hmac(sha1) {auth} 96", "ipcomp": "comp deflate"}[self.proto]
        proto = "comp" if self.proto == "ipcomp" else self.proto
        window = "" if self.proto == "ipcomp" else "replay-window 32"
        return f"xfrm state add src {src} dst {dst} proto {proto} spi {spi:#x} reqid {self.reqid} mode {self.mode} {window} {alg}"

    def template(self, src, dst):
        """What a policy of setkey says of it."""
        ends = f"{src}-{dst}" if self.mode == "tunnel" else ""
        level = f"unique:{self.reqid}" if self.reqid else self.level
        return f"{self.proto}/{self.mode}/{ends}/{level}"

    def tmpl(self, src, dst, out):
        """What a policy of ip(8) says of it. An IPComp that is not worth it is left out by the sender."""
        proto = "comp" if self.proto == "ipcomp" else self.proto
        ends = f"src {src} dst {dst}" if self.mode == "tunnel" else ""
        level = "level use" if self.level == "use" or proto == "comp" and not out else ""
        return f"tmpl {ends} proto {proto} reqid {self.reqid} mode {self.mode} {level}"


def spis(base, count):
    """SPIs of one direction; they do for IPComp, too."""
    return [base + i for i in range(count)]


def script(sas, selector, ends=(A, B), base=0x1001):
    """The whole program for setkey on gateway A: SAs of both directions, policies out and in (and fwd, which setkey adds)."""
    mine, theirs = selector
    lines = ["flush; spdflush;"]
    for (src, dst), first in ((ends, base), (ends[::-1], base + 0x1000)):
        lines += [sa.setkey(src, dst, spi) for sa, spi in zip(sas[src], spis(first, len(sas[src])))]
    lines.append(policy(mine, theirs, "out", [sa.template(*ends) for sa in sas[ends[0]]]))
    lines.append(policy(theirs, mine, "in", [sa.template(*ends[::-1]) for sa in sas[ends[1]]]))
    return "\n".join(lines)


def policy(src, dst, direction, templates, prio="", upper="any"):
    """A policy for setkey."""
    return f"spdadd {src} {dst} {upper} -P {direction} {prio} ipsec {' '.join(templates)};"


def batch(sas, selector, ends=(A, B), base=0x1001):
    """The same for ip(8) on gateway B."""
    mine, theirs = selector
    lines = ["xfrm state flush", "xfrm policy flush"]
    for (src, dst), first in ((ends, base), (ends[::-1], base + 0x1000)):
        lines += [sa.xfrm(src, dst, spi) for sa, spi in zip(sas[src], spis(first, len(sas[src])))]
    outward = " ".join(sa.tmpl(*ends[::-1], True) for sa in sas[ends[1]])
    inward = " ".join(sa.tmpl(*ends, False) for sa in sas[ends[0]])
    lines.append(f"xfrm policy add src {theirs} dst {mine} dir out {outward}")
    lines += [f"xfrm policy add src {mine} dst {theirs} dir {way} {inward}" for way in ("in", "fwd")]
    return lines


NETS = NET_A, NET_B
HOSTS = f"{A}/32", f"{B}/32"
