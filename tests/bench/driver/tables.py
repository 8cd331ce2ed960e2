# SPDX-License-Identifier: GPL-2.0-only
"""Tables of figures, in Markdown that reads well in a terminal."""

from driver.figures import targets
from driver.plan import (AGAINST, BEST, ENTRIES, EROUTES, HELPED, IN_BURSTS, PLAIN, SIZES, SPREAD, STRANGERS, TOGETHER,
                         WIREGUARD, Window)


def number(value, digits=0):
    """A figure with so many digits behind the point, or a dash."""
    return "-" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def markdown(title, header, rows):
    """A table without the columns and rows that are nothing but dashes; empty if nothing is left."""
    rows = [row for row in rows if any(cell != "-" for cell in row[1:])]
    if not rows:
        return ""
    keep = [0] + [n for n in range(1, len(header)) if any(row[n] != "-" for row in rows)]
    cells = [[line[n] for n in keep] for line in [header, *rows]]
    widths = [max(len(line[n]) for line in cells) for n in range(len(keep))]
    lines = ["| " + " | ".join(cell.ljust(width) if n == 0 else cell.rjust(width)
                               for n, (cell, width) in enumerate(zip(line, widths, strict=True))) + " |"
             for line in cells]
    rule = "|" + "|".join("-" * (width + 2) if n == 0 else "-" * (width + 1) + ":" for n, width in enumerate(widths)) + "|"
    return "\n".join([f"## {title}", "", lines[0], rule, *lines[1:], ""])


def target_table(figures):
    """What was aimed at."""
    rows = [[target.what, ("≥ " if target.more else "≤ ") + number(target.aim, 2), number(target.measured, 2),
             target.met(), number(target.beside, 2)] for target in targets(figures) if target.measured is not None]
    return markdown("Targets", ["", "target", "measured", "", "XFRM's"], rows)


def packet_table(figures):
    """Single packets: instructions."""
    header = ["method"]
    for size in SIZES:
        header += [f"insn {size}", f"over {size}", "by XFRM", "same suite"]
    rows = []
    for method in figures.methods():
        row = [method]
        for size in SIZES:
            window = Window(method, "single", size)
            over = None if method == PLAIN else figures.over(window)
            row += [number(figures.per(window)), number(over),
                    "-" if method == PLAIN else number(figures.ratio(window), 3), number(figures.same_suite(window), 3)]
        rows.append(row + [number(None if method == PLAIN else figures.per_byte(method, SIZES), 2)])
    return markdown("Single packets, instructions", [*header, "per byte"], rows)


def memory_table(figures):
    """Single packets: what instructions do not tell."""
    names = {"locked": 1, "lines": 0, "misses": 0, "cipher": 0}
    header = ["method"] + [f"{name} {size}" for size in SIZES for name in names]
    rows = []
    for method in figures.methods():
        take = figures.per if method == PLAIN else figures.over
        rows.append([("" if method == PLAIN else "above plain: ") + method] +
                    [number(take(Window(method, "single", size), name), digits)
                     for size in SIZES for name, digits in names.items()])
    return markdown("Single packets, locked operations, cache lines, misses, cipher instructions", header, rows)


def half_table(figures):
    """Both gateways on their own."""
    rows = [[method] + [number(half) for size in SIZES for half in figures.halves(method, size)]
            for method in figures.methods() if method != PLAIN]
    return markdown("Each half above plain, instructions",
                    ["method"] + [f"{half} {size}" for size in SIZES for half in ("encapsulate", "decapsulate")], rows)


def burst_table(figures):
    """Packets that come many at a time."""
    kinds = {"batch": "sendmmsg", "gso": "UDP GSO"}
    header = ["method"] + [text for kind in kinds.values() for size in SIZES for text in (f"{kind} {size}", "by XFRM")]
    rows = []
    for method in figures.methods():
        if method == PLAIN:
            continue
        row = [method]
        for kind in kinds:
            for size in SIZES:
                window = Window(method, kind, size)
                row += [number(figures.over(window)), number(figures.ratio(window), 3)]
        rows.append(row)
    return markdown("Bursts of 32, instructions above plain for each packet", header, rows)


