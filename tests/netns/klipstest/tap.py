# SPDX-License-Identifier: GPL-2.0-only
"""Reporting in TAP, and the checks that tests are made of.

A test is a block::

    with case("an eroute can be added"):
        equal(tool.status, 0, "exit status")

What goes wrong in it is the reason of its `not ok`; the file carries on with the next block.
"""

import atexit
import contextlib
import os
import sys
import time
import traceback


# How many times as long as on the stock kernel something may take: on those that tell on the module (KERNEL=debug) all is
# slower.
SLOWER = 6 if os.uname().release.endswith("-debug") else 1


class Failure(AssertionError):
    """A check that did not hold; its text is for the reader of the report."""


# Functions that tell, after a failure, how things stand; see `on_failure`.
_tellers = []


def on_failure(teller):
    """Adds the lines of `teller()` to the report of each test that fails."""
    _tellers.append(teller)


_count = 0
_failed = 0
_ended = False
_only = os.environ.get("ONLY", "")


@contextlib.contextmanager
def case(name):
    """One test. Everything that is raised inside is caught and reported."""
    global _count, _failed
    began = time.monotonic()
    trouble = None
    try:
        yield
    except Failure as failure:
        trouble = f"{failure}\n{_where(failure)}"
    except Exception as error:
        trouble = f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-4)}"
    _count += 1
    took = time.monotonic() - began
    if trouble is None:
        _say(f"ok {_count} - {name} # {took:.1f} s")
        return
    _failed += 1
    _say(f"not ok {_count} - {name} # {took:.1f} s")
    for line in trouble.rstrip().splitlines()[:60]:
        _say(f"#   {line}")
    for teller in _tellers:
        with contextlib.suppress(Exception):
            for line in teller():
                _say(f"#     {line}")


def _where(failure):
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if "klipstest" not in f.filename]
    return f"in line {frames[-1].lineno}: {frames[-1].line}" if frames else ""


def _say(text):
    print(text, flush=True)


def note(text):
    """A comment in the report."""
    _say(f"# {text}")


def check(condition, text):
    """Fails with `text` unless `condition` holds."""
    if not condition:
        raise Failure(text)


def equal(got, want, what):
    """Fails unless both are the same, telling both."""
    if got != want:
        raise Failure(f"{what}: got {got!r}\n{' ' * len(what)} wanted {want!r}")


def contains(text, part, what):
    """Fails unless `part` is in `text`."""
    if part not in text:
        raise Failure(f"{what}: {part!r} is not in\n{text}")


def after(seconds):
    """The moment, by `time.monotonic`, when something that takes at most so long ought to be over."""
    return time.monotonic() + seconds * SLOWER


def fewer(count, of=1):
    """How many of something to take where it is `count` on the stock kernel, so that it takes about as long: a multiple of
    `of`."""
    return max(count // SLOWER // of, 1) * of


def until(condition, what, seconds=20):
    """Waits until `condition()` is true and returns its value; fails when the time is over."""
    deadline = after(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Failure(f"after {seconds * SLOWER} s still not: {what}")
        time.sleep(0.02)


# Registered before everything that cleans up, and so the last to run: what a failed file made is gone for the next one.
@atexit.register
def _done():
    if not _ended:
        return
    # Without this line the runner counts the file as one that ended early.
    _say(f"1..{_count}")
    sys.stdout.flush()
    if _failed:
        os._exit(1)


def end():
    """Must be the last call of a file: closes the report."""
    global _ended
    _ended = True
