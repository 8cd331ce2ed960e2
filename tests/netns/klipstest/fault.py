# SPDX-License-Identifier: GPL-2.0-only
"""Allocations that fail, one at a time, in a kernel that can do that (CONFIG_FAULT_INJECTION; `KERNEL=debug`).

`/proc/thread-self/fail-nth` counts the allocations of a task, and fails the n-th. Only those count that are made beneath
some code: the module's, or the kernel's that starts modules. So nothing fails but what the module does, or has done.
"""

import collections
import contextlib
import errno
import os
import sys

from .netns import read, write
from .tap import Failure, check, end, equal, note

# Where the knobs of each kind of allocation are, and beneath what none is failed: the kernel's own accounting, by which it
# tells on leaks and on what is used after it was freed, gets along without memory.
KNOBS = {"/sys/kernel/debug/failslab": "__alloc_object", "/sys/kernel/debug/fail_page_alloc": "stack_depot_save_flags"}
# As many faults as there may be; each takes one off.
PLENTY = 1_000_000_000
# An operation with more allocations than this is one that never ends.
MOST = 4000


def available():
    """Whether this kernel can fail allocations."""
    return all(os.path.exists(path + "/require-start") for path in KNOBS) and os.path.exists("/proc/thread-self/fail-nth")


def require():
    """Ends the test, with a note that says why, on a kernel that cannot fail allocations."""
    if not available():
        note("skipped: this kernel cannot fail allocations")
        end()
        sys.exit(0)


def _functions(module):
    """The functions of a module: place, name."""
    with open("/proc/kallsyms", encoding="ascii") as file:
        rows = [line.split() for line in file if line.endswith(f"[{module}]\n")]
    return sorted((int(place, 16), name) for place, kind, name, _ in rows if kind in "tT")


def module_text(module="klips"):
    """Where the code of a module is: from, to."""
    places = [place for place, _ in _functions(module)]
    # Up to the end of the page: the next module begins there.
    return places[0], (places[-1] | 4095) + 1


def method_text(*words, module="klips"):
    """Where the one function of a module is whose mangled name has these words: from, to."""
    functions = _functions(module)
    found = [place for place, name in functions if all(word in name for word in words) and not name.startswith("__")]
    equal(len(found), 1, f"functions with {words} in their names")
    return found[0], next((place for place, _ in functions if place > found[0]), (found[0] | 4095) + 1)


def function_text(name):
    """Where a function of the kernel is: from, to; twice 0 if there is none."""
    with open("/proc/kallsyms", encoding="ascii") as file:
        for line in file:
            if line.split()[2] == name:
                start = int(line.split()[0], 16)
                break
        else:
            return 0, 0
        following = (int(line.split()[0], 16) for line in file)
        return start, next(place for place in following if place > start)


def _knob(name, value):
    for path in KNOBS:
        if os.path.exists(f"{path}/{name}"):
            write(f"{path}/{name}", str(value))


def set_up(text):
    """Lets allocations beneath the code `text` count from now on, those of all kinds."""
    check(text[0] < text[1], "there is no such code")
    for name, value in (("probability", 0), ("verbose", 0), ("task-filter", "N"), ("ignore-gfp-wait", "N"),
                        ("ignore-gfp-highmem", "N"), ("min-order", 0), ("stacktrace-depth", 32), ("times", PLENTY),
                        ("require-start", hex(text[0])), ("require-end", hex(text[1]))):
        _knob(name, value)
    for path, spared in KNOBS.items():
        for name, place in zip(("reject-start", "reject-end"), function_text(spared)):
            write(f"{path}/{name}", hex(place))


@contextlib.contextmanager
def always(times):
    """All allocations of the kernel's small memory that count fail in the block, in all tasks, but no more than `times`. The
    value says how many may fail still."""
    path = next(iter(KNOBS))
    write(f"{path}/times", str(times))
    write(f"{path}/probability", "100")
    try:
        yield lambda: int(read(f"{path}/times"))
    finally:
        write(f"{path}/probability", "0")
        write(f"{path}/times", str(PLENTY))


