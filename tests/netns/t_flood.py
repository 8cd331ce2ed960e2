# SPDX-License-Identifier: GPL-2.0-only
"""A flood of distinct pairs of hosts into a %trap: what it may take of memory, of ACQUIREs, of the time of others.

PAIRS=N says how many; `make test-scale` takes a million.
"""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import time

from klipstest import pfkey
from klipstest.batch import Batch
from klipstest.counters import Watch
from klipstest.memory import MEASURED, kernel_memory, settled
from klipstest.packet import checksum
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, fewer, note, until
from klipstest.topology import B, HOST_B, Topology
from klipstest.traffic import Pinger, ping, transfer

ROW = 1000
PAIRS = int(os.environ.get("PAIRS") or fewer(20_000, ROW))
# Fewer holds than there may be ACQUIREs in one second, so that some must give way however short the flood is.
HOLDS, ACQUIRES = 150, 200
# What holds and their packets may take, and what may be missing afterwards, MiB.
ROOM, LOST = 24, 6
TABLE = "/proc/net/ipsec_eroute"
# Seconds that an SA is given, which must end in the midst of it.
LIVES = 3

topology = Topology()
topology.tunnel(BY_NAME["aes128-gcm"])
host, gw = topology.hostA, topology.gwA
gw.ip("route add 10.128.0.0/9 dev ipsec0")
gw.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", "10.64.0.0/10", "--dst", "10.128.0.0/9", "--said", "%trap")
for name, value in (("hold_max", HOLDS), ("acquire_rate", ACQUIRES)):
    gw.sysctl(f"net.ipsec.{name}", value)
daemon, key, pinger = pfkey.PfKey(gw), pfkey.PfKey(gw), Pinger(host)
daemon.ask(pfkey.message(pfkey.REGISTER, pfkey.ESP))
key.drain()


def hardware(ns):
    """The address of lan0."""
    return bytes.fromhex(json.loads(ns.run("ip", "-j", "link", "show", "lan0").out)[0]["address"].replace(":", ""))


def header(number):
    """The IPv4 header of the packets from source `number` to the first destination."""
    fields = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0xffff, 0, 64, 253, 0,
                         socket.inet_aton(f"10.64.{number >> 8}.{number & 255}"), socket.inet_aton("10.128.0.0"))
    return fields[:10] + struct.pack("!H", checksum(fields)) + fields[12:]


def flood(sock, batch):
    """All pairs, a thousand destinations for each source."""
    for number in range(PAIRS // ROW):
        for at, byte in enumerate(header(number)[10:16], 24):
            batch.put(at, byte)
        batch.send(sock, lossy=True)


@contextlib.contextmanager
def pouring(sock, batch):
    """The flood in a process of its own; its descriptor is readable once it is over. Ends with the block."""
    process = os.fork()
    if process == 0:
        flood(sock, batch)
        os._exit(0)
    over = os.pidfd_open(process)
    try:
        yield over
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(over)


def prepared():
    """A socket, and the frames: the identification makes up for the destination, so that one checksum is right for all."""
    batch = Batch(hardware(gw) + hardware(host) + b"\x08\x00" + header(0) + bytes(8), ROW)
    for at, values in ((18, [255 - (n >> 8) for n in range(ROW)]), (19, [255 - (n & 255) for n in range(ROW)]),
                       (32, [n >> 8 for n in range(ROW)]), (33, [n & 255 for n in range(ROW)])):
        batch.put(at, bytes(values))
    with host:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("lan0", 0))
    return sock, batch


def holds():
    """Which pairs, in the order in which they are poured, have a hold in the table."""
    found = []
    for line in gw.read(TABLE).splitlines():
        if line.endswith("=> %hold"):
            _, src, _, dst, *_ = line.split()
            row, place = (int(at[2]) << 8 | int(at[3].split("/")[0]) for at in (src.split("."), dst.split(".")))
            found.append(row * ROW + place)
    return found


def stat(name):
    """One of the counters of traps."""
    return int(gw.read(f"/proc/net/ipsec/stats/{name}"), 16)


class Flood:
    """The flood, and what is seen meanwhile."""

    def __init__(self):
        self.sock, self.batch = prepared()
        self.acquires, self.worst, self.pings, self.most, self.slowest = 0, 0.0, 0, 0, 0.0
        self.peak, self.gone = 0.0, None

    def watch(self):
        """Pours, and looks around until it is over."""
        began = time.monotonic()
        with pouring(self.sock, self.batch) as over:
            # Now and then, or the looking around would be what keeps the machine busy.
            while not select.select([over], [], [], 0.1)[0]:
                self.look_around(began)
        return time.monotonic() - began

    def look_around(self, began):
        """A ping through the tunnel, a request, the tables."""
        asked = time.monotonic()
        pinger.ping(HOST_B, seconds=20)
        answered = time.monotonic()
        self.pings += 1
        self.worst = max(self.worst, answered - asked)
        code, _ = key.ask(pfkey.message(pfkey.GET, pfkey.IPIP, pfkey.sa(0x9000), pfkey.address(pfkey.SRC, B),
                                        pfkey.address(pfkey.DST, B)))
        self.slowest = max(self.slowest, time.monotonic() - answered)
        if code and self.gone is None:
            self.gone = time.monotonic() - began
        self.acquires += sum(got.kind == pfkey.ACQUIRE for got in daemon.drain())
        # A listing is no snapshot: while it is read, a hold may go that has been read, and another one come.
        before = stat("trap_sendcount")
        self.most = max(self.most, len(holds()) - (stat("trap_sendcount") - before))
        self.peak = max(self.peak, kernel_memory()[0])


