# SPDX-License-Identifier: GPL-2.0-only
"""Policies of the Linux dialect decide about packets: KLIPS on gateway A, driven by `ipsec setkey`, XFRM on gateway B."""

import json
import socket
import struct
import threading
import time

from klipstest import pcrypt, pfkey
from klipstest.counters import Watch
from klipstest.netns import run
from klipstest.packet import Sniffer
from klipstest.policies import HOSTS, NETS, PROTOS, Sa, batch, policy, script
from klipstest.tap import SLOWER, case, check, contains, end, equal, fewer, until
from klipstest.topology import A, B, HOST_A, HOST_B, NET_A, NET_B, Klips, Topology, Xfrm
from klipstest.traffic import Pinger, no_ping, ping, reaches, transfer

topology = Topology()
a, b = topology.gateway("A", Klips), topology.gateway("B", Xfrm)
gwA, gwB = a.ns, b.ns
run("modprobe", "xfrm_user")
# Where it is loaded, as charon has it, XFRM wants a policy besides for what comes out of the outer one of two tunnels.
run("modprobe", "-r", "xfrm_interface", ok=False)
for gateway in (a, b):
    gateway.start()
# What leaves in clear goes by a route of the physical device.
gwA.ip(f"route add {B}/32 dev ipsec0 src {A}", f"route add {NET_B} via {B} dev wan0 metric 9")
wire = Sniffer(gwB, "wan0")
# Two processors overtake each other.
HARMLESS = {"rx_replayed"}


def setkey(text, ok=True):
    """Runs a script on gateway A."""
    return gwA.run("ipsec", "setkey", "-c", stdin=text, ok=ok)


def both(sas, selector=NETS):
    """The same SAs and policies at both ends."""
    setkey(script(sas, selector))
    gwB.ip(*batch(sas, selector))


def twice(*sas):
    """SAs of the same kind, with other keys, for each direction."""
    return {A: [Sa(*sa) for sa in sas], B: [Sa(*sa) for sa in sas]}


def rose(watch):
    """What was discarded since."""
    return {why: n for why, n in watch.rose().items() if why not in HARMLESS}


def on_wire(tunnel=False):
    """The protocols of what was on the wire from gateway A since."""
    time.sleep(0.05 * SLOWER)
    # What XFRM has taken out of a tunnel shows there again.
    sources = [socket.inet_aton(address) for address in ((A,) if tunnel else (A, HOST_A))]
    return {packet[9] for packet in wire.all() if packet[12:16] in sources}


def traffic(source, sink, to, back):
    """Echoes of all sizes, and streams both ways."""
    for ns, address in ((source, to), (sink, back)):
        pinger = Pinger(ns)
        for size in (0, 56, 1200, 4000):
            pinger.ping(address, size)
        pinger.close()
    transfer(source, sink, to, 30_000)
    transfer(sink, source, back, 30_000)


def works(name, sas, selector=NETS):
    """A test that SAs and policies of both stacks understand each other."""
    with case(name):
        both(sas, selector)
        watch, tunnel = Watch(gwA), selector == NETS
        wire.all()
        if tunnel:
            traffic(topology.hostA, topology.hostB, HOST_B, HOST_A)
        else:
            traffic(gwA, gwB, B, A)
        equal(on_wire(tunnel), {PROTOS[sas[A][-1].proto]}, "protocols on the wire")
        equal(rose(watch), {}, "discarded packets")


works("ESP in tunnel mode", twice(("esp",)))
works("AH in tunnel mode", twice(("ah",)))
works("ESP in transport mode", twice(("esp", "transport")), HOSTS)
works("AH in transport mode", twice(("ah", "transport")), HOSTS)
works("ESP in a tunnel, AH around it", twice(("esp",), ("ah", "transport")))
works("ESP and AH in transport mode", twice(("esp", "transport"), ("ah", "transport")), HOSTS)
works("IPComp and ESP in transport mode", twice(("ipcomp", "transport"), ("esp", "transport")), HOSTS)
works("IPComp in a tunnel, ESP around it", twice(("ipcomp",), ("esp", "transport")))
works("a tunnel in a tunnel between the same ends", twice(("esp", "tunnel", 21), ("esp", "tunnel", 22)))
works("numbered SAs", twice(("esp", "tunnel", 17)))

