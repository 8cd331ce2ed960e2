# SPDX-License-Identifier: GPL-2.0-only
"""What is measured: the methods, the windows of each, and the job that makes the guest run them."""

import dataclasses

PLAIN, REFERENCE, BEST, WIREGUARD, OURS = "plain", "xfrm-gcm128", "xfrm-best", "wireguard", "klips-gcm128"
SUITES = ("gcm128", "gcm256", "cbc_sha256", "chacha20", "null_sha256", "ah_sha256")
BESIDE = "plain-klips"
METHODS = (PLAIN, "xfrm-null", *(f"xfrm-{suite}" for suite in SUITES), BEST, WIREGUARD, BESIDE,
           *(f"klips-{suite}" for suite in SUITES))
QUICK_METHODS = (PLAIN, REFERENCE, BEST, WIREGUARD, OURS)
SIZES = (64, 1400)
EROUTES = (1, 1000, 100_000)
SAS, TUNNELS = 100_000, 10_000
# What strangers send to a gateway: for no SA, with a wrong ICV, and once more.
STRANGERS = ("unknown", "forged", "replayed")
# Processors that are there, how many of them send, and whether one way or against each other; SPREAD is IN_BURSTS with
# net.ipsec.spread_rate set.
IN_BURSTS_ALONE, IN_BURSTS, SPREAD = ("1x1", "burst"), ("2x1", "burst"), ("2x1 spread", "burst")
ALONE, HELPED, TOGETHER, AGAINST = ("1x1", "flood"), ("2x1", "flood"), ("2x2", "flood"), ("2x2", "cross")
# What an eroute of KLIPS is to XFRM: the first kind is measured while it is added, at gwA.
ENTRIES = {PLAIN: (), REFERENCE: ("xfrm-out", "xfrm-fwd"), OURS: ("klips-eroute",)}
# What the meter looks at, as in meter/marker.h.
COUNT, MEMORY, PROFILE, SHARING = 1, 2, 3, 4
TCP_KIB, QUICK_TCP_KIB = 8192, 4096

@dataclasses.dataclass(frozen=True)
class Window:
    """What is measured at once. The variant is "", "gro" (the gateways merge what comes by the wire), "encap" (packets
    end before the second gateway has looked at them), "forward" (they end when it has sent them on), "filtered" (the same, past a
    filter that costs what the one of "encap" does), a number of eroutes, processors and senders as in "2x1", the same with
    " spread", or "shared", which is "2x2" with a look at memory. Of the kind "load" the method is what is put into tables, the size how much of it."""

    method: str
    kind: str
    size: int
    variant: str = ""
    round: int = 0


class Plan:
    """Windows with their numbers, and the guest's job."""

    def __init__(self):
        self.windows = []
        self.lines = ["insert_modules", "make_topology"]

    def line(self, text):
        """A line of the job."""
        self.lines.append(text)

    def measure(self, windows, options):
        """Has windows measured one after the other."""
        words = []
        for window in windows:
            words.append(f"{len(self.windows)}:{window.kind}:{window.size}")
            self.windows.append(window)
        self.line(f"measure {options} {' '.join(words)}")

    def load(self, what, count, options, level=COUNT):
        """Has the filling of a table measured."""
        self.line(f"fill {what} {options} {len(self.windows)} {level}")
        self.windows.append(Window(what, "load", count))

    def job(self):
        """The guest's shell script."""
        return "\n".join(self.lines) + "\n"


def windows(method, kinds, sizes, variant=""):
    """All sizes of all kinds."""
    return [Window(method, kind, size, variant) for kind in kinds for size in sizes]


def add_packets(plan, method, sizes, count, level=MEMORY):
    """Packets one by one."""
    plan.measure(windows(method, ["single"], sizes), f"-l {level} -n {count}")


def add_bursts(plan, method, sizes, count):
    """Packets of which the sender hands over many at a time."""
    plan.measure(windows(method, ["batch", "gso"], sizes), f"-n {count}")


def add_tcp(plan, method, kib, variants=("", "gro")):
    """TCP, with GRO off at the gateways and on; XFRM's best setting has it on anyway."""
    for variant in variants:
        switch = variant == "gro" and method != BEST
        if switch:
            plan.line("feature wan gro on")
        if variant or method != BEST:
            plan.measure([Window(method, "tcp", kib, variant)], "")
        if switch:
            plan.line("feature wan gro off")


def add_dropped(plan, where, those, count):
    """Windows of packets that end where they arrive at a namespace."""
    plan.line(f"filter_at {where} drop")
    plan.measure(those, f"-x -n {count}")
    plan.line(f"unfilter_at {where}")


def add_half(plan, method, sizes, count):
    """The first gateway alone. Of WireGuard that would be the handshakes of a peer that nobody answers."""
    if method == WIREGUARD:
        return
    add_dropped(plan, "gwB wan", windows(method, ["single"], sizes, "encap"), count)


def add_eroutes(plan, method, first, last):
    """Eroutes, or policies, with the numbers from `first` up to `last`."""
    for gateway in ("gwA", "gwB"):
        for what in ENTRIES[method]:
            if gateway == "gwA" and what == ENTRIES[method][0] and last == EROUTES[-1]:
                plan.load(what, last - first, f"{gateway} {first} {last - first}")
            else:
                plan.line(f"fill {what} {gateway} {first} {last - first}")


