# SPDX-License-Identifier: GPL-2.0-only
"""What ipsecN is attached to: VLAN, bond, bridge, a point-to-point device without link headers; and rings of devices.

The device is always called wan0, as the topology has it; what was wan0 before is eth0 then.
"""

import fcntl
import os
import struct
import threading

from klipstest.counters import Watch
from klipstest.netns import Netns, run
from klipstest.packet import Sniffer
from klipstest.suites import BY_NAME
from klipstest.tap import case, check, contains, end, equal
from klipstest.topology import A, B, HOST_A, HOST_B, Topology
from klipstest.traffic import Pinger, ping, transfer

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
SUITE = BY_NAME["aes128-gcm"]
KINDS = {
    "a VLAN": ("link add link eth0 name wan0 type vlan id 5",),
    "a bond": ("link add wan0 type bond mode active-backup", "link set eth0 down", "link set eth0 master wan0"),
    "a bridge": ("link add wan0 type bridge", "link set eth0 master wan0"),
    "a VLAN of a bridge with a small MTU": ("link add br0 type bridge", "link set eth0 master br0", "link set br0 up",
                                           "link add link br0 name wan0 mtu 1300 type vlan id 7"),
}


def stack(ns, address, lines):
    """Puts another device under the name wan0."""
    ns.ip("link set wan0 down", "link set wan0 name eth0", "addr flush dev eth0", *lines, "link set eth0 up",
          f"addr add {address}/24 dev wan0", "link set wan0 up")


def carries(topology):
    """Pings of many sizes and TCP, both ways, and nothing is discarded."""
    watch = Watch(topology.gwA)
    for source, to in ((topology.hostA, HOST_B), (topology.hostB, HOST_A)):
        pinger = Pinger(source)
        for size in (0, 1, 100, 1200, 1372, 4000, 9000):
            pinger.ping(to, size, 15)
        pinger.close()
    transfer(topology.hostA, topology.hostB, HOST_B)
    transfer(topology.hostB, topology.hostA, HOST_A)
    equal(watch.rose(), {}, "discarded packets")


for kind, lines in KINDS.items():
    with case(f"ipsec0 on {kind}"):
        topology = Topology()
        for ns, address in ((topology.gwA, A), (topology.gwB, B)):
            stack(ns, address, lines)
        topology.tunnel(SUITE)
        carries(topology)
        topology.delete()


class Link:
    """Two tun devices called wan0, joined: packets without link headers, to one peer, as with PPP."""

    def __init__(self, *ends):
        self._fds = []
        for ns in ends:
            with ns:
                fd = os.open("/dev/net/tun", os.O_RDWR)
                fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"wan0", IFF_TUN | IFF_NO_PI))
            self._fds.append(fd)
        for one, other in ((0, 1), (1, 0)):
            threading.Thread(target=self._copy, args=(self._fds[one], self._fds[other]), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        while True:
            try:
                os.write(sink, os.read(source, 65536))
            except OSError:
                return


with case("ipsec0 on a point-to-point device without link headers (tun)"):
    topology = Topology()
    topology.gwA.ip("link del wan0")
    run("modprobe", "tun")
    link = Link(topology.gwA, topology.gwB)
    for ns, mine, other in ((topology.gwA, A, B), (topology.gwB, B, A)):
        ns.ip("link set wan0 up mtu 1400", f"addr add {mine} peer {other}/32 dev wan0")
    topology.tunnel(SUITE)
    inside = Sniffer(topology.gwA, "ipsec0")
    carries(topology)
    contains(topology.gwA.run("ip", "link", "show", "ipsec0").out, "link/none", "its link type")
    check(any(packet[9] == 1 for packet in inside.all()), "packets without link header are seen on ipsec0")
    inside.close()
    topology.delete()

with case("ipsec0 does not come under the bridge that it is attached to, nor does a VLAN of it"):
    ns = Netns("ring")
    ns.ip("link add br0 type bridge", "link set br0 up", "link add link br0 name v1 type vlan id 1", "link set v1 up",
          "link add br1 type bridge")
    for below in ("br0", "v1"):
        ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", below)
        ns.ip("link set ipsec0 up", "link add link ipsec0 name v2 type vlan id 2")
        for upper in ("ipsec0", "v2"):
            refused = ns.run("ip", "link", "set", upper, "master", "br0", ok=False)
            check(refused.status != 0, f"{upper} came under br0, with ipsec0 on {below}")
            contains(refused.err, "a klips device would come under what it is attached to", "the message")
        ns.ip("link del v2")
        ns.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")

with case("under another bridge it may come, and that is no device to attach it to"):
    ns.ip("link add d0 type dummy", "link set d0 up")
    ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "d0")
    ns.ip("link set ipsec0 master br1")
    ns.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    check(ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "br1", ok=False).status != 0, "attached")
    ns.delete()

end()
