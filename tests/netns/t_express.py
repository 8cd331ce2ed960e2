# SPDX-License-Identifier: GPL-2.0-only
"""Short ways: what was found out for a flow's last packet is not used for the next one once it does not hold any more."""

import json
import socket
import struct
import time

from klipstest.counters import Watch, drops
from klipstest.packet import Sniffer, Wire, ipv4, udp
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, after, case, check, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Klips, Sa, Topology

SUITE = BY_NAME["aes128-gcm"]
TUNNEL = f"tun0x1000@{B}"
NOBODY = A.rsplit(".", 1)[0] + ".77"

topology = Topology()
gateway, far, pair = topology.tunnel(SUITE, Klips, Klips)
gw, peer = topology.gwA, topology.gwB
on_wire, at_b = Sniffer(peer, "wan0"), Sniffer(topology.hostB, "lan0")
from_a = Wire(topology.hostA)


def send(count=1, tos=0, fragment=0, size=64, ttl=64, sport=9):
    """UDP packets of one flow from host A to host B; what arrives there."""
    on_wire.all(), at_b.all()
    for ident in range(1, count + 1):
        packet = bytearray(ipv4(HOST_A, HOST_B, 17, udp(sport, 9, bytes(size - 28)), ttl, ident, fragment))
        packet[1] = tos
        from_a.send_packet(bytes(packet), HOST_B)
    return arrived(count)


def arrived(count, seconds=2):
    """Packets of such flows that reach host B, as many as were sent or what came within the time."""
    deadline, got = after(seconds), []
    while len(got) < count and time.monotonic() < deadline:
        got += [p for p in at_b.all() if p[9] == 17]
        time.sleep(0.01)
    return got


def esp():
    """Outer headers of the ESP packets that gateway A sent since the last look."""
    return [p for p in on_wire.all() if p[9] == 50 and p[12:16] == socket.inet_aton(A)]


def warm():
    """Has the flow take the short way, at both ends: the first packets take the long one."""
    equal(len(send(4)), 4, "packets that arrive")
    esp()


def eroute(action, *words):
    gw.run("ipsec", "eroute", action, "--eraf", "inet", "--src", NET_A, "--dst", NET_B, *words)


def lost(reason, ns=gw):
    """Sends one packet; it must be discarded for the reason, and not leave in clear."""
    watch = Watch(ns)
    equal(send(), [], "packets that arrive")
    until(lambda: watch.rose() == {reason: 1}, f"discarded as {reason}, not {watch.rose()}")
    check(not [p for p in on_wire.all() if p[9] == 17], "nothing leaves in clear")


with case("packets of a flow keep their order, and their outer headers differ in what must differ"):
    got = send(200)
    equal([struct.unpack_from("!H", p, 4)[0] for p in got], list(range(1, 201)), "identifications of what arrives")
    outer = esp()
    equal(len({p[4:6] for p in outer}), len(outer), "outer identifications")
    numbers = [struct.unpack_from("!I", p, 24)[0] for p in outer]
    equal(numbers, sorted(set(numbers)), "sequence numbers")
    equal(len({p[28:36] for p in outer}), len(outer), "IVs")

with case("an eroute that is replaced counts for the next packet, and so does one that is more specific"):
    warm()
    eroute("--replace", "--said", "%drop")
    lost("tx_policy_drop")
    eroute("--replace", "--said", TUNNEL)
    warm()
    gw.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", f"{HOST_A}/32", "--dst", f"{HOST_B}/32", "--said", "%drop")
    lost("tx_policy_drop")
    gw.run("ipsec", "eroute", "--del", "--eraf", "inet", "--src", f"{HOST_A}/32", "--dst", f"{HOST_B}/32")
    warm()
    eroute("--del")
    lost("tx_no_eroute")
    eroute("--add", "--said", TUNNEL)
    warm()

