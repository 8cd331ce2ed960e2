# SPDX-License-Identifier: GPL-2.0-only
"""PF_KEY message by message: what is answered to whom, and how malformed messages are refused."""

import errno
import json
import os
import socket
import struct
import subprocess

from klipstest.netns import Netns, stop
from klipstest.pfkey import (
    ADD, ADDFLOW, AH, COMP, DELETE, DELFLOW, DST, DST_FLOW, DUMP, DYING, ESP, EXPIRE, FLUSH, GET, GETSPI, GRPSA, IDENT_DST,
    IDENT_SRC, INFLOW, INT, IPIP, KEY_AUTH, KEY_ENCRYPT, LARVAL, LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT, MATURE,
    PCHANGE, PROMISC, PROTOCOL, REGISTER, REPLACEFLOW, SA, SA2, SATYPE2, SPIRANGE, SRC, SRC_FLOW, SUPPORTED_AUTH,
    SUPPORTED_ENCRYPT, UPDATE, DST2, GROUP, PF_KEY, PF_KEY_V2, PfKey, add, addflow, address, clear_flows, delflow, ext, flow,
    group, key, lifetime, member, message, sa, spirange)
from klipstest.tap import case, check, contains, end, equal, fewer

ME, PEER = "192.0.2.1", "192.0.2.2"

ns = Netns("k-pfkey")
ns.ip("link add wan0 type dummy", f"addr add {ME}/24 dev wan0", "link set wan0 up")
pk = PfKey(ns)
other = PfKey(ns)


def esp(spi=0x1001, dst=PEER, **words):
    """ADD of an ESP SA, unless told otherwise."""
    words = {"src": ME, "auth_key": bytes(20), "enc_key": bytes(range(16)), "auth": 3, "encrypt": 12, "replay": 32,
             **words}
    return add(ESP, dst, spi, **words)


def which(kind, spi=0x1001, dst=PEER, satype=ESP, **words):
    """DELETE or GET."""
    return message(kind, satype, sa(spi), address(SRC, ME), address(DST, dst), **words)


def reset():
    """Empty tables, nothing to read."""
    pk.write(message(FLUSH, 0))
    pk.write(clear_flows())
    pk.drain()
    other.drain()


def accepted(data, exts, audience="all"):
    """Sends a request that must succeed; the reply to it, which must be there when write returns."""
    other.drain()
    code, replies = pk.ask(data)
    equal(code, 0, "errno")
    equal(len(replies), 1, "replies")
    reply = replies[0]
    kind, satype = data[1], data[3]
    seq, pid = struct.unpack_from("=II", data, 8)
    equal((reply.version, reply.kind, reply.errno, reply.satype, reply.reserved, reply.seq, reply.pid),
          (2, kind, 0, satype, 0, seq, pid), "version, type, errno, satype, reserved, seq and pid of the reply")
    equal(reply.words * 8, len(reply.data), "length of the reply")
    equal(sorted(reply.exts), sorted(exts), "extensions of the reply")
    heard = other.drain()
    equal([got.data for got in heard], [reply.data] if audience == "all" else [], "what another socket hears")
    return reply


def refused(data, code, text=""):
    """Sends a request that must fail with an errno, by write and by a message to everybody."""
    other.drain()
    got, replies = pk.ask(data)
    equal(errno.errorcode.get(got, got), errno.errorcode[code], f"errno of write {text}")
    equal(len(replies), 1, f"replies {text}")
    want = data[:2] + bytes([code]) + data[3:4] + struct.pack("=H", 2) + data[6:16]
    equal(replies[0].data.hex(), want.hex(), f"the reply {text}")
    equal([heard.data for heard in other.drain()], [want], f"what another socket hears {text}")


def rejected(data, code, text=""):
    """Sends what is no message: an errno and no reply."""
    other.drain()
    got, replies = pk.ask(data)
    equal(errno.errorcode.get(got, got), errno.errorcode[code], f"errno of write {text}")
    equal(replies + other.drain(), [], f"replies {text}")


# Sockets.

