# SPDX-License-Identifier: GPL-2.0-only
"""SAs and policies that time ends, when there was no memory to note when: they are made all the same, and end on time.

What is made lives for LIFE seconds. Who listens hears of the end of each thing that was made, once, and of nothing else's;
and at last nothing is there. On a kernel that cannot fail allocations all of it is skipped.
"""

import collections
import contextlib
import errno
import itertools

from klipstest import fault, kame, pfkey
from klipstest.kame import DISCARD, SPDADD, SPDEXPIRE, SPDUPDATE
from klipstest.netns import Netns
from klipstest.pfkey import ESP, EXPIRE, LIFETIME_HARD, LIFETIME_SOFT, UPDATE, PfKey, add
from klipstest.spd import Policy, Speaker, spd
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, note, until

fault.require()

US, PEER = "10.9.0.1", "10.9.0.2"
# It has to be long enough for a look at what was made.
LIFE = 1 * SLOWER
AES = BY_NAME["aes128-sha1-96"]

ns = Netns("k-fault-life")
ns.ip("link add wan0 type dummy", f"addr add {US}/24 dev wan0", "link set wan0 up")
ns.__enter__()
# That of KLIPS is asked first, as a process's sockets take to the dialect that one of them has shown.
klips, linux = PfKey(), Speaker()
hears_klips, hears_linux = PfKey(), Speaker()
TEXT = fault.module_text()


class Sas:
    """SAs by ADD in KLIPS's dialect, one for each SPI."""

    what, key, ear = "ADD", klips, hears_klips
    noting = "SadbWriter", "set_deadline"

    @staticmethod
    def request(n, *lifetimes, kind=pfkey.ADD):
        """ADD or UPDATE of the n-th."""
        enc, auth = AES.keys()
        return add(ESP, PEER, 0x1000 + n, src=US, enc_key=enc, auth_key=auth, encrypt=AES.enc_id, auth=AES.auth_id, kind=kind,
                   lifetimes=[pfkey.lifetime(LIFETIME_HARD, addtime=life) for life in lifetimes])

    @staticmethod
    def there():
        """Those that are listed."""
        return {int(line.split("@")[0][5:], 16) - 0x1000 for line in ns.read("/proc/net/ipsec_spi").splitlines()}

    @staticmethod
    def ended(got):
        """Of whose end a message tells."""
        return got.sa()[0] - 0x1000 if got.kind == EXPIRE and LIFETIME_HARD in got.exts else None


class Policies:
    """Policies by SPDADD, one for each network."""

    what, key, ear = "SPDADD", linux, hears_linux
    noting = "SpdWriter", "set_deadline"

    @staticmethod
    def request(n, *lifetimes, kind=SPDADD):
        """SPDADD or SPDUPDATE of the n-th."""
        lives = [one for life in lifetimes for one in (kame.lifetime(LIFETIME_HARD, addtime=life), kame.lifetime(LIFETIME_SOFT))]
        return spd(kind, f"10.1.{n}.0/24", "10.2.0.0/16", *lives, action=DISCARD)

    @staticmethod
    def there():
        """Those that are listed."""
        return {int(policy.src.split(".")[2]) for policy in linux.policies()}

    @staticmethod
    def ended(got):
        """Of whose end a message tells."""
        return int(Policy(got).src.split(".")[2]) if got.kind == SPDEXPIRE and LIFETIME_HARD in got.exts else None


def asked(kind, data):
    """The errno of a request, and whether it was answered."""
    status, got = kind.key.ask(data)
    answers = [one.errno for one in got if one.kind == data[1]]
    return status or (answers[0] if answers else 0), bool(answers)


def over(kind, made):
    """All of `made` is there now, and ends by itself, which is told of each."""
    equal(kind.there(), made, f"{kind.what}: what is there")
    ends = collections.Counter()

    def gone():
        ends.update(one for one in map(kind.ended, kind.ear.drain()) if one is not None)
        return not kind.there() and sum(ends.values()) >= len(made)

    until(gone, f"{kind.what}: they end, {sorted(kind.there())} are there", LIFE + 8)
    equal(ends, collections.Counter(made), f"{kind.what}: whose end is told")


def counts(kind, *lifetimes):
    """Makes things with each allocation failed in turn; those that were made, how many in spite of a fault that did not hit
    the answer, and how many there was no memory for."""
    made, spared, refused = set(), 0, 0
    nth = fault.Nth()
    with contextlib.closing(nth):
        for n in itertools.count(1):
            with nth.fails(n) as one:
                result, answered = asked(kind, kind.request(n, *lifetimes))
            check(result in (0, errno.ENOMEM), f"{kind.what}: errno {result}")
            if result == 0:
                made.add(n)
                spared += answered and one.happened
            else:
                refused += 1
            if not one.happened:
                equal(result, 0, f"{kind.what}: errno without a fault")
                return made, spared, refused


def flushed(kind):
    """Takes all away that has no end."""
    kind.key.ask(pfkey.message(pfkey.FLUSH if kind is Sas else kame.SPDFLUSH, 0))
    kind.ear.drain()


for kind in (Sas, Policies):
    with case(f"{kind.what}, with each of its allocations failed: all that was made ends"):
        fault.set_up(TEXT)
        # How many there are varies a little: what other things have left of their pages is taken first.
        flushed(kind)
        _, without, _ = counts(kind)
        flushed(kind)
        made, spared, refused = counts(kind, LIFE)
        note(f"{kind.what} with a limit: {len(made) - 1 + refused} allocations failed, {refused} refused, {len(made) - 1} done "
             f"all the same, {spared} of these answered; of those without a limit {without}")
        check(refused and spared, f"{kind.what}: {refused} refused, {spared} spared")
        over(kind, made)

    with case(f"{kind.what}, when it cannot note a deadline, and nor can the worker a few times"):
        flushed(kind)
        fault.set_up(fault.method_text(*kind.noting))
        with fault.always(3) as left:
            equal([asked(kind, kind.request(n, LIFE)) for n in range(2)], [(0, True)] * 2, f"{kind.what}: errno, answered")
            check(left() <= 1, f"{left()} faults are left")
            until(lambda: left() == 0, "the worker has tried")
        over(kind, {0, 1})

    with case(f"{kind.what}, and then what changes it, without memory for a deadline"):
        flushed(kind)
        change = UPDATE if kind is Sas else SPDUPDATE
        equal(asked(kind, kind.request(0, 100_000)), (0, True), "errno, answered")
        equal(asked(kind, kind.request(1, LIFE)), (0, True), "errno, answered")
        kind.ear.drain()
        with fault.always(2) as left:
            for n in range(2):
                equal(asked(kind, kind.request(n, LIFE, kind=change)), (0, True), "errno, answered")
            equal(left(), 0, "faults that are left")
        over(kind, {0, 1})

ns.__exit__()
end()
