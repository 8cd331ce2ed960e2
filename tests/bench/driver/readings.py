# SPDX-License-Identifier: GPL-2.0-only
"""What the guest and the meter have written, put together: for each window what was sent and what it took."""

import statistics

# More may come than there is room for in somebody's queue; what is lost is told.
FLOODS = ("flood", "burst", "cross")


class Damage(Exception):
    """Something is missing, lost or damaged: the figures would be of something else."""


def fields(line):
    """The numbers of a line `word name=number...`."""
    return {name: int(value) for name, value in (word.split("=") for word in line.split()[1:])}


def lines_of(text, word):
    """The lines that begin with this word."""
    return [line for line in text.splitlines() if line.startswith(word + " ")]


def problems(results):
    """What the guest said besides results: nothing, in a good run."""
    known = ("result ", "symbol ", "complete")
    return [line for line in results.splitlines() if line and not line.startswith(known)]


class Reading:
    """One window: what was sent (`sent`, packets or bytes of TCP) and what that took, in all."""

    def __init__(self, result, window):
        self.values = {**window, **result}

    def __getitem__(self, name):
        return self.values[name]

    def __contains__(self, name):
        return name in self.values

    def per(self, name):
        """For each packet, or byte of TCP."""
        return self.values[name] / self.values["sent"]

    def whole(self, flooded=False):
        """Everything arrived as it was sent, once, and in order. In a flood, what arrived."""
        return (flooded or self["got"] == self["sent"]) and not self["damaged"] and not self["late"]


def read(plan, results, meter):
    """The readings of a run by window; raises Damage if one is missing or packets are."""
    said = problems(results)
    if said:
        raise Damage("the guest said:\n" + "\n".join(said))
    by_number = {found["id"]: found for found in map(fields, lines_of(meter, "window"))}
    done = {found["id"]: found for found in map(fields, lines_of(results, "result"))}
    readings = {}
    for number, window in enumerate(plan.windows):
        if number not in by_number or number not in done:
            raise Damage(f"nothing was measured of {window}")
        readings[window] = Reading(done[number], by_number[number])
        if not readings[window].whole(flooded=window.kind in FLOODS):
            raise Damage(f"packets were lost, damaged or late: {window}: {readings[window].values}")
    return readings


def median(runs):
    """The readings of several runs in one: the median of each number, and how far apart their instructions were."""
    together = {}
    for window, first in runs[0].items():
        all_of_it = [run[window] for run in runs]
        values = {name: statistics.median_low(reading[name] for reading in all_of_it) for name in first.values}
        insns = [reading["insn"] for reading in all_of_it]
        values["spread"] = max(insns) - min(insns)
        together[window] = Reading({}, values)
    return together
