# SPDX-License-Identifier: GPL-2.0-only
"""A key daemon that answers before the kernel has finished asking, and a flood of pairs that must not keep the worker."""

import select
import socket
import sys
import threading
import time

from klipstest import pfkey
from klipstest.counters import drops
from klipstest.netns import stop
from klipstest.packet import Sniffer, Wire
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, note
from klipstest.topology import A, B, HOST_A, NET_A, NET_B, Topology

PLAIN = 253
ONES = "255.255.255.255"

topology = Topology()
topology.tunnel(BY_NAME["aes128-sha1-96"])
gw = topology.gwA
on_wire, from_a = Sniffer(topology.gwB, "wan0"), Wire(topology.hostA)


def trap():
    """Makes a trap for the two networks the only eroute."""
    gw.run("ipsec", "eroute", "--clear")
    gw.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", NET_A, "--dst", NET_B, "--said", "%trap")


class Daemon(threading.Thread):
    """Replaces every hold by the tunnel, as soon as it hears of it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.key = pfkey.PfKey(gw)
        equal(self.key.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno of REGISTER")
        self.key.drain()
        self.over = False

    def run(self):
        while not self.over:
            if not select.select([self.key.socket], [], [], 0.1)[0]:
                continue
            for got in self.key.drain():
                if got.kind == pfkey.ACQUIRE:
                    dst = socket.inet_ntoa(got.exts[pfkey.DST][8:12])
                    self.key.write(pfkey.addflow(pfkey.flow(HOST_A, ONES, dst, ONES), B, 0x1000, pfkey.IPIP,
                                                 flags=pfkey.REPLACEFLOW))

    def finish(self):
        """Ends it."""
        self.over = True
        self.join()
        self.key.close()


with case("a daemon that answers at once: the packet that sprang the trap always gets through"):
    trap()
    daemon = Daemon()
    daemon.start()
    lost = 0
    for number in range(60):
        from_a.send(HOST_A, f"10.2.0.{3 + number}", PLAIN, bytes(8))
        sent = on_wire.next(2, lambda packet: packet[9] == 50 and socket.inet_ntoa(packet[12:16]) == A)
        lost += sent is None
    daemon.finish()
    equal((lost, drops(gw)), (0, {}), "packets lost, and why")

FLOOD = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253)
n = int(sys.argv[1])
while True:
    n += 2
    try:
        s.sendto(b"x", (f"10.2.{n >> 8 & 255}.{n & 255}", 0))
    except OSError:
        pass
"""

with case("a flood of pairs does not keep SAs from expiring on time"):
    gw.run("ipsec", "eroute", "--clear")
    gw.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", NET_A, "--dst", "10.2.0.0/16", "--said", "%trap")
    gw.ip("route add 10.2.0.0/16 dev ipsec0")
    for name, value in (("hold_max", 64), ("acquire_rate", 1000000)):
        gw.sysctl(f"net.ipsec.{name}", value)
    listener = pfkey.PfKey(gw)
    equal(listener.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno of REGISTER")
    floods = [topology.hostA.start(sys.executable, "-c", FLOOD, str(number)) for number in range(2)]
    time.sleep(1)
    with pfkey.PfKey(gw) as key:
        limit = pfkey.lifetime(pfkey.LIFETIME_HARD, addtime=2)
        equal(key.write(pfkey.add(pfkey.IPIP, "192.0.2.9", 0x7000, "192.0.2.1", lifetimes=(limit,))), 0, "errno")
        began = time.monotonic()
        while "tun0x7000@" in gw.read("/proc/net/ipsec_spi") and time.monotonic() < began + 15 * SLOWER:
            time.sleep(0.1)
        took = time.monotonic() - began
    for flood in floods:
        stop(flood)
    listener.close()
    traps = int(gw.read("/proc/net/ipsec/stats/trap_count"), 16)
    note(f"expired after {took:.1f} s; {traps} traps were hit")
    check(took < 2 + 4 * SLOWER, f"it expired after {took:.1f} s, with a limit of 2 s")

topology.delete()
end()
