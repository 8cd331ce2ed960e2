# SPDX-License-Identifier: GPL-2.0-only
"""Two key daemons of different dialects on one gateway at the same time: OpenIKED, and one of KLIPS that writes what pluto
writes. Each has a tunnel to the other gateway, and must neither hear what would harm it nor lose what is its own.

    hostA --- gwA (KLIPS: iked, a daemon of KLIPS) ===== gwB (XFRM: charon, SAs by hand) --- hostB
                                                         10.4.0.1, the other tunnel's end
"""

import re

from klipstest import client, kame, pfkey
from klipstest.charon import Charon
from klipstest.counters import Watch
from klipstest.iked import Iked
from klipstest.keying import Credentials, End, tellers
from klipstest.pfkey import ADDFLOW, DELFLOW, ESP, FLUSH, GRPSA, IPIP, REGISTER, message
from klipstest.steady import Steady, renewal
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal, on_failure, until
from klipstest.topology import A, B, HOST_B, NET_A, NET_B, Klips, Topology, Xfrm, sa_pair
from klipstest.traffic import ping, reaches, transfer

OTHER_NET, OTHER = "10.4.0.0/24", "10.4.0.1"
MASK = "255.255.255.0"
SUITE = BY_NAME["aes128-sha1-96"]
PAIR = sa_pair(SUITE)
BLIND = {ADDFLOW, DELFLOW, GRPSA}

credentials = Credentials("a", "b")
topology = Topology()
gw, far, host = topology.gwA, topology.gwB, topology.hostA
for side, kind in (("A", Klips), ("B", Xfrm)):
    topology.gateway(side, kind).start()
gw.ip(f"route add {OTHER_NET} dev ipsec0")
# Iked empties its tables before it has shown its dialect.
gw.sysctl("net.ipsec.pfkey_dialect", 1)
far.ip("link add other type dummy", f"addr add {OTHER}/24 dev other", "link set other up")
by_hand = Xfrm(far, B, A, OTHER_NET, NET_A)
# Charon counts from 1.
by_hand.reqid = 4
by_hand.install(PAIR)
iked = Iked(End(gw, A, B, NET_A, NET_B, "a", "b"), credentials)
charon = Charon(End(far, B, A, NET_B, NET_A, "b", "a"), credentials)
on_failure(tellers(iked, charon))
pluto, listener = client.Daemon(gw), kame.Client(gw, shy=False)


def sas():
    """The SAs of the gateway, without those of the KLIPS daemon."""
    return set(re.findall(r"^\w+0x\S+", gw.read("/proc/net/ipsec_spi"), re.M)) - OURS


OURS = {f"{proto}{spi:#x}@{sa.dst}" for sa in PAIR for proto, spi in (("tun", sa.tun), ("esp", sa.spi))}


def tunnel():
    """The KLIPS daemon's tunnel, in the order in which pluto makes one."""
    out, inward = PAIR
    for number, sa in enumerate((out, inward)):
        pluto.request(pfkey.add(IPIP, sa.dst, sa.tun, sa.src, seq=20 + number, pid=77))
        pluto.request(pfkey.add(ESP, sa.dst, sa.spi, sa.src, sa.keys[1], sa.keys[0], auth=SUITE.auth_id, encrypt=SUITE.enc_id,
                                replay=64, seq=30 + number, pid=77))
        pluto.request(pfkey.group((IPIP, sa.dst, sa.tun), (ESP, sa.dst, sa.spi), seq=40 + number, pid=77))
    mine, theirs = NET_A.partition("/")[0], OTHER_NET.partition("/")[0]
    pluto.request(pfkey.addflow(pfkey.flow(theirs, MASK, mine, MASK), A, inward.tun, IPIP, pfkey.INFLOW, 50, 77, B))
    pluto.request(pfkey.addflow(pfkey.flow(mine, MASK, theirs, MASK), B, out.tun, IPIP, pfkey.REPLACEFLOW, 51, 77, A))