class Listings:
    """Files of /proc/net that are read often, of the namespace that the process is in."""

    def __init__(self, *names):
        self._fds = [os.open(f"/proc/thread-self/net/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names]
        self._seen = {}

    def read(self, plain):
        """What they say, each as `plain` has it."""
        return [self._plain(fd, plain) for fd in self._fds]

    def _plain(self, fd, plain):
        text = os.pread(fd, 65536, 0)
        # As a rule it is what it was.
        if text not in self._seen:
            if len(self._seen) > 1000:
                self._seen.clear()
            self._seen[text] = plain(text.decode())
        return self._seen[text]


class Nth:
    """The n-th allocation of this thread."""

    def __init__(self):
        self._fd = os.open("/proc/thread-self/fail-nth", os.O_RDWR | os.O_CLOEXEC)

    @contextlib.contextmanager
    def fails(self, n):
        """The n-th allocation in the block fails. The value's `left` is 0 after it, if there were so many."""
        fault = Fault()
        os.pwrite(self._fd, b"%d" % n, 0)
        try:
            yield fault
        finally:
            fault.left = int(os.pread(self._fd, 32, 0))
            os.pwrite(self._fd, b"0", 0)

    def count(self, operate):
        """How many allocations `operate` makes; none fails."""
        with self.fails(PLENTY) as fault:
            operate()
        return PLENTY - fault.left

    def close(self):
        """Closes the file."""
        os.close(self._fd)


class Fault:
    """What became of a fault that was ordered."""

    left = None

    @property
    def happened(self):
        """Whether there were allocations enough."""
        return self.left == 0


class Sweep:
    """An operation with each of its allocations failed in turn, until it goes through without."""

    def __init__(self, state, undo=lambda: None, refusals=(errno.ENOMEM,)):
        self.state, self.undo, self.refusals = state, undo, refusals
        self.outcomes = collections.Counter()

    def run(self, operate, first=1, step=1):
        """`operate` returns an errno, 0 if it was done; `state` tells what there is to be seen. What was refused has changed
        nothing; what was done in spite of the fault has done all. Returns how many allocations were failed."""
        before = self.state()
        done = self._without(operate, before)
        nth = Nth()
        with contextlib.closing(nth):
            for n in range(first, MOST * step, step):
                with nth.fails(n) as fault:
                    result = operate()
                where = f"allocation {n}, {errno.errorcode.get(result, result)}"
                if not fault.happened:
                    equal(result, 0, f"errno without a fault, {where}")
                elif result != 0:
                    check(result in self.refusals, f"refused by {where}")
                    equal(self.state(), before, f"what there is after {where}")
                    self.outcomes[errno.errorcode.get(result, result)] += 1
                    continue
                equal(self.state(), done, f"what there is after {where}")
                self.undo()
                if not fault.happened:
                    equal(self.state(), before, "what there is when that is undone")
                    return (n - first) // step
                self.outcomes["done"] += 1
        raise Failure(f"more than {MOST} allocations that can fail")

    def _without(self, operate, before):
        equal(operate(), 0, "errno without a fault")
        done = self.state()
        self.undo()
        equal(self.state(), before, "what there is when that is undone")
        return done


class Requests:
    """A socket whose requests fail for want of memory; `tables` tells what there is to be seen of what they change."""

    def __init__(self, key, tables):
        self.key, self.tables = key, tables

    def ask(self, data):
        """The errno of a request: that of write, or of the answer. An answer that was lost says nothing: 0."""
        self.key.drain()
        result = self.key.write(data)
        if result == 0:
            mine = [got.errno for got in self.key.drain() if got.kind == data[1]]
            result = mine[0] if mine else 0
        return result

    def asks(self, data):
        """A request that can be made again and again."""
        return lambda: self.ask(data)

    def sure(self, *requests):
        """Requests that are made without faults, and done."""
        def make():
            for data in requests:
                equal(self.ask(data), 0, f"errno of request {data[1]}")
        return make

    def swept(self, what, operate, undo=lambda: None, refusals=(errno.ENOMEM,), least=1):
        """Fails the allocations of a request one at a time, and says how it went."""
        sweep = Sweep(self.tables, undo, refusals)
        count = sweep.run(operate)
        note(f"{what}: {count} allocations failed, {dict(sweep.outcomes)}")
        check(count >= least, f"{what}: {count} allocations, at least {least} were expected")
