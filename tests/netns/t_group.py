# SPDX-License-Identifier: GPL-2.0-only
"""GRPSA of three or four SAs: all of them are grouped, as pairs would do it, or nothing changes.

What the tool makes of it is in `t_killed`, what packets see of it in `t_async` and `t_bundles`.
"""

import errno
import itertools
import socket

from klipstest import spd
from klipstest.kame import TRANSPORT
from klipstest.netns import Netns
from klipstest.pfkey import (
    AH, COMP, DST, DST2, ESP, GROUP, GRPSA, INT, IPIP, SA, SA2, SATYPE2, PfKey, add, ext, group, member, message)
from klipstest.tap import case, check, contains, end, equal

ME, PEER, PEER6 = "192.0.2.1", "192.0.2.2", "2001:db8::2"
# From the inside out.
OUT = [(IPIP, PEER, 0x5000), (COMP, PEER, 0x5001), (ESP, PEER6, 0x5002), (AH, PEER, 0x5003)]
IN = [(IPIP, ME, 0x6000), (COMP, ME, 0x6001), (ESP, ME, 0x6002), (AH, ME, 0x6003)]
MORE = [(IPIP, PEER, 0x7000), (IPIP, PEER, 0x7001)]
WORDS = {AH: {"auth": 3, "auth_key": bytes(20)}, COMP: {"encrypt": 2}, IPIP: {},
         ESP: {"auth": 3, "encrypt": 12, "enc_key": bytes(16), "auth_key": bytes(20)}}

ns = Netns("k-group")
ns.ip("link add wan0 type dummy", f"addr add {ME}/24 dev wan0", "link set wan0 up")
pk = PfKey(ns)
other = PfKey(ns)


def done(*requests):
    """Makes requests that must succeed."""
    for data in requests:
        equal(pk.write(data), 0, f"errno of request {data[1]}")
    pk.drain()
    other.drain()


def accepted(*names):
    """Groups SAs: the answer, which everybody hears."""
    data = group(*names)
    code, replies = pk.ask(data)
    equal((code, [reply.errno for reply in replies]), (0, [0]), "errno, and that of the answer")
    equal([heard.data for heard in other.drain()], [replies[0].data], "what another socket hears")
    return replies[0]


def refused(data, code, text=""):
    """A request that must fail with an errno, and change nothing."""
    before = groups()
    got, replies = pk.ask(data)
    equal(errno.errorcode.get(got, got), errno.errorcode[code], f"errno {text}")
    equal([(len(reply.data), reply.errno) for reply in replies], [(16, code)], f"the answer {text}")
    other.drain()
    equal(groups(), before, f"groups {text}")


def groups():
    """What follows what, as it is listed."""
    return ns.read("/proc/net/ipsec_spigrp")


def alone(name):
    """Dissolves the group of an SA: every SA stands alone then."""
    done(group(name))
    equal(groups(), nobody, "groups that were dissolved")


for satype, dst, spi in OUT + IN + MORE:
    done(add(satype, dst, spi, PEER if dst == ME else "2001:db8::1" if ":" in dst else ME, **WORDS[satype]))
nobody = groups()

with case("GRPSA of three or four SAs groups them as pairs do, and is answered with what it was asked"):
    # In the last two only the first is of another direction than the others.
    for names in (OUT[:3], OUT, IN[:3], IN, OUT[:1] + IN[1:], IN[:1] + OUT[1:]):
        done(*[group(*pair) for pair in itertools.pairwise(names)])
        pairs = groups()
        alone(names[0])
        reply = accepted(*names)
        equal(sorted(reply.exts), [SA, DST, SATYPE2, SA2, DST2, GROUP], "extensions of the answer")
        equal(reply.exts[GROUP], bytes(4) + b"".join(member(*name) for name in names[2:]), "members that are answered")
        equal(groups(), pairs, f"groups of {names}")
        check(pairs != nobody, "nothing was grouped")
        alone(names[0])

with case("GRPSA of three adds to a group at either end"):
    for joined, names in (((MORE[0], OUT[0]), OUT[:3]), ((OUT[2], MORE[0]), OUT[:3])):
        done(group(*joined))
        accepted(*names)
        equal(max(len(line.split()) for line in groups().splitlines()), 4, "SAs in the group")
        alone(names[0])

