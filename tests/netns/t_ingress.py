# SPDX-License-Identifier: GPL-2.0-only
"""Cleartext from the wire: refused where an eroute says that it comes in a tunnel, and only there."""

import json
import socket
import struct

from klipstest.counters import Watch, device
from klipstest.packet import Sniffer, Wire, checksum, ipv4, udp
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Topology, renew
from klipstest.traffic import ping, reaches

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86dd
TUNNEL = f"tun0x1000@{B}"

topology = Topology()
suite = BY_NAME["aes128-sha1-96"]
gateway, peer, pair = topology.tunnel(suite)
gw = topology.gwA
at_a, at_gw = Sniffer(topology.hostA, "lan0"), Sniffer(gw, "lan0")


class Link:
    """Puts packets onto the wire from gateway B to gateway A, past routes and policies of B."""

    def __init__(self):
        told = json.loads(gw.run("ip", "-j", "link", "show", "wan0").out)[0]["address"]
        self._to = bytes.fromhex(told.replace(":", ""))
        with topology.gwB:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)

    def send(self, packet):
        """One packet, of IPv4 or IPv6."""
        kind = ETH_P_IP if packet[0] >> 4 == 4 else ETH_P_IPV6
        self._socket.sendto(packet, ("wan0", kind, 0, 0, self._to))


def eroute(action, src, dst, said=TUNNEL, *words):
    """Runs the tool."""
    gw.run("ipsec", "eroute", action, "--eraf", "inet6" if ":" in src else "inet", "--src", src, "--dst", dst,
           "--said", said, *words)


def only(*words):
    """Makes this the only eroute; the inbound policies of SAs stay."""
    gw.run("ipsec", "eroute", "--clear")
    eroute("--add", *words)


def refused(watch):
    """What has been discarded of what came in; what host A answers may be discarded too."""
    return {name: count for name, count in watch.rose().items() if name.startswith("rx_")}


wire = Link()
number = 0


def comes(src=HOST_B, dst=HOST_A, sport=7, dport=9, want=True, packet=None):
    """Gateway B sends UDP in clear; fails unless host A gets it, or, if not wanted, gateway A refuses and counts it."""
    global number
    number += 1
    mark = b"in clear %d" % number
    watch, counters = Watch(gw), Watch(gw, device)
    at_a.all()
    wire.send(packet(mark) if packet else ipv4(src, dst, 17, udp(sport, dport, mark)))
    if want:
        got = at_a.next(5, want=lambda packet: packet.endswith(mark))
        check(got is not None, f"host A did not get it; discarded: {refused(watch)}")
        equal(refused(watch), {}, "discarded packets")
    else:
        until(lambda: refused(watch), "it is counted", 5)
        equal(refused(watch), {"rx_plaintext": 1}, "discarded packets")
        equal(counters.rose(), {"rx_dropped": 1}, "counters of ipsec0")
        equal([packet for packet in at_a.all(0.1) if packet.endswith(mark)], [], "what host A got")


with case("in clear from the other network: refused, and counted"):
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    comes(want=False)

with case("to the gateway's own address in the network as well"):
    watch = Watch(gw)
    wire.send(ipv4(HOST_B, "10.1.0.1", 1, b"\x08\0\xf7\xff" + bytes(4)))
    until(lambda: refused(watch) == {"rx_plaintext": 1}, f"it is refused: {refused(watch)}", 5)


def with_options(mark):
    """UDP in IPv4 with a header of 24 bytes."""
    packet = bytearray(ipv4(HOST_B, HOST_A, 17, bytes(4) + udp(7, 9, mark)))
    packet[0], packet[20:24] = 0x46, b"\x01\x01\x01\0"
    packet[10:12] = b"\0\0"
    packet[10:12] = struct.pack("!H", checksum(bytes(packet[:24])))
    return bytes(packet)


with case("a fragment that is not the first, and a header with options: refused"):
    comes(want=False, packet=lambda mark: ipv4(HOST_B, HOST_A, 17, mark, fragment=100))
    comes(want=False, packet=with_options)

with case("IKE, NAT-T and ESP in clear to other machines than the gateway: refused"):
    comes(sport=500, dport=500, want=False)
    comes(sport=500, dport=9, want=False)
    comes(sport=4500, dport=4500, want=False)
    comes(sport=1234, dport=500, want=False)
    watch = Watch(gw)
    for proto in (50, 51):
        wire.send(ipv4(HOST_B, HOST_A, proto, struct.pack("!II", 0x4711, 1) + bytes(40)))
    until(lambda: refused(watch) == {"rx_plaintext": 2}, f"ESP and AH are refused: {refused(watch)}", 5)

