# SPDX-License-Identifier: GPL-2.0-only
"""Eroutes that are no tunnels: %reject, %pass, %trap and %trapsubnet with their ACQUIREs and holds, and the bypass of IKE."""

import contextlib
import re
import select
import socket
import struct
import threading
import time

from klipstest import pfkey
from klipstest.counters import Watch
from klipstest.packet import Sniffer, Wire, udp
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Topology
from klipstest.traffic import ping

TABLE = "/proc/net/ipsec_eroute"
TUNNEL = f"tun0x1000@{B}"
PAIR = ("10.1.0.2/32", "10.2.0.2/32")
PLAIN = 253

topology = Topology()
gateway, _, _ = topology.tunnel(BY_NAME["aes128-sha1-96"])
gw = topology.gwA
at_a, on_wire, at_b = Sniffer(topology.hostA, "lan0"), Sniffer(topology.gwB, "wan0"), Sniffer(topology.hostB, "lan0")
from_a, from_gw = Wire(topology.hostA), Wire(gw)


def eroute(action, src, dst, said=None, *words):
    """Runs the tool."""
    family = "inet6" if ":" in src else "inet"
    gw.run("ipsec", "eroute", action, "--eraf", family, "--src", src, "--dst", dst, *words,
           *(["--said", said] if said else []))


def only(said, *words, src=NET_A, dst=NET_B):
    """Makes this the only eroute."""
    gw.run("ipsec", "eroute", "--clear")
    eroute("--add", src, dst, said, *words)


def rows():
    """The rows of the listing: source, destination, SA, without counts."""
    return [tuple(line.split()[1::2]) for line in gw.read(TABLE).splitlines()]


def plain(text, dst=HOST_B):
    """Host A sends a packet of a protocol without ports."""
    from_a.send(HOST_A, dst, PLAIN, text)


def arrived(seconds=0.5):
    """The payloads of that protocol that came to host B."""
    return [packet[20:] for packet in at_b.all(seconds) if packet[9] == PLAIN]


def stat(name):
    """One of the counters of traps."""
    return int(gw.read(f"/proc/net/ipsec/stats/{name}"), 16)


def traps():
    """Traps that were hit, ACQUIREs that were sent."""
    return stat("trap_count"), stat("trap_sendcount")


class Daemon(pfkey.PfKey):
    """A key daemon: is registered for ESP, and told what there is to acquire."""

    def __init__(self):
        super().__init__(gw)
        equal(self.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno of REGISTER")
        self.drain()

    def acquires(self, seconds):
        """The ACQUIREs that come in some time: protocol, source and port, destination and port of each."""
        found = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0] and (got := self.read()).kind == pfkey.ACQUIRE:
                equal((got.satype, got.pid, got.errno), (pfkey.ESP, 0, 0), "satype, pid, errno of ACQUIRE")
                found.append((self.proto(got), *self.end(got, pfkey.SRC), *self.end(got, pfkey.DST)))
        return found

    @staticmethod
    def proto(got):
        """The protocol that both ends name."""
        equal(got.exts[pfkey.SRC][0], got.exts[pfkey.DST][0], "protocol of source and destination")
        return got.exts[pfkey.SRC][0]

    @staticmethod
    def end(got, which):
        """Address and port."""
        inside = got.exts[which][4:]
        family, = struct.unpack_from("=H", inside)
        host = inside[4:8] if family == socket.AF_INET else inside[8:24]
        return socket.inet_ntop(family, host), struct.unpack_from("!H", inside, 2)[0]


@contextlib.contextmanager
def sysctls(**values):
    """Sets net.ipsec.* for a block."""
    before = {name: gw.read(f"/proc/sys/net/ipsec/{name}").strip() for name in values}
    for name, value in values.items():
        gw.sysctl(f"net.ipsec.{name}", value)
    try:
        yield
    finally:
        for name, value in before.items():
            gw.sysctl(f"net.ipsec.{name}", value)


