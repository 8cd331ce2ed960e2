# SPDX-License-Identifier: GPL-2.0-only
"""Known answers, through PF_KEY and the packet path: published packets, blocks and codes, and OpenSSL at the other end."""

import socket
import struct

from klipstest import espcrypt, openssl
from klipstest.counters import Watch
from klipstest.packet import ESP, Sniffer, Wire, ipv4, udp
from klipstest.pfkey import DELETE, DST, IPIP, PfKey, REPLACEFLOW, SRC, add, addflow, address, flow, group, \
    message, sa
from klipstest.pfkey import ESP as SATYPE_ESP
from klipstest.suites import SUITES
from klipstest.tap import Failure, case, check, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, Klips, Topology
from klipstest.vectors import MACS, PACKETS, STREAMS

TUN = 0x1000

topology = Topology()
gw, attacker = topology.gwA, topology.gwB
topology.gateway("A", Klips).start()
pk = PfKey(gw)
wire, inside, on_wire = Wire(attacker), Sniffer(gw, "ipsec0"), Sniffer(attacker, "wan0")
sender = Wire(topology.hostA)


def ask(request):
    """A request that must succeed."""
    errno, _ = pk.ask(request)
    equal(errno, 0, f"errno of PF_KEY message {request[1]}")


def forget(dst, spi):
    """Takes an SA away, with its group."""
    ask(message(DELETE, SATYPE_ESP, sa(spi), address(SRC, "0.0.0.0"), address(DST, dst)))


class Tunnel:
    """An ESP SA and the tunnel that it is grouped with, as long as the block runs."""

    def __init__(self, dst, spi, **esp):
        self._dst, self._spi, self._esp = dst, spi, esp

    def __enter__(self):
        ask(add(IPIP, self._dst, TUN, src=B if self._dst == A else A))
        ask(add(SATYPE_ESP, self._dst, self._spi, **self._esp))
        ask(group((IPIP, self._dst, TUN), (SATYPE_ESP, self._dst, self._spi)))
        return self

    def __exit__(self, *_):
        forget(self._dst, self._spi)


def arrives(packet, wanted):
    """Sends ESP to the gateway, from which this IPv4 packet must come."""
    inside.all()
    watch = Watch(gw)
    wire.send(B, A, ESP, packet)
    got = inside.next(want=lambda packet: packet == wanted)
    check(got is not None, f"{wanted.hex()} has not come out of {packet.hex()}; discarded: {watch.rose()}")


def discarded(packet, reason):
    """Sends ESP to the gateway, which must discard it for this reason."""
    watch = Watch(gw)
    wire.send(B, A, ESP, packet)
    until(watch.rose, f"{packet.hex()} is discarded", 5)
    equal(watch.rose(), {reason: 1}, "discarded packets")


def spoilt(packet):
    """The packet with the last bit of its ICV turned."""
    return packet[:-1] + bytes([packet[-1] ^ 1])


def spi_of(packet):
    """The SPI of an ESP packet."""
    return struct.unpack_from("!I", packet)[0]


# Published packets.

for vector in PACKETS:
    if vector.next_header != 4:
        continue
    with case(f"{vector.source}: the packet is taken in"), \
            Tunnel(A, spi_of(vector.packet), encrypt=vector.enc, enc_key=vector.key):
        if vector.icv_len:
            discarded(spoilt(vector.packet), "rx_icv_failed")
        arrives(vector.packet, vector.payload)

# Published codes. The text becomes a packet of NULL encryption; what would be its padding is longer than the packet, which
# nobody looks at before the ICV has verified.

for vector in MACS:
    with case(f"{vector.source}: the ICV verifies"), \
            Tunnel(A, spi_of(vector.text), encrypt=11, auth=vector.auth, auth_key=vector.key):
        discarded(spoilt(vector.text + vector.code), "rx_icv_failed")
        discarded(vector.text + vector.code, "rx_bad_padding")

# Published keystreams, under which a packet is sealed.

INNER = ipv4(HOST_B, HOST_A, 17, udp(1, 9, b""))

for vector in STREAMS:
    with case(f"{vector.source}: a packet under this keystream is taken in"), \
            Tunnel(A, 0x3001, encrypt=13, enc_key=vector.key, auth=3, auth_key=bytes(20)):
        text = INNER + espcrypt.trailer(len(INNER), 4, 4)
        sealed = bytes(a ^ b for a, b in zip(text, vector.stream, strict=True))
        covered = struct.pack("!II", 0x3001, 1) + vector.iv + sealed
        arrives(covered + espcrypt.mac("hmac(sha1)", bytes(20), covered)[:12], INNER)

# OpenSSL at the other end.


def size_of(octets):
    """A packet from host A to host B of this payload behind UDP."""
    return ipv4(HOST_A, HOST_B, 17, udp(1, 9, bytes(range(octets))))


def reply(octets):
    """The same the other way."""
    return ipv4(HOST_B, HOST_A, 17, udp(1, 9, bytes(range(octets))))


def sent(inner):
    """The ESP packet that the gateway makes of what host A sends."""
    on_wire.all()
    watch = Watch(gw)
    sender.send_packet(inner, HOST_B)
    packet = on_wire.next(want=lambda packet: packet[9] == ESP and packet[12:16] == socket.inet_aton(A))
    if packet is None:
        raise Failure(f"no ESP on the wire; discarded: {watch.rose()}")
    return packet[20:]


# The kernel sets checksums and the identification of raw packets, so these are left out of comparisons.
def same(text, inner):
    """Whether a decrypted packet is the one that was sent."""
    return text[:4] == inner[:4] and text[6:8] == inner[6:8] and text[12:len(inner)] == inner[12:]


ask(addflow(flow("10.1.0.0", "255.255.255.0", "10.2.0.0", "255.255.255.0"), B, TUN, IPIP, REPLACEFLOW))

for suite in filter(espcrypt.known, SUITES):
    keys = suite.keys()
    peer = espcrypt.EspCrypt(suite, keys)
    esp = {"encrypt": suite.enc_id, "auth": suite.auth_id, "enc_key": keys[0], "auth_key": keys[1]}
    with case(f"{suite.name}: OpenSSL opens what is sent"), Tunnel(B, 0x1001, **esp):
        for octets in range(0, 17):
            inner = size_of(octets)
            packet = sent(inner)
            text = peer.open(packet)
            equal(struct.unpack_from("!II", packet), (0x1001, octets + 1), "SPI and sequence number")
            equal(len(text) % peer.block, 0, "length of the text, in blocks")
            check(len(text) - len(inner) < peer.block + 2, f"{len(text)} bytes for {len(inner)}")
            check(same(text, inner), f"{text.hex()} is not {inner.hex()}")
            equal(text[len(inner):], espcrypt.trailer(len(inner), peer.block, 4), "trailer")
    with case(f"{suite.name}: what OpenSSL has sealed is taken in"), Tunnel(A, 0x2001, **esp):
        for octets in (0, 1, 15, 16, 200):
            inner = reply(octets)
            packet = peer.seal(0x2001, octets + 1, inner)
            discarded(spoilt(packet), "rx_icv_failed")
            arrives(packet, inner)

pk.close()
topology.delete()
end()
