# SPDX-License-Identifier: GPL-2.0-only
"""Every header cut off at every byte, every length field at every value that matters, nesting, fragments, sizes.

What is sent goes to one place each, see `klipstest.arena`: a reason of ours, XFRM, the key daemon, the stack.
"""

import socket
import struct
import zlib

from klipstest.arena import Arena, Ledger, Victim
from klipstest.cells import Cell
from klipstest.counters import drops
from klipstest.matrix import INNER, OUTER
from klipstest.packet import checksum, udp
from klipstest.sealed import COMP, ESP, UDP, ip
from klipstest.suites import AH_SUITES, BY_NAME
from klipstest.tap import case, check, end, equal, until

GCM, CBC = BY_NAME["aes128-gcm"], BY_NAME["aes128-sha1-96"]
FRAGMENT, NONE = 44, 59
HOP, ROUTING, DESTINATION = 0, 43, 60
CUT = {"rx_truncated", "rx_bad_length", "rx_no_icv", "rx_no_payload", "rx_decrypt_failed", "rx_icv_failed", "rx_bad_header",
       "XfrmInHdrError", "key daemon"}


def options(last, *kinds):
    """IPv6 extension headers, and the protocol behind them."""
    following = [*kinds[1:], last]
    routing = b"\0\0\0\0\0\0"
    return b"".join(bytes([proto, 0]) + (routing if kind == ROUTING else b"\1\4\0\0\0\0")
                    for kind, proto in zip(kinds, following, strict=True))


VICTIMS = {
    "ESP": (Cell(0, "ESP", "tunnel", 4, 4, CBC), b""),
    "ESP over IPv6": (Cell(1, "ESP", "tunnel", 6, 6, GCM), b""),
    "ESP behind IPv6 options": (Cell(2, "ESP", "tunnel", 4, 6, CBC), options(ESP, HOP, DESTINATION, ROUTING)),
    "ESP in UDP": (Cell(3, "ESP", "tunnel", 4, 4, GCM, udp=True), b""),
    "AH": (Cell(4, "AH", "tunnel", 4, 4, ah=AH_SUITES[0]), b""),
    "AH over IPv6": (Cell(5, "AH", "tunnel", 6, 6, ah=AH_SUITES[2]), b""),
    "AH and ESP": (Cell(6, "AH+ESP", "tunnel", 4, 4, GCM, AH_SUITES[0]), b""),
    "IPComp and ESP": (Cell(7, "IPComp+ESP", "tunnel", 4, 4, GCM), b""),
    "ESP in transport mode": (Cell(8, "ESP", "transport", 4, 4, GCM), b""),
    "6 in 4": (Cell(9, "ESP", "tunnel", 6, 4, GCM), b""),
}


def refused(packets, fitting, what):
    """Sends packets none of which is taken."""
    rows = arena.account(packets)
    check(set(rows) <= fitting, f"{what}: {rows}")
    return rows


def mixed(packets):
    """Sends packets of which IP, UDP or XFRM may discard some, and an honest one behind them; where they went to."""
    ledger = Ledger(arena)
    arena.wire.send(packets)
    honest = victims["6 in 4" if packets[0][0] >> 4 == 4 else "AH over IPv6"]
    arena.wire.send([honest.sealer.genuine(honest.next())])
    until(lambda: ledger.rows().get("taken"), "the honest packet is taken")
    return ledger.rows()


def silent(packets, what):
    """Sends packets that IP must discard before they get to us, or whose parts it keeps."""
    equal(mixed(packets), {"taken": 1}, what)


def whole(packet):
    """An IPv4 packet with a right checksum, whatever it says."""
    packet = packet[:10] + b"\0\0" + packet[12:]
    return packet[:10] + struct.pack("!H", checksum(packet[:20])) + packet[12:]


with case("the gateways"):
    arena = Arena()
    victims = {name: Victim(arena, *words) for name, words in VICTIMS.items()}

for name, victim in victims.items() if "victims" in globals() else ():
    with case(f"{name}: what is behind the outer header is cut off at each byte"):
        victim.take(2)
        proto, body = victim.sealer.body(victim.sequence + 1)
        before = victim.sas()
        sizes = [size for size in range(len(body)) if not victim.lost(body[:size])]
        refused([victim.sealer.packet(proto, body[:size]) for size in sizes], CUT, "reasons")
        equal(victim.sas(), before, "the SAs")
        victim.take()

    with case(f"{name}: what is inside is cut off at each byte"):
        proto, data = victim.sealer.inside(16)
        rows = arena.account([victim.sealed((proto, data[:size])) for size in range(len(data))])
        if victim.cell.mode == "tunnel":
            check("taken" not in rows, f"cut off packets are taken: {rows}")
        check(set(rows) <= {"rx_bad_inner", "rx_truncated", "rx_no_payload", "rx_decompress_failed", "taken"}, f"{rows}")
        victim.take()