# %reject and %pass.

with case("%reject: the sender is told that it is prohibited, and nothing leaves"):
    only("%reject")
    at_a.all()
    watch = Watch(gw)
    from_a.send(HOST_A, HOST_B, 17, udp(7, 9, b"refused"))
    told = at_a.next(want=lambda packet: packet[9] == 1)
    check(told is not None, "no ICMP")
    equal((told[20], told[21]), (3, 13), "type and code")
    equal((socket.inet_ntoa(told[16:20]), told[28 + 16:28 + 20], told[28 + 20:28 + 22]),
          (HOST_A, socket.inet_aton(HOST_B), b"\0\x07"), "to whom, and the packet in it")
    equal(watch.rose(), {"tx_policy_reject": 1}, "discarded packets")

with case("%reject does not answer ICMP errors"):
    at_a.all()
    from_a.send(HOST_A, HOST_B, 1, b"\x03\x01\xfc\xfe" + bytes(4) + bytes(28))
    until(lambda: watch.rose() == {"tx_policy_reject": 2}, "it is discarded", 5)
    equal([packet for packet in at_a.all(0.3) if packet[9] == 1 and socket.inet_ntoa(packet[16:20]) == HOST_A], [], "ICMP")

with case("%reject of IPv6: administratively prohibited, type 1 code 1"):
    for ns, address in ((topology.hostA, "2001:db8:1::2"), (gw, "2001:db8:1::1")):
        ns.sysctl("net.ipv6.conf.lan0.disable_ipv6", 0)
        ns.ip(f"addr add {address}/64 dev lan0 nodad")
    gw.sysctl("net.ipv6.conf.ipsec0.disable_ipv6", 0)
    gw.sysctl("net.ipv6.conf.all.forwarding", 1)
    gw.ip("route add 2001:db8:2::/64 dev ipsec0")
    topology.hostA.ip("route add default via 2001:db8:1::1")
    only("%reject", src="2001:db8:1::/64", dst="2001:db8:2::/64")
    with topology.hostA:
        icmp6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    icmp6.settimeout(5 * SLOWER)
    watch = Watch(gw)
    six.sendto(b"refused", ("2001:db8:2::2", 9))
    while (told := icmp6.recv(2048))[0] >= 128:
        pass
    equal(told[:2], b"\x01\x01", "type and code")
    equal(told[8 + 24:8 + 40], socket.inet_pton(socket.AF_INET6, "2001:db8:2::2"), "destination of the packet in it")
    equal(watch.rose(), {"tx_policy_reject": 1}, "discarded packets")
    icmp6.close()

with case("%pass for a part of what is in a tunnel: that leaves in clear, the rest does not"):
    only(TUNNEL)
    gw.ip(f"route add {B}/32 dev ipsec0")
    eroute("--add", f"{A}/32", f"{B}/32", "%pass", "--transport-proto", "17")
    on_wire.all()
    from_gw.send(A, B, 17, udp(1000, 9, b"in clear"))
    got = on_wire.next(want=lambda packet: packet[9] in (17, 50))
    check(got is not None and got.endswith(b"in clear"), f"on the wire: {got!r}")
    ping(topology.hostA, HOST_B)

# The bypass of IKE, ESP and AH. What goes to gateway B is routed into ipsec0 from here on.


def leaves(src, dst, payload, wire=from_gw, proto=17):
    """Whether a packet that is sent is seen on the wire as it was sent."""
    on_wire.all()
    wire.send(src, dst, proto, payload)
    return on_wire.next(0.4, want=lambda packet: packet[9] == proto and packet[20:] == payload) is not None


IKE = udp(500, 500, b"to the peer")

