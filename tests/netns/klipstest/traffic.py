# SPDX-License-Identifier: GPL-2.0-only
"""Traffic between namespaces, and what arrives of it."""

import hashlib
import os
import select
import socket
import struct
import threading
import time

from .packet import checksum
from .tap import SLOWER, Failure, after, fewer

IP_MTU_DISCOVER, RCVBUFFORCE = 10, 33
# struct linger: close() resets the connection at once.
AT_ONCE = struct.pack("ii", 1, 0)
PMTUDISC_DONT, PMTUDISC_WANT = 0, 1


def payload(size, seed=0):
    """Bytes that differ with place and seed."""
    return bytes((seed + 7 * i + (i >> 8)) & 0xff for i in range(size))


class Pinger:
    """Sends ICMP echo requests and compares the replies byte for byte."""

    def __init__(self, ns, df=False):
        self._name = ns.name
        with ns:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # It gets the replies to all who ask from here, of which there may be a flood.
        self._socket.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 16 << 20)
        self._socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_WANT if df else PMTUDISC_DONT)
        self._ident = os.urandom(2)
        self._sequence = 0
        # Replies that came while another was waited for.
        self._early = []

    def send(self, to, size=56):
        """One request; its bytes from the identifier on, which the reply must have too."""
        self._sequence = (self._sequence + 1) & 0xffff
        rest = self._ident + self._sequence.to_bytes(2) + payload(size, self._sequence)
        message = b"\x08\x00\x00\x00" + rest
        message = message[:2] + checksum(message).to_bytes(2) + message[4:]
        self._socket.sendto(message, (to, 0))
        return rest

    def ping(self, to, size=56, seconds=5):
        """Asks once. Fails unless the reply comes and has what was sent."""
        rest = self.send(to, size)
        if not self.awaits(rest, to, seconds):
            raise Failure(f"no echo reply in {self._name} from {to} to {size} bytes")

    def awaits(self, rest, to, seconds):
        """Whether the reply to a request comes in time, be it before the reply to another."""
        if (to, rest) in self._early:
            self._early.remove((to, rest))
            return True
        deadline = after(seconds)
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            data, (source, _) = self._socket.recvfrom(65535)
            data = data[4 * (data[0] & 15):]
            if data[0] == 0 and source == to and data[4:] == rest:
                return True
            if data[0] == 0 and data[4:6] == self._ident:
                self._early.append((source, data[4:]))
        return False

    def close(self):
        """Closes the socket."""
        self._socket.close()


def ping(ns, to, size=56, seconds=5, df=False):
    """Asks once from a namespace; see `Pinger.ping`."""
    pinger = Pinger(ns, df)
    try:
        pinger.ping(to, size, seconds)
    finally:
        pinger.close()


def reaches(ns, to, seconds=0.5):
    """Whether an echo reply comes."""
    pinger = Pinger(ns)
    try:
        return pinger.awaits(pinger.send(to), to, seconds)
    finally:
        pinger.close()


def no_ping(ns, to, seconds=0.5):
    """Fails if an echo reply comes."""
    if reaches(ns, to, seconds):
        raise Failure(f"{to} answers {ns.name}, and it must not be reachable")


def transfer(source, sink, address, size=fewer(100_000), seconds=60, family=4):
    """Random bytes by TCP from one namespace to another; fails unless they arrive as they were sent. Returns how many they
    were, and their SHA-256.

    Nothing of the connection is left then that could be sent again when the test has changed what becomes of packets."""
    seconds *= SLOWER
    data = os.urandom(size)
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with sink:
        listener = socket.create_server((address, 0), family=kind)
    listener.settimeout(seconds)
    with source:
        sender = socket.socket(kind)
    sender.settimeout(seconds)
    trouble = []

    def send():
        try:
            sender.connect(listener.getsockname())
            sender.sendall(data)
            sender.shutdown(socket.SHUT_WR)
        except OSError as error:
            trouble.append(f"sending: {error}")

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    digest, got = hashlib.sha256(), 0
    try:
        connection, _ = listener.accept()
        connection.settimeout(seconds)
        while part := connection.recv(1 << 16):
            digest.update(part)
            got += len(part)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        connection.close()
    except OSError as error:
        trouble.append(f"receiving after {got} bytes: {error}")
    thread.join(seconds)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    sender.close()
    listener.close()
    if trouble:
        raise Failure(f"TCP from {source.name} to {sink.name}: {'; '.join(trouble)}")
    if digest.digest() != hashlib.sha256(data).digest():
        raise Failure(f"TCP from {source.name} to {sink.name}: {got} bytes of {size} arrived, and they differ")
    return size, digest.hexdigest()
