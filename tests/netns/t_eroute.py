# SPDX-License-Identifier: GPL-2.0-only
"""Eroutes by the tool: add, replace, delete, clear, the texts of refusals, what wins, and the shunts."""

import socket

from klipstest import pfkey
from klipstest.counters import Watch, device
from klipstest.netns import Netns
from klipstest.packet import Sniffer, Wire, udp
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, contains, end, equal
from klipstest.topology import B, HOST_B, NET_A, NET_B, Topology
from klipstest.traffic import no_ping, ping

TABLE = "/proc/net/ipsec_eroute"


def eroute(ns, *words, ok=True):
    """Runs the tool."""
    return ns.run("ipsec", "eroute", *words, ok=ok)


def selector(src, dst, *words):
    """The words that select packets."""
    family = "inet6" if ":" in src else "inet"
    return ["--eraf", family, "--src", src, "--dst", dst, *words]


def refused(result, *texts):
    """Checks that the tool failed with these lines, the first behind its name."""
    equal(result.status, 1, "exit status")
    lines = result.err.splitlines()
    equal(lines[:len(texts)], [f"ipsec eroute: {texts[0]}", *texts[1:]], "what the tool says")


def failed(errno):
    """The first line of a refusal by the kernel."""
    return f"pfkey write failed, returning -1 with errno={errno}."


def row(count, src, dst, said):
    """A row of the listing."""
    return f"{count:<10} {src:<18} -> {dst:<18} => {said}\n"


ns = Netns("k-eroute")
SAID = "tun0x1000@192.0.2.2"

with case("an empty table is an empty file"):
    equal(ns.read(TABLE), "", TABLE)
    equal(eroute(ns).out, "", "ipsec eroute")

with case("an added eroute is listed, to the byte, by the file and by the tool"):
    eroute(ns, "--add", *selector("10.1.0.0/16", "10.2.0.0/24"), "--said", SAID)
    equal(ns.read(TABLE), row(0, "10.1.0.0/16", "10.2.0.0/24", SAID), TABLE)
    equal(eroute(ns).out, ns.read(TABLE), "ipsec eroute")

with case("adding it again: EEXIST, and the table stays"):
    result = eroute(ns, "--add", *selector("10.1.0.0/16", "10.2.0.0/24"), "--said", "%pass", ok=False)
    refused(result, failed(17), "eroute already in use.  Delete old one first.")
    equal(ns.read(TABLE), row(0, "10.1.0.0/16", "10.2.0.0/24", SAID), TABLE)

with case("the same key with another mask is another eroute"):
    eroute(ns, "--add", *selector("10.1.0.0/24", "10.2.0.0/24"), "--said", "%trap")
    equal(ns.read(TABLE), row(0, "10.1.0.0/24", "10.2.0.0/24", "%trap") + row(0, "10.1.0.0/16", "10.2.0.0/24", SAID),
          TABLE)

with case("delete is exact: neither a wider mask nor another protocol hits"):
    for words in (selector("10.1.0.0/17", "10.2.0.0/24"), selector("10.0.0.0/8", "10.2.0.0/24"),
                  selector("10.1.0.0/16", "10.2.0.0/24", "--transport-proto", "6")):
        result = eroute(ns, "--del", *words, ok=False)
        equal(result.status, 1, f"exit status of --del {words}")
        check(result.err.splitlines()[0] in (f"ipsec eroute: {failed(2)}", f"ipsec eroute: {failed(14)}"), str(result))
    equal(len(ns.read(TABLE).splitlines()), 2, "rows")

with case("delete with a mask that the key does not have: ENOENT"):
    result = eroute(ns, "--del", *selector("10.1.0.0/17", "10.2.0.0/24"), ok=False)
    refused(result, failed(2), "eroute doesn't exist.  Can't delete.")

with case("delete takes that one away"):
    eroute(ns, "--del", *selector("10.1.0.0/24", "10.2.0.0/24"))
    equal(ns.read(TABLE), row(0, "10.1.0.0/16", "10.2.0.0/24", SAID), TABLE)

with case("delete of what is not there: EFAULT"):
    result = eroute(ns, "--del", *selector("10.9.0.0/16", "10.2.0.0/24"), ok=False)
    refused(result, failed(14), "Address not found.")

with case("replace changes the SA and keeps one row"):
    eroute(ns, "--replace", *selector("10.1.0.0/16", "10.2.0.0/24"), "--said", "%drop")
    equal(ns.read(TABLE), row(0, "10.1.0.0/16", "10.2.0.0/24", "%drop"), TABLE)

