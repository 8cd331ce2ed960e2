# SPDX-License-Identifier: GPL-2.0-only
"""Namespaces do not see each other: same addresses and SPIs, other keys, at the same time."""

from klipstest import pfkey
from klipstest.counters import Watch, drops
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal
from klipstest.topology import HOST_A, HOST_B, Topology, sa_pair
from klipstest.traffic import Pinger, no_ping, ping, transfer

one, two = Topology("one-"), Topology("two-")
_, _, pair_one = one.tunnel(BY_NAME["aes128-sha1-96"])
_, _, pair_two = two.tunnel(BY_NAME["aes128-sha1-96"])

with case("both have the same SAs by name, and other keys"):
    equal([(sa.spi, sa.tun, sa.src, sa.dst) for sa in pair_one], [(sa.spi, sa.tun, sa.src, sa.dst) for sa in pair_two],
          "names")
    check(pair_one[0].keys != pair_two[0].keys, "the keys are the same")

with case("traffic flows through both at the same time"):
    pingers = [Pinger(topology.hostA) for topology in (one, two)]
    for size in range(0, 1000, 50):
        sent = [pinger.send(HOST_B, size) for pinger in pingers]
        for pinger, rest in zip(pingers, sent, strict=True):
            check(pinger.awaits(rest, HOST_B, 5), f"no reply to {size} bytes")
    for topology in (one, two):
        transfer(topology.hostA, topology.hostB, HOST_B)
        transfer(topology.hostB, topology.hostA, HOST_A)
    # Late packets apart: processors may overtake each other.
    equal([set(drops(topology.gwA)) - {"rx_replayed"} for topology in (one, two)], [set(), set()], "discarded packets")

with case("the counters are those of the namespace"):
    before = [topology.gwA.read("/proc/net/ipsec_eroute").split()[0] for topology in (one, two)]
    ping(one.hostA, HOST_B)
    after = [topology.gwA.read("/proc/net/ipsec_eroute").split()[0] for topology in (one, two)]
    equal((int(after[0]) - int(before[0]), after[1]), (1, before[1]), "counts")

with case("what is discarded in one is counted there"):
    one.gwA.run("ipsec", "eroute", "--clear")
    watches = [Watch(topology.gwA) for topology in (one, two)]
    no_ping(one.hostA, HOST_B)
    equal([watch.rose() for watch in watches], [{"tx_no_eroute": 1}, {}], "discarded packets")
    ping(two.hostA, HOST_B)

with case("the tables of one are not those of the other"):
    equal(one.gwA.read("/proc/net/ipsec_eroute"), "", "eroutes")
    check(two.gwA.read("/proc/net/ipsec_eroute") != "", "the eroutes of the other are gone too")
    one.gwA.run("ipsec", "spi", "--clear")
    equal(one.gwA.read("/proc/net/ipsec_spi"), "", "SAs")
    equal(len(two.gwA.read("/proc/net/ipsec_spi").splitlines()), 4, "SAs of the other")
    one.gwA.run("ipsec", "tncfg", "--clear")
    check("ipsec0 -> wan0" in two.gwA.read("/proc/net/ipsec_tncfg"), "the other is detached too")
    ping(two.hostA, HOST_B)

with case("PF_KEY sockets do not hear the other namespace"):
    with pfkey.PfKey(one.gwA) as left, pfkey.PfKey(one.gwA) as beside, pfkey.PfKey(two.gwA) as right:
        for key in (left, beside, right):
            equal(key.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno")
        for key in (left, beside, right):
            key.drain()
        equal(left.write(pfkey.add(pfkey.IPIP, "192.0.2.9", 0x5000)), 0, "errno")
        equal((len(left.drain()), len(beside.drain()), len(right.drain())), (1, 1, 0), "messages heard")
        equal(left.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno")
        equal((len(left.drain()), len(beside.drain()), len(right.drain())), (1, 1, 0), "messages heard")

with case("a socket stays in the namespace that it was opened in"):
    with pfkey.PfKey(one.gwA) as key:
        with two.gwA:
            equal(key.write(pfkey.add(pfkey.IPIP, "192.0.2.9", 0x5001)), 0, "errno")
    check("tun0x5001" in one.gwA.read("/proc/net/ipsec_spi"), "it is not in the namespace of the socket")
    check("tun0x5001" not in two.gwA.read("/proc/net/ipsec_spi"), "it is in the namespace of the process")

with case("FLUSH and clear stay in the namespace"):
    with pfkey.PfKey(one.gwA) as key:
        equal(key.write(pfkey.message(pfkey.FLUSH, 0)), 0, "errno")
        equal(key.write(pfkey.clear_flows()), 0, "errno")
    ping(two.hostA, HOST_B)

with case("one namespace goes, the other carries on"):
    one.delete()
    for _ in range(5):
        ping(two.hostA, HOST_B)

two.delete()

with case("a packet with keys of another namespace is an ICV failure"):
    topology = Topology()
    gateway, peer, pair = topology.tunnel(BY_NAME["aes128-sha1-96"])
    wrong = sa_pair(BY_NAME["aes128-sha1-96"])
    peer.clear()
    peer.install(wrong)
    no_ping(topology.hostB, HOST_A)
    equal(drops(topology.gwA), {"rx_icv_failed": 1}, "discarded packets")
    topology.delete()

end()
