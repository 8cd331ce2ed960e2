# SPDX-License-Identifier: GPL-2.0-only
"""SAs and groups by the tools: add, delete, clear, group; the texts of refusals; the listings to the byte."""

import re

from klipstest.netns import Netns
from klipstest.suites import SUITES
from klipstest.tap import case, check, contains, end, equal

SPI, GRP = "/proc/net/ipsec_spi", "/proc/net/ipsec_spigrp"
ME, PEER = "192.0.2.1", "192.0.2.2"
KEYS = ["--enckey", "0x" + "0123456789abcdef" * 2, "--authkey", "0x" + "00112233445566778899" * 2]
NATT = " natencap=none natsport=0 natdport=0 refcount="

ns = Netns("k-sa")
ns.ip("link add wan0 type dummy", f"addr add {ME}/24 dev wan0", "link set wan0 up")


def spi(*words, ok=True):
    """Runs `ipsec spi`."""
    return ns.run("ipsec", "spi", *words, ok=ok)


def spigrp(*words, ok=True):
    """Runs `ipsec spigrp`."""
    return ns.run("ipsec", "spigrp", "--said", *words, ok=ok)


def esp(said, *words, ok=True):
    """Makes an ESP SA."""
    return spi("--said", said, "--src", ME, "--esp", "aes128-sha1-96", *KEYS, *words, ok=ok)


def tun(said, src=ME):
    """Makes an IPIP SA."""
    return spi("--said", said, "--src", src, "--dst", said.split("@")[1], "--ip4")


def rows(path):
    """The lines of a listing."""
    return ns.read(path).splitlines()


def matches(row, pattern):
    """Checks a row against a pattern as a whole."""
    check(re.fullmatch(pattern, row), f"the row\n{row!r} does not match\n{pattern!r}")


def refused(result, *texts):
    """Checks that `ipsec spi` failed with these texts."""
    equal(result.status, 1, "exit status")
    for text in texts:
        contains(result.err, text, "what the tool says")


with case("empty tables are empty files"):
    equal((ns.read(SPI), ns.read(GRP)), ("", ""), "listings")

with case("a new outbound ESP SA is listed, to the byte"):
    esp(f"esp0x1001@{PEER}", "--replay_window", "64")
    matches(ns.read(SPI), rf"esp0x1001@{PEER} ESP_AES_HMAC_SHA1: dir=out src={ME} iv_bits=128bits iv=0x[0-9a-f]{{32}} "
            rf"ooowin=64 alen=160 aklen=160 eklen=128 life\(c,s,h\)=addtime\(\d+,0,0\){NATT}\d+ ref=\d+ refhim=\d+\n")
    equal(spi().out.split()[:2], [f"esp0x1001@{PEER}", "ESP_AES_HMAC_SHA1:"], "ipsec spi")

with case("adding it again: EEXIST"):
    refused(esp(f"esp0x1001@{PEER}", ok=False),
            "ipsec spi: pfkey write failed (errno=17): SA already in use.  Delete old one first.")
    equal(len(rows(SPI)), 1, "SAs")

with case("an SA to an address of this host is inbound"):
    spi("--said", f"esp0x2001@{ME}", "--src", PEER, "--esp", "3des-md5-96", "--enckey", "0x" + "0123456789abcdef" * 3,
        "--authkey", "0x" + "00112233" * 4)
    row = next(row for row in rows(SPI) if "0x2001" in row)
    matches(row, rf"esp0x2001@{ME} ESP_3DES_HMAC_MD5: dir=in  src={PEER} iv_bits=64bits iv=0x[0-9a-f]{{16}} "
            rf"alen=128 aklen=128 eklen=192 life\(c,s,h\)=addtime\(\d+,0,0\){NATT}\d+ ref=\d+ refhim=\d+")

with case("an IPIP SA, and limits"):
    spi("--said", f"tun0x1000@{PEER}", "--src", ME, "--dst", PEER, "--ip4", "--life",
        "soft-bytes=900000,hard-bytes=1000000,soft-addtime=57600,hard-addtime=86400")
    row = next(row for row in rows(SPI) if row.startswith("tun0x1000"))
    matches(row, rf"tun0x1000@{PEER} IPIP: dir=out src={ME} life\(c,s,h\)=bytes\(0,900000,1000000\)"
            rf"addtime\(\d+,57600,86400\){NATT}\d+ ref=\d+ refhim=\d+")

with case("references are unique"):
    refs = re.findall(r" ref=(\d+)", ns.read(SPI))
    equal(len(set(refs)), len(rows(SPI)), "different references")

with case("ungrouped SAs are groups of one, with a blank at the end"):
    equal(sorted(rows(GRP)), sorted(row.split()[0] + " " for row in rows(SPI)), GRP)

with case("an outbound group is listed from the inside out, with its tails"):
    spigrp(f"tun0x1000@{PEER}", f"esp0x1001@{PEER}")
    equal([row for row in rows(GRP) if PEER in row],
          sorted([f"tun0x1000@{PEER} esp0x1001@{PEER} ", f"esp0x1001@{PEER} "],
                 key=lambda text: [row.split()[0] for row in rows(SPI)].index(text.split()[0])), GRP)

