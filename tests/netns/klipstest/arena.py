# SPDX-License-Identifier: GPL-2.0-only
"""Gateway A of `matrix`, with an attacker in the place of gateway B, and an account of where each packet went."""

import re
import socket

from . import pfkey
from .burst import Burst
from .counters import Watch, xfrm
from .matrix import Pair, flow, mac, sas
from .netns import run
from .sealed import BACK, Sealer
from .tap import Failure, equal, until

SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33
# Neither of them is at home on gateway A: what comes out of a tunnel and is one of these is counted once more.
AGAIN = (4, 41, 50, 51, 108)


class Arena:
    """Both gateways: A with ipsec0, B with nothing but packets."""

    def __init__(self):
        # What no SA of ours is there for is XFRM's to count.
        for module in ("esp4", "esp6", "ah4", "ah6"):
            run("modprobe", module)
        self.pair = Pair()
        self.a, self.b = self.pair.a, self.pair.b
        self.pair.start_klips(self.a, 0)
        self.pair.open_udp()
        self.daemon = self.pair.sockets[0]
        self.daemon.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.key = pfkey.PfKey(self.a)
        self.wire = Burst(self.b, "wan0", mac(self.a))
        # One for each protocol: those show what comes in alone. They need not hold anything to count.
        self.taps = []
        for protocol in (0x0800, 0x86dd):
            with self.a:
                tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
            tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            tap.bind(("ipsec0", protocol))
            self.taps.append(tap)

    def ask(self, *messages):
        """Requests that must succeed."""
        for message in messages:
            errno, _ = self.key.ask(message)
            equal(errno, 0, f"errno of PF_KEY message {message[1]}")

    def taken(self):
        """How many packets have come out of ipsec0 since this was asked last."""
        return sum(int.from_bytes(tap.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)[:4], "little") for tap in self.taps)

    def account(self, packets):
        """Sends packets, and tells where each went to."""
        ledger = Ledger(self)
        self.wire.send(packets)
        return ledger.balances(len(packets))

    def close(self):
        """Ends it."""
        for thing in (*self.taps, self.wire, self.key):
            thing.close()
        self.pair.delete()


class Ledger:
    """Where packets have gone to: a reason of ours, XFRM, the key daemon's socket, or the stack behind ipsec0."""

    def __init__(self, arena):
        self._arena = arena
        self._drops, self._xfrm = Watch(arena.a), Watch(arena.a, xfrm)
        self._taken = self._daemon = 0
        arena.taken()

    def rows(self):
        """Everything that has risen."""
        self._taken += self._arena.taken()
        while True:
            try:
                self._arena.daemon.recv(65536, socket.MSG_DONTWAIT)
                self._daemon += 1
            except BlockingIOError:
                break
        rows = {name: n for name, n in self._drops.rose().items() if name.startswith("rx_")} | self._xfrm.rose()
        return rows | {name: n for name, n in (("key daemon", self._daemon), ("taken", self._taken)) if n}

    def balances(self, sent):
        """Waits until every packet is accounted for, once."""
        try:
            until(lambda: sum(self.rows().values()) >= sent, f"{sent} packets are accounted for", 30)
        except Failure as failure:
            raise Failure(f"{failure}: {sum(self.rows().values())} are: {self.rows()}") from None
        rows = self.rows()
        equal(sum(rows.values()), sent, f"packets accounted for, of {rows}")
        return rows


class Victim:
    """The SAs of a cell on gateway A, and packets for them."""

    def __init__(self, arena, cell, options=b""):
        self._arena, self.cell, self.sealer = arena, cell, Sealer(cell, options)
        self.sequence = 0
        arena.ask(*sas(cell, BACK))
        if cell.mode == "tunnel":
            arena.ask(flow(cell, BACK, pfkey.INFLOW))

    def next(self):
        """The next sequence number."""
        self.sequence += 1
        return self.sequence

    def sealed(self, inside):
        """A packet with this inside: a protocol, and bytes."""
        return self.sealer.packet(*self.sealer.body(self.next(), inside=inside))

    def again(self, inside):
        """Whether what comes out would be counted once more."""
        proto, data = inside
        return (proto == 4 and data[9:10] and data[9] in AGAIN) or (proto == 41 and data[6:7] and data[6] in AGAIN)

    def lost(self, body):
        """Whether UDP drops this without counting it: what keeps a mapping alive, and what is too short in Linux's eyes
        (udp_encap_rcv), but longer than what it hands to the key daemon."""
        return self.cell.udp and (body == b"\xff" or 8 < len(body) < 20)

    def take(self, count=1):
        """Sends genuine packets, all of which must be taken."""
        packets = [self.sealer.genuine(self.next()) for _ in range(count)]
        equal(self._arena.account(packets), {"taken": count}, "genuine packets")

    def sas(self):
        """The SAs as they are listed, without what may change: errors, and ages."""
        spis = [f"{self.cell.spi(BACK, member):#x}@" for member in ("tun", *self.cell.members)]
        rows = [row for row in self._arena.a.read("/proc/net/ipsec_spi").splitlines() if any(spi in row for spi in spis)]
        return [re.sub(r" \w+_errs=\d+|(add|use)time\(\d+|idle=\d+", "", row) for row in rows]
