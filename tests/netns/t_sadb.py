# SPDX-License-Identifier: GPL-2.0-only
"""The SA database in the dialect of Linux, message by message; and what the two dialects see of each other.

What real clients send is replayed in t_kame; here is what they do not send."""

import errno
import socket

from klipstest import kame, pfkey
from klipstest.kame import ANY, IPCOMP, TRANSPORT, TUNNEL, Client, sa, sa2, spi_of
from klipstest.netns import Netns
from klipstest.pfkey import (ADD, AH, DELETE, DST, DUMP, ESP, FLUSH, GET, GETSPI, IPIP, KEY_AUTH, KEY_ENCRYPT, LARVAL,
                             LIFETIME_HARD, MATURE, PROMISC, REGISTER, SPIRANGE, SRC, UPDATE, PfKey, address, ext, key, message)
from klipstest.tap import case, check, end, equal

ME, PEER = "192.0.2.1", "192.0.2.2"
CIPHER_KEY, HASH_KEY = bytes(range(16)), bytes(range(100, 120))
AES, SHA1, NULL_HASH = 12, 3, 251

ns = Netns("sadb")
ns.ip("addr add 192.0.2.1/24 dev lo", "link set lo up")


def add(spi, kind=ADD, mode=TUNNEL, reqid=7, satype=ESP, auth=SHA1, encrypt=AES, keys=(HASH_KEY, CIPHER_KEY), seq=1, dst=PEER,
        more=()):
    """ADD or UPDATE."""
    parts = [ext_key for which, data in ((KEY_AUTH, keys[0]), (KEY_ENCRYPT, keys[1])) if data is not None
             for ext_key in [key(which, data)]]
    return message(kind, satype, sa(spi, 32, 0, auth, encrypt), sa2(mode, reqid), address(SRC, ME, prefix=32),
                   address(DST, dst, prefix=32), *parts, *more, seq=seq, pid=9)


def named(kind, spi, satype=ESP, dst=PEER, seq=1):
    """GET or DELETE."""
    return message(kind, satype, sa(spi), address(SRC, ME, prefix=32), address(DST, dst, prefix=32), seq=seq, pid=9)


def getspi(low=None, high=None, satype=ESP, seq=1):
    """GETSPI, with a range or without."""
    span = [] if low is None else [ext(SPIRANGE, low.to_bytes(4, "little") + high.to_bytes(4, "little") + bytes(4))]
    return message(GETSPI, satype, *span, sa2(TRANSPORT, 3), address(SRC, PEER, prefix=32), address(DST, ME, prefix=32),
                   seq=seq, pid=9)


def state_of(got):
    """Of the SA in a message."""
    return got.exts[pfkey.SA][5]


def spis():
    """The SAs, as KLIPS lists them."""
    return sorted(line.split()[0] for line in ns.read("/proc/net/ipsec_spi").splitlines())


def setting(value):
    """Sets net.ipsec.pfkey_dialect."""
    ns.run("sysctl", "-qw", f"net.ipsec.pfkey_dialect={value}")


client = Client(ns, shy=False)

with case("GETSPI: a larval SA, known to the requester alone; its SPI is within the range"):
    other = Client(ns, shy=False)
    got = client.request(getspi(0x2000, 0x2000))
    equal((spi_of(got), state_of(got)), (0x2000, LARVAL), "SPI and state")
    equal(int.from_bytes(got.exts[LIFETIME_HARD][12:20], "little"), 30, "seconds that it lives")
    client.request(getspi(0x2000, 0x2000, seq=2), errno.ENOENT)
    client.request(getspi(0x10, 0x20, seq=3), errno.EINVAL)
    check(0x100 <= spi_of(client.request(getspi(seq=4))) <= 0x0FFFFFFF, "the SPI of no range")
    check(0x100 <= spi_of(client.request(getspi(0x100, 0xFFFFFFFF, satype=IPCOMP, seq=5))) <= 0xFFFF, "a CPI")
    equal(other.key.drain(), [], "what another socket hears")

