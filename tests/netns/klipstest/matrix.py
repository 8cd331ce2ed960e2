# SPDX-License-Identifier: GPL-2.0-only
"""Two gateways side by side, in every way of protecting what goes between them.

        gwA  wan0 192.0.2.1, 2001:db8::1 ======== 192.0.2.2, 2001:db8::2 wan0  gwB
             lo   10.1.0.1,  fd01::1                 10.2.0.1,  fd02::1  lo
             ipsec0 on wan0

Gateway A is KLIPS, gateway B native XFRM or KLIPS. A cell of the matrix is a bundle of SAs, a mode, the families of the
inner and the outer header, and whether UDP carries it.
"""

import os
import socket
import struct
import threading
from dataclasses import dataclass, field

from .counters import drops, xfrm
from .netns import Netns, run
from .tap import Failure, on_failure

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
INNER = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
LENGTH = {4: 32, 6: 128}
INET = {4: "inet", 6: "inet6"}
PORT = 4500
UDP_ENCAP, UDP_ENCAP_ESPINUDP = 100, 2


@dataclass(frozen=True)
class Algorithm:
    """What `ipsec spi` and `ip xfrm state` call an algorithm, and its key sizes in bytes."""

    name: str
    proto: str
    enc: str = ""
    enc_len: int = 0
    auth: str = ""
    auth_len: int = 0
    icv_bits: int = 0

    def keys(self):
        """New keys: of the cipher, of the authentication."""
        return os.urandom(self.enc_len), os.urandom(self.auth_len)

    def klips(self, keys):
        """The words for `ipsec spi`."""
        words = [f"--{self.proto}", self.name]
        if self.enc_len:
            words += ["--enckey", "0x" + keys[0].hex()]
        if self.auth_len:
            words += ["--authkey", "0x" + keys[1].hex()]
        return words

    def xfrm(self, keys, outer):
        """The words for `ip xfrm state add`."""
        if self.proto == "comp":
            return "comp deflate"
        if self.enc and not self.auth and self.icv_bits:
            return f"aead {self.enc} 0x{keys[0].hex()} {self.icv_bits}"
        auth = f"auth-trunc {self.auth} 0x{keys[1].hex()} {self.icv_bits}" if self.auth else ""
        if self.proto == "ah":
            # RFC 4302 aligns AH to four bytes in IPv4; Linux does only if it is told to.
            return auth + (" flag align4" if outer == 4 else "")
        key = f"0x{keys[0].hex()}" if self.enc_len else '""'
        return f"enc {self.enc} {key} {auth}"


GCM = Algorithm("aes128-gcm", "esp", "rfc4106(gcm(aes))", 20, icv_bits=128)
COMP = Algorithm("deflate", "comp")
ESP = Algorithm("aes128-sha1-96", "esp", "cbc(aes)", 16, "hmac(sha1)", 20, 96)
AH = Algorithm("hmac-sha1-96", "ah", "", 0, "hmac(sha1)", 20, 96)
BUNDLES = {"ESP": (ESP,), "AH": (AH,), "IPComp+ESP": (COMP, ESP), "AH+ESP": (ESP, AH)}


@dataclass
class Cell:
    """One cell. `algorithms` are inner to outer."""

    algorithms: tuple
    mode: str
    inner: int
    outer: int
    udp: bool = False
    esn: bool = False
    keys: list = field(default_factory=list)

    def __post_init__(self):
        # One set of keys for each direction.
        self.keys = [[algorithm.keys() for algorithm in self.algorithms] for _ in range(2)]

    def __str__(self):
        bundle = "+".join(algorithm.proto.upper() for algorithm in reversed(self.algorithms))
        names = "/".join(algorithm.name for algorithm in self.algorithms)
        over = "tunnel" if self.mode == "tunnel" else "transport"
        return f"{bundle} {names} {over} {self.inner} in {self.outer}{' in UDP' if self.udp else ''}{' ESN' if self.esn else ''}"

    def ends(self):
        """The addresses that are protected: A's, B's."""
        return INNER[self.inner] if self.mode == "tunnel" else OUTER[self.outer]

    def spi(self, direction, i):
        """The SPI of the SA `i` of a direction: 0 from A to B, 1 back."""
        return 0x1001 + 0x1000 * direction + 0x10 * i

    def algs(self, direction):
        """Algorithm, keys and SPI of each SA of a direction."""
        return [(algorithm, self.keys[direction][i], self.spi(direction, i))
                for i, algorithm in enumerate(self.algorithms)]


