# SPDX-License-Identifier: GPL-2.0-only
"""Many packets of any sizes in one system call, as frames on a device: Python only has to make them."""

import array
import ctypes
import os
import socket
import struct

_libc = ctypes.CDLL(None, use_errno=True)
# struct mmsghdr: name, its length, the buffers and their number, control data and its length, flags; the length sent.
_MESSAGE = struct.Struct("=QI4xQQQQi4xI4x")
ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}


class Burst:
    """Sends packets to a neighbour on a device of a namespace."""

    def __init__(self, ns, device, neighbour):
        with ns:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            # Protocol 0: nothing is to be received.
            self._socket.bind((device, 0))
        own = self._socket.getsockname()[4]
        self._link = bytes.fromhex(neighbour.replace(":", "")) + own

    def send(self, packets):
        """All of these IP packets, in order."""
        frames = bytearray()
        places = array.array("Q")
        for packet in packets:
            frame = self._link + ETHERTYPE[packet[0] >> 4 if packet[0] >> 4 == 6 else 4] + packet
            places.extend((len(frames), len(frame)))
            frames += frame
        base = ctypes.addressof((ctypes.c_char * len(frames)).from_buffer(frames))
        for i in range(0, len(places), 2):
            places[i] += base
        vectors = places.buffer_info()[0]
        messages = bytearray(b"".join(_MESSAGE.pack(0, 0, vectors + 16 * i, 1, 0, 0, 0, 0) for i in range(len(packets))))
        at = (ctypes.c_char * len(messages)).from_buffer(messages)
        done = 0
        while done < len(packets):
            got = _libc.sendmmsg(self._socket.fileno(), ctypes.byref(at, done * _MESSAGE.size), len(packets) - done, 0)
            if got < 0:
                raise OSError(ctypes.get_errno(), f"packet {done}: {os.strerror(ctypes.get_errno())}")
            done += got

    def close(self):
        """Closes the socket."""
        self._socket.close()