with case("the frame ends before the packet: IP's to discard"):
    for name in ("ESP", "ESP over IPv6", "AH"):
        packet = victims[name].sealer.genuine(victims[name].sequence + 1)
        silent([packet[:size] for size in range(14, len(packet))], f"{name}, cut off")

with case("header and total lengths of the outer IPv4 header"):
    victim = victims["ESP"]
    packet = victim.sealer.genuine(victim.sequence + 1)
    before = victim.sas()
    short = [whole(bytes([0x40 | words]) + packet[1:]) for words in range(5)]
    # Longer headers eat from ESP: with a right checksum over them they are options that nobody knows.
    for words in range(6, 16):
        header = bytes([0x40 | words]) + packet[1:10] + b"\0\0" + packet[12:4 * words]
        short.append(header[:10] + struct.pack("!H", checksum(header)) + header[12:] + packet[4 * words:])
    lengths = [0, 1, 19, 20, len(packet) + 1, len(packet) + 100, 0x7fff, 0xffff]
    rows = mixed(short + [whole(packet[:2] + struct.pack("!H", size) + packet[4:]) for size in lengths])
    equal(rows.get("taken"), 1, f"packets taken, of {rows}")
    equal(victim.sas(), before, "the SA")

with case("lengths of IPv6 and of its extension headers"):
    victim = victims["ESP behind IPv6 options"]
    packet = victim.sealer.genuine(victim.sequence + 1)
    packets = [packet[:4] + struct.pack("!H", size) + packet[6:]
               for size in (0, 1, 7, 8, len(packet) - 41, len(packet) - 39, 0xffff)]
    for at in (41, 49, 57):
        packets += [packet[:at] + bytes([size]) + packet[at + 1:] for size in (1, 2, 31, 127, 255)]
    # What is behind nothing, a header that must be the first and is not, headers that are taken for others.
    packets += [packet[:at] + bytes([proto]) + packet[at + 1:] for at in (40, 48) for proto in (HOP, FRAGMENT, NONE, 135, 255)]
    # ESP does not vouch for what is in front of it: one way to read the options leads to it as it was, and others come later.
    rows = mixed(packets)
    check(rows.get("taken") in (1, 2), f"packets taken: {rows}")
    victim.next()
    victim.take()

with case("the length of UDP"):
    victim = victims["ESP in UDP"]
    proto, body = victim.sealer.body(victim.sequence + 1)
    rows = mixed([ip(4, *OUTER[4][::-1], UDP, struct.pack("!HHHH", 4500, 4500, size, 0) + body)
                  for size in (0, 1, 7, 8, 9, 15, 16, len(body), len(body) + 7, len(body) + 9, 0xffff)])
    equal(rows.get("taken"), 1, f"packets taken, of {rows}")
    victim.take()

for name in ("AH", "AH over IPv6"):
    with case(f"{name}: its length at each value"):
        victim = victims[name]
        proto, body = victim.sealer.body(victim.sequence + 1)
        before = victim.sas()
        packets = [victim.sealer.packet(proto, body[:1] + bytes([size]) + body[2:]) for size in range(256) if size != body[1]]
        # A header of the length 0 ends before its SPI, so that nobody's SA is meant.
        equal(arena.account(packets), {"rx_bad_length": 254, "XfrmInNoStates": 1}, "reasons")
        equal(victim.sas(), before, "the SAs")
        victim.take()

for name in ("ESP", "ESP over IPv6"):
    with case(f"{name}: pad lengths and next headers at each value, sealed by who has the keys"):
        victim = victims[name]
        (peer,) = victim.sealer.peers.values()
        spi, (proto, data) = next(iter(victim.sealer.peers)), victim.sealer.inside(16)

        def sealed(text, victim=victim, peer=peer, spi=spi):
            """An ESP packet of a text whose trailer is its last two bytes."""
            return victim.sealer.packet(ESP, peer.seal_text(spi, victim.next(), text))

        text = data + bytes(-(len(data) + 2) % peer.block)
        rows = arena.account([sealed(text + bytes([pad, proto])) for pad in range(256)])
        check(set(rows) <= {"taken", "rx_bad_padding", "rx_bad_inner"}, f"pad lengths: {rows}")
        check(rows["rx_bad_padding"] == 255 - len(text), f"pad lengths beyond {len(text)}: {rows}")
        rows = arena.account([sealed(text + bytes([0, header])) for header in range(256) if header != proto])
        check("taken" not in rows, f"next headers: {rows}")
        victim.take()

