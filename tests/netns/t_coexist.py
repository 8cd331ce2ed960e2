# SPDX-License-Identifier: GPL-2.0-only
"""KLIPS beside XFRM: SAs of both on one gateway at the same time, esp4 loaded or not, and af_key in the way."""

from klipstest.counters import Watch, drops, xfrm
from klipstest.netns import run
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, contains, end, equal
from klipstest.topology import A, B, HOST_A, HOST_B, Klips, Topology, Xfrm
from klipstest.traffic import ping, transfer

GCM = BY_NAME["aes128-gcm"]


def native_pair(topology, ends=("gwA", "gwB")):
    """XFRM SAs in transport mode between the gateways themselves, with SPIs of their own."""
    keys = GCM.keys()
    for name in ends:
        ns, me, peer = (topology.gwA, A, B) if name == "gwA" else (topology.gwB, B, A)
        ns.ip(*(f"xfrm state add src {src} dst {dst} proto esp spi {spi} reqid 9 mode transport {GCM.xfrm(keys)}"
                for src, dst, spi in ((A, B, 0x7001), (B, A, 0x7002))),
              f"xfrm policy add src {me} dst {peer} proto icmp dir out tmpl proto esp reqid 9 mode transport",
              f"xfrm policy add src {peer} dst {me} proto icmp dir in tmpl proto esp reqid 9 mode transport")


def loaded(name):
    """Whether a module is loaded."""
    with open("/proc/modules", encoding="ascii") as file:
        return any(line.split()[0] == name for line in file)


with case("without esp4, KLIPS carries traffic"):
    topology = Topology()
    topology.tunnel(GCM, Klips, Klips)
    run("modprobe", "-q", "-r", "esp4_offload", ok=False)
    run("modprobe", "-q", "-r", "esp4", ok=False)
    check(not loaded("esp4"), "esp4 is loaded")
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)

with case("with esp4 loaded later, it still does"):
    run("modprobe", "esp4")
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    equal([drops(topology.gwA), xfrm(topology.gwA)], [{}, {}], "discarded packets, and XFRM's complaints")

with case("an SA of XFRM between the same gateways works beside"):
    native_pair(topology)
    watches = [Watch(topology.gwA), Watch(topology.gwA, xfrm), Watch(topology.gwB), Watch(topology.gwB, xfrm)]
    for _ in range(3):
        ping(topology.gwA, B)
        ping(topology.gwB, A)
        ping(topology.hostA, HOST_B)
    equal([watch.rose() for watch in watches], [{}] * 4, "complaints")
    states = topology.gwB.run("ip", "-s", "xfrm", "state").out
    check("(bytes), 6(packets)" in states or "6(packets)" in states, f"XFRM's SAs did not take the packets:\n{states}")
    transfer(topology.hostA, topology.hostB, HOST_B)

with case("esp4 can be unloaded again when XFRM has no SA, and KLIPS carries on"):
    for ns in (topology.gwA, topology.gwB):
        ns.ip("xfrm state flush", "xfrm policy flush")
    run("modprobe", "-q", "-r", "esp4", ok=False)
    ping(topology.hostA, HOST_B)
    topology.delete()

with case("af_key cannot be loaded beside KLIPS, and KLIPS works on"):
    result = run("modprobe", "af_key", ok=False)
    check(result.status != 0, "af_key was loaded")
    check(not loaded("af_key"), "af_key is loaded")
    run("ipsec", "eroute", "--clear")

with case("with af_key loaded first KLIPS does not load, and the log says why and what to do"):
    run("modprobe", "-r", "klips")
    run("modprobe", "af_key")
    result = run("modprobe", "klips", ok=False)
    try:
        check(result.status != 0, "klips was loaded")
        lines = [line for line in run("dmesg").out.splitlines() if "klips" in line and "af_key" in line]
        check(lines, "nothing about af_key in the log")
        contains(lines[-1], "modprobe -r af_key", "the last such line")
        tool = run("ipsec", "eroute", ok=False)
        equal((tool.status, tool.err), (1, "ipsec eroute: NETKEY does not support eroute table.\n"), "ipsec eroute")
    finally:
        run("modprobe", "-r", "af_key")
        run("modprobe", "klips")

with case("and loads once af_key is gone"):
    topology = Topology()
    topology.tunnel(GCM, Klips, Xfrm)
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    topology.delete()

with case("KLIPS and XFRM tunnels of the same SPI numbers to different addresses"):
    topology = Topology()
    _, _, pair = topology.tunnel(GCM, Klips, Klips)
    # XFRM has the SPI of KLIPS for another address of the gateway.
    for ns, mine, peer in ((topology.gwA, "192.0.2.11", "192.0.2.12"), (topology.gwB, "192.0.2.12", "192.0.2.11")):
        ns.ip(f"addr add {mine}/24 dev wan0")
    keys = GCM.keys()
    for ns, me, peer in ((topology.gwA, "192.0.2.11", "192.0.2.12"), (topology.gwB, "192.0.2.12", "192.0.2.11")):
        ns.ip(*(f"xfrm state add src {src} dst {dst} proto esp spi {spi:#x} reqid 9 mode transport {GCM.xfrm(keys)}"
                for src, dst, spi in (("192.0.2.11", "192.0.2.12", pair[0].spi), ("192.0.2.12", "192.0.2.11", pair[1].spi))),
              f"xfrm policy add src {me} dst {peer} proto icmp dir out tmpl proto esp reqid 9 mode transport",
              f"xfrm policy add src {peer} dst {me} proto icmp dir in tmpl proto esp reqid 9 mode transport",
              f"route add {peer}/32 dev wan0 src {me}")
    ping(topology.gwA, "192.0.2.12")
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    equal([drops(topology.gwA), xfrm(topology.gwA)], [{}, {}], "complaints")
    topology.delete()

end()
