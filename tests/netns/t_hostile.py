# SPDX-License-Identifier: GPL-2.0-only
"""Packets that an attacker would send: each is dropped under its own counter, and the tunnel carries on.

Gateway B is XFRM. Genuine packets are caught on their way out, led to a device that ends nowhere, so that gateway A has
not seen them; then they are sent to it as they are, or changed.
"""

import hashlib
import os
import socket
import struct

from klipstest import pfkey
from klipstest.counters import Watch, device, drops, xfrm
from klipstest.packet import Esp, Sniffer, Wire, ipv4
from klipstest.suites import BY_NAME
from klipstest.tap import Failure, case, check, contains, end, equal, fewer, until
from klipstest.topology import A, B, HOST_A, HOST_B, Klips, Topology, Xfrm, sa_pair
from klipstest.traffic import Pinger, ping

ESP = 50
HASHES = {"hmac(md5)": "md5", "hmac(sha1)": "sha1", "hmac(sha256)": "sha256"}

topology = Topology()
gw, attacker = topology.gwA, topology.gwB
attacker.ip("link add nowhere0 type dummy", "link set nowhere0 arp off up")
wire = Wire(attacker)
# Closing a packet socket waits for all processors, so these are made once.
at_a, astray = Sniffer(topology.hostA, "lan0"), Sniffer(attacker, "nowhere0")


class Victim:
    """A tunnel with one suite, and genuine packets of it."""

    def __init__(self, name):
        self.suite = BY_NAME[name]
        self.icv_len = self.suite.icv_bits // 8
        self.gateway, self.peer = topology.gateway("A", Klips), topology.gateway("B", Xfrm)
        for end_ in (self.gateway, self.peer):
            end_.clear()
        self.pair = sa_pair(self.suite)
        for end_ in (self.gateway, self.peer):
            end_.install(self.pair)
        self.auth_key = self.pair[1].keys[1]
        self.hash = HASHES.get(self.suite.xfrm_auth)

    def fresh(self, count=1, size=56):
        """Genuine ESP payloads that gateway A has not seen."""
        astray.all()
        attacker.ip(f"route add {A}/32 dev nowhere0 src {B}")
        pinger = Pinger(topology.hostB)
        packets = []
        try:
            for _ in range(count):
                pinger.send(HOST_A, size)
                packet = astray.next(want=lambda packet: packet[9] == ESP)
                if packet is None:
                    raise Failure("gateway B has sent no ESP packet")
                packets.append(packet[20:])
        finally:
            attacker.ip(f"route del {A}/32 dev nowhere0")
            pinger.close()
        return packets

    def esp(self, size=56):
        """One of them, taken apart."""
        return Esp(self.fresh(1, size)[0], self.icv_len)


def send(payload):
    """Sends ESP to gateway A as gateway B would."""
    wire.send(B, A, ESP, payload)


def dropped(watch, reason, count=1):
    """Waits until that many packets have been dropped, and checks that it was for this reason alone."""
    until(lambda: sum(watch.rose().values()) >= count, f"{count} packets dropped for {reason}: {watch.rose()}", 5)
    equal(watch.rose(), {reason: count}, "discarded packets")


def takes(payload):
    """Checks that gateway A takes a packet, and host A the echo request inside."""
    at_a.all()
    send(payload)
    packet = at_a.next(want=lambda packet: packet[9] == 1 and packet[20] == 8)
    check(packet is not None, f"a genuine packet was not taken; discarded: {drops(gw)}")


def row(said):
    """The row of an SA."""
    return next(line for line in gw.read("/proc/net/ipsec_spi").splitlines() if line.startswith(said + " "))


with case("the tunnel works"):
    for gateway in (topology.gateway("A", Klips), topology.gateway("B", Xfrm)):
        gateway.start()
    victim = Victim("aes128-sha1-96")
    ping(topology.hostA, HOST_B)
    equal(drops(gw), {}, "discarded packets")