class Pair:
    """Both gateways."""

    def __init__(self):
        # Without it no socket can be exempted from policies.
        run("modprobe", "xfrm_user")
        self.a, self.b = Netns("gwA"), Netns("gwB")
        self.a.ip(f"link add wan0 type veth peer name wan0 netns {self.b.name}")
        macs = []
        for i, ns in enumerate((self.a, self.b)):
            for scope in ("all", "default", "wan0", "lo"):
                ns.write(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "0")
            ns.write("/proc/sys/net/ipv6/conf/wan0/accept_dad", "0")
            ns.ip(f"addr add {OUTER[4][i]}/24 dev wan0", f"addr add {OUTER[6][i]}/64 dev wan0 nodad",
                  f"addr add {INNER[4][i]}/32 dev lo", f"addr add {INNER[6][i]}/128 dev lo nodad",
                  "link set wan0 up")
            macs.append(mac(ns))
        for i, ns in enumerate((self.a, self.b)):
            # Neighbours are known: what finds them is not what is tested.
            ns.ip(*(f"neigh replace {OUTER[f][1 - i]} lladdr {macs[1 - i]} nud permanent dev wan0" for f in (4, 6)))
        self.sockets = []
        on_failure(self._state)

    def _state(self):
        """Counters and SAs, for the report of a failed test."""
        for ns in (self.a, self.b):
            if not ns.lives:
                continue
            yield f"{ns.name}: XFRM: {xfrm(ns)}"
            yield f"{ns.name}: discarded: {drops(ns)}"
            yield from (f"{ns.name}: {line}" for line in ns.read("/proc/net/ipsec_spi").splitlines()[:8])

    def sides(self):
        """Index and namespace of each gateway."""
        return enumerate((self.a, self.b))

    def open_udp(self):
        """Sockets on which the kernel takes ESP out of UDP, as a key daemon opens them."""
        for i, ns in self.sides():
            for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
                with ns:
                    sock = socket.socket(kind, socket.SOCK_DGRAM)
                sock.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
                let_through(sock, family)
                sock.bind((OUTER[family][i], PORT))
                self.sockets.append(sock)

    def start_klips(self, ns, i):
        """Attaches ipsec0."""
        ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
        ns.ip(f"addr add {OUTER[4][i]}/32 dev ipsec0", "link set ipsec0 up")

    def route(self, cell, i, ns, klips):
        """The route of what is protected."""
        peer, mine = cell.ends()[1 - i], cell.ends()[i]
        if klips:
            ns.ip(f"route replace {peer}/{LENGTH[cell.inner]} dev ipsec0 src {mine}")
        elif cell.mode == "tunnel":
            via = f"via {OUTER[cell.inner][1 - i]}"
            ns.ip(f"route replace {peer}/{LENGTH[cell.inner]} {via} dev wan0 src {mine}")

    def unroute(self, cell, i, ns, klips):
        """Takes it away."""
        if klips or cell.mode == "tunnel":
            ns.ip(f"route del {cell.ends()[1 - i]}/{LENGTH[cell.inner]}")

    def klips(self, cell, i, ns):
        """Makes SAs and eroutes of a cell on a gateway that is KLIPS."""
        lines = ["set -e", "ipsec eroute --clear", "ipsec spi --clear"]
        family = INET[cell.outer]
        said = {}
        for direction in (0, 1):
            src, dst = OUTER[cell.outer][direction], OUTER[cell.outer][1 - direction]
            end = f"--af {family} --edst {dst} --src {src}"
            group = []
            if cell.mode == "tunnel":
                spi = 0x1000 + 0x1000 * direction
                lines.append(f"ipsec spi {end} --spi {spi:#x} --proto tun --dst {dst} --ip{cell.outer}")
                group.append((spi, "tun"))
            for algorithm, keys, spi in cell.algs(direction):
                words = " ".join(algorithm.klips(keys))
                if algorithm.proto == "esp" and cell.udp:
                    words += f" --natt nonesp --sport {PORT} --dport {PORT}"
                if algorithm.proto != "comp":
                    words += " --replay_window 64" + (" --esn" if cell.esn else "")
                lines.append(f"ipsec spi {end} --spi {spi:#x} --proto {algorithm.proto} {words}")
                group.append((spi, algorithm.proto))
            if len(group) > 1:
                lines.append("ipsec spigrp " + " ".join(f"{family} {dst} {spi:#x} {proto}" for spi, proto in group))
            spi, proto = group[0]
            said[direction] = f"--af {family} --edst {dst} --spi {spi:#x} --proto {proto}"
        mine, theirs = (f"{cell.ends()[side]}/{LENGTH[cell.inner]}" for side in (i, 1 - i))
        if cell.mode == "tunnel":
            lines.append(f"ipsec eroute --addin --eraf {INET[cell.inner]} --src {theirs} --dst {mine} {said[1 - i]}")
        lines.append(f"ipsec eroute --add --eraf {INET[cell.inner]} --src {mine} --dst {theirs} {said[i]}")
        ns.run("bash", "-c", "\n".join(lines))

    def xfrm(self, cell, i, ns):
        """Makes states and policies of a cell on a gateway that is XFRM."""
        lines = ["xfrm state flush", "xfrm policy flush"]
        for direction in (0, 1):
            src, dst = OUTER[cell.outer][direction], OUTER[cell.outer][1 - direction]
            for n, (algorithm, keys, spi) in enumerate(cell.algs(direction)):
                mode = cell.mode if n == 0 else "transport"
                encap = f" encap espinudp {PORT} {PORT} 0.0.0.0" if cell.udp and algorithm.proto == "esp" else ""
                window = " replay-window 32" if algorithm.proto != "comp" else ""
                # `flag` may be said once only.
                window += " flag esn" if cell.esn and window else ""
                sel = " sel src ::/0 dst ::/0" if mode == "tunnel" and cell.inner == 6 and cell.outer == 4 else ""
                sel = " sel src 0.0.0.0/0 dst 0.0.0.0/0" if mode == "tunnel" and cell.inner == 4 and cell.outer == 6 else sel
                lines.append(f"xfrm state add src {src} dst {dst} proto {algorithm.proto} spi {spi:#x} reqid {n + 1} "
                             f"mode {mode}{window} {algorithm.xfrm(keys, cell.outer)}{encap}{sel}")
            ends = cell.ends()
            way = "out" if direction == i else "in"
            sel = f"src {ends[direction]}/{LENGTH[cell.inner]} dst {ends[1 - direction]}/{LENGTH[cell.inner]}"
            tmpls = []
            for n, (algorithm, _, _) in enumerate(cell.algs(direction)):
                mode = cell.mode if n == 0 else "transport"
                level = " level use" if algorithm.proto == "comp" and way == "in" else ""
                # The ends name the family of a header that an earlier template has made.
                ends_of = f"src {src} dst {dst} " if cell.mode == "tunnel" else ""
                tmpls.append(f"tmpl {ends_of}proto {algorithm.proto} reqid {n + 1} mode {mode}{level}")
            lines.append(f"xfrm policy add {sel} dir {way} {' '.join(tmpls)}")
        ns.ip(*lines)

    def delete(self):
        """Ends it."""
        for sock in self.sockets:
            sock.close()
        self.a.delete()
        self.b.delete()


