# SPDX-License-Identifier: GPL-2.0-only
"""Who may do what: nothing without CAP_NET_ADMIN, and root of a container in that container alone."""

import socket
import subprocess
import sys

from klipstest.netns import Netns, run
from klipstest.tap import case, check, contains, end, equal

# Exit status: the errno that making a PF_KEY socket ends in.
OPEN = """
import socket, sys
try:
    socket.socket(15, socket.SOCK_RAW, 2)
except OSError as error:
    sys.exit(error.errno)
"""

# Exit status: the errno of the attach request on ipsec0.
ATTACH = """
import fcntl, socket, struct, sys
request = struct.pack("16sI12s", b"ipsec0", 0x89f0, b"lo")
try:
    fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), int(sys.argv[1], 16), request.ljust(40, b"\\0"))
except OSError as error:
    sys.exit(error.errno)
"""

# Becomes the first process of new user and network namespaces, and does the work of an administrator there.
CONTAINER = """
set -e
ip link add phys0 type dummy
ip addr add 192.0.2.1/24 dev phys0
ip link set phys0 up
ipsec tncfg --attach --virtual ipsec0 --physical phys0
ip link set ipsec0 up
ipsec spi --said tun0x1000@192.0.2.2 --src 192.0.2.1 --dst 192.0.2.2 --ip4
ipsec eroute --add --eraf inet --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2
ipsec eroute --del --eraf inet --src 10.1.0.0/16 --dst 10.2.0.0/16
ipsec spi --clear
ipsec tncfg --clear
cat /proc/net/ipsec_version
"""

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
NO_ADMIN = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"]

ns = Netns("k-privilege")
ns.ip("link add phys0 type dummy", "link set phys0 up")

for who, words in (("a user", NOBODY), ("root without CAP_NET_ADMIN", NO_ADMIN)):
    with case(f"{who} gets no PF_KEY socket: EACCES"):
        equal(ns.run(*words, sys.executable, "-c", OPEN, ok=False).status, 13, "errno")

    with case(f"{who} cannot attach, detach or clear: EPERM"):
        for number in ("89f0", "89f1", "89f2"):
            equal(ns.run(*words, sys.executable, "-c", ATTACH, number, ok=False).status, 1, f"errno of 0x{number}")
        check("ipsec0 -> NULL" in ns.read("/proc/net/ipsec_tncfg"), "it is attached")

with case("the tools tell a user so"):
    result = ns.run(*NOBODY, "ipsec", "eroute", "--clear", ok=False)
    equal(result.status, 1, "exit status")
    contains(result.err, "access denied.  You must be root to open this file.", "what the tool says")

with case("a user can read the version and none of the tables"):
    contains(ns.run(*NOBODY, "cat", "/proc/net/ipsec_version").out, "version: ", "the version")
    for name in ("eroute", "spi", "spigrp", "tncfg"):
        result = ns.run(*NOBODY, "cat", f"/proc/net/ipsec_{name}", ok=False)
        check(result.status != 0 and "Permission denied" in result.err, str(result))

with case("a socket that was opened with the right goes on working without it, as a daemon that drops privileges needs"):
    with ns:
        key = socket.socket(15, socket.SOCK_RAW, 2)
        ask = bytes([2, 9, 0, 0, 2, 0, 0, 0]) + bytes(8)
        script = f"import os; os.write({key.fileno()}, {ask!r}); print(os.read({key.fileno()}, 99) == {ask!r})"
        result = subprocess.run([*NOBODY, sys.executable, "-c", script], pass_fds=[key.fileno()], capture_output=True,
                                text=True, check=False)
    key.close()
    equal((result.stdout, result.stderr), ("True\n", ""), "what the child has sent and received")

with case("root of a new user namespace has no say in ours"):
    equal(ns.run("unshare", "--user", "--map-root-user", sys.executable, "-c", OPEN, ok=False).status, 13, "errno")
    equal(ns.run("unshare", "--user", "--map-root-user", sys.executable, "-c", ATTACH, "89f0", ok=False).status, 1, "errno")

with case("root of a container works in its own network namespace"):
    result = run("unshare", "--user", "--map-root-user", "--net", "bash", "-c", CONTAINER)
    contains(result.out, "version: ", "the last command")

with case("a user's container as well"):
    result = run(*NOBODY, "unshare", "--user", "--map-root-user", "--net", "bash", "-c", CONTAINER, ok=False)
    if result.status != 0 and "unshare" in result.err:
        raise AssertionError(f"users may not make namespaces here: {result}")
    contains(result.out, "version: ", str(result))

with case("what a container does is not seen outside"):
    with subprocess.Popen(["unshare", "--user", "--map-root-user", "--net", "bash", "-c",
                           "ipsec eroute --add --eraf inet --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %drop && echo done && read"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        equal(process.stdout.readline(), "done\n", "what the container says")
        equal(ns.read("/proc/net/ipsec_eroute"), "", "eroutes of a namespace")
        equal(run("ipsec", "eroute").out, "", "eroutes of the first namespace")
        process.stdin.close()

ns.delete()
end()
