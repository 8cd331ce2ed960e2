# SPDX-License-Identifier: GPL-2.0-only
"""Transport mode with a peer behind address translation, ESP in UDP; how sockets are handed over; keepalives.

    gwA (KLIPS, 192.0.2.1) ====== gwB (masquerades as 192.0.2.2) ------ hostB (XFRM, 10.2.0.2)
"""

import errno
import fcntl
import os
import socket
import struct

from klipstest import pfkey
from klipstest.counters import Watch
from klipstest.packet import Sniffer
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, until
from klipstest.topology import A, B, HOST_B, Topology
from klipstest.traffic import payload, ping, transfer

UDP_ENCAP, ESPINUDP, PORT = 100, 2, 4500
CONVERT, NEW_MAPPING = 0x89F3, 17
SUITE = BY_NAME["aes128-sha1-96"]

topology = Topology(mtu=None)
gw, nat, peer = topology.gwA, topology.gwB, topology.hostB
nat.run("nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; "
        "add rule ip nat out oifname wan0 masquerade")
gw.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
gw.ip(f"addr add {A}/32 dev ipsec0", "link set ipsec0 up", f"route add {HOST_B}/32 dev ipsec0 src {A}")


def udp_socket(ns, address, port=PORT):
    """A UDP socket with a deadline."""
    with ns:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    sock.settimeout(2 * SLOWER)
    return sock


def hand_over(sock, fd, kind=ESPINUDP):
    """The ioctl of key daemons that were made for KLIPS; the errno, 0 if it went well."""
    try:
        fcntl.ioctl(sock, CONVERT, struct.pack("16sii16x", b"ipsec0", fd, kind))
    except OSError as error:
        return error.errno
    return 0


def kernel_log():
    """The kernel's log."""
    with open("/dev/kmsg", encoding="utf-8", errors="replace") as file:
        os.set_blocking(file.fileno(), False)
        lines = []
        while True:
            try:
                lines.append(os.read(file.fileno(), 8192).decode(errors="replace"))
            except BlockingIOError:
                return "".join(lines)


ike, far = udp_socket(gw, A), udp_socket(peer, HOST_B)
far.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, ESPINUDP)
out, inward = (SUITE.keys() for _ in range(2))


def sas(*words):
    """The SAs of both ends."""
    gw.run("ipsec", "eroute", "--clear")
    gw.run("ipsec", "spi", "--clear")
    for src, dst, spi, keys in ((A, B, 0x2001, out), (B, A, 0x1001, inward)):
        gw.run("ipsec", "spi", "--af", "inet", "--edst", dst, "--src", src, "--spi", hex(spi), "--proto", "esp",
               *SUITE.ipsec(keys), "--natt", "nonesp", "--sport", PORT, "--dport", PORT, *words)
    gw.run("ipsec", "eroute", "--add", "--eraf", "inet", "--src", f"{A}/32", "--dst", f"{HOST_B}/32", "--said",
           f"esp0x2001@{B}")


state = f"proto esp reqid 1 mode transport encap espinudp {PORT} {PORT} 0.0.0.0"
tmpl = "tmpl proto esp reqid 1 mode transport"
peer.ip(f"xfrm state add src {HOST_B} dst {A} spi 0x1001 {state} {SUITE.xfrm(inward)}",
        f"xfrm state add src {A} dst {HOST_B} spi 0x2001 {state} {SUITE.xfrm(out)}",
        # Not for port 4500: key daemons exempt their sockets.
        *(f"xfrm policy add {ends} proto {what} dir {direction} {tmpl}"
          for ends, direction in ((f"src {HOST_B} dst {A}", "out"), (f"src {A} dst {HOST_B}", "in"))
          for what in ("icmp", "tcp", "udp sport 9 dport 9")))

with case("ioctl 0x89F3 on ipsecN: what is refused, and why"):
    stream = socket.socket()
    equal(hand_over(ike, ike.fileno(), 1), errno.EPROTONOSUPPORT, "the non-IKE form")
    until(lambda: "non-IKE" in kernel_log(), "the log says so")
    equal(hand_over(ike, ike.fileno(), 7), errno.EINVAL, "no form at all")
    equal(hand_over(ike, 999), errno.EBADF, "no descriptor")
    equal(hand_over(ike, stream.fileno()), errno.EINVAL, "a TCP socket of another namespace")
    equal(ike.getsockopt(socket.IPPROTO_UDP, UDP_ENCAP), 0, "the socket")
    stream.close()

with case("ioctl 0x89F3 has ESP taken out of the socket, as the socket option does"):
    equal(hand_over(ike, ike.fileno()), 0, "errno")
    equal(ike.getsockopt(socket.IPPROTO_UDP, UDP_ENCAP), ESPINUDP, "the socket")

