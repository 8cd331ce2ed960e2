# SPDX-License-Identifier: GPL-2.0-only
"""Two hosts, two gateways, and the tunnel between them.

              .2  lan0 .1          .1   wan0   .2          .1 lan0  .2
        hostA ------------- gwA ====================== gwB ------------- hostB
              10.1.0.0/24       192.0.2.0/24 (tunnel)      10.2.0.0/24
                                ipsec0 on wan0, if KLIPS

Each is a network namespace. A gateway is KLIPS (`Klips`) or the kernel's own XFRM (`Xfrm`); both are given the same
SAs. What goes to the side of host B has SPI 0x1001 and, with KLIPS, the IPIP SA 0x1000; the other way 0x2001 and 0x2000.
"""

from dataclasses import dataclass, field

from .counters import device, drops, xfrm
from .netns import Netns
from .suites import Suite
from .tap import Failure, on_failure

A, B = "192.0.2.1", "192.0.2.2"
NET_A, NET_B = "10.1.0.0/24", "10.2.0.0/24"
HOST_A, HOST_B = "10.1.0.2", "10.2.0.2"


@dataclass
class Sa:
    """The ESP SA of one direction, and the SPI of the IPIP SA that KLIPS groups with it."""

    src: str
    dst: str
    spi: int
    tun: int
    suite: Suite
    keys: tuple = field(default=None)

    def __post_init__(self):
        if self.keys is None:
            self.keys = self.suite.keys()


def sa_pair(suite, base=0x1000):
    """SAs with new keys: from A to B, from B to A."""
    return Sa(A, B, base + 1, base, suite), Sa(B, A, base + 0x1001, base + 0x1000, suite)


def renew(suite, *ends):
    """New SAs of a suite at both ends, in the place of all that they have: with the old ones at one of them it would take the
    other's first packets for replayed ones."""
    pair = sa_pair(suite)
    for end in ends:
        end.clear()
    for end in ends:
        end.install(pair)
    return pair


class Gateway:
    """One end of the tunnel."""

    def __init__(self, ns, me, peer, mine, theirs):
        self.ns, self.me, self.peer, self.mine, self.theirs = ns, me, peer, mine, theirs

    def order(self, pair):
        """The SAs of a pair as this end has them: out, in."""
        return pair if pair[0].src == self.me else pair[::-1]


class Klips(Gateway):
    """An end that is KLIPS."""

    def start(self, mtu=None):
        """Attaches ipsec0 and routes the other network into it."""
        self.ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
        self.ns.ip(f"addr add {self.me}/32 dev ipsec0", "link set ipsec0 up",
                   f"route add {self.theirs} dev ipsec0" + (f" mtu {mtu}" if mtu else ""))

    def spi(self, sa, *words):
        """Makes the SAs of one direction and groups them."""
        end = ["--edst", sa.dst, "--src", sa.src]
        self.ns.run("ipsec", "spi", "--af", "inet", *end, "--spi", hex(sa.tun), "--proto", "tun", "--ip4",
                    "--dst", sa.dst)
        self.ns.run("ipsec", "spi", "--af", "inet", *end, "--spi", hex(sa.spi), "--proto", "esp",
                    "--replay_window", "64", *sa.suite.ipsec(sa.keys), *words)
        self.ns.run("ipsec", "spigrp", "inet", sa.dst, hex(sa.tun), "tun", "inet", sa.dst, hex(sa.spi), "esp")

    def install(self, pair, *words):
        """Makes SAs, eroute and inbound policy."""
        out, inward = self.order(pair)
        self.spi(out, *words)
        self.spi(inward, *words)
        self.ns.run("ipsec", "eroute", "--addin", "--eraf", "inet", "--src", self.theirs, "--dst", self.mine,
                    "--said", f"tun{inward.tun:#x}@{inward.dst}")
        self.ns.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", self.mine, "--dst", self.theirs,
                    "--said", f"tun{out.tun:#x}@{out.dst}")

    def clear(self):
        """Takes SAs and eroutes away."""
        self.ns.run("ipsec", "eroute", "--clear")
        self.ns.run("ipsec", "spi", "--clear")

    def stop(self):
        """Detaches ipsec0."""
        self.ns.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
        self.ns.ip("link set ipsec0 down", "addr flush dev ipsec0")