def let_through(sock, family):
    """Exempts a socket from XFRM's policies, as key daemons do."""
    level, option = {4: (0, 17), 6: (41, 35)}[family]
    inet = {4: socket.AF_INET, 6: socket.AF_INET6}[family]
    forever = (1 << 64) - 1
    for direction in (0, 1):
        selector = struct.pack("=32s8xHBBB3xiI", b"", inet, 0, 0, 0, 0, 0)
        policy = selector + struct.pack("=4Q4Q4QIIBBBB4x", *[forever] * 4, *[0] * 8, 0, 0, direction, 0, 0, 0)
        sock.setsockopt(level, option, policy)


def mac(ns):
    """The Ethernet address of wan0."""
    return ns.run("ip", "-br", "link", "show", "wan0").out.split()[2]


def echo(a, b, cell, sizes, seconds=10):
    """Datagrams of every size from A to B and back, compared byte for byte."""
    family = socket.AF_INET if cell.inner == 4 else socket.AF_INET6
    with b:
        server = socket.socket(family, socket.SOCK_DGRAM)
        server.bind((cell.ends()[1], 0))
    with a:
        client = socket.socket(family, socket.SOCK_DGRAM)
        client.bind((cell.ends()[0], 0))
    client.settimeout(1)
    server.settimeout(seconds)

    def serve():
        try:
            while True:
                data, peer = server.recvfrom(65536)
                server.sendto(data, peer)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        for size in sizes:
            exchange(client, server.getsockname(), size)
    finally:
        client.close()
        server.close()


def exchange(client, to, size):
    """One datagram there and back; tried again, as the first ones may tell the sender of the MTU."""
    data = (os.urandom(32) + bytes(size))[:size]
    for _ in range(5):
        try:
            client.sendto(data, to)
            if client.recv(65536) == data:
                return
        except TimeoutError:
            pass
        except OSError as error:
            # The kernel says what it has learnt of the path.
            if error.errno != 90:
                raise
    raise Failure(f"a datagram of {size} bytes did not come back")
