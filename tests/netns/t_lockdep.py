# SPDX-License-Identifier: GPL-2.0-only
"""The locks of Documentation/locking.md against what lockdep has seen since the kernel started: by what this file does,
and by all that ran before it. Only with KERNEL=debug; otherwise there is nothing to look at.
"""

from klipstest import lockdep, pfkey
from klipstest.netns import Netns
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal, note, until
from klipstest.topology import HOST_A, HOST_B, NET_A, NET_B, Klips, Topology
from klipstest.traffic import no_ping, ping

CONTROL, SOCKETS, BIRTH, FILES, HOOKS, TALKING = (
    f"klips_{name}" for name in ("control", "sockets", "birth", "files", "hooks", "talking"))
# All spin locks are made in one place, and so are one class: one inside another would be told as a recursion.
SPIN = "BhLock"
RTNL = "rtnl_mutex"


def works():
    """Takes every lock: packets, requests, listings, a trap and its hold, devices and namespaces that come and go."""
    topology = Topology("ld-")
    ends = topology.tunnel(BY_NAME["aes128-gcm"], Klips, Klips)
    gw = topology.gwA
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    with pfkey.PfKey(gw) as key:
        key.ask(pfkey.message(pfkey.REGISTER, pfkey.ESP))
        gw.run("ipsec", "eroute", "--replace", "--eraf", "inet", "--src", NET_A, "--dst", NET_B, "--said", "%trap")
        no_ping(topology.hostA, HOST_B, 0.2)
        until(lambda: any(got.kind == pfkey.ACQUIRE for got in key.drain()), "an ACQUIRE")
    for name in ("eroute", "spi", "spigrp", "tncfg", "version", "klipsdebug"):
        gw.read(f"/proc/net/ipsec_{name}")
    gw.write("/proc/net/ipsec/birth/ipv4", "x")
    gw.sysctl("net.ipsec.debug_xmit", 1)
    gw.sysctl("net.ipsec.debug_xmit", 0)
    for end_ in ends[:2]:
        end_.clear()
    topology.delete()
    Netns("k-lockdep").delete()


if lockdep.present():
    with case("packets, requests, listings and namespaces take their locks"):
        works()

    locks = lockdep.Locks()
    # The kernel's macro names a lock by its place in the source if nothing else.
    spins = [name for name in locks.usage if "kapi/lock.rs" in name]
    ours = [name for name in locks.usage if name.startswith("klips_")] + spins

    with case("lockdep looks, and has nothing against any of it"):
        equal(lockdep.figures()["debug_locks"], 1, "debug_locks")
        note(", ".join(f"{name} {number}" for name, number in lockdep.figures().items()
                       if name in ("lock-classes", "direct dependencies", "indirect dependencies", "dependency chains",
                                   "hardirq-safe locks", "softirq-safe locks", "max locking depth")))

    with case("there are the locks that are documented, and no others"):
        for name in sorted(ours):
            note(f"{locks.usage[name]} {name}; inside of it {sorted(locks.inside(name) & set(ours)) or 'none of ours'}")
        equal({name.split("#")[0] for name in ours} - set(spins), {CONTROL, SOCKETS, BIRTH, FILES, HOOKS, TALKING}, "mutexes")
        equal(len(spins), 1, "classes of spin locks")

    with case("mutexes are taken where one may sleep, and nowhere else"):
        for name in set(ours) - set(spins):
            equal(locks.usage[name], "+.+.", f"contexts of {name}")

    with case("spin locks are taken in softirq, and elsewhere with bottom halves disabled; never in hard interrupts"):
        equal([locks.usage[name] for name in spins], ["+.-."], "contexts")

    with case("the order is RTNL, control, sockets; nothing of ours or that sleeps is taken under a spin lock"):
        check({CONTROL} <= locks.inside(RTNL) or {HOOKS} <= locks.inside(RTNL), "nothing of ours is taken under RTNL")
        equal(SOCKETS in locks.inside(CONTROL), True, "sockets inside of control")
        equal(locks.inside(CONTROL) & {RTNL, BIRTH, FILES, HOOKS}, set(), "what must not be taken inside of control")
        equal(locks.inside(SOCKETS) & {RTNL, CONTROL, BIRTH, FILES, HOOKS, TALKING}, set(), "nor inside of sockets")
        for name in spins:
            note(f"inside of spin locks: {sorted(locks.inside(name))}")
            equal(locks.inside(name) & (set(ours) | {RTNL}), set(), "nor under spin locks")

end()
