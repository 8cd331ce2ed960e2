# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation fails once while something is listed: by /proc, by DUMP, by REGISTER.

Whoever reads gets an errno, or the whole of it; never less than that without being told. On a kernel that cannot fail
allocations all of it is skipped.
"""

import errno
import os
import re

from klipstest import fault, pfkey
from klipstest.kame import SPDADD, SPDDUMP, TUNNEL
from klipstest.netns import Netns
from klipstest.pfkey import DUMP, ESP, IPIP, REGISTER, PfKey, addflow, flow, group, message
from klipstest.spd import Speaker, add, spd, template
from klipstest.tap import case, check, end, equal, note

fault.require()

US, PEER = "10.9.0.1", "10.9.0.2"
# More than a reader's queue takes at once, and more than a page of text.
MANY = 24
SMALL_QUEUE = 8192
FILES = ("ipsec/eroute/all", "ipsec/spi/all", "ipsec/spigrp/all", "ipsec/tncfg", "ipsec/version", "ipsec/klipsdebug",
         "ipsec/stats/drops", "pf_key", "pf_key_registered")

ns = Netns("k-fault-list")
ns.ip("link add wan0 type dummy", f"addr add {US}/24 dev wan0", "link set wan0 up")
ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
ns.__enter__()
klips, linux = PfKey(), Speaker()
# Its pages are there before anything fails.
buffer = bytearray(b"-" * 65536)


def fill():
    """SAs of both dialects, eroutes, policies."""
    for n in range(MANY):
        equal(klips.write(pfkey.add(IPIP, PEER, 0x2000 + n, src=US)), 0, "errno")
        equal(klips.write(pfkey.add(ESP, PEER, 0x2000 + n, src=US, enc_key=bytes(16), auth_key=bytes(20), encrypt=12, auth=3)), 0,
              "errno")
        equal(klips.write(group((IPIP, PEER, 0x2000 + n), (ESP, PEER, 0x2000 + n))), 0, "errno")
        there = flow(f"10.1.{n}.0", "255.255.255.0", "10.2.0.0", "255.255.0.0")
        equal(klips.write(addflow(there, PEER, 0x2000 + n, IPIP)), 0, "errno")
        linux.done(add(ESP, US, PEER, 0x1000 + n, enc_key=bytes(16), auth_key=bytes(20), encrypt=12, auth=3))
        linux.done(spd(SPDADD, f"10.1.{n}.0/24", "10.3.0.0/16", templates=[template(ESP, TUNNEL, src=US, dst=PEER)]))
        klips.drain()


class File:
    """The text of a file under /proc/net, read from its beginning to its end."""

    def __init__(self, name):
        self.path, self.text = "/proc/thread-self/net/" + name, None

    def read(self):
        """Reads it: the errno."""
        parts = []
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            return error.errno
        try:
            while got := os.readv(fd, [buffer]):
                parts.append(buffer[:got])
        except OSError as error:
            return error.errno
        finally:
            os.close(fd)
        self.text = re.sub(rb"\b(idle|addtime|usetime)[=(]\d+(,\d+)*", b"", b"".join(parts))
        return 0


class Dump:
    """What DUMP or SPDDUMP tells."""

    def __init__(self, key, data):
        self.key, self.data, self.text = key, data, None

    def read(self):
        """Asks and reads all: the errno."""
        self.key.drain()
        result = self.key.write(self.data)
        if result:
            return result
        # What has been read makes room for more.
        got = self.key.drain()
        check(got, "no answer at all")
        if got[-1].errno:
            return got[-1].errno
        equal([one.seq for one in got], [*range(1, len(got)), 0], "numbers of the messages")
        self.text = [(one.satype, [one.exts[kind] for kind in sorted(one.exts) if kind != pfkey.LIFETIME_CURRENT])
                     for one in got]
        return 0


class Registration:
    """The algorithms that REGISTER tells; an answer that was lost tells nothing."""

    def __init__(self, key, data):
        self.key, self.data, self.text = key, data, None

    def read(self):
        """Asks and reads: the errno."""
        self.key.drain()
        result = self.key.write(self.data)
        got = [one for one in self.key.drain() if one.kind == REGISTER]
        if result == 0 and got:
            result, self.text = got[0].errno, got[0].exts
        return result


def swept(what, reader, refusals=(errno.ENOMEM,)):
    """Fails the allocations of a reading one at a time. Returns how many there were."""
    equal(reader.read(), 0, f"{what}: errno")
    whole, reader.text = reader.text, None
    check(whole, f"{what}: it is empty")
    def read():
        reader.text = whole
        result = reader.read()
        if result == 0:
            equal(reader.text, whole, f"{what}: what was read")
        return result

    sweep = fault.Sweep(lambda: None, refusals=refusals)
    count = sweep.run(read)
    note(f"{what}: {count} allocations failed, {dict(sweep.outcomes)}")
    return count


fill()

with case("files under /proc/net, while they are opened and read"):
    count = 0
    for place in ("proc_reg_open", "proc_reg_read"):
        fault.set_up(fault.function_text(place))
        for name in FILES:
            count += swept(f"{place} of {name}", File(name), (errno.ENOMEM, errno.ENFILE))
    check(count >= 2 * len(FILES), f"{count} allocations")

fault.set_up(fault.module_text())

with case("DUMP and SPDDUMP"):
    swept("DUMP", Dump(linux, message(DUMP, 0)))
    swept("DUMP of ESP", Dump(linux, message(DUMP, ESP)))
    swept("SPDDUMP", Dump(linux, message(SPDDUMP, 0)))

with case("DUMP and SPDDUMP, in several parts"):
    small = Speaker()
    small.socket.setsockopt(pfkey.socket.SOL_SOCKET, pfkey.socket.SO_RCVBUF, SMALL_QUEUE)
    swept("DUMP in parts", Dump(small, message(DUMP, 0)))
    swept("SPDDUMP in parts", Dump(small, message(SPDDUMP, 0)))
    small.close()

with case("REGISTER in both dialects"):
    swept("REGISTER of ESP", Registration(klips, message(REGISTER, ESP)))
    swept("REGISTER of Linux", Registration(linux, message(REGISTER, 0)))

ns.__exit__()
end()
