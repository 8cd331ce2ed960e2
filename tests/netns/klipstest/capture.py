# SPDX-License-Identifier: GPL-2.0-only
"""What passes a device, kept in a pcap file and at hand, and IP packets put together from their fragments."""

import socket
import struct
from dataclasses import dataclass

ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86dd
SO_RCVBUFFORCE, SOL_PACKET, PACKET_STATISTICS = 33, 263, 6
FRAGMENT = 44
# IPv6 extension headers that may stand in front of a fragment header or of what is carried.
OPTIONS = (0, 43, 60)


class Capture:
    """The IP packets of a device, both ways, from when this was made on."""

    def __init__(self, ns, device, path):
        with ns:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            self._socket.bind((device, ETH_P_ALL))
        self._socket.setblocking(False)
        self.path, self.frames, self._stamp = path, [], 0
        self._file = None
        self.begin()

    def begin(self):
        """Starts anew with an empty file."""
        if self._file:
            self._file.close()
        self.frames = []
        self._file = open(self.path, "wb")
        self._file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 1))

    def drain(self):
        """Takes over what has been caught so far; the frames without their link headers."""
        caught = []
        while True:
            try:
                frame = self._socket.recv(1 << 17)
            except BlockingIOError:
                break
            if struct.unpack_from("!H", frame, 12)[0] not in (ETH_P_IP, ETH_P_IPV6):
                continue
            # The order is all that is wanted of the time.
            self._stamp += 1
            self._file.write(struct.pack("=IIII", 1_700_000_000 + self._stamp // 1000, self._stamp % 1000 * 1000, len(frame),
                                         len(frame)) + frame)
            caught.append(frame[14:])
        self.frames += caught
        self._file.flush()
        return caught

    def lost(self):
        """How many packets there was no room for since this was asked last."""
        return struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]

    def close(self):
        """Ends it."""
        self._socket.close()
        self._file.close()


@dataclass
class Packet:
    """An IP packet: its header with what options it has, the protocol behind that, and what is carried."""

    family: int
    src: bytes
    dst: bytes
    header: bytes
    proto: int
    payload: bytes
    # Of how many fragments it was put together.
    pieces: int = 1


class Reassembly:
    """Makes packets of fragments that come in any order."""

    def __init__(self):
        self._waiting = {}

    def packet(self, data):
        """The packet that these bytes are, or complete; None if fragments are missing or it is none."""
        if len(data) >= 20 and data[0] >> 4 == 4:
            return self._ipv4(data)
        if len(data) >= 40 and data[0] >> 4 == 6:
            return self._ipv6(data)
        return None

    def _ipv4(self, data):
        length = 4 * (data[0] & 15)
        total, ident, offset = struct.unpack_from("!HHH", data, 2)
        header, payload = data[:length], data[length:total]
        whole = Packet(4, data[12:16], data[16:20], header, data[9], payload)
        if not offset & 0x3fff:
            return whole
        return self._fragment((whole.src, whole.dst, ident, whole.proto), whole, 8 * (offset & 0x1fff),
                              bool(offset & 0x2000))

    def _ipv6(self, data):
        length, proto, at, field = struct.unpack_from("!H", data, 4)[0], data[6], 40, 6
        data = data[:40 + length]
        while proto in OPTIONS and len(data) >= at + 8:
            proto, field, at = data[at], at, at + 8 + 8 * data[at + 1]
        if proto != FRAGMENT:
            return Packet(6, data[8:24], data[24:40], data[:at], proto, data[at:])
        inner, _, offset, ident = struct.unpack_from("!BBHI", data, at)
        # Without its fragment header, as RFC 8200 section 4.5 puts it together.
        header = data[:field] + bytes([inner]) + data[field + 1:at]
        whole = Packet(6, data[8:24], data[24:40], header, inner, data[at + 8:])
        return self._fragment((whole.src, whole.dst, ident, 0), whole, offset & 0xfff8, bool(offset & 1))

    def _fragment(self, key, piece, offset, more):
        pieces = self._waiting.setdefault(key, {})
        pieces[offset] = piece, more
        data, at = b"", 0
        while at in pieces:
            part, more = pieces[at]
            data += part.payload
            at = len(data)
            if not more:
                del self._waiting[key]
                first = pieces[0][0]
                return Packet(first.family, first.src, first.dst, mended(first, len(data)), first.proto, data, len(pieces))
        return None


def mended(first, size):
    """The header of a first fragment as that of the whole packet: its length, and no fragment."""
    header = first.header
    if first.family == 4:
        return header[:2] + struct.pack("!H", len(header) + size) + header[4:6] + b"\0\0" + header[8:]
    return header[:4] + struct.pack("!H", len(header) - 40 + size) + header[6:]