for said in ("%drop", "%hold", "%trap", "%reject", f"tun0x1000@{B}", None):
    with case(f"IKE of this machine leaves in clear: {said or 'no eroute'}"):
        gw.run("ipsec", "eroute", "--clear")
        if said:
            eroute("--add", f"{A}/32", f"{B}/32", said)
        watch = Watch(gw)
        for payload in (IKE, udp(4500, 4500, b"\0\0\0\0to the peer"), udp(500, 1234, b"to another port")):
            check(leaves(A, B, payload), f"{payload!r} did not leave; {watch.rose()}")
        # What the peer's stack answers in clear, as nobody listens there, is refused under a tunnel.
        equal([name for name in watch.rose() if name != "rx_plaintext"], [], "discarded packets")
        if said:
            equal(gw.read(TABLE).split()[0], "0", "count of the eroute")

with case("so do ESP and AH of this machine, under %drop"):
    only("%drop", src=f"{A}/32", dst=f"{B}/32")
    for proto in (50, 51):
        check(leaves(A, B, struct.pack("!II", 0x4711, 1) + bytes(40), proto=proto), f"protocol {proto} did not leave")

with case("what goes to port 500 from another port does not"):
    watch = Watch(gw)
    check(not leaves(A, B, udp(1234, 500, b"not IKE")), "it left")
    equal(watch.rose(), {"tx_policy_drop": 1}, "discarded packets")

with case("IKE of another machine does not"):
    only("%drop")
    watch = Watch(gw)
    check(not leaves(HOST_A, HOST_B, udp(500, 500, b"forwarded"), wire=from_a), "it left")
    equal(watch.rose(), {"tx_policy_drop": 1}, "discarded packets")

gw.ip(f"route del {B}/32 dev ipsec0")

# %trap.

with case("%trap without a key daemon: dropped, counted, no hold"):
    only("%trap")
    watch, before = Watch(gw), traps()
    with pfkey.PfKey(gw) as key:
        plain(b"1")
        plain(b"2")
        until(lambda: watch.rose() == {"tx_trapped": 2}, f"both are dropped: {watch.rose()}", 5)
        equal(rows(), [(NET_A, NET_B, "%trap")], "rows")
        equal(traps(), (before[0] + 2, before[1]), "traps and ACQUIREs")
        equal(key.drain(), [], "what a socket hears that is not registered")

with case("a socket that is registered for AH only is no key daemon"):
    with pfkey.PfKey(gw) as key:
        equal(key.write(pfkey.message(pfkey.REGISTER, pfkey.AH)), 0, "errno of REGISTER")
        key.drain()
        plain(b"1")
        until(lambda: watch.rose() == {"tx_trapped": 3}, f"it is dropped: {watch.rose()}", 5)
        equal((len(rows()), key.drain()), (1, []), "rows, messages")

daemon = Daemon()

with case("with one: one ACQUIRE for the pair, however many packets, and a hold for it"):
    watch, before = Watch(gw), traps()
    for number in range(5):
        plain(bytes([number]))
    equal(daemon.acquires(1), [(0, HOST_A, 0, HOST_B, 0)], "ACQUIREs")
    equal(rows(), [(NET_A, NET_B, "%trap"), (*PAIR, "%hold")], "rows")
    equal(traps()[1], before[1] + 1, "ACQUIREs counted")
    check(before[0] < traps()[0] <= before[0] + 5, f"traps counted: {before[0]}, then {traps()[0]}")
    equal(watch.rose(), {"tx_hold_evicted": 3}, "discarded packets")

with case("another pair gets another"):
    plain(b"to another", "10.2.0.3")
    equal(daemon.acquires(0.5), [(0, HOST_A, 0, "10.2.0.3", 0)], "ACQUIREs")
    equal([row for row in rows() if row[2] == "%hold"], [(*PAIR, "%hold"), (PAIR[0], "10.2.0.3/32", "%hold")], "holds")

with case("the hold replaced by a tunnel: first and last packet go through it, in order, and later ones behind"):
    at_b.all()
    eroute("--replace", *PAIR, TUNNEL)
    plain(b"later")
    equal(arrived(), [b"\0", b"\4", b"later"], "what host B got")
    equal(watch.rose(), {"tx_hold_evicted": 3}, "discarded packets")
    equal(rows()[1], (*PAIR, TUNNEL), "second row")

