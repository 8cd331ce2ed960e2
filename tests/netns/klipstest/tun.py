# SPDX-License-Identifier: GPL-2.0-only
"""A point-to-point device whose other end is the test: what is written arrives, what leaves is read.

A packet that is written is taken in by the process that writes it, all the way to where it waits or leaves: nothing of it
happens in a softirq.
"""

import contextlib
import fcntl
import os
import struct

from .netns import run

TUNSETIFF, TUN, NO_PI = 0x400454CA, 1, 0x1000


class Tun:
    """The device `name` of a namespace, up."""

    def __init__(self, ns, name):
        run("modprobe", "tun")
        with ns:
            self._fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(self._fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN | NO_PI))
        ns.ip(f"link set {name} up")

    def write(self, packet):
        """Lets a packet arrive."""
        os.write(self._fd, packet)

    def read(self):
        """The packets that have left."""
        packets = []
        with contextlib.suppress(BlockingIOError):
            while True:
                packets.append(os.read(self._fd, 65536))
        return packets

    def close(self):
        """Closes it; the device goes."""
        os.close(self._fd)
