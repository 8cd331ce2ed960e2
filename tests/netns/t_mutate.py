# SPDX-License-Identifier: GPL-2.0-only
"""Random damage to valid packets: nothing of it is taken, each is counted once, and no SA changes by it.

MUTATIONS, by default 20,000, says how many; SEED repeats a run.
"""

import os
import time

from klipstest.arena import Arena, Ledger, Victim
from klipstest.cells import Cell
from klipstest.damage import Damage
from klipstest.suites import AH_SUITES, BY_NAME
from klipstest.tap import case, end, equal, fewer, note

MUTATIONS = int(os.environ.get("MUTATIONS") or fewer(20_000))
SEED = int(os.environ.get("SEED") or time.time())
BURST = 250
# Genuine packets that the windows have behind them.
TAKEN = 100
ESP = 50
# Hop-by-hop and destination options with padding, and ESP behind them.
OPTIONS = bytes([60, 0, 1, 4, 0, 0, 0, 0, ESP, 0, 1, 4, 0, 0, 0, 0])

GCM, CBC = BY_NAME["aes128-gcm"], BY_NAME["aes128-sha1-96"]
VICTIMS = [
    ("ESP, AES-CBC and SHA1", Cell(0, "ESP", "tunnel", 4, 4, CBC)),
    ("ESP, AES-GCM", Cell(1, "ESP", "tunnel", 4, 4, GCM)),
    ("ESP, AES-GCM, extended sequence numbers", Cell(2, "ESP", "tunnel", 4, 4, GCM, esn=True)),
    ("ESP, ChaCha20-Poly1305, transport mode", Cell(3, "ESP", "transport", 4, 4, BY_NAME["chacha20-poly1305"])),
    ("ESP in UDP, AES-GCM", Cell(4, "ESP", "tunnel", 4, 4, GCM, udp=True)),
    ("IPComp and ESP", Cell(5, "IPComp+ESP", "tunnel", 4, 4, CBC)),
    ("AH, IPv4", Cell(6, "AH", "tunnel", 4, 4, ah=AH_SUITES[0])),
    ("AH and ESP, IPv6", Cell(7, "AH+ESP", "tunnel", 6, 6, GCM, AH_SUITES[2])),
    ("ESP behind IPv6 options", Cell(8, "ESP", "tunnel", 4, 6, CBC)),
]


def pour(count, make):
    """Sends that many packets of `make`; where they went to."""
    ledger, sent = Ledger(arena), 0
    while sent < count:
        packets = [make() for _ in range(min(BURST, count - sent))]
        arena.wire.send(packets)
        sent += len(packets)
        rows = ledger.balances(sent)
    return rows


def outsider(victim):
    """Makes packets that somebody without keys has damaged."""
    sealer = victim.sealer
    bodies = [sealer.body(victim.sequence + 1 + i, size)[1] for i, size in enumerate((0, 1, 15, 40, 200, 600))]
    # Two that were taken long ago: behind the window, and in it.
    bodies += [sealer.body(number)[1] for number in (3, TAKEN - 5)]
    proto, genuine = sealer.body(1)[0], set(bodies)

    def make():
        while True:
            changed = damage.damaged(damage.choose(bodies), damage.choose(bodies))
            if changed not in genuine and not victim.lost(changed):
                return sealer.packet(proto, changed)

    return make


def insider(victim):
    """Makes packets of somebody who has the keys: what is inside is damaged, and sealed as it should be."""
    (proto, data), (_, other) = victim.sealer.inside(200), victim.sealer.inside(40)
    protos = (proto,) * 12 + (0, 1, 4, 6, 17, 41, 44, 50, 51, 58, 59, 108, 255)

    def make():
        while True:
            inside = damage.choose(protos), damage.damaged(data, other)
            if not victim.again(inside):
                return victim.sealed(inside)

    return make


def one(name, cell):
    """The whole program of one victim."""
    victim = Victim(arena, cell, OPTIONS if "options" in name else b"")
    share = MUTATIONS // len(VICTIMS)
    victim.take(TAKEN)
    before, began = victim.sas(), time.monotonic()
    rows = pour(share - share // 10, outsider(victim))
    equal(rows.get("taken", 0), 0, "damaged packets that were taken")
    equal(victim.sas(), before, "the SAs")
    victim.take()
    inner = pour(share // 10, insider(victim))
    victim.take()
    note(f"{name}: {share} packets, {share / (time.monotonic() - began):.0f} in a second")
    for what, found in (("damaged", rows), ("with the keys", inner)):
        note(f"  {what}: " + ", ".join(f"{reason} {n}" for reason, n in sorted(found.items(), key=lambda row: -row[1])))


with case("the gateways"):
    arena = Arena()
    damage = Damage(SEED)
    note(f"{MUTATIONS} packets; SEED={SEED}")

for name, cell in VICTIMS if "damage" in globals() else ():
    with case(name):
        one(name, cell)

if "arena" in globals():
    arena.close()
end()