with case("UPDATE makes it whole, and everybody of the dialect hears it, without keys"):
    got = client.request(message(UPDATE, ESP, sa(0x2000, 32, 0, SHA1, AES), sa2(TRANSPORT, 3), address(SRC, PEER, prefix=32),
                                 address(DST, ME, prefix=32), key(KEY_AUTH, HASH_KEY), key(KEY_ENCRYPT, CIPHER_KEY), seq=6, pid=9))
    equal((state_of(got), KEY_AUTH in got.exts, KEY_ENCRYPT in got.exts), (MATURE, False, False), "state and keys")
    equal([(heard.kind, heard.seq, heard.data) for heard in other.key.drain()], [(UPDATE, 6, got.data)], "what another hears")

with case("GET tells mode, reqid, addresses, limits and keys, to the requester alone"):
    client.request(add(0x3000, seq=7, more=[kame.lifetime(pfkey.LIFETIME_SOFT, 100, 1 << 33), kame.lifetime(LIFETIME_HARD, 200, 1 << 34)]))
    other.key.drain()
    got = client.request(named(GET, 0x3000, seq=8))
    equal((got.address(SRC), got.address(DST), got.exts[kame.SA2][0], int.from_bytes(got.exts[kame.SA2][8:12], "little")),
          (ME, PEER, TUNNEL, 7), "addresses, mode and reqid")
    equal((got.exts[KEY_AUTH][4:24], got.exts[KEY_ENCRYPT][4:20]), (HASH_KEY, CIPHER_KEY), "keys")
    equal(int.from_bytes(got.exts[LIFETIME_HARD][4:12], "little"), 1 << 34, "bytes")
    equal(other.key.drain(), [], "what another socket hears")

with case("what cannot be: an errno in the answer, to the requester alone, and nothing changes"):
    before = spis()
    for text, data, err in (
            ("there already", add(0x3000, seq=9), errno.EEXIST),
            ("no key", add(0x3001, keys=(HASH_KEY, None), seq=9), errno.EINVAL),
            ("a key of another size", add(0x3001, keys=(HASH_KEY, CIPHER_KEY[:10]), seq=9), errno.EINVAL),
            ("no such cipher", add(0x3001, encrypt=99, seq=9), errno.ENOSYS),
            ("no such hash", add(0x3001, auth=99, seq=9), errno.ENOSYS),
            ("BEET", add(0x3001, mode=3, seq=9), errno.EINVAL),
            ("half a lifetime", add(0x3001, seq=9, more=[kame.lifetime(LIFETIME_HARD, 9)]), errno.EINVAL),
            ("a reserved SPI", add(0xFF, seq=9), errno.EINVAL),
            ("update of nothing", add(0x3001, kind=UPDATE, seq=9), errno.ESRCH),
            ("nothing to get", named(GET, 0x3001, seq=9), errno.ESRCH),
            ("nothing to delete", named(DELETE, 0x3001, seq=9), errno.ESRCH),
            ("the kernel's own", message(pfkey.EXPIRE, ESP, sa2(), seq=9, pid=9), errno.EOPNOTSUPP)):
        got = client.ask(data)
        equal([answer.errno for answer in got], [err], text)
        equal(got[0].words, 2, f"words of the answer: {text}")
    equal((spis(), other.key.drain()), (before, []), "SAs, and what another hears")

with case("algorithms without a key: null encryption with a hash; null hash with a cipher"):
    client.request(add(0x3002, encrypt=11, keys=(HASH_KEY, b""), seq=10))
    client.request(add(0x3003, auth=NULL_HASH, keys=(b"", CIPHER_KEY), seq=11))
    equal(client.request(named(GET, 0x3003, seq=12)).exts[pfkey.SA][6], NULL_HASH, "the hash as it was named")
    client.request(add(0x3004, auth=NULL_HASH, encrypt=11, keys=(b"", b""), seq=13), errno.EINVAL)