with case("replace of what is not there adds it"):
    eroute(ns, "--replace", *selector("10.3.0.0/16", "10.2.0.0/24"), "--said", "%drop")
    equal(len(ns.read(TABLE).splitlines()), 2, "rows")

with case("clear empties the table, also an empty one"):
    eroute(ns, "--clear")
    equal(ns.read(TABLE), "", TABLE)
    eroute(ns, "--clear")

with case("an inbound policy for an SA that is not there: ENOENT"):
    result = eroute(ns, "--addin", *selector("10.1.0.0/16", "10.2.0.0/24"), "--said", SAID, ok=False)
    refused(result, failed(2), "non-existant IPIP SA.")
    equal(ns.read(TABLE), "", TABLE)

with case("rows in order, with ports, protocols, shunts, IPv6 and a mask with gaps in the source, to the byte"):
    for words in (
        ["::/0", "2001:db8:2::/64", "%trap"],
        ["3049:1::/64", "::/0", "tun0x130@3058:4::5"],
        ["2001:db8:1::/64", "2001:db8:2::/64", "%pass"],
        ["192.168.2.110/32", "192.168.2.120/32", "esp0x130@192.168.2.120", "--transport-proto", "6", "--dst-port", "25"],
        ["192.168.2.110/32", "192.168.2.120/32", "esp0x2f1a@192.168.2.120", "--transport-proto", "17",
         "--src-port", "1701", "--dst-port", "1701"],
        ["192.0.2.0/24", "192.0.1.0/24", "tun0x12345678@192.1.2.45"],
        ["192.0.2.1/32", "192.0.1.1/32", "%hold"],
        ["0.0.0.0/0", "0.0.0.0/0", "%trap"],
        ["10.1.0.0/16", "10.2.0.0/16", "%drop"],
    ):
        src, dst, said, *more = words
        eroute(ns, "--add", *selector(src, dst, *more), "--said", said)
    # The tool has no words for a mask with gaps.
    with pfkey.PfKey(ns) as key:
        flow = pfkey.flow("10.0.0.0", "255.0.255.0", "10.2.0.0", "255.255.0.0")
        equal(key.write(pfkey.addflow(flow, "0.0.0.0", 0x102, pfkey.INT)), 0, "errno")
    equal(ns.read(TABLE), "".join(row(0, *words) for words in (
        ("0.0.0.0/0", "0.0.0.0/0", "%trap"),
        ("10.0.0.0/255.0.255.0", "10.2.0.0/16", "%reject"),
        ("10.1.0.0/16", "10.2.0.0/16", "%drop"),
        ("192.0.2.0/24", "192.0.1.0/24", "tun0x12345678@192.1.2.45"),
        ("192.0.2.1/32", "192.0.1.1/32", "%hold"),
        ("192.168.2.110/32", "192.168.2.120/32:25", "esp0x130@192.168.2.120:6"),
        ("192.168.2.110/32:1701", "192.168.2.120/32:1701", "esp0x2f1a@192.168.2.120:17"),
        ("::/0", "2001:db8:2::/64", "%trap"),
        ("2001:db8:1::/64", "2001:db8:2::/64", "%pass"),
        ("3049:1::/64", "::/0", "tun0x130@3058:4::5"),
    )), TABLE)

with case("names of protocols and services do as well"):
    eroute(ns, "--clear")
    eroute(ns, "--add", *selector("10.1.0.1/32", "10.2.0.1/32", "--transport-proto", "tcp", "--dst-port", "smtp"),
           "--said", "%pass")
    equal(ns.read(TABLE), row(0, "10.1.0.1/32", "10.2.0.1/32:25", "%pass:6"), TABLE)

with case("reserved SPIs are refused by the tool"):
    result = eroute(ns, "--add", *selector("10.1.0.1/32", "10.2.0.1/32"), "--af", "inet", "--edst", B, "--spi", "0x99",
                    "--proto", "tun", ok=False)
    equal(result.status, 1, "exit status")
    contains(result.err, "Illegal reserved spi: 0x99 => 0x99 Must be larger than 0x100.", "what the tool says")

ns.delete()

topology = Topology()
gateway, _, pair = topology.tunnel(BY_NAME["aes128-sha1-96"])
gw = topology.gwA


def count(text):
    """The counter of the row that has a text in it."""
    return next(int(line.split()[0]) for line in gw.read(TABLE).splitlines() if text in line)


with case("without an eroute packets are dropped and counted as tx_dropped"):
    gw.run("ipsec", "eroute", "--clear")
    watch, dev = Watch(gw), Watch(gw, device)
    no_ping(topology.hostA, HOST_B)
    equal(watch.rose(), {"tx_no_eroute": 1}, "discarded packets")
    equal(dev.rose(), {"tx_dropped": 1}, "device counters")