with case("a number chooses the SA"):
    both(twice(("esp", "tunnel", 17)))
    setkey(f"add {A} {B} esp 0x1999 -m tunnel -u 18 -r 32 -E aes-cbc 0x{'11' * 16} -A hmac-sha1 0x{'22' * 20};")
    ping(topology.hostA, HOST_B)
    found = gwA.read("/proc/net/ipsec_spi")
    line = next(line for line in found.splitlines() if "0x1999" in line)
    check("packets" not in line, f"the newer SA of another number was used: {line}")

with case("the policy of the lowest priority decides, and the eldest among equals"):
    sas = twice(("esp",))
    both(sas)
    esp = [sa.template(A, B) for sa in sas[A]]
    watch = Watch(gwA)
    setkey(f"spdadd {NET_A} 10.2.0.0/16 any -P out prio high + 1 discard;")
    no_ping(topology.hostA, HOST_B)
    equal(rose(watch), {"tx_policy_discard": 1}, "discarded packets")
    setkey(policy(NET_A, f"{HOST_B}/32", "out", esp, prio="prio high + 2"))
    ping(topology.hostA, HOST_B)
    setkey(f"spddelete {NET_A} {HOST_B}/32 any -P out; spdadd {NET_A} 10.0.0.0/8 any -P out prio high + 1 none;")
    no_ping(topology.hostA, HOST_B)
    setkey(f"spddelete {NET_A} 10.2.0.0/16 any -P out;")
    wire.all()
    no_ping(topology.hostA, HOST_B)
    equal(on_wire(), {1}, "protocols on the wire")

with case("protocols and ports"):
    both(twice(("esp",)))
    setkey(f"spdadd {NET_A} {NET_B}[9] udp -P out prio high discard; spdadd {NET_A} {NET_B} icmp 8,0 -P out prio high discard;")
    watch = Watch(gwA)
    no_ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)
    equal(rose(watch), {"tx_policy_discard": 1}, "discarded packets")
    with topology.hostA, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (HOST_B, 9))
        sock.sendto(b"x", (HOST_B, 10))
    until(lambda: rose(watch) == {"tx_policy_discard": 2}, f"one of both is discarded: {rose(watch)}", 3)

with case("nothing without policy: nothing leaves, and nothing comes out of a tunnel"):
    sas = twice(("esp",))
    both(sas)
    setkey(f"spddelete {NET_A} {NET_B} any -P out;")
    watch = Watch(gwA)
    no_ping(topology.hostA, HOST_B)
    equal(rose(watch), {"tx_no_eroute": 1}, "discarded packets")
    setkey(f"spddelete {NET_B} {NET_A} any -P in;")
    watch = Watch(gwA)
    no_ping(topology.hostB, HOST_A)
    equal(rose(watch), {"rx_no_policy": 1}, "discarded packets")
    gwA.sysctl("net.ipsec.inbound_policy_check", 0)
    setkey(policy(NET_A, NET_B, "out", [sa.template(A, B) for sa in sas[A]]))
    ping(topology.hostB, HOST_A)
    gwA.sysctl("net.ipsec.inbound_policy_check", 1)

with case("what comes in other than its policy wants is refused"):
    sas = twice(("esp",))
    both(sas)
    for why, templates in (("another tunnel", [f"esp/tunnel/192.0.2.77-{A}/require"]),
                           ("another number", [f"esp/tunnel/{B}-{A}/unique:5"]),
                           ("another protocol", [f"ah/tunnel/{B}-{A}/require"]),
                           ("more than there is", [f"esp/tunnel/{B}-{A}/require", "ah/transport//require"]),
                           ("transport mode", ["esp/transport//require"])):
        for way in ("fwd", "in"):
            setkey(f"spddelete {NET_B} {NET_A} any -P in;", ok=False)
            gwA.run("ipsec", "setkey", "-k", "-c", stdin=f"spddelete {NET_B} {NET_A} any -P {way};", ok=False)
            gwA.run("ipsec", "setkey", "-k", "-c", stdin=policy(NET_B, NET_A, way, templates))
            watch = Watch(gwA)
            to = HOST_A if way == "fwd" else "10.1.0.1"
            check(not reaches(topology.hostB, to), f"{why}: it was let in, {way}")
            equal(rose(watch), {"rx_policy_mismatch": 1}, f"{why}, {way}: discarded packets")
            gwA.run("ipsec", "setkey", "-k", "-c", stdin=f"spddelete {NET_B} {NET_A} any -P {way};")

