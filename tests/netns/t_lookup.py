# SPDX-License-Identifier: GPL-2.0-only
"""Which eroute a packet finds, among hundreds within each other that come and go: by a model, packet for packet."""

import ipaddress
import os
import random
import socket
import struct

from klipstest import pfkey
from klipstest.netns import Netns
from klipstest.packet import udp
from klipstest.tap import case, check, end, equal, note

PEER = "192.0.2.2"
TABLE = "/proc/net/ipsec_eroute"
ROUNDS, ADDED, DELETED, REPLACED, PACKETS = 8, 60, 35, 10, 250
SEED = int(os.environ.get("SEED") or 20)
# Few values, so that networks lie within each other and packets hit them.
LENGTHS = {4: (8, 12, 16, 20, 24, 28, 32), 6: (16, 32, 48, 56, 64, 120, 128)}
BITS = {4: 32, 6: 128}
HEAD = {4: 10 << 24, 6: 0xfd << 120}
PORTS = (53, 80, 5353)
UDP = 17

pick = random.Random(SEED)
ns = Netns("k-lookup")
ns.ip("link add wan0 type dummy", "addr add 192.0.2.1/24 dev wan0", "link set wan0 up")
ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
ns.ip("addr add 192.0.2.1/32 dev ipsec0", "link set ipsec0 up")
for scope in ("all", "default", "wan0", "ipsec0"):
    ns.write(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "0")
ns.ip("route add 10.0.0.0/8 dev ipsec0",
      "route add fd00::/8 dev ipsec0")
key = pfkey.PfKey(ns)
with ns:
    raw = {4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
           6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)}


def text(family, number):
    """An address."""
    return str((ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address)(number))


def mask_of(family, length):
    """A mask of so many ones; now and then with a hole in it."""
    ones = ((1 << length) - 1) << (BITS[family] - length)
    if length and pick.random() < 0.1:
        ones &= ~(1 << (BITS[family] - pick.randrange(length) - 1))
    return ones


def some_address(family):
    """An address in a corner of the network, where others are too."""
    host = 0
    for _ in range(BITS[family] // 8 - 1):
        host = host << 8 | pick.choice((0, 0, 0, 1, 2, 255))
    return HEAD[family] | host


def selector():
    """A random one: family, source, its mask, destination, its mask, protocol, destination port."""
    family = pick.choice((4, 4, 6))
    # The kernel sends of its own over IPv6, from other sources than these: an eroute for all would count it too.
    all_lengths = (0, 0, *LENGTHS[family])
    src_mask = mask_of(family, pick.choice(all_lengths if family == 4 else LENGTHS[6]))
    dst_mask = mask_of(family, pick.choice(all_lengths))
    proto = UDP if pick.random() < 0.3 else 0
    port = pick.choice(PORTS) if proto and pick.random() < 0.5 else 0
    return family, some_address(family) & src_mask, src_mask, some_address(family) & dst_mask, dst_mask, proto, port


def flow(sel):
    """Its extensions."""
    family, src, src_mask, dst, dst_mask, proto, port = sel
    return pfkey.flow(text(family, src), text(family, src_mask), text(family, dst), text(family, dst_mask), proto,
                      dport=port)


def shape(sel):
    """What of a packet it asks about."""
    family, _, src_mask, _, dst_mask, proto, port = sel
    return family, src_mask, dst_mask, bool(proto), bool(port)


def rank(kind):
    """The order of shapes: the most specific one first."""
    _, src_mask, dst_mask, proto, port = kind
    return -src_mask.bit_count(), -dst_mask.bit_count(), -int(proto), -int(port)


class Model:
    """The table as it ought to be: SPI and count by selector, and since when each shape is in use."""

    def __init__(self):
        self.table, self.shapes, self.turn, self.spi = {}, {}, 0, 0x1000

    def put(self, sel, flags=0):
        """Adds or replaces an eroute, there and here."""
        self.spi += 1
        data = pfkey.addflow(flow(sel), PEER, self.spi, pfkey.ESP, flags)
        equal(key.write(data), 0, f"errno of ADDFLOW of {sel}")
        self.table[sel] = [self.spi, 0]
        if shape(sel) not in self.shapes:
            self.turn += 1
            self.shapes[shape(sel)] = self.turn

    def delete(self, sel):
        """Deletes an eroute, there and here."""
        equal(key.write(pfkey.delflow(flow(sel))), 0, f"errno of DELFLOW of {sel}")
        del self.table[sel]
        if not any(shape(other) == shape(sel) for other in self.table):
            del self.shapes[shape(sel)]

    def find(self, family, src, dst, proto, port):
        """The eroute of a packet."""
        for kind in sorted(self.shapes, key=lambda kind: (rank(kind), self.shapes[kind])):
            of, src_mask, dst_mask, with_proto, with_port = kind
            if of != family:
                continue
            sel = (family, src & src_mask, src_mask, dst & dst_mask, dst_mask, proto if with_proto else 0,
                   port if with_port else 0)
            if sel in self.table:
                return self.table[sel]
        return None


def send(family, src, dst, port):
    """A UDP datagram from and to anywhere."""
    payload = udp(1025, port, b"x")
    if family == 4:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, UDP, 0)
        header += src.to_bytes(4, "big") + dst.to_bytes(4, "big")
        raw[4].sendto(header + payload, (text(4, dst), 0))
    else:
        header = struct.pack("!IHBB", 6 << 28, len(payload), UDP, 64) + src.to_bytes(16, "big") + dst.to_bytes(16, "big")
        raw[6].sendto(header + payload, (text(6, dst), 0))