with case("replayed"):
    packet = victim.fresh()[0]
    takes(packet)
    watch, dev = Watch(gw), Watch(gw, device)
    for _ in range(5):
        send(packet)
    dropped(watch, "rx_replayed", 5)
    rose = dev.rose()
    equal((rose.get("rx_packets"), rose.get("rx_dropped"), rose.get("rx_bytes")), (5, 5, None), "device counters")
    contains(row(f"esp0x2001@{A}"), " ooo_errs=5 ", "the SA")

with case("out of order, but within the window: taken once each"):
    packets = victim.fresh(40)
    watch = Watch(gw)
    for packet in reversed(packets):
        takes(packet)
    equal(watch.rose(), {}, "discarded packets")
    for packet in packets:
        send(packet)
    dropped(watch, "rx_replayed", 40)

with case("older than the window of 64"):
    packets = victim.fresh(70)
    takes(packets[-1])
    takes(packets[6])
    watch = Watch(gw)
    for packet in packets[:6]:
        send(packet)
    dropped(watch, "rx_replayed", 6)

for name in ("aes128-sha1-96", "aes256-sha2-256-128", "3des-md5-96", "aes128-gcm"):
    with case(f"a bit turned in any part of the packet: {name}"):
        victim = Victim(name)
        packet = victim.fresh()[0]
        # In the middle of the sequence number a turned bit makes a number that is far ahead: the ICV tells. The SPI is
        # left out: with another one it is another SA's packet.
        places = [4, 7, 8, 8 + victim.suite.iv_bits // 8, len(packet) // 2, len(packet) - victim.icv_len - 1,
                  len(packet) - victim.icv_len, len(packet) - 1]
        watch = Watch(gw)
        for place in places:
            for bit in (0, 7):
                changed = bytearray(packet)
                changed[place] ^= 1 << bit
                if struct.unpack_from("!I", changed, 4)[0]:
                    send(bytes(changed))
        until(lambda: sum(watch.rose().values()) >= 2 * len(places) - 1, f"all are dropped: {watch.rose()}", 5)
        equal(set(watch.rose()), {"rx_icv_failed"}, "reasons")
        contains(row(f"esp0x2001@{A}"), f" auth_errs={watch.rose()['rx_icv_failed']} ", "the SA")
        # What was refused has not moved the window: the genuine packet is still taken.
        takes(packet)

with case("cut off at each length: none is taken, each is counted once, under a fitting reason"):
    victim = Victim("aes128-sha1-96")
    packet = victim.fresh()[0]
    reasons, native = set(), Watch(gw, xfrm)
    for length in range(len(packet)):
        watch = Watch(gw)
        ours = length >= 8
        send(packet[:length])
        if not ours:
            continue
        until(watch.rose, f"{length} bytes are dropped", 5)
        equal(sum(watch.rose().values()), 1, f"discarded packets for {length} bytes: {watch.rose()}")
        reason = next(iter(watch.rose()))
        wanted = ({"rx_bad_length"} if length % 4 else {"rx_truncated", "rx_no_icv", "rx_no_payload", "rx_decrypt_failed",
                                                       "rx_icv_failed"})
        check(reason in wanted, f"{length} bytes: {reason}")
        reasons.add(reason)
    check({"rx_bad_length", "rx_no_icv", "rx_icv_failed"} <= reasons, f"reasons: {reasons}")
    takes(packet)

with case("an unknown SPI is XFRM's: its counter rises, ours do not"):
    watch, native, dev = Watch(gw), Watch(gw, xfrm), Watch(gw, device)
    changed = struct.pack("!I", 0x4711) + victim.fresh()[0][4:]
    send(changed)
    until(native.rose, "XFRM counts it", 5)
    equal((native.rose(), watch.rose(), dev.rose()), ({"XfrmInNoStates": 1}, {}, {}), "XFRM's, ours, the device's")

with case("our SPI with another destination or protocol is not ours"):
    watch = Watch(gw)
    gw.ip("addr add 192.0.2.77/32 dev wan0")
    wire.send(B, "192.0.2.77", ESP, victim.fresh()[0])
    wire.send(B, A, 51, victim.fresh()[0])
    gw.ip("addr del 192.0.2.77/32 dev wan0")
    equal(watch.rose(), {}, "discarded packets")

