# SPDX-License-Identifier: GPL-2.0-only
"""One SA's packets decrypted by all processors, because they come fast: each flow keeps its order, nothing is lost."""

import collections
import itertools
import os
import socket
import struct
import sys
import time

from klipstest.arena import Arena, Victim
from klipstest.cells import Cell
from klipstest.counters import Watch, device
from klipstest.netns import run, stop
from klipstest.packet import Sniffer, Wire, forgeries
from klipstest.suites import AH_SUITES, BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, fewer, note, until
from klipstest.topology import A, B, HOST_A, HOST_B, Klips, Topology, sa_pair
from klipstest.traffic import ping, transfer

GCM = BY_NAME["aes128-gcm"]
# Packets of one processor; more than an SA is weighed after, several times over.
EACH = fewer(4000, 2000)
# Packets in a second: one that any stream exceeds, one that none does.
LOW, HIGH = 20, 1_000_000_000
PORT = 9
SENDER = """
import os, socket, struct, sys
cpu, count, to, size = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
os.sched_setaffinity(0, {cpu})
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
rest = bytes(size - 4)
sys.stdin.read()
for n in range(count):
    sock.sendto(struct.pack("!I", n) + rest, (to, 9))
"""
RCVBUFFORCE = 33

processors = sorted(os.sched_getaffinity(0))
if len(processors) < 2:
    note("skipped: there is one processor only")
    end()
    sys.exit(0)

topology = Topology()
far, near = ends = topology.gateway("A", Klips), topology.gateway("B", Klips)
for gateway in ends:
    gateway.start()
gw = topology.gwB
with topology.hostB:
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 256 << 20)
sink.bind((HOST_B, PORT))
sink.setblocking(False)


def install(suite, *words):
    """New SAs at both ends, with windows that are large enough for a processor that sends later than others."""
    pair = sa_pair(suite)
    for gateway in ends:
        gateway.clear()
    for gateway in ends:
        gateway.install(pair, "--replay_window", "4096", *words)


def threshold(rate):
    """The rate from which on packets are spread at both gateways."""
    for ns in (topology.gwA, topology.gwB):
        ns.sysctl("net.ipsec.spread_rate", rate)


def spread(ns=gw):
    """How many packets were spread."""
    return int(ns.read("/proc/net/ipsec/stats/spread_count"), 16)


def received():
    """The datagrams that came since the last look: numbers by sender."""
    flows = collections.defaultdict(list)
    while True:
        try:
            data, source = sink.recvfrom(2048)
        except BlockingIOError:
            return flows
        flows[source].append(struct.unpack_from("!I", data)[0])


class Streams:
    """Streams of numbered datagrams, one from each of some processors, which come to host B in order.

    What a processor holds up that is stopped for a while, as those of guests are, may be too much to wait for: it is dropped
    then, and counted."""

    def __init__(self, cpus, count=EACH, size=40):
        received()
        self._sent, self._before, self._came = count * len(cpus), spread(), collections.defaultdict(list)
        self._watch = Watch(gw)
        self._senders = [topology.hostA.start(sys.executable, "-c", SENDER, cpu, count, HOST_B, size, stdin=-1)
                         for cpu in cpus]
        for sender in self._senders:
            sender.stdin.close()

    @property
    def run(self):
        """Whether there are more to come."""
        return any(sender.poll() is None for sender in self._senders)

    @property
    def spread(self):
        """How many of them were spread."""
        return spread() - self._before

    def _is_over(self):
        for flow, numbers in received().items():
            self._came[flow].extend(numbers)
        busy = self._watch.rose().get("rx_crypto_busy", 0)
        return sum(map(len, self._came.values())) + busy == self._sent

    def finish(self, **wrong):
        """Waits for the end: nothing is discarded but so many `wrong` ones, and what could not wait."""
        equal([sender.wait() for sender in self._senders], [0] * len(self._senders), "how the senders ended")
        until(self._is_over, "all arrive", 10)
        until(lambda: sum(self._watch.rose().values()) >= sum(wrong.values()), "the wrong ones are counted", 10)
        rose = self._watch.rose()
        busy = rose.pop("rx_crypto_busy", 0)
        equal(rose, wrong, "discarded packets")
        check(self._came, "no packet came")
        for numbers in self._came.values():
            overtaken = sum(b < a for a, b in itertools.pairwise(numbers))
            equal((overtaken, len(numbers) - len(set(numbers))), (0, 0), "packets of a stream that were overtaken; twice there")
        if busy:
            note(f"{busy} of {self._sent} packets could not wait")


