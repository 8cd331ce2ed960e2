# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation on the way of a packet fails once: the packet gets through all the same, or it is counted under one reason.

Two gateways, each with a device towards its hosts and one towards the other gateway whose far ends are this program
(`klipstest.tun`), so all of a packet's way is walked by this task. On a kernel that cannot fail allocations all of it is
skipped.
"""

import collections
import contextlib
import itertools
import struct
import time

from klipstest import fault, pfkey
from klipstest.counters import Watch, device
from klipstest.netns import Netns
from klipstest.packet import ipv4, udp
from klipstest.pfkey import ESP, IPIP, PfKey, add, addflow, flow, group
from klipstest.suites import BY_NAME
from klipstest.tap import after, case, check, end, equal, note
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B
from klipstest.tun import Tun

fault.require()

TO_B = flow("10.1.0.0", "255.255.255.0", "10.2.0.0", "255.255.255.0")


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


def esp(suite, spi=0x1001, **words):
    """ADD of the ESP SA from A to B, for both ends."""
    enc, auth = suite.keys()
    return add(ESP, B, spi, src=A, enc_key=enc, auth_key=auth, encrypt=suite.enc_id, auth=suite.auth_id, replay=64, **words)


def install(suite):
    """A tunnel from A to B with new keys, at both ends."""
    sas = [add(IPIP, B, 0x1000, src=A), esp(suite), group((IPIP, B, 0x1000), (ESP, B, 0x1001))]
    for gate in gates:
        gate.clear()
        gate.ask(*sas)
    b.ask(addflow(TO_B, B, 0x1000, IPIP, pfkey.INFLOW))
    a.ask(addflow(TO_B, B, 0x1000, IPIP))


def datagram(size=100, src=HOST_A, dst=HOST_B):
    """A packet of a host, unlike all before."""
    return ipv4(src, dst, 17, udp(7, 9, struct.pack("!I", next(numbers)) + bytes(size)), ident=next(numbers) & 0xffff)


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
                    outcomes["came"] += one.happened
                elif not rose and passed_through(passed.rose()):
                    # The stack had it from there on, and had no memory.
                    outcomes["handed over"] += 1
                else:
                    equal(sum(rose.values()), 1, f"{where}: packets that are counted, in {rose}")
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


def outward(what, size=100, least=0, count=1):
    """From host A to the wire, in `count` packets."""
    def prepare():
        a.wan.read()
        return datagram(size)

    def arrives(_, faulted):
        deadline, got = after(0.15 if faulted else 2), []
        while len(got) < count and time.monotonic() < deadline:
            got += a.wan.read()
        return len(got) >= count

    Path(what + ", out", a.ns, prepare, a.lan.write, arrives).sweep(least)


def sealed(packet):
    """What gateway A makes of a packet."""
    a.wan.read()
    a.lan.write(packet)
    got = soon(a.wan.read, lambda _: True, 2)
    check(got, "gateway A sent nothing")
    return got


def inward(what, size=100, least=0):
    """From the wire to host B; what gateway A makes of the packet is ready before the fault."""
    def prepare():
        b.lan.read()
        packet = datagram(size)
        return packet, sealed(packet)

    def send(token):
        for outer in token[1]:
            b.wan.write(outer)

    def arrives(token, faulted):
        def same(got):
            return got[20:] == token[0][20:]
        return any(map(same, soon(b.lan.read, same, 0.15 if faulted else 2)))

    Path(what + ", in", b.ns, prepare, send, arrives).sweep(least)


for name in ("aes128-sha1-96", "aes128-gcm", "aes128-ctr-sha2-384-192", "chacha20-poly1305", "aes128-ccm-8"):
    with case(f"a tunnel with ESP, {name}"):
        install(BY_NAME[name])
        outward(name)
        inward(name)

end()