with case("a trap replaced by a tunnel leaves the holds alone"):
    only("%trap")
    plain(b"held")
    until(lambda: len(rows()) == 2, "there is a hold", 5)
    eroute("--replace", NET_A, NET_B, TUNNEL)
    at_b.all()
    plain(b"held too")
    equal(arrived(0.3), [], "what host B got")
    eroute("--replace", *PAIR, TUNNEL)
    equal(arrived(), [b"held", b"held too"], "what host B got after the hold was replaced")

with case("a deleted hold frees its packets, and the trap works again"):
    only("%trap")
    daemon.drain()
    plain(b"lost")
    plain(b"lost too")
    equal(len(daemon.acquires(0.5)), 1, "ACQUIREs")
    at_b.all()
    eroute("--del", *PAIR)
    equal(rows(), [(NET_A, NET_B, "%trap")], "rows")
    plain(b"again")
    equal(daemon.acquires(0.5), [(0, HOST_A, 0, HOST_B, 0)], "ACQUIREs")
    eroute("--replace", *PAIR, TUNNEL)
    equal(arrived(), [b"again"], "what host B got")

with case("a hold replaced by %drop drops what it held"):
    only("%trap")
    plain(b"held")
    until(lambda: len(rows()) == 2, "there is a hold", 5)
    at_b.all()
    watch = Watch(gw)
    eroute("--replace", *PAIR, "%drop")
    until(lambda: watch.rose() == {"tx_policy_drop": 1}, f"it is dropped: {watch.rose()}", 5)

with case("a hold that was added keeps the last packet, and gives it up"):
    only("%hold")
    watch = Watch(gw)
    for number in range(3):
        plain(bytes([number]))
    until(lambda: watch.rose() == {"tx_hold_evicted": 2}, f"the others are evicted: {watch.rose()}", 5)
    at_b.all()
    eroute("--replace", NET_A, NET_B, TUNNEL)
    equal(arrived(), [b"\2"], "what host B got")

with case("%trapsubnet: the eroute itself becomes the hold, for all pairs"):
    only("%trapsubnet")
    daemon.drain()
    plain(b"first")
    equal(daemon.acquires(0.5), [(0, HOST_A, 0, HOST_B, 0)], "ACQUIREs")
    equal(rows(), [(NET_A, NET_B, "%hold")], "rows")
    plain(b"of another pair", "10.2.0.3")
    plain(b"last")
    equal(daemon.acquires(0.5), [], "more ACQUIREs")
    at_b.all()
    eroute("--replace", NET_A, NET_B, TUNNEL)
    equal(arrived(), [b"first", b"last"], "what host B got")

with case("a trap for a protocol and a port: the ACQUIRE and the hold name them"):
    only("%trap", "--transport-proto", "17", "--dst-port", "4711")
    daemon.drain()
    watch = Watch(gw)
    from_a.send(HOST_A, HOST_B, 17, udp(5, 4712, b"no eroute"))
    from_a.send(HOST_A, HOST_B, 17, udp(5, 4711, b"one"))
    equal(daemon.acquires(0.5), [(17, HOST_A, 0, HOST_B, 4711)], "ACQUIREs")
    equal(watch.rose(), {"tx_no_eroute": 1}, "discarded packets")
    # The port of the source stands in the row, and does not count.
    equal(rows()[1], ("10.1.0.2/32:5", "10.2.0.2/32:4711", "%hold:17"), "second row")
    from_a.send(HOST_A, HOST_B, 17, udp(6, 4711, b"two"))
    equal(daemon.acquires(0.3), [], "ACQUIREs for another port of the source")
    at_b.all()
    eroute("--replace", *PAIR, TUNNEL, "--transport-proto", "17", "--dst-port", "4711")
    equal([packet[28:] for packet in at_b.all(0.5) if packet[9] == 17], [b"one", b"two"], "what host B got")

