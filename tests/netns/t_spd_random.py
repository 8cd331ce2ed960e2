# SPDX-License-Identifier: GPL-2.0-only
"""Random requests about policies in the Linux dialect and about eroutes in that of KLIPS, at once and on one machine,
against models: the errno and the answer of each, who hears it, and after each hundred both listings.

SEED=N repeats a run, REQUESTS=N makes it longer.
"""

import errno
import ipaddress
import os
import random
import struct
import time
from dataclasses import dataclass

from klipstest import pfkey
from klipstest.kame import (
    DISCARD, FWD, IN, IPSEC, NONE, OUT, SPDADD, SPDDELETE, SPDDELETE2, SPDFLUSH, SPDGET, SPDSETIDX, SPDUPDATE, TRANSPORT,
    TUNNEL, UNIQUE)
from klipstest.model import Flow, Model
from klipstest.netns import Netns
from klipstest.pfkey import AH, ESP, INT, REPLACEFLOW, PfKey, message
from klipstest.spd import REQID_MAX, Policy, Speaker, numbered, spd, template
from klipstest.tap import case, check, end, equal, fewer, note

HUNDRED = 100
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
REQUESTS = int(os.environ.get("REQUESTS") or fewer(2000, HUNDRED))
NETS = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/16", "10.1.2.0/24", "10.1.2.3/32", "0.0.0.0/0", "10.1.0.0/24"]
NETS6 = ["2001:db8:1::/48", "2001:db8:1::5/64", "::/0", "2001:db8:1::5/128"]
ENDS = [("192.0.2.1", "192.0.2.2"), ("192.0.2.1", "192.0.2.3"), ("2001:db8::1", "2001:db8::2")]
SHUNT = {NONE: "%pass", DISCARD: "%drop", IPSEC: "%trap"}

rng = random.Random(SEED)
ns = Netns("k-spd-random")
eroutes = Model(set())


@dataclass
class Kept:
    """A policy as the model has it."""

    src: str
    dst: str
    proto: int
    ports: tuple
    direction: int
    action: int
    priority: int
    templates: list
    # Learned from the answer.
    id: int = 0

    def slot(self):
        """What only one policy can have."""
        nets = [str(ipaddress.ip_network(net, strict=False)) for net in (self.src, self.dst)]
        return self.direction, *nets, self.proto, self.ports

    def request(self, kind):
        """The message that makes or deletes it."""
        return spd(kind, self.src, self.dst, direction=self.direction, action=self.action, priority=self.priority,
                   templates=[template(*one) for one in self.templates], proto=self.proto or 255, ports=self.ports)

    def flow(self):
        """As an eroute would have it."""
        nets = [ipaddress.ip_network(net, strict=False) for net in (self.src, self.dst)]
        hosts = [net.split("/")[0] for net in (self.src, self.dst)]
        return Flow(hosts[0], str(nets[0].netmask), hosts[1], str(nets[1].netmask), self.proto, *self.ports)

    def verify(self, got):
        """Compares it with what a message says of it."""
        equal((got.src, got.dst, got.proto, (got.sport, got.dport)), (self.src, self.dst, self.proto or 255, self.ports),
              "selector")
        equal((got.direction, got.action, got.priority), (self.direction, self.action, self.priority), "policy")
        equal(len(got.templates), len(self.templates), "templates")
        for told, (satype, mode, level, reqid, *ends) in zip(got.templates, self.templates, strict=True):
            equal(told[:3], ({ESP: 50, AH: 51}[satype], mode, level), "template")
            equal(told[4], tuple(ends), "ends of a template")
            own = level == UNIQUE and not 0 < reqid <= REQID_MAX
            check(told[3] > REQID_MAX if own else told[3] == (reqid if level == UNIQUE else 0), f"reqid {told[3]} for {reqid}")
        equal(got.id & 7, self.direction - 1, "direction in the number")
        equal(self.id or got.id, got.id, "number")
        self.id = got.id


# The oldest first.
policies = {}


def some_policy(known):
    """A policy, often of a selector that there is."""
    if policies and rng.random() < known:
        made = rng.choice(list(policies.values()))
        words = made.src, made.dst, made.proto, made.ports, made.direction
    else:
        nets = NETS6 if rng.random() < 0.25 else NETS
        proto = rng.choice([0, 0, 6, 17])
        ports = tuple(rng.choice([0, 0, 500, 80]) if proto else 0 for _ in range(2))
        words = rng.choice(nets), rng.choice(nets), proto, ports, rng.choice([IN, OUT, OUT, FWD])
    action = rng.choice([NONE, DISCARD, IPSEC, IPSEC])
    return Kept(*words, action, rng.choice([0, 1, 1, 0x80000000]), some_templates() if action == IPSEC else [])


def some_templates():
    """What a policy wants of SAs."""
    templates = []
    for _ in range(rng.choice([1, 1, 2, 4])):
        mode = rng.choice([TRANSPORT, TUNNEL])
        level = rng.choice([2, UNIQUE])
        reqid = rng.choice([0, 17, REQID_MAX, 0x4000, 0xffffffff])
        templates.append((rng.choice([ESP, AH]), mode, level, reqid, *(rng.choice(ENDS) if mode == TUNNEL else ())))
    return templates