with case("what no eroute covers comes through"):
    comes(src="10.9.0.1")
    ping(topology.gwB, A)

with case("net.ipsec.inbound_policy_check=0 lets everything through"):
    gw.sysctl("net.ipsec.inbound_policy_check", 0)
    comes()
    gw.sysctl("net.ipsec.inbound_policy_check", 1)
    comes(want=False)

with case("where the eroute is a shunt, cleartext is not refused"):
    for said in ("%pass", "%trap", "%drop", "%hold"):
        only(NET_A, NET_B, said)
        comes()

with case("a more specific %pass in front of a tunnel lets its part through, and no more"):
    only(NET_A, NET_B)
    eroute("--add", NET_A, "10.2.0.77/32", "%pass")
    comes(src="10.2.0.77")
    comes(want=False)

with case("an eroute for a protocol and a port protects the answers from that port"):
    only(NET_A, NET_B, TUNNEL, "--transport-proto", "17", "--dst-port", "4711")
    comes(sport=4711, dport=5, want=False)
    comes(sport=4712, dport=5)
    comes(sport=5, dport=4711)

with case("an eroute for a port of this side protects what goes to it"):
    only(NET_A, NET_B, TUNNEL, "--transport-proto", "17", "--src-port", "4711")
    comes(sport=5, dport=4711, want=False)
    comes(sport=4711, dport=5)

with case("between the gateways themselves: IKE, NAT-T and ESP come through, the rest is refused"):
    only(f"{A}/32", f"{B}/32")
    for port in (500, 4500):
        with gw:
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((A, port))
        listener.settimeout(5 * SLOWER)
        for sport in (port, 1234):
            wire.send(ipv4(B, A, 17, udp(sport, port, b"IKE %d" % sport)))
            equal(listener.recv(100), b"IKE %d" % sport, f"what came to port {port}")
        listener.close()
    watch = Watch(gw)
    wire.send(ipv4(B, A, 50, struct.pack("!II", 0x4711, 1) + bytes(40)))
    check(not reaches(topology.gwB, A), "an echo request in clear is answered")
    wire.send(ipv4(B, A, 17, udp(500, 9, b"from port 500, to another")))
    until(lambda: refused(watch) == {"rx_plaintext": 2}, f"two are refused: {refused(watch)}", 5)

with case("IPv6"):
    only("2001:db8:1::/64", "2001:db8:2::/64")
    gw.sysctl("net.ipv6.conf.wan0.disable_ipv6", 0)

    def six(src, mark):
        """A UDP packet of IPv6 to host A's network."""
        body = udp(7, 9, mark)
        ends = b"".join(socket.inet_pton(socket.AF_INET6, host) for host in (src, "2001:db8:1::2"))
        return struct.pack("!IHBB", 6 << 28, len(body), 17, 64) + ends + body

    comes(want=False, packet=lambda mark: six("2001:db8:2::2", mark))
    watch = Watch(gw)
    wire.send(six("2001:db8:3::2", b"not covered"))
    comes(src="10.2.0.77")
    equal(refused(watch), {}, "discarded packets")

with case("a device that nothing is attached to is not looked at"):
    only(NET_A, NET_B)
    watch = Watch(gw)
    wire_a = Wire(topology.hostA)
    # From inside, with a source of the other side.
    wire_a.send(HOST_B, "10.1.0.1", 17, udp(7, 9, b"from inside"))
    equal(at_gw.next(5, want=lambda packet: packet.endswith(b"from inside")) is not None, True, "it came")
    equal(refused(watch), {}, "discarded packets")

with case("what came in a tunnel of KLIPS is not refused"):
    pair = renew(suite, gateway, peer)
    watch = Watch(gw)
    ping(topology.hostB, HOST_A)
    ping(topology.hostA, HOST_B)
    equal(refused(watch), {}, "discarded packets")

with case("what XFRM has decrypted is not refused"):
    inward = gateway.order(pair)[1]
    gw.run("ipsec", "spi", "--del", "--said", f"tun{inward.tun:#x}@{inward.dst}")
    template = "proto esp reqid 1 mode tunnel"
    gw.ip(f"xfrm state add src {B} dst {A} proto esp spi {inward.spi:#x} reqid 1 mode tunnel replay-window 32 "
          f"{suite.xfrm(inward.keys)}",
          *(f"xfrm policy add src {NET_B} dst {NET_A} dir {way} tmpl src {B} dst {A} {template}" for way in ("in", "fwd")))
    watch = Watch(gw)
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    equal(refused(watch), {}, "discarded packets")

with case("detached, nothing is looked at"):
    gw.ip("xfrm state flush", "xfrm policy flush")
    comes(want=False)
    gw.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    comes()

topology.delete()
end()