def stream(cpus, count=EACH, size=40, meanwhile=lambda: time.sleep(0.01)):
    """Streams from beginning to end; how many of their packets were spread."""
    streams = Streams(cpus, count, size)
    while streams.run:
        meanwhile()
    streams.finish()
    return streams.spread


def traffic():
    """Pings of all sizes and TCP, both ways, while packets are spread; nothing may be discarded."""
    watches = [Watch(ns) for ns in (topology.gwA, topology.gwB)]
    for source, to in ((topology.hostA, HOST_B), (topology.hostB, HOST_A)):
        flood = source.start("ping", "-f", "-c", str(fewer(1500, 800)), "-q", to, stdout=-1)
        for size in (0, 40, 43, 1372, 9000):
            ping(source, to, size)
        text = flood.communicate()[0]
        check(" 0% packet loss" in (text if isinstance(text, str) else text.decode()), f"pings are lost: {text}")
    transfer(topology.hostA, topology.hostB, HOST_B, 100_000)
    transfer(topology.hostB, topology.hostA, HOST_A, 100_000)
    equal([watch.rose() for watch in watches], [{}, {}], "discarded packets")


def warm():
    """Has packets from host A spread."""
    threshold(LOW)
    check(stream(processors[:1], 1000), "nothing is spread")


install(GCM)

with case("by default nothing is spread, however fast packets come, nor below the rate that is set"):
    equal(gw.read("/proc/sys/net/ipsec/spread_rate").strip(), "0", "the default")
    equal(stream(processors), 0, "packets that were spread")
    threshold(HIGH)
    equal(stream(processors), 0, "packets that were spread")