def counts():
    """The counts in the listing, by SPI."""
    lines = (line.split() for line in ns.read(TABLE).splitlines())
    return {int(words[5].split("@")[0].removeprefix("esp"), 16): int(words[0]) for words in lines}


model = Model()
found = missed = 0
for number in range(ROUNDS):
    with case(f"round {number + 1}: {ADDED} eroutes come, {DELETED} go, {REPLACED} are replaced; each packet finds its own"):
        while len(model.table) < ADDED + (ADDED - DELETED) * number:
            sel = selector()
            if sel not in model.table:
                model.put(sel)
        for sel in pick.sample(sorted(model.table), DELETED):
            model.delete(sel)
        for sel in pick.sample(sorted(model.table), REPLACED):
            model.put(sel, pfkey.REPLACEFLOW)
        key.drain()
        for _ in range(PACKETS):
            family = pick.choice((4, 4, 6))
            src, dst, port = some_address(family), some_address(family), pick.choice((*PORTS, 9))
            send(family, src, dst, port)
            eroute = model.find(family, src, dst, UDP, port)
            if eroute:
                eroute[1] += 1
            found, missed = found + bool(eroute), missed + (not eroute)
        there = counts()
        wrong = {sel: (there.get(spi), count) for sel, (spi, count) in model.table.items() if there.get(spi) != count}
        equal((wrong, len(there)), ({}, len(model.table)), "counts that differ, there and in the model")

with case("packets found eroutes, and some found none"):
    note(f"SEED={SEED}: {len(model.table)} eroutes of {len(model.shapes)} shapes; {found} packets found one, {missed} did not")
    check(found > 500 and missed > 20, "the test does not test much")

with case("cleared, nothing is found; begun anew, all is"):
    equal(key.write(pfkey.clear_flows()), 0, "errno")
    model.table.clear()
    model.shapes.clear()
    send(4, HEAD[4] + 1, HEAD[4] + 2, 9)
    sel = (4, HEAD[4], 0xff000000, 0, 0, 0, 0)
    model.put(sel)
    send(4, HEAD[4] + 1, HEAD[4] + 2, 9)
    equal(list(counts().values()), [1], "counts")

key.close()
ns.delete()
end()