with case("%drop drops, is counted, and the eroute counts the packet"):
    eroute(gw, "--add", *selector(NET_A, NET_B), "--said", "%drop")
    watch, dev = Watch(gw), Watch(gw, device)
    no_ping(topology.hostA, HOST_B)
    equal(watch.rose(), {"tx_policy_drop": 1}, "discarded packets")
    equal(dev.rose(), {"tx_dropped": 1}, "device counters")
    equal(gw.read(TABLE), row(1, NET_A, NET_B, "%drop"), TABLE)

with case("%pass sends in clear through the physical device"):
    eroute(gw, "--replace", *selector(NET_A, NET_B), "--said", "%pass")
    # %pass looks the route up again, without the source: here one that leads past ipsec0.
    sniffer = Sniffer(topology.gwB, "wan0")
    gw.ip(f"route add {HOST_B}/32 via {B} dev wan0 table 7", "rule add to 10.2.0.0/24 iif lo lookup 7")
    watch, dev = Watch(gw), Watch(gw, device)
    no_ping(topology.hostA, HOST_B)
    packet = sniffer.next(want=lambda packet: packet[9] == 1)
    check(packet is not None and socket.inet_ntoa(packet[16:20]) == HOST_B, f"on the wire: {packet!r}")
    equal(watch.rose(), {}, "discarded packets")
    equal(dev.rose().get("tx_packets"), 1, "tx_packets")
    gw.ip("rule del to 10.2.0.0/24 iif lo lookup 7")
    sniffer.close()

with case("an eroute whose SA is gone drops"):
    eroute(gw, "--replace", *selector(NET_A, NET_B), "--said", "tun0x4711@192.0.2.2")
    watch = Watch(gw)
    no_ping(topology.hostA, HOST_B)
    equal(watch.rose(), {"tx_no_sa": 1}, "discarded packets")

with case("the more specific eroute wins, whichever came first"):
    eroute(gw, "--clear")
    eroute(gw, "--add", *selector(NET_A, "10.2.0.2/32"), "--said", f"tun0x1000@{B}")
    eroute(gw, "--add", *selector(NET_A, NET_B), "--said", "%drop")
    eroute(gw, "--add", *selector("0.0.0.0/0", "0.0.0.0/0"), "--said", "%reject")
    ping(topology.hostA, HOST_B)
    equal((count("10.2.0.2/32"), count("%drop"), count("%reject")), (1, 0, 0), "counts")
    eroute(gw, "--add", *selector("10.1.0.2/32", "10.2.0.2/32"), "--said", "%drop")
    no_ping(topology.hostA, HOST_B)
    equal((count("10.1.0.2/32"), count("tun0x1000")), (1, 1), "counts")
    eroute(gw, "--del", *selector("10.1.0.2/32", "10.2.0.2/32"))
    ping(topology.hostA, HOST_B)

with case("source before destination, where neither is inside the other"):
    eroute(gw, "--clear")
    eroute(gw, "--add", *selector("10.1.0.0/16", "10.2.0.0/24"), "--said", "%drop")
    eroute(gw, "--add", *selector("10.1.0.0/24", "10.2.0.0/16"), "--said", f"tun0x1000@{B}")
    ping(topology.hostA, HOST_B)
    equal((count("tun0x1000"), count("%drop")), (1, 0), "counts")

with case("an eroute for a protocol and a port takes those packets and no others"):
    eroute(gw, "--clear")
    eroute(gw, "--add", *selector(NET_A, NET_B), "--said", "%drop")
    eroute(gw, "--add", *selector(NET_A, NET_B, "--transport-proto", "1"), "--said", f"tun0x1000@{B}")
    eroute(gw, "--add", *selector(NET_A, NET_B, "--transport-proto", "udp", "--dst-port", "4711"), "--said",
           f"tun0x1000@{B}")
    ping(topology.hostA, HOST_B)
    sniffer, wire = Sniffer(topology.hostB, "lan0"), Wire(topology.hostA)
    wire.send("10.1.0.2", HOST_B, 17, udp(5, 4712, b"wrong port"))
    wire.send("10.1.0.2", HOST_B, 17, udp(5, 4711, b"right port"))
    packet = sniffer.next(want=lambda packet: packet[9] == 17)
    check(packet is not None and packet.endswith(b"right port"), f"hostB got {packet!r}")
    equal((count("=> tun0x1000@192.0.2.2:1\n".strip()), count("/24:4711"), count("%drop")), (1, 1, 1), "counts")
    sniffer.close()
    wire.close()

topology.delete()
end()
