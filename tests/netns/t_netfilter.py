# SPDX-License-Identifier: GPL-2.0-only
"""What netfilter sees of a tunnel: cleartext on ipsecN, ESP on the physical device, one connection; marks; and what of an
IPv4 header survives the tunnel."""

import re
import socket
import struct

from klipstest.counters import Watch
from klipstest.packet import Sniffer, Wire, ipv4, udp
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, Klips, Topology
from klipstest.traffic import no_ping, payload, ping, transfer

HOOKS = ("prerouting", "input", "forward", "output", "postrouting")

topology = Topology()
gw = topology.gwA
topology.tunnel(BY_NAME["aes128-gcm"], Klips, Klips)
gw.ip("route replace 10.2.0.0/24 dev ipsec0 src 10.1.0.1")


def nft(text):
    """Runs nft(8) on gateway A."""
    return gw.run("nft", "-f", "-", stdin=text)


def counted(what):
    """What each hook of gateway A counts while `what` runs: names of the rules, in each hook, that matched."""
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; {rules(hook)} }}\n" for hook in HOOKS)
    nft(f"table ip see {{ {chains} }}")
    what()
    listing = gw.run("nft", "list", "table", "ip", "see").out
    nft("delete table ip see")
    found, hook = {}, None
    for line in listing.splitlines():
        if (name := re.search(r"chain (\w+)", line)):
            hook = name.group(1)
        rule = re.search(r'packets (\d+).*comment "(\w+)"', line)
        if rule and int(rule.group(1)):
            found.setdefault(hook, {})[rule.group(2)] = int(rule.group(1))
    return found


def rules(hook):
    """Rules that tell cleartext from ESP, and the devices, by which it comes or goes."""
    keys = {"postrouting": {"out": "oifname"}}.get(hook, {"in": "iifname", "out": "oifname"})
    return "".join(
        f'{key} "{dev}" meta l4proto {proto} counter comment "{side}_{dev}_{proto}";'
        for side, key in keys.items() for dev in ("ipsec0", "wan0") for proto in ("icmp", "esp"))


with case("forwarded: cleartext passes ipsec0 in FORWARD and POSTROUTING, ESP wan0 in OUTPUT and POSTROUTING; and back"):
    seen = counted(lambda: ping(topology.hostA, HOST_B))
    equal(seen, {
        "prerouting": {"in_ipsec0_icmp": 1, "in_wan0_esp": 1},
        "input": {"in_wan0_esp": 1},
        "forward": {"in_ipsec0_icmp": 1, "out_ipsec0_icmp": 1},
        "output": {"out_wan0_esp": 1},
        "postrouting": {"out_ipsec0_icmp": 1, "out_wan0_esp": 1},
    }, "what matched")

with case("of the gateway itself: cleartext passes OUTPUT and INPUT with ipsec0"):
    seen = counted(lambda: ping(gw, HOST_B))
    equal(seen, {
        "prerouting": {"in_ipsec0_icmp": 1, "in_wan0_esp": 1},
        "input": {"in_ipsec0_icmp": 1, "in_wan0_esp": 1},
        "output": {"out_ipsec0_icmp": 1, "out_wan0_esp": 1},
        "postrouting": {"out_ipsec0_icmp": 1, "out_wan0_esp": 1},
    }, "what matched")

with case("a rule on ipsec0 filters what is inside, one on wan0 the tunnel; what is refused there is counted"):
    nft('table ip no { chain f { type filter hook forward priority 0; iifname "ipsec0" icmp type echo-reply drop; }; }')
    no_ping(topology.hostA, HOST_B)
    nft("delete table ip no")
    ping(topology.hostA, HOST_B)
    watch = Watch(gw)
    nft('table ip no { chain o { type filter hook output priority 0; oifname "wan0" meta l4proto esp drop; }; }')
    no_ping(topology.hostA, HOST_B)
    nft("delete table ip no")
    equal(watch.rose(), {"tx_refused": 1}, "discarded packets")

