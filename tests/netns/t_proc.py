# SPDX-License-Identifier: GPL-2.0-only
"""The files under /proc: which there are, their modes and links; large tables, read in large and small pieces; sysctls."""

import os
import re
import stat
import time

from klipstest import pfkey
from klipstest.netns import Netns, namespaces, run
from klipstest.tap import case, check, end, equal, fewer, note

LINKS = {"eroute": "ipsec/eroute/all", "spi": "ipsec/spi/all", "spigrp": "ipsec/spigrp/all", "tncfg": "ipsec/tncfg",
         "version": "ipsec/version"}
MANY = fewer(10_000)

ns = Netns("k-proc")


def look(path, follow=False):
    """What stat says of a file of the namespace."""
    path = path.replace("/proc/net/", "/proc/thread-self/net/")
    with ns:
        return os.stat(path, follow_symlinks=follow)


def pieces(path, size):
    """A file read in pieces of a size."""
    with ns:
        fd = os.open(path.replace("/proc/net/", "/proc/thread-self/net/"), os.O_RDONLY)
    parts = []
    while part := os.read(fd, size):
        parts.append(part)
    os.close(fd)
    return b"".join(parts).decode("ascii")


with case("the flat names are relative links"):
    for name, target in LINKS.items():
        with ns:
            equal(os.readlink(f"/proc/thread-self/net/ipsec_{name}"), target, name)

with case("the tables are for root alone, the version is for everybody"):
    for name, target in LINKS.items():
        info = look(f"/proc/net/ipsec_{name}", follow=True)
        equal(f"{stat.S_IFMT(info.st_mode):o} {stat.S_IMODE(info.st_mode):o}",
              "100000 444" if name == "version" else "100000 400", target)
        equal(stat.S_IMODE(look(f"/proc/net/{target}").st_mode), stat.S_IMODE(info.st_mode), f"{target} by its own name")

with case("eroute, spi and spigrp are directories"):
    for name in ("", "/eroute", "/spi", "/spigrp", "/stats"):
        check(stat.S_ISDIR(look("/proc/net/ipsec" + name).st_mode), f"/proc/net/ipsec{name} is no directory")

with case("neither pfkey nor what is not served is there"):
    for name in ("pfkey", "ipsec_saraw"):
        with ns:
            check(not os.path.lexists(f"/proc/thread-self/net/{name}"), f"/proc/net/{name} is there")

with case("the version is one line whose last word is the version"):
    text = ns.read("/proc/net/ipsec_version")
    check(re.fullmatch(r"[^\n]* version: [^ \n]+\n", text), repr(text))

with case("nothing can be written"):
    for target in LINKS.values():
        with ns:
            try:
                os.close(os.open(f"/proc/thread-self/net/{target}", os.O_WRONLY))
            except OSError:
                pass
            else:
                check(os.stat(f"/proc/thread-self/net/{target}").st_mode & 0o222 == 0, f"{target} has a mode for writing")

with case("one process sees the tables of the namespace that it is in"):
    with namespaces("k-proc1", "k-proc2") as (one, two):
        one.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", "10.1.0.0/16", "--dst", "10.2.0.0/16", "--said",
                "%drop")
        for _ in range(3):
            equal((len(one.read("/proc/net/ipsec_eroute")) > 0, two.read("/proc/net/ipsec_eroute")), (True, ""),
                  "the tables of two namespaces")
            equal((len(one.read("/proc/net/ipsec/eroute/all")) > 0, two.read("/proc/net/ipsec/eroute/all")), (True, ""),
                  "the tables of two namespaces")

with case("net.ipsec.icmp, inbound_policy_check and tos are there in each namespace, with their defaults"):
    with namespaces("k-proc3") as (other,):
        for name, default in (("icmp", "0"), ("inbound_policy_check", "1"), ("tos", "0")):
            path = f"/proc/sys/net/ipsec/{name}"
            equal((ns.read(path), other.read(path)), (default + "\n",) * 2, path)
            ns.write(path, str(1 - int(default)))
            equal((ns.read(path), other.read(path)), (f"{1 - int(default)}\n", default + "\n"), f"{path} after a change")
            ns.write(path, default)
            with ns:
                equal(f"{os.stat(path).st_mode & 0o7777:o}", "644", f"mode of {path}")

# Four networks of eroutes, so that neighbours in the tree differ in every part of the key.
FLOWS = [pfkey.flow(f"10.{n >> 8}.{n & 255}.0", "255.255.255.0", "172.16.0.0" if n % 2 else "172.17.0.0", "255.255.0.0",
                    proto=n % 3 and 6) for n in range(MANY)]
