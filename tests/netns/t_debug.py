# SPDX-License-Identifier: GPL-2.0-only
"""klipsdebug: what is said in the kernel's log, by which namespace, and that nothing is said or paid for when it is off."""

import struct
import subprocess

from klipstest.netns import Netns
from klipstest.tap import case, check, end, equal

MASKS = ("tunnel", "xform", "eroute", "spi", "radij", "esp", "ah", "rcv", "pfkey")


def said():
    """How many lines the module has said so far."""
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    return sum("klips: debug " in line for line in log.splitlines())


def talks(ns):
    """Whether a request makes the module talk."""
    before = said()
    ns.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", "10.1.0.0/16", "--dst", "10.2.0.0/16", "--said", "%drop")
    ns.run("ipsec", "eroute", "--clear")
    return said() > before


def section(name):
    """The bytes of a section of the loaded module's file."""
    path = subprocess.run(["modinfo", "-n", "klips"], capture_output=True, text=True, check=True).stdout.strip()
    with open(path, "rb") as file:
        elf = file.read()
    at, = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3a)
    headers = [struct.unpack_from("<IIQQQQ", elf, at + n * size) for n in range(count)]
    strings = headers[names][4]
    for header in headers:
        start = strings + header[0]
        if elf[start:elf.index(b"\0", start)].decode() == name:
            return elf[header[4]:header[4] + header[5]]
    return b""


one, two = Netns("k-debug1"), Netns("k-debug2")

with case("off, nothing is said"):
    check(not talks(one), "it talks")

with case("on in one namespace, that one talks and no other"):
    one.run("ipsec", "klipsdebug", "--set", "eroute")
    equal((talks(one), talks(two)), (True, False), "who talks")

with case("off again by klipsdebug"):
    one.run("ipsec", "klipsdebug", "--none")
    check(not talks(one), "it talks")

with case("on and off by sysctl, in any order with klipsdebug"):
    one.sysctl("net.ipsec.debug_pfkey", -1)
    check(talks(one), "it does not talk")
    one.run("ipsec", "klipsdebug", "--set", "rcv")
    one.sysctl("net.ipsec.debug_pfkey", 0)
    check(not talks(one), "it talks of what it was not asked for")
    one.sysctl("net.ipsec.debug_eroute", 1)
    one.run("ipsec", "klipsdebug", "--clear", "rcv")
    check(talks(one), "it does not talk")
    one.sysctl("net.ipsec.debug_eroute", 0)
    check(not talks(one), "it talks")

with case("every mask is kept, whoever sets it"):
    one.run("ipsec", "klipsdebug", "--all")
    equal(one.read("/proc/net/ipsec_klipsdebug"), "".join(f"debug_{mask}=ffffffff.\n" for mask in MASKS), "masks")
    one.run("ipsec", "klipsdebug", "--none")
    equal(one.read("/proc/net/ipsec_klipsdebug"), "".join(f"debug_{mask}=00000000.\n" for mask in MASKS), "masks")

with case("a namespace that ends while it talks does not silence another"):
    one.run("ipsec", "klipsdebug", "--all")
    two.run("ipsec", "klipsdebug", "--set", "eroute")
    one.delete()
    check(talks(two), "it does not talk")
    two.run("ipsec", "klipsdebug", "--none")
    check(not talks(two), "it talks")

with case("each place that may talk is a jump that the kernel patches"):
    entries = len(section("__jump_table")) // 16
    check(entries >= 8, f"{entries} such jumps in the module")

two.delete()
end()
