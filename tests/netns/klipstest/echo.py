# SPDX-License-Identifier: GPL-2.0-only
"""Echo requests of any size over IPv4 and IPv6, with replies compared byte for byte."""

import os
import select
import socket
import time

from .packet import checksum
from .tap import SLOWER, Failure, after

EMSGSIZE = 90


def noise(size):
    """Data that no compression makes shorter, and that does not begin as the time does that other programs send."""
    return b"\xff" * min(size, 16) + os.urandom(max(size - 16, 0))


class Echo:
    """Asks from one address to another."""

    def __init__(self, ns, family, source, to, ident):
        self._family, self._to, self._ident = family, to, ident.to_bytes(2)
        kind, proto = ((socket.AF_INET, socket.IPPROTO_ICMP) if family == 4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6))
        with ns:
            self._socket = socket.socket(kind, socket.SOCK_RAW, proto)
        self._socket.bind((source, 0))
        self._name, self.answered = ns.name, {}

    def ask(self, data, seconds=10):
        """One request, again after a while; the first ones may tell the sender of the MTU. Fails if no reply comes."""
        number = len(self.answered) + 1
        rest = self._ident + number.to_bytes(2) + data
        message = (b"\x08" if self._family == 4 else b"\x80") + bytes(3) + rest
        if self._family == 4:
            message = message[:2] + checksum(message).to_bytes(2) + message[4:]
        deadline, patience = after(seconds), 0.3 * SLOWER
        while time.monotonic() < deadline:
            try:
                self._socket.sendto(message, (self._to, 0))
                if self._reply(rest, patience):
                    self.answered[number] = data
                    return
            except OSError as error:
                # The kernel says what it has learnt of the path.
                if error.errno != EMSGSIZE:
                    raise
            patience *= 2
        raise Failure(f"no echo reply in {self._name} from {self._to} to {len(data)} bytes")

    def _reply(self, rest, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and select.select([self._socket], [], [], left)[0]:
            data, (source, *_) = self._socket.recvfrom(65535)
            if self._family == 4:
                data = data[4 * (data[0] & 15):]
            if data[0] in (0, 129) and source == self._to and data[4:] == rest:
                return True
        return False

    def close(self):
        """Closes the socket."""
        self._socket.close()