ping(host, HOST_B)
BEFORE = settled()
limits = [pfkey.lifetime(pfkey.LIFETIME_HARD, addtime=LIVES)]
equal(key.write(pfkey.add(pfkey.IPIP, B, 0x9000, lifetimes=limits)), 0, "errno of ADD")
watch, hits, asked = Watch(gw), stat("trap_count"), stat("trap_sendcount")
flooding = Flood()

with case(f"while {PAIRS} pairs are poured into a trap, a tunnel carries every ping, and requests are answered"):
    took = flooding.watch()
    note(f"{PAIRS} packets in {took:.1f} s, {PAIRS / took:.0f} in a second; {flooding.pings} pings, the slowest "
         f"{flooding.worst * 1000:.0f} ms; the slowest request {flooding.slowest * 1000:.0f} ms")
    check(flooding.pings, "not one ping fitted in")

with case("the hold table keeps its bound, and the memory"):
    note(f"at most {flooding.most} holds, {flooding.peak - BEFORE[0]:.1f} MiB")
    check(flooding.most <= HOLDS, f"{flooding.most} holds where {HOLDS} may be")
    check(flooding.peak - BEFORE[0] <= ROOM or not MEASURED, f"{flooding.peak - BEFORE[0]:.1f} MiB")

with case("no more ACQUIREs than there may be in a second, and every one of them is heard"):
    flooding.acquires += sum(got.kind == pfkey.ACQUIRE for got in daemon.drain())
    sent = stat("trap_sendcount") - asked
    note(f"{sent} ACQUIREs, {sent / took:.0f} in a second; {flooding.acquires} heard")
    check(sent <= ACQUIRES * (took + 2), f"{sent} in {took:.1f} s")
    check(sent >= min(ACQUIRES * (took - 2) / 4, HOLDS), f"only {sent} in {took:.1f} s")
    check(flooding.acquires <= sent, f"{flooding.acquires} heard")

with case("every packet is accounted for"):
    left = until(lambda: stat("trap_count") - hits - sum(watch.rose().values()) == len(holds()) and holds(),
                 "what was dropped and what waits is what came", 10)
    arrived = stat("trap_count") - hits
    note(f"{arrived} came; {watch.rose()}, {len(left)} wait")
    check(set(watch.rose()) <= {"tx_trapped", "tx_hold_evicted"}, f"discarded packets: {watch.rose()}")
    check(arrived >= PAIRS / 10, f"only {arrived} packets came to the trap")

with case("the oldest holds gave way"):
    # Anew: when the last packet had been poured, it had not come to the trap yet.
    made = stat("trap_sendcount") - asked
    check(min(HOLDS, made) <= len(left) <= HOLDS, f"{len(left)} holds of {made}")
    # Which came after those that gave way, but for the order that two processors may mix up.
    check(min(left) >= (made - HOLDS) // 2, f"of {made} holds that of pair {min(left)} is left")

with case(f"an SA with {LIVES} seconds to live ended in the midst of it"):
    if took > LIVES + 2:
        check(flooding.gone and flooding.gone < LIVES + 4 * SLOWER, f"it was gone after {flooding.gone}")
    until(lambda: f"tun0x9000@{B}" not in gw.read("/proc/net/ipsec_spi"), "it is gone", 5)

with case("TCP through the tunnel arrives whole, while more is poured"):
    with pouring(flooding.sock, flooding.batch):
        began = time.monotonic()
        transfer(host, topology.hostB, HOST_B, 500_000, 200)
        note(f"500 kB in {time.monotonic() - began:.1f} s")

with case("the holds go by themselves, the trap stays, and the memory is back"):
    gw.sysctl("net.ipsec.hold_lifetime", 1)
    until(lambda: len(gw.read(TABLE).splitlines()) == 2, "two eroutes are left", 20)
    daemon.drain()
    until(lambda: kernel_memory()[0] - BEFORE[0] <= LOST or not MEASURED,
          f"{kernel_memory()[0] - BEFORE[0]:.1f} MiB more than before", 30)
    ping(host, HOST_B)

for one in (daemon, key, pinger, flooding.sock):
    one.close()
topology.delete()
end()
