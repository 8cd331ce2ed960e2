# SPDX-License-Identifier: GPL-2.0-only
"""What clients of the Linux dialect wrote to af_key, message by message, and whether they would go on with what KLIPS
answers: OpenIKED (`data/iked.txt`), charon with its plugin kernel-pfkey, and setkey of ipsec-tools.

Of charon's and setkey's messages the lengths and beginnings are known; what is made here is compared with these.
"""

import errno
import pathlib
import struct

from klipstest import kame, pfkey
from klipstest.kame import (
    FWD, IN, OUT, REQUIRE, SA2, SPDADD, SPDDUMP, SPDFLUSH, SPDDELETE, SPDGET, SPDUPDATE, TRANSPORT, TUNNEL, UNIQUE,
    Client, lifetime, policy_of, request, sa, sa2, spd, spi_of)
from klipstest.netns import Netns
from klipstest.pfkey import (
    ADD, AH, DELETE, DST, DUMP, ESP, FLUSH, GET, GETSPI, KEY_AUTH, KEY_ENCRYPT, LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT,
    REGISTER, SA, SPIRANGE, SRC, UPDATE, Message, address, ext, key, message)
from klipstest.tap import case, check, end, equal

US, PEER = "10.9.0.1", "10.9.0.2"
OURS, THEIRS = "10.1.0.0/24", "10.2.0.0/24"
NAMES = {"flush": FLUSH, "register": REGISTER, "getspi": GETSPI, "add": ADD, "update": UPDATE, "delete": DELETE,
         "spdupdate": SPDUPDATE, "spddelete": SPDDELETE}

ns = Netns("k-kame")
ns.ip("link add wan0 type dummy", f"addr add {US}/24 dev wan0", "link set wan0 up")


def recorded(name):
    """The steps in a file of `data`."""
    path = pathlib.Path(__file__).parent / "data" / name
    lines = [line.split() for line in path.read_text(encoding="ascii").splitlines() if line and not line.startswith("#")]
    return [(step, bytes.fromhex(text)) for step, text in lines]


def ends_of(got):
    """Source and destination of a message."""
    return got.address(SRC), got.address(DST)


def sas():
    """The SAs there are."""
    return sorted(row.split()[0] for row in ns.read("/proc/net/ipsec_spi").splitlines())



class Replay:
    """Steps that are written again, with the SPIs that KLIPS chooses now."""

    def __init__(self, steps):
        self.steps, self.spis, self.client = steps, [], Client(ns)

    def play(self, phase):
        """Writes the steps of a phase, and yields each with its answer."""
        for at, (name, data) in enumerate(self.steps):
            if not name.startswith(phase + "-"):
                continue
            for old, new in self.spis:
                data = data.replace(old, new)
            got = self.client.request(data)
            equal((got.seq, got.pid), struct.unpack_from("=II", data, 8), "number and pid of the answer")
            if data[1] == GETSPI:
                chosen = next(later for step, later in self.steps[at:] if later[1] == UPDATE)
                self.spis.append((Message(chosen).exts[SA][:4], got.exts[SA][:4]))
                check(spi_of(got) >= 0x100, f"SPI {spi_of(got):#x}")
            elif SA in Message(data).exts:
                equal((spi_of(got), ends_of(got)), (spi_of(Message(data)), ends_of(Message(data))), "SPI and addresses of the answer")
            yield name.partition("-")[2], data, got


iked = Replay(recorded("iked.txt"))

with case("iked starts: nothing is there, and the algorithms that it needs are"):
    *_, (_, _, got) = iked.play("start")
    auth, encrypt = ({alg[0] for alg in got.algorithms(kind)} for kind in (14, 15))
    check({3, 6, 7} <= auth and {3, 12} <= encrypt, f"algorithms {auth} and {encrypt}")

with case("iked makes its tunnel"):
    for name, data, got in iked.play("up"):
        if name == "spdupdate":
            check(policy_of(got)[2], "the policy has a number")
            equal((policy_of(got)[:2], policy_of(got)[4]), (policy_of(Message(data))[:2], policy_of(Message(data))[4]),
                  "type, direction and requests of the policy")
    equal(len(sas()), 2, "number of SAs")

with case("iked answers a peer who renews the child SA, and deletes the old one"):
    before = sas()
    list(iked.play("renew"))
    check(len(sas()) == 2 and not set(before) & set(sas()), f"SAs {before}, then {sas()}")

with case("iked ends the tunnel, and nothing is left"):
    list(iked.play("down"))
    equal(sas(), [], "SAs")
    equal([got.errno for got in iked.client.ask(message(SPDDUMP, 0, seq=90, pid=1))], [errno.ENOENT], "the dump of policies")
    equal(iked.client.heard, [], "what it heard besides")
    iked.client.close()


# charon: numbers begin at 1, its pid is the same for all, and every message is as long as it was then.