WANTED = {f"{'0':<10} {f'10.{n >> 8}.{n & 255}.0/24':<18} -> {'172.16.0.0/16' if n % 2 else '172.17.0.0/16':<18} => "
          f"tun0x1000@192.0.2.2{':6' if n % 3 else ''}" for n in range(MANY)}

with case(f"{MANY} eroutes are added"):
    began = time.monotonic()
    with pfkey.PfKey(ns) as key:
        for flow in FLOWS:
            equal(key.write(pfkey.addflow(flow, "192.0.2.2", 0x1000, pfkey.IPIP)), 0, "errno")
    note(f"{(time.monotonic() - began) / MANY * 1e6:.0f} us each")

for how, size in (("in large pieces", 1 << 20), ("in pieces of a page", 4096), ("in pieces of 100 bytes", 100)):
    with case(f"{MANY} eroutes are listed completely, in order and without repeats {how}"):
        listed = pieces("/proc/net/ipsec_eroute", size).splitlines()
        equal(len(listed), MANY, "rows")
        equal(set(listed) ^ WANTED, set(), "rows too many or too few")

with case(f"the last of {MANY} eroutes is deleted and added while somebody reads"):
    with ns:
        fd = os.open("/proc/thread-self/net/ipsec_eroute", os.O_RDONLY)
    text = os.read(fd, 5000)
    with pfkey.PfKey(ns) as key:
        for n in range(0, MANY, 2):
            equal(key.write(pfkey.delflow(FLOWS[n])), 0, "errno")
    while part := os.read(fd, 5000):
        text += part
    os.close(fd)
    listed = text.decode().splitlines()
    equal(len(set(listed)), len(listed), "rows without repeats")
    check({row for row in WANTED if "172.16" in row} <= set(listed), "rows that were there all the time are missing")

with case(f"{MANY} eroutes are cleared"):
    ns.run("ipsec", "eroute", "--clear")
    equal(ns.read("/proc/net/ipsec_eroute"), "", "the listing")

with case(f"{MANY} SAs are added"):
    began = time.monotonic()
    with pfkey.PfKey(ns) as key:
        for n in range(MANY):
            dst = f"192.0.{2 + n % 7}.2"
            equal(key.write(pfkey.add(pfkey.IPIP, dst, 0x1000 + n, "192.0.2.1")), 0, "errno")
    note(f"{(time.monotonic() - began) / MANY * 1e6:.0f} us each")

SAIDS = {f"tun{0x1000 + n:#x}@192.0.{2 + n % 7}.2" for n in range(MANY)}

for how, size in (("in large pieces", 1 << 20), ("in pieces of 100 bytes", 100)):
    with case(f"{MANY} SAs are listed completely and without repeats {how}"):
        listed = [row.split()[0] for row in pieces("/proc/net/ipsec_spi", size).splitlines()]
        equal(len(listed), MANY, "rows")
        equal(set(listed) ^ SAIDS, set(), "SAs too many or too few")

with case(f"{MANY} groups are listed completely and without repeats"):
    listed = pieces("/proc/net/ipsec_spigrp", 4096).splitlines()
    equal(len(listed), MANY, "rows")
    equal({row.strip() for row in listed} ^ SAIDS, set(), "groups too many or too few")

with case(f"{MANY} SAs are cleared"):
    ns.run("ipsec", "spi", "--clear")
    equal(ns.read("/proc/net/ipsec_spi"), "", "the listing")

with case("1000 ESP SAs with keys are added and cleared"):
    with pfkey.PfKey(ns) as key:
        for n in range(1000):
            equal(key.write(pfkey.add(pfkey.ESP, "192.0.2.2", 0x1000 + n, "192.0.2.1", auth_key=bytes(20),
                                      enc_key=bytes(16), auth=3, encrypt=12, replay=64)), 0, "errno")
    equal(len(pieces("/proc/net/ipsec_spi", 4096).splitlines()), 1000, "rows")
    ns.run("ipsec", "spi", "--clear")
    equal(ns.read("/proc/net/ipsec_spi"), "", "the listing")

with case("a namespace goes with 1000 SAs and eroutes in it"):
    with namespaces("k-proc4") as (full,):
        with pfkey.PfKey(full) as key:
            for n in range(1000):
                equal(key.write(pfkey.add(pfkey.IPIP, "192.0.2.2", 0x1000 + n)), 0, "errno")
                equal(key.write(pfkey.addflow(FLOWS[n], "192.0.2.2", 0x1000 + n, pfkey.IPIP)), 0, "errno")
    run("ip", "netns", "list")

ns.delete()
end()
