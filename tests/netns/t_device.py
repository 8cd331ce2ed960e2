# SPDX-License-Identifier: GPL-2.0-only
"""Devices made and removed by PF_KEY, what they do when their physical device changes, and SAs changed under traffic."""

import json
import socket
import sys
import threading
import time

from klipstest.counters import Watch
from klipstest.netns import Netns, stop
from klipstest.packet import Esp, Sniffer, Wire, udp
from klipstest.pfkey import ESP, UPDATE, PfKey, add
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, fewer, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_B, Topology
from klipstest.traffic import no_ping, ping, reaches

TABLE = "/proc/net/ipsec_tncfg"

ns = Netns("k-device")
ns.ip("link add phys0 type veth peer name phys1", "link set phys0 up", "link set phys1 up")


def tncfg(*words, ok=True):
    """Runs the tool."""
    return ns.run("ipsec", "tncfg", *words, ok=ok)


def attach(virtual, physical, ok=True):
    """Attaches."""
    return tncfg("--attach", "--virtual", virtual, "--physical", physical, ok=ok)


def row(name, where=ns):
    """What the listing says of a device."""
    return next((line for line in where.read(TABLE).splitlines() if line.startswith(f"{name} -> ")), None)


def address(name):
    """The hardware address of a device."""
    return json.loads(ns.run("ip", "-j", "link", "show", name).out)[0]["address"]


def devices():
    """The names in the listing."""
    return [line.split()[0] for line in ns.read(TABLE).splitlines()]


# Made and removed.

with case("tncfg --create makes a device, attached to nothing"):
    tncfg("--create", "ipsec7")
    equal(row("ipsec7"), "ipsec7 -> NULL mtu=0(0) -> 0", TABLE)
    equal(devices(), ["ipsec0", "ipsec1", "ipsec7"], "devices")
    tncfg("--create", "ipsec3")
    equal(devices(), ["ipsec0", "ipsec1", "ipsec3", "ipsec7"], "devices, in the order of their numbers")

with case("not twice"):
    result = tncfg("--create", "ipsec7", ok=False)
    check(result.status != 0 and result.err, f"it succeeded: {result}")
    equal(devices(), ["ipsec0", "ipsec1", "ipsec3", "ipsec7"], "devices")

with case("nor with a name that another device has, nor with a number that is too large"):
    ns.ip("link add ipsec5 type dummy")
    for name in ("ipsec5", "ipsec60000", "mast0"):
        check(tncfg("--create", name, ok=False).status != 0, f"{name} was made")
    ns.ip("link del ipsec5")
    equal(devices(), ["ipsec0", "ipsec1", "ipsec3", "ipsec7"], "devices")

with case("it can be attached and used"):
    attach("ipsec7", "phys0")
    ns.ip("link set ipsec7 up")
    equal(row("ipsec7"), "ipsec7 -> phys0 mtu=16260(1500) -> 1500", TABLE)

with case("tncfg --delete removes it, attached and up as it is"):
    tncfg("--delete", "ipsec7")
    tncfg("--delete", "ipsec3")
    equal(devices(), ["ipsec0", "ipsec1"], "devices")
    check(ns.run("ip", "link", "show", "ipsec7", ok=False).status != 0, "ip still shows it")

with case("not twice"):
    result = tncfg("--delete", "ipsec7", ok=False)
    check(result.status != 0 and result.err, f"it succeeded: {result}")

with case("and it can be made again, again and again"):
    for _ in range(fewer(20)):
        tncfg("--create", "ipsec7")
        attach("ipsec7", "phys0")
        tncfg("--delete", "ipsec7")
    equal(devices(), ["ipsec0", "ipsec1"], "devices")

with case("those that were there from the beginning can go and come as well"):
    tncfg("--delete", "ipsec0")
    equal(devices(), ["ipsec1"], "devices")
    tncfg("--create", "ipsec0")
    equal(devices(), ["ipsec0", "ipsec1"], "devices")

# The physical device changes.

with case("its MTU changes: the listing tells the new one beside the old, the device keeps its own"):
    attach("ipsec0", "phys0")
    ns.ip("link set ipsec0 up", "link set phys0 mtu 1400")
    equal(row("ipsec0"), "ipsec0 -> phys0 mtu=16260(1500) -> 1400", TABLE)
    ns.ip("link set phys0 mtu 1500")
    equal(row("ipsec0"), "ipsec0 -> phys0 mtu=16260(1500) -> 1500", TABLE)

with case("its address changes: the device has the new one"):
    ns.ip("link set phys0 address 02:00:00:00:00:42")
    equal(address("ipsec0"), "02:00:00:00:00:42", "address")

