# SPDX-License-Identifier: GPL-2.0-only
"""Random PF_KEY requests, good and bad, against the model of `klipstest/model.py`: the errno and the answer of each, and
all three tables after each hundred.

SEED=N repeats a run, REQUESTS=N makes it longer. When the model and the module part, the report has the request.
"""

import errno
import os
import random
import re
import struct
import time

from klipstest import client, pfkey
from klipstest.model import LARVAL_SECONDS, LIMITS, NO_LIMITS, SHUNTS, STATES, Flow, Model, Sa
from klipstest.netns import Netns
from klipstest.pfkey import (
    ADD, AH, CLEARFLOW, COMP, DELETE, DELFLOW, DST, DUMP, ESP, EXPIRE, FLUSH, GET, GETSPI, GROUP, INFLOW, INT, IPIP,
    KEY_AUTH, KEY_ENCRYPT, LARVAL, LIFETIME_HARD, LIFETIME_SOFT, MATURE, PCHANGE, POLICYONLY, PROMISC, REGISTER, REPLACEFLOW, SA, SRC,
    UPDATE, Message, PfKey, address, ext, key, lifetime, member, message, sa,
    spirange)
from klipstest.tap import case, check, end, equal, fewer, note

HUNDRED = 100
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
REQUESTS = int(os.environ.get("REQUESTS") or fewer(3000, HUNDRED))

# Few names, so that requests meet. Local are the first two of IPv4 and the first of IPv6.
HERE = ["192.0.2.1", "192.0.2.9", "2001:db8::1"]
HOSTS = [*HERE, "192.0.2.2", "192.0.2.3", "198.51.100.7", "2001:db8::2"]
SPIS = [0x100, 0x101, 0x1000, 0x1001, 0xc0ffee, 0x80000000, 0xffffffff]
NETS = [("10.0.0.0", "255.0.0.0"), ("10.1.0.0", "255.255.0.0"), ("10.1.2.0", "255.255.255.0"), ("10.1.2.3", "255.255.0.0"),
        ("10.1.2.3", "255.255.255.255"), ("0.0.0.0", "0.0.0.0"), ("10.1.0.0", "255.255.255.0"), ("10.1.0.0", "255.0.0.0")]
