# SPDX-License-Identifier: GPL-2.0-only
"""Debian's OpenIKED, as it is, keys KLIPS: with strongSwan's charon over XFRM at the other end, and with itself across a
translator.

    gwA (iked, KLIPS) ================= gwB (charon, XFRM)
    gwA (iked, KLIPS) === gwB masquerades === hostB (iked, KLIPS, in front of 10.3.0.0/24)
"""

import re
import struct

from klipstest import kame, pfkey
from klipstest.charon import Charon
from klipstest.counters import Watch
from klipstest.iked import Iked
from klipstest.keying import Credentials, End, tellers
from klipstest.packet import Sniffer
from klipstest.steady import Steady, renewal
from klipstest.tap import case, check, end, equal, on_failure, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Klips, Topology, Xfrm
from klipstest.traffic import ping, reaches, transfer

ESP, UDP, IKE, NATT = 50, 17, 500, 4500
HIDDEN_NET, HIDDEN = "10.3.0.0/24", "10.3.0.1"


def sas(gw):
    """The ESP SAs that a gateway has."""
    return set(re.findall(r"^esp\S+", gw.read("/proc/net/ipsec_spi"), re.M))


def kinds(*sniffers):
    """What has left since the last time: IKE, ESP, ESP in UDP; everything else by its protocol."""
    seen = set()
    for packet in [packet for sniffer in sniffers for packet in sniffer.all()]:
        if struct.unpack_from("!H", packet, 6)[0] & 0x1fff:
            # A fragment other than the first.
            continue
        if packet[9] == ESP:
            seen.add("ESP")
        elif packet[9] == UDP and IKE in struct.unpack_from("!HH", packet, 20):
            seen.add("IKE")
        elif packet[9] == UDP and NATT in struct.unpack_from("!HH", packet, 20):
            seen.add("IKE" if packet[28:32] == bytes(4) or len(packet) == 29 else "ESP in UDP")
        else:
            seen.add(packet[9])
    return seen


def replaced(gw, before):
    """Waits until of these SAs none is there any more, and one for each direction in their place."""
    until(lambda: len(now := sas(gw)) == 2 and not now & before, f"new SAs in the place of {before}", 40)


credentials = Credentials("a", "b")
topology = Topology()
gw = topology.gwA
for side, kind in (("A", Klips), ("B", Xfrm)):
    topology.gateway(side, kind).start()
iked = Iked(End(gw, A, B, NET_A, NET_B, "a", "b"), credentials)
charon = Charon(End(topology.gwB, B, A, NET_B, NET_A, "b", "a"), credentials)
on_failure(tellers(iked, charon))
wires = [Sniffer(ns, "wan0", outgoing=True) for ns in (gw, topology.gwB)]


def traffic():
    """Echo requests and TCP both ways, all of it in ESP."""
    kinds(*wires)
    watch = Watch(gw)
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A, 3000)
    transfer(topology.hostA, topology.hostB, HOST_B)
    transfer(topology.hostB, topology.hostA, HOST_A)
    equal(kinds(*wires) - {"IKE"}, {"ESP"}, "what was on the wire")
    equal(watch.rose(), {}, "discarded packets")


# Asked for the first time, the kernel loads all algorithms, which takes long.
kame.Client(gw).request(pfkey.message(pfkey.REGISTER, pfkey.ESP))

with case("iked and charon agree by a shared secret; traffic flows, as ESP alone"):
    charon.configure(connection="dpd_delay = 4s")
    iked.configure(active=True, words="lifetime 25")
    charon.start()
    iked.start()
    iked.established()
    charon.established()
    traffic()

with case("charon renews the child SA under traffic"):
    before = sas(gw)
    with renewal(topology.hostA, HOST_B, gw, topology.gwB):
        charon.control("--rekey", "--child", "c")
        replaced(gw, before)

