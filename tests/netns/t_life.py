# SPDX-License-Identifier: GPL-2.0-only
"""How long SAs live: limits of time, whether they are used or not, of bytes and packets; larval SAs."""

import select
import time

from klipstest import pfkey
from klipstest.counters import Watch
from klipstest.netns import Netns
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, until
from klipstest.topology import B, HOST_B, Topology, sa_pair
from klipstest.traffic import no_ping, ping, reaches

ME, PEER = "192.0.2.1", "192.0.2.2"
SOFT, HARD = pfkey.LIFETIME_SOFT, pfkey.LIFETIME_HARD


class Listener(pfkey.PfKey):
    """Hears EXPIRE messages, and when."""

    def __init__(self, ns):
        super().__init__(ns)
        self.began = time.monotonic()
        self.heard = []

    def listen(self, seconds, enough=lambda heard: False):
        """Listens for some time, or until it is enough."""
        deadline = time.monotonic() + seconds
        while not enough(self.heard) and (left := deadline - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0] and (got := self.read()).kind == pfkey.EXPIRE:
                self.heard.append((got, time.monotonic() - self.began))
        return self.heard

    def of(self, spi):
        """What was heard of an SA: the limit, the state, after how many seconds."""
        return [(HARD if HARD in got.exts else SOFT, got.sa()[2], at) for got, at in self.heard if got.sa()[0] == spi]


ns = Netns("k-life")


def spis():
    """The SAs that there are, by the listing."""
    return [line.split()[0] for line in ns.read("/proc/net/ipsec_spi").splitlines()]


def expires(spi, *wanted):
    """Checks what was heard of an SA: limit, state, and the second it passes; it is told in the second after that."""
    heard = listener.of(spi)
    equal([which[:2] for which in heard], [which[:2] for which in wanted], f"limits and states of {spi:#x}")
    for (_, _, at), (_, _, limit) in zip(heard, wanted, strict=True):
        check(limit - 0.5 <= at <= limit + 2.5, f"{spi:#x} expired after {at:.1f} s, with a limit of {limit} s")


def esp(spi, *lifetimes, **words):
    """ADD of an ESP SA."""
    return pfkey.add(pfkey.ESP, PEER, spi, src=ME, auth_key=bytes(20), enc_key=bytes(range(16)), auth=3, encrypt=12,
                     lifetimes=lifetimes, **words)


# All of them at once, as each takes seconds in which nothing is done. The larval ones are looked at in the end.
writer, listener = pfkey.PfKey(ns), Listener(ns)

with case("SAs with limits of time, and SPIs that are only reserved, can be made"):
    for data in (
        esp(0x1001, pfkey.lifetime(HARD, addtime=2)),
        esp(0x1002, pfkey.lifetime(HARD, addtime=4), pfkey.lifetime(SOFT, addtime=2)),
        esp(0x1003, pfkey.lifetime(HARD, usetime=1), pfkey.lifetime(SOFT, usetime=1)),
        esp(0x1004),
        pfkey.add(pfkey.IPIP, PEER, 0x1005, src=ME),
        esp(0x1006, pfkey.lifetime(HARD, addtime=3)),
        pfkey.group((pfkey.IPIP, PEER, 0x1005), (pfkey.ESP, PEER, 0x1006)),
        esp(0x1007, pfkey.lifetime(HARD, addtime=2)),
        esp(0x1007, pfkey.lifetime(HARD, addtime=3), kind=pfkey.UPDATE),
        *(pfkey.message(pfkey.GETSPI, pfkey.ESP, pfkey.address(pfkey.SRC, ME), pfkey.address(pfkey.DST, PEER),
                        pfkey.spirange(spi, spi)) for spi in (0x2001, 0x2002)),
        esp(0x2002, kind=pfkey.UPDATE),
    ):
        equal(writer.write(data), 0, "errno")
    reserved = time.monotonic()
    equal(len(spis()), 9, "SAs")

listener.listen(7)

with case("an SA that is not used expires on time, EXPIRE says so, and it is gone"):
    expires(0x1001, (HARD, pfkey.DEAD, 2))
    check(not [spi for spi in spis() if "0x1001" in spi], f"it is there: {spis()}")

with case("the soft limit comes before the hard one"):
    expires(0x1002, (SOFT, pfkey.DYING, 2), (HARD, pfkey.DEAD, 4))

with case("limits of use do not run before the first packet; SAs without limits stay, and as yet one that is reserved"):
    equal([listener.of(0x1003), listener.of(0x1004)], [[], []], "EXPIREs")
    for spi in ("0x1003", "0x1004", "0x2001"):
        check(f"esp{spi}@{PEER}" in spis(), f"{spi} is gone: {spis()}")

with case("an SA in a group expires, and the group goes with it"):
    expires(0x1006, (HARD, pfkey.DEAD, 3))
    check(not [spi for spi in spis() if "0x1005" in spi or "0x1006" in spi], f"they are there: {spis()}")