with case("what comes in clear is refused where a policy wants protection"):
    sas = twice(("esp",))
    both(sas)
    gwB.ip("xfrm policy flush")
    watch = Watch(gwA)
    no_ping(topology.hostB, HOST_A)
    no_ping(topology.hostB, "10.1.0.1")
    equal(rose(watch), {"rx_plaintext": 2}, "discarded packets")
    setkey(f"spdadd {NET_B} {NET_A} icmp -P in prio high discard;")
    watch = Watch(gwA)
    no_ping(topology.hostB, HOST_A)
    equal(rose(watch), {"rx_policy_discard": 1}, "discarded packets")
    setkey(f"spdupdate {NET_B} {NET_A} icmp -P in prio high none;"
           f"spdadd {NET_A} {NET_B} icmp -P out prio high none;")
    ping(topology.hostB, HOST_A)

with case("an SA that is only used if it is there"):
    sas = {end: [Sa("esp", "transport", level="use")] for end in (A, B)}
    both(sas, HOSTS)
    wire.all()
    ping(gwA, B)
    equal(on_wire(), {50}, "protocols on the wire")
    setkey("flush;")
    gwB.ip("xfrm state flush", "xfrm policy flush")
    ping(gwA, B)
    equal(on_wire(), {1}, "protocols on the wire")

with case("an eroute decides, whatever policies say"):
    both(twice(("esp",)))
    setkey(f"spdadd {NET_A} {HOST_B}/32 any -P out prio high discard;")
    no_ping(topology.hostA, HOST_B)
    gwA.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", NET_A, "--dst", NET_B, "--said", f"esp0x1001@{B}")
    watch = Watch(gwA)
    ping(topology.hostA, HOST_B)
    equal(rose(watch), {}, "discarded packets")
    gwA.run("ipsec", "eroute", "--clear")
    no_ping(topology.hostA, HOST_B)

with case("a newer SA takes over under traffic, and the old one goes: nothing is lost"):
    sas = twice(("esp",))
    both(sas)
    sent, answered, stop = [0], [0], threading.Event()

    def flow():
        """Echo requests, one after the other."""
        pinger = Pinger(topology.hostA)
        while not stop.is_set():
            sent[0] += 1
            answered[0] += pinger.awaits(pinger.send(HOST_B), HOST_B, 1)
        pinger.close()

    thread = threading.Thread(target=flow)
    watch = Watch(gwA)
    thread.start()
    for turn in range(1, 6):
        new, old = 0x1001 + turn, 0x1000 + turn
        for src, dst, step in ((A, B, 0), (B, A, 0x1000)):
            sa = Sa()
            # Who receives has it first.
            if src == A:
                gwB.ip(sa.xfrm(src, dst, new + step))
                setkey(sa.setkey(src, dst, new + step))
            else:
                setkey(sa.setkey(src, dst, new + step))
                gwB.ip(sa.xfrm(src, dst, new + step))
        gwB.ip(f"xfrm state delete src {B} dst {A} proto esp spi {old + 0x1000:#x}")
        setkey(f"delete {A} {B} esp {old:#x};")
        time.sleep(0.1 * SLOWER)
        setkey(f"delete {B} {A} esp {old + 0x1000:#x};")
        gwB.ip(f"xfrm state delete src {A} dst {B} proto esp spi {old:#x}")
    stop.set()
    thread.join()
    check(sent[0] > 50, f"only {sent[0]} requests were sent")
    equal(answered[0], sent[0], "answers")
    equal(rose(watch), {}, "discarded packets")

with case("an SA in UDP"):
    sas = twice(("esp",))
    setkey(script(sas, NETS).replace(f"add {A} {B} esp", f"add {A}[4500] {B}[4500] esp-udp")
           .replace(f"add {B} {A} esp", f"add {B}[4500] {A}[4500] esp-udp"))
    gwB.ip(*(line + (" encap espinudp 4500 4500 0.0.0.0" if "state add" in line else "") for line in batch(sas, NETS)))
    sockets = []
    for ns, address in ((gwA, A), (gwB, B)):
        with ns:
            sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].bind((address, 4500))
        sockets[-1].setsockopt(socket.IPPROTO_UDP, 100, 2)
    watch = Watch(gwA)
    wire.all()
    traffic(topology.hostA, topology.hostB, HOST_B, HOST_A)
    equal(on_wire(True), {17}, "protocols on the wire")
    equal(rose(watch), {}, "discarded packets")
    for sock in sockets:
        sock.close()

MANY = fewer(1000)

