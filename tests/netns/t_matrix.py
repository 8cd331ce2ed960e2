# SPDX-License-Identifier: GPL-2.0-only
"""KLIPS against native XFRM in every combination of algorithms, protocols, modes and families, with tshark looking on.

MATRIX=all takes the complete table of `klipstest.cells`; other words, the cells that have them in their names; by default
it is a part of it that has everything once. CATCH=1 has ipsec0 catch what no route leads to it. At the end the table is printed.
"""

import os
import socket

from klipstest import espcrypt, tshark
from klipstest.capture import Capture
from klipstest.cells import NO_AH_IN_UDP, NO_SMALL, NO_TRANSPORT, NO_XFRM, chosen, table
from klipstest.counters import Watch
from klipstest.echo import Echo, noise
from klipstest.matrix import KLIPS, OUTER, XFRM, Pair, ends, peers
from klipstest.opener import Opener
from klipstest.seen import Sent, agree
from klipstest.tap import SLOWER, Failure, case, check, end, equal, note
from klipstest.traffic import transfer

CAPTURE = "/tmp/matrix.pcap"
# tshark takes seconds to start, so it looks at that many cells at once.
GROUP = 120
OCTETS = 30_000
ICMP, WIRE = 8, 1500
# What came of each cell, for the table.
results = {}
used = dict.fromkeys("kosu", 0)


def sizes(cell):
    """Data of echo requests: nothing, one byte, around each edge of a block, around the MTU, far beyond it."""
    header = {4: 20, 6: 40}[cell.inner]
    inside = ICMP + (header if cell.mode == "tunnel" else 0)
    # With the two bytes of ESP's trailer it fills blocks of 16 bytes, and so those of 8 and 4.
    edge = -(inside + 2) % 16
    fits = cell.fits - header - ICMP
    small = {0, 1, 15, 16, 17, edge + 15, edge + 16, edge + 17, fits - 1}
    return sorted(size for size in small if not cell.too_small(inside + size)), fits


