# SPDX-License-Identifier: GPL-2.0-only
"""A process that does what is right while others do not: sound requests in a namespace of its own, each of which must be done,
and on demand also in that of the others, with packets through both ends of its ipsec0."""

import atexit
import contextlib
import errno
import mmap
import os
import signal
import socket
import struct
import time
import traceback

from . import kame, seeds, spd
from .packet import ipv4
from .pfkey import ADD, DELETE, DST, ESP, GET, IPIP, SRC, PfKey, add, addflow, address, delflow, flow, group, message, sa
from .spd import Speaker, numbered
from .tap import check, equal, until

# The words that both processes see: what is wanted of it, what it does, rounds, packets.
_WANTED, _DOES, _ROUNDS, _PACKETS, _WORDS = range(5)
ALONE, BESIDE, OVER = range(3)
FLOW = flow("10.5.0.0", "255.255.0.0", "10.6.0.0", "255.255.0.0")
TUN, END = 0x7000, "192.0.2.77"
# By these the namespace's own listeners know it.
SEQ, PID = 0x6e656967, 0x626f7572
# What the tables may say to it where others change them too.
MAY = (0, errno.ENOENT, errno.ESRCH, errno.EEXIST, errno.EFAULT, errno.ENOMEM)


def requests():
    """Sound requests that leave nothing behind, if nobody else is there."""
    own = {"seq": SEQ, "pid": PID}
    name = address(SRC, seeds.HERE), address(DST, END)
    yield add(IPIP, END, TUN, seeds.HERE, **own)
    yield add(ESP, END, TUN + 1, seeds.HERE, **seeds.PLAIN, **own)
    yield group((IPIP, END, TUN), (ESP, END, TUN + 1), **own)
    yield addflow(FLOW, END, TUN, IPIP, **own)
    yield message(GET, ESP, sa(TUN + 1), *name, **own)
    yield delflow(FLOW, **own)
    yield message(DELETE, IPIP, sa(TUN), *name, **own)


def policies():
    """The same of the other dialect."""
    own, nets = {"seq": SEQ, "pid": PID}, ("10.5.0.0/16", "10.6.0.0/16")
    yield spd.add(ESP, seeds.HERE, END, TUN + 2, reqid=77, kind=ADD, **seeds.PLAIN, **own)
    yield spd.spd(kame.SPDADD, *nets, templates=[spd.template(ESP, 2, 3, 77, seeds.HERE, END)], **own)
    yield spd.spd(kame.SPDDELETE, *nets, **own)
    yield message(DELETE, ESP, kame.sa(TUN + 2), spd.address(SRC, seeds.HERE), spd.address(DST, END), **own)


class Neighbour:
    """The process. `own`: its namespace; `ns`: that of the others; `peer`: the one at the other end of their wan0."""

    def __init__(self, own, ns, peer):
        self._own, self._ns, self._peer = own, ns, peer
        self._words = memoryview(mmap.mmap(-1, _WORDS * 8)).cast("Q")
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                self._run()
                status = 0
            except BaseException:
                traceback.print_exc()
            os._exit(status)
        atexit.register(self._kill)

    def _kill(self):
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def does(self, what):
        """Wants something else of it, and waits until it does that."""
        self._words[_WANTED] = what
        until(lambda: self._words[_DOES] == what or self._ended(), "the neighbour does what it is told", 30)

    def _ended(self):
        """Whether it has; then it does not wait to be asked how."""
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self):
        """Has it end, well; rounds of requests and packets that there were."""
        self._words[_WANTED] = OVER
        status = os.waitpid(self._pid, 0)[1]
        self._pid = 0
        equal(status, 0, "status of the neighbour")
        return self._words[_ROUNDS], self._words[_PACKETS]

    # In the process.

    def _run(self):
        self._keys = PfKey(self._own), Speaker(self._own)
        self._guests = PfKey(self._ns), Speaker(self._ns)
        with self._ns:
            self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._out.setblocking(False)
        with self._peer:
            self._in = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self._in.setblocking(False)
        while (wanted := self._words[_WANTED]) != OVER:
            self._words[_DOES] = wanted
            self._strict()
            if wanted == BESIDE:
                self._loose()
                self._packets()
            self._words[_ROUNDS] += 1
            time.sleep(0.005)

    def _strict(self):
        """Each request is done, and nothing else is heard."""
        klips, linux = self._keys
        for made, key in ((requests, klips), (policies, linux)):
            for data in made():
                status, got = key.ask(data)
                equal(status, 0, f"errno of {data.hex()}")
                check(got and got[0].kind == data[1], f"{got} is no answer to {data.hex()}")
            heard = klips.drain() + linux.drain()
            equal([one for one in heard if (one.seq, one.pid) != (SEQ, PID) or one.errno], [], "what is heard besides")
        equal(linux.refusal(numbered(kame.SPDGET, 9, SEQ, PID)), errno.ENOENT, "errno of a policy that is not there")
        equal([self._own.read(f"/proc/net/ipsec_{name}") for name in ("spi", "eroute")], ["", ""], "listings")

    def _loose(self):
        """Where others work too, a request may find what it does not expect."""
        for made, key in zip((requests, policies), self._guests, strict=True):
            for data in made():
                status, got = key.ask(data)
                codes = [status] + [one.errno for one in got if (one.seq, one.pid) == (SEQ, PID)]
                check(all(code in MAY for code in codes), f"errnos {codes} of {data.hex()}")

    def _packets(self):
        """Into ipsec0, and out of nowhere for the SAs that there may be."""
        number = self._words[_ROUNDS]
        for port in (500, 4500, 9):
            with contextlib.suppress(OSError):
                self._out.sendto(bytes(number % 1400), (f"10.2.{number % 5}.4", port))
        for proto, head in ((50, ""), (51, "!BBH"), (108, "!BBH")):
            spi = seeds.SPIS[number % len(seeds.SPIS)]
            body = struct.pack(head, 4, 4, 0) if head else b""
            packet = ipv4(seeds.PEER, seeds.HERE, proto, body + struct.pack("!II", spi, number & 0xffffffff) + os.urandom(72))
            with contextlib.suppress(OSError):
                self._in.sendto(packet, (seeds.HERE, 0))
        self._words[_PACKETS] += 6
