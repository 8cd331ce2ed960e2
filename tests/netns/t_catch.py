# SPDX-License-Identifier: GPL-2.0-only
"""An ipsecN device that catches: no route leads to it, and what a policy is for goes through it all the same."""

import contextlib
import json
import re
import socket
import struct

from klipstest import cells, pfkey
from klipstest.counters import Watch, device
from klipstest.echo import Echo, noise
from klipstest.matrix import KLIPS, OUTER, XFRM, Pair, ends
from klipstest.netns import run, stop
from klipstest.packet import Sniffer, Wire, ipv4, udp
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, contains, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Catching, Topology, Xfrm, sa_pair
from klipstest.traffic import ping, reaches, transfer

TABLE = "/proc/net/ipsec_tncfg"
HOP_BY_HOP, ICMP, TCP, UDP, FRAGMENT, ESP, AH, COMP = 0, 1, 6, 17, 44, 50, 51, 108
SUITE = BY_NAME["aes128-sha1-96"]
TUNNEL = f"tun0x1000@{B}"

topology = Topology(mtu=None)
gw, peer = topology.gwA, topology.gwB
gateway, far, pair = topology.tunnel(SUITE, Catching, Xfrm)
gw.ip("route replace 10.2.0.0/24 via 192.0.2.2 src 10.1.0.1")
at_a, at_ipsec, on_wire, at_b = (Sniffer(*place) for place in (
    (topology.hostA, "lan0"), (gw, "ipsec0"), (gw, "wan0"), (topology.hostB, "lan0")))


def eroute(action, src, dst, said=None, *words):
    """Runs the tool."""
    gw.run("ipsec", "eroute", action, "--eraf", "inet6" if ":" in src else "inet", "--src", src, "--dst", dst, *words,
           *(["--said", said] if said else []))


def only(said, src=NET_A, dst=NET_B):
    """Makes this the only eroute."""
    gw.run("ipsec", "eroute", "--clear")
    eroute("--add", src, dst, said)


def forget():
    """Forgets what was seen, and what was learned about paths."""
    for sniffer in (at_a, at_ipsec, on_wire, at_b):
        # It says once that its device went down.
        with contextlib.suppress(OSError):
            sniffer.all()
    for ns in (gw, topology.hostA, topology.hostB):
        ns.ip("route flush cache")


def wired():
    """How many packets of each protocol have passed the wire."""
    count = {}
    for packet in on_wire.all():
        count[packet[9]] = count.get(packet[9], 0) + 1
    return count


def only_esp(what):
    """Fails unless ESP has passed the wire, and nothing else."""
    seen = wired()
    check(seen.get(ESP, 0) > 0 and set(seen) == {ESP}, f"{what}: packets on the wire by protocol: {seen}")


def row():
    """The line of ipsec0."""
    return gw.read(TABLE).splitlines()[0]


def link():
    """What ip(8) knows of ipsec0 itself."""
    return json.loads(gw.run("ip", "-d", "-j", "link", "show", "ipsec0").out)[0]["linkinfo"]["info_data"]


with case("the listings show it"):
    equal(row(), "ipsec0 -> wan0 mtu=16260(1500) -> 1500 catch", TABLE)
    contains(gw.run("ipsec", "tncfg").out, "1500 catch\nipsec1 -> NULL mtu=0(0) -> 0\n", "ipsec tncfg")
    equal([dev["catch"] for dev in json.loads(gw.run("ipsec", "tncfg", "--json").out)], [True, False], "JSON")
    equal(link(), {"dev": "wan0", "catch": True, "number": 0, "physical_mtu": 1500}, "ip -d -j link")
    contains(gw.run("ip", "-d", "link", "show", "ipsec0").out, "klips dev wan0 catch number 0", "ip -d link")

with case("no route leads to ipsec0; what goes from network to network is ESP on the wire"):
    equal(gw.run("ip", "route", "show", "dev", "ipsec0").out, "", "routes by ipsec0")
    forget()
    before = device(gw)
    drops = Watch(gw)
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    only_esp("echo")
    equal([packet[9] for packet in at_ipsec.all()], [ICMP] * 4, "what passed ipsec0")
    after = device(gw)
    equal((after["tx_packets"] - before["tx_packets"], after["rx_packets"] - before["rx_packets"]), (2, 2), "counters")
    equal(drops.rose(), {}, "discarded packets")

