# SPDX-License-Identifier: GPL-2.0-only
"""What lockdep has seen of the locks that were taken since the start of the kernel (KERNEL=debug)."""

import os
import re

CLASSES, STATS = "/proc/lockdep", "/proc/lockdep_stats"


def present():
    """Whether the kernel has lockdep."""
    return os.path.exists(CLASSES)


def figures():
    """Its statistics: a number for each name."""
    with open(STATS, encoding="ascii") as file:
        return {found[1]: int(found[2]) for line in file if (found := re.match(r" *(.*?): +(\d+)", line))}


class Locks:
    """The classes of locks: in which contexts each was taken, and what was taken inside of it."""

    def __init__(self):
        # Of each: "+" taken with interrupts of that kind enabled, "-" taken in one, "?" both, "." neither; hard interrupts,
        # reading in them, softirqs, reading in them.
        self.usage, self._inside = {}, {}
        name = None
        with open(CLASSES, encoding="ascii", errors="replace") as file:
            for line in file:
                if found := re.match(r"\w+ FD: *\d+ BD: *\d+ (\S{4,}): (.*)$", line):
                    usage, name = found.groups()
                    self.usage[name] = usage
                    self._inside.setdefault(name, set())
                elif found := re.match(r" -> \[\w+\] (.*)$", line):
                    self._inside[name].add(found[1])

    def inside(self, name):
        """Everything that was taken while it was held, be it by way of others."""
        found, ways = set(), [name]
        while ways:
            new = self._inside.get(ways.pop(), set()) - found
            found |= new
            ways += new
        return found