def put(kind):
    """SPDADD and its like: the message, what the model says, and what becomes of it."""
    made = some_policy(0.8 if kind == SPDUPDATE else 0.3)
    there = policies.get(made.slot())
    if there and kind != SPDUPDATE:
        return made.request(kind), errno.EEXIST, None

    def done(got):
        made.id = there.id if there else 0
        policies.pop(made.slot(), None)
        policies[made.slot()] = made
        made.verify(got)
    return made.request(kind), 0, done


def delete():
    """SPDDELETE."""
    made = some_policy(0.7)
    return made.request(SPDDELETE), 0 if made.slot() in policies else errno.ENOENT, lambda got: policies.pop(made.slot()).verify(got)


def by_number(kind):
    """SPDGET and SPDDELETE2."""
    made = rng.choice(list(policies.values())) if policies and rng.random() < 0.8 else None
    number = made.id if made else rng.randrange(1 << 29) << 3 | rng.randrange(3)

    def done(got):
        made.verify(got)
        if kind == SPDDELETE2:
            del policies[made.slot()]
    return numbered(kind, number), 0 if made else errno.ENOENT, done


def linux():
    """One request of the Linux dialect."""
    kind = rng.choices([SPDADD, SPDSETIDX, SPDUPDATE, SPDDELETE, SPDDELETE2, SPDGET], [30, 5, 25, 12, 5, 10])[0]
    if kind in (SPDADD, SPDSETIDX, SPDUPDATE):
        return put(kind)
    return delete() if kind == SPDDELETE else by_number(kind)


def klips():
    """One request of the dialect of KLIPS, and what the model makes of it."""
    if eroutes.eroutes and rng.random() < 0.4:
        flow = rng.choice(list(eroutes.eroutes.values()))[0]
    else:
        flow = some_policy(0.5).flow()
    if rng.random() < 0.35:
        return pfkey.delflow(flow.extensions()), eroutes.delete_flow(flow)
    said, flags = (INT, "0.0.0.0", rng.choice([256, 257, 258])), rng.choice([0, REPLACEFLOW])
    return pfkey.addflow(flow.extensions(), said[1], said[2], said[0], flags), eroutes.add_flow(flow, said, flags)


def stamped(data, number):
    """A message with its number."""
    return data[:8] + struct.pack("=II", number, SEED & 0xffff) + data[16:]


def one_linux(sock, number):
    """Writes one request; its answer if others hear it too."""
    data, want, done = linux()
    data = stamped(data, number)
    status, got = sock.ask(data)
    text = f"request {number}, {data.hex()}"
    equal((status, len(got)), (0, 1), f"write and answers of {text}")
    equal((got[0].errno, got[0].kind, got[0].seq), (want, data[1], number), f"answer to {text}")
    if want:
        return None
    done(Policy(got[0]))
    return got[0].data if data[1] != SPDGET else None


def one_klips(sock, number):
    """The same in the other dialect, whose errors everybody hears."""
    data, want = klips()
    data = stamped(data, number)
    status, got = sock.ask(data)
    equal((status, [answer.errno for answer in got]), (want, [want]), f"request {number}, {data.hex()}")
    return got[0].data


def compare(sock):
    """Both listings against the models."""
    listed = sock.policies()
    newest = list(reversed(policies.values()))
    equal([got.id for got in listed], [kept.id for kept in newest], "SPDDUMP")
    for got, kept in zip(listed, newest, strict=True):
        kept.verify(got)
    rows = ns.read("/proc/net/ipsec_eroute").splitlines()
    out = [kept.flow().row((INT, "0.0.0.0", 256)).replace("%pass", SHUNT[kept.action]) for kept in newest if kept.direction == OUT]
    equal(rows, eroutes.listing("eroute") + out, "rows of eroute")


note(f"SEED={SEED} REQUESTS={REQUESTS}")

with case(f"{REQUESTS} random requests in two dialects end as the models say, and so do the listings after each {HUNDRED}"):
    began, largest = time.monotonic(), [0, 0]
    speakers = Speaker(ns), PfKey(ns)
    listeners = Speaker(ns), PfKey(ns)
    for listener in listeners:
        listener.drain()
    for base in range(0, REQUESTS, HUNDRED):
        told = [], []
        for n in range(base, min(base + HUNDRED, REQUESTS)):
            which = int(rng.random() < 0.3)
            answer = (one_linux, one_klips)[which](speakers[which], n + 1)
            told[which].extend([answer] if answer else [])
        for listener, want in zip(listeners, told, strict=True):
            equal([got.data for got in listener.drain()], want, "what another listener of the dialect hears")
        compare(speakers[0])
        largest = [max(pair) for pair in zip(largest, (len(policies), len(eroutes.eroutes)), strict=True)]
        if rng.random() < 0.05:
            speakers[0].ask(message(SPDFLUSH, 0))
            policies.clear()
            listeners[0].drain()
            compare(speakers[0])
    note(f"{(time.monotonic() - began) / REQUESTS * 1e6:.0f} us each; at most {largest[0]} policies, {largest[1]} eroutes")
    check(min(largest) >= fewer(20), "too little met")

ns.delete()
end()