def both():
    """Traffic through both tunnels, of which nothing is discarded."""
    watch = Watch(gw)
    for to, ns in ((HOST_B, topology.hostB), (OTHER, far)):
        ping(host, to)
        transfer(host, ns, to)
    equal(watch.rose(), {}, "discarded packets")


with case("both daemons register, and both get their tunnel"):
    # Asked for the first time, the kernel loads all algorithms, which takes long.
    for number, satype in enumerate((pfkey.AH, ESP, pfkey.COMP, IPIP), 1):
        pluto.request(message(REGISTER, satype, seq=number, pid=77))
    listener.request(message(REGISTER, ESP, seq=1, pid=78))
    tunnel()
    charon.configure()
    iked.configure(active=True, words="lifetime 20")
    charon.start()
    iked.start()
    iked.established()
    until(lambda: len(sas()) == 2, "SAs of iked")
    both()

with case("the daemon of KLIPS has heard of iked's SAs in its own form, and nothing of policies"):
    heard = [client.parse(got.data) for got in pluto.socket.drain()] + pluto.heard
    kinds = {got.kind for got in heard}
    check({pfkey.ADD, pfkey.UPDATE} <= kinds and not kinds & BLIND, f"types {kinds}")
    check(not {77} & {got.pid for got in heard}, "its own requests are answered, not told")

with case("who speaks the dialect of Linux has heard of its SAs likewise, and nothing of eroutes"):
    heard = [kame.parse(got.data) for got in listener.key.drain()] + listener.heard
    of_pluto = [got for got in heard if got.pid == 77]
    equal({got.kind for got in of_pluto}, {pfkey.ADD}, "types of what came of the requests of the daemon of KLIPS")
    check({kame.SPDUPDATE} <= {got.kind for got in heard}, "it has not heard of iked's policies")
    for got in of_pluto:
        check(not {pfkey.KEY_AUTH, pfkey.KEY_ENCRYPT} & set(got.exts), "keys are told to others")

with case("a trap asks the daemon of KLIPS alone"):
    pluto.socket.drain()
    listener.key.drain()
    mine = NET_A.partition("/")[0]
    pluto.request(pfkey.addflow(pfkey.flow(mine, MASK, "10.5.0.0", MASK), B, 0x104, pfkey.INT, 0, 52, 77, A))
    gw.ip("route add 10.5.0.0/24 dev ipsec0")
    host.run("ping", "-c1", "-W1", "10.5.0.1", ok=False)
    until(lambda: pfkey.ACQUIRE in {got.kind for got in pluto.socket.drain()}, "an ACQUIRE")
    check(pfkey.ACQUIRE not in {got.kind for got in listener.key.drain()}, "the other dialect is asked too")
    pluto.request(pfkey.delflow(pfkey.flow(mine, MASK, "10.5.0.0", MASK), 53, 77))

with case("iked renews its child SA under the traffic of both"):
    before = sas()
    with renewal(host, HOST_B, gw, far), Steady(host, OTHER) as other:
        until(lambda: len(now := sas()) == 2 and not now & before, "new SAs", 40)
    other.whole()

with case("iked is killed and starts again, which empties the tables of its dialect: the tunnel of KLIPS stays"):
    iked.kill()
    iked.forget()
    with Steady(host, OTHER) as steady:
        iked.start()
        iked.established()
    steady.whole()
    both()

with case("the daemon of KLIPS empties its tables: the tunnel of iked stays"):
    with Steady(host, HOST_B) as steady:
        pluto.request(message(FLUSH, 0, seq=60, pid=77))
        pluto.socket.write(pfkey.clear_flows(61, 77))
    steady.whole()
    equal(gw.read("/proc/net/ipsec_spi").count(f"{PAIR[0].spi:#x}@"), 0, "SAs of the daemon of KLIPS")
    equal(len(sas()), 2, "SAs of iked")
    check(not reaches(host, OTHER), "its tunnel is still there")

for daemon in (iked, charon):
    daemon.kill()
end()