with case("and what the gateway itself sends there"):
    forget()
    gw.run("ping", "-c", "1", "-W", "5", HOST_B)
    transfer(gw, topology.hostB, HOST_B, 300_000)
    transfer(topology.hostB, gw, "10.1.0.1", 300_000)
    only_esp("echo and TCP")

with case("TCP through it, both ways; senders learn what fits"):
    gw.sysctl("net.ipsec.icmp", 1)
    forget()
    drops = Watch(gw)
    transfer(topology.hostA, topology.hostB, HOST_B, 300_000)
    transfer(topology.hostB, topology.hostA, HOST_A, 300_000)
    seen = on_wire.all()
    check(all(packet[9] == ESP and len(packet) <= 1500 for packet in seen), "a packet that is not ESP, or too long")
    learned = re.search(r"mtu (\d+)", topology.hostA.run("ip", "route", "get", HOST_B).out)
    check(learned and 1400 < int(learned.group(1)) < 1450, f"host A has not learned the MTU: {learned}")
    equal({name for name in drops.rose() if name != "tx_frag_needed"}, set(), "discarded packets")

with case("large packets of TCP (TSO of the host, GRO and TSO of the gateway) go in whole, and leave as segments"):
    topology.hostA.run("ethtool", "-K", "lan0", "tso", "on", "gso", "on", "tx", "on")
    gw.run("ethtool", "-K", "lan0", "gro", "on")
    at_lan = Sniffer(gw, "lan0")
    for source in (topology.hostA, gw):
        forget()
        transfer(source, topology.hostB, HOST_B, 500_000)
        check(max(len(packet) for packet in at_ipsec.all() if packet[9] == TCP) > 1500, "no more than a segment in ipsec0")
        seen = on_wire.all()
        check(seen and all(packet[9] == ESP and len(packet) <= 1500 for packet in seen), "not ESP alone, or too long")
    check(max(len(packet) for packet in at_lan.all() if packet[9] == TCP) > 1500, "host A has sent no large packet")
    gw.run("ethtool", "-K", "lan0", "gro", "off")

with case("packets longer than the MTU of ipsec0 are fragmented for it; long ones and fragments of hosts go through"):
    for source, size in ((gw, 40_000), (gw, 65_507), (topology.hostA, 40_000), (topology.hostA, 2000)):
        forget()
        drops = Watch(gw)
        source.run("ping", "-c", "1", "-W", "10", "-s", size, "-M", "dont", HOST_B)
        sizes = [len(packet) for packet in at_ipsec.all() if packet[12:16] != socket.inet_aton(HOST_B)]
        check(max(sizes) <= 16260 and sum(sizes) > size, f"{source.name}, {size} bytes: what ipsec0 got: {sizes}")
        equal(source is gw, max(sizes) > 1500, f"{source.name}, {size} bytes: more than 1500 at once")
        only_esp(f"{source.name}, {size} bytes")
        equal(drops.rose(), {}, "discarded packets")

with case("a smaller MTU of ipsec0 is that of its packets, as if they were routed to it"):
    gw.ip("link set ipsec0 mtu 1200")
    forget()
    gw.run("ping", "-c", "1", "-W", "10", "-s", "3000", "-M", "dont", HOST_B)
    check(max(len(packet) for packet in at_ipsec.all() if packet[12:16] != socket.inet_aton(HOST_B)) <= 1200, "too long")
    Wire(topology.hostA).send_packet(ipv4(HOST_A, HOST_B, UDP, udp(1, 9, bytes(1300)), 64, 1, 0x4000), HOST_B)
    told = at_a.next(5, want=lambda packet: packet[9] == ICMP and packet[20:22] == b"\x03\x04")
    equal(told and struct.unpack_from("!H", told, 26)[0], 1200, "the MTU that host A is told")
    transfer(topology.hostA, topology.hostB, HOST_B, 100_000)
    gw.ip("link set ipsec0 mtu 16260")

