# SPDX-License-Identifier: GPL-2.0-only
"""Damaged packets that are led to new code of the module: those that come there are what others are made from.

Packets come by a device whose other end is the test (`klipstest.tun`), so that all of a packet's way is walked by this task, in
which KCOV notes where it comes to (KERNEL=debug; elsewhere all of this is skipped). What `t_mutate` wants holds here too: no
packet that somebody without keys has changed is taken, each is counted once, no SA changes by it.

STEER_SECONDS, by default 30, says how long; SEED, by default 1, begins another run.
"""

import os
import sys
import time

from klipstest import kcov
from klipstest.arena import Arena, Ledger, Victim
from klipstest.cells import Cell
from klipstest.damage import Damage
from klipstest.suites import AH_SUITES, BY_NAME
from klipstest.tap import case, check, end, equal, note
from klipstest.tun import Tun

SECONDS = float(os.environ.get("STEER_SECONDS") or 30)
SEED = int(os.environ.get("SEED") or 1)
# Packets until it is seen where they went; genuine ones that the windows have behind them.
BURST, TAKEN = 100, 100
DEVICE, BEHIND = "steer0", "ipsec1"
# More than these are not kept of one kind.
MOST = 400

GCM, CBC = BY_NAME["aes128-gcm"], BY_NAME["aes128-sha1-96"]
VICTIMS = [
    ("ESP, AES-GCM", Cell(0, "ESP", "tunnel", 4, 4, GCM)),
    ("ESP, AES-CBC and SHA1, extended sequence numbers", Cell(1, "ESP", "tunnel", 4, 4, CBC, esn=True)),
    ("ESP in UDP, AES-GCM", Cell(2, "ESP", "tunnel", 4, 4, GCM, udp=True)),
    ("ESP, transport mode", Cell(3, "ESP", "transport", 4, 4, GCM)),
    ("IPComp and ESP", Cell(4, "IPComp+ESP", "tunnel", 4, 4, CBC)),
    ("AH, IPv4", Cell(5, "AH", "tunnel", 4, 4, ah=AH_SUITES[0])),
    ("AH and ESP, IPv6", Cell(6, "AH+ESP", "tunnel", 6, 6, GCM, AH_SUITES[2])),
]

if not kcov.available():
    note("skipped: this kernel does not note where its threads go")
    end()
    sys.exit(0)


class Inlet:
    """In the place of the arena's wire: a device of gateway A that the test writes packets to."""

    def __init__(self, gateway):
        self._tun = Tun(gateway, DEVICE)
        gateway.sysctl(f"net.ipv6.conf.{DEVICE}.disable_ipv6", 0)
        gateway.run("ipsec", "tncfg", "--attach", "--virtual", BEHIND, "--physical", DEVICE)
        gateway.ip(f"link set {BEHIND} up")
        gateway.sysctl(f"net.ipv6.conf.{BEHIND}.disable_ipv6", 0)
        self.coverage = kcov.Coverage()

    def send(self, packets):
        """Lets all of them arrive."""
        for packet in packets:
            self.write(packet)

    def write(self, packet):
        """Lets one arrive. Whether it has come to code that none had before."""
        self.coverage.begin()
        self._tun.write(packet)
        self._tun.read()
        return self.coverage.new()

    def close(self):
        """Ends it."""
        self.coverage.close()
        self._tun.close()


class Corpus:
    """What packets are made from: genuine ones, and those that led to new code."""

    def __init__(self, genuine):
        self._kept = list(genuine)
        self.begun = len(self._kept)

    def damaged(self):
        """Something new."""
        return damage.damaged(damage.choose(self._kept), damage.choose(self._kept))

    def keep(self, data):
        """This one has come to new code."""
        if len(self._kept) < MOST:
            self._kept.append(data)

    @property
    def found(self):
        """How many were kept."""
        return len(self._kept) - self.begun


def pour(corpus, make, seconds):
    """Sends what `make` makes of damaged data for a while; how many, and where they went to. It makes None of what is not to be
    sent."""
    rows, sent, over = {}, 0, time.monotonic() + seconds
    while time.monotonic() < over:
        ledger, count = Ledger(arena), 0
        while count < BURST:
            data = corpus.damaged()
            packet = make(data)
            if packet is None:
                continue
            count += 1
            if inlet.write(packet):
                corpus.keep(data)
        for reason, n in ledger.balances(count).items():
            rows[reason] = rows.get(reason, 0) + n
        sent += count
    return sent, rows


def outsider(victim):
    """What somebody without keys sends, and what that is made from."""
    bodies = [victim.sealer.body(victim.sequence + 1 + n, size)[1] for n, size in enumerate((0, 1, 15, 40, 200, 600))]
    bodies += [victim.sealer.body(number)[1] for number in (3, TAKEN - 5)]
    proto, genuine = victim.sealer.body(1)[0], set(bodies)

    def make(data):
        return None if data in genuine or victim.lost(data) else victim.sealer.packet(proto, data)

    return Corpus(bodies), make


def insider(victim):
    """The same for somebody who has the keys: what is inside is damaged, and sealed as it should be. Its first byte chooses the
    protocol."""
    (proto, data), (_, other) = victim.sealer.inside(200), victim.sealer.inside(40)
    protos = (0, 1, 4, 6, 17, 41, 44, 50, 51, 58, 59, 108, 255, *(proto,) * 19)

    def make(chosen):
        inside = protos[chosen[0] % len(protos)] if chosen else proto, chosen[1:]
        return None if victim.again(inside) else victim.sealed(inside)

    return Corpus([bytes([31]) + data, bytes([31]) + other]), make


def one(name, cell):
    """The whole program of one victim."""
    victim = Victim(arena, cell)
    victim.take(TAKEN)
    reached, share = len(inlet.coverage.places), SECONDS / len(VICTIMS)
    before = victim.sas()
    corpus, make = outsider(victim)
    sent, rows = pour(corpus, make, share / 2)
    equal(rows.get("taken", 0), 0, "damaged packets that were taken")
    equal(victim.sas(), before, "the SAs")
    victim.take()
    keyed, make = insider(victim)
    more, inner = pour(keyed, make, share / 2)
    victim.take()
    note(f"{name}: {sent} packets and {more} with the keys; {reached} places of the module by genuine ones, "
         f"{len(inlet.coverage.places)} in the end; kept {corpus.found} and {keyed.found}")
    for what, found in (("damaged", rows), ("with the keys", inner)):
        note(f"  {what}: " + ", ".join(f"{reason} {n}" for reason, n in sorted(found.items(), key=lambda row: -row[1])))
    check(sent and more, "nothing was sent")
    progress.append(len(inlet.coverage.places) - reached)


with case("the gateway"):
    arena = Arena()
    damage, inlet = Damage(SEED), Inlet(arena.a)
    arena.wire.close()
    arena.wire = inlet
    for tap, protocol in zip(arena.taps, (0x0800, 0x86dd), strict=True):
        tap.bind((BEHIND, protocol))
    note(f"{SECONDS:.0f} s; SEED={SEED}")

progress = []
for name, cell in VICTIMS if "inlet" in globals() else ():
    with case(name):
        one(name, cell)

if "inlet" in globals():
    with case("damage leads to code that genuine packets do not come to"):
        note(f"places of the module that packets have come to: {len(inlet.coverage.places)}; overflows {inlet.coverage.lost}")
        check(sum(progress) > 50, f"no more than {progress}")
    arena.close()
end()