with case("only raw sockets of version 2 can be made"):
    for kind, proto, code in ((socket.SOCK_DGRAM, PF_KEY_V2, errno.ESOCKTNOSUPPORT),
                              (socket.SOCK_RAW, 0, errno.EPROTONOSUPPORT), (socket.SOCK_RAW, 3, errno.EPROTONOSUPPORT)):
        try:
            with ns:
                socket.socket(PF_KEY, kind, proto).close()
        except OSError as error:
            equal(error.errno, code, f"errno for type {kind}, protocol {proto}")
        else:
            check(False, f"type {kind}, protocol {proto} can be made")

with case("no bind, connect, listen or accept"):
    for call in (lambda s: s.bind(b"x" * 16), lambda s: s.connect(b"x" * 16), lambda s: s.listen(), lambda s: s.accept()):
        try:
            call(pk.socket)
        except (OSError, TypeError):
            continue
        check(False, "it can")

with case("nothing to read: EAGAIN with MSG_DONTWAIT and with O_NONBLOCK, and poll says so"):
    reset()
    equal(pk.read(), None, "a message")
    check(not pk.readable(), "poll says readable")
    pk.socket.setblocking(False)
    try:
        pk.socket.recv(4096)
        check(False, "there is something to read")
    except BlockingIOError:
        pass
    pk.socket.setblocking(True)

with case("a buffer that is too short gets what fits, and the rest is lost"):
    reset()
    equal(pk.write(message(FLUSH, 0, seq=0x01020304)), 0, "errno")
    equal(pk.socket.recv(10), message(FLUSH, 0, seq=0x01020304)[:10], "what fits")
    equal(pk.read(), None, "the rest")
    equal(pk.write(message(FLUSH, 0)), 0, "errno")
    equal(pk.socket.recv_into(bytearray(10), 10, socket.MSG_TRUNC), 16, "length told with MSG_TRUNC")

with case("MSG_PEEK leaves the message"):
    reset()
    equal(pk.write(message(FLUSH, 0)), 0, "errno")
    check(pk.readable(), "poll says there is nothing")
    first = pk.socket.recv(4096, socket.MSG_PEEK)
    equal(pk.socket.recv(4096), first, "the message")

# What is no message at all.

with case("less than a header, or a length that is not the message's: EMSGSIZE"):
    good = message(FLUSH, 0)
    for length in range(1, 16):
        rejected(good[:length], errno.EMSGSIZE, f"of {length} bytes")
    for words in (0, 1, 3, 0xffff):
        rejected(message(FLUSH, 0, words=words), errno.EMSGSIZE, f"with length {words}")
    rejected(good + bytes(8), errno.EMSGSIZE, "with 8 bytes too many")
    rejected(good + bytes(1), errno.EMSGSIZE, "with 1 byte too many")

with case("another version, reserved bits, types that there are not: EINVAL"):
    for data, text in ((message(FLUSH, 0, version=1), "version 1"), (message(FLUSH, 0, version=3), "version 3"),
                       (message(FLUSH, 0, reserved=1), "reserved"), (message(0, 0), "type 0"), (message(25, 0), "type 25"),
                       (message(255, 0), "type 255")):
        rejected(data, errno.EINVAL, text)