def tcp_table(figures):
    """TCP."""
    best, wireguard = figures.tcp(BEST, "gro"), figures.tcp(WIREGUARD)
    rows = []
    for method in figures.methods():
        off, on = figures.tcp(method), figures.tcp(method, "gro")
        rows.append([method, number(off, 2), number(on, 2), number(on / best if on and best else None, 3),
                     number(on / wireguard if on and wireguard else None, 3)])
    return markdown("TCP, instructions per byte of payload, GSO on",
                    ["method", "GRO off", "GRO on", "by XFRM's best", "by WireGuard"], rows)


def scale_table(figures):
    """More and more eroutes."""
    kinds = {"single": "one flow", "spread": "a new flow each time"}
    rows = [[f"{method}, {text}"] + [number(figures.over(Window(method, kind, 64, str(count)))) for count in EROUTES] +
            [number(figures.growth(method, kind), 3)]
            for method in ENTRIES if method != PLAIN for kind, text in kinds.items()]
    return markdown("Eroutes and policies, 64 bytes, instructions above plain",
                    ["method"] + [number(count) for count in EROUTES] + ["growth"], rows)


def load_table(figures):
    """How fast tables are filled."""
    names = {"klips-sa": "KLIPS: an ESP SA", "klips-tunnel": "KLIPS: an IPIP SA, an ESP SA, grouped",
             "klips-eroute": "KLIPS: an eroute", "xfrm-sa": "XFRM: an ESP SA, tunnel mode", "xfrm-out": "XFRM: a policy"}
    rows = []
    for what, name in names.items():
        ns = figures.load_ns(what)
        rows.append([name, number(ns), number(1e9 / ns if ns else None)])
    return markdown("Filling tables, request and answer", ["", "ns at 1 ns an instruction", "a second"], rows)


def parallel_table(figures):
    """One processor, and two."""
    cases = {"one sender": HELPED, "one, bursts": IN_BURSTS, "one, bursts, spread": SPREAD, "two, one way": TOGETHER, "two, both ways": AGAINST}
    rows = []
    for method in figures.methods():
        for name, case in cases.items():
            row = [f"{method}, {name}"]
            for size in SIZES:
                rounds = figures.rounds(Window(method, case[1], size, case[0]))
                lost = max((1 - reading["got"] / reading["sent"] for reading in rounds), default=None)
                insn = min((reading["insn"] / reading["got"] for reading in rounds), default=None)
                row += [number(figures.scaling(method, size, case, "ns"), 2),
                        number(figures.scaling(method, size, case, "insn"), 2),
                        number(insn), number(None if lost is None else 100 * lost, 1)]
            shared = figures.per(Window(method, case[1], SIZES[0], "shared"), "shared")
            rows.append([*row, number(shared if case in (TOGETHER, AGAINST) else None, 1)])
    header = [f"{text} {size}" for size in SIZES for text in ("by time", "by insn", "insn", "% lost")] + ["shared 64"]
    return markdown("Two processors and one pair of SAs: packets, by those of one processor", ["method, senders", *header],
                    rows)


def stranger_table(figures):
    """What strangers send to a gateway."""
    rows = []
    for method in figures.methods():
        rows.append([f"{method}, its own"] + [cell for size in SIZES
                                              for cell in (number(figures.forwarding(method, size)), "-")])
        for kind in STRANGERS:
            rows.append([f"{method}, {kind}"] + [cell for size in SIZES
                                                 for cell in (number(figures.stranger(method, kind, size)),
                                                              number(figures.share(method, kind, size), 2))])
    return markdown("Packets of strangers at the gateway that decapsulates, instructions each",
                    ["", *(text for size in SIZES for text in (f"insn {size}", f"keeps {size}"))], rows)


def all_tables(figures):
    """Every table that has something in it."""
    makers = (target_table, packet_table, memory_table, half_table, burst_table, tcp_table, scale_table,
              load_table, parallel_table, stranger_table)
    return "\n".join(table for table in (make(figures) for make in makers) if table)
