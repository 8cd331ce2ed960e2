# SPDX-License-Identifier: GPL-2.0-only
"""The messages about policies in the Linux dialect: answers and who hears them, refusals, numbers, listings, lifetimes, and
moves; and what /proc/net/ipsec_eroute says of policies."""

import errno
import struct
import time

from klipstest import kame, pfkey
from klipstest.kame import (
    ANY, DISCARD, FWD, IN, IPSEC, MIGRATE, NONE, OUT, POLICY, REQUIRE, SPDADD, SPDDELETE, SPDDELETE2, SPDDUMP, SPDEXPIRE,
    SPDFLUSH, SPDGET, SPDSETIDX, SPDUPDATE, TRANSPORT, TUNNEL, UNIQUE, USE, lifetime)
from klipstest.netns import Netns
from klipstest.pfkey import (
    AH, DST, ESP, GET, LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT, SRC, PfKey, addflow, ext, flow, message)
from klipstest.spd import (
    BEET, BYPASS, DEFAULT, ENTRUST, REQID_MAX, SEC_CTX, Policy, Speaker, add, address, numbered, policy, spd, template)
from klipstest.tap import SLOWER, case, check, end, equal, note, until

A, B = "10.1.0.0/16", "10.2.0.0/16"
GW = "192.0.2.1", "192.0.2.2"
MOVED = "192.0.2.1", "192.0.2.3"
TUN = template(ESP, TUNNEL, src=GW[0], dst=GW[1])
MANY = 2000

ns = Netns("k-spd")
ns.ip("link add wan0 type dummy", f"addr add {GW[0]}/24 dev wan0", "link set wan0 up")
ask, other, klips = Speaker(ns), Speaker(ns), PfKey(ns)


def heard():
    """What the other two sockets have got."""
    return [len(other.drain()), len(klips.drain())]


def one(data):
    """The policy in the one answer to a request."""
    got = ask.done(data)
    equal(len(got), 1, "answers")
    return Policy(got[0])


def flush():
    ask.ask(message(SPDFLUSH, 0))
    heard()


def listing():
    """The lines of the table of eroutes, with single spaces."""
    return [" ".join(line.split()) for line in ns.run("cat", "/proc/net/ipsec_eroute").out.splitlines()]


with case("SPDADD is answered with the policy and its number, and all who speak the dialect hear it"):
    heard()
    began = int(time.time())
    got = ask.done(spd(SPDADD, A, B, templates=[TUN], priority=7, seq=77, pid=99))
    equal(heard(), [1, 0], "messages to the others")
    equal((len(got), got[0].kind, got[0].seq, got[0].pid, got[0].satype), (1, SPDADD, 77, 99, 0), "the header")
    equal(list(got[0].exts), [SRC, DST, LIFETIME_HARD, LIFETIME_SOFT, LIFETIME_CURRENT, POLICY], "order of extensions")
    told = Policy(got[0])
    equal((told.src, told.dst, told.proto, told.sport, told.dport), (A, B, 255, 0, 0), "the selector")
    equal((told.action, told.direction, told.priority), (IPSEC, OUT, 7), "the policy")
    equal(told.templates, [(50, TUNNEL, REQUIRE, 0, GW)], "the templates")
    equal(told.id & 7, OUT - 1, "direction in the number")
    check(told.id > 7, "the number is 0")
    made, used = told.limits(LIFETIME_CURRENT)
    check(began - 1 <= made <= time.time() + 1, f"made at {made}, by the wall clock {began}")
    equal(used, 0, "last use")