def pings(cell, echo):
    """Echo requests of all sizes. What just fits must be in one packet, and what is a byte longer must not."""
    small, fits = sizes(cell)
    for size in small:
        echo.ask(noise(size))
    frames = capture.drain()
    for size, wanted in ((fits, {1}), (fits + 1, {2, 3})):
        echo.ask(noise(size))
        caught = capture.drain()
        frames += caught
        pieces = sum(leaves(cell, frame) for frame in caught)
        check(pieces in wanted, f"an echo request of {size} bytes is {pieces} packets outside")
        check(all(len(frame) <= WIRE for frame in caught), f"a packet of more than {WIRE} bytes")
    echo.ask(noise(9000))
    if "comp" in cell.members:
        for size in (600, 9000):
            echo.ask(b"\xff" * 16 + b"KLIPS " * (size // 6))
    return frames


def leaves(cell, frame):
    """Whether a frame goes from A to B."""
    source, to = (socket.inet_pton(socket.AF_INET if cell.outer == 4 else socket.AF_INET6, end) for end in OUTER[cell.outer])
    at = 12 if cell.outer == 4 else 8
    return frame[at:at + 2 * len(to)] == source + to


def one(cell, far):
    """The whole program of one cell: what was sent, and the frames of it."""
    pair.install(cell, far)
    capture.drain()
    watch = Watch(pair.a)
    echo = Echo(pair.a, cell.inner, *ends(cell), cell.number)
    try:
        frames = pings(cell, echo)
    finally:
        echo.close()
    streams = [[transfer(source, sink, ends(cell)[side], OCTETS, family=cell.inner)]
               for source, sink, side in ((pair.a, pair.b, 1), (pair.b, pair.a, 0))]
    # IPv6 sends of its own what no eroute is for, and is told of the MTU; two processors overtake each other, and one may
    # be late with the last packet of the cell before.
    fine = ("tx_frag_needed", "rx_replayed", "tx_no_eroute", "rx_sa_not_mature")
    wrong = {name: n for name, n in watch.rose().items() if name not in fine}
    equal(wrong, {}, "discarded packets")
    idle = [line for line in pair.a.read("/proc/net/ipsec_spi").splitlines() if "packets(" not in line]
    equal(idle, [], "SAs that carried nothing")
    return Sent(echo.answered, streams), frames + capture.drain()


def opened(cell, frames):
    """What our own opener sees of a cell: where tshark lacks the cipher, or does not check all of the ICVs."""
    if cell.ah is None and tshark.verifies(cell.esp):
        return None
    opener = Opener(peers(cell))
    for frame in frames:
        opener.frame(frame)
    return opener.seen


def run(cell, far):
    """Traffic of a cell; later, when tshark has looked, `judge` says what came of it."""
    try:
        sent, frames = one(cell, far)
        return cell, far, sent, opened(cell, frames), None
    except Exception as trouble:
        capture.drain()
        return cell, far, None, None, Failure("\n".join([f"{type(trouble).__name__}: {trouble}", *pair.state()]))


def judge(cell, far, sent, seen, trouble, by_tshark):
    """The test of a cell."""
    marks = "k" if far == KLIPS else ""
    marks += "u" if cell.too_small(ICMP) and cell.mode == "transport" else ""
    results[cell] = "FAIL"
    with case(f"{cell}{f', with KLIPS: {NO_XFRM}' if far == KLIPS else ''}"):
        if trouble:
            raise trouble
        if seen:
            agree("our opener", sent, seen, True, cell.esp is None or espcrypt.known(cell.esp))
        if cell.esp is None or tshark.opens(cell.esp):
            verified = cell.esp is not None and tshark.verifies(cell.esp)
            agree("tshark", sent, by_tshark[cell.number], verified)
        else:
            marks += "s" if "serpent" in cell.esp.name else "o"
        results[cell] = "ok" + marks
        for mark in marks:
            used[mark] += 1


def look():
    """What tshark sees of the cells of a group."""
    rows, place = [], {}
    for cell, *_ in group:
        for direction in (0, 1):
            if cell.esp and tshark.opens(cell.esp):
                rows.append(tshark.row(cell.esp, cell.keys[direction]["esp"], cell.spi(direction, "esp"), cell.outer, cell.esn))
            for member in cell.members:
                place[cell.spi(direction, member)] = cell.number, direction
    return tshark.look(CAPTURE, rows, place.get)


def close_group():
    """Judges the cells of a group."""
    by_tshark = None
    with case(f"tshark looks at {len(group)} cells"):
        equal(capture.lost(), 0, "packets that were not captured")
        by_tshark = look()
    for done in group:
        judge(*done, by_tshark or {})
    group.clear()
    capture.begin()


def legend():
    """What the marks say, and how often each is there."""
    yield f"{sum(mark.startswith('ok') for mark in results.values())} cells of {len(results)} are ok"
    yield f"k: {used['k']} cells, {NO_XFRM}"
    yield f"o: {used['o']} cells, tshark lacks the cipher; OpenSSL has opened and verified each packet in its place"
    yield f"s: {used['s']} cells, neither tshark nor OpenSSL has Serpent; espcrypt has verified the ICV of each packet"
    yield f"u: {used['u']} cells, {NO_SMALL}"
    yield f"-: not there: {NO_AH_IN_UDP}"
    yield ".: not asked for"
    yield NO_TRANSPORT
    yield "AH, and AES-XCBC and AES-CMAC in ESP: tshark does not check these ICVs; espcrypt has checked each"


with case("the gateways"):
    pair = Pair(catching=os.environ.get("CATCH") == "1")
    pair.start_klips(pair.a, 0)
    pair.open_udp()
    capture = Capture(pair.a, "wan0", CAPTURE)
    asked = os.environ.get("MATRIX", "")
    # Where all is slower, some of that part.
    cells = chosen(asked)[::1 if asked else SLOWER]
    note(f"{len(cells)} cells")

group = []
if "cells" in globals():
    for far, some in ((XFRM, [cell for cell in cells if not cell.beyond_xfrm]), (KLIPS, [c for c in cells if c.beyond_xfrm])):
        if far == KLIPS and some:
            pair.b.ip("xfrm state flush", "xfrm policy flush")
            pair.start_klips(pair.b, 1)
        for cell in some:
            group.append(run(cell, far))
            if len(group) == GROUP:
                close_group()
    if group:
        close_group()
    for line in (*table(results), *legend()):
        note(line)
    capture.close()
    pair.delete()
end()
