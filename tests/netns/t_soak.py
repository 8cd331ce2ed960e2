# SPDX-License-Identifier: GPL-2.0-only
"""Load and churn: tunnels renewed without end, tables changed from four sides, modules and namespaces that come and go,
floods; all of it beside traffic. Nothing is lost that need not be, nothing is in clear, and the memory is flat.

`make soak` runs the long form. TUNNELS=N, STORM= and CHURN= (seconds), CYCLES= (of the module), NAMESPACES=, and FLOOD=
(packets of each kind) say how long. Timings are told and never asserted.
"""

import collections
import contextlib
import itertools
import os
import select
import signal
import socket
import struct
import time
import traceback

from klipstest import netns, pfkey
from klipstest.burst import Burst
from klipstest.counters import Watch, device, drops, xfrm
from klipstest.crowd import Crowd
from klipstest.matrix import mac
from klipstest.memory import MEASURED, forget, kernel_memory, percpu, settled, slabs
from klipstest.netns import run
from klipstest.packet import ESP, Sniffer, ipv4
from klipstest.tally import CLEAR, PROTECTED, Tally
from klipstest.tap import case, check, contains, end, equal, fewer, note, until
from klipstest.topology import A, B, Topology
from klipstest.tunnels import Tunnels, attach, gone, must, prepare, quiet, sas

# In one burst of the flood, of each kind.
KIND = 50
TUNNELS, STORM, CHURN, CYCLES, NAMESPACES, FLOOD = (
    int(os.environ.get(name) or default) for name, default in
    (("TUNNELS", 20), ("STORM", 5), ("CHURN", 3), ("CYCLES", 3), ("NAMESPACES", fewer(20)),
     ("FLOOD", fewer(1500, KIND))))
CHANGERS = 4
# All but the processor that this runs on.
SENDERS = max(os.cpu_count() - 1, 1)
# Of them the ones that are set up again whenever the module is.
FEW = min(TUNNELS, 20)
# MiB that may be missing in the end. An SA is more than a KiB of it, a namespace some hundreds, the module too; in the
# long form one of them lost in each round is more than this. Percpu is what each processor has its own of.
LOST, LOST_PERCPU = 8, 2
# Lines of the kernel's log that a flood may make.
LINES = 3
AHEAD = 0x10000000
UNKNOWN = 0x4711
BACKLOG = "/proc/sys/net/core/netdev_max_backlog"


class Ground:
    """What the memory is measured against."""

    def __init__(self):
        self.total, self.percpu, self.slabs = self.now()

    @staticmethod
    def now():
        """MiB of everything, of what processors have their own of, and of each kind of slabs."""
        forget()
        return kernel_memory()[0], percpu(), slabs()

    def flat(self, what):
        """Waits until the memory is back, and tells."""
        if MEASURED:
            with contextlib.suppress(AssertionError):
                until(self._fits, "", 60)
        total, own, kinds = self.now()
        grown = sorted(((size - self.slabs.get(name, 0), name) for name, size in kinds.items()), reverse=True)[:4]
        note(f"after {what}: {total - self.total:+.1f} MiB, {own - self.percpu:+.2f} in Percpu; most in "
             + ", ".join(f"{name} {size:+.2f}" for size, name in grown))
        with open("/proc/meminfo", encoding="ascii") as file:
            note("; ".join(line.strip() for line in file if line.split(":")[0] in ("MemAvailable", "Percpu", "Slab")))
        if not MEASURED:
            return
        check(total - self.total <= LOST, f"{total - self.total:.1f} MiB more than before")
        check(own - self.percpu <= LOST_PERCPU, f"{own - self.percpu:.2f} MiB more in Percpu than before")

    def _fits(self):
        total, own, _ = self.now()
        return total - self.total <= LOST / 2 and own - self.percpu <= LOST_PERCPU / 2


@contextlib.contextmanager
def beside(*works):
    """Functions in processes of their own, each of which must return before the block ends, or right after."""
    pids = []
    for work in works:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                work()
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)
        pids.append(pid)
    try:
        yield [os.pidfd_open(pid) for pid in pids]
    except BaseException:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    equal(statuses, [0] * len(pids), "exit statuses of the processes")


def nothing_in_clear():
    """Checks the wire."""
    equal((clear.count(), clear.first()), (0, []), "packets in clear on the wire")


def all_arrived(crowd, watches):
    """Checks that no request was lost, and that nothing was discarded."""
    nothing_in_clear()
    equal([watch.rose() for watch in watches], [{}] * len(watches), "discarded packets, ours and XFRM's")
    equal(crowd.lost, 0, f"requests without an answer, of {crowd.sent}")


def watches():
    """What must not rise while everything arrives."""
    return [Watch(ns, what) for ns in (topology.gwA, topology.gwB) for what in (drops, xfrm)]