class Charon:
    """The command socket of charon's plugin."""

    def __init__(self):
        self.client, self.seq = Client(ns), 2

    def request(self, kind, satype, *exts, size, err=0):
        """A request that is `size` bytes long; its answer."""
        self.seq += 1
        data = message(kind, satype, *exts, seq=self.seq, pid=140)
        equal(len(data), size, f"length of the request of type {kind}")
        return self.client.request(data, err)

    def add(self, spi, src, dst, replay):
        """An SA as it makes it."""
        return self.request(ADD, ESP, sa(spi, replay, auth=6, encrypt=12), sa2(TUNNEL, 1), address(SRC, src), address(DST, dst),
                            lifetime(LIFETIME_SOFT, 3300), lifetime(LIFETIME_HARD, 3600),
                            key(KEY_ENCRYPT, bytes(range(32))), key(KEY_AUTH, bytes(range(48))), size=256)

    def policy(self, kind, direction, size, ident=0, prefixes=(OURS, THEIRS), err=0):
        """A request about a policy."""
        mine, theirs = prefixes
        src, dst, *gateways = (mine, theirs, US, PEER) if direction == OUT else (theirs, mine, PEER, US)
        wanted = [request(TUNNEL, UNIQUE, 1, gateways)] if kind in (SPDADD, SPDUPDATE) else []
        self.seq += 1
        data = spd(kind, direction, src, dst, *wanted, priority=0x5ba7f if wanted else 0, ident=ident, seq=self.seq, pid=140)
        equal(len(data), size, f"length of the request of type {kind}")
        return self.client.request(data, err)


with case("charon: its two sockets, and an SPI"):
    events, charon = Client(ns), Charon()
    for seq, satype in ((1, ESP), (2, AH)):
        events.request(message(REGISTER, satype, seq=seq, pid=140))
    got = charon.request(GETSPI, ESP, address(SRC, PEER), address(DST, US),
                         ext(SPIRANGE, struct.pack("=II4x", 0xc0000000, 0xcfffffff)), size=80)
    inward = spi_of(got)
    check(0xc0000000 <= inward <= 0xcfffffff, f"SPI {inward:#x}")

with case("charon: the larval SA is deleted, both SAs are added, and the policies"):
    charon.request(DELETE, ESP, sa(inward, state=0), address(SRC, PEER), address(DST, US), size=80)
    charon.add(inward, PEER, US, 32)
    charon.add(0x39e422de, US, PEER, 0)
    numbers = {}
    for direction in (IN, FWD, OUT):
        got = charon.policy(SPDADD, direction, 128)
        numbers[direction] = policy_of(got)[2]
        equal(policy_of(got)[2] & 7, direction - 1, "the direction in the policy's number")
    equal(sas(), sorted((f"esp{inward:#x}@{US}", f"esp0x39e422de@{PEER}")), "SAs")

with case("charon: a policy that is there already: EEXIST, and the update that follows is taken"):
    charon.policy(SPDADD, OUT, 128, err=errno.EEXIST)
    equal(policy_of(charon.policy(SPDUPDATE, OUT, 128))[2] & 7, OUT - 1, "the direction in the policy's number")

with case("charon: what it asks of SAs has all that it copies without a look"):
    for spi, src, dst in ((inward, PEER, US), (0x39e422de, US, PEER)):
        got = charon.request(GET, ESP, sa(spi, state=0), address(SRC, src), address(DST, dst), size=80)
        wanted = {SA, SA2, SRC, DST, LIFETIME_SOFT, LIFETIME_HARD, LIFETIME_CURRENT}
        check(wanted <= set(got.exts), f"without {wanted - set(got.exts)}")
        equal(got.exts[KEY_ENCRYPT][4:36], bytes(range(32)), "the key, which it writes again when it moves an SA")

with case("charon: what it asks of policies says when they were used last"):
    for direction in (IN, FWD, OUT):
        got = charon.policy(SPDGET, direction, 80, numbers[direction])
        equal(struct.unpack_from("=Q", got.exts[LIFETIME_CURRENT], 20)[0], 0, "the time of the last use")

with case("charon: it takes all away, and what it deletes twice is ESRCH and ENOENT"):
    for direction in (IN, FWD, OUT):
        charon.policy(SPDDELETE, direction, 80)
        charon.policy(SPDDELETE, direction, 80, err=errno.ENOENT)
    for spi, src, dst in ((inward, PEER, US), (0x39e422de, US, PEER)):
        for err in (0, errno.ESRCH):
            charon.request(DELETE, ESP, sa(spi, state=0), address(SRC, src), address(DST, dst), size=80, err=err)
    equal(sas(), [], "SAs")
    heard = [kame.parse(got.data).kind for got in events.key.drain()]
    check({ADD, DELETE, SPDADD, SPDUPDATE, SPDDELETE} <= set(heard), f"what the events socket hears: {heard}")
    charon.client.close()
    events.close()


# setkey: all of its requests have the number 0; a list ends with the message numbered 0.

