# SPDX-License-Identifier: GPL-2.0-only
"""Devices by `ip link`: made and removed, by it and by `ipsec tncfg` in turn; what it shows of them; races."""

import json
import os
import threading
import time

from klipstest.netns import Netns, run, stop
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, contains, end, equal, until
from klipstest.topology import HOST_B, Topology
from klipstest.traffic import ping, reaches

TABLE = "/proc/net/ipsec_tncfg"

ns = Netns("k-link")
ns.ip("link add phys0 type veth peer name phys1", "link set phys0 up", "link set phys1 up")


def link(name, netns=ns):
    """What ip(8) knows of a device."""
    return json.loads(netns.run("ip", "-d", "-j", "link", "show", name).out)[0]


def numbers(netns=ns):
    """The devices in the listing."""
    return [line.split()[0] for line in netns.read(TABLE).splitlines()]


def refused(text, *words):
    """Checks that `ip link` refuses, and with what text."""
    result = ns.run("ip", "link", *words, ok=False)
    check(result.status != 0, f"it was done: {' '.join(words)}")
    contains(result.err, text, "what ip says")


with case("ip link add link phys0 name ipsec7 type klips: there, attached, shown"):
    ns.ip("link add link phys0 name ipsec7 type klips")
    equal(ns.read(TABLE).splitlines()[-1], "ipsec7 -> phys0 mtu=16260(1500) -> 1500", TABLE)
    shown = link("ipsec7")
    equal((shown["linkinfo"]["info_kind"], shown["link"], shown["address"]),
          ("klips", "phys0", link("phys0")["address"]), "kind, link and address")

with case("ip link add ipsec6 type klips dev phys1: its own words, and what it shows"):
    ns.ip("link add ipsec6 type klips dev phys1")
    shown = link("ipsec6")
    equal(shown["linkinfo"]["info_data"], {"dev": "phys1", "number": 6, "physical_mtu": 1500}, "info_data")
    contains(ns.run("ip", "-d", "link", "show", "ipsec6").out, "klips dev phys1 number 6 physical-mtu 1500", "ip -d link")

with case("ip link set ipsec6 type klips: attached elsewhere, with its MTU, and nowhere"):
    ns.ip("link set ipsec6 mtu 1300")
    ns.ip("link set ipsec6 type klips dev phys0")
    contains(ns.read(TABLE), "ipsec6 -> phys0 mtu=1300(1500) -> 1500\n", TABLE)
    equal(link("ipsec6")["address"], link("phys0")["address"], "address")
    ns.ip("link set ipsec6 type klips nodev", "link set ipsec6 type klips nodev")
    contains(ns.read(TABLE), "ipsec6 -> NULL mtu=1300(0) -> 0\n", TABLE)
    equal(link("ipsec6")["linkinfo"]["info_data"], {"number": 6}, "info_data")
    ns.ip("link set ipsec6 type klips dev phys1")
    refused("stands on one", "set", "ipsec6", "type", "klips", "dev", "ipsec7")
    refused("Cannot find device", "set", "ipsec6", "type", "klips", "dev", "phys9")
    refused("unknown command", "set", "ipsec6", "type", "klips", "lower", "phys0")
    equal(link("ipsec6")["link"], "phys1", "link, after what was refused")
    ns.ip("link del ipsec6")

with case("a device that waits for its physical one says so"):
    ns.ip("link add wire9 type dummy", "link add ipsec6 type klips dev wire9", "link del wire9")
    equal(link("ipsec6")["linkinfo"]["info_data"], {"waits_for": "wire9", "number": 6}, "info_data")
    ns.ip("link add wire9 type dummy", "link set wire9 up")
    equal(link("ipsec6")["link"], "wire9", "link")
    ns.ip("link del ipsec6", "link del wire9")

with case("detached it stands on nothing, attached again it does"):
    ns.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec7")
    check("link" not in link("ipsec7"), "it stands on something")
    ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec7", "--physical", "phys0")
    equal(link("ipsec7")["link"], "phys0", "link")

with case("without a physical device it is attached to nothing; with no name it gets the first that is free"):
    ns.ip("link add ipsec5 type klips")
    equal(ns.read(TABLE).splitlines()[2], "ipsec5 -> NULL mtu=0(0) -> 0", TABLE)
    ns.run("ip", "link", "add", "type", "klips")
    equal(numbers(), ["ipsec0", "ipsec1", "ipsec2", "ipsec5", "ipsec7"], "devices")