with case("there is one policy for a selector and a direction; SPDUPDATE replaces it, or adds it"):
    equal(ask.refusal(spd(SPDADD, A, B, action=DISCARD)), errno.EEXIST, "errno")
    equal(ask.refusal(spd(SPDADD, "10.1.2.3/16", B, action=DISCARD)), errno.EEXIST, "errno, host bits")
    equal(ask.refusal(spd(SPDSETIDX, A, B, action=DISCARD)), errno.EEXIST, "errno of SPDSETIDX")
    equal(heard(), [0, 0], "messages to the others")
    fwd = one(spd(SPDADD, A, B, direction=FWD, action=DISCARD))
    equal(fwd.id & 7, FWD - 1, "direction in the number")
    changed = one(spd(SPDUPDATE, A, B, action=NONE, priority=9))
    equal((changed.id, changed.action, changed.priority, changed.templates), (told.id, NONE, 9, []), "what is there now")
    inward = one(spd(SPDUPDATE, A, B, direction=IN, action=NONE))
    equal(inward.id & 7, IN - 1, "direction in the number")
    equal(one(spd(SPDSETIDX, B, A, action=NONE)).message.kind, SPDSETIDX, "SPDSETIDX")
    equal(heard(), [4, 0], "messages to the others")
    equal(len({told.id, fwd.id, inward.id}), 3, "numbers")

with case("SPDGET, to the requester alone; SPDDELETE and SPDDELETE2"):
    heard()
    got = one(numbered(SPDGET, fwd.id))
    equal((got.message.kind, got.src, got.dst, got.action, got.id), (SPDGET, A, B, DISCARD, fwd.id), "what is read")
    equal(heard(), [0, 0], "messages to the others")
    got = one(spd(SPDDELETE, A, B, direction=FWD, action=NONE))
    equal((got.id, got.action), (fwd.id, DISCARD), "what is deleted")
    equal(ask.refusal(spd(SPDDELETE, A, B, direction=FWD)), errno.ENOENT, "errno")
    equal(ask.refusal(numbered(SPDGET, fwd.id)), errno.ENOENT, "errno of SPDGET")
    equal(ask.refusal(numbered(SPDDELETE2, fwd.id)), errno.ENOENT, "errno of SPDDELETE2")
    equal(one(numbered(SPDDELETE2, inward.id)).id, inward.id, "what is deleted by its number")
    equal(heard(), [2, 0], "messages to the others")
    got = one(spd(SPDDELETE, "10.1.99.0/16", "10.2.3.4/16"))
    equal(got.src, A, "what is deleted, whatever the host bits")

with case("SPDFLUSH goes to the requester, and to all if anything went"):
    heard()
    got = ask.done(message(SPDFLUSH, 0, seq=5))
    equal([(one.kind, one.seq, len(one.data)) for one in got], [(SPDFLUSH, 5, 16)] * 2, "answers")
    equal(heard(), [1, 0], "messages to the others")
    equal(len(ask.done(message(SPDFLUSH, 0))), 1, "answers when nothing is there")
    equal(heard(), [0, 0], "messages to the others")
    equal(ask.refusal(message(SPDDUMP, 0)), errno.ENOENT, "errno of SPDDUMP")

with case("what cannot be a policy is refused, and changes nothing"):
    whole = [address(SRC, A), address(DST, B)]
    for what, data in {
            "no policy": message(SPDADD, 0, *whole),
            "no source": message(SPDADD, 0, whole[1], policy(NONE)),
            "two families": spd(SPDADD, A, "2001:db8::/32", action=NONE),
            "prefix too long": spd(SPDADD, "10.1.0.0/33", B, action=NONE),
            "direction 0": spd(SPDADD, A, B, direction=0, action=NONE),
            "direction 4": spd(SPDADD, A, B, direction=4, action=NONE),
            "entrust": spd(SPDADD, A, B, action=ENTRUST),
            "bypass": spd(SPDADD, A, B, action=BYPASS),
            "an action that there is not": spd(SPDADD, A, B, action=5),
            "an optional tunnel out": spd(SPDADD, A, B, templates=[template(ESP, TUNNEL, USE, 0, *GW)]),
            "a tunnel to nowhere": spd(SPDADD, A, B, templates=[template(ESP, TUNNEL)]),
            "a tunnel between families": spd(SPDADD, A, B, templates=[template(ESP, TUNNEL, src=GW[0], dst="2001:db8::1")]),
            "a protocol without SAs": spd(SPDADD, A, B, templates=[template(47, TRANSPORT)]),
            "BEET": spd(SPDADD, A, B, templates=[template(ESP, BEET, src=GW[0], dst=GW[1])]),
            "a mode that there is not": spd(SPDADD, A, B, templates=[template(ESP, 9)]),
            "a level that there is not": spd(SPDADD, A, B, templates=[template(ESP, TRANSPORT, 4)]),
            "a template longer than its place": spd(SPDADD, A, B, templates=[template(ESP, TRANSPORT, length=24)]),
            "a template of no length": spd(SPDADD, A, B, templates=[template(ESP, TRANSPORT, length=0)]),
            "five templates": spd(SPDADD, A, B, templates=[template(ESP, TRANSPORT)] * 5),
            "a security context": spd(SPDADD, A, B, ext(SEC_CTX, struct.pack("=BBH", 1, 1, 4) + b"a:b\0"), action=NONE),
            "a policy twice": spd(SPDADD, A, B, policy(NONE), action=NONE),
            "SPDDELETE without a direction": spd(SPDDELETE, A, B, direction=0),
            "SPDGET of no direction": numbered(SPDGET, 15)}.items():
        equal(ask.refusal(data), errno.EINVAL, f"errno, {what}")
    equal(heard(), [0, 0], "messages to the others")
    equal(ask.policies(), [], "policies")