with case("another source than the SA's"):
    attacker.ip("addr add 192.0.2.66/24 dev wan0")
    watch = Watch(gw)
    packet = victim.fresh()[0]
    wire.send("192.0.2.66", A, ESP, packet)
    dropped(watch, "rx_source_mismatch")
    takes(packet)
    attacker.ip("addr del 192.0.2.66/24 dev wan0")

with case("sequence number 0 with a valid ICV is refused, and the SA lives"):
    esp = victim.esp()
    esp.sequence = 0
    watch = Watch(gw)
    send(esp.sign(victim.auth_key, victim.hash).bytes())
    until(watch.rose, "it is dropped", 5)
    check(set(watch.rose()) <= {"rx_sequence_zero", "rx_replayed"}, f"discarded packets: {watch.rose()}")
    takes(victim.fresh()[0])

with case("a sequence number far ahead moves the window only with a valid ICV"):
    esp = victim.esp()
    genuine = esp.bytes()
    esp.sequence += 100_000
    watch = Watch(gw)
    send(esp.bytes())
    dropped(watch, "rx_icv_failed")
    takes(genuine)

# From here on the attacker has the authentication key: what the checks behind the ICV are for. Of CBC a turned bit in a
# block of the cipher text turns the same bit of the next block of plain text, so that the trailer can be chosen.


def forged(trailer_change, size=56):
    """A packet of which the last bytes of the plain text are turned by these; signed again."""
    esp = victim.esp(size)
    body = bytearray(esp.body)
    at = len(body) - 16 - len(trailer_change)
    for offset, change in enumerate(trailer_change):
        body[at + offset] ^= change
    esp.body = bytes(body)
    return esp.sign(victim.auth_key, victim.hash).bytes()


# 84 bytes inside make 10 of padding: 1, 2, ... 10, then 10, then 4 for IPv4.
PAD = (-(84 + 2)) % 16

with case("a pad length that exceeds the packet"):
    watch = Watch(gw)
    send(forged(bytes([PAD ^ 255, 0])))
    dropped(watch, "rx_bad_padding")

with case("a next header that is no tunnel: the policy is incomplete"):
    watch = Watch(gw)
    send(forged(bytes([4 ^ 17])))
    dropped(watch, "rx_incomplete_policy")

with case("padding with a wrong content is counted on the SA"):
    watch = Watch(gw)
    send(forged(bytes([0xff, 0, 0])))
    until(lambda: "encr_pad_errs=1 " in row(f"esp0x2001@{A}"), "the SA counts it", 5)

with case("a cipher text that is no multiple of the block"):
    esp = victim.esp()
    esp.body = esp.body[:-4]
    watch = Watch(gw)
    send(esp.sign(victim.auth_key, victim.hash).bytes())
    dropped(watch, "rx_decrypt_failed")

with case("nothing between IV and ICV"):
    esp = victim.esp()
    esp.body = esp.body[:16]
    watch = Watch(gw)
    send(esp.sign(victim.auth_key, victim.hash).bytes())
    dropped(watch, "rx_no_payload")

with case("inner addresses that the policy does not allow"):
    # The same SA, and XFRM at the other end with a policy for more than was agreed.
    attacker.ip("addr add 10.66.0.1/24 dev lan0",
                f"xfrm policy add src 10.66.0.0/24 dst 10.1.0.0/24 dir out tmpl src {B} dst {A} proto esp reqid 1 mode tunnel")
    topology.hostB.ip("addr add 10.66.0.2/24 dev lan0")
    watch = Watch(gw)
    spoofer = Wire(topology.hostB)
    spoofer.send("10.66.0.2", HOST_A, 17, b"\0" * 16)
    dropped(watch, "rx_inner_mismatch")
    spoofer.close()

with case("the policy is not checked with inbound_policy_check=0"):
    gw.sysctl("net.ipsec.inbound_policy_check", 0)
    spoofer = Wire(topology.hostB)
    at_a.all()
    spoofer.send("10.66.0.2", HOST_A, 17, b"\0" * 16)
    packet = at_a.next(want=lambda packet: packet[9] == 17)
    check(packet is not None and socket.inet_ntoa(packet[12:16]) == "10.66.0.2", f"host A got {packet!r}")
    gw.sysctl("net.ipsec.inbound_policy_check", 1)
    spoofer.close()

