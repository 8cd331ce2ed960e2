# SPDX-License-Identifier: GPL-2.0-only
"""Packets as gateway B of `matrix` would send them to gateway A in a cell, made by `espcrypt`."""

import socket
import struct
import zlib

from .matrix import OUTER, PORT, ends, peers
from .packet import checksum, udp

UDP, ESP, AH, COMP = 17, 50, 51, 108
NESTED = {4: 4, 6: 41}
# From B to A.
BACK = 1


def ip(family, src, dst, proto, payload, options=b""):
    """An IP packet. `options` are IPv6 extension headers, the last of which names `proto`."""
    if family == 6:
        first = 0 if options else proto
        ends_ = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
        return struct.pack("!IHBB", 6 << 28, len(options) + len(payload), first, 64) + ends_ + options + payload
    ends_ = socket.inet_aton(src) + socket.inet_aton(dst)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0) + ends_
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


class Sealer:
    """Gateway B in a cell."""

    def __init__(self, cell, options=b""):
        self.cell, self._options = cell, options
        # Those that have keys, by SPI.
        self.peers = {cell.spi(BACK, member): peer for member in cell.members if member != "comp"
                       for spi, (_, peer) in peers(cell).items() if spi == cell.spi(BACK, member)}

    def inside(self, size):
        """What is protected: a datagram to the port 9, in a packet if this is a tunnel; the protocol in front."""
        cell = self.cell
        src, dst = ends(cell)[::-1]
        datagram = udp(9, 9, bytes(size))
        pseudo = (socket.inet_pton(socket.AF_INET if cell.inner == 4 else socket.AF_INET6, end) for end in (src, dst))
        total = checksum(b"".join(pseudo) + struct.pack("!II", len(datagram), UDP) + datagram) or 0xffff
        datagram = datagram[:6] + struct.pack("!H", total) + datagram[8:]
        if cell.mode == "transport":
            return UDP, datagram
        return NESTED[cell.inner], ip(cell.inner, src, dst, UDP, datagram)

    def body(self, sequence, size=40, inside=None):
        """What is behind the outer header and, if there is one, the UDP header: the protocol, and the bytes."""
        proto, data = inside or self.inside(size)
        for member in self.cell.members:
            spi = self.cell.spi(BACK, member)
            if member == "comp":
                packer = zlib.compressobj(9, zlib.DEFLATED, -15)
                data = struct.pack("!BBH", proto, 0, spi) + packer.compress(data) + packer.flush()
                proto = COMP
            elif member == "esp":
                proto, data = ESP, self.peers[spi].seal(spi, sequence, data, proto)
            else:
                header = self.packet(AH, b"")[:20 if self.cell.outer == 4 else 40]
                proto, data = AH, self.peers[spi].seal(header, spi, sequence, data, proto)
        return proto, data

    def packet(self, proto, data):
        """The whole packet."""
        if self.cell.udp:
            proto, data = UDP, udp(PORT, PORT, data)
        src, dst = OUTER[self.cell.outer][::-1]
        return ip(self.cell.outer, src, dst, proto, data, self._options)

    def genuine(self, sequence, size=40):
        """A packet that gateway A must take."""
        return self.packet(*self.body(sequence, size))
