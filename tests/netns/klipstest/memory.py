# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel takes of the memory."""

import time

from .tap import SLOWER, after

# Whether these figures tell of what is lost. A kernel that tells on the module keeps what was freed in quarantine for a
# while, and notes of each allocation; it looks for what is lost by itself.
MEASURED = SLOWER == 1


def kernel_memory():
    """MiB that the kernel has taken, besides what it caches of files and what programs have; MiB in slabs.

    Free pages that a CPU keeps to itself, tens of MiB after a large clearing, count as free."""
    with open("/proc/meminfo", encoding="ascii") as file:
        table = {name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in file)}
    with open("/proc/zoneinfo", encoding="ascii") as file:
        kept = sum(int(line.split()[1]) for line in file if line.split()[0] == "count:") / 256
    others = ("MemFree", "Buffers", "Cached", "AnonPages")
    return table["MemTotal"] - kept - sum(table[name] for name in others), table["Slab"]


def settled(seconds=20):
    """What `kernel_memory` says once nothing is being freed any more."""
    deadline = after(seconds)
    before, now = None, kernel_memory()
    while time.monotonic() < deadline and (before is None or abs(now[0] - before[0]) > 0.5):
        time.sleep(0.3)
        before, now = now, kernel_memory()
    return now


def percpu():
    """MiB of memory that each processor has its own of."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("Percpu:"))


def slabs():
    """MiB of each kind of slabs."""
    with open("/proc/slabinfo", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[2:]]
    # name, objects, objects with the unused, size of one, objects and pages of a slab; behind the second colon: slabs.
    return {row[0]: int(row[14]) * int(row[5]) / 256 for row in rows}


def forget():
    """Has the kernel give up what it keeps in case it is wanted again."""
    # 4: without a line in the log, 3: everything.
    for what in ("4", "3"):
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write(what)
