# SPDX-License-Identifier: GPL-2.0-only
"""The packets on the wire: their outer headers, sequence numbers and IVs, and what senders are told about the MTU."""

import socket
import struct

from klipstest.counters import drops
from klipstest.packet import Esp, Sniffer, Wire, ipv4, udp
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal
from klipstest.topology import A, B, HOST_A, HOST_B, Topology, renew
from klipstest.traffic import ping, transfer

topology = Topology(mtu=None)
gw = topology.gwA
gateway, peer, _ = topology.tunnel(BY_NAME["aes128-sha1-96"])


def is_esp_from_a(packet):
    """Whether a packet is ESP that gateway A has sent."""
    return packet[9] == 50 and socket.inet_ntoa(packet[12:16]) == A


# Closing a packet socket waits for all processors, so these are made once.
on_wire, at_a, at_b = Sniffer(topology.gwB, "wan0"), Sniffer(topology.hostA, "lan0"), Sniffer(topology.hostB, "lan0")
sender = Wire(topology.hostA)


def outer(inner):
    """The packet that is on the wire when host A sends an IPv4 packet."""
    on_wire.all()
    sender.send_packet(inner, HOST_B)
    packet = on_wire.next(want=is_esp_from_a)
    check(packet is not None, f"no ESP on the wire; discarded: {drops(gw)}")
    return packet


def fields(packet):
    """TOS, DF and MF and offset, TTL of an IPv4 packet."""
    return packet[1], struct.unpack_from("!H", packet, 6)[0], packet[8]


def datagram(tos=0, fragment=0, ttl=64, size=100):
    """A UDP packet from host A to host B."""
    packet = bytearray(ipv4(HOST_A, HOST_B, 17, udp(1, 9, bytes(size)), ttl, 1, fragment))
    packet[1] = tos
    return bytes(packet)


with case("the outer header is from gateway to gateway, with TTL 64 and without DF"):
    packet = outer(datagram(ttl=3, fragment=0x4000))
    equal((socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), packet[0]), (A, B, 0x45), "addresses and version")
    equal(fields(packet), (0, 0, 64), "TOS, fragment field, TTL")
    equal(struct.unpack_from("!H", packet, 2)[0], len(packet), "total length")

with case("net.ipsec.tos=0 copies the TOS of the inner packet, 1 hides it"):
    equal(fields(outer(datagram(tos=0xb8)))[0], 0xb8, "outer TOS")
    gw.sysctl("net.ipsec.tos", 1)
    equal(fields(outer(datagram(tos=0xb8)))[0], 0, "outer TOS")
    gw.sysctl("net.ipsec.tos", 0)

for name in ("aes128-sha1-96", "3des-sha2-256-128", "aes128-gcm"):
    with case(f"sequence numbers count up from 1, and no IV comes twice: {name}"):
        suite = BY_NAME[name]
        renew(suite, gateway, peer)
        packets = [Esp(outer(datagram())[20:], suite.icv_bits // 8) for _ in range(30)]
        equal([esp.sequence for esp in packets], list(range(1, 31)), "sequence numbers")
        equal({esp.spi for esp in packets}, {0x1001}, "SPIs")
        equal(len({esp.body[:suite.iv_bits // 8] for esp in packets}), 30, "different IVs")
        equal(len({esp.body[-16:] for esp in packets}), 30, "different cipher texts of the same plain text")

with case("an SA that is grouped anew counts on: AES-GCM must never see an IV twice"):
    gw.run("ipsec", "spigrp", "--said", f"tun0x1000@{B}")
    gw.run("ipsec", "spigrp", "--said", f"tun0x1000@{B}", f"esp0x1001@{B}")
    equal(Esp(outer(datagram())[20:], 16).sequence, 31, "sequence number")


def mtu_told():
    """The MTU of an ICMP error that host A has got meanwhile, or None."""
    told = [packet for packet in at_a.all(0.1) if packet[9] == 1 and packet[20:22] == b"\x03\x04"]
    return struct.unpack_from("!H", told[0], 26)[0] if told else None


def frag_needed(size):
    """Host A sends UDP with DF, of this total size, which must arrive: the MTU that it is told, or None."""
    at_a.all()
    sender.send_packet(datagram(fragment=0x4000, size=size - 28), HOST_B)
    got = at_b.next(want=lambda packet: packet[9] == 17 and len(packet) == size)
    check(got is not None, f"{size} bytes have not arrived")
    return mtu_told()


with case("net.ipsec.icmp=0: nobody is told anything, and DF packets go through in fragments"):
    equal(frag_needed(1500), None, "MTU told")

with case("net.ipsec.icmp=1: the sender is told an MTU, and the packet goes through all the same"):
    gw.sysctl("net.ipsec.icmp", 1)
    mtu = frag_needed(1500)
    check(mtu is not None and 1380 <= mtu < 1500, f"MTU told: {mtu}")
    equal(frag_needed(mtu), None, "MTU told for a packet of that size")

with case("a packet of the MTU that was told needs no outer fragments"):
    packet = outer(datagram(size=mtu - 28))
    equal(fields(packet)[1], 0, "fragment field")
    check(len(packet) <= 1500, f"{len(packet)} bytes on the wire")

with case("ICMP is never answered with ICMP"):
    at_a.all()
    ping(topology.hostA, HOST_B, 1500 - 28, df=True)
    equal(mtu_told(), None, "MTU told")

with case("TCP finds the path MTU by it"):
    transfer(topology.hostA, topology.hostB, HOST_B)
    transfer(topology.hostB, topology.hostA, HOST_A)
    gw.sysctl("net.ipsec.icmp", 0)

with case("packets with IPv4 options go through or are dropped, and are counted either way"):
    ping(topology.hostA, HOST_B)
    header = bytearray(ipv4(HOST_A, HOST_B, 17, b"\x01\x01\x01\x00" + udp(1, 9, b"options")))
    header[0] = 0x46
    before = sum(drops(gw).values())
    sender.send_packet(bytes(header), HOST_B)
    got = at_b.next(2, want=lambda packet: packet[9] == 17 and packet.endswith(b"options"))
    check(got is not None or sum(drops(gw).values()) == before + 1, f"neither arrived nor counted: {drops(gw)}")
    ping(topology.hostA, HOST_B)

topology.delete()
end()