with case(f"{MANY} SAs between the same gateways"):
    sas = twice(("esp",))
    both(sas)
    setkey("\n".join(Sa().setkey(A, B, 0x5000 + i) for i in range(MANY)) + sas[A][0].setkey(A, B, 0x1009))
    gwB.ip(sas[A][0].xfrm(A, B, 0x1009))
    watch = Watch(gwA)
    traffic(topology.hostA, topology.hostB, HOST_B, HOST_A)
    setkey(f"delete {A} {B} esp 0x1009; deleteall {A} {B} esp;")
    gwB.ip(f"xfrm state delete src {A} dst {B} proto esp spi 0x1009")
    setkey(sas[A][0].setkey(A, B, 0x1001))
    ping(topology.hostA, HOST_B)
    equal(rose(watch), {}, "discarded packets")

with case("bundles whose ciphers come back later"):
    pcrypt.instantiate("authenc(hmac(sha1),cbc(aes))")
    gwA.sysctl("net.ipsec.async_crypto", 1)
    later = [[("esp",)], [("esp",), ("ah", "transport")], [("esp", "tunnel", 21), ("esp", "tunnel", 22)]]
    if SLOWER == 1:
        # XFRM at the other end has its cipher come back too, and then looks for the SA inside without RCU's lock, of which
        # KERNEL=debug would tell.
        later.append([("ipcomp",), ("esp", "transport")])
    for kinds in later:
        both(twice(*kinds))
        watch = Watch(gwA)
        traffic(topology.hostA, topology.hostB, HOST_B, HOST_A)
        equal(rose(watch), {}, f"{kinds}: discarded packets")
    gwA.sysctl("net.ipsec.async_crypto", 0)

X_POLICY, PROPOSAL = 18, 13


def extensions(message):
    """Those of a message, by type."""
    found, at = {}, 16
    while at < len(message):
        words, kind = struct.unpack_from("=HH", message, at)
        found[kind] = message[at:at + 8 * words]
        at += 8 * words
    return found


class Daemon:
    """A raw listener of the Linux dialect."""

    def __init__(self, ns):
        with ns:
            self.sock = socket.socket(pfkey.PF_KEY, socket.SOCK_RAW, pfkey.PF_KEY_V2)
        self.sock.settimeout(5 * SLOWER)
        # SPDDUMP shows the dialect.
        self.sock.send(pfkey.message(18, 0))
        self.sock.send(pfkey.message(pfkey.REGISTER, pfkey.ESP))
        self.drain()

    def drain(self):
        """What has come so far."""
        found = []
        self.sock.settimeout(0.1 * SLOWER)
        try:
            while True:
                found.append(self.sock.recv(8192))
        except TimeoutError:
            return found
        finally:
            self.sock.settimeout(5 * SLOWER)

    def acquire(self):
        """The next ACQUIRE."""
        while True:
            message = self.sock.recv(8192)
            if message[1] == pfkey.ACQUIRE:
                return message


with case("a missing SA is asked for, and the first packet waits for it"):
    sas = twice(("esp",))
    both(sas)
    daemon = Daemon(gwA)
    setkey(f"delete {A} {B} esp 0x1001;")
    daemon.drain()
    watch = Watch(gwA)
    pinger = Pinger(topology.hostA)
    waiting = [pinger.send(HOST_B, size) for size in (10, 20, 30)]
    message = daemon.acquire()
    equal(daemon.drain(), [], "further messages")
    check(len(message) < 4096, "the message is too long for clients")
    kind, err, satype, _, _, seq, pid = struct.unpack_from("=xBBBHHII", message)
    equal((kind, err, satype, pid), (pfkey.ACQUIRE, 0, pfkey.ESP, 0), "header")
    check(seq != 0, "it has no number")
    found = extensions(message)
    equal(sorted(found), [pfkey.SRC, pfkey.DST, PROPOSAL, X_POLICY], "extensions")
    for ext, address in ((pfkey.SRC, A), (pfkey.DST, B)):
        equal(found[ext][4:6] + found[ext][8:16], bytes([0, 32, 2, 0, 0, 0]) + socket.inet_aton(address), "an end")
    words, _, kind, direction, _, number, _ = struct.unpack_from("=HHHBBII", found[X_POLICY])
    equal((words, kind, direction, number & 7), (2, 2, 2, 1), "policy")
    contains(gwA.run("ipsec", "setkey", "-c", stdin=f"spdget {number};").out, "out", "the policy of that number")
    equal((found[PROPOSAL][4], (len(found[PROPOSAL]) - 8) % 72), (32, 0), "proposal")
    setkey(sas[A][0].setkey(A, B, 0x1001))
    check(pinger.awaits(waiting[0], HOST_B, 3), "the first packet is lost")
    check(pinger.awaits(waiting[2], HOST_B, 3), "the latest packet is lost")
    equal(rose(watch), {"tx_hold_evicted": 1}, "discarded packets")
    pinger.close()

