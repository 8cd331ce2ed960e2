# SPDX-License-Identifier: GPL-2.0-only
"""Every algorithm through the tunnel, both ways, KLIPS against XFRM and against itself."""

import re

from klipstest.counters import Watch, device, drops, xfrm
from klipstest.netns import read
from klipstest.suites import BY_NAME, CLASSIC, SUITES
from klipstest.tap import SLOWER, Failure, case, check, contains, end, equal
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Klips, Topology, Xfrm, sa_pair
from klipstest.traffic import Pinger, ping, transfer

# Payloads of echo requests. 40 to 56: each place that the end of the packet can have in a block of 8 or 16 bytes.
# 4000 does not fit into the hosts' route MTU and is tunnelled as fragments. Where all is slower, fewer of them.
SIZES = [0, 1, *range(40, 57, SLOWER), 1000, 1372, 4000]


def pings(topology):
    """Every size, both ways; how many packets with what they were inside, and how many bytes, per direction."""
    for source, to in ((topology.hostA, HOST_B), (topology.hostB, HOST_A)):
        pinger = Pinger(source)
        for size in SIZES:
            pinger.ping(to, size)
        pinger.close()


def inner_packets():
    """Packets and bytes that one direction carries for `pings`: requests of one ping, replies of the other."""
    packets = octets = 0
    for size in SIZES:
        left = size + 8
        # Fragments have room for 1400 - 20 bytes, in eights.
        while left > 0:
            part = left if left <= 1380 else 1376
            packets, octets, left = packets + 1, octets + 20 + part, left - part
    return 2 * packets, 2 * octets


def one_suite(topology, ends, suite):
    """The whole program for one suite in a topology whose ends are started."""
    pair = sa_pair(suite)
    for gateway in ends:
        gateway.clear()
        gateway.install(pair)
    klips = [gateway for gateway in ends if isinstance(gateway, Klips)]
    watches = [Watch(gateway.ns) for gateway in klips]
    native = [Watch(gateway.ns, xfrm) for gateway in ends]
    before = [device(gateway.ns) for gateway in klips]
    pings(topology)
    packets, octets = inner_packets()
    for gateway, old in zip(klips, before, strict=True):
        new = device(gateway.ns)
        rose = {name: new[name] - old[name] for name in new}
        equal((rose["rx_packets"], rose["rx_bytes"], rose["tx_packets"]), (packets, octets, packets),
              f"{gateway.ns.name}: rx_packets, rx_bytes, tx_packets of ipsec0")
        check_sas(gateway, pair, packets)
    equal([watch.rose() for watch in watches], [{}] * len(klips), "discarded packets")
    transfer(topology.hostA, topology.hostB, HOST_B)
    transfer(topology.hostB, topology.hostA, HOST_A)
    # Two processors may overtake each other by more packets than the window has, when one of them is held up.
    late = [{name: count for name, count in watch.rose().items() if name != "rx_replayed"} for watch in watches]
    equal(late, [{}] * len(klips), "discarded packets but late ones")
    equal([watch.rose() for watch in native], [{}] * len(ends), "complaints of XFRM")


def check_sas(gateway, pair, packets):
    """The two ESP SAs of an end as listed: algorithm, key lengths, sequence, counters."""
    listing = gateway.ns.read("/proc/net/ipsec_spi").splitlines()
    for sa, direction in zip(gateway.order(pair), ("out", "in "), strict=True):
        row = next((line for line in listing if line.startswith(f"esp{sa.spi:#x}@{sa.dst} ")), None)
        if row is None:
            raise Failure(f"esp{sa.spi:#x}@{sa.dst} is not listed in\n" + "\n".join(listing))
        suite = sa.suite
        iv = f"iv_bits={suite.iv_bits}bits iv=0x" if suite.iv_bits else "ooowin="
        contains(row, f" {suite.listed}: dir={direction} src={sa.src} {iv}", "the SA")
        contains(row, f" ooowin=64 seq={packets} ", "the SA")
        if suite.cipher_len:
            contains(row, f" eklen={suite.cipher_len * 8} ", "the SA")
        if not suite.aead:
            contains(row, f" alen={suite.hash_bits} aklen={suite.auth_len * 8} ", "the SA")
        check(re.search(rf"packets\({packets},0,0\)", row), f"packets({packets},0,0) is not in {row}")


def suites_between(kind_a, kind_b, suites, text):
    """One test for each suite."""
    with case(f"the topology {text}"):
        topology = Topology()
        ends = topology.gateway("A", kind_a), topology.gateway("B", kind_b)
        for gateway in ends:
            gateway.start()
    for suite in suites:
        with case(f"{suite.name} {text}"):
            one_suite(topology, ends, suite)
    topology.delete()


def outer_fragments(kind_b, text):
    """Inner packets that fit, and outer ones that do not."""
    topology = Topology(mtu=None)
    try:
        topology.tunnel(BY_NAME["aes128-sha1-96"], Klips, kind_b)
        for source, to in ((topology.hostA, HOST_B), (topology.hostB, HOST_A)):
            for size in (1472, 1460, 8000, 60000):
                ping(source, to, size)
        equal(drops(topology.gwA), {}, "discarded packets")
    finally:
        topology.delete()


suites_between(Klips, Xfrm, SUITES, "with XFRM")
suites_between(Klips, Klips, CLASSIC, "with KLIPS at both ends")

with case("outer packets beyond the MTU are fragmented, towards XFRM and from it"):
    outer_fragments(Xfrm, "XFRM")

with case("outer packets beyond the MTU are fragmented, between KLIPS and KLIPS"):
    outer_fragments(Klips, "KLIPS")

with case("packets with DF go through"):
    topology = Topology()
    topology.tunnel(BY_NAME["aes128-gcm"])
    for size in (56, 1372):
        ping(topology.hostA, HOST_B, size, df=True)
        ping(topology.hostB, HOST_A, size, df=True)

with case("the eroute counts the packets that it matched"):
    row = topology.gwA.read("/proc/net/ipsec_eroute")
    equal(row, f"{'4':<10} {NET_A:<18} -> {NET_B:<18} => tun0x1000@{B}\n", "/proc/net/ipsec_eroute")

with case("idle= counts up from the last packet, usetime from the first"):
    row = next(line for line in topology.gwA.read("/proc/net/ipsec_spi").splitlines() if line.startswith("esp0x1001@"))
    check(re.search(r" life\(c,s,h\)=bytes\(\d+,0,0\)addtime\(\d+,0,0\)usetime\(\d+,0,0\)packets\(4,0,0\) idle=\d+ ",
                    row), row)

with case("a gateway's own packets go through the tunnel"):
    topology.gwA.ip("route replace 10.2.0.0/24 dev ipsec0 src 10.1.0.1")
    ping(topology.gwA, HOST_B)

with case("traffic of the machine itself is not touched"):
    ping(topology.gwA, B)
    check("ipsec" not in read("/proc/net/route"), "a route by ipsec in the first namespace")

if "topology" in globals():
    topology.delete()
end()