with case("conntrack has the flow inside once, and that of the tunnel"):
    nft("table ip track { chain f { type filter hook forward priority 0; ct state invalid counter drop; }; "
        "chain o { type filter hook output priority 0; ct state new accept; }; }")
    gw.run("conntrack", "-F")
    transfer(topology.hostA, topology.hostB, HOST_B)
    flows = gw.run("conntrack", "-L").out.splitlines()
    inner = [flow for flow in flows if HOST_A in flow]
    equal(len(inner), 1, f"flows of the hosts in {flows}")
    check("ASSURED" in inner[0], inner[0])
    outer = [flow for flow in flows if f"src={A} dst={B}" in flow and "unknown" in flow]
    check(len(outer) <= 1, f"flows of the tunnel: {outer}")
    nft("delete table ip track")

with case("masquerading what goes into the tunnel"):
    nft('table ip nat { chain p { type nat hook postrouting priority 100; oifname "ipsec0" snat to 10.1.0.1; }; }')
    at_b = Sniffer(topology.hostB, "lan0")
    ping(topology.hostA, HOST_B)
    packet = at_b.next(want=lambda packet: packet[9] == 1)
    equal(socket.inet_ntoa(packet[12:16]), "10.1.0.1", "the source that host B sees")
    transfer(topology.hostA, topology.hostB, HOST_B)
    nft("delete table ip nat")
    gw.run("conntrack", "-F")

with case("a mark from inside does not show outside; one that came on the tunnel's packet stays in the lower half"):
    nft('table ip m { chain f { type filter hook forward priority 0; oifname "ipsec0" meta mark set 0x77; }; '
        'chain o { type filter hook output priority 0; oifname "wan0" meta l4proto esp meta mark 0 counter comment "none"; '
        'oifname "wan0" meta l4proto esp meta mark != 0 counter comment "some"; }; '
        'chain r { type filter hook prerouting priority 0; iifname "wan0" meta l4proto esp meta mark set 0x1234; '
        'iifname "ipsec0" meta mark & 0x8000ffff == 0x80001234 counter comment "kept"; }; }')
    ping(topology.hostA, HOST_B)
    listing = gw.run("nft", "list", "table", "ip", "m").out
    nft("delete table ip m")
    equal({name: int(count) for count, name in re.findall(r'packets (\d+).*comment "(\w+)"', listing)},
          {"none": 1, "some": 0, "kept": 1}, "packets")

at_b, at_a = Sniffer(topology.hostB, "lan0"), Sniffer(topology.hostA, "lan0")
wire = Wire(topology.hostA)


def through(options, ttl=64, tos=0):
    """A UDP packet with options, as host B gets it."""
    at_b.all()
    plain = bytearray(ipv4(HOST_A, HOST_B, 17, options + udp(1, 9, b"options"), ttl))
    plain[0] = 0x45 + len(options) // 4
    plain[1] = tos
    wire.send_packet(bytes(plain), HOST_B)
    packet = at_b.next(want=lambda packet: packet[9] == 17)
    check(packet is not None, "nothing arrived")
    return packet


with case("TTL goes down by one at each gateway, as if the tunnel were a wire, and DSCP stays"):
    packet = through(b"", 64, 0xb8)
    equal((packet[8], packet[1]), (62, 0xb8), "TTL and TOS")

with case("IPv4 options go through the tunnel: no operation, record route, timestamps"):
    watch = Watch(gw)
    equal(through(b"\x01\x01\x01\x00")[20:24], b"\x01\x01\x01\x00", "options")
    packet = through(b"\x07\x0f\x04" + bytes(12) + b"\x00")
    equal((packet[20:22], packet[22]), (b"\x07\x0f", 12), "record route, with two places used")
    # The gateways' addresses for the routes that the packet left by.
    equal([socket.inet_ntoa(packet[at:at + 4]) for at in (23, 27)], ["10.1.0.1", "10.2.0.1"], "routers")
    packet = through(b"\x44\x0c\x05\x00" + bytes(8))
    equal((packet[20:22], packet[22]), (b"\x44\x0c", 13), "timestamps, with two places used")
    equal(watch.rose(), {}, "discarded packets")

with case("IPv4 options go through %pass"):
    gw.run("ipsec", "eroute", "--replace", "--eraf", "inet", "--src", "10.1.0.0/24", "--dst", "10.2.0.0/24", "--said", "%pass")
    gw.ip(f"route add 10.2.0.0/24 via {B} dev wan0 metric 9")
    topology.gwB.run("ipsec", "eroute", "--clear")
    packet = through(b"\x07\x0f\x04" + bytes(12) + b"\x00")
    equal((packet[20:22], packet[22]), (b"\x07\x0f", 12), "record route, with two places used")

topology.delete()
end()