with case("lengths of the inner IPv4 header"):
    victim = victims["ESP"]
    proto, data = victim.sealer.inside(40)
    words = [bytes([0x40 | n]) + data[1:] for n in range(16) if n != 5] + [bytes([n << 4 | 5]) + data[1:] for n in range(16) if n != 4]
    sizes = [data[:2] + struct.pack("!H", size) + data[4:] for size in (0, 1, 19, len(data) + 1, 0x7fff, 0xffff)]
    rows = arena.account([victim.sealed((proto, changed)) for changed in words + sizes])
    check(set(rows) <= {"rx_bad_inner", "taken", "rx_inner_mismatch"}, f"reasons: {rows}")
    # Longer headers are taken if they are within the packet: IP looks at options and checksum.
    check(rows.get("taken", 0) <= 10, f"reasons: {rows}")
    victim.take()

with case("lengths of the inner IPv6 header"):
    victim = victims["6 in 4"]
    proto, data = victim.sealer.inside(40)
    sizes = [data[:4] + struct.pack("!H", size) + data[6:] for size in (len(data) - 39, 0x7fff, 0xffff)]
    versions = [bytes([n << 4]) + data[1:] for n in range(16) if n != 6]
    rows = arena.account([victim.sealed((proto, changed)) for changed in sizes + versions])
    equal(rows, {"rx_bad_inner": len(sizes + versions)}, "reasons")
    victim.take()

with case("IPComp: each next header, each kind of flags and CPI, each byte of the header cut off"):
    victim = victims["IPComp and ESP"]
    cpi = victim.cell.spi(1, "comp")
    (esp,) = victim.sealer.peers.values()
    spi = next(iter(victim.sealer.peers))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(victim.sealer.inside(200)[1]) + packer.flush()

    def inside(data, victim=victim, esp=esp, spi=spi):
        """IPComp as it is told, in ESP as it should be."""
        return victim.sealer.packet(ESP, esp.seal(spi, victim.next(), data, COMP))

    good = struct.pack("!BBH", 4, 0, cpi)
    rows = arena.account([inside((good + packed)[:size]) for size in range(len(good + packed))])
    check("taken" not in rows, f"cut off: {rows}")
    rows = arena.account([inside(bytes([proto]) + good[1:] + packed) for proto in range(256) if proto != 4])
    check("taken" not in rows, f"next headers: {rows}")
    rows = arena.account([inside(struct.pack("!BBH", 4, 0, number) + packed) for number in (0, 1, 255, 256, cpi + 1, 0xffff)])
    check("taken" not in rows, f"CPIs: {rows}")
    victim.take()

