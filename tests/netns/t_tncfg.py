# SPDX-License-Identifier: GPL-2.0-only
"""The ipsecN devices: what they are when new, attached and detached, and what can go wrong with that."""

import json

from klipstest.counters import device
from klipstest.netns import Netns
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, contains, end, equal, until
from klipstest.topology import HOST_B, Topology
from klipstest.traffic import no_ping, ping, reaches

TABLE = "/proc/net/ipsec_tncfg"

ns = Netns("k-tncfg")
ns.ip("link add phys0 type veth peer name phys1", "link set phys0 up", "link set phys1 up",
      "link add small0 mtu 1280 type dummy", "link set small0 up")


def tncfg(*words, ok=True):
    """Runs the tool."""
    return ns.run("ipsec", "tncfg", *words, ok=ok)


def attach(virtual, physical, ok=True):
    """Attaches."""
    return tncfg("--attach", "--virtual", virtual, "--physical", physical, ok=ok)


def detach(virtual, ok=True):
    """Detaches."""
    return tncfg("--detach", "--virtual", virtual, ok=ok)


def link(name):
    """What ip(8) knows of a device."""
    return json.loads(ns.run("ip", "-d", "-s", "-j", "link", "show", name).out)[0]


def refused(result, text):
    """Checks that the tool failed with this line."""
    equal(result.status, 1, "exit status")
    equal(result.err.splitlines()[:1], [f"ipsec tncfg: {text}"], "what the tool says")


with case("a namespace has ipsec0 and ipsec1, attached to nothing"):
    equal(ns.read(TABLE), "ipsec0 -> NULL mtu=0(0) -> 0\nipsec1 -> NULL mtu=0(0) -> 0\n", TABLE)
    equal(tncfg().out, ns.read(TABLE), "ipsec tncfg")

with case("a new device has no link type, no MTU, no ARP"):
    new = link("ipsec0")
    equal((new["link_type"], new["mtu"], new["operstate"]), ("void", 0, "DOWN"), "link type, MTU and state")
    check("NOARP" in new["flags"], f"flags: {new['flags']}")

with case("up without being attached: No such device"):
    result = ns.run("ip", "link", "set", "ipsec0", "up", ok=False)
    check(result.status != 0, "it went up")
    contains(result.err, "No such device", "what ip says")

with case("attached it has the link type and address of the physical device, and MTU 16260"):
    attach("ipsec0", "phys0")
    equal(ns.read(TABLE).splitlines()[0], "ipsec0 -> phys0 mtu=16260(1500) -> 1500", TABLE)
    now, phys = link("ipsec0"), link("phys0")
    equal((now["link_type"], now["address"], now["mtu"]), ("ether", phys["address"], 16260), "type, address, MTU")
    ns.ip("link set ipsec0 up")
    check("UP" in link("ipsec0")["flags"], "it is not up")

with case("the MTU can be changed, and the listing tells both"):
    ns.ip("link set ipsec0 mtu 1400")
    equal(ns.read(TABLE).splitlines()[0], "ipsec0 -> phys0 mtu=1400(1500) -> 1500", TABLE)

with case("the MTU of the physical device is remembered from the attaching"):
    ns.ip("link set phys0 mtu 1492")
    equal(ns.read(TABLE).splitlines()[0], "ipsec0 -> phys0 mtu=1400(1500) -> 1492", TABLE)
    attach("ipsec1", "small0")
    equal(ns.read(TABLE).splitlines()[1], "ipsec1 -> small0 mtu=16260(1280) -> 1280", TABLE)

with case("attaching twice: EBUSY"):
    refused(attach("ipsec0", "small0", ok=False), "Socket ioctl failed on attach -- Device busy.  Virtual device ipsec0 is "
            "already attached to a physical device -- Use detach first.")

with case("detached it keeps its MTU and stays up"):
    detach("ipsec0")
    equal(ns.read(TABLE).splitlines()[0], "ipsec0 -> NULL mtu=1400(0) -> 0", TABLE)
    now = link("ipsec0")
    equal((now["link_type"], now["mtu"]), ("void", 1400), "link type and MTU")
    check("UP" in now["flags"], "it is not up any more")

with case("detaching twice: ENODEV"):
    refused(detach("ipsec0", ok=False), "Socket ioctl failed on detach -- No such device.  Is the virtual device valid?  "
            "The ipsec module may not be linked into the kernel or loaded as a module.")

with case("a physical device that is not there: ENXIO"):
    refused(attach("ipsec0", "nowhere0", ok=False), "Socket ioctl failed on attach -- No such device.  Is the physical "
            "device valid?")