with case("REGISTER: twice for a satype is EEXIST; satype 0 tells the algorithms and subscribes to nothing"):
    got = client.request(message(REGISTER, 0, seq=14, pid=9))
    auths = {got.exts[pfkey.SUPPORTED_AUTH][4 + at] for at in range(0, len(got.exts[pfkey.SUPPORTED_AUTH]) - 4, 8)}
    check({SHA1, 5, 6, 7, NULL_HASH} <= auths, f"hashes {auths}")
    client.request(message(REGISTER, ESP, seq=15, pid=9))
    client.request(message(REGISTER, ESP, seq=16, pid=9), errno.EEXIST)

with case("a listing of 400 SAs in a queue for a few: every one comes once, numbered, and the last is 0"):
    for number in range(400):
        client.key.write(add(0x10000 + number, satype=AH, auth=SHA1, encrypt=0, keys=(HASH_KEY, None), seq=20))
        client.key.drain()
    slow = Client(ns, shy=False)
    slow.key.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    equal(slow.key.write(message(DUMP, AH, seq=21, pid=33)), 0, "errno")
    equal(slow.key.write(message(DUMP, AH, seq=22, pid=33)), 0, "errno of another")
    heard = slow.key.drain()
    busy = [got for got in heard if got.errno]
    equal([(got.errno, got.seq) for got in busy], [(errno.EBUSY, 22)], "the one too many")
    items = [got for got in heard if not got.errno]
    equal([got.seq for got in items], [*range(1, 400), 0], "numbers")
    equal(sorted(spi_of(got) for got in items), [0x10000 + number for number in range(400)], "SPIs")
    equal({got.pid for got in items}, {33}, "process")
    check(all(got.exts[KEY_AUTH][4:24] == HASH_KEY for got in items), "keys")
    slow.close()

with case("an SA that goes while it is being listed is left out, and the listing ends"):
    slow = Client(ns, shy=False)
    slow.key.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.key.write(message(DUMP, AH, seq=21, pid=33))
    first = slow.key.read()
    client.ask(message(FLUSH, AH, seq=23, pid=9))
    rest = slow.key.drain()
    rest = [got for got in rest if got.kind == DUMP]
    equal((first.seq, rest[-1].seq), (1, 0), "first and last number")
    check(len(rest) < 399, f"{len(rest)} more")
    slow.close()
    client.request(message(DUMP, AH, seq=24, pid=9), errno.ENOENT)

with case("PROMISC shows every message, requests too, and no keys"):
    nosy = Client(ns, shy=False)
    nosy.ask(message(PROMISC, 1, seq=1, pid=8))
    client.key.drain()
    client.request(add(0x3005, seq=25))
    heard = nosy.key.drain()
    check(len(heard) >= 2 and all(got.kind == ADD for got in heard), f"{[(got.kind, got.seq) for got in heard]}")
    check(KEY_AUTH in client.request(named(GET, 0x3005, seq=25)).exts, "no keys for the one who asks")
    answers = nosy.key.drain()
    equal([(got.kind, KEY_AUTH in got.exts) for got in answers], [(GET, False), (GET, True)], "the request and its answer")
    heard += answers
    check(not any(HASH_KEY in got.data or CIPHER_KEY in got.data for got in heard), "there are keys")
    nosy.ask(message(PROMISC, 0, seq=2, pid=8))
    client.request(named(DELETE, 0x3005, seq=26))
    equal([got.kind for got in nosy.key.drain()], [DELETE], "what it hears as anybody does")
    nosy.close()