with case("IPComp: what inflates to more than a packet, and to exactly one"):
    def bomb(size):
        """Zeros inside of a packet that says how long it is."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = ip(4, *INNER[4][::-1], UDP, udp(9, 9, bytes(size - 28))) if size <= 0xffff else bytes(size)
        return inside(good + packer.compress(data) + packer.flush())

    # The outer header is still there when it is inflated.
    equal(arena.account([bomb(0xffff - 20)]), {"taken": 1}, "65515 bytes")
    for size in (0xffff - 19, 0xffff, 1 << 16, 1 << 20):
        rows = refused([bomb(size)], {"rx_decompress_failed"}, f"{size} bytes")
    victim.take()

with case("nested to the limit and beyond, with no policy to stop it"):
    arena.a.sysctl("net.ipsec.inbound_policy_check", 0)
    victim = victims["ESP in transport mode"]
    spi, peer = next(iter(victim.sealer.peers.items()))
    for depth in range(1, 12):
        proto, data = victim.sealer.inside(16)
        numbers = [victim.next() for _ in range(depth)]
        for number in reversed(numbers):
            proto, data = ESP, peer.seal(spi, number, data, proto)
        rows = arena.account([victim.sealer.packet(proto, data)])
        check(rows in ({"taken": 1}, {"rx_too_deep": 1}), f"{depth} deep: {rows}")
        check((rows == {"rx_too_deep": 1}) == (depth > 4), f"{depth} deep: {rows}")
    arena.a.sysctl("net.ipsec.inbound_policy_check", 1)
    victim.take()

with case("a tunnel in itself, 20 times: each layer comes out by itself"):
    arena.a.sysctl("net.ipsec.inbound_policy_check", 0)
    victim = victims["ESP"]
    spi, peer = next(iter(victim.sealer.peers.items()))
    numbers = [victim.next() for _ in range(20)]
    proto, data = victim.sealer.inside(16)
    for number in reversed(numbers):
        data = ip(4, *OUTER[4][::-1], ESP, peer.seal(spi, number, data, 4))
    ledger = Ledger(arena)
    arena.wire.send([data])
    rows = ledger.balances(20)
    equal(rows, {"taken": 20}, "layers")
    arena.a.sysctl("net.ipsec.inbound_policy_check", 1)
    victim.take()


def fragments(packet, places, ident=77, more=True):
    """Parts of an IPv4 packet: from byte to byte of what is behind its header."""
    for start, stop in places:
        last = stop >= len(packet) - 20 and more
        flags = (0 if last else 0x2000) | start // 8
        part = packet[20 + start:20 + stop]
        yield whole(packet[:2] + struct.pack("!HHH", 20 + len(part), ident, flags) + packet[8:20] + part)


with case("fragments that overlap, are too small, are twice there, or reach beyond 65535 bytes"):
    victim = victims["ESP"]
    packet = victim.sealer.genuine(victim.sequence + 1, 800)
    size = len(packet) - 20
    crowds = [
        [(0, 400), (392, size)], [(0, 400), (0, 408), (400, size)], [(400, size), (0, 800)], [(0, 8), (0, 16), (8, 24), (16, size)],
        [(n, n + 64) for n in range(0, 512, 8)],
    ]
    for ident, crowd in enumerate(crowds, 100):
        silent(list(fragments(packet, crowd, ident)), f"{crowd[:4]}")
    beyond = whole(packet[:2] + struct.pack("!HHH", len(packet), 99, 0x1fff) + packet[8:])
    silent([*fragments(packet, [(0, 400)], 99), beyond], "beyond 65535")
    six = victims["ESP over IPv6"]
    packet6 = six.sealer.genuine(six.sequence + 1, 800)
    parts = [packet6[:4] + struct.pack("!HB", 8 + len(packet6[40 + a:40 + b]), FRAGMENT) + packet6[7:40]
             + struct.pack("!BBHI", ESP, 0, a | (b < len(packet6) - 40), 5) + packet6[40 + a:40 + b]
             for a, b in ((0, 400), (392, 800), (400, 2000))]
    silent(parts, "IPv6")

with case("as many fragments as there can be: a genuine packet of them is taken"):
    victim = victims["ESP"]
    packet = victim.sealer.genuine(victim.next(), 1400)
    ledger = Ledger(arena)
    arena.wire.send(list(fragments(packet, [(n, n + 8) for n in range(0, len(packet) - 20, 8)][::-1], 4711)))
    equal(ledger.balances(1), {"taken": 1}, "the packet")

with case("packets of 64 KiB and jumbo frames: genuine ones are taken, changed ones are not"):
    for ns in (arena.a, arena.b):
        ns.ip("link set wan0 mtu 65535")
    for name in ("ESP", "ESP over IPv6", "AH", "AH over IPv6", "ESP in UDP"):
        victim = victims[name]
        room = len(victim.sealer.genuine(1, 0))
        # As ESP pads, the longest is found by trying.
        largest = next(size for size in range(65535 - room + 16, 0, -1)
                       if len(victim.sealer.inside(size)[1]) <= 65400 and len(victim.sealer.genuine(1, size)) <= 65535)
        for size in (8900, largest):
            proto, body = victim.sealer.body(victim.next(), size)
            changed = bytearray(body)
            changed[len(body) // 2] ^= 1
            equal(arena.account([victim.sealer.packet(proto, bytes(changed))]), {"rx_icv_failed": 1}, f"{name}, changed")
            equal(arena.account([victim.sealer.packet(proto, body)]), {"taken": 1}, f"{name}, {size} bytes")
    refused([bomb(40 << 20)], {"rx_decompress_failed"}, "40 MiB in 40 KiB")
    # A jumbogram (RFC 2675) that is none: the option says more, or less, than there is.
    six = victims["ESP over IPv6"]
    _, body = six.sealer.body(six.sequence + 1, 8900)
    ends = b"".join(socket.inet_pton(socket.AF_INET6, end_) for end_ in OUTER[6][::-1])
    for size in (0, 1, 65535, 65536, len(body) + 8, 0xffffffff):
        jumbo = bytes([ESP, 0, 0xc2, 4]) + struct.pack("!I", size)
        silent([struct.pack("!IHBB", 6 << 28, 0, HOP, 64) + ends + jumbo + body], f"jumbogram of {size} bytes")

with case("after all of that each tunnel works"):
    for victim in victims.values():
        victim.take()
    check(not [name for name in drops(arena.a) if name.startswith("tx_") and name != "tx_no_eroute"], f"{drops(arena.a)}")

if "arena" in globals():
    arena.close()
end()