with case("charon renews the IKE SA under traffic, and the SAs stay as they are"):
    before = sas(gw)
    charon.forget()
    with Steady(topology.hostA, HOST_B) as steady:
        charon.control("--rekey", "--ike", "t")
        charon.says("IKE_SA t[2] rekeyed between")
        charon.says("deleting IKE_SA t[1]")
    steady.whole()
    equal(sas(gw), before, "SAs")

with case("iked renews the child SA under traffic, because KLIPS says that it expires"):
    before = sas(gw)
    with renewal(topology.hostA, HOST_B, gw, topology.gwB):
        replaced(gw, before)

with case("iked answers when charon wants to know whether it is alive"):
    charon.says("sending DPD request")
    charon.says("parsed INFORMATIONAL response")

with case("iked is killed, and charon notices that nobody answers"):
    before = sas(gw)
    charon.forget()
    iked.kill()
    charon.says("giving up after 3 retransmits", 40)
    check("esp" not in topology.gwB.run("ip", "xfrm", "state").out, "charon keeps its SAs")

with case("iked starts again, with certificates now: the SAs of its former life are gone, and there are new ones"):
    charon.configure(certificates=True)
    charon.control("--load-all")
    iked.configure(active=True, certificates=True, words="ikelifetime 20")
    iked.forget()
    iked.start()
    iked.established()
    check(not sas(gw) & before, "SAs of its former life")
    traffic()

with case("iked renews the IKE SA under traffic"):
    before = sas(gw)
    iked.forget()
    with Steady(topology.hostA, HOST_B) as steady:
        iked.says("rekeyed as new IKESA", 40)
    steady.whole()
    equal(sas(gw), before, "SAs")

with case("charon ends the IKE SA: SAs and policies of iked are gone"):
    charon.control("--terminate", "--ike", "t")
    until(lambda: not sas(gw), "no SA is left")
    check(not reaches(topology.hostA, HOST_B), "traffic goes on")

for daemon in (iked, charon):
    daemon.kill()

natted = Topology("n-", mtu=None)
gw, nat, peer = natted.gwA, natted.gwB, natted.hostB
nat.run("nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; "
        "add rule ip nat out oifname wan0 masquerade")
peer.ip("link add net0 type dummy", f"addr add {HIDDEN}/24 dev net0", "link set net0 up")
for ns, device, address, network in ((gw, "wan0", A, HIDDEN_NET), (peer, "lan0", HOST_B, f"{NET_A} src {HIDDEN}")):
    ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", device)
    ns.ip(f"addr add {address}/32 dev ipsec0", "link set ipsec0 up",
          f"route add {network} dev ipsec0")
server = Iked(End(gw, A, "any", NET_A, HIDDEN_NET, "a", "b"), credentials)
client = Iked(End(peer, HOST_B, A, HIDDEN_NET, NET_A, "b", "a"), credentials)
on_failure(tellers(server, client))
wires = [Sniffer(ns, "wan0", outgoing=True) for ns in (gw, nat)]

with case("two ikeds with certificates, one behind a translator: traffic flows as ESP in UDP"):
    server.configure(certificates=True)
    client.configure(active=True, certificates=True, words="lifetime 20")
    server.start()
    server.ready()
    client.start()
    client.established()
    server.established()
    kinds(*wires)
    ping(natted.hostA, HIDDEN)
    ping(natted.hostA, HIDDEN, 3000)
    transfer(natted.hostA, peer, HIDDEN)
    transfer(peer, natted.hostA, HOST_A)
    equal(kinds(*wires) - {"IKE"}, {"ESP in UDP"}, "what was on the wire")

with case("they renew the child SA under traffic"):
    before = sas(gw)
    with renewal(natted.hostA, HIDDEN, gw, peer):
        replaced(gw, before)

with case("the client is told to end: nothing is left at either end"):
    client.control("reset", "sa")
    for ns in (gw, peer):
        until(lambda ns=ns: not sas(ns), f"no SA is left in {ns.name}")

for daemon in (server, client):
    daemon.kill()

end()
