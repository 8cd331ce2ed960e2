# SPDX-License-Identifier: GPL-2.0-only
"""Sockets that a key daemon exempts from IPsec, by the option that af_key used to take."""

import errno
import socket
import struct

from klipstest.netns import run
from klipstest.packet import Sniffer
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, end, equal
from klipstest.topology import A, B, HOST_B, Topology
from klipstest.traffic import ping

NONE, IPSEC, ENTRUST, BYPASS = 1, 2, 3, 4
IN, OUT = 1, 2
OPTIONS = {socket.AF_INET: (socket.IPPROTO_IP, 16), socket.AF_INET6: (socket.IPPROTO_IPV6, 34)}
UDP, ESP = 17, 50

topology = Topology()
gw = topology.gwA
wire = Sniffer(topology.gwB, "wan0")


def policy(kind, direction, words=2, exttype=12):
    """The option's value; daemons are known to leave all kinds of things in the type of the extension."""
    return struct.pack("=HHHBBII", words, exttype, kind, direction, 0, 0, 0)


def sender(family=socket.AF_INET, options=()):
    """A UDP socket of gateway A with these values of the option."""
    with gw:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    for value in options:
        sock.setsockopt(*OPTIONS[family], value)
    return sock


def leaves(sock, port=9):
    """Whether a datagram to gateway B leaves in clear."""
    wire.all()
    try:
        sock.sendto(b"in clear?", (B, port))
    except OSError:
        return False
    packet = wire.next(want=lambda packet: packet[9] in (UDP, ESP), seconds=1)
    return packet is not None and packet[9] == UDP


def refused(value, family=socket.AF_INET):
    """The errno of giving a socket this value."""
    with sender(family) as sock:
        try:
            sock.setsockopt(*OPTIONS[family], value)
        except OSError as error:
            return error.errno
    return 0


with case("the tunnel works, and this host's own datagrams to the peer meet a %drop"):
    topology.tunnel(BY_NAME["aes128-sha1-96"])
    ping(topology.hostA, HOST_B)
    gw.ip(f"route replace {B}/32 dev ipsec0 src {A}")
    gw.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", f"{A}/32", "--dst", f"{B}/32", "--said", "%drop")
    with sender() as sock:
        check(not leaves(sock), "it left in clear")

with case("those of an exempted socket leave in clear"):
    for kind in (NONE, ENTRUST, BYPASS):
        with sender(options=[policy(kind, IN), policy(kind, OUT)]) as sock:
            check(leaves(sock), f"it did not leave, policy {kind}")

with case("exempted for what it receives alone, it is not exempted for what it sends"):
    with sender(options=[policy(BYPASS, IN)]) as sock:
        check(not leaves(sock), "it left in clear")

with case("IPv6 sockets have an option of their own"):
    equal([refused(policy(BYPASS, way), socket.AF_INET6) for way in (IN, OUT)], [0, 0], "errno")

with case("what makes no sense is refused, and so are policies that want IPsec"):
    # Whichever key manager is asked last has the last word about the errno; xfrm_user knows another option only.
    refusals = (errno.EINVAL, errno.EOPNOTSUPP)
    for value in (policy(BYPASS, OUT)[:8], policy(BYPASS, OUT, words=3), policy(BYPASS, 0), policy(BYPASS, 3),
                  policy(BYPASS, 255), policy(0, OUT), policy(IPSEC, OUT), policy(5, OUT)):
        check(refused(value) in refusals, f"it was taken: {value.hex()}")

with case("who is not an administrator of the namespace may not exempt sockets"):
    script = ("import socket, sys\n"
              "sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
              "try:\n    sock.setsockopt(0, 16, bytes.fromhex(sys.argv[1]))\n"
              "except OSError as error:\n    sys.exit(error.errno)\n")
    result = gw.run("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--reuid=65534", "--clear-groups",
                    "python3", "-c", script, policy(BYPASS, OUT).hex(), ok=False)
    equal(result.status, errno.EPERM, "errno")

with case("an exempted socket outlives the module, and its packets do no harm to the next one"):
    with sender(options=[policy(BYPASS, OUT)]) as sock:
        check(leaves(sock), "it did not leave")
        topology.delete()
        run("modprobe", "-r", "klips")
        run("modprobe", "klips")
        check(leaves(sock), "it does not leave by the physical device, now that there is no route by ipsec0")

end()