with case("an inbound SA that is not in a group has no tunnel to leave"):
    gw.run("ipsec", "spigrp", "--said", f"esp0x2001@{A}")
    watch = Watch(gw)
    send(victim.fresh()[0])
    dropped(watch, "rx_no_tunnel_sa")
    gw.run("ipsec", "spigrp", "--said", f"tun0x2000@{A}", f"esp0x2001@{A}")
    takes(victim.fresh()[0])

with case("no ipsecN on the device that it came in by"):
    packet = victim.fresh()[0]
    gw.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
    watch = Watch(gw)
    send(packet)
    dropped(watch, "rx_no_device")
    gw.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
    takes(packet)

with case("limits: EXPIRE for the soft one; for the hard one too, the SA goes, and what comes after is XFRM's"):
    victim.gateway.clear()
    victim.peer.clear()
    pair = sa_pair(victim.suite)
    victim.gateway.install(pair, "--life", "soft-bytes=150,hard-bytes=300")
    victim.peer.install(pair)
    packets = victim.fresh(6)
    with pfkey.PfKey(gw) as key:
        watch, native = Watch(gw), Watch(gw, xfrm)
        for packet in packets[:5]:
            send(packet)
        until(lambda: "rx_expired" in watch.rose(), "a packet is dropped for it", 5)
        until(lambda: f"esp0x2001@{A}" not in gw.read("/proc/net/ipsec_spi"), "the SA is gone", 5)
        send(packets[5])
        until(lambda: "XfrmInNoStates" in native.rose(), "XFRM gets one", 5)
        equal(watch.rose()["rx_expired"], 1, "dropped as expired")
        expires = [got for got in key.drain() if got.kind == pfkey.EXPIRE and got.sa()[0] == 0x2001]
        equal([(got.errno, got.satype, got.pid, sorted(got.exts), got.address(pfkey.SRC), got.address(pfkey.DST))
               for got in expires],
              [(0, pfkey.ESP, 0, [pfkey.SA, pfkey.LIFETIME_CURRENT, limit, pfkey.SRC, pfkey.DST], B, A)
               for limit in (pfkey.LIFETIME_SOFT, pfkey.LIFETIME_HARD)], "EXPIRE messages")
        equal([got.sa()[2] for got in expires], [pfkey.DYING, pfkey.DEAD], "the states they tell")

RANDOM = fewer(3000)

with case(f"{RANDOM} packets of random bytes with our SPI, each counted"):
    victim = Victim("aes128-gcm")
    watch = Watch(gw)
    noise = os.urandom(4000)
    spi = struct.pack("!I", 0x2001)
    for number in range(RANDOM):
        send(spi + hashlib.sha256(noise[number:number + 8]).digest() * (noise[number] % 8) + noise[number:number + noise[number + 1]])
    until(lambda: sum(watch.rose().values()) >= RANDOM * 0.96, f"they are counted: {watch.rose()}", 30)
    check(sum(watch.rose().values()) <= RANDOM, f"more than were sent: {watch.rose()}")
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)

with case("fragments of an ESP packet that overlap or never come together do no harm"):
    packet = victim.fresh(1, 1000)[0]
    for at in range(0, 512, 8):
        wire.send_packet(ipv4(B, A, ESP, packet[at:at + 64], ident=at + 1, fragment=0x2000 | at // 8), A)
        wire.send_packet(ipv4(B, A, ESP, packet[:at + 24], ident=7, fragment=0x2000 | at // 8), A)
    takes(packet)

with case("a genuine packet in fragments is taken"):
    packet = victim.fresh(1, 1000)[0]
    at_a.all()
    for at in range(0, len(packet), 400):
        more = 0x2000 if at + 400 < len(packet) else 0
        wire.send_packet(ipv4(B, A, ESP, packet[at:at + 400], ident=4711, fragment=more | at // 8), A)
    check(at_a.next(want=lambda packet: packet[9] == 1 and packet[20] == 8) is not None, f"not taken: {drops(gw)}")

wire.close()
topology.delete()
end()
