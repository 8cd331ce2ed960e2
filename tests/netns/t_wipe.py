# SPDX-License-Identifier: GPL-2.0-only
"""Keys are nowhere in the machine's memory once nobody needs them any more.

This process alone makes the keys (`klipstest/marked.py`), and looks for them in all memory but its own
(`klipstest/kcore.py`). They must be there while SAs live, or the search proves nothing; and what others left in freed memory
must be there, or freed memory is not searched.
"""

import mmap
import os
import socket
import subprocess
import sys
import time

from klipstest import kame, pfkey
from klipstest.kcore import Memory
from klipstest.marked import Marked
from klipstest.netns import Netns
from klipstest.pfkey import (
    ADD, AH, DELETE, DST, DUMP, ESP, FLUSH, GET, GETSPI, IDENT_DST, IDENT_SRC, IPIP, KEY_AUTH, KEY_ENCRYPT, SRC, UPDATE,
    PfKey, address, ext, key, message, sa, spirange)
from klipstest.suites import AH_SUITES, BY_NAME
from klipstest.tap import case, check, end, equal, note, until
from klipstest.topology import A, B, HOST_B, NET_A, NET_B, Klips, Topology
from klipstest.traffic import ping

if not os.path.exists("/proc/kpageflags"):
    note("skipped: this kernel does not tell what its pages are for")
    end()
    sys.exit(0)

# Keys that somebody else leaves behind.
CONTROL = 255
MASK = "255.255.255.0"
CBC, GCM = BY_NAME["aes128-sha1-96"], BY_NAME["aes128-gcm"]
SUITES = [CBC, *(BY_NAME[name] for name in ("3des-md5-96", "aes256-gcm", "aes128-ctr-sha2-384-192", "chacha20-poly1305"))]
AHS = [suite for suite in AH_SUITES if suite.name in ("hmac-sha1-96", "aes-cmac-96")]

marked = Marked()
# What each kind of keys is for.
kinds = {CONTROL: "what was sent through a socket of another family"}


def kind_of(what):
    """A new kind."""
    number = len(kinds)
    kinds[number] = what
    return number


def look(*needles, **options):
    """The marked keys that there are: kind to places."""
    began, places = time.monotonic(), {}
    for place in memory.scan(*needles, **options):
        places.setdefault(marked.kind_of(memory.bytes_at(place, 16)), []).append(place)
    note(f"{memory.read >> 20} MiB read in {time.monotonic() - began:.0f} s")
    return places


def ask(pk, data, kind=0):
    """Sends a message with keys of a kind; the errno."""
    try:
        pk.socket.sendmsg([marked.message(data, kind)])
    except OSError as error:
        return error.errno
    return 0