with case("UPDATE does not start the time anew"):
    heard = listener.of(0x1007)
    equal([which[:2] for which in heard], [(HARD, pfkey.DEAD)], "EXPIREs")
    check(1.5 <= heard[0][2] <= 5.5, f"after {heard[0][2]:.1f} s")

with case("EXPIRE has SA, CURRENT, the limit and the addresses"):
    got = next(got for got, _ in listener.heard if got.sa()[0] == 0x1001)
    equal((got.errno, got.satype, got.pid, sorted(got.exts), got.address(pfkey.SRC), got.address(pfkey.DST)),
          (0, pfkey.ESP, 0, [pfkey.SA, pfkey.LIFETIME_CURRENT, HARD, pfkey.SRC, pfkey.DST], ME, PEER), "EXPIRE")

# Those that packets use.

topology = Topology()
gateway, peer, _ = topology.tunnel(BY_NAME["aes128-sha1-96"])
gw = topology.gwA
OUT = f"esp0x1001@{B}"


def limited(text):
    """Makes the tunnel anew, with limits at gateway A for what goes out."""
    gateway.clear()
    peer.clear()
    pair = sa_pair(BY_NAME["aes128-sha1-96"])
    peer.install(pair)
    gateway.install(pair)
    out = gateway.order(pair)[0]
    gw.run("ipsec", "spi", "--del", "--said", f"tun0x1000@{B}")
    gateway.spi(out, "--life", text)
    return Listener(gw)


def there():
    """Whether the SA is there."""
    return OUT in gw.read("/proc/net/ipsec_spi")


def heard_of(listener, count):
    """The limits of the EXPIREs about the SA, when there are so many."""
    listener.listen(6 * SLOWER, lambda heard: len(listener.of(0x1001)) >= count)
    return [which[:2] for which in listener.of(0x1001)]


with case("limits of use run from the first packet, also when there is no second one"):
    key = limited("soft-usetime=1,hard-usetime=3")
    time.sleep(2)
    ping(topology.hostA, HOST_B)
    key.began = time.monotonic()
    equal(heard_of(key, 2), [(SOFT, pfkey.DYING), (HARD, pfkey.DEAD)], "EXPIREs")
    (_, _, soft), (_, _, hard) = key.of(0x1001)
    check(0.5 <= soft <= 3.5 and 2.5 <= hard <= 5.5 and soft < hard, f"after {soft:.1f} and {hard:.1f} s")
    check(not there(), "it is there")
    watch = Watch(gw)
    no_ping(topology.hostA, HOST_B)
    equal(watch.rose(), {"tx_no_sa": 1}, "discarded packets")
    key.close()

with case("between soft and hard limit packets go on"):
    key = limited("soft-addtime=1,hard-addtime=30")
    equal(heard_of(key, 1), [(SOFT, pfkey.DYING)], "EXPIREs")
    ping(topology.hostA, HOST_B)
    time.sleep(1.5)
    ping(topology.hostA, HOST_B)
    key.listen(0.3)
    equal(len(key.of(0x1001)), 1, "EXPIREs")
    key.close()

with case("packets: the soft limit is told once, the hard one ends it"):
    key = limited("soft-packets=2,hard-packets=5")
    watch = Watch(gw)
    answered = sum(reaches(topology.hostA, HOST_B) for _ in range(8))
    # Exceeded is more than the limit, and it is looked at before a packet is counted.
    equal(answered, 6, "packets that got through")
    equal(heard_of(key, 2), [(SOFT, pfkey.DYING), (HARD, pfkey.DEAD)], "EXPIREs")
    until(lambda: not there(), "it is gone", 5)
    rose = watch.rose()
    equal(sum(rose.values()), 2, f"discarded packets ({rose})")
    key.close()

with case("bytes: the same, by the size after the transform"):
    key = limited("soft-bytes=200,hard-bytes=500")
    # 84 bytes of packet in ESP: 20 + 84 + 2 padded to 112, and 8 + 16 + 12 around it, so 152 with the outer header.
    answered = sum(reaches(topology.hostA, HOST_B) for _ in range(8))
    equal(heard_of(key, 2), [(SOFT, pfkey.DYING), (HARD, pfkey.DEAD)], "EXPIREs")
    equal(answered, 4, "packets that got through")
    until(lambda: not there(), "it is gone", 5)
    key.close()

with case("a soft limit that packets pass and one of time are told once"):
    key = limited("soft-packets=1,soft-addtime=1")
    for _ in range(4):
        ping(topology.hostA, HOST_B)
    key.listen(3)
    equal([which[:2] for which in key.of(0x1001)], [(SOFT, pfkey.DYING)], "EXPIREs")
    key.close()

topology.delete()

with case("an SPI that is only reserved is free again after half a minute; one that got its keys stays"):
    left = max(0, reserved + 30 - time.monotonic())
    until(lambda: f"esp0x2001@{PEER}" not in spis(), "it is gone", left + 5)
    check(f"esp0x2002@{PEER}" in spis(), f"the other one is gone too: {spis()}")

ns.delete()
end()