with case("it is renamed: still attached, under the new name"):
    ns.ip("link set phys0 down", "link set phys0 name other0", "link set other0 up")
    equal(row("ipsec0"), "ipsec0 -> other0 mtu=16260(1500) -> 1500", TABLE)

with case("it goes away, and one of that name comes: attached again"):
    ns.ip("link del other0")
    equal(row("ipsec0"), "ipsec0 -> NULL mtu=16260(0) -> 0", TABLE)
    # The name that it had when it was attached is no longer its name.
    ns.ip("link add phys0 type dummy", "link set phys0 up")
    equal(row("ipsec0"), "ipsec0 -> NULL mtu=16260(0) -> 0", TABLE)
    ns.ip("link add other0 mtu 1300 type dummy", "link set other0 up")
    equal(row("ipsec0"), "ipsec0 -> other0 mtu=16260(1300) -> 1300", TABLE)
    equal(address("ipsec0"), address("other0"), "address")

with case("and again and again"):
    for _ in range(fewer(10)):
        ns.ip("link del other0", "link add other0 type dummy", "link set other0 up")
        check("-> other0" in row("ipsec0"), row("ipsec0"))

with case("detached on purpose, it stays detached"):
    tncfg("--detach", "--virtual", "ipsec0")
    ns.ip("link set other0 down", "link set other0 up", "link del other0", "link add other0 type dummy",
          "link set other0 up")
    check("-> NULL" in row("ipsec0"), row("ipsec0"))

with case("detached while its device is away, it does not wait for it any more"):
    attach("ipsec0", "other0")
    ns.ip("link del other0")
    tncfg("--detach", "--virtual", "ipsec0")
    ns.ip("link add other0 type dummy", "link set other0 up")
    check("-> NULL" in row("ipsec0"), row("ipsec0"))

with case("attached to another one meanwhile, it stays there"):
    attach("ipsec0", "other0")
    ns.ip("link del other0")
    attach("ipsec0", "phys0")
    ns.ip("link add other0 type dummy", "link set other0 up")
    check("-> phys0" in row("ipsec0"), row("ipsec0"))
    tncfg("--detach", "--virtual", "ipsec0")

# Devices upon devices.

with case("not to a device that stands on an ipsecN device"):
    attach("ipsec0", "phys0")
    made = [name for name, words in (("vlan5", "type vlan id 5"), ("mac5", "type macvlan"), ("ipv5", "type ipvlan"))
            if ns.run("ip", "link", "add", "link", "ipsec0", "name", name, *words.split(), ok=False).status == 0]
    for name in made:
        for virtual in ("ipsec0", "ipsec1"):
            check(attach(virtual, name, ok=False).status != 0, f"{virtual} was attached to {name}")
        check("-> NULL" in row("ipsec1"), row("ipsec1"))
        ns.ip(f"link del {name}")
    check(made, "nothing can be put on ipsec0, so this tests nothing")

with case("to a VLAN or macvlan of a physical device: yes"):
    ns.ip("link add link phys0 name vlan6 type vlan id 6", "link set vlan6 up")
    attach("ipsec1", "vlan6")
    check("-> vlan6" in row("ipsec1"), row("ipsec1"))
    ns.ip("link set ipsec1 up")

with case("a namespace with all that can be deleted"):
    tncfg("--create", "ipsec7")
    attach("ipsec7", "other0")
    ns.run("ip", "link", "add", "link", "ipsec7", "name", "mac7", "type", "macvlan", ok=False)
    ns.delete()

with case("a new one of that name is as new"):
    ns = Netns("k-device")
    equal(devices(), ["ipsec0", "ipsec1"], "devices")
    ns.delete()

# Under traffic.

topology = Topology()
suite = BY_NAME["aes128-gcm"]
gateway, peer, pair = topology.tunnel(suite)
gw = topology.gwA
on_wire, sender, key = Sniffer(topology.gwB, "wan0"), Wire(topology.hostA), PfKey(gw)


def update(sa, **words):
    """UPDATE of an SA with the key that it has, unless told otherwise."""
    words = {"enc_key": sa.keys[0], "encrypt": suite.enc_id, "replay": 64, **words}
    code = key.write(add(ESP, sa.dst, sa.spi, src=sa.src, kind=UPDATE, **words))
    key.drain()
    return code


def is_from_a(packet):
    """Whether a packet is ESP that gateway A has sent."""
    return packet[9] == 50 and socket.inet_ntoa(packet[12:16]) == A