with case("what has no meaning in a policy is left out of it"):
    list_ = [template(ESP, ANY, DEFAULT, reqid=9, src=GW[0], dst=GW[1]), template(AH, TRANSPORT, USE),
             template(kame.IPCOMP, TUNNEL, UNIQUE, 17, *GW), template(ESP, TUNNEL, UNIQUE, 0, "2001:db8::1", "2001:db8::2")]
    got = one(spd(SPDADD, A, B, templates=list_)).templates
    equal(got[:3], [(50, TRANSPORT, REQUIRE, 0, ()), (51, TRANSPORT, USE, 0, ()), (108, TUNNEL, UNIQUE, 17, GW)], "templates")
    equal(got[3][4], ("2001:db8::1", "2001:db8::2"), "ends of a tunnel of another family")
    check(got[3][3] > REQID_MAX, f"reqid {got[3][3]:#x} is one that people may choose")
    second = one(spd(SPDADD, B, A, templates=[template(ESP, TRANSPORT, UNIQUE, 0x4000), template(ESP, TRANSPORT, UNIQUE, 0)]))
    chosen = [one[3] for one in second.templates] + [got[3][3]]
    check(min(chosen) > REQID_MAX and len(set(chosen)) == 3, f"reqids {chosen}")
    equal(one(spd(SPDUPDATE, A, B, action=IPSEC)).action, NONE, "protection by nothing")
    equal(one(spd(SPDUPDATE, A, B, action=NONE, templates=[TUN])).templates, [], "templates of none")
    flush()

with case("selectors: IPv6, protocols, ports, type and code of ICMP"):
    six = "2001:db8:1::/48", "2001:db8:2::/64"
    got = one(spd(SPDADD, *six, action=NONE, proto=58, ports=(135, 0)))
    equal((got.src, got.dst, got.proto, got.sport, got.dport), (*six, 58, 135, 0), "of ICMPv6")
    got = one(spd(SPDADD, *six, action=NONE, proto=0))
    equal(got.proto, 255, "any protocol")
    for ports in ((0, 0), (0, 53), (53, 0), (53, 53)):
        got = one(spd(SPDADD, A, B, action=NONE, proto=17, ports=ports))
        equal((got.sport, got.dport), ports, "ports")
        equal(ask.refusal(spd(SPDADD, A, B, action=NONE, proto=17, ports=ports)), errno.EEXIST, "errno, the same again")
    equal(len(ask.policies()), 6, "policies")
    flush()

