# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation of a request in the dialect of Linux fails once, as those of KLIPS's do in t_fault.

It is refused with nothing changed, or done whole; deleting and flushing are always done. On a kernel that cannot fail
allocations all of it is skipped.
"""

import errno
import re

from klipstest import fault, kame, pfkey
from klipstest.kame import ANY, FWD, IN, MIGRATE, SPDADD, SPDDELETE, SPDDELETE2, SPDDUMP, SPDFLUSH, SPDGET, \
    SPDSETIDX, SPDUPDATE, TRANSPORT, TUNNEL, UNIQUE
from klipstest.netns import Netns
from klipstest.pfkey import AH, DELETE, DST, DUMP, ESP, FLUSH, GET, GETSPI, LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT, \
    SPIRANGE, SRC, UPDATE, ext, message
from klipstest.spd import Policy, Speaker, add, address, numbered, spd, template
from klipstest.suites import BY_NAME
from klipstest.tap import case, end, equal

fault.require()

US, PEER, MOVED = "10.9.0.1", "10.9.0.2", "10.9.0.3"
A, B, C = "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"
ENC, AUTH = bytes(range(64)), bytes(range(100, 132))
LIVES = [kame.lifetime(kind, addtime=100_000, octets=1 << 30) for kind in (LIFETIME_HARD, LIFETIME_SOFT)]
NATT = [ext(kame.NATT_TYPE, b"\x02\0\0\0")] + [ext(kind, b"\x11\x94\0\0") for kind in (kame.NATT_SPORT, kame.NATT_DPORT)]

ns = Netns("k-fault-linux")
ns.ip("link add wan0 type dummy", f"addr add {US}/24 dev wan0", "link set wan0 up")
fault.set_up(fault.module_text())
ns.__enter__()
key = Speaker()
listings = fault.Listings("ipsec_spi", "ipsec_eroute")


def plain(text):
    """A listing without what differs from one time to the next."""
    return re.sub(r"(iv=0x\w+|\b(ref|refhim|idle)=\d+|(add|use)time\(\d+)", "", text)


def dumped(kind):
    """What there is by DUMP or SPDDUMP, without numbers and times."""
    _, got = key.ask(message(kind, 0))
    found = []
    for one in got if not got[0].errno else []:
        exts = {number: value for number, value in one.exts.items() if number != LIFETIME_CURRENT}
        if kame.POLICY in exts:
            raw = exts[kame.POLICY]
            exts[kame.POLICY] = raw[:4] + raw[8:]
        found.append((one.satype, sorted(exts.items())))
    return found


requests = fault.Requests(key, lambda: (listings.read(plain), dumped(DUMP), dumped(SPDDUMP)))
asks, sure, swept = requests.asks, requests.sure, requests.swept


def gone(what, data, undo):
    """Fails each allocation of a request that takes something away."""
    swept(what, asks(data), undo, (), 0)


def esp(spi=0x1000, suite=BY_NAME["aes128-sha1-96"], dst=PEER, **words):
    """ADD or UPDATE of an ESP SA."""
    return add(ESP, US, dst, spi, enc_key=ENC[:suite.cipher_len], auth_key=AUTH[:suite.auth_len], encrypt=suite.enc_id,
               auth=suite.auth_id, replay=32, **words)


def named(kind, spi=0x1000, satype=ESP, dst=PEER):
    """GET or DELETE."""
    return message(kind, satype, kame.sa(spi), address(SRC, US), address(DST, dst))


def getspi(spi):
    """GETSPI of one SPI."""
    span = ext(SPIRANGE, spi.to_bytes(4, "little") * 2 + bytes(4))
    return message(GETSPI, ESP, span, kame.sa2(TRANSPORT, 3), address(SRC, US), address(DST, PEER))


def tunnel(level=kame.REQUIRE, reqid=0, dst=PEER):
    """A template."""
    return template(ESP, TUNNEL, level, reqid, US, dst)


def number(src, dst):
    """The number of a policy."""
    _, got = key.ask(message(SPDDUMP, 0))
    return next(policy.id for policy in map(Policy, got) if (policy.src, policy.dst) == (src, dst))


nothing = sure(message(FLUSH, 0), message(SPDFLUSH, 0))
nothing()

for name in ("aes128-sha1-96", "aes256-gcm"):
    for mode, how in ((TUNNEL, "a tunnel"), (TRANSPORT, "transport"), (ANY, "any mode")):
        with case(f"ADD of ESP with {name}, for {how}"):
            swept(f"ADD {name} for {how}", asks(esp(suite=BY_NAME[name], mode=mode, reqid=7)), sure(named(DELETE)), least=10)

with case("ADD of AH, IPComp, and of one with lifetimes in UDP"):
    swept("ADD AH", asks(add(AH, US, PEER, 0x1000, auth_key=AUTH[:20], auth=3, replay=32)), sure(named(DELETE, satype=AH)),
          least=8)
    swept("ADD IPComp", asks(add(kame.IPCOMP, US, PEER, 0x1000, encrypt=2)), sure(named(DELETE, satype=kame.IPCOMP)), least=8)
    swept("ADD with everything", asks(esp(reqid=9, more=LIVES + NATT)), sure(named(DELETE)), least=10)

with case("GETSPI, and UPDATE of what that made"):
    swept("GETSPI", asks(getspi(0x1000)), sure(named(DELETE)), least=3)
    sure(getspi(0x1000))()
    swept("UPDATE of a larval SA", asks(esp(kind=UPDATE, mode=TUNNEL)), sure(named(DELETE), getspi(0x1000)), least=10)
    nothing()

with case("UPDATE of an SA that others stand behind, under other names"):
    sure(*[esp(0x1000 + n, mode=ANY, reqid=5) for n in range(3)])()
    for spi in (0x1000, 0x1002):
        swept(f"UPDATE of {spi:#x} of three", asks(esp(spi, mode=TUNNEL, reqid=6, kind=UPDATE, more=LIVES)),
              sure(esp(spi, mode=ANY, reqid=5, kind=UPDATE)), least=10)

with case("GET; DELETE of one and FLUSH of all are done for sure"):
    swept("GET", asks(named(GET)))
    again = sure(*[esp(0x1000 + n, mode=ANY, reqid=5) for n in range(3)])

    def anew():
        """All three, in their order."""
        nothing()
        again()

    gone("DELETE of the last of three", named(DELETE, 0x1002), anew)
    gone("DELETE of the first of three", named(DELETE, 0x1000), anew)
    gone("FLUSH", message(FLUSH, 0), anew)
    gone("FLUSH of ESP", message(FLUSH, ESP), anew)
    nothing()

with case("SPDADD, SPDSETIDX and SPDUPDATE: to be protected, not to be, one way and the other"):
    for what, request in (
            ("SPDADD", spd(SPDADD, A, B, templates=[tunnel()], priority=5)),
            ("SPDADD inward", spd(SPDADD, A, B, *LIVES, direction=IN, templates=[tunnel(UNIQUE, 17)] * 2)),
            ("SPDADD forward", spd(SPDADD, A, B, direction=FWD, action=kame.DISCARD)),
            ("SPDADD over IPv6", spd(SPDADD, "2001:db8:1::/48", "2001:db8:2::/48", action=kame.NONE, proto=6, ports=(0, 80))),
            ("SPDSETIDX", spd(SPDSETIDX, A, B, action=kame.NONE)),
            ("SPDUPDATE of none", spd(SPDUPDATE, A, B, templates=[tunnel()]))):
        swept(what, asks(request), sure(message(SPDFLUSH, 0)), least=6)

with case("SPDADD beside others: one more under a mask, and one under a mask of its own"):
    sure(spd(SPDADD, A, B, templates=[tunnel()]))()
    other = "10.7.0.0/24"
    swept("SPDADD under the same mask", asks(spd(SPDADD, A, C, templates=[tunnel()])), sure(spd(SPDDELETE, A, C)), least=6)
    swept("SPDADD under another mask", asks(spd(SPDADD, A, other)), sure(spd(SPDDELETE, A, other)), least=6)

with case("SPDUPDATE of one that is there"):
    swept("SPDUPDATE", asks(spd(SPDUPDATE, A, B, *LIVES, templates=[tunnel(UNIQUE, 9)], priority=7)),
          sure(spd(SPDUPDATE, A, B, templates=[tunnel()])), least=6)

with case("SPDGET; SPDDELETE, SPDDELETE2 and SPDFLUSH are done for sure"):
    swept("SPDGET", asks(numbered(SPDGET, number(A, B))))
    both = [spd(SPDADD, A, B, templates=[tunnel()]), spd(SPDADD, A, C, action=kame.NONE)]

    ids = []

    def policies_anew():
        """Both, in their order."""
        sure(message(SPDFLUSH, 0), *both)()
        # Not while allocations fail.
        ids[:] = [number(A, C)]

    policies_anew()
    gone("SPDDELETE", spd(SPDDELETE, A, B), policies_anew)
    swept("SPDDELETE2", lambda: requests.ask(numbered(SPDDELETE2, *ids)), policies_anew, (), 0)
    gone("SPDFLUSH", message(SPDFLUSH, 0), policies_anew)
    nothing()

with case("MIGRATE of a policy and the SAs that it uses, of which one has a lifetime"):
    def moved(src, dst):
        """Has ends go from one place to another."""
        return spd(MIGRATE, A, B, templates=[tunnel(UNIQUE, 17, end) for end in (src, dst)])

    def start():
        """What is moved, and who is not."""
        nothing()
        sure(esp(0x1001, mode=TUNNEL, reqid=17), esp(0x1002, mode=TUNNEL, reqid=17, more=LIVES), esp(0x1003, reqid=18),
             spd(SPDADD, A, B, templates=[tunnel(UNIQUE, 17)], priority=3))()

    start()
    swept("MIGRATE", asks(moved(PEER, MOVED)), start, least=20)
    sure(moved(PEER, MOVED))()
    equal(sorted(line.split()[0] for line in ns.read("/proc/net/ipsec_spi").splitlines()),
          [f"esp0x1001@{MOVED}", f"esp0x1002@{MOVED}", f"esp0x1003@{PEER}"], "SAs")
    nothing()

ns.__exit__()
end()
