# SPDX-License-Identifier: GPL-2.0-only
"""Tunnels in tunnels: the outer packet of one has an eroute of its own, which leads into another; rings of such eroutes.

Each gateway has a second address, 198.51.100.1 and 198.51.100.2, between which there is no route. The tunnel of the two
networks ends there, and its outer packets go through a tunnel between 192.0.2.1 and 192.0.2.2.
"""

import socket
import struct

from klipstest.counters import Watch, device, drops
from klipstest.packet import Sniffer
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, contains, end, equal
from klipstest.topology import A, B, HOST_A, HOST_B, NET_B, Klips, Sa, Topology, sa_pair
from klipstest.traffic import no_ping, ping, transfer

SUITE = BY_NAME["aes128-sha1-96"]
INNER_A, INNER_B = "198.51.100.1", "198.51.100.2"

topology = Topology()
ends = topology.gateway("A", Klips), topology.gateway("B", Klips)
inner = Sa(INNER_A, INNER_B, 0x3001, 0x3000, SUITE), Sa(INNER_B, INNER_A, 0x4001, 0x4000, SUITE)
outer = sa_pair(SUITE)


def eroute(gateway, how, src, dst, sa):
    """Adds an eroute or an inbound policy."""
    gateway.ns.run("ipsec", "eroute", how, "--eraf", "inet", "--src", src, "--dst", dst, "--said", f"tun{sa.tun:#x}@{sa.dst}")


def count(gateway, dst):
    """How many packets the eroute to a network has matched."""
    rows = [line.split() for line in gateway.ns.read("/proc/net/ipsec_eroute").splitlines()]
    return next(int(row[0]) for row in rows if row[3] == dst)


for gateway, address in zip(ends, (INNER_A, INNER_B)):
    gateway.start()
    gateway.ns.ip(f"addr add {address}/32 dev lo")
for gateway, mine, theirs in ((ends[0], (0, 1), (INNER_A, INNER_B)), (ends[1], (1, 0), (INNER_B, INNER_A))):
    for pair in (inner, outer):
        for sa in pair:
            gateway.spi(sa)
    eroute(gateway, "--add", gateway.mine, gateway.theirs, inner[mine[0]])
    eroute(gateway, "--addin", gateway.theirs, gateway.mine, inner[mine[1]])
    eroute(gateway, "--add", f"{theirs[0]}/32", f"{theirs[1]}/32", outer[mine[0]])
    eroute(gateway, "--addin", f"{theirs[1]}/32", f"{theirs[0]}/32", outer[mine[1]])

wire, inside = Sniffer(topology.gwB, "wan0"), Sniffer(topology.gwB, "ipsec0")

with case("the outer packet of one tunnel goes through the other, both ways"):
    wire.all()
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    packet = wire.next(want=lambda p: p[9] == 50 and socket.inet_ntoa(p[12:16]) == A)
    check(packet is not None, "no ESP on the wire")
    equal((socket.inet_ntoa(packet[16:20]), struct.unpack_from("!I", packet, 20)[0]), (B, outer[0].spi), "outer packet")

with case("both eroutes count"):
    before = count(ends[0], NET_B), count(ends[0], f"{INNER_B}/32")
    ping(topology.hostA, HOST_B)
    equal((count(ends[0], NET_B), count(ends[0], f"{INNER_B}/32")), (before[0] + 1, before[1] + 1), "counts")

with case("the packet between has an identification of its own"):
    inside.all()
    idents = set()
    for _ in range(2):
        ping(topology.hostA, HOST_B)
        packet = inside.next(want=lambda p: p[9] == 50)
        check(packet is not None, "no ESP on ipsec0")
        equal((socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])), (INNER_A, INNER_B), "addresses")
        idents.add(struct.unpack_from("!H", packet, 4)[0])
    equal((len(idents), 0 in idents), (2, False), "two identifications, none of them 0")

with case("large packets, and many"):
    ping(topology.hostA, HOST_B, 8000)
    transfer(topology.hostA, topology.hostB, HOST_B)
    equal((drops(topology.gwA), drops(topology.gwB)), ({}, {}), "discarded packets")

with case("ipsec trace tells both"):
    text = topology.gwA.run("ipsec", "trace", HOST_A, HOST_B).out
    for sa in (inner[0], outer[0]):
        contains(text, f"esp{sa.spi:#x}@{sa.dst}", "ipsec trace")
    contains(text, f"{A} -> {B}", "ipsec trace")

with case("an eroute for the outer packet that leads to where it goes anyway is not used, nor is a shunt"):
    topology.gwA.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", f"{A}/32", "--dst", f"{B}/32", "--said",
                     f"tun{outer[0].tun:#x}@{B}")
    ping(topology.hostA, HOST_B)
    equal(count(ends[0], f"{B}/32"), 0, "its count")
    for shunt in ("%drop", "%reject", "%hold", "%trap"):
        topology.gwA.run("ipsec", "eroute", "--replace", "--eraf", "inet", "--src", f"{A}/32", "--dst", f"{B}/32", "--said",
                         shunt)
        ping(topology.hostA, HOST_B)

with case("an eroute for the outer packet to an SA that is not there: discarded"):
    topology.gwA.run("ipsec", "eroute", "--replace", "--eraf", "inet", "--src", f"{A}/32", "--dst", f"{B}/32", "--said",
                     "tun0x7777@192.0.2.77")
    watch = Watch(topology.gwA, drops)
    no_ping(topology.hostA, HOST_B)
    equal(set(watch.rose()), {"tx_no_sa"}, "reasons")

with case("a ring of eroutes: discarded as tx_loop, and nothing else suffers"):
    topology.gwA.run("ipsec", "eroute", "--replace", "--eraf", "inet", "--src", f"{A}/32", "--dst", f"{B}/32", "--said",
                     f"tun{inner[0].tun:#x}@{INNER_B}")
    watch, stats = Watch(topology.gwA, drops), Watch(topology.gwA, device)
    no_ping(topology.hostA, HOST_B)
    equal(set(watch.rose()), {"tx_loop"}, "reasons")
    check(stats.rose().get("tx_errors", 0) > 0, "tx_errors")
    contains(topology.gwA.run("ipsec", "trace", HOST_A, HOST_B).out, "discard", "ipsec trace")
    topology.gwA.run("ipsec", "eroute", "--del", "--eraf", "inet", "--src", f"{A}/32", "--dst", f"{B}/32")
    ping(topology.hostA, HOST_B)

topology.delete()
end()