with case("SAs of each dialect are told of in the other, by its own form"):
    klips = PfKey(ns)
    other.key.drain()
    client.request(add(0x3006, seq=27))
    heard = klips.drain()
    equal([(got.kind, got.errno, got.satype, len(got.exts[pfkey.SA]), kame.SA2 in got.exts) for got in heard],
          [(ADD, 0, ESP, 20, False)], "what KLIPS hears")
    other.key.drain()
    equal(klips.write(pfkey.add(ESP, PEER, 0x4000, ME, HASH_KEY, CIPHER_KEY, auth=SHA1, encrypt=AES)), 0, "errno of ADD")
    equal(klips.write(pfkey.add(IPIP, PEER, 0x4001, ME)), 0, "errno of ADD")
    heard = [kame.parse(got.data) for got in other.key.drain()]
    equal([(got.kind, spi_of(got), got.exts[kame.SA2][0]) for got in heard], [(ADD, 0x4000, ANY)], "what Linux hears")

with case("an SA is changed in the dialect that it was made in; anybody may read and delete it"):
    client.request(add(0x4000, kind=UPDATE, seq=28), errno.EINVAL)
    equal(klips.write(pfkey.add(ESP, PEER, 0x3006, ME, HASH_KEY, CIPHER_KEY, auth=SHA1, encrypt=AES, kind=UPDATE)), errno.EINVAL, "errno of UPDATE")
    ports = pfkey.add(ESP, PEER, 0x3006, ME, HASH_KEY, CIPHER_KEY, auth=SHA1, encrypt=AES, kind=UPDATE,
                      more=pfkey.natt(4500, 4501)[1:])
    equal(klips.write(ports), errno.EINVAL, "errno of UPDATE of the ports alone")
    got = client.request(named(GET, 0x4000, seq=29))
    check(KEY_AUTH not in got.exts and KEY_ENCRYPT not in got.exts, "there are keys of KLIPS")
    klips.drain()
    client.request(named(DELETE, 0x4000, seq=30))
    equal([(got.kind, spi_of(got)) for got in klips.drain()], [(DELETE, 0x4000)], "what KLIPS hears")

with case("each flushes its own; who has not shown anything means all, unless the sysctl says whom it is for"):
    flush = message(FLUSH, 0, seq=31, pid=9)
    equal(klips.write(message(FLUSH, 0)), 0, "errno")
    check(f"esp0x3006@{PEER}" in spis() and not any("0x4001" in spi for spi in spis()), f"left: {spis()}")
    klips.write(pfkey.add(IPIP, PEER, 0x4001, ME))
    client.ask(flush)
    equal(spis(), [f"tun0x4001@{PEER}"], "left")
    setting(1)
    # Those that are left say nothing for new ones.
    for client_of_both in (client, other):
        client_of_both.close()
    klips.close()
    with PfKey(ns, shy=True) as unknown:
        unknown.write(flush)
    equal(spis(), [f"tun0x4001@{PEER}"], "left by one that passes for Linux")
    setting(2)
    with PfKey(ns, shy=True) as unknown:
        unknown.write(flush)
    equal(spis(), [], "left by one that passes for KLIPS")
    setting(0)
    with PfKey(ns) as klips, Client(ns, shy=False).key as client_key:
        klips.write(pfkey.add(IPIP, PEER, 0x4001, ME))
        client_key.write(add(0x3007))
    equal(len(spis()), 2, "SAs")
    with PfKey(ns, shy=True) as unknown:
        unknown.write(flush)
    equal(spis(), [], "left by one that is nobody")

# Good in either dialect.
UNDECIDED = message(GET, ESP, sa(0x5000), address(SRC, ME), address(DST, PEER))

with case("what one socket of a process has shown goes for its others"):
    with PfKey(ns, shy=True) as events, PfKey(ns) as shown:
        equal(events.write(UNDECIDED), errno.ESRCH, "errno of GET, as KLIPS has it")
        check(shown.readable(), "every socket of KLIPS hears of the error")
    with PfKey(ns, shy=True) as events:
        equal((events.write(UNDECIDED), [got.errno for got in events.drain()]), (0, [errno.ESRCH]), "errno, and in-band")

end()
