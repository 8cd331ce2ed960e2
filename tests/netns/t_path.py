# SPDX-License-Identifier: GPL-2.0-only
"""Paths that carry less than the physical device: what routers say about outer packets, and what senders are told.

A router stands between the gateways, and the link behind it has an MTU of 1400:

    gwA wan0 192.0.2.1 --- 192.0.2.254 router 198.51.100.254 --- 198.51.100.2 wan0 gwB
"""

import re
import socket
import struct

from klipstest.counters import Watch
from klipstest.netns import Netns
from klipstest.packet import Sniffer, Wire, checksum, ipv4, udp
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal, until
from klipstest.topology import A, HOST_A, HOST_B, NET_A, NET_B, Klips, Sa, Topology, Xfrm
from klipstest.traffic import Pinger, ping, transfer

FAR = "198.51.100.2"
SUITE = BY_NAME["aes128-sha1-96"]
# Outer IPv4 header 20, ESP 8, IV 16, ICV 12; blocks of 16, the last two bytes of which are the trailer's.
FITS = {1400: 1400 - 20 - 8 - 16 - 12 - (1400 - 56) % 16 - 2, 1300: 1300 - 56 - (1300 - 56) % 16 - 2}
DF = 0x4000

topology = Topology(mtu=None)
gw, far = topology.gwA, topology.gwB
router = Netns("router")
gw.ip("link del wan0", "link add wan0 type veth peer name near netns router", "addr add 192.0.2.1/24 dev wan0",
      "link set wan0 up", "route add 198.51.100.0/24 via 192.0.2.254")
router.sysctl("net.ipv4.ip_forward", 1)
router.ip("addr add 192.0.2.254/24 dev near", "link set near up", "link add far type veth peer name wan0 netns gwB",
          "addr add 198.51.100.254/24 dev far", "link set far up mtu 1400")
far.ip("addr add 198.51.100.2/24 dev wan0", "link set wan0 up mtu 1400", "route add 192.0.2.0/24 via 198.51.100.254")

gateway, peer = Klips(gw, A, FAR, NET_A, NET_B), Xfrm(far, FAR, A, NET_B, NET_A)
pair = Sa(A, FAR, 0x1001, 0x1000, SUITE), Sa(FAR, A, 0x2001, 0x2000, SUITE)
gateway.start()
far.ip(f"route add {NET_A} via 198.51.100.254")
for end_ in (gateway, peer):
    end_.install(pair)

at_a, on_wire = Sniffer(topology.hostA, "lan0"), Sniffer(gw, "wan0")
from_a, from_router = Wire(topology.hostA), Wire(router)


def forget():
    """Forgets what was learned about paths, and who was told."""
    for ns in (gw, topology.hostA, topology.hostB):
        ns.ip("route flush cache")


def path_mtu():
    """What the gateway knows about the path to its peer; None: nothing."""
    found = re.search(r"mtu (?:lock )?(\d+)", gw.run("ip", "route", "get", FAR).out)
    return int(found.group(1)) if found else None


def datagram(size, fragment=DF):
    """A UDP packet of so many bytes from host A to host B."""
    return ipv4(HOST_A, HOST_B, 17, udp(1, 9, bytes(size - 28)), 64, 1, fragment)


def send(size, fragment=DF):
    """Sends such a packet, whatever host A has learned."""
    topology.hostA.ip("route flush cache")
    at_a.all()
    from_a.send_packet(datagram(size, fragment), HOST_B)


def told(size, fragment=DF):
    """The MTU that host A is told of when it sends so many bytes; None: nothing within a while."""
    send(size, fragment)
    answer = at_a.next(1, want=lambda p: p[9] == 1 and p[20:22] == b"\x03\x04")
    return struct.unpack_from("!H", answer, 26)[0] if answer else None


def outer():
    """Flags and offset of the ESP packets, and their fragments, that gateway A has sent since the last look."""
    return [struct.unpack_from("!H", p, 6)[0] for p in on_wire.all() if p[9] == 50 and socket.inet_ntoa(p[12:16]) == A]


with case("outer packets without DF (net.ipsec.df=0): the router fragments them, and nothing is learned"):
    on_wire.all()
    ping(topology.hostA, HOST_B, 1372 + 28)
    equal((outer()[:1], path_mtu()), ([0], None), "flags of the outer packet, MTU learned")

with case("net.ipsec.df=1 sets DF on all outer packets, 2 on those of packets that have it"):
    for value, flags in ((1, (DF, DF)), (2, (0, DF)), (0, (0, 0))):
        gw.sysctl("net.ipsec.df", value)
        for fragment, flag in zip((0, DF), flags):
            on_wire.all()
            send(500, fragment)
            # The packet is on the wire when this has got through.
            ping(topology.hostA, HOST_B, df=bool(fragment))
            equal(outer()[0], flag, f"df={value}, inner DF {bool(fragment)}")