with case("with the peer's own address (X_NAT_T_OA) checksums are right: TCP and UDP, both ways"):
    sas("--natoa", HOST_B)
    watch = Watch(gw)
    ping(peer, A)
    ping(gw, HOST_B)
    transfer(peer, gw, A)
    transfer(gw, peer, HOST_B)
    mine, theirs = udp_socket(gw, A, 9), udp_socket(peer, HOST_B, 9)
    for size in (0, 1, 100, 1300, 4000):
        theirs.sendto(payload(size), (A, 9))
        equal(mine.recvfrom(65536), (payload(size), (HOST_B, 9)), f"{size} bytes, and from whom")
        mine.sendto(payload(size), (HOST_B, 9))
        equal(theirs.recvfrom(65536), (payload(size), (A, 9)), f"{size} bytes back")
    equal(watch.rose(), {}, "discarded packets")

with case("what leaves goes to the translator's address, in UDP"):
    wire = Sniffer(nat, "wan0")
    ping(gw, HOST_B)
    sent = wire.next(want=lambda packet: socket.inet_ntoa(packet[12:16]) == A)
    check(sent is not None, "nothing on the wire")
    equal((sent[9], socket.inet_ntoa(sent[16:20]), struct.unpack_from("!HH", sent, 20)), (17, B, (PORT, PORT)), "the packet")
    wire.close()

with case("without that address a checksum is wrong, and UDP says so"):
    def wrong():
        """The UDP packets whose checksums were wrong."""
        names, values = (line.split() for line in gw.read("/proc/net/snmp").splitlines() if line.startswith("Udp:"))
        return int(values[names.index("InCsumErrors")])

    sas()
    before = wrong()
    theirs.sendto(b"x", (A, 9))
    until(lambda: wrong() == before + 1, "it is counted", 5)
    sas("--natoa", HOST_B)

with case("a keepalive is swallowed; IKE behind its marker, and nothing else, gets to the socket"):
    watch = Watch(gw)
    far.sendto(b"\xff", (A, PORT))
    far.sendto(b"\0\0\0\0IKE", (A, PORT))
    equal(ike.recv(100), b"\0\0\0\0IKE", "what the socket gets")
    equal(watch.rose(), {}, "discarded packets")

with case("traffic goes on"):
    transfer(peer, gw, A)

with case("key daemons are told once, by NAT_T_NEW_MAPPING, that the translator has another port; not by a forgery"):
    daemon = pfkey.PfKey(gw)
    equal(daemon.write(pfkey.message(pfkey.REGISTER, pfkey.ESP)), 0, "errno of REGISTER")
    daemon.drain()
    watch = Watch(gw)
    forger = udp_socket(nat, B, 6000)
    forger.sendto(struct.pack("!II", 0x1001, 1_000_000) + bytes(76), (A, PORT))
    until(watch.rose, "the forgery is counted", 5)
    equal(watch.rose(), {"rx_icv_failed": 1}, "discarded packets")
    equal(daemon.drain(), [], "messages")
    nat.run("nft", "flush chain ip nat out; add rule ip nat out udp sport 4500 oifname wan0 masquerade to :5000")
    nat.run("conntrack", "-F")
    for number in range(3):
        theirs.sendto(b"%d" % number, (A, 9))
        equal(mine.recv(10), b"%d" % number, "the datagram")
    until(daemon.readable, "a message", 5)
    told = daemon.drain()
    equal([(message.kind, message.sa()[0]) for message in told], [(NEW_MAPPING, 0x1001)], "messages")
    equal([struct.unpack_from("=H", told[0].exts[kind])[0] for kind in (pfkey.NATT_SPORT, pfkey.NATT_DPORT)],
          [PORT, 5000], "the old port and the new one")

with case("UPDATE with the new ports moves the SAs, and traffic goes on"):
    for dst, src, spi, keys, ports in ((B, A, 0x2001, out, (PORT, 5000)), (A, B, 0x1001, inward, (5000, PORT))):
        update = pfkey.add(pfkey.ESP, dst, spi, src, keys[1], keys[0], pfkey.UPDATE, more=pfkey.natt(*ports)[1:],
                           auth=SUITE.auth_id, encrypt=SUITE.enc_id)
        equal(daemon.write(update), 0, f"errno of UPDATE of {spi:#x}")
    transfer(gw, peer, HOST_B)
    transfer(peer, gw, A)
    equal([message.kind for message in daemon.drain() if message.kind == NEW_MAPPING], [], "further messages")
    daemon.close()

topology.delete()
end()