with case("what no eroute is for leaves in clear, and so does IKE of the gateway itself"):
    forget()
    drops = Watch(gw)
    ping(gw, B)
    ping(topology.hostA, "10.1.0.1")
    gw.run("ping", "-c", "1", "-W", "5", "-I", A, B)
    seen = wired()
    equal(set(seen), {ICMP}, "on the wire")
    eroute("--add", f"{A}/32", f"{B}/32", "%drop")
    check(not reaches(gw, B), "what %drop is for has left")
    with gw:
        ike = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ike.bind((A, 500))
    ike.sendto(b"IKE", (B, 500))
    got = on_wire.next(5, want=lambda packet: packet[9] == UDP)
    check(got and got.endswith(b"IKE"), "IKE has not left")
    ike.close()
    eroute("--del", f"{A}/32", f"{B}/32")
    equal(drops.rose(), {"tx_policy_drop": 1}, "discarded packets")

with case("packets of exempted sockets leave in clear"):
    eroute("--add", f"{A}/32", f"{B}/32", "%drop")
    run("modprobe", "xfrm_user")
    with gw:
        exempt = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    exempt.setsockopt(socket.IPPROTO_IP, 16, struct.pack("=HHHBBII", 2, 12, 4, 2, 0, 0, 0))
    exempt.sendto(b"exempt", (B, 9))
    got = on_wire.next(5, want=lambda packet: packet[9] == UDP)
    check(got and got.endswith(b"exempt"), "it has not left")
    exempt.close()
    eroute("--del", f"{A}/32", f"{B}/32")

with case("%drop, %reject and %pass"):
    forget()
    drops = Watch(gw)
    only("%drop")
    check(not reaches(topology.hostA, HOST_B), "%drop lets it through")
    equal(drops.rose(), {"tx_policy_drop": 1}, "discarded packets")
    only("%reject")
    at_a.all()
    check(not reaches(topology.hostA, HOST_B), "%reject lets it through")
    answer = at_a.next(5, want=lambda packet: packet[9] == ICMP and packet[20:22] == b"\x03\x0d")
    check(answer is not None, "host A is not told of %reject")
    forget()
    only("%pass")
    check(not reaches(topology.hostA, HOST_B), "gateway B takes cleartext")
    equal((wired(), at_ipsec.all()), ({ICMP: 1}, []), "what passed the wire and ipsec0 under %pass")
    contains(gw.read("/proc/net/ipsec_eroute"), "1          10.1.0.0/24", "the eroute's count")
    only(TUNNEL)
    ping(topology.hostA, HOST_B)

