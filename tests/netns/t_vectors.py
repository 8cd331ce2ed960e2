# SPDX-License-Identifier: GPL-2.0-only
"""Known answers, through PF_KEY and the packet path: published packets, blocks and codes, and OpenSSL at the other end."""

import os
import socket
import struct
import zlib

from klipstest import espcrypt
from klipstest.counters import Watch
from klipstest.packet import ESP, Sniffer, Wire, ipv4, udp
from klipstest.pfkey import AH, COMP, DELETE, DST, ESN, IPIP, PfKey, SRC, add, addflow, address, flow, group, message, sa
from klipstest.pfkey import ESP as SATYPE_ESP
from klipstest.suites import AH_SUITES, BY_NAME, SUITES
from klipstest.tap import Failure, case, check, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, Klips, Topology
from klipstest.vectors import BLOCKS, MACS, PACKETS, STREAMS

TUN = 0x1000
PROTO_AH, PROTO_COMP = 51, 108

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


class Sas:
    """An SA, and the tunnel that it is grouped with if there is one, as long as the block runs."""

    def __init__(self, dst, spi, tunnel=True, satype=SATYPE_ESP, **words):
        self._dst, self._spi, self._tunnel, self._satype, self._words = dst, spi, tunnel, satype, words

    def __enter__(self):
        ask(add(self._satype, self._dst, self._spi, **self._words))
        if self._tunnel:
            ask(add(IPIP, self._dst, TUN, src=B if self._dst == A else A))
            ask(group((IPIP, self._dst, TUN), (self._satype, self._dst, self._spi)))
        return self

    def __exit__(self, *_):
        ask(message(DELETE, self._satype, sa(self._spi), address(SRC, "0.0.0.0"), address(DST, self._dst)))


def arrives(packet, next_header, payload, proto=ESP):
    """Sends what is behind an IP header to the gateway, which must take this out of it: a packet, or what is behind its
    header in transport mode."""
    inside.all()
    watch = Watch(gw)
    # The kernel leaves the identification alone if there is one, and AH covers it.
    wire.send_packet(ipv4(B, A, proto, packet, ident=1), A)

    def wanted(got):
        return got == payload if next_header == 4 else got[9] == next_header and got[20:] == payload

    if inside.next(want=wanted) is None:
        raise Failure(f"{payload.hex()} has not come out of {packet.hex()}; discarded: {watch.rose()}")


def discarded(packet, reason, proto=ESP):
    """Sends what is behind an IP header to the gateway, which must discard it for this reason."""
    watch = Watch(gw)
    wire.send_packet(ipv4(B, A, proto, packet, ident=1), A)
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
    words = {"replay": 64, "flags": ESN} if vector.esn else {}
    with case(f"{vector.source}: the packet is taken in"), \
            Sas(A, spi_of(vector.packet), vector.next_header == 4, encrypt=vector.enc, enc_key=vector.key, **words):
        if vector.icv_len:
            discarded(spoilt(vector.packet), "rx_icv_failed")
        arrives(vector.packet, vector.next_header, vector.payload)

# Published codes. The text becomes a packet of NULL encryption; what would be its padding is longer than the packet, which
# nobody looks at before the ICV has verified.

for vector in MACS:
    with case(f"{vector.source}: the ICV verifies"), \
            Sas(A, spi_of(vector.text), encrypt=11, auth=vector.auth, auth_key=vector.key):
        discarded(spoilt(vector.text + vector.code), "rx_icv_failed")
        discarded(vector.text + vector.code, "rx_bad_padding")

# Published keystreams, under which a packet is sealed.

INNER = ipv4(HOST_B, HOST_A, 17, udp(1, 9, b""))

for vector in STREAMS:
    with case(f"{vector.source}: a packet under this keystream is taken in"), \
            Sas(A, 0x3001, encrypt=13, enc_key=vector.key, auth=3, auth_key=bytes(20)):
        text = INNER + espcrypt.trailer(len(INNER), 4, 4)
        sealed = bytes(a ^ b for a, b in zip(text, vector.stream, strict=True))
        covered = struct.pack("!II", 0x3001, 1) + vector.iv + sealed
        arrives(covered + espcrypt.mac("hmac(sha1)", bytes(20), covered)[:12], 4, INNER)

# Published blocks. What is wanted of the first block of text, and the block that the cipher makes, make the IV.

SHORT = udp(9, 1, b"block!")

for vector in BLOCKS:
    with case(f"{vector.source}: a packet of this block is taken in"), \
            Sas(A, 0x3002, False, encrypt=vector.enc, enc_key=vector.key):
        text = SHORT + espcrypt.trailer(len(SHORT), 16, 17)
        iv = bytes(a ^ b for a, b in zip(text, vector.plain, strict=True))
        arrives(struct.pack("!II", 0x3002, 1) + iv + vector.sealed, 17, SHORT)

# OpenSSL at the other end.


def size_of(octets):
    """A packet from host A to host B of this payload behind UDP."""
    return ipv4(HOST_A, HOST_B, 17, udp(1, 9, bytes(range(octets))))


def reply(octets):
    """The same the other way."""
    return ipv4(HOST_B, HOST_A, 17, udp(1, 9, bytes(range(octets))))


def sent(inner, proto=ESP):
    """What the gateway makes of what host A sends: the payload if it is ESP, the whole packet if it is AH."""
    on_wire.all()
    watch = Watch(gw)
    sender.send_packet(inner, HOST_B)
    packet = on_wire.next(want=lambda packet: packet[9] == proto and packet[12:16] == socket.inet_aton(A))
    if packet is None:
        raise Failure(f"nothing on the wire; discarded: {watch.rose()}")
    return packet if proto == PROTO_AH else packet[20:]