with case("SPDDUMP: the newest first, counted from 1, the last one 0"):
    numbers = [one(spd(SPDADD, f"10.{n}.0.0/16", B, direction=n % 3 + 1, action=NONE, priority=n % 2)).id for n in range(5)]
    one(spd(SPDUPDATE, "10.1.0.0/16", B, direction=2, action=DISCARD))
    heard()
    got = ask.ask(message(SPDDUMP, 0, seq=9, pid=1234))[1]
    equal([one.seq for one in got], [1, 2, 3, 4, 0], "numbers of the messages")
    equal({(one.kind, one.pid) for one in got}, {(SPDDUMP, 1234)}, "headers")
    order = [numbers[1], *(numbers[n] for n in (4, 3, 2, 0))]
    equal([Policy(one).id for one in got], order, "order; what was replaced is new")
    equal(heard(), [0, 0], "messages to the others")
    flush()

with case("a listing that is longer than the queue is whole, and there is one at a time"):
    for n in range(MANY):
        ask.write(spd(SPDADD, f"10.{n >> 8}.{n & 255}.0/24", B, action=NONE))
        if n % 50 == 0:
            ask.drain()
            heard()
    ask.drain()
    ask.write(message(SPDDUMP, 0))
    ask.write(message(SPDDUMP, 0))
    got = ask.drain()
    busy = [one for one in got if one.errno]
    equal([one.errno for one in busy], [errno.EBUSY], "errno of the second")
    rest = [Policy(one) for one in got if not one.errno]
    equal(len({one.src for one in rest}), MANY, "policies listed")
    equal([one.message.seq for one in rest], [*range(1, MANY), 0], "numbers of the messages")
    began = time.monotonic()
    flush()
    note(f"{MANY} policies flushed in {time.monotonic() - began:.3f} s")
    equal(ask.policies(), [], "policies")

with case("a policy whose time is up: a warning once, then its end"):
    heard()
    # The first limit must not pass before all three are there.
    soft, used, hard = SLOWER, 2 * SLOWER, 3 * SLOWER
    got = one(spd(SPDADD, A, B, lifetime(LIFETIME_HARD, addtime=hard, octets=5), lifetime(LIFETIME_SOFT, addtime=soft),
                  action=NONE))
    equal((got.limits(LIFETIME_HARD), got.limits(LIFETIME_SOFT)), ((hard, 0), (soft, 0)), "limits")
    idle = one(spd(SPDADD, B, A, lifetime(LIFETIME_HARD, usetime=used), lifetime(LIFETIME_SOFT), action=NONE))
    kept = one(spd(SPDADD, B, A, lifetime(LIFETIME_HARD, addtime=60), lifetime(LIFETIME_SOFT), direction=IN, action=NONE))
    klips.drain()
    ends = []
    until(lambda: ends.extend(ask.drain()) or len(ends) >= 3, "three messages")
    equal({one.kind for one in ends}, {SPDEXPIRE}, "messages")
    equal({(one.seq, one.pid) for one in ends}, {(0, 0)}, "seq and pid")
    seen = [(Policy(one).id, LIFETIME_HARD in one.exts, LIFETIME_SOFT in one.exts) for one in ends]
    equal(sorted(seen), sorted([(got.id, False, True), (got.id, True, False), (idle.id, True, False)]), "what is told")
    equal([one.id for one in ask.policies()], [kept.id], "policies")
    equal(heard(), [6, 0], "messages to the others")
    flush()

