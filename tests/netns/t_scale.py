# SPDX-License-Identifier: GPL-2.0-only
"""Very large tables: tunnels of an ESP and an IPIP SA, and eroutes; added, listed to the last byte, cleared, and the memory
that they took given back. `make test-scale` runs it with 1,000,000 eroutes and 100,000 SAs (EROUTES=, SAS=).
"""

import contextlib
import itertools
import os
import socket
import time

from klipstest import pfkey
from klipstest.batch import Batch
from klipstest.memory import MEASURED, kernel_memory, settled
from klipstest.netns import Netns
from klipstest.tap import case, check, end, equal, fewer, note, until

# Messages of one system call. A batch of eroutes has one source network, one of SAs one SPI apart from its last bits.
ROW = 1000
EROUTES = int(os.environ.get("EROUTES") or fewer(100_000, ROW))
SAS = int(os.environ.get("SAS") or fewer(10_000, 2 * ROW))
TUNNELS = SAS // 2
PEER = "192.0.2.2"
# What may be missing in the end: of what the tables took, and in any case, MiB. The kernel keeps some empty slabs.
LOST_SHARE, LOST_MIB = 0.02, 6

ns = Netns("k-scale")
quiet = pfkey.PfKey(ns)
# Nobody reads the answers: the queue is full after the first ones.
quiet.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)


