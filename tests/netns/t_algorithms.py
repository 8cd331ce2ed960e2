# SPDX-License-Identifier: GPL-2.0-only
"""Algorithms that the running kernel lacks: neither announced nor accepted, and there again when the kernel has them."""

import errno
import os

from klipstest import pfkey
from klipstest.netns import Netns, run
from klipstest.tap import case, check, end, equal, until

SETTING = "/etc/modprobe.d/klips-test.conf"
MODULES = ("des3_ede-x86_64", "des3_ede_x86_64", "des_generic")
TRIPLE_DES, AES = 3, 12
KEYS = {TRIPLE_DES: 24, AES: 16}


def loaded():
    """Which of the modules are loaded."""
    with open("/proc/modules", encoding="ascii") as file:
        names = {line.split()[0].replace("_", "-") for line in file}
    return sorted(names & {name.replace("_", "-") for name in MODULES})


def announced(satype=pfkey.ESP):
    """The numbers of the algorithms that REGISTER announces: authentication, encryption."""
    with pfkey.PfKey(ns) as key:
        err, replies = key.ask(pfkey.message(pfkey.REGISTER, satype))
        equal(err, 0, "errno of REGISTER")
        return [[alg[0] for alg in replies[0].algorithms(kind)]
                for kind in (pfkey.SUPPORTED_AUTH, pfkey.SUPPORTED_ENCRYPT)]


def listed():
    """The numbers of ESP's ciphers in pf_key_supported."""
    rows = [line.split() for line in ns.read("/proc/net/pf_key_supported").splitlines()[1:]]
    return [int(row[2]) for row in rows if row[:2] == ["3", "15"]]


def transforms():
    """The numbers in xforms."""
    return [int(line.split("ID=")[1].split()[0]) for line in ns.read("/proc/net/ipsec/xforms").splitlines()
            if "TYPE=15" in line]


def add(cipher, spi=0x1000):
    """The errno of an ADD with SHA1 and the cipher."""
    with pfkey.PfKey(ns) as key:
        return key.write(pfkey.add(pfkey.ESP, "192.0.2.2", spi, "192.0.2.1", auth_key=bytes(20),
                                   enc_key=bytes(KEYS[cipher]), auth=3, encrypt=cipher))


def remove(name):
    """Removes a module. What used it may take a moment to end."""
    until(lambda: run("modprobe", "-q", "-r", name, ok=False).status == 0, f"{name} is removed")


with case("inserting the module loads no algorithms"):
    # Whatever ran before may have loaded them.
    for name in ("klips", *loaded()):
        remove(name)
    run("modprobe", "klips")
    equal(loaded(), [], "modules of algorithms")

ns = Netns("k-algorithms")

with open(SETTING, "w", encoding="ascii") as file:
    file.write("".join(f"install {name} /bin/false\n" for name in MODULES))

with case("a cipher that the kernel lacks is not announced, others are"):
    auths, ciphers = announced()
    check(AES in ciphers, "AES-CBC is missing")
    check(TRIPLE_DES not in ciphers, "3DES is announced")
    check({2, 3, 5} <= set(auths), "an authentication algorithm is missing")

with case("pf_key_supported and xforms say the same"):
    equal((listed(), transforms()), (ciphers,) * 2, "ciphers of ESP")

with case("ADD with a cipher that the kernel lacks: EPROTO"):
    equal((add(TRIPLE_DES), add(AES)), (errno.EPROTO, 0), "errno")
    equal(len(ns.read("/proc/net/ipsec_spi").splitlines()), 1, "SAs")

os.unlink(SETTING)

with case("what was installed meanwhile is announced and accepted, without reloading"):
    equal(add(TRIPLE_DES, 0x1001), 0, "errno")
    auths, ciphers = announced()
    equal(ciphers.count(TRIPLE_DES), 2, "3DES, which is there twice")
    equal((listed(), transforms()), (ciphers,) * 2, "ciphers of ESP")

with case("tunnels need no algorithm of the kernel"):
    equal(announced(pfkey.IPIP), [[], [1]], "algorithms of IPIP")

ns.delete()
end()
