# SPDX-License-Identifier: GPL-2.0-only
"""Packets byte by byte: made, put on a wire, caught from one."""

import hmac
import select
import socket
import struct
import time

from .tap import after

ETH_P_IP, ETH_P_ALL = 0x0800, 0x0003
ESP = 50


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(src, dst, proto, payload, ttl=64, ident=0, fragment=0):
    """An IPv4 packet without options."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, ttl, proto, 0,
                         socket.inet_aton(src), socket.inet_aton(dst))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def udp(sport, dport, payload):
    """A UDP datagram without checksum."""
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


class Esp:
    """The payload of an IPv4 packet that is ESP (RFC 4303), taken apart as far as that needs no key."""

    def __init__(self, data, icv_len):
        self.spi, self.sequence = struct.unpack_from("!II", data)
        self.body, self.icv = data[8:-icv_len], data[-icv_len:]

    def bytes(self):
        """Put together again."""
        return self.covered() + self.icv

    def covered(self):
        """What the ICV covers."""
        return struct.pack("!II", self.spi, self.sequence) + self.body

    def sign(self, key, algorithm):
        """Gives it the ICV that goes with its content, for an HMAC."""
        self.icv = hmac.digest(key, self.covered(), algorithm)[:len(self.icv)]
        return self


def forgeries(packet, number):
    """The ESP of an IPv4 packet, changed at one place in each copy, with sequence numbers from `number` on: where a window has not
    seen those, only the ICV tells."""
    for place in range(8, len(packet) - 20, 8):
        changed = bytearray(packet[20:])
        changed[place] ^= 1
        struct.pack_into("!I", changed, 4, number + place)
        yield bytes(changed)


class Wire:
    """Sends IPv4 packets as they are from a namespace, by its routes."""

    def __init__(self, ns):
        with ns:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, src, dst, proto, payload):
        """One packet. The kernel fills in length and checksum."""
        self._socket.sendto(ipv4(src, dst, proto, payload), (dst, 0))

    def send_packet(self, packet, dst):
        """A packet with its own IPv4 header, of which the kernel still sets length, checksum and a zero ident."""
        self._socket.sendto(packet, (dst, 0))

    def close(self):
        """Closes the socket."""
        self._socket.close()


class Sniffer:
    """Catches the IPv4 packets of a device, both ways or `outgoing` alone, those that pass after it was made."""

    def __init__(self, ns, device, outgoing=False):
        self._outgoing = outgoing
        with ns:
            # Outgoing packets are shown only to those who ask for all protocols.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self._socket.bind((device, ETH_P_ALL))

    def next(self, seconds=5, want=lambda packet: True):
        """The next packet that is wanted, or None when the time is over."""
        deadline = after(seconds)
        # With no time at all, what has been caught is looked through all the same.
        while (left := deadline - time.monotonic()) >= 0 or seconds == 0:
            if not select.select([self._socket], [], [], max(left, 0))[0]:
                return None
            packet, place = self._socket.recvfrom(65535)
            if self._outgoing and place[2] != socket.PACKET_OUTGOING:
                continue
            if place[1] == ETH_P_IP and want(packet):
                return packet
        return None

    def all(self, seconds=0):
        """What has been caught so far."""
        packets = []
        while (packet := self.next(seconds)) is not None:
            packets.append(packet)
        return packets

    def close(self):
        """Closes the socket."""
        self._socket.close()
