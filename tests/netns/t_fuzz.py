# SPDX-License-Identifier: GPL-2.0-only
"""Damaged sequences of PF_KEY requests of both dialects, on many sockets at once, beside a process that does what is right.

    own namespace: neighbour        ns: fuzzer, neighbour --- wan0 --- peer: neighbour

Each request is answered or refused in time; what is refused has changed nothing; what listeners hear is messages; whoever has
another namespace notices nothing; and in the end the tables are empty, the memory is back, and everything works. That the
kernel does not complain is seen when the guest ends. Where it notes what code a request comes to (KERNEL=debug), requests that
come to new code are the seeds of others.

FUZZ_SECONDS, by default 15, says how long; SEED, by default 1, repeats a run, as far as time has no
part in it, or begins another.
"""

import atexit
import errno
import os
import random
import socket
import sys
import time

from klipstest import kame, kcov, pfkey, seeds, spd
from klipstest.fuzzer import PATIENCE, Fuzzer
from klipstest.memory import MEASURED, forget, percpu, settled
from klipstest.neighbour import ALONE, BESIDE, Neighbour
from klipstest.netns import Netns
from klipstest.pfkey import ESP, IPIP, REGISTER, message
from klipstest.tap import case, check, end, equal, note, until

SECONDS = int(os.environ.get("FUZZ_SECONDS") or 15)
SEED = int(os.environ.get("SEED") or 1)
# MiB that may be missing in the end, and in Percpu.
LOST, LOST_PERCPU = 8, 2
DEVICES = ("ipsec0", "ipsec1")
# A bit for each thing that the kernel holds against itself; that ours is not of its tree is none.
TAINTS = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14
PLUMBED = 49152
MODPROBE = "/proc/sys/kernel/modprobe"

ns, peer, own = Netns("k-fuzz"), Netns("k-fuzz-peer"), Netns("k-fuzz-own")
ns.ip("link add wan0 type veth peer name wan0 netns k-fuzz-peer", f"addr add {seeds.HERE}/24 dev wan0", "link set wan0 up")
peer.ip(f"addr add {seeds.PEER}/24 dev wan0", "link set wan0 up")


def attach():
    """Lets packets for the other network go through ipsec0."""
    ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
    ns.ip(f"addr replace {seeds.HERE}/32 dev ipsec0", "link set ipsec0 up", "route replace 10.0.0.0/8 dev ipsec0")


def devices():
    """Puts the devices back to what they were."""
    with ns:
        there = {name for _, name in socket.if_nameindex() if name.startswith("ipsec")}
    keeper = fuzzer.keepers["klips"]
    for kind, names in ((seeds.UNPLUMBIF, there - set(DEVICES)), (seeds.PLUMBIF, set(DEVICES) - there)):
        for name in sorted(names):
            number = PLUMBED + int(name.removeprefix("ipsec"))
            equal(keeper.write(message(kind, 0, pfkey.ext(31, number.to_bytes(4, "little")))), 0, f"errno for {name}")
    if "wan0" not in ns.read("/proc/net/ipsec_tncfg").splitlines()[0]:
        attach()
    keeper.drain()


def modules(path):
    """What the kernel loads modules by from now on; the path before."""
    with open(MODPROBE, encoding="ascii") as file:
        before = file.read()
    with open(MODPROBE, "w", encoding="ascii") as file:
        file.write(path)
    return before


def taint():
    """What the kernel has against itself."""
    with open("/proc/sys/kernel/tainted", encoding="ascii") as file:
        return int(file.read()) & TAINTS


def memory():
    """MiB that are taken, in all and in Percpu."""
    forget()
    return settled()[0], percpu()


def told(began):
    """Figures for the report."""
    took_most, slowest = fuzzer.slowest
    took, done = time.monotonic() - began, fuzzer.executions - sent
    note(f"{done} requests in {took:.0f} s, {done / took:.0f} in a second; the slowest "
         f"{took_most * 1000:.0f} ms, {slowest[:32]}; {fuzzer.refusals} refusals compared with the tables")
    note("outcomes: " + ", ".join(f"{name} {n}" for name, n in fuzzer.errnos.most_common()))
    if coverage:
        note(f"places in klips: {reached} by the seeds, {len(coverage.places)} in the end; kept {len(fuzzer.kept)} sequences, "
             f"overflows {coverage.lost}")


def listings():
    """All rows of the tables."""
    return [ns.read(f"/proc/net/ipsec_{name}") for name in ("eroute", "spi", "spigrp")]


note(f"SEED={SEED} FUZZ_SECONDS={SECONDS}; {'guided by KCOV' if kcov.available() else 'this kernel has no KCOV'}")
rng = random.Random(SEED)
coverage, fuzzer, neighbour, ground = None, None, None, None

with case("the devices, and every algorithm once, so that their modules are there"):
    attach()
    with pfkey.PfKey(ns) as key:
        equal(key.write(message(REGISTER, ESP)), 0, "errno")
    neighbour = Neighbour(own, ns, peer)

