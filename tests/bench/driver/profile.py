# SPDX-License-Identifier: GPL-2.0-only
"""Where instructions are: blocks of the meter by the function that they belong to."""

import bisect
import collections
import re
import shutil
import subprocess

from driver.plan import PLAIN
from driver.readings import lines_of

USER = "(user space)"


def readable(names):
    """The same names; those of Rust as they were written, without the numbers of crates."""
    if not shutil.which("c++filt"):
        return names
    found = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return [re.sub(r"\[[0-9a-f]{12,}\]", "", name) for name in found.splitlines()]


class Symbols:
    """The kernel's functions by address."""

    def __init__(self, results):
        found = []
        for line in lines_of(results, "symbol"):
            _, address, name, *module = line.split()
            found.append((int(address, 16), name + (" " + module[0] if module else "")))
        found.sort()
        self.addresses = [address for address, _ in found]
        self.names = readable([name for _, name in found])

    def name(self, address):
        """The function that has this address."""
        if not address >> 63:
            return USER
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 else "?"


def by_function(plan, results, meter, readings):
    """For each window: function -> (instructions, locked operations, lines first touched) for each packet."""
    symbols = Symbols(results)
    sums = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0, 0]))
    for line in lines_of(meter, "block"):
        _, number, address, *counts = line.split()
        of_function = sums[plan.windows[int(number)]][symbols.name(int(address, 16))]
        for at, count in enumerate(counts):
            of_function[at] += int(count)
    return {window: {name: tuple(count / readings[window]["sent"] for count in counts)
                     for name, counts in functions.items()} for window, functions in sums.items()}


def tell(profiles, top):
    """Text: for each window the functions that take the most above plain forwarding."""
    lines = []
    for window, functions in profiles.items():
        if window.method == PLAIN:
            continue
        plain = next((profile for other, profile in profiles.items()
                      if (other.method, other.size) == (PLAIN, window.size)), {})
        rows = []
        for name, counts in functions.items():
            insns, locked, touched = (count - base for count, base in zip(counts, plain.get(name, (0, 0, 0)), strict=True))
            rows.append((insns, counts[0], locked, touched, name))
        rows.sort(reverse=True)
        what = f"{window.size} of them: each" if window.kind == "load" else f"{window.size} bytes: per packet"
        lines += ["", f"{window.method}, {what}",
                  f"{'above plain':>11} {'insns':>9} {'locked':>7} {'lines':>6}  function"]
        lines += [f"{above:11.1f} {insns:9.1f} {locked:7.2f} {touched:6.1f}  {name}"
                  for above, insns, locked, touched, name in rows[:top]]
    return "\n".join(lines)