class Catching(Klips):
    """An end that is KLIPS, with routes as if there were no IPsec."""

    def start(self, mtu=None):
        """Attaches ipsec0 to catch what is routed to the other gateway."""
        self.ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0", "--catch")
        self.ns.ip("link set ipsec0 up", f"route add {self.theirs} via {self.peer}" + (f" mtu {mtu}" if mtu else ""))

    def stop(self):
        """Detaches ipsec0."""
        self.ns.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
        self.ns.ip("link set ipsec0 down", f"route del {self.theirs}")


class Xfrm(Gateway):
    """An end that is the kernel's own IPsec. Policies find their SAs by `reqid`."""

    reqid = 1

    def start(self):
        """Routes the other network to the other gateway."""
        self.ns.ip(f"route add {self.theirs} via {self.peer}")

    def install(self, pair):
        """Makes SAs and policies."""
        out, inward = self.order(pair)
        template = f"proto esp reqid {self.reqid} mode tunnel"
        self.ns.ip(
            *(f"xfrm state add src {sa.src} dst {sa.dst} proto esp spi {sa.spi:#x} reqid {self.reqid} "
              f"mode tunnel replay-window 32 {sa.suite.xfrm(sa.keys)}" for sa in (out, inward)),
            f"xfrm policy add src {self.mine} dst {self.theirs} dir out tmpl src {self.me} dst {self.peer} {template}",
            *(f"xfrm policy add src {self.theirs} dst {self.mine} dir {direction} tmpl src {self.peer} dst {self.me} "
              f"{template}" for direction in ("in", "fwd")))

    def clear(self):
        """Takes SAs and policies away."""
        self.ns.ip("xfrm state flush", "xfrm policy flush")

    def stop(self):
        """Takes the route away."""
        self.ns.ip(f"route del {self.theirs}")


class Topology:
    """The four namespaces with their links, addresses and host routes; no gateway is set up yet."""

    def __init__(self, prefix="", mtu=1400):
        names = ("hostA", "gwA", "gwB", "hostB")
        self.hostA, self.gwA, self.gwB, self.hostB = self.all = [Netns(prefix + name) for name in names]
        self._link("lan0", self.hostA, self.gwA)
        self._link("wan0", self.gwA, self.gwB)
        self._link("lan0", self.gwB, self.hostB)
        self._host(self.hostA, HOST_A, "10.1.0.1", mtu)
        self._host(self.hostB, HOST_B, "10.2.0.1", mtu)
        self._gateway(self.gwA, "10.1.0.1", A)
        self._gateway(self.gwB, "10.2.0.1", B)
        on_failure(self._state)

    @staticmethod
    def _link(name, left, right):
        left.ip(f"link add {name} type veth peer name {name} netns {right.name}")

    @staticmethod
    def _host(ns, address, gateway, mtu):
        ns.ip(f"addr add {address}/24 dev lan0", "link set lan0 up")
        ns.ip(f"route add default via {gateway}" + (f" mtu {mtu}" if mtu else ""))

    @staticmethod
    def _gateway(ns, inside, outside):
        ns.sysctl("net.ipv4.ip_forward", 1)
        ns.ip(f"addr add {inside}/24 dev lan0", "link set lan0 up", f"addr add {outside}/24 dev wan0",
              "link set wan0 up")

    def gateway(self, side, kind):
        """The end `A` or `B` as a gateway of a kind, `Klips` or `Xfrm`."""
        if side == "A":
            return kind(self.gwA, A, B, NET_A, NET_B)
        if side == "B":
            return kind(self.gwB, B, A, NET_B, NET_A)
        raise Failure(f"no gateway {side}")

    def tunnel(self, suite, kind_a=Klips, kind_b=Xfrm):
        """Both ends, started and installed with new keys: gateway A, gateway B, the SAs."""
        ends = self.gateway("A", kind_a), self.gateway("B", kind_b)
        pair = sa_pair(suite)
        for end in ends:
            end.start()
            end.install(pair)
        return *ends, pair

    def _state(self):
        """The tables and counters of the gateways, for the report of a failed test."""
        for ns in (self.gwA, self.gwB):
            if not ns.lives:
                continue
            yield f"{ns.name}: XFRM: {xfrm(ns)}"
            if "ipsec0" not in ns.read("/proc/net/dev"):
                continue
            yield f"{ns.name}: ipsec0: {device(ns)}, discarded: {drops(ns)}"
            for name in ("tncfg", "eroute", "spigrp", "spi"):
                yield from (f"{ns.name}: {name}: {line}" for line in ns.read(f"/proc/net/ipsec_{name}").splitlines()[:4])

    def delete(self):
        """Deletes the namespaces."""
        for ns in self.all:
            ns.delete()
