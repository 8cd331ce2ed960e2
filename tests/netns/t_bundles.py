# SPDX-License-Identifier: GPL-2.0-only
"""Groups of up to four SAs, in tunnels and without: in KLIPS's order, with double encryption, and what they refuse.

KLIPS is at both ends, as no other stack takes all of these.
"""

import os

from klipstest.counters import Watch
from klipstest.packet import Sniffer, Wire
from klipstest.tap import case, check, contains, end, equal
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Klips, Topology
from klipstest.traffic import Pinger, transfer

ESP, AH, PROTOS = 50, 51, {"esp": 50, "ah": 51, "comp": 108}
# Innermost first; what stands behind a slash is the algorithm.
AES, GCM, DES3 = "esp/aes128-sha1-96:16:20", "esp/aes256-gcm:36:0", "esp/3des-md5-96:24:16"
SHA2, COMP = "ah/hmac-sha2-256-128:0:32", "comp/deflate:0:0"
BUNDLES = [
    [AES], [COMP, AES], [AES, SHA2], [COMP, AES, SHA2], [DES3, GCM], [GCM, AES], [AES, DES3, GCM], [SHA2, AES], [SHA2, SHA2],
    [SHA2, AES, SHA2], [COMP, SHA2, GCM],
]

topology = Topology()
ends = topology.gateway("A", Klips), topology.gateway("B", Klips)
for gateway in ends:
    gateway.start()
wire = Sniffer(topology.gwB, "wan0")


def name(bundle):
    """A bundle as one reads it."""
    return " ".join(member.split(":")[0] for member in bundle)


def install(bundle, tunnel=True):
    """The same SAs at both ends, and the policies."""
    keys = [[(os.urandom(int(member.split(":")[1])), os.urandom(int(member.split(":")[2]))) for member in bundle]
            for _ in range(2)]
    for gateway in ends:
        gateway.clear()
        lines = []
        for way, (src, dst) in enumerate(((A, B), (B, A))):
            group = []
            if tunnel:
                lines.append(f"ipsec spi --said tun{0x1000 + 0x1000 * way:#x}@{dst} --src {src} --dst {dst} --ip4")
                group.append(f"tun{0x1000 + 0x1000 * way:#x}@{dst}")
            for place, member in enumerate(bundle):
                proto, algorithm = member.split(":")[0].split("/")
                said = f"{proto}{0x1001 + 0x1000 * way + place:#x}@{dst}"
                words = f"--said {said} --src {src} --{proto} {algorithm}"
                for option, key in zip(("--enckey", "--authkey"), keys[way][place]):
                    words += f" {option} 0x{key.hex()}" if key else ""
                lines.append(f"ipsec spi {words}" + ("" if proto == "comp" else " --replay_window 64"))
                group.append(said)
            if len(group) > 1:
                lines.append("ipsec spigrp --said " + " ".join(group))
            if tunnel:
                mine, theirs = (gateway.mine, gateway.theirs) if src == gateway.me else (gateway.theirs, gateway.mine)
            else:
                mine, theirs = f"{src}/32", f"{dst}/32"
            if src == gateway.me:
                lines.append(f"ipsec eroute --add --eraf inet --src {mine} --dst {theirs} --said {group[0]}")
            elif tunnel:
                lines.append(f"ipsec eroute --addin --eraf inet --src {mine} --dst {theirs} --said {group[0]}")
        gateway.ns.run("bash", "-ec", "\n".join(lines))


def outermost(bundle):
    """The protocol that the wire shows."""
    return PROTOS[bundle[-1].split("/")[0]]


for bundle in BUNDLES:
    with case(f"tunnel: {name(bundle)}"):
        install(bundle)
        watches = [Watch(gateway.ns) for gateway in ends]
        wire.all()
        for source, to in ((topology.hostA, HOST_B), (topology.hostB, HOST_A)):
            pinger = Pinger(source)
            for size in (0, 1, 56, 200, 1200, 1372, 4000):
                pinger.ping(to, size)
            pinger.close()
        seen = {packet[9] for packet in wire.all()}
        equal(seen - {6, 1}, {outermost(bundle)}, "protocols on the wire")
        transfer(topology.hostA, topology.hostB, HOST_B, 50_000)
        transfer(topology.hostB, topology.hostA, HOST_A, 50_000)
        rose = [{why: n for why, n in watch.rose().items() if why != "rx_replayed"} for watch in watches]
        equal(rose, [{}, {}], "discarded packets")

for bundle in ([AES, DES3], [COMP, AES, SHA2], [SHA2, AES], [AES, DES3, GCM, SHA2]):
    with case(f"between the gateways, without a tunnel: {name(bundle)}"):
        install(bundle, tunnel=False)
        for gateway, to in zip(ends, (B, A)):
            gateway.ns.ip(f"route replace {to}/32 dev ipsec0 src {gateway.me}")
        watches = [Watch(gateway.ns) for gateway in ends]
        for gateway, to in zip(ends, (B, A)):
            pinger = Pinger(gateway.ns)
            for size in (0, 1, 56, 1000):
                pinger.ping(to, size)
            pinger.close()
        transfer(topology.gwA, topology.gwB, B, 50_000)
        rose = [{why: n for why, n in watch.rose().items() if why != "rx_replayed"} for watch in watches]
        equal(rose, [{}, {}], "discarded packets")
        for gateway, to in zip(ends, (B, A)):
            gateway.ns.ip(f"route del {to}/32 dev ipsec0")

with case("a fifth SA is refused, and the group stays what it was"):
    install([AES, DES3, GCM])
    gw = ends[0].ns
    before = gw.read("/proc/net/ipsec_spigrp")
    gw.run("ipsec", "spi", "--said", f"ah0x1fff@{B}", "--src", A, "--ah", "hmac-sha2-256-128", "--authkey",
           "0x" + os.urandom(32).hex())
    result = gw.run("ipsec", "spigrp", "--said", f"esp0x1003@{B}", f"ah0x1fff@{B}", ok=False)
    check(result.status != 0, "it was grouped")
    after = [line for line in gw.read("/proc/net/ipsec_spigrp").splitlines() if "0x1fff" not in line]
    equal(after, before.splitlines(), "groups")

with case("a packet that lacks the outermost protection is refused"):
    install([AES, SHA2])
    gw = ends[0].ns
    watch = Watch(gw)
    Wire(topology.gwB).send(B, A, ESP, bytes.fromhex("00002001") + b"\0\0\0\1" + bytes(88))
    equal(watch.rose(), {"rx_chain_mismatch": 1}, "discarded packets")
    contains(gw.read("/proc/net/ipsec_spigrp"), f"ah0x2002@{A} esp0x2001@{A} tun0x2000@{A}", "the group")

topology.delete()
end()