def drain(pk, room=65536, flags=0):
    """Reads what there is; how many messages that was."""
    count = 0
    while True:
        try:
            pk.socket.recv_into(marked.answer(room), 0, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return count
        count += 1


def must(pk, *datas, kind=0):
    """Requests that succeed."""
    for data in datas:
        equal(ask(pk, data, kind), 0, f"errno of message {data[1]}")
        drain(pk)


def esp(suite, src, dst, spi, **words):
    """ADD of an ESP SA of a suite, without its keys."""
    return pfkey.add(ESP, dst, spi, src, bytes(suite.auth_len), bytes(suite.cipher_len), auth=suite.auth_id,
                     encrypt=suite.enc_id, replay=64, **words)


def ah(suite, src, dst, spi):
    """The same of AH."""
    return pfkey.add(AH, dst, spi, src, bytes(suite.auth_len), auth=suite.auth_id, replay=64)


def install(satype, spi, make, kind):
    """A tunnel between the gateways, both ways, that takes the traffic from the last one."""
    for pk, mine, theirs, peer, out in ((pk_a, NET_A, NET_B, B, spi), (pk_b, NET_B, NET_A, A, spi + 1)):
        for src, dst, number in ((A, B, spi), (B, A, spi + 1)):
            must(pk, pfkey.add(IPIP, dst, number, src), make(src, dst, number), kind=kind)
            must(pk, pfkey.group((IPIP, dst, number), (satype, dst, number)))
        flow = pfkey.flow(mine.split("/")[0], MASK, theirs.split("/")[0], MASK)
        must(pk, pfkey.addflow(flow, peer, out, IPIP, pfkey.REPLACEFLOW))


def linux(kind, spi, *exts, seq=1):
    """A message of the Linux dialect about an ESP SA."""
    return message(kind, ESP, kame.sa(spi, auth=5, encrypt=12), kame.sa2(kame.TRANSPORT), address(SRC, A), address(DST, B),
                   *exts, seq=seq)


def linux_keys(auth=32, encrypt=16):
    """Its keys, which are marked later."""
    return key(KEY_AUTH, bytes(auth)), key(KEY_ENCRYPT, bytes(encrypt))


def refused(pk, data, kind, what):
    """A request with keys that fails."""
    check(ask(pk, data, kind) or pk.read().errno, f"{what} is not refused")
    drain(pk)


def spi(number, *words, length=20, what=None, ok=True, **options):
    """Has `ipsec spi` add an SA with a key from a file. Its pages are pages of this process."""
    os.ftruncate(secret, mmap.PAGESIZE)
    os.ftruncate(secret, marked.text(text, length, kind_of(f"a key that ipsec spi {what}")))
    with tools:
        done = subprocess.run(
            ["ipsec", "spi", "--af", "inet", "--edst", B, "--src", A, "--spi", hex(number), "--proto", "esp", "--esp",
             "aes128-gcm", "--enckey", *words], capture_output=True, check=False, **options)
    equal(done.returncode == 0, ok, f"success; it says {done.stderr}")


with case("the gateways"):
    memory = Memory()
    topology = Topology()
    for side in "AB":
        topology.gateway(side, Klips).start()
    pk_a, pk_b = PfKey(topology.gwA), PfKey(topology.gwB)

with case("keys are in memory while their SAs are there and carry traffic"):
    for number, suite in enumerate(SUITES):
        install(ESP, 0x1000 + 2 * number, lambda *end, suite=suite: esp(suite, *end), kind_of(suite.name))
        ping(topology.hostA, HOST_B)
    for number, suite in enumerate(AHS):
        install(AH, 0x2000 + 2 * number, lambda *end, suite=suite: ah(suite, *end), kind_of(f"AH {suite.name}"))
        ping(topology.hostA, HOST_B)
    places = look(marked.raw, slabs=True)
    for kind in set(kinds) - {CONTROL}:
        check(kind in places, f"keys of {kinds[kind]} are not found")

with case("SAs are updated, one of them larval, deleted and flushed"):
    must(pk_a, esp(CBC, A, B, 0x3000), kind=kind_of("an SA that is updated"))
    must(pk_a, esp(GCM, A, B, 0x3000, kind=UPDATE), kind=kind_of("what it is updated to, and then deleted"))
    must(pk_a, message(DELETE, ESP, sa(0x3000), address(SRC, A), address(DST, B)))
    must(pk_a, message(GETSPI, ESP, address(SRC, A), address(DST, B), spirange(0x3001, 0x3001)))
    must(pk_a, esp(CBC, A, B, 0x3001, kind=UPDATE), kind=kind_of("a larval SA that is updated"))
    for pk in (pk_a, pk_b):
        must(pk, message(FLUSH, 0))

with case("requests are refused"):
    must(pk_a, esp(GCM, A, B, 0x3100), kind=kind_of("an SA"))
    whole = esp(CBC, A, B, 0x3101)
    long = [ext(number, bytes(4) + b"somebody" * 30) for number in (IDENT_SRC, IDENT_DST)]
    for what, data in {
        "an SA that there is already": esp(GCM, A, B, 0x3100),
        "a key of the wrong length": pfkey.add(ESP, B, 0x3101, A, b"", bytes(24), encrypt=20),
        "an algorithm that there is not": pfkey.add(ESP, B, 0x3101, A, bytes(20), bytes(16), auth=77, encrypt=78),
        "no source": message(ADD, ESP, sa(0x3101, auth=3, encrypt=12), address(DST, B), *linux_keys(20)),
        "a source of another family": esp(CBC, "2001:db8::1", B, 0x3101),
        "a message that is cut off in its key": whole[:-8],
        "an extension without a length behind the keys": message(
            ADD, ESP, sa(0x3101, auth=3, encrypt=12), address(SRC, A), address(DST, B), *linux_keys(20), bytes(8)),
        "an SA to be updated that there is not": esp(CBC, A, B, 0x3102, kind=UPDATE),
        "a key of the wrong length in a long message": pfkey.add(ESP, B, 0x3101, A, bytes(20), bytes(20), auth=3, encrypt=12,
                                                                 more=long),
        "a key as long as can be": pfkey.add(ESP, B, 0x3101, A, b"", bytes(8184), encrypt=12),
        "a message of another version": b"\x03" + whole[1:],
    }.items():
        refused(pk_a, data, kind_of(what), what)
    must(pk_a, message(FLUSH, 0))

with case("answers have keys: they are read, in part, looked at, listed, never read"):
    spoken = Netns("k-wipe")
    with PfKey(spoken, shy=True) as pk:
        must(pk, linux(ADD, 0x4000, *linux_keys()), kind=kind_of("an SA of the Linux dialect"))
        equal(ask(pk, linux(GET, 0x4000)), 0, "errno of GET")
        pk.socket.recv_into(marked.answer(), 0, socket.MSG_PEEK)
        equal(drain(pk), 1, "answers")
        check(marked.is_answered(), "there is no key in the answer")
        equal((ask(pk, linux(GET, 0x4000)), drain(pk, 100)), (0, 1), "errno of GET, and answers")
        refused(pk, linux(ADD, 0x4000, *linux_keys()), kind_of("refused in the Linux dialect"), "an SA that there is")
        must(pk, linux(UPDATE, 0x4000, *linux_keys()), kind=kind_of("an SA that is updated in the Linux dialect"))
        kind = kind_of("many SAs that are listed")
        for number in range(0x4001, 0x4040):
            must(pk, linux(ADD, number, *linux_keys()), kind=kind)
        pk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        equal((ask(pk, message(DUMP, 0)), drain(pk)), (0, 64), "errno of DUMP, and SAs in the list")
        # More than its queue takes.
        for _ in range(50):
            ask(pk, linux(GET, 0x4000))
        with PfKey(spoken, shy=True) as other:
            ask(other, linux(GET, 0x4000))
            ask(other, message(DUMP, 0))

with case("SAs go with their namespace"):
    spoken.delete()

with case("ipsec spi reads keys"):
    tools = Netns("k-tools")
    secret = os.memfd_create("key")
    os.ftruncate(secret, mmap.PAGESIZE)
    text = memoryview(mmap.mmap(secret, mmap.PAGESIZE))
    path = f"@/proc/{os.getpid()}/fd/{secret}"
    spi(0x5000, path, what="reads from a file")
    spi(0x5001, "@-", what="reads from its standard input", stdin=secret)
    spi(0x5002, path, length=21, what="refuses", ok=False)
    equal(len(tools.read("/proc/net/ipsec_spi").splitlines()), 2, "SAs")
    tools.run("ipsec", "spi", "--clear")

with case("of all these keys none is left, but of what was sent through another socket"):
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for _ in range(5):
        marked.leave(left.sendmsg, CONTROL)
    for _ in range(5):
        right.recv_into(marked.answer())
    places = look(marked.raw, marked.digits)
    check(places.pop(CONTROL, None), "what was sent through another socket is not found: this proves nothing")
    # SAs are freed a moment after they have gone.
    until(lambda: not any(memory.is_at(place) for several in places.values() for place in several), "\n".join(
        ["no key is left, but"] + [f"{kinds.get(kind, kind)}: in {len(several)} places, {several[0]}"
                                   for kind, several in places.items()]), 3)
    note(f"{len(kinds)} kinds of keys")

if "memory" in globals():
    memory.close()
end()
