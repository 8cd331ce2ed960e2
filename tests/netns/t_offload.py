# SPDX-License-Identifier: GPL-2.0-only
"""Packets that the stack has not finished: large ones to be segmented (TSO, GRO, UDP_SEGMENT), and checksums to be filled
in. What goes into the tunnel is whole, small enough and right."""

import socket
import struct

from klipstest.counters import Watch
from klipstest.packet import Sniffer, checksum
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal
from klipstest.topology import HOST_A, HOST_B, Klips, Topology
from klipstest.traffic import payload, transfer

UDP_SEGMENT = 103
TCP, UDP, ESP = 6, 17, 50

topology = Topology()
gw, host = topology.gwA, topology.hostA
topology.tunnel(BY_NAME["aes128-gcm"], Klips, Klips)
at_lan, at_ipsec, at_wan, at_b = (Sniffer(*place) for place in (
    (gw, "lan0"), (gw, "ipsec0"), (gw, "wan0"), (topology.hostB, "lan0")))


def offload(*words):
    """What the device of host A, and that of the gateway towards it, do for the stack."""
    host.run("ethtool", "-K", "lan0", *words)


def longest(sniffer, proto):
    """The longest packet of a protocol that was seen; 0: none."""
    return max((len(packet) for packet in sniffer.all() if packet[9] == proto), default=0)


def sound(packet):
    """Whether the checksums of header and TCP or UDP are right."""
    head = 4 * (packet[0] & 15)
    pseudo = packet[12:20] + struct.pack("!HH", packet[9], len(packet) - head)
    return checksum(packet[:head]) == 0 and checksum(pseudo + packet[head:]) == 0


def flush():
    """Forgets what was seen."""
    for sniffer in (at_lan, at_ipsec, at_wan, at_b):
        sniffer.all()


def tcp(address, large):
    """A transfer from host A; whether large packets came to the gateway, and that none left it."""
    flush()
    watch = Watch(gw)
    transfer(host, topology.hostB, address, 300_000)
    seen = longest(at_lan, TCP)
    check((seen > 1500) == large, f"the longest packet of host A has {seen} bytes")
    check(0 < longest(at_wan, ESP) <= 1500, "an ESP packet exceeds the MTU")
    packets = [packet for packet in at_b.all() if packet[9] == TCP and packet[12:16] == socket.inet_aton(HOST_A)]
    check(packets and all(len(packet) <= 1400 for packet in packets), "segments for host B that are too long")
    check(all(sound(packet) for packet in packets), "a segment with a wrong checksum")
    equal(watch.rose(), {}, "discarded packets")


# What leaves the tunnel is looked at segment by segment.
topology.gwB.run("ethtool", "-K", "ipsec0", "gro", "off")

with case("TCP of a host with segmentation offload: the gateway gets large packets, and tunnels segments"):
    offload("tso", "on", "gso", "on", "tx", "on")
    tcp(HOST_B, True)

with case("TCP whose checksums are left to the device"):
    offload("tso", "off", "gso", "off", "tx", "on")
    tcp(HOST_B, False)

with case("TCP that is finished by the host"):
    offload("tso", "off", "gso", "off", "tx", "off")
    tcp(HOST_B, False)

with case("segments that the gateway puts together as they come in (GRO) are taken apart for the tunnel"):
    gw.run("ethtool", "-K", "lan0", "gro", "on")
    tcp(HOST_B, True)
    check(longest(at_ipsec, TCP) > 1400, "ipsec0 has got no more than a segment at a time")
    gw.run("ethtool", "-K", "lan0", "gro", "off")

with case("with segmentation off on ipsec0 the stack does it before"):
    gw.run("ethtool", "-K", "ipsec0", "tso", "off", "gso", "off", "tx", "off")
    offload("tso", "on", "gso", "on", "tx", "on")
    tcp(HOST_B, True)
    check(0 < longest(at_ipsec, TCP) <= 1400, "ipsec0 has got more than a segment at a time")
    gw.run("ethtool", "-K", "ipsec0", "tx", "on", "gso", "on", "tso", "on")

with case("an eroute that changes under large packets: each segment goes by what holds when it is its turn"):
    offload("tso", "on", "gso", "on", "tx", "on")
    flush()
    watch = Watch(gw)
    said = gw.run("cat", "/proc/net/ipsec_eroute").out.split("=>")[1].split()[0]
    replace = "ipsec eroute --replace --eraf inet --src 10.1.0.0/24 --dst 10.2.0.0/24 --said"
    loop = gw.start("sh", "-c", f"while {replace} {said}; do :; done")
    transfer(host, topology.hostB, HOST_B, 2_000_000)
    equal(loop.poll(), None, "replacing went on")
    loop.kill()
    loop.wait()
    check(longest(at_wan, TCP) == 0, "a segment left in clear")
    equal(watch.rose(), {}, "discarded packets")

with case("segments that come out of the tunnel are merged (GRO on ipsec0), and what arrives is what was sent"):
    topology.gwB.run("ethtool", "-K", "ipsec0", "gro", "on")
    offload("tso", "on", "gso", "on", "tx", "on")
    watch = Watch(gw), Watch(topology.gwB)
    flush()
    transfer(host, topology.hostB, HOST_B, 300_000)
    check(longest(at_b, TCP) > 1400, "nothing was merged")
    equal([w.rose() for w in watch], [{}, {}], "discarded packets")
    topology.gwB.run("ethtool", "-K", "ipsec0", "gro", "off")

for size, count in ((500, 10), (1300, 30)):
    with case(f"UDP of the gateway itself with UDP_SEGMENT: {count} datagrams of {size} bytes in one go"):
        flush()
        watch = Watch(gw)
        with topology.hostB:
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.bind((HOST_B, 0))
        sink.settimeout(10 * SLOWER)
        with gw:
            source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        source.bind(("10.1.0.1", 0))
        source.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
        data = payload(size * count)
        source.sendto(data, sink.getsockname())
        got = [sink.recv(65536) for _ in range(count)]
        equal(b"".join(got) == data and {len(part) for part in got} == {size}, True, "what arrives is what was sent")
        packets = [packet for packet in at_b.all() if packet[9] == UDP]
        check(len(packets) == count and all(sound(packet) for packet in packets), "datagrams with right checksums")
        equal(watch.rose(), {}, "discarded packets")

with case("TCP of the gateway itself, both ways"):
    gw.ip("route replace 10.2.0.0/24 dev ipsec0 src 10.1.0.1")
    flush()
    watch = Watch(gw)
    transfer(gw, topology.hostB, HOST_B, 300_000)
    transfer(topology.hostB, gw, "10.1.0.1", 300_000)
    check(0 < longest(at_wan, ESP) <= 1500, "an ESP packet exceeds the MTU")
    equal(watch.rose(), {}, "discarded packets")

with case("large packets under %pass leave as the physical device wants them"):
    offload("tso", "on", "gso", "on", "tx", "on")
    topology.gwB.ip("route replace 10.1.0.0/24 via 192.0.2.1 dev wan0")
    for side in (gw, topology.gwB):
        side.run("ipsec", "eroute", "--clear")
    gw.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", "10.1.0.0/24", "--dst", "10.2.0.0/24", "--said", "%pass")
    gw.ip("route add 10.2.0.0/24 via 192.0.2.2 dev wan0 metric 9")
    transfer(host, topology.hostB, HOST_B, 300_000)

topology.delete()
end()