with case("GRPSA of three or four is refused as a whole: missing, grouped or repeated SAs, two directions, too many"):
    for place in range(4):
        names = [*OUT[:place], (ESP, PEER, 0x9999), *OUT[place + 1:]]
        refused(group(*names), errno.ENOENT, f"with number {place} missing")
        refused(group(*names[:place], OUT[place - 1], *names[place + 1:]), errno.EEXIST, f"with number {place} repeated")
    # Whoever is to get a neighbour has one there; at the last one's other end there is room, but not for so many.
    for joined, code in (((OUT[0], MORE[0]), errno.EEXIST), ((OUT[1], MORE[0]), errno.EEXIST),
                         ((MORE[0], OUT[1]), errno.EEXIST), ((OUT[2], MORE[0]), errno.EEXIST),
                         ((MORE[0], OUT[3]), errno.EEXIST), ((OUT[3], OUT[0]), errno.EEXIST),
                         ((OUT[3], MORE[0]), errno.EINVAL), ((MORE[0], OUT[0]), errno.EINVAL)):
        done(group(*joined))
        refused(group(*OUT), code, f"with {joined} grouped")
        alone(joined[0])
    done(group(*MORE))
    refused(group(MORE[1], *OUT[:3]), errno.EINVAL, "behind a pair")
    refused(group(*OUT[:3], MORE[0]), errno.EINVAL, "before a pair")
    alone(MORE[0])
    for names in ((OUT[0], OUT[1], IN[2]), (IN[0], IN[1], OUT[2]), (OUT[0], IN[1], OUT[2]), (OUT[0], OUT[1], OUT[2], IN[3])):
        refused(group(*names), errno.EINVAL, "of two directions")

with case("GRPSA of three SAs takes none of the dialect of Linux: EINVAL"):
    with PfKey(ns, shy=True) as linux:
        equal(linux.write(spd.add(ESP, ME, PEER, 0x5009, TRANSPORT, auth=3, encrypt=12, auth_key=bytes(20), enc_key=bytes(16))), 0,
              "errno of the SA")
    pk.drain()
    for place in range(3):
        names = [*OUT[:place], (ESP, PEER, 0x5009), *OUT[place + 1:3]]
        refused(group(*names), errno.EINVAL, f"number {place}")

with case("the members of a larger group are looked at: length, reserved, satype, family, a second SA"):
    two, esp_member = group(*OUT[:2])[16:], member(*OUT[2])

    def larger(payload, body=two):
        """GRPSA with so much behind the head of the extension."""
        return message(GRPSA, IPIP, body, ext(GROUP, payload))

    zero = bytes(4)
    for payload, code, text in (
            (zero, errno.EINVAL, "no member"), (zero + esp_member[:8], errno.EINVAL, "a third of one"),
            (zero + esp_member + bytes(8), errno.EINVAL, "one and a third"), (zero + esp_member * 3, errno.EINVAL, "three"),
            (b"\1\0\0\0" + esp_member, errno.EINVAL, "reserved"),
            (zero + esp_member[:1] + b"\1" + esp_member[2:], errno.EINVAL, "reserved of a member"),
            (zero + member(5, PEER, 0x5002), errno.EINVAL, "satype 5"), (zero + member(0, PEER, 0x5002), errno.EINVAL, "satype 0"),
            (zero + member(*OUT[3])[:-1] + b"\1", errno.EINVAL, "bytes behind an IPv4 address"),
            (zero + member(*OUT[2], family=15), errno.EPFNOSUPPORT, "family 15"),
            (zero + member(*OUT[2], family=socket.AF_INET), errno.EINVAL, "an IPv6 address said to be of IPv4"),
            (zero + member(*OUT[2], family=0), errno.EPFNOSUPPORT, "family 0")):
        refused(larger(payload), code, text)
    good, before = ext(GROUP, zero + esp_member), groups()
    refused(message(GRPSA, IPIP, group(OUT[0])[16:], good), errno.EINVAL, "without a second SA")
    refused(message(GRPSA, IPIP, two, good, good), errno.EINVAL, "twice")
    refused(larger(zero + member(INT, PEER, 0x104)), errno.ENOENT, "a shunt")
    done(larger(zero + esp_member))
    check(groups() != before, "nothing was grouped")

with case("ipsec spigrp says which SA is meant"):
    done(group(OUT[0]), group(MORE[0], OUT[3]))
    names = [f"{proto}{spi:#x}@{dst}" for proto, (_, dst, spi) in zip(("tun", "comp", "esp", "ah"), OUT, strict=True)]
    asked = f"ipsec spigrp: cannot group {names[0]} with {', then '.join(names[1:3])}"
    for words, says in (
            ([*names[:3], f"ah0x9@{PEER}"], f"{asked}, then ah0x9@{PEER} outside it: ah0x9@{PEER} does not exist"),
            (names, f"{asked}, then {names[3]} outside it: {names[3]} is in a group already"),
            ([*names[:3], names[0]], f"{asked}, then {names[0]} outside it: {names[0]} cannot be there more than once")):
        before, result = groups(), ns.run("ipsec", "spigrp", "--said", *words, ok=False)
        equal((result.status, result.err.splitlines()[-1]), (1, says), "status, and the last line")
        equal(groups(), before, "groups")
    result = ns.run("ipsec", "spigrp", "--debug", "--said", *names[:3])
    contains(result.out, f"ipsec spigrp: asking the kernel to group {names[0]} with {names[1]}, then {names[2]} outside it\n",
             "what the tool says")
    contains(groups(), " ".join(names[:3]) + " \n", "groups")

pk.close()
other.close()
ns.delete()
end()