with case("the devices of the beginning are of the same kind"):
    equal(link("ipsec0")["linkinfo"]["info_kind"], "klips", "kind")
    shown = ns.run("ip", "-j", "link", "show", "type", "klips").out
    equal(sorted(dev["ifname"] for dev in json.loads(shown) if dev), numbers(), "ip link show type klips")

with case("MTU and up can be said at once"):
    ns.ip("link add link phys1 name ipsec9 mtu 1400 up type klips")
    equal(ns.read(TABLE).splitlines()[-1], "ipsec9 -> phys1 mtu=1400(1500) -> 1500", TABLE)
    check("UP" in link("ipsec9")["flags"], "it is not up")
    ns.ip("link del ipsec9")

with case("made by one, removed by the other"):
    ns.run("ipsec", "tncfg", "--delete", "ipsec7")
    ns.run("ipsec", "tncfg", "--create", "ipsec8")
    equal(link("ipsec8")["linkinfo"]["info_kind"], "klips", "kind")
    ns.ip("link del ipsec8", "link del ipsec5", "link del ipsec2")
    equal(numbers(), ["ipsec0", "ipsec1"], "devices")

with case("ipsec0 can be removed and made again"):
    ns.ip("link del ipsec0", "link del ipsec1")
    equal(ns.read(TABLE), "", TABLE)
    ns.ip("link add ipsec1 type klips", "link add ipsec0 type klips")
    equal(numbers(), ["ipsec0", "ipsec1"], "devices, in the order of their numbers")

with case("what cannot be is refused, with a reason"):
    for name in ("vpn0", "ipsec", "ipsec64", "ipsec01", "ipsec+1", "ipsec-1", "ipsec1x"):
        refused("klips devices are called ipsec0 to ipsec63", "add", name, "type", "klips")
    refused("File exists", "add", "ipsec1", "type", "klips")
    refused("klips device", "add", "link", "ipsec1", "name", "ipsec7", "type", "klips")
    refused("address", "add", "link", "phys0", "name", "ipsec7", "address", "02:00:00:00:00:01", "type", "klips")
    other = Netns("k-link-other")
    refused("another network namespace", "add", "link", "phys0", "name", "ipsec7", "netns", "k-link-other", "type", "klips")
    other.delete()
    equal(numbers(), ["ipsec0", "ipsec1"], "devices")

with case("a device can be made in another namespace"):
    other = Netns("k-link-other")
    ns.run("ip", "link", "add", "ipsec7", "netns", "k-link-other", "type", "klips")
    equal((numbers(other), numbers()), (["ipsec0", "ipsec1", "ipsec7"], ["ipsec0", "ipsec1"]), "devices there and here")
    other.delete()

with case("64 devices, no more, and all of them gone at once"):
    ns.ip(*["link add type klips"] * 62)
    equal(numbers(), [f"ipsec{n}" for n in range(64)], "devices")
    refused("Too many open files in system", "add", "type", "klips")
    ns.ip(*(f"link set ipsec{n} group 42" for n in range(2, 64)))
    ns.run("ip", "link", "del", "group", "42")
    equal(numbers(), ["ipsec0", "ipsec1"], "devices")

with case("hooks are there as long as a device is attached that needs them"):
    hooks = Netns("k-link-hooks")
    hooks.ip("link add phys0 type dummy", "link add phys1 type dummy")

    def hooked():
        """The hooks of IP that have a function of klips."""
        found, family, hook = set(), None, None
        for words in map(str.split, hooks.run("nft", "list", "hooks").out.splitlines()):
            if words[:1] == ["family"]:
                family = words[1]
            elif words[:1] == ["hook"]:
                hook = words[1]
            elif "[klips]" in words and family != "netdev":
                found.add((family, hook))
        return found

    incoming = {("ip", "prerouting"), ("ip6", "prerouting")}
    hooks.ip("link add ipsec7 type klips dev phys0 catch", "link add ipsec8 type klips dev phys1")
    equal(hooked(), incoming | {("ip", "postrouting"), ("ip6", "postrouting")}, "hooks with one that catches")
    hooks.ip("link del ipsec7")
    equal(hooked(), incoming, "hooks with one that does not catch")
    hooks.ip("link del ipsec8")
    equal(hooked(), set(), "hooks when the last is gone")
    hooks.delete()

