# SPDX-License-Identifier: GPL-2.0-only
"""ESP that nobody has an SA for: dropped early, and counted as XFRM does; where anybody may want it, it goes the long way."""

import socket
import struct

from klipstest.counters import Watch, xfrm
from klipstest.netns import run
from klipstest.packet import Sniffer, Wire
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, contains, end, equal, note, until
from klipstest.topology import A, B, HOST_A, HOST_B, Topology
from klipstest.traffic import ping

ICMP, ESP, AUDIT, AUDIT_SET = 1, 50, 9, 1001
SUITE = BY_NAME["aes128-gcm"]
COUNT = 50

run("modprobe", "esp4")
topology = Topology()
topology.tunnel(SUITE)
gw, wire = topology.gwA, Wire(topology.gwB)
at_a = Sniffer(topology.hostA, "lan0")


def send(count=1, dst=A):
    """Packets of an SPI that nobody knows."""
    for number in range(count):
        wire.send(B, dst, ESP, struct.pack("!II", 0x4711, number + 1) + bytes(48))


def seen_by_ip():
    """How many packets IPv4 has looked at in the gateway: it counts them by their ECN, which the short way does not."""
    names, values = (line.split() for line in gw.read("/proc/net/netstat").splitlines() if line.startswith("IpExt:"))
    return int(dict(zip(names, values, strict=True))["InNoECTPkts"])


def counted(long=False):
    """Sends packets, has each counted as XFRM does, and looks whether they went the long way."""
    watch, before, ours = Watch(gw, xfrm), seen_by_ip(), Watch(gw)
    send(COUNT)
    until(lambda: watch.rose() == {"XfrmInNoStates": COUNT}, f"each is counted: {watch.rose()}", 5)
    equal(ours.rose(), {}, "what KLIPS has discarded")
    equal(seen_by_ip() - before, COUNT if long else 0, "packets that IPv4 has looked at")


with case("they are dropped before they are routed, and counted, and the tunnel carries on"):
    counted()
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    counted()

with case("for another host they go on"):
    at_a.all()
    wire.send("192.0.2.99", HOST_A, ESP, struct.pack("!II", 0x4711, 1) + bytes(48))
    got = at_a.next(5, want=lambda packet: packet[9] == ESP)
    check(got is not None and got[20:24] == struct.pack("!I", 0x4711), "host A did not get ESP that is its own")

with case("raw sockets get their copies"):
    with gw:
        tap = socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP)
    tap.settimeout(5 * SLOWER)
    counted(long=True)
    equal(tap.recv(2000)[20:24], struct.pack("!I", 0x4711), "the SPI that a raw socket saw")
    tap.close()
    counted()

with case("netfilter sees them where it looks"):
    for hook in ("prerouting", "input"):
        gw.run("nft", f"add table ip see; add chain ip see in {{ type filter hook {hook} priority 0; }}; "
               "add rule ip see in ip protocol esp counter drop")
        send(3)
        until(lambda: "packets 3 " in gw.run("nft", "list", "table", "ip", "see").out, f"a rule at {hook} counts them", 5)
        gw.run("nft", "delete table ip see")
    counted()

with case("where XFRM has an SA they are its own"):
    keys = SUITE.keys()
    gw.ip(f"xfrm state add src {B} dst {A} proto esp spi 0x4712 reqid 1 mode tunnel {SUITE.xfrm(keys)}")
    counted(long=True)
    gw.ip("xfrm state flush")
    counted()

with case("where rules lead what is for this host elsewhere, they go there"):
    gw.ip("rule add pref 100 lookup local", f"rule add pref 10 to {A} lookup 99", f"route add blackhole {A} table 99",
          "rule del pref 0")
    watch, before = Watch(gw, xfrm), seen_by_ip()
    send(COUNT)
    until(lambda: seen_by_ip() - before == COUNT, "IPv4 looks at each", 5)
    equal(watch.rose(), {}, "what XFRM has counted")
    gw.ip("rule add pref 0 lookup local", f"rule del pref 10 to {A} lookup 99", "rule del pref 100 lookup local",
          f"route del blackhole {A} table 99")
    # The kernel remembers that there were rules once.
    counted(long=True)



def audit(on):
    """Switches the kernel's audit on or off: AUDIT_SET of what `struct audit_status` calls enabled."""
    status = struct.pack("=10I", 1, int(on), *[0] * 8)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, AUDIT) as sock:
        sock.send(struct.pack("=IHHII", 16 + len(status), AUDIT_SET, 5, 1, 0) + status)
        equal(struct.unpack_from("=i", sock.recv(4096), 16)[0], 0, "the errno of AUDIT_SET")


def has_audit():
    """Whether there is an audit in this kernel."""
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, AUDIT).close()
    except OSError:
        note("skipped: an audit is told of each; this kernel has none")
        return False
    return True


def renewed():
    """Other namespaces, which know of no rules; the gateway, and the wire to it."""
    global topology
    topology.delete()
    topology = Topology()
    topology.tunnel(SUITE)
    return topology.gwA, Wire(topology.gwB)


if has_audit():
    with case("an audit is told of each"):
        gw, wire = renewed()
        counted()
        audit(True)
        try:
            send()
            until(lambda: "SA-notfound" in run("dmesg").out, "the log has it", 5)
            contains(run("dmesg").out, f"spi={0x4711}", "and names the SPI")
        finally:
            audit(False)
        counted()

with case("without esp4 it is no different: nobody is told"):
    gw, wire = renewed()
    topology.gwB.ip("xfrm state flush", "xfrm policy flush")
    until(lambda: run("modprobe", "-r", "esp4_offload", "esp4", ok=False).status == 0, "esp4 is gone")
    told = Sniffer(topology.gwB, "wan0")
    counted()
    equal([packet for packet in told.all(0.2 * SLOWER) if packet[9] == ICMP], [], "ICMP that gateway B has got")
    told.close()
    run("modprobe", "esp4")

topology.delete()
end()