with case("each seed as it is"):
    coverage = kcov.Coverage() if kcov.available() else None
    fuzzer = Fuzzer(ns, rng, coverage)
    fuzzer.seeds()
    devices()
    reached, sent = len(coverage.places) if coverage else 0, fuzzer.executions
    good = fuzzer.errnos["ok"] / sent
    note(f"{sent} requests, of which {good:.0%} are done")
    check(good > 0.7, f"too few of them are done: {fuzzer.errnos}")
    fuzzer.slowest = 0.0, ""
    # Else it looks for one, a second or more, whenever two algorithms meet for the first time.
    atexit.register(modules, modules("\n"))
    ground = memory()

if ground is None:
    end()
    sys.exit(1)

with case(f"{SECONDS} s of damaged sequences"):
    before, began, rounds = taint(), time.monotonic(), 0
    try:
        while time.monotonic() - began < SECONDS:
            alone = rounds % 2 == 0
            neighbour.does(ALONE if alone else BESIDE)
            fuzzer.round(alone)
            devices()
            equal(taint(), before, f"bits of the kernel's complaints; the last sequence was\n{fuzzer.said()}")
            rounds += 1
    finally:
        told(began)
    check(fuzzer.slowest[0] < PATIENCE, f"a request took {fuzzer.slowest[0]:.1f} s: {fuzzer.slowest[1]}")
    check(fuzzer.refusals and fuzzer.executions > 100, "too little was tried")
    check(not coverage or len(coverage.places) > reached > 0, "no new code was found")

with case("the neighbour has noticed nothing in a namespace of its own"):
    rounds, packets = neighbour.end()
    note(f"the neighbour: {rounds} rounds, {packets} packets; heard: "
         + ", ".join(f"{kind} {n}" for kind, n in sorted(fuzzer.heard.items())))
    check(rounds > 10 and packets > 10, "it did too little")

with case("the tables are empty when they are flushed, and say so in both dialects"):
    fuzzer.close()
    fuzzer.clear()
    equal(listings(), ["", "", ""], "listings")
    for kind, code in ((kame.SPDDUMP, errno.ENOENT), (pfkey.DUMP, errno.ENOENT)):
        status, got = fuzzer.keepers["linux"].ask(message(kind, 0))
        equal((status, [one.errno for one in got]), (0, [code]), f"answers to {kind}")

with case("a tunnel of KLIPS carries packets, and goes"):
    keeper = fuzzer.keepers["klips"]
    for data in (pfkey.add(IPIP, seeds.PEER, 0x1000, seeds.HERE), pfkey.add(ESP, seeds.PEER, 0x1001, seeds.HERE, **seeds.PLAIN),
                 pfkey.group((IPIP, seeds.PEER, 0x1000), (ESP, seeds.PEER, 0x1001)),
                 pfkey.addflow(pfkey.flow("0.0.0.0", "0.0.0.0", *seeds.THEIRS), seeds.PEER, 0x1000, IPIP)):
        equal(keeper.write(data), 0, f"errno of {data.hex()}")
    with ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(5):
            out.sendto(b"hello", ("10.2.0.4", 9))
    until(lambda: ns.read("/proc/net/ipsec_eroute").split()[:1] == ["5"], "five packets have met the eroute")
    rows = {row.split()[0]: row for row in ns.read("/proc/net/ipsec_spi").splitlines()}
    equal(sorted(rows), [f"esp0x1001@{seeds.PEER}", f"tun0x1000@{seeds.PEER}"], "SAs")
    equal(len(ns.read("/proc/net/ipsec_spigrp").splitlines()), 2, "rows of spigrp")
    fuzzer.clear()
    equal(listings(), ["", "", ""], "listings")

with case("an SA and a policy of Linux are made, listed and taken away"):
    speaker = fuzzer.keepers["linux"]
    speaker.drain()
    ends = seeds.HERE, seeds.PEER
    speaker.done(spd.add(ESP, *ends, 0x1001, reqid=17, **seeds.PLAIN))
    template = spd.template(ESP, kame.TUNNEL, kame.UNIQUE, 17, *ends)
    speaker.done(spd.spd(kame.SPDADD, "10.1.0.0/16", "10.2.0.0/16", templates=[template]))
    equal(ns.read("/proc/net/ipsec_spi").split()[0], f"esp0x1001@{seeds.PEER}", "the SA")
    equal(len(speaker.policies()), 1, "policies")
    fuzzer.clear()
    speaker.drain()
    equal((listings(), speaker.policies()), (["", "", ""], []), "listings, policies")

with case("the memory is back"):
    now = memory()
    note(f"{now[0] - ground[0]:+.1f} MiB, {now[1] - ground[1]:+.2f} in Percpu")
    if MEASURED:
        check(now[0] - ground[0] <= LOST and now[1] - ground[1] <= LOST_PERCPU, "more is taken than before")

if coverage:
    coverage.close()
for one in (ns, peer, own):
    one.delete()
end()