for value in (1, 2):
    gw.sysctl("net.ipsec.df", value)
    with case(f"with DF the MTU of the path is learned, and its senders are told exactly what fits: df={value}"):
        forget()
        watch = Watch(gw)
        equal(told(1420), None, "told at the first packet, which the router drops")
        until(lambda: path_mtu() == 1400, "the gateway has learned")
        equal(watch.rose(), {}, "discarded packets")
        mtu = told(1420)
        check(mtu is not None and FITS[1400] - 16 < mtu <= FITS[1400], f"told {mtu}, and {FITS[1400]} fits")
        equal(watch.rose(), {"tx_frag_needed": 1}, "discarded packets")
        equal(told(mtu), None, "told about what fits")
        on_wire.all()
        send(FITS[1400])
        ping(topology.hostA, HOST_B)
        equal(outer()[0], DF, "the largest packet that fits goes in one piece")

    with case(f"TCP of both ends and large echo requests get through: df={value}"):
        forget()
        transfer(topology.hostA, topology.hostB, HOST_B)
        transfer(topology.hostB, topology.hostA, HOST_A)
        pinger = Pinger(topology.hostA)
        for size in (1300, 1400, 4000, 9000):
            pinger.ping(HOST_B, size)
        pinger.close()

with case("what has no DF goes in fragments without DF, of the size that the path carries, when that is known"):
    gw.sysctl("net.ipsec.df", 1)
    equal(path_mtu(), 1400, "MTU learned")
    topology.hostA.ip("route flush cache")
    on_wire.all()
    ping(topology.hostA, HOST_B, 1392)
    pieces = [p for p in on_wire.all() if p[9] == 50 and socket.inet_ntoa(p[12:16]) == A]
    equal([struct.unpack_from("!H", p, 6)[0] & DF for p in pieces], [0, 0], "DF of two fragments")
    check(max(map(len, pieces)) <= 1400, f"sizes {[len(p) for p in pieces]}")
    gw.sysctl("net.ipsec.df", 0)

with case("with net.ipsec.icmp=1 TCP is not sent twice: what does not fit is told and dropped, without loss"):
    gw.sysctl("net.ipsec.df", 0)
    gw.sysctl("net.ipsec.icmp", 1)
    topology.hostA.ip("route flush cache")
    equal(path_mtu(), 1400, "MTU learned")
    watch = Watch(gw)
    on_wire.all()
    transfer(topology.hostA, topology.hostB, HOST_B)
    check(watch.rose().get("tx_frag_needed", 0) >= 1, f"discarded packets: {watch.rose()}")
    equal([flags for flags in outer() if flags & 0x3fff], [], "fragments")
    equal(watch.rose().keys() - {"tx_frag_needed"}, set(), "other reasons")

with case("TCP whose sender never hears of it gets through all the same, in fragments"):
    topology.hostA.ip("route flush cache")
    topology.hostA.run("nft", "add table ip t; add chain ip t c { type filter hook input priority 0; }; "
                       "add rule ip t c icmp type destination-unreachable drop")
    transfer(topology.hostA, topology.hostB, HOST_B, 30_000, 20)
    topology.hostA.run("nft", "delete table ip t")

with case("a datagram is told and sent all the same, in fragments"):
    watch = Watch(gw)
    on_wire.all()
    check(told(1420) is not None, "nothing was told")
    equal((len(outer()), watch.rose()), (2, {}), "outer packets, discarded packets")
    gw.sysctl("net.ipsec.icmp", 0)


def forge(spi, mtu, src=A, dst=FAR, protocol=50):
    """A router's word that a packet was too big."""
    body = struct.pack("!II", spi, 1) if protocol == 50 else struct.pack("!II", 0x04040000, spi)
    quote = ipv4(src, dst, protocol, body + bytes(64), 63, 1, DF)[:28]
    error = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + quote
    from_router.send("192.0.2.254", A, 1, error[:2] + struct.pack("!H", checksum(error)) + error[4:])


with case("a router's word counts only about an SA that this host sends by"):
    forget()
    for args in ({"spi": 0x1002}, {"spi": 0x2001}, {"spi": 0x1001, "dst": "198.51.100.3"}, {"spi": 0x1001, "protocol": 51},
                 {"spi": 0x1001, "src": "192.0.2.77"}):
        forge(mtu=1300, **args)
    ping(topology.hostA, HOST_B)
    equal(path_mtu(), None, "MTU learned")
    forge(0x1001, 1300)
    until(lambda: path_mtu() == 1300, "the gateway has learned")

with case("however little a router claims, the path is taken to carry 552 bytes"):
    forge(0x1001, 68)
    until(lambda: path_mtu() == 552, "the gateway has learned")
    gw.sysctl("net.ipsec.df", 2)
    mtu = told(1000)
    check(mtu is not None and 480 <= mtu <= 552 - 58, f"told {mtu}")
    ping(topology.hostA, HOST_B, 100, df=True)
    gw.sysctl("net.ipsec.df", 0)

topology.delete()
router.delete()
end()