with case("MIGRATE moves a policy and the SA that it uses"):
    keys = {"auth_key": b"a" * 20, "enc_key": b"e" * 16, "auth": 3, "encrypt": 12, "replay": 32}
    ask.done(add(ESP, *GW, 0x1001, reqid=17, **keys))
    ask.done(add(ESP, *GW, 0x1002, reqid=18, **keys))
    before = one(spd(SPDADD, A, B, templates=[template(ESP, TUNNEL, UNIQUE, 17, *GW)], priority=3))
    halves = [template(ESP, TUNNEL, UNIQUE, 17, *ends) for ends in (GW, MOVED)]
    heard()
    got = ask.done(spd(MIGRATE, A, B, templates=halves, seq=8, pid=9))
    equal([(one.kind, one.seq, one.pid) for one in got], [(MIGRATE, 8, 9)], "answers")
    equal([one[4] for one in Policy(got[0]).templates], [GW, MOVED], "both halves are told")
    gone, come = klips.drain()
    equal((gone.kind, gone.address(DST), come.kind, come.address(DST)), (pfkey.DELETE, GW[1], pfkey.ADD, MOVED[1]), "in KLIPS")
    equal(len(other.drain()), 1, "messages to the other")
    after = one(numbered(SPDGET, before.id))
    equal((after.templates, after.priority), ([(50, TUNNEL, UNIQUE, 17, MOVED)], 3), "the policy")
    got = ask.done(message(GET, ESP, kame.sa(0x1001), address(SRC, MOVED[0]), address(DST, MOVED[1])))[0]
    equal((got.exts[pfkey.KEY_AUTH][4:24], got.exts[pfkey.KEY_ENCRYPT][4:20]), (b"a" * 20, b"e" * 16), "keys")
    equal(struct.unpack_from("=4xI", got.exts[kame.SA2], 4)[0], 17, "reqid")
    equal(ask.refusal(message(GET, ESP, kame.sa(0x1001), address(SRC, GW[0]), address(DST, GW[1]))), errno.ESRCH, "errno")
    ask.done(message(GET, ESP, kame.sa(0x1002), address(SRC, GW[0]), address(DST, GW[1])))
    spi = ns.run("cat", "/proc/net/ipsec_spi").out
    check("esp0x1001@192.0.2.3" in spi and "esp0x1001@192.0.2.2" not in spi, spi)

with case("what cannot be moved stays as it is"):
    one_way = [template(ESP, TUNNEL, UNIQUE, 17, *ends) for ends in (MOVED, GW)]
    equal(ask.refusal(spd(MIGRATE, B, A, templates=one_way)), errno.ENOENT, "errno, no such policy")
    equal(ask.refusal(spd(MIGRATE, A, B, templates=one_way[:1])), errno.EINVAL, "errno, half a pair")
    equal(ask.refusal(spd(MIGRATE, A, B)), errno.EINVAL, "errno, nothing")
    equal(ask.refusal(spd(MIGRATE, A, B, templates=halves)), errno.ENODATA, "errno, other ends")
    odd = [one_way[0], template(ESP, TUNNEL, UNIQUE, 18, *GW)]
    equal(ask.refusal(spd(MIGRATE, A, B, templates=odd)), errno.EINVAL, "errno, two reqids")
    ask.done(add(ESP, *GW, 0x1001, reqid=99, **keys))
    equal(ask.refusal(spd(MIGRATE, A, B, templates=one_way)), errno.EEXIST, "errno, the name is taken")
    equal(one(numbered(SPDGET, before.id)).templates, after.templates, "the policy")
    flush()

with case("the listing of eroutes has the policies for what is sent behind them"):
    equal(listing(), [], "lines of an empty table")
    klips.ask(addflow(flow("10.1.0.0", "255.255.0.0", "10.9.0.0", "255.255.0.0"), "0.0.0.0", 0x100, pfkey.INT))
    before = listing()
    equal(before, ["0 10.1.0.0/16 -> 10.9.0.0/16 => %pass"], "an eroute alone")
    for n, (direction, action) in enumerate([(OUT, NONE), (IN, NONE), (OUT, DISCARD), (FWD, DISCARD), (OUT, IPSEC)]):
        ask.done(spd(SPDADD, "10.1.2.3/16", f"10.{n}.0.0/16", direction=direction, action=action,
                     templates=[template(ESP, TUNNEL, UNIQUE, 55, *GW)] if action == IPSEC else [], proto=6, ports=(0, 80)))
    equal(listing(), before + [f"0 10.1.2.3/16 -> 10.{n}.0.0/16:80 => {what}:6"
                               for n, what in ((4, "%trap"), (2, "%drop"), (0, "%pass"))], "lines")
    klips.ask(pfkey.clear_flows())
    equal(len(ask.policies()), 5, "policies that KLIPS's dialect leaves alone")
    flush()
    equal(listing(), [], "lines at the end")

ns.delete()
end()