K16, K20, K32 = bytes(range(16)), bytes(range(20)), bytes(range(32))
GATES = "10.0.0.1", "10.0.0.2"
setkey = Client(ns)


def tell(size, data, err=0):
    """A request of setkey that is `size` bytes long; its answer."""
    equal(len(data), size, "length of the request")
    return setkey.request(data, err)


def ends(reverse=False, prefix=32):
    """Addresses as setkey writes those of SAs."""
    return [address(kind, host, proto=255, prefix=prefix)
            for kind, host in zip((SRC, DST), GATES[::-1] if reverse else GATES, strict=True)]


with case("setkey: it asks for the algorithms and empties the tables"):
    got = setkey.ask(message(REGISTER, 0, seq=0, pid=200))[0]
    check({14, 15} <= set(got.exts), "the lists of algorithms")
    setkey.ask(message(FLUSH, 0, seq=0, pid=200))
    setkey.ask(message(SPDFLUSH, 0, seq=0, pid=200))

with case("setkey: SAs of ESP, AH and IPComp"):
    esp = message(ADD, ESP, key(KEY_ENCRYPT, K16), key(KEY_AUTH, K32), lifetime(LIFETIME_HARD, 3600),
                  lifetime(LIFETIME_SOFT, 3000), sa(0x1001, 32, 0, 5, 12), sa2(TUNNEL, 17), *ends(), seq=0, pid=200)
    tell(224, esp)
    tell(128, message(ADD, AH, key(KEY_AUTH, K20), sa(0x1002, 0, 0, 3), sa2(TRANSPORT), *ends(True), seq=0, pid=200))
    tell(96, message(ADD, kame.IPCOMP, sa(0x1003, 0, 0, 0, 2), sa2(TRANSPORT), *ends(), seq=0, pid=200))
    tell(224, esp, errno.EEXIST)

with case("setkey: policies; those of direction in come with one of direction fwd"):
    out = spd(SPDADD, OUT, OURS, THEIRS, request(TUNNEL, REQUIRE, 0, GATES), seq=0, pid=200)
    tell(128, out)
    for direction, wanted in ((FWD, request(TUNNEL, REQUIRE, 0, GATES[::-1])),
                              (IN, request(TUNNEL, UNIQUE, 17, GATES[::-1]))):
        tell(128, spd(SPDADD, direction, THEIRS, OURS, wanted, upper=6, priority=0x7ffffffb, seq=0, pid=200))
    tell(128, out, errno.EEXIST)

with case("setkey: the list of SAs, numbered up, and the last is 0"):
    got = setkey.ask(message(DUMP, 0, seq=0, pid=201))
    equal(sorted((one.satype, spi_of(one)) for one in got), [(AH, 0x1002), (ESP, 0x1001), (kame.IPCOMP, 0x1003)], "SAs")
    equal([one.seq for one in got], [1, 2, 0], "numbers")
    for one in got:
        check({SRC, DST, SA2, LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT} <= set(one.exts), f"{one}")
    esp = next(one for one in got if one.satype == ESP)
    equal((esp.exts[KEY_ENCRYPT][4:20], esp.exts[KEY_AUTH][4:36]), (K16, K32), "keys")
    equal(struct.unpack_from("=BBHII", esp.exts[SA2])[::4], (TUNNEL, 17), "mode and reqid")

with case("setkey: the list of policies"):
    got = setkey.ask(message(SPDDUMP, 0, seq=0, pid=201))
    equal(sorted(policy_of(one)[1] for one in got), [IN, OUT, FWD], "directions")
    equal([one.seq for one in got], [1, 2, 0], "numbers")
    mine = {policy_of(one)[1]: one for one in got}
    equal(policy_of(mine[IN])[3:], (0x7ffffffb, request(TUNNEL, UNIQUE, 17, GATES[::-1])), "priority and request of the one in")
    equal(mine[IN].exts[SRC][:2], bytes((6, 24)), "protocol and prefix of its source")

with case("setkey: one SA, and what is not there"):
    got = tell(80, message(GET, ESP, sa(0x1001, state=0), *ends(), seq=0, pid=202))
    equal(got.exts[KEY_ENCRYPT][4:20], K16, "key")
    tell(80, message(DELETE, ESP, sa(0x9999, state=0), *ends(), seq=0, pid=202), errno.ESRCH)
    setkey.request(spd(SPDDELETE, OUT, "1.1.1.0/24", "2.2.2.0/24", action=kame.NONE, seq=0, pid=202), errno.ENOENT)

with case("setkey: it empties both tables; who asked for it hears of it twice, and of empty ones once"):
    for kind in (FLUSH, SPDFLUSH):
        for times in (2, 1):
            equal([got.errno for got in setkey.ask(message(kind, 0, seq=0, pid=203))], [0] * times, "answers")
    equal(setkey.request(message(DUMP, 0, seq=0, pid=203), errno.ENOENT).words, 2, "length of the dump")
    setkey.close()

ns.delete()
end()