def sent(count):
    """Host A sends packets to host B: the ESP on the wire."""
    on_wire.all()
    for _ in range(count):
        sender.send(HOST_A, HOST_B, 17, udp(7, 9, bytes(50)))
    packets = []
    while len(packets) < count:
        packet = on_wire.next(want=is_from_a)
        check(packet is not None, f"{len(packets)} of {count} ESP packets")
        packets.append(Esp(packet[20:], 16))
    return packets


with case("UPDATE with the key that the SA has: it counts on, and no IV comes twice"):
    out, inward = gateway.order(pair)
    packets = sent(5)
    equal(update(out), 0, "errno of UPDATE")
    packets += sent(5)
    equal(update(out), 0, "errno of UPDATE")
    packets += sent(5)
    numbers = [esp.sequence for esp in packets]
    check(all(a < b for a, b in zip(numbers, numbers[1:], strict=False)), f"sequence numbers: {numbers}")
    equal(len({esp.body[:8] for esp in packets}), 15, "different IVs")
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)

with case("the same for what comes in: what was taken is not taken again"):
    caught = Sniffer(gw, "wan0")
    ping(topology.hostB, HOST_A)
    old = caught.next(want=lambda packet: packet[9] == 50 and socket.inet_ntoa(packet[12:16]) == B)
    caught.close()
    equal(update(inward), 0, "errno of UPDATE")
    watch = Watch(gw)
    back = Wire(topology.gwB)
    back.send_packet(old, A)
    until(watch.rose, "it is discarded", 5)
    equal(list(watch.rose()), ["rx_replayed"], "discarded packets")
    back.close()
    ping(topology.hostB, HOST_A)

with case("the same in the midst of traffic, again and again: no number comes twice"):
    watch, numbers, updates = Watch(gw), [], 0
    pouring = topology.hostA.start(sys.executable, "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(bytes(50), ("{HOST_B}", 9))
""")
    try:
        deadline = time.monotonic() + 20 * SLOWER
        while (len(numbers) < 500 or updates < 50) and time.monotonic() < deadline:
            equal(update(out), 0, "errno of UPDATE")
            updates += 1
            numbers += [Esp(packet[20:], 16).sequence for packet in on_wire.all() if is_from_a(packet)]
    finally:
        stop(pouring)
    check(len(numbers) >= 100 and updates >= 20, f"only {len(numbers)} packets and {updates} times")
    equal(len(numbers) - len(set(numbers)), 0, f"numbers that came twice, of {len(numbers)}")
    # Lost are those that were on their way through the SA that was replaced, no others.
    check(set(watch.rose()) <= {"tx_sa_not_mature"}, f"discarded packets: {watch.rose()}")
    on_wire.all(0.2)

with case("UPDATE with another key starts anew"):
    fresh = suite.keys()
    equal(update(out, enc_key=fresh[0]), 0, "errno of UPDATE")
    equal(sent(1)[0].sequence, 1, "sequence number")
    equal(update(out), 0, "errno of UPDATE back to the first key")

with case("the physical device goes away under traffic and comes again: packets flow without help"):
    for end_ in (gateway, peer):
        end_.clear()
        end_.install(pair)
    # Both sides know the numbers anew.
    ping(topology.hostA, HOST_B)
    gw.ip("link del wan0")
    no_ping(topology.hostA, HOST_B)
    gw.ip(f"link add wan0 type veth peer name wan0 netns {topology.gwB.name}", f"addr add {A}/24 dev wan0",
          "link set wan0 up")
    topology.gwB.ip(f"addr add {B}/24 dev wan0", "link set wan0 up", "route add 10.1.0.0/24 via 192.0.2.1")
    check("-> wan0 " in row("ipsec0", gw), row("ipsec0", gw))
    check(NET_B in gw.run("ip", "route", "show", "dev", "ipsec0").out, "the route into ipsec0 is gone")
    until(lambda: reaches(topology.hostA, HOST_B), "packets flow", 10)

with case("the device removed under traffic: packets are lost, nothing else"):
    enough = threading.Event()

    def pour():
        """Sends until told to stop; without a route it cannot."""
        while not enough.is_set():
            sender.send(HOST_A, HOST_B, 17, udp(7, 9, bytes(50)))

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    for _ in range(5):
        gw.run("ipsec", "tncfg", "--delete", "ipsec0")
        gw.run("ipsec", "tncfg", "--create", "ipsec0")
        gateway.start()
    enough.set()
    thread.join()
    until(lambda: reaches(topology.hostA, HOST_B), "packets flow", 10)

topology.delete()
key.close()
end()