def storm(crowd, seconds):
    """Renews tunnel after tunnel, each of them once at least; how many were. Old SAs go when all that was sent before has
    been answered."""
    until_, old, renewed = time.monotonic() + seconds, collections.deque(), 0
    for n in itertools.cycle(range(TUNNELS)):
        if renewed >= TUNNELS and time.monotonic() >= until_:
            break
        old.append((tunnels.renew(n), time.monotonic_ns()))
        renewed += 1
        while old and old[0][1] < crowd.up_to():
            tunnels.retire(old.popleft()[0])
    for entry, moment in old:
        until(lambda moment=moment: moment < crowd.up_to(), "what was sent before is answered", 60)
        tunnels.retire(entry)
    return renewed


def change(number, seconds):
    """One of those who change tables: SAs and an eroute made, the eroute replaced, all of it taken away."""
    until_, key, rounds = time.monotonic() + seconds, quiet(topology.gwA), 0
    src, dst = f"198.51.{number}.0", "203.0.113.0"
    selector = pfkey.flow(src, "255.255.255.0", dst, "255.255.255.0")
    first, second = 0x1000 + 2 * number, 0x1001 + 2 * number
    while time.monotonic() < until_:
        must(key, *sas(A, B, first, bytes(20)), pfkey.addflow(selector, B, first, pfkey.IPIP), *sas(A, B, second, bytes(20)),
             pfkey.addflow(selector, B, second, pfkey.IPIP, pfkey.REPLACEFLOW), gone(A, B, first), pfkey.delflow(selector),
             gone(A, B, second))
        rounds += 1
    note(f"process {number}: {rounds} rounds of 9 requests in {seconds} s")


def sizes():
    """How long the listings of gateway A are."""
    return [len(topology.gwA.read(f"/proc/net/ipsec_{name}").splitlines()) for name in ("eroute", "spi", "spigrp")]


def reload():
    """The module goes and comes, and a few tunnels are made."""
    run("modprobe", "-r", "klips")
    run("modprobe", "klips")
    attach(topology)
    Tunnels(topology, FEW).close()


class Here:
    """The namespace that the process is in."""

    name = "this namespace"
    read = staticmethod(netns.read)


def namespace():
    """A namespace of the process, instead of the one before: with ipsec0, SAs, an eroute, and a packet through them."""
    os.unshare(os.CLONE_NEWNET)
    run("ip", "-batch", "-", stdin=f"""link add wan0 type dummy
        addr add {A}/24 dev wan0
        link set wan0 up
        link set ipsec0 type klips dev wan0
        addr add {A}/32 dev ipsec0
        link set ipsec0 up
        route add 203.0.113.0/24 dev ipsec0
        """)
    with pfkey.PfKey() as key, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        must(key, *sas(A, B, 0x1000, os.urandom(20)), *sas(B, A, 0x1001, os.urandom(20)),
             pfkey.addflow(pfkey.flow(A, "255.255.255.255", "203.0.113.0", "255.255.255.0"), B, 0x1000, pfkey.IPIP))
        sock.sendto(b"soak", ("203.0.113.1", 9))
    until(lambda: device(Here)["tx_packets"] == 1, f"the packet goes out: {device(Here)}, {drops(Here)}")


def many_namespaces(count):
    """So many, one after the other."""
    for _ in range(count):
        namespace()


def genuine(crowd):
    """Packets from gateway B that gateway A has taken."""
    sniffer = Sniffer(topology.gwA, "wan0")
    came = socket.inet_aton(B)
    packets = [sniffer.next(want=lambda packet: packet[9] == ESP and packet[12:16] == came) for _ in range(KIND)]
    sniffer.close()
    check(None not in packets, "there is no traffic")
    before = crowd.answered
    until(lambda: crowd.answered >= before + 2 * KIND, "they are taken")
    return packets


def hostile(packets):
    """As many of each kind: replayed, with an ICV that is wrong, with an SPI that nobody knows."""
    def changed(packet, spi=None, ahead=0):
        was, sequence = struct.unpack_from("!II", packet, 20)
        return ipv4(B, A, ESP, struct.pack("!II", spi or was, sequence + ahead) + packet[28:])

    return [kind for packet in packets
            for kind in (changed(packet), changed(packet, ahead=AHEAD), changed(packet, spi=UNKNOWN))]


def log():
    """A reader of the kernel's log from now on."""
    fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(fd, 0, os.SEEK_END)
    return fd


def lines(fd):
    """What the log has got since."""
    got = []
    with contextlib.suppress(BlockingIOError):
        while True:
            got.append(os.read(fd, 8192).decode(errors="replace").partition("\n")[0])
    return got


def pour(burst, packets, rounds):
    """The flood."""
    for _ in range(rounds):
        burst.send(packets)


