# SPDX-License-Identifier: GPL-2.0-only
"""Two gateways side by side, in every way of protecting what goes between them.

        gwA  wan0 192.0.2.1, 2001:db8::1 ======== 192.0.2.2, 2001:db8::2 wan0  gwB
             lo   10.1.0.1,  fd01::1                 10.2.0.1,  fd02::1  lo
             ipsec0 on wan0

Gateway A is KLIPS, gateway B native XFRM or KLIPS. What they are to do is a `cells.Cell`. Packets are routed to ipsec0, or
it catches them: then routes are those of XFRM. Programs take long to start in an emulated machine: KLIPS is told by PF_KEY, XFRM by one run of ip(8).
"""

import socket
import struct

from . import pfkey
from .counters import drops, xfrm
from .espcrypt import Ah, EspCrypt
from .netns import Netns, run
from .tap import Failure

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
INNER = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
LENGTH = {4: 32, 6: 128}
EXACT = {4: "255.255.255.255", 6: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}
ANY = {4: "0.0.0.0/0", 6: "::/0"}
PORT = 4500
UDP_ENCAP, UDP_ENCAP_ESPINUDP = 100, 2
SATYPES = {"tun": pfkey.IPIP, "comp": pfkey.COMP, "esp": pfkey.ESP, "ah": pfkey.AH}
DEFLATE = 2
KLIPS, XFRM = "KLIPS", "XFRM"


def ends(cell):
    """The addresses that are protected: A's, B's."""
    return INNER[cell.inner] if cell.mode == "tunnel" else OUTER[cell.outer]


def peers(cell):
    """Each SA with an ICV as a third party sees it: its direction and the EspCrypt or Ah, by SPI."""
    found = {}
    for direction, keys in enumerate(cell.keys):
        if cell.esp:
            found[cell.spi(direction, "esp")] = direction, EspCrypt(cell.esp, keys["esp"], cell.esn)
        if cell.ah:
            ah = Ah(cell.ah.xfrm_auth, keys["ah"], cell.ah.icv_len, cell.esn, cell.outer)
            found[cell.spi(direction, "ah")] = direction, ah
    return found


class Pair:
    """Both gateways."""

    def __init__(self, catching=False):
        self._catching = catching
        # Without it no socket can be exempted from policies.
        run("modprobe", "xfrm_user")
        self.a, self.b = Netns("gwA"), Netns("gwB")
        self.a.ip(f"link add wan0 type veth peer name wan0 netns {self.b.name}")
        macs = []
        for i, ns in self.sides():
            for scope in ("all", "default", "wan0", "lo"):
                ns.write(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "0")
            ns.write("/proc/sys/net/ipv6/conf/wan0/accept_dad", "0")
            ns.ip(f"addr add {OUTER[4][i]}/24 dev wan0", f"addr add {OUTER[6][i]}/64 dev wan0 nodad",
                  f"addr add {INNER[4][i]}/32 dev lo", f"addr add {INNER[6][i]}/128 dev lo nodad",
                  "link set wan0 up")
            macs.append(mac(ns))
        for i, ns in self.sides():
            # Neighbours are known: what finds them is not what is tested.
            ns.ip(*(f"neigh replace {OUTER[f][1 - i]} lladdr {macs[1 - i]} nud permanent dev wan0" for f in (4, 6)))
        self.sockets, self._keys, self._routes = [], {}, {}

    def state(self):
        """Counters and SAs, for the report of a failed test."""
        for _, ns in self.sides():
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
        ns.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0",
               *(["--catch"] if self._catching else []))
        ns.ip(*([] if self._catching else [f"addr add {OUTER[4][i]}/32 dev ipsec0"]), "link set ipsec0 up")
        self._keys[ns.name] = pfkey.PfKey(ns)

    def install(self, cell, far):
        """Routes, SAs and policies of both ends, in the place of what was there."""
        self.klips(cell, 0, self.a)
        if far == KLIPS:
            self.klips(cell, 1, self.b)
        else:
            self.xfrm(cell, 1, self.b)

    def klips(self, cell, i, ns):
        """A gateway that is KLIPS."""
        peer, mine = ends(cell)[1 - i], ends(cell)[i]
        way = "dev ipsec0"
        if self._catching:
            way = self._past(cell, i) if cell.mode == "tunnel" else "dev wan0"
        ns.ip(*self._route(ns, f"{peer}/{LENGTH[cell.inner]}", f"{way} src {mine}"))
        self._ask(ns, pfkey.clear_flows(), pfkey.message(pfkey.FLUSH, 0))
        for direction in (0, 1):
            self._ask(ns, *sas(cell, direction))
        for direction, flags in ((1 - i, pfkey.INFLOW), (i, 0)):
            if cell.mode == "tunnel" or not flags:
                self._ask(ns, flow(cell, direction, flags))

    def _route(self, ns, to, way):
        """The lines for ip(8) that make a route in the place of the one before. A new route knows of no MTU."""
        old = self._routes.get(ns.name)
        self._routes[ns.name] = to
        return [*([f"route del {old}"] if old else []), f"route add {to} {way}"]

    @staticmethod
    def _past(cell, i):
        """The way that there would be without IPsec."""
        return f"via {OUTER[cell.inner][1 - i]} dev wan0"

    def _ask(self, ns, *messages):
        for message in messages:
            errno, _ = self._keys[ns.name].ask(message)
            if errno:
                raise Failure(f"{ns.name}: PF_KEY message {message[1]}: errno {errno}")

    def xfrm(self, cell, i, ns):
        """A gateway that is XFRM."""
        lines = ["xfrm state flush", "xfrm policy flush"]
        # In transport mode it is the route of wan0.
        if cell.mode == "tunnel":
            peer, mine = ends(cell)[1 - i], ends(cell)[i]
            lines += self._route(ns, f"{peer}/{LENGTH[cell.inner]}", f"{self._past(cell, i)} src {mine}")
        for direction in (0, 1):
            lines += states(cell, direction)
            lines.append(policy(cell, direction, "out" if direction == i else "in"))
        ns.ip(*lines)

    def close(self):
        """Closes all sockets."""
        for sock in (*self.sockets, *self._keys.values()):
            sock.close()

    def delete(self):
        """Ends it."""
        self.close()
        self.a.delete()
        self.b.delete()