# The kernel sets checksums and the identification of raw packets, so these are left out of comparisons.
def same(text, inner):
    """Whether a decrypted packet is the one that was sent."""
    return text[:4] == inner[:4] and text[6:8] == inner[6:8] and text[12:len(inner)] == inner[12:]


ask(addflow(flow("10.1.0.0", "255.255.255.0", "10.2.0.0", "255.255.255.0"), B, TUN, IPIP))

for suite in filter(espcrypt.known, SUITES):
    keys = suite.keys()
    peer = espcrypt.EspCrypt(suite, keys)
    esp = {"encrypt": suite.enc_id, "auth": suite.auth_id, "enc_key": keys[0], "auth_key": keys[1]}
    with case(f"{suite.name}: OpenSSL opens what is sent"), Sas(B, 0x1001, **esp):
        for octets in range(0, 17):
            inner = size_of(octets)
            packet = sent(inner)
            text = peer.open(packet)
            equal(struct.unpack_from("!II", packet), (0x1001, octets + 1), "SPI and sequence number")
            equal(len(text) % peer.block, 0, "length of the text, in blocks")
            check(len(text) - len(inner) < peer.block + 2, f"{len(text)} bytes for {len(inner)}")
            check(same(text, inner), f"{text.hex()} is not {inner.hex()}")
            equal(text[len(inner):], espcrypt.trailer(len(inner), peer.block, 4), "trailer")
    with case(f"{suite.name}: what OpenSSL has sealed is taken in"), Sas(A, 0x2001, **esp):
        for octets in (0, 1, 15, 16, 200):
            inner = reply(octets)
            packet = peer.seal(0x2001, octets + 1, inner)
            discarded(spoilt(packet), "rx_icv_failed")
            arrives(packet, 4, inner)

for name in ("aes128-sha1-96", "aes256-gcm", "aes128-ccm-8", "chacha20-poly1305", "aes256-gmac", "aes128-ctr-sha2-384-192",
             "null-sha2-256-96"):
    suite = BY_NAME[name]
    keys = suite.keys()
    peer = espcrypt.EspCrypt(suite, keys, esn=True)
    esp = {"encrypt": suite.enc_id, "auth": suite.auth_id, "enc_key": keys[0], "auth_key": keys[1], "replay": 64,
           "flags": ESN}
    with case(f"{name}: the upper half of the sequence number is sent in the ICV alone"), Sas(B, 0x1001, **esp):
        inner = size_of(40)
        for number in (1, 2):
            packet = sent(inner)
            equal(struct.unpack_from("!II", packet), (0x1001, number), "SPI and sequence number")
            check(same(peer.open(packet), inner), "another packet is inside")
    with case(f"{name}: and found out when receiving, beyond 2^32 too"), Sas(A, 0x2001, **esp):
        for number in (1, 0xfffffff0, (1 << 32) + 5, (1 << 32) - 3):
            arrives(peer.seal(0x2001, number, reply(40)), 4, reply(40))
        discarded(peer.seal(0x2001, 6, reply(40)), "rx_icv_failed")

# AH.

for suite in AH_SUITES:
    key = os.urandom(suite.auth_len)
    for esn in (False, True) if suite.auth_id in (3, 5) else (False,):
        peer = espcrypt.Ah(suite.xfrm_auth, key, suite.icv_len, esn)
        words = {"satype": AH, "auth": suite.auth_id, "auth_key": key, "replay": 64, "flags": ESN if esn else 0}
        what = f"AH with {suite.name}" + (", ESN" if esn else "")
        with case(f"{what}: what is sent verifies"), Sas(B, 0x1002, **words):
            for octets in (0, 1, 100):
                inner = size_of(octets)
                next_header, text = peer.open(sent(inner, PROTO_AH))
                check((next_header, len(text)) == (4, len(inner)) and same(text, inner), f"{text.hex()} is inside")
        with case(f"{what}: what verifies is taken in"), Sas(A, 0x2002, False, **words):
            for octets in (0, 1, 100):
                payload = udp(1, 9, bytes(octets))
                packet = peer.seal(ipv4(B, A, PROTO_AH, b"", ident=1), 0x2002, octets + 1, payload, 17)
                discarded(spoilt(packet), "rx_icv_failed", PROTO_AH)
                arrives(packet, 17, payload, PROTO_AH)

# IPComp.

TEXT = b"KLIPS " * 100

with case("IPComp: zlib inflates what is sent"), Sas(B, 0x1003, satype=COMP, encrypt=2):
    inner = ipv4(HOST_A, HOST_B, 17, udp(1, 9, TEXT))
    packet = sent(inner, PROTO_COMP)
    equal(packet[:4], struct.pack("!BBH", 4, 0, 0x1003), "next header, flags and CPI")
    check(len(packet) < len(inner) // 2, f"{len(packet)} bytes for {len(inner)}")
    text = zlib.decompress(packet[4:], -15)
    check(len(text) == len(inner) and same(text, inner), f"{text.hex()} is inside")

suite = BY_NAME["aes128-gcm"]
keys = suite.keys()
peer = espcrypt.EspCrypt(suite, keys)

with case("IPComp in ESP: what zlib has deflated is taken in"), Sas(A, 0x2001, False, encrypt=20, enc_key=keys[0]):
    ask(add(COMP, A, 0x2003, encrypt=2))
    ask(group((COMP, A, 0x2003), (SATYPE_ESP, A, 0x2001)))
    for level in (0, 1, 9):
        deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
        packed = deflate.compress(udp(1, 9, TEXT)) + deflate.flush()
        header = struct.pack("!BBH", 17, 0, 0x2003)
        arrives(peer.seal(0x2001, level + 1, header + packed, PROTO_COMP), 17, udp(1, 9, TEXT))

pk.close()
topology.delete()
end()