NETS6 = [("2001:db8:1::", "ffff:ffff:ffff::"), ("2001:db8:1::5", "ffff:ffff:ffff:ffff::"), ("::", "::"),
         ("2001:db8:1::5", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
KEYS = {2: 16, 3: 20, 5: 32, 7: 64, 0: 0}
ENC_KEYS = {3: [24], 11: [0], 12: [16, 24, 32], 13: [20, 36], 20: [20, 28, 36]}
# Algorithms that there are not, or key lengths that they do not take.
ODD = [(2, 7, 16, 16), (3, 11, 20, 16), (4, 12, 16, 16), (0, 13, 0, 20), (3, 12, 16, 16), (3, 12, 20, 20), (0, 11, 0, 0), (3, 20, 20, 20),
       (3, 3, 20, 16), (2, 0, 16, 0)]

rng = random.Random(SEED)
ns = Netns("k-random")
ns.ip("link add wan0 type dummy", *(f"addr add {host}/{64 if ':' in host else 24} dev wan0" for host in HERE[:2]),
      "link set wan0 up")
ns.write("/proc/sys/net/ipv6/conf/wan0/disable_ipv6", "0")
ns.ip(f"addr add {HERE[2]}/64 dev wan0 nodad")
model = Model(set(HERE))


class Request:
    """One request: its bytes, what the model makes of it, and what its answer must say."""

    def __init__(self, data, apply, verify=None, heard=True):
        self.data, self.apply, self.verify, self.heard = data, apply, verify, heard


def some_said(satypes=(ESP, ESP, IPIP, IPIP), known=0.6):
    """A name, often one that there is."""
    if model.sas and rng.random() < known:
        return rng.choice(list(model.sas))
    return rng.choice(satypes), rng.choice(HOSTS), rng.choice(SPIS)


def some_flow():
    """A selector, often one that there is, or its neighbour under the same key."""
    if model.eroutes and rng.random() < 0.5:
        flow = rng.choice(list(model.eroutes.values()))[0]
        if rng.random() < 0.3 and "." in flow.src:
            return Flow(flow.src, rng.choice(NETS)[1], flow.dst, flow.dst_mask, flow.proto, flow.sport, flow.dport)
        return flow
    nets = NETS6 if rng.random() < 0.25 else NETS
    proto = rng.choice([0, 0, 6, 17])
    ports = [rng.choice([0, 0, 500, 80]) if proto else 0 for _ in range(2)]
    return Flow(*rng.choice(nets), *rng.choice(nets), proto, *ports)


def some_limits():
    """Limits that nothing here reaches."""
    return tuple(rng.choice([0, 0, 100_000, 200_000, 4_000_000_000]) for _ in LIMITS)


def words_of(kind, limits):
    """A lifetime extension, of five or of four words."""
    if not limits[4] and rng.random() < 0.3:
        return ext(kind, struct.pack("=IQQQ", *limits[:4]))
    return lifetime(kind, *limits)


def new_sa(kind):
    """ADD or UPDATE."""
    satype, dst, spi = said = some_said((ESP, ESP, ESP, IPIP, IPIP, AH, COMP), 0.9 if kind == UPDATE else 0.2)
    made = Sa(said, rng.choice([h for h in HOSTS if (":" in h) == (":" in dst)]), 0, False, state=MATURE)
    lengths = 0, 0
    if satype == ESP:
        made.auth, made.encrypt = rng.choice(list(KEYS)), rng.choice(list(ENC_KEYS))
        if made.encrypt == 20:
            made.auth = 0
        lengths = KEYS[made.auth], rng.choice(ENC_KEYS[made.encrypt])
        if rng.random() < 0.1:
            made.auth, made.encrypt, *lengths = rng.choice(ODD)
    elif satype == AH:
        made.auth = rng.choice([2, 3, 5, 7])
        lengths = rng.choice([KEYS[made.auth], KEYS[made.auth], KEYS[made.auth], 0]), 0
    elif satype == COMP:
        made.encrypt = rng.choice([2, 2, 2, 3])
    made.keys = tuple(length * 8 for length in lengths)
    made.window = rng.choice([0, 1, 32, 64, 65, 4096])
    made.flags = rng.choice([0, 0, 0, 1, 2])
    exts = []
    for name, number in (("hard", LIFETIME_HARD), ("soft", LIFETIME_SOFT)):
        if rng.random() < 0.3:
            setattr(made, name, some_limits())
            exts.append(words_of(number, getattr(made, name)))
    exts += [key(number, rng.randbytes(length)) for number, length in zip((KEY_AUTH, KEY_ENCRYPT), lengths, strict=True)
             if length]
    wish = _options(kind, made, exts)
    if rng.random() < 0.05:
        spoil = rng.choice(["state", "spi", "src"])
        if spoil == "state":
            made.state = rng.choice([LARVAL, 2])
        elif spoil == "spi":
            made.said = said = satype, dst, rng.choice([0, 255])
        else:
            made.src = "192.0.2.2" if ":" in dst else "2001:db8::2"
    head = sa_words(made.said[2], made.window, made.state, made.auth, made.encrypt, made.flags)
    exts += [head, address(SRC, made.src), address(DST, dst)]
    rng.shuffle(exts)
    apply = model.add if kind == ADD else model.update
    return Request(message(kind, satype, *exts), lambda: apply(made), lambda got: _told(got, model.sas[said], wish))


def _options(kind, made, exts):
    """NAT-T and references, now and then; the reference that is wished for."""
    if rng.random() < 0.15:
        made.nat = rng.choice([0, 1, 2]) if kind == ADD else 0, *(rng.choice([0, 500, 4500]) for _ in range(2))
        if kind == ADD:
            exts.append(ext(27, struct.pack("=I", made.nat[0])))
        exts += [ext(number, struct.pack("=HH", port, 0)) for number, port in zip((28, 29), made.nat[1:], strict=True)]
    if kind == ADD and rng.random() < 0.1:
        wish, made.refhim = rng.randrange(1, 40), rng.choice([0, 7, 30_000])
        exts.append(ext(32, struct.pack("=III", wish, made.refhim, 0)))
        return wish
    return 0


def sa_words(spi, window, state, auth, encrypt, flags):
    """The SA extension; a wide window goes into its last word, a narrow one may do without the reference."""
    replay = min(window, 64)
    body = struct.pack("!I", spi) + struct.pack("=BBBBI", replay, state, auth, encrypt, flags)
    if window <= 64 and rng.random() < 0.2:
        return ext(SA, body)
    return ext(SA, body + struct.pack("=II", rng.choice([0, 0xffffffff]), window if window > 64 else 0))


def _told(got, want, wish=0):
    """Whether an answer describes an SA; the model learns its reference."""
    spi, replay, state, auth, encrypt, flags, ref = got.sa()
    equal((spi, replay, auth, encrypt), (want.said[2], min(want.window, 64), want.auth, want.encrypt), "the SA")
    check(state in STATES[want.state], f"state {state}")
    equal(flags, (want.flags & ~1) | want.inbound, "flags")
    for number, limits in ((LIFETIME_SOFT, 0), (LIFETIME_HARD, 1)):
        told = struct.unpack("=IQQQII", got.exts[number])[:5] if number in got.exts else NO_LIMITS
        equal(told, tuple(pair[limits] for pair in want.limits()), f"limits {number}")
    if not want.ref:
        taken = {other.ref for other in model.sas.values()}
        check(ref and ref not in taken, f"reference {ref} is another SA's")
        check(not wish or wish in taken or ref == wish, f"reference {ref} where {wish} is free")
        want.ref = ref
    equal(ref, want.ref, "reference")


def getspi():
    """GETSPI from a small range; the model learns which SPI it is."""
    satype, dst, _ = some_said((ESP, ESP, AH, IPIP), 0.3)
    low = rng.choice(SPIS + [0, 255])
    high = min(low + rng.choice([0, 0, 1, 5]), 0xffffffff)
    src = rng.choice([h for h in HOSTS if (":" in h) == (":" in dst)])

    def apply():
        if low < 256 or all((satype, dst, spi) in model.sas for spi in range(low, high + 1)):
            return errno.EEXIST
        return 0

    def verify(got):
        spi, _, state, *_ = got.sa()
        said = satype, dst, spi
        check(low <= spi <= high and said not in model.sas, f"SPI {spi:#x}")
        equal(state, LARVAL, "state")
        taken = {other.ref for other in model.sas.values()}
        made = Sa(said, src, 0, False, ref=got.sa()[6], made=time.monotonic())
        check(made.ref and made.ref not in taken, f"reference {made.ref}")
        model.insert(made)

    return Request(message(GETSPI, satype, address(SRC, src), address(DST, dst), spirange(low, high)), apply, verify)


def delete_or_get(kind):
    """DELETE or GET."""
    satype, dst, spi = said = some_said()
    data = message(kind, satype, sa(spi), address(SRC, rng.choice(HOSTS[:2])), address(DST, dst))
    if kind == DELETE:
        return Request(data, lambda: model.remove(said))
    return Request(data, lambda: 0 if said in model.sas else errno.ESRCH, lambda got: _told(got, model.sas[said]),
                   heard=False)


def group():
    """GRPSA of one to four; the more there are, the likelier something is wrong."""
    names = [some_said(known=0.95) for _ in range(rng.choice((1, 2, 2, 2, 3, 3, 4)))]
    return Request(pfkey.group(*names), lambda: model.group(*names))


def addflow():
    """ADDFLOW: a new eroute, one in the place of another, or a policy."""
    flow = some_flow()
    flags = rng.choice([0, 0, REPLACEFLOW, REPLACEFLOW, INFLOW, INFLOW | REPLACEFLOW, POLICYONLY])
    said = some_said(known=0.8)
    if not flags & (INFLOW | POLICYONLY) and rng.random() < 0.5:
        said = INT, "::" if rng.random() < 0.2 else "0.0.0.0", rng.choice(list(SHUNTS))
    data = pfkey.addflow(flow.extensions(), said[1], said[2], said[0], flags)
    return Request(data, lambda: model.add_flow(flow, said, flags))


def delflow():
    """DELFLOW: of one, of a policy, now and then of all."""
    flow, choice = some_flow(), rng.random()
    if choice < 0.02:
        return Request(pfkey.clear_flows(), lambda: model.eroutes.clear() or 0)
    if choice < 0.1:
        return Request(message(DELFLOW, 0, sa(0, state=0, flags=POLICYONLY), *flow.extensions()), lambda: 0)
    return Request(pfkey.delflow(flow.extensions()), lambda: model.delete_flow(flow))


def flush():
    """FLUSH; rarely of all, or little would be left to meet."""
    satype = rng.choice([0, AH, COMP, COMP, INT, 1, 5, 12, ESP, IPIP])
    return Request(message(FLUSH, satype), lambda: model.flush(satype))


def bad():
    """What is sound enough to be answered, and is refused for a reason of its own."""
    satype, dst, spi = some_said(known=0.9)
    name = [sa(spi), address(SRC, HOSTS[0]), address(DST, dst)]
    flow = some_flow().extensions()
    data, code = rng.choice([
        (message(rng.choice([DUMP, PROMISC, PCHANGE]), ESP), errno.ENOSYS),
        (message(DELETE, satype, *name[:2]), errno.EINVAL),
        (message(DELETE, satype, *name, name[0]), errno.EINVAL),
        (message(DELETE, rng.choice([0, 1, 5, 12, 255]), *name), errno.EINVAL),
        (message(GET, satype, *name, err=1), errno.EINVAL),
        (message(DELETE, satype, *name[:2], address(DST, dst, prefix=24)), errno.EAFNOSUPPORT),
        (message(DELETE, satype, *name[:2], ext(DST, bytes(4) + struct.pack("=H", 1) + bytes(14))), errno.EPFNOSUPPORT),
        (message(GET, satype, *name, ext(34, bytes(4))), errno.EINVAL),
        (message(GET, satype, *name, ext(GROUP, bytes(4) + member(*some_said()))), errno.EINVAL),
        (message(GET, satype, sa(spi, replay=65), *name[1:]), errno.EINVAL),
        (message(GET, satype, sa(spi, state=3), *name[1:]), errno.EINVAL),
        (message(GET, satype, sa(spi, ref=1 << 15), *name[1:]), errno.EINVAL),
        (message(ADD, INT, *name), errno.EINVAL),
        (message(ADD, ESP, *name, words_of(2, NO_LIMITS)), errno.EINVAL),
        (message(GETSPI, ESP, *name[1:], spirange(0x2000, 0x1000)), errno.EINVAL),
        (message(13, satype, *name[::2], ext(18, struct.pack("=I", ESP))), errno.EINVAL),
        (message(14, satype, sa(spi), name[2], *flow[:3]), errno.EINVAL),
        (message(DELFLOW, 0, *flow[1:4]), errno.EINVAL),
        (message(6, ESP), errno.EINVAL),
        (message(17, ESP, *name), errno.EINVAL),
        (message(REGISTER, 0), errno.EINVAL),
        (message(EXPIRE, ESP, *name), errno.EINVAL),
    ])
    return Request(data, lambda: code)


KINDS = [(lambda: new_sa(ADD), 25), (lambda: new_sa(UPDATE), 10), (getspi, 6), (lambda: delete_or_get(DELETE), 6),
         (lambda: delete_or_get(GET), 8), (group, 15), (addflow, 22), (delflow, 10), (flush, 1), (bad, 8)]
MAKERS, WEIGHTS = zip(*KINDS, strict=True)


def expired(got):
    """The kernel ended a larval SA, which must be old enough; the model follows."""
    equal((got.kind, got.pid, LIFETIME_HARD in got.exts), (EXPIRE, 0, True), "what the kernel says by itself")
    said = got.satype, client.address_of(got, DST), got.sa()[0]
    age = time.monotonic() - model.sas[said].made
    check(model.sas[said].state == LARVAL and age >= LARVAL_SECONDS - 2, f"{said} in state {model.sas[said].state}, {age} s old")
    model.remove(said)


def one(sock, number):
    """Writes one request and looks at what comes. Returns its answer if others hear it too."""
    request = rng.choices(MAKERS, WEIGHTS)[0]()
    data = request.data[:8] + struct.pack("=II", number, SEED & 0xffff) + request.data[16:]
    code = sock.write(data)
    messages = sock.drain()
    while messages and messages[0].pid == 0 and messages[0].kind == EXPIRE:
        expired(messages.pop(0))
    want = request.apply()
    text = f"request {number}, {data.hex()}"
    equal(errno.errorcode.get(code, code), errno.errorcode.get(want, want), f"errno of {text}")
    check(messages, f"no answer to {text}")
    answer = messages.pop(0)
    for late in messages:
        expired(late)
    equal((answer.kind, answer.errno, answer.seq), (data[1], want, number), f"answer to {text}")
    if want:
        equal(len(answer.data), 16, f"length of the answer to {text}")
    elif not (data[1] == DELFLOW and SA in answer.exts and CLEARFLOW & answer.sa()[5]):
        parsed = Message(answer.data) if _unknown_to_library(answer) else client.parse(answer.data)
        if request.verify:
            request.verify(parsed)
    return answer.data if want or request.heard else None


def _unknown_to_library(answer):
    """Of an SA with a wide window, of a larger group, or of a larval SA that was only given other ports: no client would ask
    for that."""
    wide = SA in answer.exts and answer.exts[SA][16:20] != bytes(4)
    return wide or GROUP in answer.exts or (answer.kind == UPDATE and answer.sa()[2] == LARVAL)


def compare():
    """All tables against the model."""
    for name in ("eroute", "spi", "spigrp"):
        rows = ns.read(f"/proc/net/ipsec_{name}").splitlines()
        if name == "spi":
            rows = [re.sub(r" iv=0x[0-9a-f]+", " iv=_", re.sub(r"addtime\(\d+,", "addtime(_,", row)) for row in rows]
        want = model.listing(name)
        equal(set(rows) ^ set(want), set(), f"rows of {name} too many or too few")
        equal(rows, want, f"order of {name}")


note(f"SEED={SEED} REQUESTS={REQUESTS}")

with case(f"{REQUESTS} random requests end as the model says, and so do the tables after each {HUNDRED}"):
    began, largest, seen = time.monotonic(), [0, 0, 0], {}
    with PfKey(ns) as asking, PfKey(ns) as listener:
        for base in range(0, REQUESTS, HUNDRED):
            told = []
            for n in range(base, min(base + HUNDRED, REQUESTS)):
                told += filter(None, [one(asking, n + 1)])
                counts = len(model.sas), len(model.eroutes), sum(1 for one_sa in model.sas.values() if one_sa.prev)
                largest = [max(pair) for pair in zip(largest, counts, strict=True)]
            heard = [got.data for got in listener.drain() if got.pid or got.kind != EXPIRE]
            equal(heard, told, "what another listener hears")
            compare()
            for data in told:
                outcome = data[1], errno.errorcode.get(data[2], "ok")
                seen[outcome] = seen.get(outcome, 0) + 1
    note(f"{(time.monotonic() - began) / REQUESTS * 1e6:.0f} us each; at most {largest[0]} SAs, {largest[1]} eroutes, "
         f"{largest[2]} links")
    note("outcomes: " + ", ".join(f"{kind}:{code} {count}" for (kind, code), count in sorted(seen.items())))
    check(min(largest) >= (5 if REQUESTS >= 3000 else 3), "too little met")

ns.delete()
end()
