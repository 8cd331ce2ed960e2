# SPDX-License-Identifier: GPL-2.0-only
"""Ciphers that come back later: `pcrypt`, taken because net.ipsec.async_crypto is 1."""

import threading

from klipstest import pcrypt, pfkey
from klipstest.counters import Watch, device
from klipstest.netns import run, stop
from klipstest.packet import Sniffer, Wire, forgeries
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, Klips, Sa, Topology, sa_pair
from klipstest.traffic import Pinger, no_ping, ping, transfer

NAMES = ("aes128-gcm", "aes128-sha1-96", "chacha20-poly1305")
GCM = BY_NAME["aes128-gcm"]
INNER_A, INNER_B = "198.51.100.1", "198.51.100.2"

for name in NAMES:
    pcrypt.instantiate(pcrypt.driver_of(BY_NAME[name]))

topology = Topology()
ends = topology.gateway("A", Klips), topology.gateway("B", Klips)
for gateway in ends:
    gateway.start()


def install(suite, *words):
    """New SAs at both ends."""
    pair = sa_pair(suite)
    for gateway in ends:
        gateway.clear()
    for gateway in ends:
        gateway.install(pair, *words)
    return pair


def late(value):
    """Lets SAs that are made from now on have asynchronous ciphers, or not."""
    for gateway in ends:
        gateway.ns.sysctl("net.ipsec.async_crypto", value)


def traffic():
    """Pings of all sizes and TCP, both ways; nothing may be discarded, nor arrive out of order."""
    watches = [Watch(gateway.ns) for gateway in ends]
    for source, to in ((topology.hostA, HOST_B), (topology.hostB, HOST_A)):
        pinger = Pinger(source)
        for size in (0, *range(40, 57, 3), 1372, 9000):
            pinger.ping(to, size)
        pinger.close()
    transfer(topology.hostA, topology.hostB, HOST_B, 50_000)
    transfer(topology.hostB, topology.hostA, HOST_A, 50_000)
    equal([watch.rose() for watch in watches], [{}, {}], "discarded packets")


with case("a synchronous cipher is preferred, whatever the kernel ranks highest"):
    before = pcrypt.users("rfc4106(gcm(aes))")
    install(GCM)
    equal(pcrypt.users("rfc4106(gcm(aes))") - before, 0, "asynchronous transforms")
    traffic()

for name in NAMES:
    suite = BY_NAME[name]
    with case(f"with net.ipsec.async_crypto=1 the asynchronous one is taken, and carries all traffic: {name}"):
        late(1)
        driver = pcrypt.driver_of(suite)
        before = pcrypt.users(driver)
        install(suite)
        equal(pcrypt.users(driver) - before, 4, "asynchronous transforms")
        traffic()

with case("extended sequence numbers"):
    install(GCM, "--esn")
    traffic()

with case("SAs that were made keep their ciphers, and their memory goes with them"):
    late(0)
    traffic()
    for gateway in ends:
        gateway.clear()
    until(lambda: pcrypt.users("rfc4106(gcm(aes))") == 0, "the transforms are freed")

with case("two tunnels in one another, both asynchronous"):
    late(1)
    inner = Sa(INNER_A, INNER_B, 0x3001, 0x3000, GCM), Sa(INNER_B, INNER_A, 0x4001, 0x4000, GCM)
    outer = sa_pair(BY_NAME["aes128-sha1-96"])
    for gateway, mine, me, peer in ((ends[0], 0, INNER_A, INNER_B), (ends[1], 1, INNER_B, INNER_A)):
        gateway.ns.ip(f"addr add {me}/32 dev lo")
        for sa in (*inner, *outer):
            gateway.spi(sa)
        for how, src, dst, sa in (("--add", gateway.mine, gateway.theirs, inner[mine]),
                                  ("--addin", gateway.theirs, gateway.mine, inner[1 - mine]),
                                  ("--add", f"{me}/32", f"{peer}/32", outer[mine]),
                                  ("--addin", f"{peer}/32", f"{me}/32", outer[1 - mine])):
            gateway.ns.run("ipsec", "eroute", how, "--eraf", "inet", "--src", src, "--dst", dst,
                           "--said", f"tun{sa.tun:#x}@{sa.dst}")
    traffic()

with case("ESP within ESP within one group"):
    for gateway in ends:
        gateway.clear()
    inside, outside = sa_pair(GCM), sa_pair(BY_NAME["aes128-sha1-96"], 0x5000)
    for gateway in ends:
        for sa, more in zip(inside, outside):
            names = [["inet", sa.dst, hex(spi), proto] for spi, proto in
                     ((sa.tun, "tun"), (sa.spi, "esp"), (more.spi, "esp"))]
            for (_, _, spi, proto), words in zip(names, (["--ip4", "--dst", sa.dst], sa.suite.ipsec(sa.keys),
                                                         more.suite.ipsec(more.keys))):
                gateway.ns.run("ipsec", "spi", "--af", "inet", "--edst", sa.dst, "--src", sa.src, "--spi", spi,
                               "--proto", proto, *words)
            gateway.ns.run("ipsec", "spigrp", *sum(names, []))
        out, inward = gateway.order(inside)
        gateway.ns.run("ipsec", "eroute", "--addin", "--eraf", "inet", "--src", gateway.theirs, "--dst", gateway.mine,
                       "--said", f"tun{inward.tun:#x}@{inward.dst}")
        gateway.ns.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", gateway.mine, "--dst", gateway.theirs,
                       "--said", f"tun{out.tun:#x}@{out.dst}")
    traffic()