with case("an SA that is removed is not used again, nor one whose group was dissolved"):
    gw.run("ipsec", "spi", "--del", "--said", TUNNEL)
    lost("tx_no_sa")
    for end_ in (gateway, far):
        end_.clear()
        end_.install(pair)
    warm()
    # What is left of the group then is the tunnel, by itself.
    gw.run("ipsec", "spigrp", "--said", TUNNEL)
    equal(send(), [], "packets that arrive")
    equal([p[9] for p in on_wire.all() if p[12:16] == socket.inet_aton(A)], [4], "protocols on the wire")
    for end_ in (gateway, far):
        end_.clear()
        end_.install(pair)
    warm()

with case("the outer header follows the packet and the switches: type of service, ECN, DF"):
    warm()
    equal([p[1] for p in send(tos=0xb9) and esp()], [0xb9], "type of service outside")
    equal([p[1] for p in send(tos=0xba) and esp()], [0xba], "another ECN of the same flow")
    gw.sysctl("net.ipsec.tos", 1)
    equal([p[1] for p in send(tos=0xb9) and esp()], [0], "type of service outside when it is hidden")
    gw.sysctl("net.ipsec.tos", 0)
    for switch, inner, wanted in ((2, 0x4000, 0x4000), (2, 0, 0), (1, 0, 0x4000), (0, 0x4000, 0)):
        gw.sysctl("net.ipsec.df", switch)
        flags = [struct.unpack_from("!H", p, 6)[0] for p in send(fragment=inner) and esp()]
        equal(flags, [wanted], f"DF outside with df={switch} and {inner:#x} inside")

with case("congestion that was met outside shows inside, and what cannot say so is dropped"):
    warm()
    peer.run("tc", "qdisc", "add", "dev", "wan0", "clsact")
    peer.run("tc", "filter", "add", "dev", "wan0", "ingress", "protocol", "ip", "matchall", "action", "pedit", "ex",
             "munge", "ip", "tos", "set", "0x03", "retain", "0x03", "pipe", "csum", "ip")
    equal([p[1] & 3 for p in send(tos=2)], [3], "ECN inside")
    lost("rx_congestion", peer)
    peer.run("tc", "qdisc", "del", "dev", "wan0", "clsact")
    warm()

with case("fragments, options and packets without a hop take the long way"):
    watch = Watch(gw)
    first = ipv4(HOST_A, HOST_B, 17, udp(9, 9, bytes(40))[:32], 64, 77, 0x2000)
    rest = ipv4(HOST_A, HOST_B, 17, bytes(16), 64, 77, 4)
    at_b.all()
    for piece in (first, rest):
        from_a.send_packet(piece, HOST_B)
    equal(len(arrived(2)), 2, "fragments that arrive")
    equal(watch.rose(), {}, "nothing is discarded")

with case("what is too long for the path is fragmented, with the flow's short packets on the short way"):
    warm()
    gw.ip("link set wan0 mtu 1000")
    equal(len(send(size=1300)), 1, "the packet arrives")
    check(len(esp()) == 2, "in two fragments")
    equal(len(send()), 1, "and a short one")
    gw.ip("link set wan0 mtu 1500")
    equal(len(send(size=1300)), 1, "the packet arrives")
    equal(len(esp()), 1, "ESP packets when the MTU is back")

with case("packets of a flow that come the short way and the long one, in fragments, keep their order"):
    gw.ip("link set wan0 mtu 1000")
    warm()
    for ident in range(1, 41):
        size = 1300 if ident % 3 == 0 else 64
        from_a.send_packet(ipv4(HOST_A, HOST_B, 17, udp(9, 9, bytes(size - 28)), 64, ident), HOST_B)
    equal([struct.unpack_from("!H", p, 4)[0] for p in arrived(40)], list(range(1, 41)), "what arrives, in order")
    check(any(struct.unpack_from("!H", p, 6)[0] & 0x2000 for p in esp()), "fragments outside")
    gw.ip("link set wan0 mtu 1500")

