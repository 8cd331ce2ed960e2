# SPDX-License-Identifier: GPL-2.0-only
"""Many tunnels between the two gateways of `topology`, made and renewed by PF_KEY. Each is for one address on either side.

Every direction of a tunnel has an ESP and an IPIP SA of one SPI, which no other one ever had.
"""

import os
import socket
from dataclasses import dataclass

from . import pfkey
from .tap import Failure
from .topology import A, B, HOST_A, HOST_B

ONE = "255.255.255.255"
# What hosts A and B answer for besides their own addresses.
SIDE_A, SIDE_B = "10.1.128.0/17", "10.2.128.0/17"
AES_GCM_16 = 20


def host_a(n):
    """The address of a tunnel on the side of host A."""
    return f"10.1.{128 + (n >> 8)}.{n & 255}"


def host_b(n):
    """That on the side of host B."""
    return f"10.2.{128 + (n >> 8)}.{n & 255}"


def quiet(ns):
    """A PF_KEY socket of which nobody reads the answers: its queue is full after the first one."""
    key = pfkey.PfKey(ns)
    key.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    return key


def must(key, *messages):
    """Requests that must succeed."""
    for message in messages:
        errno = key.write(message)
        if errno:
            raise Failure(f"errno of PF_KEY message {message[1]}: {os.strerror(errno)}")


def sas(src, dst, spi, enc_key):
    """An ESP and an IPIP SA, grouped."""
    return (pfkey.add(pfkey.IPIP, dst, spi, src),
            pfkey.add(pfkey.ESP, dst, spi, src, enc_key=enc_key, encrypt=AES_GCM_16, replay=64),
            pfkey.group((pfkey.IPIP, dst, spi), (pfkey.ESP, dst, spi)))


def gone(src, dst, spi):
    """DELETE of both."""
    return pfkey.message(pfkey.DELETE, pfkey.IPIP, pfkey.sa(spi), pfkey.address(pfkey.SRC, src),
                         pfkey.address(pfkey.DST, dst))


def prepare(topology):
    """Gives both hosts the addresses of the tunnels."""
    topology.hostA.ip(f"route add local {SIDE_A} dev lo")
    topology.hostB.ip(f"route add local {SIDE_B} dev lo")
    topology.gwA.ip(f"route add {SIDE_A} via {HOST_A}")
    topology.gwB.ip(f"route add {SIDE_B} via {HOST_B}")


def attach(topology):
    """Attaches ipsec0 of both gateways, and routes the tunnels into it; one program start for each."""
    for ns, me, side in ((topology.gwA, A, SIDE_B), (topology.gwB, B, SIDE_A)):
        ns.ip("link set ipsec0 type klips dev wan0", f"addr add {me}/32 dev ipsec0", "link set ipsec0 up",
              f"route add {side} dev ipsec0")


@dataclass
class Direction:
    """One way of a tunnel: the gateways' addresses and sockets, and the hosts."""

    src: str
    dst: str
    sender: pfkey.PfKey
    receiver: pfkey.PfKey
    host_from: str
    host_to: str
    spi: int = 0

    def renew(self, spi):
        """Make before break: the receiver has the new SAs before the sender has and uses them. The SPI of the old ones,
        which both still have."""
        enc_key, selector = os.urandom(20), pfkey.flow(self.host_from, ONE, self.host_to, ONE)
        new = sas(self.src, self.dst, spi, enc_key)
        must(self.receiver, *new, pfkey.addflow(selector, self.dst, spi, pfkey.IPIP, pfkey.INFLOW))
        must(self.sender, *new, pfkey.addflow(selector, self.dst, spi, pfkey.IPIP, pfkey.REPLACEFLOW))
        old, self.spi = self.spi, spi
        return old

    def retire(self, spi):
        """Takes old SAs away."""
        for key in (self.sender, self.receiver):
            must(key, gone(self.src, self.dst, spi))


class Tunnels:
    """All of them, made at once."""

    def __init__(self, topology, count):
        self._keys = key_a, key_b = quiet(topology.gwA), quiet(topology.gwB)
        self._spi = 0x10000
        self._ways = [(Direction(A, B, key_a, key_b, host_a(n), host_b(n)),
                       Direction(B, A, key_b, key_a, host_b(n), host_a(n))) for n in range(count)]
        for n in range(count):
            self.renew(n)

    def renew(self, n):
        """New SAs for both ways of a tunnel. What `retire` takes to end the old ones."""
        self._spi += 1
        return [(way, way.renew(self._spi)) for way in self._ways[n]]

    @staticmethod
    def retire(olds):
        """Ends SAs that nothing is under way with."""
        for way, spi in olds:
            way.retire(spi)

    def clear(self):
        """Takes SAs and eroutes of both gateways away."""
        for key in self._keys:
            must(key, pfkey.clear_flows(), pfkey.message(pfkey.FLUSH, 0))

    def close(self):
        """Closes the sockets; the SAs stay."""
        for key in self._keys:
            key.close()