@contextlib.contextmanager
def rate(what, count):
    """Tells how long each took."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    note(f"{count} {what}: {took:.1f} s, {took / count * 1e6:.1f} us each, {count / took:.0f} in a second")


def offset(message, extension):
    """Where the body of an extension begins in a message."""
    at = 16
    while int.from_bytes(message[at + 2:at + 4], "little") != extension:
        at += 8 * int.from_bytes(message[at:at + 2], "little")
    return at + 4


# Eroute n, counted within its batch: odd ones are for one host, even ones for a network, as listings sort them.
def dst_net(n):
    """The destination of the eroute with this number in its batch."""
    return f"172.{16 + (n >> 8)}.{n & 255}.0/{32 if n % 2 else 24}"


SAIDS = [b"tun0x1000@192.0.2.2\n", b"%trap\n"]
LOW = bytes(n & 255 for n in range(ROW))
HIGH = bytes(n >> 8 for n in range(ROW))


def eroute_batches():
    """A batch for each source network, with its number."""
    flow = pfkey.flow("10.0.0.0", "255.255.255.0", "172.16.0.0", "255.255.255.0")
    batch = Batch(pfkey.addflow(flow, PEER, 0x1000, pfkey.IPIP), ROW)
    src, dst, mask, spi = (offset(batch.bytes, kind) for kind in (pfkey.SRC_FLOW, pfkey.DST_FLOW, pfkey.DST_MASK, pfkey.SA))
    batch.put(dst + 9, bytes(16 + high for high in HIGH))
    batch.put(dst + 10, LOW)
    batch.put(mask + 11, bytes(255 * (n % 2) for n in range(ROW)))
    # Every tenth is a trap.
    batch.put(3, bytes(pfkey.IPIP if n % 10 else pfkey.INT for n in range(ROW)))
    batch.put(spi + 2, bytes(0x10 if n % 10 else 1 for n in range(ROW)))
    batch.put(spi + 3, bytes(0 if n % 10 else 4 for n in range(ROW)))
    for number in range(EROUTES // ROW):
        batch.put(src + 9, number >> 8)
        batch.put(src + 10, number & 255)
        yield number, batch


TAILS = [f" -> {dst_net(n):<18} => ".encode() + SAIDS[n % 10 == 0] for n in range(ROW)]


def eroute_rows(number):
    """What the listing shows of a batch."""
    head = f"{'0':<10} {f'10.{number >> 8}.{number & 255}.0/24':<18}".encode()
    return head + head.join(TAILS)


def sa_batches(make, extensions):
    """A batch for each thousand of SPIs from 0x10000; `extensions` hold them, and the body begins with the SPI."""
    batch = Batch(make(0x10000), ROW)
    places = [offset(batch.bytes, kind) for kind in extensions]
    for number in range(0, TUNNELS, ROW):
        spis = [0x10000 + number + n for n in range(ROW)]
        for place in places:
            for byte in range(4):
                batch.put(place + byte, bytes(spi >> (24 - 8 * byte) & 255 for spi in spis))
        yield batch


def esp(spi):
    """ADD of an ESP SA."""
    return pfkey.add(pfkey.ESP, PEER, spi, "192.0.2.1", enc_key=bytes(range(20)), encrypt=20, replay=64)


def listing(name):
    """The file, in pieces."""
    with ns, open(f"/proc/thread-self/net/ipsec_{name}", "rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            yield piece


def first_words(name):
    """The first word of each row."""
    return [line.split(b" ", 1)[0] for line in b"".join(listing(name)).splitlines()]


def clear():
    """Everything goes."""
    equal((quiet.write(pfkey.clear_flows()), quiet.write(pfkey.message(pfkey.FLUSH, 0))), (0, 0), "errno")


def add_eroutes(batches=None):
    """All of them, or so many batches; how long the first tenth and the last tenth took."""
    times = []
    for _, batch in itertools.islice(eroute_batches(), batches):
        began = time.monotonic()
        batch.send(quiet.socket)
        times.append(time.monotonic() - began)
    tenth = max(len(times) // 10, 1)
    return sum(times[:tenth]), sum(times[-tenth:])


# What Python, the crypto modules and the first slabs take is taken before anything is measured.
next(sa_batches(esp, [pfkey.SA])).send(quiet.socket)
next(eroute_batches())[1].send(quiet.socket)
clear()
BEFORE = settled()
note(f"EROUTES={EROUTES} SAS={SAS}; the kernel has {BEFORE[0]:.0f} MiB, {BEFORE[1]:.0f} in slabs")

with case(f"{SAS} SAs are added, and grouped in pairs"):
    with rate("SAs", SAS):
        for batch in sa_batches(lambda spi: pfkey.add(pfkey.IPIP, PEER, spi, "192.0.2.1"), [pfkey.SA]):
            batch.send(quiet.socket)
        for batch in sa_batches(esp, [pfkey.SA]):
            batch.send(quiet.socket)
    with rate("groups", TUNNELS):
        for batch in sa_batches(lambda spi: pfkey.group((pfkey.IPIP, PEER, spi), (pfkey.ESP, PEER, spi)),
                                [pfkey.SA, pfkey.SA2]):
            batch.send(quiet.socket)

SA_MIB = kernel_memory()[0] - BEFORE[0]

with case(f"{EROUTES} eroutes are added"):
    with rate("eroutes", EROUTES):
        first, last = add_eroutes()
    note(f"the first tenth took {first:.1f} s, the last {last:.1f} s")

FULL = kernel_memory()
note(f"the kernel has {FULL[0]:.0f} MiB: {SA_MIB * (1 << 20) / SAS:.0f} bytes for each SA, "
     f"{(FULL[0] - BEFORE[0] - SA_MIB) * (1 << 20) / EROUTES:.0f} for each eroute")

with case(f"{EROUTES} eroutes are listed: the file is what was added, byte for byte"):
    with rate("eroutes read", EROUTES):
        rest = b""
        pieces = listing("eroute")
        for number in range(EROUTES // ROW):
            rows = eroute_rows(number)
            while len(rest) < len(rows) and (piece := next(pieces, None)):
                rest += piece
            check(rest.startswith(rows), f"the rows of 10.{number >> 8}.{number & 255}.0/24 begin {rest[:200]}")
            rest = rest[len(rows):]
        equal((rest, next(pieces, None)), (b"", None), "what follows the last row")

with case(f"{SAS} SAs and their groups are listed, each once"):
    wanted = {f"{kind}{0x10000 + n:#x}@{PEER}".encode() for n in range(TUNNELS) for kind in ("esp", "tun")}
    with rate("SAs read", SAS):
        listed = first_words("spi")
    equal((len(listed), set(listed) == wanted), (SAS, True), "rows, and whether they are the right ones")
    rows = b"".join(listing("spigrp")).splitlines()
    pairs = {b"tun%b esp%b " % (said[3:], said[3:]) for said in wanted}
    equal((len(rows), {row for row in rows if row.startswith(b"tun")} == pairs), (SAS, True), "groups")

with case("requests are answered as ever"):
    with pfkey.PfKey(ns) as key:
        began = time.monotonic()
        for n in range(100):
            spi = 0x10000 + n * (TUNNELS // 100)
            code, replies = key.ask(pfkey.message(pfkey.GET, pfkey.ESP, pfkey.sa(spi), pfkey.address(pfkey.SRC, PEER),
                                                  pfkey.address(pfkey.DST, PEER)))
            equal((code, [reply.sa()[0] for reply in replies]), (0, [spi]), "errno and SPI")
        note(f"GET: {(time.monotonic() - began) * 1e4:.0f} us each")
        flow = pfkey.flow("10.0.7.0", "255.255.255.0", "172.16.9.0", "255.255.255.255")
        equal(key.write(pfkey.addflow(flow, PEER, 0x1000, pfkey.IPIP)), 0 if EROUTES <= 7 * ROW else 17, "errno of a double")

with case("all is cleared"):
    with rate("eroutes cleared", EROUTES):
        equal(quiet.write(pfkey.clear_flows()), 0, "errno")
    with rate("SAs flushed", SAS):
        equal(quiet.write(pfkey.message(pfkey.FLUSH, 0)), 0, "errno")
    for name in ("eroute", "spi", "spigrp"):
        equal(b"".join(listing(name)), b"", name)


def back():
    """Whether the memory is back, but for what may be missing."""
    most = LOST_MIB + LOST_SHARE * (FULL[0] - BEFORE[0])
    now = kernel_memory()
    return now if max(now[0] - BEFORE[0], now[1] - BEFORE[1]) <= most or not MEASURED else None


with case(f"the memory is back but for {LOST_SHARE:.0%} and {LOST_MIB} MiB"):
    began = time.monotonic()
    now = until(back, f"memory back: before {BEFORE}, full {FULL}", 60)
    note(f"after {time.monotonic() - began:.1f} s: {now[0] - BEFORE[0]:+.1f} MiB, "
         f"{now[1] - BEFORE[1]:+.1f} in slabs, of {FULL[0] - BEFORE[0]:.0f}")

with case("the namespace goes with much in it, and so does the memory"):
    add_eroutes(20)
    next(sa_batches(esp, [pfkey.SA])).send(quiet.socket)
    quiet.close()
    ns.delete()
    until(back, f"memory back: before {BEFORE}, full {FULL}", 60)

end()
