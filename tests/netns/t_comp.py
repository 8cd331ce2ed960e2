# SPDX-License-Identifier: GPL-2.0-only
"""IPComp on the way in: payloads that unfold to much more than they were, and to more than a packet can be."""

import os
import socket
import zlib

from klipstest import espcrypt
from klipstest.counters import Watch
from klipstest.packet import Wire, udp
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, until
from klipstest.topology import A, B, Topology

ESP, UDP, COMP = 50, 17, 108
SUITE = BY_NAME["aes128-gcm"]
LARGEST = 65535 - 20 - 8

topology = Topology()
gw = topology.gwA
keys = SUITE.keys()
esp, wire = espcrypt.EspCrypt(SUITE, keys), Wire(topology.gwB)
sequence = 0

gw.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
gw.ip(f"addr add {A}/32 dev ipsec0", "link set ipsec0 up")
ends = ["--af", "inet", "--edst", A, "--src", B]
gw.run("ipsec", "spi", *ends, "--spi", "0x2001", "--proto", "esp", "--replay_window", "64", *SUITE.ipsec(keys))
gw.run("ipsec", "spi", *ends, "--spi", "0x2003", "--proto", "comp", "--comp", "deflate")
gw.run("ipsec", "spigrp", "inet", A, "0x2003", "comp", "inet", A, "0x2001", "esp")
with gw:
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind((A, 9))
sink.settimeout(5 * SLOWER)


def deflate(data, level=9):
    """Data in the form that IPComp has it (RFC 2394)."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def is_no_deflate(packed):
    """Whether zlib cannot unpack it either, to the end."""
    unpacker = zlib.decompressobj(-15)
    try:
        unpacker.decompress(packed)
    except zlib.error:
        return True
    return not unpacker.eof


def send(packed):
    """What is packed, said to be UDP, in IPComp in ESP."""
    global sequence
    sequence += 1
    header = bytes([UDP, 0]) + (0x2003).to_bytes(2)
    wire.send(B, A, ESP, esp.seal(0x2001, sequence, header + packed, COMP))


with case("whatever it unfolds to, up to the longest packet, arrives as it was"):
    watch = Watch(gw)
    for size in (0, 1, 100, 2039, 2040, 2041, 8183, 8184, 8185, 20000, 32760, 65000, LARGEST):
        send(deflate(udp(1, 9, bytes(size))))
        equal(sink.recv(65536) == bytes(size), True, f"{size} zeros")
    for size in (0, 100, 1300):
        data = os.urandom(size)
        send(deflate(udp(1, 9, data), 0))
        equal(sink.recv(65536) == data, True, f"{size} random bytes, packed without compression")
    equal(watch.rose(), {}, "discarded packets")

with case("more than a packet can be is refused, and so is what is no deflate: each is counted once"):
    bad = [deflate(bytes(size)) for size in (65516, 70_000, 100_000, 1_000_000)]
    whole = deflate(udp(1, 9, bytes(5000)))
    # Its end missing, half of it missing, blocks of the kind that there is none of, and what is stored being longer than
    # the packet, or of a length that its complement denies.
    bad += [whole[:-1], whole[:len(whole) // 2], b"\xff" * 40, b"\x07", b"\x01\xff\x00\x00\xff" + bytes(60),
            b"\x01\x10\x00\x10\x00" + bytes(16)]
    for packed in bad[4:]:
        check(is_no_deflate(packed), f"this is deflate: {packed.hex()}")
    check(all(len(packed) < 1400 for packed in bad), "a bomb that is too large for the wire")
    watch = Watch(gw)
    for count, packed in enumerate(bad, 1):
        send(packed)
        until(lambda count=count: sum(watch.rose().values()) == count, f"number {count} is counted: {watch.rose()}", 5)
    equal(watch.rose(), {"rx_decompress_failed": len(bad)}, "discarded packets")

with case("the tunnel carries on"):
    send(deflate(udp(1, 9, bytes(3000))))
    equal(sink.recv(65536) == bytes(3000), True, "3000 zeros")

topology.delete()
end()