with case("what a cipher refuses altogether is counted, each packet once, and later ones go through"):
    install(GCM)
    for direction, gateway, reason in (("pencrypt", ends[0], "tx_crypto_failed"), ("pdecrypt", ends[1], "rx_decrypt_failed")):
        watch = Watch(gateway.ns)
        with pcrypt.without_processors(direction):
            for _ in range(3):
                no_ping(topology.hostA, HOST_B)
        equal(watch.rose(), {reason: 3}, "discarded packets")
    traffic()

with case("what is replayed or changed is counted as ever, each once"):
    install(GCM)
    on_wire, wire = Sniffer(topology.gwA, "wan0"), Wire(topology.gwB)
    on_wire.all()
    ping(topology.hostB, HOST_A)
    packet = on_wire.next(want=lambda packet: packet[9] == 50 and packet[12:16] == bytes((192, 0, 2, 2)))
    watch = Watch(topology.gwA)
    for _ in range(20):
        wire.send(B, A, 50, packet[20:])
    until(lambda: sum(watch.rose().values()) >= 20, "they are dropped")
    equal(watch.rose(), {"rx_replayed": 20}, "discarded packets")
    watch = Watch(topology.gwA)
    forged = list(forgeries(packet, 1000))
    for changed in forged:
        wire.send(B, A, 50, changed)
    count = len(forged)
    until(lambda: sum(watch.rose().values()) >= count, "they are dropped")
    equal(watch.rose(), {"rx_icv_failed": count}, "discarded packets")
    ping(topology.hostB, HOST_A)
    on_wire.close()

with case("a flood is carried or counted, and leaves nothing behind"):
    floods = [topology.hostA.start("ping", "-f", "-s", "1000", HOST_B), topology.hostB.start("ping", "-f", HOST_A)]
    counted, watch = Watch(topology.gwA), Watch(topology.gwA, device)
    until(lambda: watch.rose().get("tx_packets", 0) > 1500, "1500 packets", 60)
    for flood in floods:
        stop(flood)
    check(set(counted.rose()) <= {"rx_replayed", "tx_crypto_busy", "rx_crypto_busy"}, f"reasons: {counted.rose()}")
    traffic()


def load():
    """Floods in both directions."""
    running = [topology.hostA.start("ping", "-f", "-s", "1300", HOST_B), topology.hostB.start("ping", "-f", HOST_A)]
    watch = Watch(topology.gwA, device)
    until(lambda: watch.rose().get("rx_packets", 0) > 100, "traffic flows")
    return running


with case("SAs are deleted and made anew while ciphers have packets of theirs"):
    running = load()
    for _ in range(3):
        install(GCM)
    for flood in running:
        stop(flood)
    install(GCM)
    traffic()

with case("a group is made and dissolved while ciphers have packets: none leaves with a part of its protection"):
    install(GCM)
    gw, key = topology.gwA, pfkey.PfKey(topology.gwA)
    gw.run("ipsec", "spi", "--said", f"ah0x1002@{B}", "--src", A, "--ah", "hmac-sha2-256-128", "--authkey", "0x" + "5a" * 32)
    tunnel, esp, ah = (pfkey.IPIP, B, 0x1000), (pfkey.ESP, B, 0x1001), (pfkey.AH, B, 0x1002)
    on_wire, blast = Sniffer(topology.gwB, "wan0"), Wire(topology.hostA)
    over = threading.Event()

    def send():
        """Datagrams that nobody answers, one after the other."""
        while not over.is_set():
            blast.send(HOST_A, HOST_B, 253, bytes(1000))

    equal(key.write(pfkey.group(tunnel)), 0, "errno")
    sender = threading.Thread(target=send)
    sender.start()
    seen = set()
    try:
        for number in range(200):
            # The policy is all of the group, or the tunnel alone; ESP without AH it is at no time.
            steps = ((esp, ah), (tunnel, esp), (tunnel,)) if number % 2 else ((tunnel, esp, ah), (tunnel,))
            equal({key.write(pfkey.group(*names)) for names in steps}, {0}, "errno")
            key.drain()
            seen |= {packet[9] for packet in on_wire.all() if packet[12:16] == bytes((192, 0, 2, 1))}
    finally:
        over.set()
        sender.join()
    check(seen >= {4, 51}, f"protocols on the wire: {seen}")
    check(50 not in seen, "packets left without AH")
    on_wire.close()
    key.close()

with case("devices are detached, attached and removed while ciphers have packets"):
    running = load()
    for _ in range(5):
        topology.gwA.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
        topology.gwA.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
    topology.gwA.ip("link del ipsec0")
    for flood in running:
        stop(flood)
    topology.gwA.ip("link add name ipsec0 type klips")
    ends[0].start()
    install(GCM)
    traffic()

with case("the module and a namespace go while ciphers have packets"):
    running = load()
    run("modprobe", "-r", "klips")
    run("modprobe", "klips")
    for flood in running:
        stop(flood)
    for gateway in ends:
        gateway.start()
    late(1)
    install(GCM)
    traffic()
    running = load()
    topology.gwA.delete()
    until(lambda: topology.gwB.run("ip", "link", "show", "wan0", ok=False).status != 0, "the namespace is gone", 30)
    for flood in running:
        stop(flood)

topology.delete()
end()