with case("an inbound group is listed from the outside in"):
    tun(f"tun0x2000@{ME}", PEER)
    ns.run("ipsec", "spigrp", "inet", ME, "0x2000", "tun", "inet", ME, "0x2001", "esp")
    check(f"esp0x2001@{ME} tun0x2000@{ME} " in rows(GRP), ns.read(GRP))
    check(f"tun0x2000@{ME} " in rows(GRP), ns.read(GRP))

with case("grouping a member again: EEXIST"):
    tun(f"tun0x3000@{PEER}")
    result = spigrp(f"tun0x1000@{PEER}", f"tun0x3000@{PEER}", ok=False)
    equal(result.status, 1, "exit status")
    line = "ipsec spigrp: pfkey write failed, returning -1 with errno=17."
    equal(result.err.splitlines()[:3], [line, line, "SA already in use.  Delete old one first."], "what the tool says")

with case("a group cannot bite its tail: EEXIST"):
    result = spigrp(f"esp0x1001@{PEER}", f"tun0x1000@{PEER}", ok=False)
    contains(result.err, "errno=17", "what the tool says")

with case("grouping what is not there: ENOENT"):
    for said in ([f"tun0x9999@{PEER}", f"tun0x3000@{PEER}"], [f"tun0x3000@{PEER}", f"tun0x9999@{PEER}"],
                 [f"tun0x9999@{PEER}"]):
        result = spigrp(*said, ok=False)
        equal(result.status, 1, f"exit status for {said}")
        contains(result.err, "errno=2.\ndevice does not exist.  See FreeS/WAN installation procedure.\n",
                 "what the tool says")

with case("a group of four, and not of five"):
    names = [f"tun0x{n}000@{PEER}" for n in (4, 5, 6, 7, 8)]
    for name in names:
        tun(name)
    spigrp(*names[:4])
    check(" ".join(names[:4]) + " " in rows(GRP), ns.read(GRP))
    result = spigrp(names[3], names[4], ok=False)
    equal(result.status, 1, "exit status")

with case("one SA alone dissolves its group"):
    spigrp(names[1])
    equal(sorted(row for row in rows(GRP) if row.split()[0] in names), sorted(name + " " for name in names), GRP)

with case("deleting any member deletes its group"):
    before = {row.split()[0] for row in rows(SPI)}
    spi("--said", f"esp0x1001@{PEER}", "--del")
    equal(before - {row.split()[0] for row in rows(SPI)}, {f"esp0x1001@{PEER}", f"tun0x1000@{PEER}"}, "deleted")
    spi("--said", f"tun0x2000@{ME}", "--del")
    check("0x200" not in ns.read(SPI), ns.read(SPI))

with case("deleting what is not there: ESRCH"):
    refused(spi("--said", f"esp0x1001@{PEER}", "--del", ok=False),
            "ipsec spi: pfkey write failed (errno=3): SA does not exist.  Cannot delete.")

with case("clear by protocol, then all"):
    esp(f"esp0x1001@{PEER}")
    spi("--clear", "--proto", "esp")
    check("esp" not in ns.read(SPI) and "tun" in ns.read(SPI), ns.read(SPI))
    spi("--clear")
    equal((ns.read(SPI), ns.read(GRP)), ("", ""), "listings")

with case("keys of a wrong size are refused, and nothing is left behind"):
    for words in (["--esp", "3des-md5-96", "--enckey", "0x" + "01" * 16, "--authkey", "0x" + "00" * 16],
                  ["--esp", "aes-sha1-96", "--enckey", "0x" + "01" * 17, "--authkey", "0x" + "00" * 20],
                  ["--esp", "aes-sha1-96", "--enckey", "0x" + "01" * 16, "--authkey", "0x" + "00" * 16],
                  ["--esp", "aes-gcm", "--enckey", "0x" + "01" * 16]):
        refused(spi("--said", f"esp0x1001@{PEER}", "--src", ME, *words, ok=False), "errno=22", "Invalid argument")
    equal(ns.read(SPI), "", SPI)

with case("every algorithm has its name in the listing"):
    for number, suite in enumerate(SUITES):
        spi("--said", f"esp{0x1000 + number:#x}@{PEER}", "--src", ME, *suite.ipsec(suite.keys()))
    listed = {row.split()[0]: row.split()[1] for row in rows(SPI)}
    equal(listed, {f"esp{0x1000 + number:#x}@{PEER}": suite.listed + ":" for number, suite in enumerate(SUITES)}, SPI)
    spi("--clear")

with case("rows come in the order of the classic hash, the newest first"):
    for number in (0x100, 0x201, 0x302, 0x101, 0x102):
        tun(f"tun{number:#x}@{PEER}")

    def bucket(row):
        """The classic hash of a row's SAID: network-order words as a little-endian machine reads them."""
        number = int(row.split("@")[0][3:], 16)
        address = bytes(map(int, PEER.split(".")))
        return (int.from_bytes(number.to_bytes(4), "little") + int.from_bytes(address, "little") + 4) % 2**32 % 257
    buckets = [bucket(row) for row in rows(SPI)]
    equal(buckets, sorted(buckets), "hash buckets of the rows")

ns.delete()
end()
