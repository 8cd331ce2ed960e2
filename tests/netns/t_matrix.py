# SPDX-License-Identifier: GPL-2.0-only
"""KLIPS against native XFRM in every combination of protocols, modes and families."""

import os

from klipstest.counters import Watch
from klipstest.matrix import AH, BUNDLES, ESP, GCM, Cell, Pair, echo
from klipstest.tap import Failure, case, end, equal
from klipstest.traffic import transfer

# 1375 to 1377: with ESP in a tunnel the outer packet is about as long as the MTU of the wire.
SIZES = [0, 1, 15, 16, 100, 1375, 1376, 1377, 1472, 1473, 4000, 9000]


def one(pair, cell, far):
    """The whole program of one cell; `far` is what gateway B is."""
    kinds = ("KLIPS", far)
    for i, ns in pair.sides():
        pair.route(cell, i, ns, klips=kinds[i] == "KLIPS")
    try:
        for i, ns in pair.sides():
            {"KLIPS": pair.klips, "XFRM": pair.xfrm}[kinds[i]](cell, i, ns)
        watch = Watch(pair.a)
        echo(pair.a, pair.b, cell, SIZES)
        for source, sink, side in ((pair.a, pair.b, 1), (pair.b, pair.a, 0)):
            transfer(source, sink, cell.ends()[side], family=cell.inner)
        # IPv6 sends of its own what no eroute is for, and is told of the MTU; two processors overtake each other.
        fine = ("tx_frag_needed", "rx_replayed", "tx_no_eroute")
        wrong = {name: n for name, n in watch.rose().items() if name not in fine}
        equal(wrong, {}, "discarded packets")
        used = [line for line in pair.a.read("/proc/net/ipsec_spi").splitlines() if "packets(" not in line]
        equal(used, [], "SAs that carried nothing")
    finally:
        for i, ns in pair.sides():
            pair.unroute(cell, i, ns, klips=kinds[i] == "KLIPS")
        if far == "XFRM":
            pair.b.ip("xfrm state flush", "xfrm policy flush")


def cells():
    """The table, or what of it has the words of MATRIX in its name."""
    words = os.environ.get("MATRIX", "")
    return [cell for cell in table() if words in str(cell)]


def table():
    """Bundles, modes, families, UDP."""
    for name, bundle in BUNDLES.items():
        for inner, outer in ((4, 4), (6, 6), (6, 4), (4, 6)):
            yield Cell(bundle, "tunnel", inner, outer)
        for family in (4, 6):
            yield Cell(bundle, "transport", family, family)
    for name in ("ESP", "IPComp+ESP"):
        for mode in ("tunnel", "transport"):
            for family in (4, 6):
                yield Cell(BUNDLES[name], mode, family, family, udp=True)
    # AH in IPv4 would have to say two flags to ip(8), which takes one.
    for bundle, family in (((ESP,), 4), ((GCM,), 4), ((ESP,), 6), ((AH,), 6)):
        for mode in ("tunnel", "transport"):
            yield Cell(bundle, mode, family, family, esn=True)


with case("the gateways"):
    pair = Pair()
    pair.start_klips(pair.a, 0)
    pair.open_udp()

# XFRM does not find its own SAs for a second template behind a tunnel of another family than the packet's
# (XfrmOutNoStates, with XFRM at both ends too): there KLIPS is at both ends.
WITHOUT_XFRM = ", with KLIPS: XFRM finds no SA behind a tunnel of another family"


def beyond_xfrm(cell):
    """Whether XFRM cannot do a cell."""
    return cell.inner != cell.outer and len(cell.algorithms) > 1


for cell in cells() if "pair" in globals() else ():
    if not beyond_xfrm(cell):
        with case(str(cell)):
            one(pair, cell, "XFRM")

if "pair" in globals():
    pair.start_klips(pair.b, 1)
for cell in cells() if "pair" in globals() else ():
    if beyond_xfrm(cell):
        with case(str(cell) + WITHOUT_XFRM):
            one(pair, cell, "KLIPS")

if "pair" in globals():
    pair.delete()
end()
