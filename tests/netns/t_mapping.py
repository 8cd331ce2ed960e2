# SPDX-License-Identifier: GPL-2.0-only
"""A peer behind NAT whose port moves: key daemons are told once, and by an authentic packet alone."""

import socket
import struct

from klipstest import pfkey
from klipstest.arena import Arena, Victim
from klipstest.cells import Cell
from klipstest.matrix import OUTER, PORT
from klipstest.packet import checksum, udp
from klipstest.sealed import BACK, UDP, ip
from klipstest.suites import BY_NAME
from klipstest.tap import case, end, equal, until

NEW_MAPPING = 17
INET = {4: socket.AF_INET, 6: socket.AF_INET6}
GCM = BY_NAME["aes128-gcm"]


def datagram(victim, port, body):
    """A body in UDP from a port, with the checksum that IPv6 wants."""
    family = victim.cell.outer
    src, dst = OUTER[family][::-1]
    data = udp(port, PORT, body)
    if family == 6:
        pseudo = b"".join(socket.inet_pton(INET[family], end_) for end_ in (src, dst)) + struct.pack("!II", len(data), UDP)
        data = data[:6] + struct.pack("!H", checksum(pseudo + data) or 0xffff) + data[8:]
    return ip(family, src, dst, UDP, data)


def genuine(victim, port):
    """A packet that must be taken, from a port."""
    return datagram(victim, port, victim.sealer.body(victim.next())[1])


def mappings():
    """What the daemon has been told: SPI, old and new port of each message."""
    told = []
    for got in daemon.drain():
        if got.kind == NEW_MAPPING:
            ports = [struct.unpack_from("=H", got.exts[kind])[0] for kind in (pfkey.NATT_SPORT, pfkey.NATT_DPORT)]
            told.append((got.sa()[0], *ports, got.errno, got.satype, got.pid))
    return told


def one_mapping():
    """The only message that there is, or comes: they are written by a worker."""
    told = []
    until(lambda: told.extend(mappings()) or told, "a message")
    equal(len(told + mappings()), 1, f"messages: {told}")
    return told[0]


def ports():
    """The ports that the SA is listed with."""
    row = next(row for row in arena.a.read("/proc/net/ipsec_spi").splitlines() if row.startswith("esp"))
    return [word for word in row.split() if word.startswith(("natsport=", "natdport="))]


with case("the gateways"):
    arena = Arena()
    daemon = pfkey.PfKey(arena.a)
    equal(daemon.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno of REGISTER")

for family in (4, 6) if "daemon" in globals() else ():
    arena.ask(pfkey.message(pfkey.FLUSH, 0))
    victim = Victim(arena, Cell(family, "ESP", "tunnel", 4, family, GCM, udp=True))
    spi = victim.cell.spi(BACK, "esp")
    mappings()

    with case(f"IPv{family}: damaged packets from other ports move nothing and tell nobody"):
        equal(arena.account([genuine(victim, PORT)]), {"taken": 1}, "from its own port")
        before = victim.sas()
        body = victim.sealer.body(victim.sequence + 1)[1]
        packets = [datagram(victim, port, body[:at] + bytes([body[at] ^ 1]) + body[at + 1:])
                   for port, at in ((1, 8), (4501, 20), (40000, len(body) - 1), (65535, 7), (0, 16))]
        equal(arena.account(packets), {"rx_icv_failed": len(packets)}, "reasons")
        equal((mappings(), victim.sas()), ([], before), "messages, SAs")

    with case(f"IPv{family}: neither does one that was replayed"):
        packet = genuine(victim, PORT)
        equal(arena.account([packet]), {"taken": 1}, "from its own port")
        body = packet[(20 if family == 4 else 40) + 8:]
        equal(arena.account([datagram(victim, 40000, body)]), {"rx_replayed": 1}, "from another")
        equal(mappings(), [], "messages")

    with case(f"IPv{family}: an authentic one from another port is taken, and told of once"):
        equal(arena.account([genuine(victim, 40000)]), {"taken": 1}, "the first")
        equal(one_mapping(), (spi, PORT, 40000, 0, pfkey.ESP, 0), "the message")
        equal(arena.account([genuine(victim, 40000) for _ in range(5)]), {"taken": 5}, "more of them")
        equal((mappings(), ports()), ([], [f"natsport={PORT}", f"natdport={PORT}"]), "messages, ports of the SA")
        equal(arena.account([genuine(victim, 50000)]), {"taken": 1}, "a further move")
        equal(one_mapping()[2], 50000, "the port that it tells")

    with case(f"IPv{family}: UPDATE moves the SA, and its new port is no news"):
        src, dst = OUTER[family][::-1]
        arena.ask(pfkey.add(pfkey.ESP, dst, spi, src=src, kind=pfkey.UPDATE, encrypt=GCM.enc_id,
                            more=pfkey.natt(50000, PORT)[1:]))
        equal(ports(), ["natsport=50000", f"natdport={PORT}"], "ports of the SA")
        mappings()
        equal(arena.account([genuine(victim, 50000)]), {"taken": 1}, "from the new port")
        equal(mappings(), [], "messages")

if "daemon" in globals():
    daemon.close()
    arena.close()
end()