with case("a renamed device keeps its number"):
    ns.ip("link set ipsec1 name vpn1")
    refused("File exists", "add", "ipsec1", "type", "klips")
    contains(ns.read(TABLE), "vpn1 -> NULL", TABLE)
    ns.ip("link del vpn1", "link add ipsec1 type klips")

with case("the physical device is renamed and removed"):
    ns.ip("link add link phys0 name ipsec7 type klips", "link set phys0 down", "link set phys0 name wire0",
          "link set wire0 up")
    equal((link("ipsec7")["link"], ns.read(TABLE).split()[-4]), ("wire0", "wire0"), "link and listing")
    ns.ip("link del wire0")
    contains(ns.read(TABLE), "ipsec7 -> NULL", TABLE)
    check("link" not in link("ipsec7"), "it stands on something")
    ns.ip("link del ipsec7")

with case("ip monitor hears of it"):
    ns.ip("link add phys0 type dummy", "link set phys0 up")
    with open("/tmp/k-link-monitor", "w", encoding="ascii") as file:
        monitor = ns.start("ip", "-d", "monitor", "link", stdout=file)
    time.sleep(0.5 * SLOWER)
    ns.ip("link add link phys0 name ipsec7 type klips", "link del ipsec7")
    until(lambda: "Deleted" in open("/tmp/k-link-monitor", encoding="ascii").read(), "the end is heard of")
    stop(monitor)
    with open("/tmp/k-link-monitor", encoding="ascii") as file:
        contains(file.read(), "ipsec7@phys0", "what ip monitor says")

with case("made and removed by ip and by tncfg at the same time, with the physical device coming and going"):
    deadline = time.monotonic() + 8

    def again(*commands):
        while time.monotonic() < deadline:
            for command in commands:
                ns.run(*command.split(), ok=False)

    racers = [threading.Thread(target=again, args=args) for args in (
        ("ip link add link phys0 name ipsec7 type klips", "ip link del ipsec7"),
        ("ipsec tncfg --create ipsec7", "ipsec tncfg --attach --virtual ipsec7 --physical phys0",
         "ip link set ipsec7 up", "ipsec tncfg --delete ipsec7"),
        ("ip link del phys0", "ip link add phys0 type dummy", "ip link set phys0 up"))]
    for racer in racers:
        racer.start()
    while time.monotonic() < deadline:
        ns.read(TABLE)
        ns.run("ip", "-d", "link", ok=False)
    for racer in racers:
        racer.join()
    ns.run("ip", "link", "del", "ipsec7", ok=False)
    equal(numbers(), ["ipsec0", "ipsec1"], "devices")

with case("namespaces end with devices that ip made, attached and up"):
    for _ in range(5):
        short = Netns("k-link-short")
        short.ip("link add phys0 type dummy", "link set phys0 up", "link add link phys0 name ipsec7 up type klips",
                 "link del ipsec0")
        short.delete()

with case("removed under traffic and made again, packets flow"):
    topology = Topology()
    gateway, peer, pair = topology.tunnel(BY_NAME["aes128-sha1-96"])
    ping(topology.hostA, HOST_B)
    flood = topology.hostA.start("ping", "-f", HOST_B)
    for _ in range(5):
        topology.gwA.ip("link del ipsec0")
        topology.gwA.ip("link add link wan0 name ipsec0 type klips", "addr add 192.0.2.1/32 dev ipsec0",
                        "link set ipsec0 up", "route add 10.2.0.0/24 dev ipsec0")
    until(lambda: reaches(topology.hostA, HOST_B), "the tunnel works again")
    stop(flood)

with case("the module goes under traffic with such devices, and comes by itself"):
    flood = topology.hostA.start("ping", "-f", HOST_B)
    run("modprobe", "-r", "klips")
    check(not os.path.exists("/proc/net/ipsec"), "it is still there")
    topology.gwA.ip("link add link wan0 name ipsec7 type klips")
    contains(topology.gwA.read(TABLE), "ipsec7 -> wan0", TABLE)
    stop(flood)

topology.delete()
ns.delete()
end()
