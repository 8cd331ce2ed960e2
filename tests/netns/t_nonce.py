# SPDX-License-Identifier: GPL-2.0-only
"""All processors send through one SA at the same time: no sequence number and no IV is used twice, and none is left out.

There are as many as the guest has (`SMP=`).
"""

import os
import socket
import sys
import time

from klipstest.counters import Watch
from klipstest.packet import ESP, Esp, Sniffer
from klipstest.pfkey import UPDATE, PfKey, add
from klipstest.pfkey import ESP as SATYPE_ESP
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, end, equal, fewer
from klipstest.topology import A, HOST_B, Topology, renew

EACH = fewer(2000)
SENDER = """
import os, socket, sys
cpu, count, to = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
os.sched_setaffinity(0, {cpu})
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sys.stdin.read()
for _ in range(count):
    sock.sendto(bytes(40), (to, 9))
"""
RCVBUFFORCE = 33

topology = Topology()
gw = topology.gwA
gateway, peer, _ = topology.tunnel(BY_NAME["aes128-gcm"])
processors = sorted(os.sched_getaffinity(0))
# Somebody to send to, so that nothing comes back.
with topology.hostB:
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sink.bind((HOST_B, 9))


class Roomy(Sniffer):
    """One that loses nothing."""

    def __init__(self, ns, name):
        super().__init__(ns, name)
        self._socket.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 256 << 20)


def poured(meanwhile=lambda: time.sleep(0.01)):
    """Every processor sends at the same time: the ESP packets of gateway A on the wire."""
    on_wire = Roomy(topology.gwB, "wan0")
    senders = [topology.hostA.start(sys.executable, "-c", SENDER, cpu, EACH, HOST_B, stdin=-1) for cpu in processors]
    for sender in senders:
        sender.stdin.close()
    while any(sender.poll() is None for sender in senders):
        meanwhile()
    packets = [packet for packet in on_wire.all(0.3 * SLOWER)
               if packet[9] == ESP and socket.inet_ntoa(packet[12:16]) == A]
    on_wire.close()
    equal([sender.wait() for sender in senders], [0] * len(senders), "how the senders ended")
    return packets


def unique(values, what):
    """Fails if a value is there twice."""
    equal(len(values) - len(set(values)), 0, f"{what} that were used twice, of {len(values)}")


for name in ("aes128-gcm", "chacha20-poly1305", "aes128-ctr-sha2-384-192", "aes128-sha1-96"):
    with case(f"{len(processors)} processors, {name}"):
        suite = BY_NAME[name]
        renew(suite, gateway, peer)
        watch = Watch(gw)
        packets = [Esp(packet[20:], suite.icv_bits // 8) for packet in poured()]
        equal(watch.rose(), {}, "discarded packets")
        equal(sorted(esp.sequence for esp in packets), list(range(1, EACH * len(processors) + 1)), "sequence numbers")
        unique([esp.body[:suite.iv_bits // 8] for esp in packets], "IVs")

with case("the same while key daemons UPDATE the SA with its key over and over"):
    suite = BY_NAME["aes128-gcm"]
    out, updates = gateway.order(renew(suite, gateway, peer))[0], 0
    key = PfKey(gw)

    def update():
        """The SA with the key that it has."""
        global updates
        code = key.write(add(SATYPE_ESP, out.dst, out.spi, src=out.src, kind=UPDATE, enc_key=out.keys[0],
                             encrypt=suite.enc_id, replay=64))
        key.drain()
        equal(code, 0, "errno of UPDATE")
        updates += 1

    packets, rounds = [], 0
    while updates < 20:
        packets += [Esp(packet[20:], suite.icv_bits // 8) for packet in poured(update)]
        rounds += 1
    # Those that met the SA that was being replaced are lost, no others.
    check(len(packets) > rounds * EACH * len(processors) // 2, f"only {len(packets)} packets in {rounds} rounds")
    unique([esp.sequence for esp in packets], "sequence numbers")
    unique([esp.body[:8] for esp in packets], "IVs")

topology.delete()
end()