note(f"TUNNELS={TUNNELS} STORM={STORM} CHURN={CHURN} CYCLES={CYCLES} NAMESPACES={NAMESPACES} FLOOD={FLOOD}, "
     f"{SENDERS} senders on {os.cpu_count()} processors")
# What comes for no SA of ours is XFRM's to count.
run("modprobe", "esp4")
topology = Topology()
prepare(topology)
attach(topology)
clear, protected = Tally(topology.gwA, "wan0", CLEAR), Tally(topology.gwA, "wan0", PROTECTED)
tunnels = Tunnels(topology, TUNNELS)

with case(f"{TUNNELS} tunnels are renewed without end: every packet arrives, and each of them protected"):
    full, watched = sizes(), watches()
    with Crowd(topology.hostA, TUNNELS, SENDERS) as crowd:
        renewed = storm(crowd, STORM)
    note(f"{renewed} tunnels renewed, {crowd.sent} requests answered; ESP packets on the wire: {protected.count()}")
    all_arrived(crowd, watched)
    equal(protected.count(), 2 * crowd.sent, "ESP packets on the wire")
    equal(sizes(), full, "lengths of the listings")

# What the first of everything takes is taken before the memory is measured.
with beside(*(lambda n=n: change(n, 0.2) for n in range(CHANGERS)), lambda: many_namespaces(2)):
    pass
settled()
ground = Ground()

with case(f"{CHANGERS} processes change SAs and eroutes beside traffic: every packet arrives, and the memory is flat"):
    watched = watches()
    with Crowd(topology.hostA, TUNNELS, 1) as crowd:
        with beside(*(lambda n=n: change(n, CHURN) for n in range(CHANGERS))):
            pass
    all_arrived(crowd, watched)
    equal(sizes(), full, "lengths of the listings")
    ground.flat("changes of the tables")

with case(f"{NAMESPACES} namespaces with ipsec0 come and go beside traffic: every packet arrives, and the memory is flat"):
    watched = watches()
    with Crowd(topology.hostA, TUNNELS, 1) as crowd:
        began = time.monotonic()
        with beside(lambda: many_namespaces(NAMESPACES)):
            pass
        note(f"{NAMESPACES} namespaces in {time.monotonic() - began:.1f} s")
    all_arrived(crowd, watched)
    ground.flat("namespaces")

with case(f"floods of {FLOOD} packets with unknown SPIs, wrong ICVs and old numbers each: each is counted, others arrive"):
    with open(BACKLOG, encoding="ascii") as file:
        backlog = file.read()
    netns.write(BACKLOG, "100000")
    kmsg, burst = log(), Burst(topology.gwB, "wan0", mac(topology.gwA))
    ours, native, others = Watch(topology.gwA), Watch(topology.gwA, xfrm), watches()[2:]
    wanted = FLOOD // KIND * KIND
    with Crowd(topology.hostA, TUNNELS, 1) as crowd:
        packets = hostile(genuine(crowd))
        began, before = time.monotonic(), crowd.answered
        with beside(lambda: pour(burst, packets, FLOOD // KIND)) as over:
            select.select(over, [], [])
        took = time.monotonic() - began
        note(f"{3 * wanted} packets in {took:.1f} s, {3 * wanted / took:.0f} in a second; {crowd.answered - before} "
             "requests answered meanwhile")
        with contextlib.suppress(AssertionError):
            until(lambda: sum((ours.rose() | native.rose()).values()) >= 3 * wanted, "", 30)
    equal((ours.rose(), native.rose()), ({"rx_icv_failed": wanted, "rx_replayed": wanted}, {"XfrmInNoStates": wanted}),
          "discarded packets, ours and XFRM's")
    all_arrived(crowd, others)
    said = lines(kmsg)
    check(len(said) <= LINES, f"{len(said)} lines in the kernel's log: {said[:5]}")
    netns.write(BACKLOG, backlog)
    burst.close()

tunnels.clear()
tunnels.close()
ground = Ground()

with case(f"the module goes and comes {CYCLES} times beside traffic: it flows again, not in clear, and the memory is flat"):
    Tunnels(topology, FEW).close()
    with Crowd(topology.hostA, FEW, 1, patience=1) as crowd:
        for number in range(CYCLES):
            reload()
            before = crowd.answered
            until(lambda before=before: crowd.answered >= before + 10, f"traffic flows after cycle {number}")
        note(f"{crowd.sent} requests sent, {crowd.answered} answered")
    nothing_in_clear()
    contains(topology.gwA.read("/proc/net/ipsec_tncfg"), "ipsec0 -> wan0", "the table")
    ground.flat("unloading and loading")

for tally in (clear, protected):
    tally.close()
topology.delete()
end()
