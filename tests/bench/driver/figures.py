# SPDX-License-Identifier: GPL-2.0-only
"""What follows from readings: above plain forwarding, per byte, by halves, and by what XFRM takes."""

import dataclasses

from driver.plan import (AGAINST, ALONE, BEST, EROUTES, IN_BURSTS_ALONE, OURS, PLAIN, REFERENCE, SIZES, STRANGERS, TOGETHER,
                         WIREGUARD, Window)


class Figures:
    """Figures of a run. What was not measured is None, and so is all that would follow from it."""

    def __init__(self, readings):
        self.readings = readings

    def methods(self):
        """Those that were measured, in order."""
        return list(dict.fromkeys(window.method for window in self.readings if window.kind != "load"))

    def per(self, window, name="insn"):
        """For each packet, or each byte of TCP."""
        reading = self.readings.get(window)
        return reading.per(name) if reading and name in reading else None

    def over(self, window, name="insn"):
        """The same, above plain forwarding."""
        return minus(self.per(window, name), self.per(dataclasses.replace(window, method=PLAIN), name))

    def ratio(self, window, to=REFERENCE):
        """What it takes above plain forwarding, by what another method takes."""
        return by(self.over(window), self.over(dataclasses.replace(window, method=to)))

    def same_suite(self, window):
        """The same, by XFRM's with the same suite."""
        if not window.method.startswith("klips-"):
            return None
        return self.ratio(window, "xfrm-" + window.method.removeprefix("klips-"))

    def per_byte(self, method, sizes):
        """Instructions for each byte that a packet is longer."""
        short, long = (self.over(Window(method, "single", size)) for size in sizes)
        return by(minus(long, short), sizes[1] - sizes[0])

    def halves(self, method, size):
        """What the first gateway takes above plain forwarding, and what is left for the second one."""
        first = self.over(Window(method, "single", size, "encap"))
        return first, minus(self.over(Window(method, "single", size)), first)

    def forwarding(self, method, size):
        """What it takes the second gateway to forward a packet that has arrived."""
        sent_on, arrived = (self.per(Window(method, "single", size, variant)) for variant in ("forward", "encap"))
        return minus(sent_on, arrived)

    def stranger(self, method, kind, size):
        """What a packet of a stranger takes the second gateway, more than dropping it at once."""
        handled, dropped = (minus(*(self.per(Window(method, what, size, variant)) for what in (kind, "single")))
                            for variant in ("filtered", "encap"))
        return minus(handled, dropped)

    def share(self, method, kind, size):
        """The part of its packets that the second gateway still forwards when as many strangers' arrive."""
        own, stranger = self.forwarding(method, size), self.stranger(method, kind, size)
        return None if own is None or stranger is None else own / (own + stranger)

    def tcp(self, method, variant=""):
        """Instructions for each byte of payload, all of them."""
        found = [self.per(window) for window in self.readings
                 if (window.method, window.kind, window.variant) == (method, "tcp", variant)]
        return found[0] if found else None


    def growth(self, method, kind):
        """What it takes above plain forwarding with the most eroutes, by what it takes with one."""
        least, most = (self.over(Window(method, kind, 64, str(count))) for count in (EROUTES[0], EROUTES[-1]))
        return by(most, least)

    def load_ns(self, what):
        """How long the addition of an entry takes, if an instruction takes a nanosecond."""
        found = [reading.per("ns") for window, reading in self.readings.items() if (window.method, window.kind) == (what, "load")]
        return found[0] if found else None

    def setting_up(self, sa, entry):
        """The same of an SA and of an eroute or policy."""
        sa, entry = self.load_ns(sa), self.load_ns(entry)
        return None if sa is None or entry is None else sa + entry


    def rounds(self, window):
        """The readings of all rounds of a window."""
        return [reading for other, reading in self.readings.items()
                if dataclasses.replace(other, round=0) == window and "insn1" in reading]

    def pace(self, window, name):
        """Packets that arrive for each instruction (insn), or for each nanosecond of the host's (ns), of the processor that
        has the most of them to do; in the best round."""
        return max((reading["got"] / max(reading[f"{name}{cpu}"] for cpu in range(2)) for reading in self.rounds(window)),
                   default=None)

    def scaling(self, method, size, case, name):
        """By how much faster packets arrive than with one processor."""
        alone = IN_BURSTS_ALONE if case[1] == IN_BURSTS_ALONE[1] else ALONE
        windows = (Window(method, kind, size, variant) for variant, kind in (case, alone))
        return by(*(self.pace(window, name) for window in windows))


def minus(left, right):
    """The difference, if both are known."""
    return None if left is None or right is None else left - right


def by(left, right):
    """The quotient, if both are known."""
    return None if left is None or not right else left / right


@dataclasses.dataclass(frozen=True)
class Target:
    """What was aimed at, and what came out. Nothing fails for it."""

    what: str
    aim: float
    measured: float | None
    beside: float | None = None     # of XFRM
    more: bool = False              # is better

    def met(self):
        """In a word."""
        if self.measured is None:
            return "not measured"
        return "met" if (self.measured >= self.aim if self.more else self.measured <= self.aim) else "missed"


def targets(figures):
    """The targets, with what was measured."""
    def single(size, name=None):
        window = Window(OURS, "single", size)
        return figures.over(window, name) if name else figures.ratio(window)

    tcp = figures.tcp(OURS, "gro")
    return [
        Target("AES-GCM-128, 64 bytes: above plain, by XFRM's", 0.40, single(64)),
        Target("AES-GCM-128, 1400 bytes: above plain, by XFRM's", 0.55, single(1400)),
        Target("TCP, instructions per byte, by those of XFRM's best setting", 0.75, by(tcp, figures.tcp(BEST, "gro"))),
        Target("TCP, instructions per byte, by WireGuard's", 0.45, by(tcp, figures.tcp(WIREGUARD))),
        Target("locked operations per packet above plain, 64 bytes", 10, single(64, "locked")),
        Target("data cache lines per packet above plain, 64 bytes", 80, single(64, "lines")),
        *(Target(f"above plain with 100,000 eroutes, by one eroute: {text}", 1.10, figures.growth(OURS, kind),
                 figures.growth(REFERENCE, kind))
          for kind, text in (("single", "one flow"), ("spread", "a new flow each time"))),
        *(Target(f"two processors on one SA, {size} bytes, {text}: packets, by one processor's", 1.8,
                 figures.scaling(OURS, size, case, "insn"), figures.scaling(REFERENCE, size, case, "insn"), more=True)
          for size in SIZES for case, text in ((TOGETHER, "one way"), (AGAINST, "both ways"))),
        *(Target(f"packets that are forwarded when as many {kind} ones come, 64 bytes: by those without", 0.8,
                 figures.share(OURS, kind, 64), figures.share(REFERENCE, kind, 64), more=True) for kind in STRANGERS),
        Target("SA and eroute by PF_KEY a second, by XFRM's", 1, by(figures.setting_up("xfrm-sa", "xfrm-out"),
                                                                   figures.setting_up("klips-sa", "klips-eroute")), more=True),
    ]