with case("%trap: key daemons are asked, and what waited goes out protected when there is an eroute"):
    daemon = pfkey.PfKey(gw)
    equal(daemon.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno of REGISTER")
    gw.run("ipsec", "eroute", "--clear")
    eroute("--add", NET_A, NET_B, "%trap")
    forget()
    hold = f"{HOST_A}/32", f"{HOST_B}/32"
    check(not reaches(topology.hostA, HOST_B), "%trap lets it through")
    until(lambda: "%hold" in gw.read("/proc/net/ipsec_eroute"), "there is a hold")
    equal(wired(), {}, "what passed the wire")
    eroute("--replace", *hold, TUNNEL)
    check(at_b.next(5, want=lambda packet: packet[9] == ICMP) is not None, "what waited does not come")
    only_esp("what waited")
    daemon.close()
    only(TUNNEL)
    ping(topology.hostA, HOST_B)

with case("nothing leaves in clear while an eroute is replaced"):
    forget()
    flood = topology.hostA.start("ping", "-f", HOST_B)
    for said in ("%drop", TUNNEL, "%trap", TUNNEL) * 4:
        eroute("--replace", NET_A, NET_B, said)
    stop(flood)
    only_esp("under a flood")

with case("nocatch: what is routed to the physical device leaves in clear; catch: it is caught again"):
    gw.ip("link set ipsec0 type klips nocatch")
    equal(row(), "ipsec0 -> wan0 mtu=16260(1500) -> 1500", TABLE)
    forget()
    check(not reaches(topology.hostA, HOST_B), "gateway B takes cleartext")
    equal(wired(), {ICMP: 1}, "on the wire")
    gw.ip("link set ipsec0 type klips catch")
    ping(topology.hostA, HOST_B)
    only_esp("caught again")

with case("while ipsec0 is down, what a policy is for is discarded, and counted; the rest leaves"):
    gw.ip("link set ipsec0 down")
    forget()
    drops = Watch(gw)
    check(not reaches(topology.hostA, HOST_B), "it goes through a device that is down")
    equal((wired(), drops.rose()), ({}, {"tx_device_down": 1}), "on the wire, discarded")
    ping(gw, B)
    gw.ip("link set ipsec0 up")
    ping(topology.hostA, HOST_B)

with case("SNAT comes first: what is masqueraded is looked up as it then is; connections are known"):
    table = "table ip no { chain p { type nat hook postrouting priority 100; %s masquerade; }; " \
            "chain f { type filter hook forward priority 0; policy drop; " \
            "iifname lan0 accept; ct state established accept; }; }"
    for rule, esp in (('oifname "wan0" ip daddr != 10.2.0.0/24', True), ('oifname "wan0"', False)):
        gw.run("nft", "-f", "-", stdin=table % rule)
        forget()
        ping(topology.hostA, HOST_B)
        equal(ESP in wired(), esp, f"ESP on the wire, with {rule}")
        gw.run("nft", "delete", "table", "ip", "no")

with case("policies of the Linux dialect: protected, let through, discarded; the rest leaves in clear"):
    for side in (gateway, far):
        side.clear()
    pair = sa_pair(SUITE, 0x5000)
    far.install(pair)
    sas = "".join(f"add {sa.src} {sa.dst} esp {sa.spi:#x} -m tunnel -E aes-cbc 0x{sa.keys[0].hex()} "
                  f"-A hmac-sha1 0x{sa.keys[1].hex()};\n" for sa in pair)
    inward = f"spdadd {NET_B} {NET_A} any -P in ipsec esp/tunnel/{B}-{A}/require;\n"

    def policies(text):
        """Makes these the policies out."""
        gw.run("ipsec", "setkey", "-c", stdin=f"spdflush;\n{inward}{text}")

    gw.run("ipsec", "setkey", "-c", stdin=sas)
    policies(f"spdadd {NET_A} {NET_B} any -P out ipsec esp/tunnel/{A}-{B}/require;")
    forget()
    drops = Watch(gw)
    ping(topology.hostA, HOST_B)
    transfer(gw, topology.hostB, HOST_B, 100_000)
    transfer(topology.hostB, topology.hostA, HOST_A, 100_000)
    only_esp("a policy")
    ping(gw, B)
    equal(wired(), {ICMP: 2}, "on the wire, without a policy")
    policies(f"spdadd {NET_A} {NET_B} icmp -P out none; spdadd {NET_A} {NET_B} udp -P out discard;")
    check(not reaches(topology.hostA, HOST_B), "gateway B takes cleartext")
    equal(wired(), {ICMP: 1}, "on the wire, with the policy none")
    Wire(topology.hostA).send(HOST_A, HOST_B, UDP, udp(1, 9, b"discarded"))
    until(lambda: "tx_policy_discard" in drops.rose(), "it is discarded")
    equal(wired(), {}, "on the wire, with the policy discard")
    gw.run("ipsec", "setkey", "-c", stdin="spdflush; flush;")
    far.clear()
    pair = sa_pair(SUITE)
    for side in (gateway, far):
        side.install(pair)

with case("detached, attached without --catch: not caught; what must not be is refused"):
    gw.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    equal(row(), "ipsec0 -> NULL mtu=16260(0) -> 0", TABLE)
    for words in (["catch"], ["nodev", "catch"]):
        result = gw.run("ip", "link", "set", "ipsec0", "type", "klips", *words, ok=False)
        contains(result.err, "nothing to catch", f"type klips {' '.join(words)}")
    result = gw.run("ip", "link", "add", "ipsec7", "type", "klips", "catch", ok=False)
    contains(result.err, "nothing to catch", "added with catch")
    result = gw.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0", "--catch", ok=False)
    contains(result.err, "'--catch' goes with '--attach'.", "ipsec tncfg --detach --catch")
    gw.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
    forget()
    check(not reaches(topology.hostA, HOST_B), "gateway B takes cleartext")
    equal(wired(), {ICMP: 1}, "on the wire")

with case("by ip: made to catch, attached elsewhere, renamed, gone and come back"):
    gw.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    gw.ip("link add wire8 type dummy", "link add wire9 type dummy", "link add ipsec7 type klips dev wire8 catch")
    line = lambda: gw.read(TABLE).splitlines()[-1]
    contains(line(), "ipsec7 -> wire8 mtu=16260(1500) -> 1500 catch", TABLE)
    gw.ip("link set ipsec7 type klips dev wire9")
    contains(line(), "ipsec7 -> wire9 mtu=16260(1500) -> 1500 catch", TABLE)
    gw.ip("link set wire9 name wire7", "link del wire7")
    contains(line(), "ipsec7 -> NULL mtu=16260(0) -> 0 catch", TABLE)
    gw.ip("link add wire7 type dummy", "link set wire7 up")
    contains(line(), "ipsec7 -> wire7 mtu=16260(1500) -> 1500 catch", TABLE)
    gw.ip("link set ipsec7 type klips dev wire8 nocatch")
    equal(line(), "ipsec7 -> wire8 mtu=16260(1500) -> 1500", TABLE)
    gw.ip("link del ipsec7", "link del wire7", "link del wire8")
    gw.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0", "--catch")
    ping(topology.hostA, HOST_B)

topology.delete()


class Seen:
    """All that passes a device: the packets of both families."""

    def __init__(self, ns, name):
        with ns:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind((name, 3))
        self._socket.setblocking(False)

    def protocols(self):
        """The protocols of what has passed since the last look, as the outer header tells them; no neighbour discovery."""
        found = set()
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, place = self._socket.recvfrom(65535)
                if place[1] == 0x0800 and packet[6:8] in (b"\0\0", b"\x40\0"):
                    found.add(packet[9])
                elif place[1] == 0x86dd and not (packet[6] == 58 and packet[7] == 255):
                    found.add(packet[6])
        return found


def selected():
    """One cell of each bundle, mode and pair of families, and those in UDP."""
    found = {}
    for cell in cells.complete():
        if not cell.esn and cell.bundle in ("ESP", "AH", "IPComp+ESP"):
            found.setdefault((cell.bundle, cell.column), cell)
    return [cell for cell in found.values() if cell.bundle != "IPComp+ESP" or cell.mode == "transport"]


with case("gateways side by side, without routes to ipsec0"):
    sides = Pair(catching=True)
    sides.start_klips(sides.a, 0)
    sides.open_udp()
    wire, drops = Seen(sides.a, "wan0"), Watch(sides.a)

for cell in selected():
    # With KLIPS at the other end, where XFRM cannot be.
    if cell.beyond_xfrm:
        continue
    with case(f"{cell}: once, and not again"):
        sides.install(cell, XFRM)
        wire.protocols()
        echo = Echo(sides.a, cell.inner, *ends(cell), cell.number)
        for size in (56, 1400, 5000):
            echo.ask(noise(size))
        echo.close()
        transfer(sides.a, sides.b, ends(cell)[1], 30_000, family=cell.inner)
        outside = UDP if cell.udp else AH if cell.bundle == "AH" else ESP
        # Multicast listeners report of themselves when they like (RFC 3810 5.2.14), behind hop-by-hop options.
        seen = wire.protocols() - {FRAGMENT, HOP_BY_HOP}
        equal(seen, {outside}, "protocols on the wire")
        equal({name for name in drops.rose() if name not in ("tx_frag_needed", "rx_replayed", "tx_no_eroute")}, set(),
              "discarded packets")

with case("IPComp alone, for the two hosts themselves: packets are compressed once"):
    sides.b.ip("xfrm state flush", "xfrm policy flush")
    key = pfkey.PfKey(sides.a)
    selector = pfkey.flow(A, "255.255.255.255", B, "255.255.255.255")
    for message in (pfkey.clear_flows(), pfkey.message(pfkey.FLUSH, 0),
                    pfkey.add(pfkey.COMP, B, 0x1234, src=A, encrypt=2),
                    pfkey.addflow(selector, B, 0x1234, pfkey.COMP, 0, src=A)):
        equal(key.ask(message)[0], 0, "errno")
    on_wire = Sniffer(sides.a, "wan0")
    with sides.a:
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for size in (1000, 9000):
        source.sendto(bytes(size), (B, 9))
        packet = on_wire.next(5, want=lambda packet: packet[9] in (UDP, COMP))
        check(packet, f"{size} bytes: nothing on the wire; discarded: {drops.rose()}")
        equal((packet[9], packet[20]), (COMP, UDP), f"{size} bytes: protocol outside and inside")
    source.close()

with case("neighbours are found, and asked whether they are still there, whatever the eroutes say"):
    cell = next(cell for cell in selected() if cell.column == "transport 6in6" and cell.bundle == "ESP")
    sides.start_klips(sides.b, 1)
    sides.install(cell, KLIPS)
    wan = json.loads(sides.b.run("ip", "-j", "link", "show", "wan0").out)[0]["address"]
    sides.b.ip(f"neigh del {OUTER[6][0]} dev wan0")
    for state in (f"neigh replace {OUTER[6][1]} lladdr {wan} nud probe dev wan0", f"neigh del {OUTER[6][1]} dev wan0"):
        sides.a.ip(state)
        echo = Echo(sides.a, 6, *ends(cell), 1)
        echo.ask(noise(56))
        echo.close()
        until(lambda: "REACHABLE" in sides.a.run("ip", "neigh", "show", OUTER[6][1]).out, f"reachable after {state}")

with case("packets of more than 64 KiB (BIG TCP), IPv4 and IPv6"):
    sides.a.ip("link set wan0 gso_max_size 180000 gso_ipv4_max_size 180000")
    sides.a.sysctl("net.ipv4.tcp_tso_rtt_log", 30)
    for _, ns in sides.sides():
        ns.sysctl("net.ipv4.tcp_rmem", "4096 4000000 6000000")
        ns.sysctl("net.ipv4.tcp_wmem", "4096 4000000 6000000")
    sides.a.run("nft", "-f", "-", stdin="table inet big { chain p { type filter hook postrouting priority 0; "
                                        "meta length > 65535 counter; }; }")
    count = 0
    for column in ("tunnel 4in4", "tunnel 6in6"):
        cell = next(cell for cell in selected() if cell.column == column and cell.bundle == "ESP")
        sides.install(cell, KLIPS)
        wire.protocols()
        # How much TCP hands over at once depends on what it has measured.
        for _ in range(5):
            transfer(sides.a, sides.b, ends(cell)[1], 4_000_000, family=cell.inner)
            seen = int(re.search(r"packets (\d+)", sides.a.run("nft", "list", "table", "inet", "big").out).group(1))
            if seen > count:
                break
        check(seen > count, f"{column}: no packet of that length was sent")
        equal(wire.protocols() - {FRAGMENT, HOP_BY_HOP}, {ESP}, "protocols on the wire")
        count = seen

with case("a namespace ends, and the module goes, with traffic in devices that catch"):
    flood = sides.a.start("ping", "-f", "-s", "3000", ends(cell)[1])
    watch, far = Watch(sides.a, device), Watch(sides.b, device)
    until(lambda: watch.rose().get("rx_packets", 0) > 50 and far.rose().get("tx_packets", 0) > 50, "packets flow")
    key.close()
    sides.close()
    sides.b.delete()
    until(lambda: sides.a.run("ip", "link", "show", "wan0", ok=False).status != 0, "the namespace is gone", 30)
    sides.a.ip("link add wan0 type dummy", "link set wan0 up", f"addr add {A}/24 dev wan0", "route add default dev wan0")
    contains(sides.a.read(TABLE), "ipsec0 -> wan0 mtu=16260(1500) -> 1500 catch", TABLE)
    gone = sides.a.start("bash", "-c", f"while ! ping -f {ends(cell)[1]}; do :; done")
    watch = Watch(sides.a)
    run("modprobe", "-r", "klips")
    run("modprobe", "klips")
    stop(flood)
    stop(gone)
    sides.a.delete()

end()
