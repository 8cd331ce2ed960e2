# SPDX-License-Identifier: GPL-2.0-only
"""What was inside of captured packets, by whoever opened them: echoes and streams of TCP, told apart by SPI."""

import hashlib
from dataclasses import dataclass, field

from .tap import Failure


@dataclass
class Seen:
    """What one opener has seen of one cell. Directions: 0 from A to B, 1 back."""

    packets: int = 0
    # Packets whose ICV the opener has found to be right; wrong ones.
    good: int = 0
    bad: int = 0
    # (direction, sequence number of the echo): its data.
    echoes: dict = field(default_factory=dict)
    # (direction, ports): sequence number: payload, and the sequence number of the SYN.
    _parts: dict = field(default_factory=dict)
    _first: dict = field(default_factory=dict)

    def echo(self, direction, number, data):
        """An echo request or reply."""
        self.echoes[direction, number] = data

    def segment(self, direction, ports, sequence, syn, data):
        """A segment of TCP."""
        if syn:
            self._first[direction, ports] = (sequence + 1) & 0xffffffff
        if data:
            old = self._parts.setdefault((direction, ports), {})
            if len(old.get(sequence, b"")) < len(data):
                old[sequence] = data

    def streams(self, direction):
        """Length and SHA-256 of each stream of a direction that carried something, in order of its ports."""
        found = []
        for (way, ports), parts in sorted(self._parts.items()):
            first = self._first.get((way, ports))
            if way == direction and first is not None:
                data = assembled(parts, first)
                found.append((len(data), hashlib.sha256(data).hexdigest()))
        return found


def assembled(parts, first):
    """The bytes that segments make, as far as none is missing."""
    data = bytearray()
    for sequence, part in sorted(parts.items(), key=lambda item: (item[0] - first) & 0xffffffff):
        at = (sequence - first) & 0xffffffff
        if at > len(data):
            break
        data[at:at + len(part)] = part
    return bytes(data)


@dataclass
class Sent:
    """What was sent in a cell and arrived: echoes by number, which go both ways, and the streams of each direction."""

    echoes: dict = field(default_factory=dict)
    streams: tuple = ((), ())


def agree(who, sent, seen, verified, opened=True):
    """Fails unless an opener has seen what was sent, if it has opened packets. `verified`: it has checked every ICV."""
    if seen.bad or (verified and seen.good != seen.packets):
        raise Failure(f"{who}: of {seen.packets} packets {seen.good} have a good ICV and {seen.bad} a bad one")
    if not seen.packets:
        raise Failure(f"{who}: no packets were seen")
    if not opened:
        return
    for number, data in sent.echoes.items():
        for direction in (0, 1):
            got = seen.echoes.get((direction, number))
            if got != data:
                raise Failure(f"{who}: echo {number} of {len(data)} bytes, {'to' if direction == 0 else 'from'} gateway B: "
                              + ("was not seen" if got is None else f"{len(got)} bytes, others"))
    for direction in (0, 1):
        if seen.streams(direction) != list(sent.streams[direction]):
            raise Failure(f"{who}: TCP {'to' if direction == 0 else 'from'} gateway B: {seen.streams(direction)} and not "
                          f"{list(sent.streams[direction])}")