with case("a trap for a protocol alone: the protocol, no ports"):
    only("%trap", "--transport-proto", "17")
    daemon.drain()
    from_a.send(HOST_A, HOST_B, 17, udp(5, 4711, b"one"))
    equal(daemon.acquires(0.5), [(17, HOST_A, 0, HOST_B, 0)], "ACQUIREs")
    from_a.send(HOST_A, HOST_B, 17, udp(6, 4712, b"two"))
    equal(daemon.acquires(0.3), [], "ACQUIREs for other ports")
    plain(b"no eroute")
    equal(len(rows()), 2, "rows")

with case("%trap of IPv6: the hold is for the two hosts alone"):
    only("%trap", src="2001:db8:1::/64", dst="2001:db8:2::/64")
    daemon.drain()
    for host in ("2001:db8:2::2", "2001:db8:2::2", "2001:db8:2::3"):
        six.sendto(b"six", (host, 9))
    equal(daemon.acquires(0.7), [(0, "2001:db8:1::2", 0, f"2001:db8:2::{host}", 0) for host in (2, 3)], "ACQUIREs")
    # In a row the ports of the packet stand behind brackets; they do not count.
    holds = [re.findall(r"2001:db8:[12]::\d/128", " ".join(row)) for row in rows() if row[2] == "%hold"]
    equal(holds, [["2001:db8:1::2/128", f"2001:db8:2::{host}/128"] for host in (2, 3)], "holds")

# Bounds.

with case("a hundred pairs with net.ipsec.hold_max=8: the latest eight are held, the others evicted and counted"):
    only("%trap")
    with sysctls(hold_max=8):
        watch, before = Watch(gw), traps()[1]
        for number in range(100):
            plain(b"flood", f"10.2.0.{number + 100}")
            if number >= 90:
                # One by one, so that it is certain which are the latest.
                until(lambda: traps()[1] >= before + number + 1, f"the ACQUIRE for packet {number}", 5)
        until(lambda: sum(watch.rose().values()) == 92, f"92 are evicted: {watch.rose()}", 5)
        equal(watch.rose(), {"tx_hold_evicted": 92}, "discarded packets")
        holds = [row[1] for row in rows() if row[2] == "%hold"]
        equal(holds, [f"10.2.0.{number + 100}/32" for number in range(92, 100)], "held")
        at_b.all()
        plain(b"of another pair", "10.2.0.9")
        until(lambda: "10.2.0.9/32" in gw.read(TABLE), "a new pair gets in", 5)
        eroute("--replace", PAIR[0], "10.2.0.9/32", TUNNEL)

with case("net.ipsec.acquire_rate bounds the ACQUIREs of a second"):
    only("%trap")
    with sysctls(acquire_rate=5):
        # What came before was in another second.
        time.sleep(1.1)
        daemon.drain()
        for number in range(50):
            plain(b"flood", f"10.2.0.{number + 100}")
        got = len(daemon.acquires(0.4))
        check(1 <= got <= 10, f"{got} ACQUIREs")

with case("net.ipsec.hold_retry asks again, net.ipsec.hold_lifetime ends the hold, and the trap is there again"):
    only("%trap")
    with sysctls(hold_retry=1, hold_lifetime=4):
        daemon.drain()
        plain(b"unanswered")
        began = time.monotonic()
        asked = daemon.acquires(2.6)
        check(2 <= len(asked) <= 3 and set(asked) == {(0, HOST_A, 0, HOST_B, 0)}, f"ACQUIREs: {asked}")
        equal(len(rows()), 2, "rows")
        watch = Watch(gw)
        until(lambda: rows() == [(NET_A, NET_B, "%trap")], "the hold is gone", 6)
        check(2.9 <= time.monotonic() - began <= 6.5, f"it went after {time.monotonic() - began:.1f} s")
        equal(watch.rose(), {"tx_hold_evicted": 1}, "discarded packets")
        daemon.drain()
        plain(b"again")
        check(daemon.acquires(0.5), "no ACQUIRE for a packet after it")