def sas(cell, direction):
    """The messages that make the SAs of a direction and group them."""
    src, dst = OUTER[cell.outer][direction], OUTER[cell.outer][1 - direction]
    group = []
    if cell.mode == "tunnel":
        group.append("tun")
        yield pfkey.add(pfkey.IPIP, dst, cell.spi(direction, "tun"), src=src)
    keys = cell.keys[direction]
    guard = {"replay": 64, "flags": pfkey.ESN if cell.esn else 0}
    for member in cell.members:
        words = {"comp": {"encrypt": DEFLATE}}.get(member)
        if member == "esp":
            words = {"encrypt": cell.esp.enc_id, "auth": cell.esp.auth_id, "enc_key": keys["esp"][0],
                     "auth_key": keys["esp"][1], **guard}
            words["more"] = pfkey.natt(PORT, PORT) if cell.udp else ()
        elif member == "ah":
            words = {"auth": cell.ah.auth_id, "auth_key": keys["ah"], **guard}
        yield pfkey.add(SATYPES[member], dst, cell.spi(direction, member), src=src, **words)
        group.append(member)
    for pair in zip(group, group[1:]):
        yield pfkey.group(*((SATYPES[member], dst, cell.spi(direction, member)) for member in pair))


def flow(cell, direction, flags):
    """The message that makes the eroute, or inbound policy, of a direction."""
    src, dst = ends(cell)[direction], ends(cell)[1 - direction]
    first = "tun" if cell.mode == "tunnel" else cell.members[0]
    selector = pfkey.flow(src, EXACT[cell.inner], dst, EXACT[cell.inner])
    outer = OUTER[cell.outer]
    return pfkey.addflow(selector, outer[1 - direction], cell.spi(direction, first), SATYPES[first], flags,
                         src=outer[direction])


def states(cell, direction):
    """The lines for ip(8) that make XFRM's states of a direction."""
    src, dst = OUTER[cell.outer][direction], OUTER[cell.outer][1 - direction]
    for n, member in enumerate(cell.members):
        mode = cell.mode if n == 0 else "transport"
        keys = cell.keys[direction]
        words = {"comp": lambda: "comp deflate", "esp": lambda: cell.esp.xfrm(keys["esp"]),
                 "ah": lambda: cell.ah.xfrm(keys["ah"], cell.outer)}[member]()
        window = "" if member == "comp" else " replay-window 32" + (" flag esn" if cell.esn else "")
        encap = f" encap espinudp {PORT} {PORT} 0.0.0.0" if cell.udp and member == "esp" else ""
        sel = f" sel src {ANY[cell.inner]} dst {ANY[cell.inner]}" if mode == "tunnel" and cell.inner != cell.outer else ""
        yield (f"xfrm state add src {src} dst {dst} proto {member} spi {cell.spi(direction, member):#x} reqid {n + 1} "
               f"mode {mode}{window} {words}{encap}{sel}")


def policy(cell, direction, way):
    """The line that makes XFRM's policy of a direction."""
    src, dst = OUTER[cell.outer][direction], OUTER[cell.outer][1 - direction]
    # The ends name the family of a header that an earlier template has made.
    between = f"src {src} dst {dst} " if cell.mode == "tunnel" else ""
    templates = []
    for n, member in enumerate(cell.members):
        mode = cell.mode if n == 0 else "transport"
        level = " level use" if member == "comp" and way == "in" else ""
        templates.append(f"tmpl {between}proto {member} reqid {n + 1} mode {mode}{level}")
    prefixes = [f"{end}/{LENGTH[cell.inner]}" for end in ends(cell)]
    return f"xfrm policy add src {prefixes[direction]} dst {prefixes[1 - direction]} dir {way} {' '.join(templates)}"


def let_through(sock, family):
    """Exempts a socket from XFRM's policies, as key daemons do."""
    level, option = {4: (0, 17), 6: (41, 35)}[family]
    inet = {4: socket.AF_INET, 6: socket.AF_INET6}[family]
    forever = (1 << 64) - 1
    for direction in (0, 1):
        selector = struct.pack("=32s8xHBBB3xiI", b"", inet, 0, 0, 0, 0, 0)
        policy_ = selector + struct.pack("=4Q4Q4QIIBBBB4x", *[forever] * 4, *[0] * 8, 0, 0, direction, 0, 0, 0)
        sock.setsockopt(level, option, policy_)


def mac(ns):
    """The Ethernet address of wan0."""
    return ns.run("ip", "-br", "link", "show", "wan0").out.split()[2]