def add_scale(plan, count):
    """More and more eroutes: one flow, and a new flow for each packet. The first eroute is for all of them."""
    for method in ENTRIES:
        plan.line(f"method {method}")
        for first, last in zip((0, *EROUTES), EROUTES, strict=False):
            add_eroutes(plan, method, first, last)
            flows = last if last > 1 else EROUTES[-1]
            plan.measure(windows(method, ["single", "spread"], SIZES[:1], str(last)), f"-f {flows} -n {count}")
        plan.line("unmethod")


def add_strangers(plan, method, count):
    """Packets with one of a stranger after each. What that takes the second gateway is told from what dropping it at once
    takes; of packets without, `add_half` measures that."""
    if method not in (REFERENCE, OURS):
        return
    plan.measure(windows(method, STRANGERS, SIZES), f"-n {count}")
    add_dropped(plan, "gwB wan", windows(method, STRANGERS, SIZES, "encap"), count)
    add_dropped(plan, "hostB lan", windows(method, ["single"], SIZES, "forward"), count)
    plan.line("filter_at gwB wan ok")
    add_dropped(plan, "hostB lan", windows(method, ("single", *STRANGERS), SIZES, "filtered"), count)
    plan.line("unfilter_at gwB wan")


def add_loads(plan):
    """SAs, in tables that nobody empties again: the last thing that a guest does."""
    plan.line("insert_klips")
    for what, first, count in (("klips-sa", 0, SAS), ("klips-tunnel", SAS, TUNNELS), ("xfrm-sa", 0, SAS)):
        plan.load(what, count, f"gwA {first} {count}")


def quick(methods=QUICK_METHODS, count=256):
    """What tells in a minute whether a change was for the better."""
    plan = Plan()
    for method in methods:
        plan.line(f"method {method}")
        if method != BEST:
            add_packets(plan, method, SIZES, count)
        add_tcp(plan, method, QUICK_TCP_KIB, ("", "gro") if method.startswith(("klips", "xfrm")) else ("",))
        plan.line("unmethod")
    return plan


def complete(methods=METHODS, count=512):
    """Everything that one processor can show."""
    plan = Plan()
    for method in methods:
        plan.line(f"method {method}")
        add_packets(plan, method, SIZES, count)
        add_bursts(plan, method, SIZES, count)
        add_half(plan, method, SIZES, count)
        add_strangers(plan, method, count)
        add_tcp(plan, method, TCP_KIB)
        plan.line("unmethod")
    if methods == METHODS:
        plan.line("remove_klips")
        add_scale(plan, count)
        add_loads(plan)
    return plan


def scale(methods=None, count=512):
    """Tables that grow."""
    plan = Plan()
    add_scale(plan, count)
    add_loads(plan)
    return plan


def hostile(methods=(REFERENCE, OURS), count=512):
    """What strangers send to the second gateway."""
    plan = Plan()
    for method in methods:
        plan.line(f"method {method}")
        add_half(plan, method, SIZES, count)
        add_strangers(plan, method, count)
        plan.line("unmethod")
    return plan


def add_senders(plan, method, case, count, turn):
    """A number of processors, some of which send."""
    variant, kind = case
    processors, senders = variant.split()[0].split("x")
    plan.line(f"processors {processors}")
    plan.measure([dataclasses.replace(window, round=turn) for window in windows(method, [kind], SIZES, variant)],
                 f"-c {senders} -n {count // int(senders)}")


def parallel(methods=(PLAIN, REFERENCE, WIREGUARD, OURS), count=2048, rounds=3):
    """One processor, and two, with the same SAs; several times, as the host has other things to do as well."""
    plan = Plan()
    for method in methods:
        plan.line(f"method {method}")
        for turn in range(rounds):
            for case in (ALONE, HELPED, TOGETHER, AGAINST):
                add_senders(plan, method, case, count, turn)
            if method.startswith("klips"):
                for case in (IN_BURSTS_ALONE, IN_BURSTS):
                    add_senders(plan, method, case, count, turn)
                plan.line("spread 1")
                add_senders(plan, method, SPREAD, count, turn)
                plan.line("spread 0")
        for variant, kind in (TOGETHER, AGAINST):
            plan.measure(windows(method, [kind], SIZES[:1], "shared"), f"-l {SHARING} -c 2 -n {count // 4}")
        plan.line("unmethod")
    return plan


def profile(methods=(PLAIN, REFERENCE, OURS), sizes=SIZES, count=512):
    """Where the instructions are of single packets, and of what fills tables."""
    plan = Plan()
    for method in methods:
        plan.line(f"method {method}")
        add_packets(plan, method, sizes, count, PROFILE)
        for what in ENTRIES.get(method, ())[:1]:
            plan.load(what, 2000, "gwA 0 2000", PROFILE)
        plan.line("unmethod")
    for what in ("klips-sa", "xfrm-sa"):
        plan.load(what, 2000, "gwA 0 2000", PROFILE)
    plan.line("hand_over_symbols")
    return plan