with case("a %trapsubnet that nobody answered is one again"):
    only("%trapsubnet")
    with sysctls(hold_retry=1, hold_lifetime=2):
        plain(b"unanswered")
        until(lambda: rows() == [(NET_A, NET_B, "%hold")], "it is a hold", 5)
        until(lambda: rows() == [(NET_A, NET_B, "%trapsubnet")], "it is a trap again", 5)
        daemon.drain()
        plain(b"again")
        equal(daemon.acquires(0.3), [(0, HOST_A, 0, HOST_B, 0)], "ACQUIREs")
        equal(rows(), [(NET_A, NET_B, "%hold")], "rows")

with case("a hold that was added by hand stays"):
    only("%hold")
    with sysctls(hold_retry=1, hold_lifetime=1):
        plain(b"held")
        time.sleep(2.5)
        equal(rows(), [(NET_A, NET_B, "%hold")], "rows")

with case("replaced two hundred times under traffic: no packet sees neither the old eroute nor the new one"):
    only(TUNNEL)
    stop = threading.Event()

    def pour():
        """Sends until told to stop."""
        while not stop.is_set():
            plain(b"poured")

    thread = threading.Thread(target=pour, daemon=True)
    watch = Watch(gw)
    thread.start()
    with pfkey.PfKey(gw) as key:
        selector = pfkey.flow("10.1.0.0", "255.255.255.0", "10.2.0.0", "255.255.255.0")
        for _ in range(100):
            for spi, satype, dst in ((0x101, pfkey.INT, "0.0.0.0"), (0x1000, pfkey.IPIP, B)):
                equal(key.write(pfkey.addflow(selector, dst, spi, satype, pfkey.REPLACEFLOW)), 0, "errno of ADDFLOW")
            key.drain()
    stop.set()
    thread.join()
    check(set(watch.rose()) <= {"tx_policy_drop"}, f"discarded packets: {watch.rose()}")
    ping(topology.hostA, HOST_B)

with case("a hold replaced a hundred times under traffic: what comes later does not come before what was held"):
    at_b.all()
    counter = 0
    with pfkey.PfKey(gw) as key:
        for _ in range(100):
            equal(key.write(pfkey.addflow(selector, "0.0.0.0", 0x103, pfkey.INT, pfkey.REPLACEFLOW)), 0, "errno of ADDFLOW")
            plain(struct.pack("!I", counter))
            equal(key.write(pfkey.addflow(selector, B, 0x1000, pfkey.IPIP, pfkey.REPLACEFLOW)), 0, "errno of ADDFLOW")
            plain(struct.pack("!I", counter + 1))
            counter += 2
            key.drain()
    got = [struct.unpack("!I", text)[0] for text in arrived() if len(text) == 4]
    equal(got, list(range(counter)), "what host B got")

with case("the device goes with packets in holds for it, and one of its name comes"):
    only("%trap")
    plain(b"held")
    until(lambda: len(rows()) == 2, "it is held", 5)
    gw.run("ipsec", "tncfg", "--delete", "ipsec0")
    gw.run("ipsec", "tncfg", "--create", "ipsec0")
    gateway.start()
    at_b.all()
    eroute("--replace", *PAIR, TUNNEL)
    plain(b"later")
    equal(arrived()[-1], b"later", "what host B got last")

with case("packets in holds do not keep devices or the namespace from going"):
    only("%trap")
    for number in range(20):
        plain(b"held", f"10.2.0.{number + 100}")
    until(lambda: len(rows()) == 21, "they are held", 5)
    gw.ip("link del lan0")
    gw.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    gw.ip("link del wan0")

with case("the namespace goes with holds in it, and a daemon that listens"):
    topology.delete()
    daemon.close()

end()