with case("every kind of request with its body cut off at each word: EINVAL, or EMSGSIZE in the middle of one"):
    reset()
    for data in (esp(), which(GET), which(DELETE), message(GETSPI, ESP, address(SRC, ME), address(DST, PEER), spirange(256, 999)),
                 group((IPIP, PEER, 0x1000), (ESP, PEER, 0x1001)), group(*[(IPIP, PEER, 0x1000 + n) for n in range(4)]),
                 addflow(flow("10.1.0.0", "255.255.0.0", "10.2.0.0", "255.255.0.0", 6, 1, 2), PEER, 0x1000, IPIP)):
        for length in range(16, len(data), 8):
            cut = data[:4] + struct.pack("=H", length // 8) + data[6:length]
            code, _ = pk.ask(cut)
            if code != errno.EINVAL:
                # Cut where only optional extensions are missing: then it is another good request.
                check(data[1] in (ADD, GRPSA, ADDFLOW), f"errno {code} for {cut.hex()}")
        for length in range(17, len(data), 8):
            equal(pk.write(data[:length]), errno.EMSGSIZE, f"errno for {length} bytes")
    reset()

with case("extensions with impossible lengths: EINVAL"):
    # With 2 words, the SA of RFC 2367, what is left over of it is taken for the next extension.
    for words in (0, 1, 2, 4, 100, 0xffff):
        data = bytearray(esp())
        struct.pack_into("=H", data, 16, words)
        refused(bytes(data), errno.EINVAL, f"with {words} words")
    reset()

with case("an SA extension of 2 words, as RFC 2367 has it, is good"):
    short = struct.pack("=HH", 2, SA) + sa(0x1001)[4:16]
    accepted(message(ADD, IPIP, short, address(SRC, ME), address(DST, PEER)), [SA, SRC, DST, 32])
    reset()

with case("extensions that are unknown, twice there, or out of place: EINVAL"):
    for extra, text in ((ext(0, bytes(4)), "type 0"), (ext(34, bytes(4)), "type 34"),
                        (ext(GROUP, bytes(4) + member(ESP, PEER, 0x1002)), "members of a group"), (ext(0xffff, bytes(4)), "type 65535"),
                        (address(SRC, ME), "a second source"), (spirange(256, 300), "a range in ADD"),
                        (lifetime(LIFETIME_CURRENT), "CURRENT")):
        data = bytearray(esp() + extra)
        struct.pack_into("=H", data, 4, len(data) // 8)
        refused(bytes(data), errno.EINVAL, text)
    refused(message(EXPIRE, ESP, sa(0x1001)), errno.EINVAL, "EXPIRE with an SA")
    refused(message(FLUSH, 0, sa(0x1001)), errno.EINVAL, "FLUSH with an SA")

with case("what is required and missing: EINVAL"):
    for data, text in ((message(ADD, ESP), "ADD"), (message(DELETE, ESP, sa(0x1001)), "DELETE"), (message(GETSPI, ESP), "GETSPI"),
                       (message(GRPSA, ESP), "GRPSA"), (message(ADDFLOW, IPIP), "ADDFLOW"), (message(DELFLOW, 0), "DELFLOW")):
        refused(data, errno.EINVAL, text)

with case("satypes that there are not, or that the type cannot have: EINVAL"):
    for satype in (12, 255):
        refused(message(REGISTER, satype), errno.EINVAL, f"REGISTER {satype}")
    for satype in (0, 5, 7):
        refused(esp()[:3] + bytes([satype]) + esp()[4:], errno.EINVAL, f"ADD {satype}")
    refused(message(REGISTER, 0), errno.EINVAL, "REGISTER 0")
    refused(add(INT, "0.0.0.0", 0x104), errno.EINVAL, "ADD of a shunt")

with case("an errno in a request: EINVAL"):
    got, replies = pk.ask(message(FLUSH, 0, err=5))
    equal((got, len(replies)), (errno.EINVAL, 1), "errno and replies")
    other.drain()

with case("DUMP, PROMISC and PCHANGE are not done: ENOSYS"):
    for kind in (DUMP, PROMISC, PCHANGE):
        got, replies = pk.ask(message(kind, ESP))
        equal((kind, got), (kind, errno.ENOSYS), "errno")
        equal([reply.errno for reply in replies], [errno.ENOSYS], "errno of the reply")
    other.drain()

with case("addresses: prefix length, family, port and reserved are looked at"):
    def with_src(src):
        return message(ADD, IPIP, sa(0x1000), src, address(DST, PEER))
    refused(with_src(address(SRC, ME, prefix=24)), errno.EAFNOSUPPORT, "a prefix length")
    refused(with_src(ext(SRC, bytes(4) + struct.pack("=H", 1) + bytes(14))), errno.EPFNOSUPPORT, "AF_UNIX")
    refused(with_src(ext(SRC, bytes(4) + struct.pack("=H", 0) + bytes(14))), errno.EPFNOSUPPORT, "AF_UNSPEC")
    refused(with_src(ext(SRC, b"\0\0\1\0" + address(SRC, ME)[8:])), errno.EINVAL, "reserved")
    refused(with_src(ext(SRC, address(SRC, ME)[4:] + bytes(8))), errno.EINVAL, "a word too many")
    refused(with_src(ext(SRC, bytes(4) + struct.pack("=H", socket.AF_INET6) + bytes(14))), errno.EINVAL, "a short IPv6 one")

with case("keys: their length must be that of the bits"):
    def with_key(enc):
        return message(ADD, ESP, sa(0x1001, auth=3, encrypt=12), address(SRC, ME), address(DST, PEER), key(KEY_AUTH, bytes(20)), enc)
    for enc, text in ((key(KEY_ENCRYPT, bytes(16), bits=0), "no bits"), (key(KEY_ENCRYPT, bytes(16), bits=65), "fewer bits"),
                      (key(KEY_ENCRYPT, bytes(16), bits=129), "more bits"), (key(KEY_ENCRYPT, bytes(24), bits=128), "a word too many"),
                      (ext(KEY_ENCRYPT, struct.pack("=HH", 128, 1) + bytes(16)), "reserved")):
        refused(with_key(enc), errno.EINVAL, text)
    for length in (8, 15, 20, 36, 1000):
        refused(with_key(key(KEY_ENCRYPT, bytes(length))), errno.EINVAL, f"{length} bytes for AES-CBC")

# SAs.

with case("ADD is answered to everybody with SA, addresses and reference"):
    reset()
    reply = accepted(esp(seq=77, pid=4711), [SA, SRC, DST, 32])
    spi, replay, state, auth, encrypt, flags, ref = reply.sa()
    equal((spi, replay, state, auth, encrypt, flags), (0x1001, 32, MATURE, 3, 12, 0), "the SA")
    check(ref > 0, "no reference")
    equal((reply.address(SRC), reply.address(DST)), (ME, PEER), "addresses")

with case("ADD once more: EEXIST"):
    refused(esp(seq=78, pid=4711), errno.EEXIST)

with case("an inbound SA has flag 1 in the reply"):
    reply = accepted(esp(dst=ME, src=PEER), [SA, SRC, DST, 32])
    equal(reply.sa()[5], 1, "flags")

with case("ADD refuses what cannot be an SA: EINVAL"):
    for data, text in ((esp(spi=255), "SPI 255"), (esp(spi=0), "SPI 0"), (esp(spi=2, state=LARVAL), "larval"),
                       (esp(spi=0x3000, state=3), "dead"), (esp(spi=0x3000, state=4), "state 4"),
                       (esp(spi=0x3000, state=DYING), "dying"), (esp(spi=0x3000, replay=65), "replay 65"),
                       (esp(spi=0x3000, encrypt=0, enc_key=b""), "no cipher"), (esp(spi=0x3000, auth_key=bytes(16)), "SHA1 with 16 bytes"),
                       (esp(spi=0x3000, auth=2), "MD5 with 20 bytes"), (esp(spi=0x3000, auth_key=b""), "SHA1 without a key"),
                       (add(ESP, PEER, 0x3000, encrypt=11), "NULL and no authentication"),
                       (esp(spi=0x3000, encrypt=20, enc_key=bytes(20)), "GCM with HMAC")):
        refused(data, errno.EINVAL, text)

with case("a cipher that there is not: EPROTO"):
    refused(esp(spi=0x3000, encrypt=7), errno.EPROTO)

with case("lifetimes of 4 and of 5 words are taken and come back with 5"):
    four = ext(LIFETIME_HARD, struct.pack("=IQQQ", 0, 1000, 2000, 3000))
    five = lifetime(LIFETIME_SOFT, 0, 900, 1900, 2900, 77)
    reply = accepted(esp(spi=0x1002, lifetimes=[four, five]), [SA, SRC, DST, LIFETIME_HARD, LIFETIME_SOFT, 32])
    equal((reply.exts[LIFETIME_HARD].hex(), reply.exts[LIFETIME_SOFT].hex()),
          (struct.pack("=IQQQII", 0, 1000, 2000, 3000, 0, 0).hex(), five[4:].hex()), "the lifetimes")
    row = next(row for row in ns.read("/proc/net/ipsec_spi").splitlines() if "0x1002" in row)
    contains(row, "bytes(0,900,1000)", "the listing")

with case("GET answers to the requester alone, and never with keys"):
    reply = accepted(which(GET, seq=5, pid=6), [SA, LIFETIME_CURRENT, SRC, DST] + sorted(
        set(pk.ask(which(GET))[1][0].exts) - {SA, LIFETIME_CURRENT, SRC, DST}), audience="sender")
    check(not {KEY_AUTH, KEY_ENCRYPT} & set(reply.exts), "there are keys in it")
    equal(reply.sa()[:1] + reply.sa()[1:5], (0x1001, 32, MATURE, 3, 12), "the SA")
    allocations, octets, addtime, usetime = struct.unpack_from("=IQQQ", reply.exts[LIFETIME_CURRENT])
    equal((allocations, octets, usetime), (1, 0, 0), "allocations, bytes and first use")

with case("GET of what is not there: ESRCH"):
    refused(which(GET, spi=0x9999), errno.ESRCH)
    refused(which(GET, satype=IPIP), errno.ESRCH)

with case("UPDATE replaces the SA"):
    old = pk.ask(which(GET))[1][0]
    reply = accepted(esp(kind=UPDATE, enc_key=bytes(32), auth=2, auth_key=bytes(16)), [SA, SRC, DST] + sorted(
        set(old.exts) & {LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT}))
    listed = [row for row in ns.read("/proc/net/ipsec_spi").splitlines() if row.startswith(f"esp0x1001@{PEER} ")]
    equal(len(listed), 1, "rows of the SA")
    contains(listed[0], "ESP_AES_HMAC_MD5: ", "the row")
    contains(listed[0], " eklen=256 ", "the row")

with case("UPDATE of what is not there: ENOENT"):
    refused(esp(spi=0x9999, kind=UPDATE), errno.ENOENT)

with case("DELETE is answered to everybody; once more: ESRCH"):
    reply = accepted(which(DELETE, seq=9), [SA, SRC, DST])
    equal(reply.sa()[0], 0x1001, "the SPI")
    refused(which(DELETE, seq=10), errno.ESRCH)

with case("DELETE takes the SA with its protocol and destination, no other"):
    reset()
    for data in (esp(), esp(dst="192.0.2.3"), add(IPIP, PEER, 0x1001)):
        accepted(data, [SA, SRC, DST, 32])
    accepted(which(DELETE), [SA, SRC, DST])
    equal(sorted(row.split()[0] for row in ns.read("/proc/net/ipsec_spi").splitlines()),
          ["esp0x1001@192.0.2.3", f"tun0x1001@{PEER}"], "what is left")

with case("FLUSH takes the SAs of its satype, or all, and is echoed"):
    accepted(message(FLUSH, ESP, seq=3), [])
    equal([row.split()[0] for row in ns.read("/proc/net/ipsec_spi").splitlines()], [f"tun0x1001@{PEER}"], "what is left")
    accepted(message(FLUSH, 0, seq=4), [])
    equal(ns.read("/proc/net/ipsec_spi"), "", "what is left")

with case("GETSPI makes a larval SA within the range"):
    ranges = [(0x4000, 0x4000), (0x5000, 0x50ff), (0x10000, 0xffffffff)]
    for low, high in ranges:
        reply = accepted(message(GETSPI, ESP, address(SRC, PEER), address(DST, ME), spirange(low, high), seq=low & 0xffff),
                         [SA, SRC, DST])
        spi, _, state, *_ = reply.sa()
        check(low <= spi <= high, f"SPI {spi:#x} is not in {low:#x} to {high:#x}")
        equal(state, LARVAL, "state")

with case("GETSPI of a taken SPI, of a full range, of reserved SPIs: EEXIST"):
    for low, high in ((0x4000, 0x4000), (0, 0x1000), (255, 255)):
        refused(message(GETSPI, ESP, address(SRC, PEER), address(DST, ME), spirange(low, high)), errno.EEXIST, f"{low:#x}")

with case("GETSPI takes all of a small range, each once"):
    got = set()
    for _ in range(16):
        code, replies = pk.ask(message(GETSPI, ESP, address(SRC, PEER), address(DST, ME), spirange(0x6000, 0x600f)))
        equal(code, 0, "errno")
        got.add(replies[0].sa()[0])
    equal(got, set(range(0x6000, 0x6010)), "the SPIs")
    other.drain()
    refused(message(GETSPI, ESP, address(SRC, PEER), address(DST, ME), spirange(0x6000, 0x600f)), errno.EEXIST)

with case("a range upside down: EINVAL"):
    refused(message(GETSPI, ESP, address(SRC, PEER), address(DST, ME), spirange(0x6001, 0x6000)), errno.EINVAL)

with case("UPDATE makes a larval SA mature, with the same name"):
    reply = accepted(esp(spi=0x4000, dst=ME, src=PEER, kind=UPDATE), [SA, SRC, DST] + sorted(
        set(pk.ask(which(GET, spi=0x4000, dst=ME))[1][0].exts) & {LIFETIME_CURRENT, LIFETIME_HARD, LIFETIME_SOFT}))
    equal(reply.sa()[2], MATURE, "state")
    reset()

# Groups and flows.

with case("GRPSA groups, and is answered with what it was asked"):
    accepted(add(IPIP, PEER, 0x1000, ME), [SA, SRC, DST, 32])
    accepted(esp(), [SA, SRC, DST, 32])
    accepted(group((IPIP, PEER, 0x1000), (ESP, PEER, 0x1001), seq=12), [SA, DST, SATYPE2, SA2, DST2])
    contains(ns.read("/proc/net/ipsec_spigrp"), f"tun0x1000@{PEER} esp0x1001@{PEER} \n", "the groups")

with case("GRPSA of a grouped SA: EEXIST; of a missing one: ENOENT"):
    accepted(esp(spi=0x1003), [SA, SRC, DST, 32])
    refused(group((IPIP, PEER, 0x1000), (ESP, PEER, 0x1003)), errno.EEXIST)
    refused(group((IPIP, PEER, 0x1000), (ESP, PEER, 0x9999)), errno.ENOENT)
    refused(group((IPIP, PEER, 0x9999), (ESP, PEER, 0x1003)), errno.ENOENT)
    refused(group((IPIP, PEER, 0x9999)), errno.ENOENT)

with case("GRPSA of one SA dissolves its group"):
    accepted(group((IPIP, PEER, 0x1000)), [SA, DST])
    check(f"tun0x1000@{PEER} \n" in ns.read("/proc/net/ipsec_spigrp"), ns.read("/proc/net/ipsec_spigrp"))

FLOW = flow("10.1.0.0", "255.255.0.0", "10.2.0.0", "255.255.0.0")
FLOW_EXTS = [SRC_FLOW, DST_FLOW, 23, 24]

with case("ADDFLOW adds, EEXIST the second time, replaces when told"):
    accepted(addflow(FLOW, PEER, 0x1000, IPIP, seq=20), [SA, SRC, DST, *FLOW_EXTS])
    refused(addflow(FLOW, PEER, 0x1000, IPIP, seq=21), errno.EEXIST)
    accepted(addflow(FLOW, PEER, 0x2000, IPIP, REPLACEFLOW, seq=22), [SA, SRC, DST, *FLOW_EXTS])
    contains(ns.read("/proc/net/ipsec_eroute"), f"=> tun0x2000@{PEER}\n", "the eroutes")

with case("ADDFLOW with a protocol says so in the reply"):
    accepted(addflow(flow("10.1.0.0", "255.255.0.0", "10.2.0.0", "255.255.0.0", 17, 0, 53), PEER, 0x1000, IPIP),
             [SA, SRC, DST, *FLOW_EXTS, PROTOCOL])

with case("DELFLOW of what is not there: EFAULT, and nothing else goes"):
    refused(delflow(flow("10.9.0.0", "255.255.0.0", "10.2.0.0", "255.255.0.0")), errno.EFAULT)
    refused(delflow(flow("10.1.0.0", "255.0.0.0", "10.2.0.0", "255.255.0.0")), errno.ENOENT)
    equal(len(ns.read("/proc/net/ipsec_eroute").splitlines()), 2, "eroutes")

with case("DELFLOW deletes, and clears"):
    accepted(delflow(FLOW), FLOW_EXTS)
    equal(len(ns.read("/proc/net/ipsec_eroute").splitlines()), 1, "eroutes")
    code, replies = pk.ask(clear_flows(seq=30))
    equal((code, [reply.seq for reply in replies]), (0, [30]), "errno and replies")
    equal(ns.read("/proc/net/ipsec_eroute"), "", "eroutes")
    other.drain()

with case("the inbound policy goes to the IPIP SA of the group, and makes no eroute"):
    reset()
    accepted(add(IPIP, ME, 0x2000, PEER), [SA, SRC, DST, 32])
    accepted(esp(spi=0x2001, dst=ME, src=PEER), [SA, SRC, DST, 32])
    accepted(group((IPIP, ME, 0x2000), (ESP, ME, 0x2001)), [SA, DST, SATYPE2, SA2, DST2])
    accepted(addflow(FLOW, ME, 0x2001, ESP, INFLOW), [SA, SRC, DST, *FLOW_EXTS])
    row = next(row for row in ns.read("/proc/net/ipsec_spi").splitlines() if row.startswith("tun"))
    contains(row, f" src={PEER} policy=10.1.0.0/16->10.2.0.0/16 flags=0x8<> ", "the IPIP SA")
    equal(ns.read("/proc/net/ipsec_eroute"), "", "eroutes")
    refused(addflow(FLOW, ME, 0x9999, IPIP, INFLOW), errno.ENOENT)

# Who hears what.

with case("REGISTER tells the algorithms to those who are registered"):
    reset()
    reply = accepted(message(REGISTER, ESP, seq=40, pid=41), [SUPPORTED_AUTH, SUPPORTED_ENCRYPT], audience="registered")
    auth = [(number, 0, bits, bits) for number, bits in
            ((250, 128), (9, 128), (252, 256), (7, 512), (6, 384), (5, 256), (3, 160), (2, 128))]
    equal(reply.algorithms(SUPPORTED_AUTH), auth, "authentication")
    counters = [(number, 64, 160, 288) for number in (23, 20, 19, 18)] + [(number, 64, 152, 280) for number in (16, 15, 14)]
    equal(reply.algorithms(SUPPORTED_ENCRYPT),
          [(28, 64, 288, 288), *counters, (13, 64, 160, 288), (22, 128, 128, 256), (253, 128, 128, 256),
           (252, 128, 128, 256), (11, 0, 0, 0), (3, 64, 192, 192), (12, 128, 128, 256), (3, 64, 168, 168)], "encryption")
    reply = accepted(message(REGISTER, AH), [SUPPORTED_AUTH], audience="registered")
    equal(reply.algorithms(SUPPORTED_AUTH), auth, "authentication of AH")
    reply = accepted(message(REGISTER, COMP), [SUPPORTED_ENCRYPT], audience="registered")
    equal(reply.algorithms(SUPPORTED_ENCRYPT), [(2, 0, 1, 1)], "compression")
    reply = accepted(message(REGISTER, IPIP), [SUPPORTED_ENCRYPT], audience="registered")
    equal(reply.algorithms(SUPPORTED_ENCRYPT), [(1, 0, 32, 32)], "IPIP")

with case("a second socket that registers is heard by the first, of the same satype only"):
    equal(other.ask(message(REGISTER, ESP))[0], 0, "errno")
    equal(len(pk.drain()), 1, "what the first hears")
    with PfKey(ns) as third:
        equal(third.ask(message(REGISTER, COMP))[0], 0, "errno")
        equal((len(pk.drain()), len(other.drain())), (1, 0), "what those registered for COMP and for ESP hear")

with case("EXPIRE is echoed to everybody"):
    reset()
    accepted(message(EXPIRE, ESP, seq=50), [])

with case("a slow listener makes nobody's request fail, and hears again once it has read"):
    reset()
    with PfKey(ns) as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        times = fewer(2000)
        for number in range(times):
            code, replies = pk.ask(message(FLUSH, 0, seq=number))
            equal((code, [reply.seq for reply in replies]), (0, [number]), "errno and replies")
            other.drain()
        heard = slow.drain()
        check(0 < len(heard) < times, f"the slow one heard {len(heard)} messages")
        equal(pk.write(message(FLUSH, 0, seq=9999)), 0, "errno")
        equal([got.seq for got in slow.drain()], [9999], "what it hears afterwards")
    pk.drain()

with case("a requester whose own queue is full is served nevertheless"):
    with PfKey(ns) as deaf:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        for number in range(300):
            equal(deaf.write(add(IPIP, PEER, 0x1000 + number)), 0, "errno")
    equal(len(ns.read("/proc/net/ipsec_spi").splitlines()), 300, "SAs")
    reset()

with case("closed sockets are forgotten"):
    for _ in range(200):
        with PfKey(ns) as short:
            short.write(message(REGISTER, ESP))
    pk.drain()
    other.drain()
    accepted(message(FLUSH, 0), [])

with case("identities come back as they were given"):
    def ident(kind, text):
        data = text.encode() + b"\0"
        data += b"\0" * (-len(data) % 8)
        return ext(kind, struct.pack("=HHQ", 3, 0, 42) + data)
    src, dst = ident(IDENT_SRC, "alice@example.org"), ident(IDENT_DST, "bob@example.org")
    data = message(ADD, IPIP, sa(0x1000), address(SRC, ME), address(DST, PEER), src, dst)
    reply = accepted(data, [SA, SRC, DST, IDENT_SRC, IDENT_DST, 32])
    equal((reply.exts[IDENT_SRC], reply.exts[IDENT_DST]), (src[4:], dst[4:]), "the identities")
    bad = src[:-1] + b"x"
    refused(message(ADD, IPIP, sa(0x1001), address(SRC, ME), address(DST, PEER), bad), errno.EINVAL, "an open end")

with case("ipsec pf_key --json tells what the kernel sends, without keys"):
    reset()
    listener = ns.start("ipsec", "pf_key", "--esp", "--json", stdout=subprocess.PIPE, text=True)
    try:
        told = json.loads(listener.stdout.readline())
        equal((told["type"], told["satype"]), ("register", "ESP"), "what it is told first")
        accepted(esp(), [SA, SRC, DST, 32])
        while told["type"] != "add":
            told = json.loads(listener.stdout.readline())
    finally:
        stop(listener)
    equal((told["satype"], told["error"]), ("ESP", None), "satype and error")
    told = {extension.pop("type"): extension for extension in told["extensions"]}
    equal((told["SA"]["state"], told["ADDRESS_DST"]["address"]), ("mature", PEER), "state and destination")
    check("KEY_AUTH" not in told and "KEY_ENCRYPT" not in told, "there are keys")

DAMAGED = fewer(20_000)

with case(f"{DAMAGED} damaged messages do no harm"):
    reset()
    seeds = [esp(), which(GET), which(DELETE), message(REGISTER, ESP), message(FLUSH, 0), clear_flows(),
             message(GETSPI, ESP, address(SRC, ME), address(DST, PEER), spirange(256, 999)),
             group((IPIP, PEER, 0x1000), (ESP, PEER, 0x1001)), addflow(FLOW, PEER, 0x1000, IPIP), delflow(FLOW),
             group((IPIP, PEER, 0x1000), (ESP, PEER, 0x1001), (ESP, PEER, 0x1001), (AH, PEER, 0x1003)),
             addflow(FLOW, PEER, 0x1000, IPIP, INFLOW)]
    noise = os.urandom(300_000)
    for number in range(DAMAGED):
        data = bytearray(seeds[number % len(seeds)])
        for change in range(noise[number] % 4 + 1):
            at = number * 3 + change * 60_000
            data[int.from_bytes(noise[at:at + 2]) % len(data)] = noise[at + 2]
        pk.write(bytes(data))
    pk.drain()
    reset()
    accepted(esp(), [SA, SRC, DST, 32])

pk.close()
other.close()
ns.delete()
end()
