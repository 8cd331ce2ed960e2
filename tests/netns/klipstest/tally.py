# SPDX-License-Identifier: GPL-2.0-only
"""Packets of a device counted by the kernel: however many pass, none is missed, as none has to be kept."""

import ctypes
import socket
import struct

from .capture import ETH_P_ALL, PACKET_STATISTICS, SOL_PACKET
from .packet import ESP, ETH_P_IP

SO_ATTACH_FILTER = 26
ETH_P_ARP = 0x0806
# Classic BPF: load a halfword or a byte of the frame, jump if it equals, return how much to keep.
_HALF, _BYTE, _EQUALS, _RETURN = 0x28, 0x30, 0x15, 0x06


def program(*steps):
    """A filter of (code, jump if true, jump if false, operand)."""
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def attach(sock, filter_):
    """Has a socket see only what the filter keeps."""
    code = ctypes.create_string_buffer(filter_, len(filter_))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(filter_) // 8, ctypes.addressof(code)))


# Ethernet frames that are ESP in IPv4, and those that are neither that nor ARP.
PROTECTED = program((_HALF, 0, 0, 12), (_EQUALS, 0, 3, ETH_P_IP), (_BYTE, 0, 0, 23), (_EQUALS, 0, 1, ESP),
                    (_RETURN, 0, 0, 0xffff), (_RETURN, 0, 0, 0))
CLEAR = program((_HALF, 0, 0, 12), (_EQUALS, 4, 0, ETH_P_ARP), (_EQUALS, 0, 2, ETH_P_IP), (_BYTE, 0, 0, 23),
                (_EQUALS, 1, 0, ESP), (_RETURN, 0, 0, 0xffff), (_RETURN, 0, 0, 0))


class Tally:
    """Counts the packets that pass a device, both ways, from when this was made on."""

    def __init__(self, ns, device, filter_):
        with ns:
            # Protocol 0: nothing arrives before the filter is there.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        attach(self._socket, filter_)
        self._socket.bind((device, ETH_P_ALL))
        self._socket.setblocking(False)
        self._count = 0

    def count(self):
        """How many there were."""
        self._count += struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]
        return self._count

    def first(self, most=3):
        """Some of them, in hexadecimal."""
        try:
            return [self._socket.recv(200).hex() for _ in range(most)]
        except BlockingIOError:
            return []

    def close(self):
        """Closes the socket."""
        self._socket.close()