with case("from the rate that is set on they are, and keep their order: from one processor, small and large"):
    threshold(LOW)
    for size in (40, 1300):
        count = stream(processors[:1], size=size)
        note(f"{count} of {EACH} packets of {size} bytes were spread")
        check(count > EACH // 10, f"{count} of {EACH} packets were spread")

with case(f"the same from {len(processors)} processors at a time"):
    count = stream(processors)
    check(count > EACH * len(processors) // 10, f"{count} packets were spread")

with case("it begins and ends in the midst of streams, over and over, and no packet overtakes another"):
    rates = itertools.cycle((0, LOW))
    changes = 0

    def change():
        """The other way now."""
        global changes
        threshold(next(rates))
        changes += 1
        time.sleep(0.03)

    count = stream(processors, 4 * EACH, meanwhile=change)
    note(f"{count} of {4 * EACH * len(processors)} were spread, with {changes} changes")
    check(0 < count < 4 * EACH * len(processors), f"{count} were spread")

with case("it ends when packets come slowly, and when it is switched off"):
    warm()
    threshold(1000)
    for _ in range(2):
        time.sleep(1.1)
        ping(topology.hostA, HOST_B)
    before = spread()
    for _ in range(5):
        ping(topology.hostA, HOST_B)
    equal(spread() - before, 0, "packets that were spread")
    warm()
    threshold(0)
    time.sleep(0.1)
    ping(topology.hostA, HOST_B)
    equal(stream(processors), 0, "packets that were spread")

for name in ("aes128-sha1-96", "chacha20-poly1305", "null-sha2-256-96"):
    with case(f"{name}"):
        install(BY_NAME[name])
        threshold(LOW)
        check(stream(processors[:1]) > EACH // 10, "packets are spread")
        traffic()

with case("both ways, of all sizes, in fragments, and TCP"):
    install(GCM)
    warm()
    before = spread(), spread(topology.gwA)
    traffic()
    check(spread() > before[0] and spread(topology.gwA) > before[1], "packets are spread both ways")

with case("extended sequence numbers"):
    install(GCM, "--esn")
    warm()
    traffic()

with case("what is replayed or changed is counted as ever, each once, and harms nobody"):
    install(GCM)
    on_wire, wire = Sniffer(topology.gwB, "wan0"), Wire(topology.gwA)
    on_wire.all()
    ping(topology.hostA, HOST_B)
    packet = on_wire.next(want=lambda p: p[9] == 50 and p[12:16] == socket.inet_aton(A))
    on_wire.close()
    forged = list(forgeries(packet, 1_000_000))
    threshold(LOW)
    # Beside a stream, by which it is seen that packets are spread, and that it is not disturbed.
    streams = Streams(processors[:1], 4 * EACH)
    until(lambda: streams.spread > 100, "packets are spread")
    for _ in range(20):
        wire.send(A, B, 50, packet[20:])
    for changed in forged:
        wire.send(A, B, 50, changed)
    streams.finish(rx_replayed=20, rx_icv_failed=len(forged))


with case("a limit of packets ends an SA with the same packet as ever, however many are under way"):
    limit = EACH // 2
    pair = sa_pair(GCM)
    for gateway, words in ((far, ()), (near, ("--life", f"hard-packets={limit}"))):
        gateway.clear()
        gateway.install(pair, "--replay_window", "4096", *words)
    threshold(LOW)
    streams = Streams(processors[:1], 2 * EACH)
    until(lambda: not streams.run, "all are sent", 60)
    until(lambda: f"esp{pair[0].spi:#x}@{B}" not in gw.read("/proc/net/ipsec_spi"), "the SA is gone", 10)
    time.sleep(0.1)
    check(streams.spread > limit // 10, f"{streams.spread} packets were spread")
    # Exceeded is more than the limit, and it is looked at before a packet is counted.
    equal(sum(map(len, received().values())), limit + 1, "packets that arrived")
    install(GCM)


def load():
    """Floods in both directions, which are spread."""
    before = spread()
    running = [topology.hostA.start("ping", "-f", "-s", "1300", HOST_B), topology.hostB.start("ping", "-f", HOST_A)]
    until(lambda: spread() > before + 100, "packets are spread")
    return running


with case("SAs are deleted and made anew meanwhile"):
    threshold(LOW)
    for _ in range(3):
        running = load()
        install(GCM)
        for flood in running:
            stop(flood)
    traffic()

with case("devices are detached, attached and removed meanwhile"):
    running = load()
    for _ in range(5):
        gw.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
        gw.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
    gw.ip("link del ipsec0")
    for flood in running:
        stop(flood)
    gw.ip("link add name ipsec0 type klips")
    near.start()
    install(GCM)
    traffic()

with case("the module goes meanwhile, and comes again"):
    for _ in range(3):
        threshold(LOW)
        running = load()
        run("modprobe", "-r", "klips")
        run("modprobe", "klips")
        for flood in running:
            stop(flood)
        for gateway in (far, near):
            gateway.start()
        install(GCM)
    warm()
    traffic()

with case("a namespace goes meanwhile"):
    threshold(LOW)
    running = load()
    topology.gwB.delete()
    until(lambda: topology.gwA.run("ip", "link", "show", "wan0", ok=False).status != 0, "the namespace is gone", 30)
    for flood in running:
        stop(flood)

sink.close()
topology.delete()

CELLS = [Cell(0, "ESP", "tunnel", 4, 4, GCM, udp=True), Cell(1, "ESP", "transport", 4, 4, GCM), Cell(2, "ESP", "tunnel", 6, 6, GCM),
         Cell(3, "AH+ESP", "tunnel", 6, 6, GCM, AH_SUITES[2]), Cell(4, "IPComp+ESP", "tunnel", 4, 4, BY_NAME["aes128-sha1-96"])]

with case("in UDP, in transport mode, over IPv6, within AH, around IPComp: all are taken"):
    arena = Arena()
    arena.a.sysctl("net.ipsec.spread_rate", LOW)
    for cell in CELLS:
        victim, before = Victim(arena, cell), spread(arena.a)
        # Fewer at a time than may be under way.
        until(lambda: victim.take(300) or spread(arena.a) > before + 100, f"packets of {cell} are spread", 10)
    arena.close()

end()