with case("who says no is not asked again at once, and the packets are gone"):
    setkey(f"delete {A} {B} esp 0x1001;")
    daemon.drain()
    watch = Watch(gwA)
    no_ping(topology.hostA, HOST_B, 0.2)
    message = daemon.acquire()
    seq = struct.unpack_from("=I", message, 8)[0]
    daemon.sock.send(pfkey.message(pfkey.ACQUIRE, pfkey.ESP, seq=seq, err=22))
    equal(rose(watch), {"tx_hold_evicted": 1}, "discarded packets")
    no_ping(topology.hostA, HOST_B, 0.2)
    equal(rose(watch), {"tx_hold_evicted": 1, "tx_not_acquired": 1}, "discarded packets")
    equal([m for m in daemon.drain() if m[1] == pfkey.ACQUIRE], [], "further questions")

with case("a policy that goes lets its packets go; another asks anew, and again, and gives up"):
    gwA.sysctl("net.ipsec.hold_retry", 1)
    gwA.sysctl("net.ipsec.hold_lifetime", 3)
    setkey(f"spddelete {NET_A} {NET_B} any -P out;" + policy(NET_A, NET_B, "out", [sas[A][0].template(A, B)]))
    daemon.drain()
    watch = Watch(gwA)
    no_ping(topology.hostA, HOST_B, 0.2)
    asked = [daemon.acquire() for _ in range(2)]
    check(len({message[8:12] for message in asked}) == 2, "both questions have one number")
    until(lambda: rose(watch) == {"tx_hold_evicted": 1}, f"it is given up: {rose(watch)}", 6)
    setkey(f"spdupdate {NET_A} {NET_B} any -P out discard;")
    no_ping(topology.hostA, HOST_B, 0.2)
    setkey("spdflush;" + policy(NET_A, NET_B, "out", [sas[A][0].template(A, B)]))
    watch = Watch(gwA)
    no_ping(topology.hostA, HOST_B, 0.2)
    setkey("spdflush;")
    equal(rose(watch), {"tx_no_eroute": 1}, "discarded packets")
    gwA.sysctl("net.ipsec.hold_retry", 20)
    gwA.sysctl("net.ipsec.hold_lifetime", 120)

with case("nobody to ask: the packet is dropped"):
    daemon.sock.close()
    both(sas)
    setkey(f"delete {A} {B} esp 0x1001;")
    watch = Watch(gwA)
    no_ping(topology.hostA, HOST_B, 0.2)
    equal(rose(watch), {"tx_not_acquired": 1}, "discarded packets")

V6 = {A: "2001:db8::1", B: "2001:db8::2"}

with case("IPv6: ESP in transport mode, and a tunnel"):
    for ns, here, there, device in ((gwA, V6[A], V6[B], "ipsec0"), (gwB, V6[B], V6[A], "wan0")):
        for name in {"wan0", device}:
            ns.sysctl(f"net.ipv6.conf.{name}.disable_ipv6", 0)
        ns.ip(f"addr add {here}/64 dev wan0 nodad", f"route replace {there}/128 dev {device} src {here}")
    for ns, far, there in ((gwA, gwB, V6[B]), (gwB, gwA, V6[A])):
        # XFRM protects answers to neighbours, too.
        address = json.loads(far.run("ip", "-j", "link", "show", "wan0").out)[0]["address"]
        ns.ip(f"neigh replace {there} lladdr {address} dev wan0 nud permanent")
    for mode in ("transport", "tunnel"):
        sas = {V6[end]: [Sa("esp", mode)] for end in (A, B)}
        ends = V6[A], V6[B]
        hosts = [f"{end}/128" for end in ends]
        setkey(script(sas, hosts, ends))
        gwB.ip(*batch(sas, hosts, ends))
        watch = Watch(gwA)
        transfer(gwA, gwB, V6[B], 30_000, family=6)
        transfer(gwB, gwA, V6[A], 30_000, family=6)
        # Neighbours that talk of themselves.
        found = {why: n for why, n in rose(watch).items() if why not in ("tx_no_eroute", "tx_frag_needed")}
        equal(found, {}, f"{mode}: discarded packets")
        carried = [line for line in gwA.read("/proc/net/ipsec_spi").splitlines() if "packets(" in line]
        equal(len(carried), 2, f"{mode}: SAs that carried something")

topology.delete()
end()