with case("netfilter sees the outer packets of a flow from the moment on that a rule is there"):
    warm()
    gw.run("nft", "add table ip see; add chain ip see out { type filter hook output priority 0; }; "
           "add rule ip see out ip protocol esp drop")
    lost("tx_refused")
    gw.run("nft", "delete table ip see")
    warm()
    gw.run("nft", "add table ip see; add chain ip see post { type filter hook postrouting priority 0; }; "
           "add rule ip see post ip protocol esp drop")
    watch = Watch(gw)
    equal(send(), [], "packets that arrive")
    equal(watch.rose().get("tx_refused"), 1, "refused packets")
    gw.run("nft", "delete table ip see")
    warm()
    for hook in ("prerouting", "input"):
        peer.run("nft", f"add table ip see; add chain ip see in {{ type filter hook {hook} priority 0; }}; "
                 "add rule ip see in ip protocol esp drop")
        equal(send(), [], f"packets that arrive past a rule at {hook}")
        peer.run("nft", "delete table ip see")
        warm()
    peer.run("nft", 'add table netdev see; add chain netdev see in { type filter hook ingress device "wan0" priority 0; }; '
             "add rule netdev see in ip protocol esp drop")
    equal(send(), [], "packets that arrive past a rule at the device")
    peer.run("nft", "delete table netdev see")
    warm()

with case("raw sockets for ESP, and packet sockets for IPv4, get their copies"):
    for kind in ((socket.AF_INET, socket.SOCK_RAW, 50), (socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))):
        with peer:
            tap = socket.socket(*kind)
        tap.settimeout(5 * SLOWER)
        equal(len(send()), 1, "the packet arrives")
        until(lambda: tap.recv(2000)[9] == 50, "and the socket has a copy of the outer one")
        tap.close()
        warm()

with case("routes count as they are: one that goes, another way, and an address that goes from the far end"):
    warm()
    gw.ip(f"route add {B}/32 via {NOBODY} dev wan0")
    equal(send(), [], "packets that arrive by a gateway that is not there")
    gw.ip(f"route del {B}/32 via {NOBODY} dev wan0")
    warm()
    peer.ip(f"addr del {B}/32 dev ipsec0", f"addr del {B}/24 dev wan0")
    equal(send(), [], "packets that arrive at a host that they are not for")
    peer.ip(f"addr add {B}/24 dev wan0", f"addr add {B}/32 dev ipsec0")
    until(lambda: len(send()) == 1, "packets arrive again")
    warm()

with case("a packet with a wrong header checksum, or for another MAC address, is not taken off the device"):
    warm()
    watch = Watch(peer)
    send()
    sample = esp()[-1]
    with gw:
        link = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    told = json.loads(peer.run("ip", "-j", "link", "show", "wan0").out)[0]["address"]
    mac = bytes.fromhex(told.replace(":", ""))
    for header, to in ((sample[:10] + b"\xff\xff" + sample[12:], mac), (sample, bytes([2, 0, 0, 0, 0, 99]))):
        at_b.all()
        link.sendto(header, ("wan0", 0x0800, 0, 0, to))
        time.sleep(0.2 * SLOWER)
    equal(watch.rose(), {}, "what ours counts: it saw neither")
    link.sendto(sample, ("wan0", 0x0800, 0, 0, mac))
    until(lambda: watch.rose() == {"rx_replayed": 1}, "and this one it did")
    link.close()

with case("a device that is down receives nothing"):
    warm()
    watch = Watch(peer)
    peer.ip("link set ipsec0 down")
    equal(send(), [], "packets that arrive")
    equal(watch.rose(), {"rx_device_down": 1}, "discarded packets")
    peer.ip("link set ipsec0 up")
    equal(len(send()), 1, "packets that arrive when it is up again")

with case("after all that, keys and SAs go when they are removed: nothing remembers them"):
    warm()
    for end_ in (gateway, far):
        end_.clear()
    gw.run("ipsec", "eroute", "--clear")
    check(not gw.read("/proc/net/ipsec_spi").strip(), "no SAs")

end()
