# SPDX-License-Identifier: GPL-2.0-only
"""Captured packets opened by `espcrypt`: where tshark lacks the cipher or does not check the ICV. If OpenSSL lacks the
cipher, too, only the ICVs are checked."""

import struct
import zlib

from . import openssl
from .capture import Reassembly
from .espcrypt import known
from .seen import Seen

UDP, ICMP, ICMP6, TCP, ESP, AH, COMP = 17, 1, 58, 6, 50, 51, 108
NESTED = {4: 4, 41: 6}


class Opener:
    """Opens the packets of one cell. `peers` has, by SPI, the direction and the EspCrypt or Ah of each SA."""

    def __init__(self, peers, port=4500):
        self._peers, self._port = peers, port
        self._outer, self._inner = Reassembly(), Reassembly()
        self.seen = Seen()

    def frame(self, data):
        """A frame behind its link header."""
        packet = self._outer.packet(data)
        if packet is None:
            return
        proto, payload = packet.proto, packet.payload
        if proto == UDP and self._port in struct.unpack_from("!HH", payload) and payload[8:12] != bytes(4):
            proto, payload = ESP, payload[8:]
        if proto in (ESP, AH):
            self._protected(packet, proto, payload)

    def _protected(self, packet, proto, payload):
        spi = struct.unpack_from("!I", payload, 4 if proto == AH else 0)[0]
        if spi not in self._peers:
            return
        direction, _ = self._peers[spi]
        self.seen.packets += 1
        try:
            while proto in (ESP, AH):
                spi = struct.unpack_from("!I", payload, 4 if proto == AH else 0)[0]
                _, peer = self._peers[spi]
                if proto == AH:
                    proto, payload = peer.open_behind(packet.header, payload)
                elif known(peer.suite):
                    text = peer.open(payload)
                    proto, payload = text[-1], text[:-2 - text[-2]]
                else:
                    peer.verify(payload)
                    proto, payload = None, b""
            self.seen.good += 1
        except openssl.Refused:
            self.seen.bad += 1
            return
        self._inside(direction, proto, payload)

    def _inside(self, direction, proto, payload):
        if proto == COMP:
            proto, payload = payload[0], zlib.decompress(payload[4:], -15)
        if proto in NESTED:
            packet = self._inner.packet(payload)
            if packet is None:
                return
            proto, payload = packet.proto, packet.payload
        if proto in (ICMP, ICMP6) and payload[0] in (0, 8, 128, 129):
            self.seen.echo(direction, struct.unpack_from("!H", payload, 6)[0], payload[8:])
        elif proto == TCP:
            sport, dport, sequence = struct.unpack_from("!HHI", payload)
            flags, data = payload[13], payload[payload[12] >> 4 << 2:]
            self.seen.segment(direction, (str(sport), str(dport)), sequence, bool(flags & 2), data)
