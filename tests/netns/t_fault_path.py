# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation on the way of a packet fails once: the packet gets through all the same, or it is counted under one reason.

Two gateways, each with a device towards its hosts and one towards the other gateway whose far ends are this program
(`klipstest.tun`), so all of a packet's way is walked by this task. On a kernel that cannot fail allocations all of it is
skipped.
"""

import collections
import contextlib
import itertools
import os
import socket
import struct
import time

from klipstest import fault, pfkey
from klipstest.counters import Watch, device
from klipstest.netns import Netns
from klipstest.packet import ipv4, udp
from klipstest.pfkey import AH, COMP, ESP, IPIP, PfKey, add, addflow, flow, group
from klipstest.suites import AH_SUITES, BY_NAME
from klipstest.tap import after, case, check, end, equal, note, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B
from klipstest.tun import Tun

fault.require()

TO_B = flow("10.1.0.0", "255.255.255.0", "10.2.0.0", "255.255.255.0")
BETWEEN = flow(A, "255.255.255.255", B, "255.255.255.255")
A6, B6, HOST_A6, HOST_B6 = "2001:db8::1", "2001:db8::2", "2001:db8:1::2", "2001:db8:2::2"
TO_B6 = flow("2001:db8:1::", "ffff:ffff:ffff::", "2001:db8:2::", "ffff:ffff:ffff::")
REASONS = {"tx_no_memory", "tx_no_route", "rx_no_memory"}
PORT, UDP_ENCAP, ESPINUDP = 4500, 100, 2


class Gateway:
    """One of the two, with its devices and its way to make requests."""

    def __init__(self, name, address, inside, theirs):
        self.ns = Netns(name)
        self.ns.sysctl("net.ipv4.ip_forward", 1)
        self.lan, self.wan = Tun(self.ns, "lan0"), Tun(self.ns, "wan0")
        self.ns.ip(f"addr add {address}/24 dev wan0", f"addr add {inside}/24 dev lan0")
        self.ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
        self.ns.ip(f"addr add {address}/32 dev ipsec0", "link set ipsec0 up", f"route add {theirs} dev ipsec0")
        self.key = PfKey(self.ns)

    def ask(self, *requests):
        """Makes requests, which succeed."""
        for data in requests:
            equal(self.key.write(data), 0, f"errno of request {data[1]}")
        self.key.drain()

    def clear(self):
        """Takes SAs and eroutes away."""
        self.ask(pfkey.message(pfkey.FLUSH, 0), pfkey.clear_flows())


gates = a, b = Gateway("k-path-a", A, "10.1.0.1", NET_B), Gateway("k-path-b", B, "10.2.0.1", NET_A)
fault.set_up(fault.module_text())
numbers = itertools.count(1)


def esp(suite, **words):
    """What makes an ESP SA, the same for both ends."""
    enc, auth = suite.keys()
    return ESP, {"enc_key": enc, "auth_key": auth, "encrypt": suite.enc_id, "auth": suite.auth_id, "replay": 64, **words}


def ah(suite):
    """What makes an AH SA."""
    return AH, {"auth_key": os.urandom(suite.auth_len), "auth": suite.auth_id, "replay": 64}


DEFLATE = COMP, {"encrypt": 2}


def install(*members, ends=(A, B), policy=TO_B, tunnel=True):
    """A bundle from A to B with new SAs, at both ends; the member of `members` that is the innermost comes first."""
    src, dst = ends
    members = ((IPIP, {}), *members) if tunnel else members
    names = [(satype, dst, 0x1000 + n) for n, (satype, _) in enumerate(members)]
    sas = [add(satype, dst, spi, src=src, **words) for (_, _, spi), (satype, words) in zip(names, members)]
    for gate in gates:
        gate.clear()
        gate.ask(*sas, *(group(*pair) for pair in itertools.pairwise(names)))
    if tunnel:
        b.ask(addflow(policy, dst, 0x1000, IPIP, pfkey.INFLOW))
    a.ask(addflow(policy, dst, 0x1000, names[0][0]))


def datagram(size=100, src=HOST_A, dst=HOST_B):
    """A packet of a host, unlike all before."""
    return ipv4(src, dst, 17, udp(7, 9, struct.pack("!I", next(numbers)) + bytes(size)), ident=next(numbers) & 0xffff)


def datagram6(size=100):
    """The same over IPv6, of a protocol that nobody knows."""
    payload = struct.pack("!I", next(numbers)) + bytes(size)
    return (struct.pack("!IHBB", 6 << 28, len(payload), 253, 64) + socket.inet_pton(socket.AF_INET6, HOST_A6)
            + socket.inet_pton(socket.AF_INET6, HOST_B6) + payload)


def protected(packet):
    """Whether a packet on the wire is one of ours: AH, ESP, IPComp, or ESP in UDP."""
    return packet[9 if packet[0] >> 4 == 4 else 6] in (17, 50, 51, 108)


def soon(read, want, seconds=0.3):
    """What `read` gives until something is `want`ed, or the time is over."""
    deadline, got = after(seconds), []
    while True:
        got += read()
        if any(map(want, got)) or time.monotonic() > deadline:
            return got
        time.sleep(0.01)


class Path:
    """A way with a beginning and an end."""

    def __init__(self, what, ns, prepare, send, arrives):
        self.what, self.ns, self.prepare, self.send, self.arrives = what, ns, prepare, send, arrives

    def sweep(self, least=0):
        """Fails each allocation."""
        outcomes, nth = collections.Counter(), fault.Nth()
        with contextlib.closing(nth):
            for n in range(1, 1000):
                token = self.prepare()
                watch, passed = Watch(self.ns), Watch(self.ns, device)
                with nth.fails(n) as one:
                    self.send(token)
                came = self.arrives(token, one.happened)
                rose = watch.rose()
                where = f"{self.what}: allocation {n} failed" if one.happened else f"{self.what}, without a fault"
                if not one.happened:
                    check(came, f"{where}: nothing came; counted: {rose}")
                if came:
                    equal(rose, {}, f"{where}: it came, and is counted as discarded")
                    if one.happened:
                        outcomes["came"] += 1
                elif set(rose) <= {"tx_no_eroute"} and passed_through(passed.rose()):
                    # The stack had it from there on, and had no memory; what it says of that to the sender has no eroute.
                    outcomes["handed over"] += 1
                else:
                    equal(sum(rose.values()), 1, f"{where}: packets that are counted, in {rose}")
                    check(set(rose) <= REASONS, f"{where}: it is counted as {rose}")
                    outcomes.update(rose)
                if not one.happened:
                    break
            else:
                check(False, f"{self.what}: more than 1000 allocations")
        note(f"{self.what}: {n - 1} allocations failed, {dict(outcomes)}")
        check(n - 1 >= least, f"{self.what}: {n - 1} allocations, at least {least} were expected")


def passed_through(rose):
    """Whether ipsec0 was done with a packet, by what rose of its counters."""
    return rose.get("rx_packets") == 1 and not rose.get("rx_dropped") or rose.get("tx_packets") == 1


def outward(what, size=100, least=0, count=1, make=datagram, send=a.lan.write):
    """From host A to the wire, in `count` packets."""
    def prepare():
        a.wan.read()
        return make(size)

    def arrives(_, faulted):
        deadline, got = after(0.15 if faulted else 2), []
        while len(got) < count and time.monotonic() < deadline:
            got += filter(protected, a.wan.read())
        return len(got) >= count

    Path(what + ", out", a.ns, prepare, send, arrives).sweep(least)


def sealed(packet, send):
    """What gateway A makes of a packet."""
    a.wan.read()
    send(packet)
    got = [one for one in soon(a.wan.read, protected, 2) if protected(one)]
    check(got, "gateway A sent nothing")
    return got


def inward(what, size=100, least=0, make=datagram, send=a.lan.write, read=b.lan.read):
    """From the wire to host B; what gateway A makes of the packet is ready before the fault."""
    def prepare():
        read()
        packet = make(size)
        return packet, sealed(packet, send)

    def deliver(token):
        for outer in token[1]:
            b.wan.write(outer)

    def arrives(token, faulted):
        def same(got):
            # But for the TTL and the checksum of that.
            return got[12:] == token[0][12:]
        return any(map(same, soon(read, same, 0.15 if faulted else 2)))

    Path(what + ", in", b.ns, prepare, deliver, arrives).sweep(least)


for name in ("aes128-sha1-96", "aes128-gcm", "aes128-ctr-sha2-384-192", "chacha20-poly1305", "aes128-ccm-8"):
    with case(f"a tunnel with ESP, {name}"):
        install(esp(BY_NAME[name]))
        outward(name)
        inward(name)

AES, SHA2 = BY_NAME["aes128-sha1-96"], next(suite for suite in AH_SUITES if suite.name == "hmac-sha2-256-128")

for what, bundle in (("AH", (ah(SHA2),)), ("IPComp and ESP", (DEFLATE, esp(AES))),
                     ("IPComp, ESP and AH", (DEFLATE, esp(AES), ah(SHA2)))):
    with case(f"a tunnel with {what}"):
        install(*bundle)
        outward(what, 800)
        inward(what, 800)

with case("a tunnel with ESP in UDP"):
    with b.ns:
        port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port.bind((B, PORT))
    port.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, ESPINUDP)
    install(esp(AES, more=pfkey.natt(PORT, PORT)))
    outward("ESP in UDP")
    inward("ESP in UDP")
    port.close()


class Talk:
    """A socket of each gateway, and datagrams from one to the other."""

    def __init__(self):
        self.ends = []
        for gate, address in zip(gates, (A, B)):
            with gate.ns:
                self.ends.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
            self.ends[-1].bind((address, 9))

    @staticmethod
    def make(size):
        """What is said: unlike all before."""
        return struct.pack("!12xI", next(numbers)) + bytes(size)

    def send(self, data):
        """Says it, or is told that this cannot be."""
        with contextlib.suppress(OSError):
            self.ends[0].sendto(data, (B, 9))

    def read(self):
        """What has been heard."""
        heard = []
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(self.ends[1].recv(65536))
        return heard

    def close(self):
        """Ends it."""
        for sock in self.ends:
            sock.close()


for what, bundle in (("ESP", (esp(AES),)), ("AH", (ah(SHA2),)), ("IPComp and ESP", (DEFLATE, esp(AES)))):
    with case(f"between the gateways without a tunnel, {what}"):
        talk = Talk()
        install(*bundle, policy=BETWEEN, tunnel=False)
        a.ns.ip(f"route add {B}/32 dev ipsec0 src {A}")
        outward(f"transport, {what}", 400, make=talk.make, send=talk.send)
        inward(f"transport, {what}", 400, make=talk.make, send=talk.send, read=talk.read)
        a.ns.ip(f"route del {B}/32 dev ipsec0")
        talk.close()


def turn_to_ipv6():
    """Gives both gateways addresses and routes of IPv6, and waits until they have said hello to everybody."""
    nets = "2001:db8:1::/48", "2001:db8:2::/48"
    for gate, address, mine, theirs in ((a, A6, *nets), (b, B6, *nets[::-1])):
        gate.ns.sysctl("net.ipv6.conf.all.forwarding", 1)
        for name in ("lan0", "wan0", "ipsec0"):
            gate.ns.sysctl(f"net.ipv6.conf.{name}.addr_gen_mode", 1)
            gate.ns.sysctl(f"net.ipv6.conf.{name}.disable_ipv6", 0)
        gate.ns.ip(f"addr add {address}/64 dev wan0 nodad", f"route add {mine} dev lan0", f"route add {theirs} dev ipsec0")
    until(lambda: all(is_quiet(gate.ns, 2) for gate in gates), "the gateways are quiet")


def is_quiet(ns, seconds):
    """Whether a gateway discards nothing of its own for a while."""
    watch, over = Watch(ns), time.monotonic() + seconds
    while time.monotonic() < over and not watch.rose():
        time.sleep(0.1)
    return not watch.rose()


with case("a tunnel over IPv6 with ESP"):
    turn_to_ipv6()
    install(esp(AES), ends=(A6, B6), policy=TO_B6)
    outward("IPv6", make=datagram6)
    inward("IPv6", make=datagram6)

end()