with case("a virtual device that is not there: ENODEV"):
    refused(attach("ipsec9", "phys0", ok=False), "Socket ioctl failed on attach -- No such device.  Is the virtual device "
            "valid?  Is the ipsec module linked into the kernel or loaded as a module?")

with case("a device is not attached to one of its own kind"):
    equal(attach("ipsec0", "ipsec1", ok=False).status, 1, "exit status")
    equal(attach("ipsec0", "ipsec0", ok=False).status, 1, "exit status")
    check("ipsec0 -> NULL" in ns.read(TABLE), ns.read(TABLE))

with case("an alias counts as the device"):
    attach("ipsec0", "phys0:1")
    check("ipsec0 -> phys0 " in ns.read(TABLE), ns.read(TABLE))

with case("clear detaches all"):
    tncfg("--clear")
    equal([line.split()[2] for line in ns.read(TABLE).splitlines()], ["NULL", "NULL"], "attached to")

with case("the physical device goes down and up again: still attached"):
    attach("ipsec0", "phys0")
    ns.ip("link set phys0 down")
    check("ipsec0 -> phys0" in ns.read(TABLE), ns.read(TABLE))
    ns.ip("link set phys0 up")
    check("ipsec0 -> phys0" in ns.read(TABLE), ns.read(TABLE))
    detach("ipsec0")

with case("the physical device goes away: detached, and it can go"):
    attach("ipsec0", "phys0")
    ns.ip("link del phys0")
    check("ipsec0 -> NULL" in ns.read(TABLE), ns.read(TABLE))

with case("the physical device moves to another namespace: detached"):
    # Not to be attached again by itself when the name comes up again.
    ns.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    ns.ip("link add phys0 type dummy", "link set phys0 up")
    attach("ipsec0", "phys0")
    ns.run("ip", "link", "set", "phys0", "netns", "1")
    check("ipsec0 -> NULL" in ns.read(TABLE), ns.read(TABLE))
    ns.run("nsenter", "--net=/proc/1/ns/net", "ip", "link", "del", "phys0")

with case("an ipsecN device cannot leave its namespace"):
    result = ns.run("ip", "link", "set", "ipsec1", "netns", "1", ok=False)
    check(result.status != 0, "it went")

ns.delete()

with case("with fb_tunnels_only_for_init_net=1 a new namespace has no devices"):
    sysctl = "/proc/sys/net/core/fb_tunnels_only_for_init_net"
    with open(sysctl, "w", encoding="ascii") as file:
        file.write("1")
    try:
        bare = Netns("k-bare")
        equal(bare.read(TABLE), "", TABLE)
        bare.run("ipsec", "eroute", "--clear")
        bare.delete()
    finally:
        with open(sysctl, "w", encoding="ascii") as file:
            file.write("0")

topology = Topology()
gateway, peer, pair = topology.tunnel(BY_NAME["aes128-sha1-96"])

with case("detached in the middle of traffic, packets are dropped; attached again, they flow"):
    ping(topology.hostA, HOST_B)
    topology.gwA.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    no_ping(topology.hostA, HOST_B)
    topology.gwA.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
    ping(topology.hostA, HOST_B)

with case("the physical device down under traffic, and up again: packets flow"):
    topology.gwA.ip("link set wan0 down")
    no_ping(topology.hostA, HOST_B)
    topology.gwA.ip("link set wan0 up")
    until(lambda: reaches(topology.hostA, HOST_B), "packets flow again")

with case("ip -s shows the counters"):
    stats = json.loads(topology.gwA.run("ip", "-s", "-j", "link", "show", "ipsec0").out)[0]["stats64"]
    dev = device(topology.gwA)
    for way in ("rx", "tx"):
        equal([stats[way][name] for name in ("packets", "bytes", "errors", "dropped")],
              [dev[f"{way}_{name}"] for name in ("packets", "bytes", "errors", "dropped")], f"counters {way}")
    check(stats["rx"]["packets"] >= 2 and stats["rx"]["bytes"] >= 2 * 84, f"counters: {stats['rx']}")
    check(stats["tx"]["packets"] >= 2 and stats["tx"]["bytes"] > 2 * 84, f"counters: {stats['tx']}")

with case("ipsec0 down: what comes in is dropped, and nothing goes out"):
    topology.gwA.ip("link set ipsec0 down")
    no_ping(topology.hostA, HOST_B)
    topology.gwA.ip("link set ipsec0 up", "route add 10.2.0.0/24 dev ipsec0")
    until(lambda: reaches(topology.hostA, HOST_B), "the tunnel works again")

topology.delete()
end()
