# SPDX-License-Identifier: GPL-2.0-only
"""Damage to packets: random changes, of which each gives other bytes than there were."""

import random

# With all headers in front it must fit into a frame.
LONGEST = 1400


class Damage:
    """Random changes, the same for the same seed."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._kinds = (self._bits, self._bits, self._bytes, self._run, self._cut, self._longer, self._swap, self._head,
                       self._splice)

    def choose(self, choices):
        """One of them."""
        return self._random.choice(choices)

    def damaged(self, data, other):
        """A changed copy of a packet; `other` is one that parts may be taken from."""
        while True:
            changed = bytearray(data)
            for _ in range(self._random.choice((1, 1, 1, 2, 3))):
                changed = self._random.choice(self._kinds)(changed, other)
            if changed != data and len(changed) <= LONGEST:
                return bytes(changed)

    def _place(self, data):
        return self._random.randrange(len(data)) if data else 0

    def _bits(self, data, _):
        for _ in range(self._random.choice((1, 1, 1, 2, 8)) if data else 0):
            data[self._place(data)] ^= 1 << self._random.randrange(8)
        return data

    def _bytes(self, data, _):
        for _ in range(self._random.choice((1, 2, 4)) if data else 0):
            data[self._place(data)] = self._random.choice((0, 1, 0x7f, 0x80, 0xff, self._random.randrange(256)))
        return data

    def _run(self, data, _):
        at, size = self._place(data), self._random.choice((2, 4, 8, 16, 64))
        size = min(size, len(data) - at)
        data[at:at + size] = self._random.choice((bytes(size), b"\xff" * size, self._random.randbytes(size)))
        return data

    def _cut(self, data, _):
        return data[:self._place(data)]

    def _longer(self, data, _):
        return data + self._random.randbytes(self._random.choice((1, 2, 4, 16, 400)))

    def _swap(self, data, _):
        a, b, size = self._place(data), self._place(data), self._random.choice((1, 4, 16))
        first, second = data[a:a + size], data[b:b + size]
        if len(first) == len(second) and abs(a - b) >= size:
            data[a:a + size], data[b:b + size] = second, first
        return data

    def _head(self, data, _):
        # Where the headers are: SPI, sequence number, IV.
        if data:
            data[self._random.randrange(min(len(data), 24))] = self._random.randrange(256)
        return data

    def _splice(self, data, other):
        at = self._place(data)
        return data[:at] + other[at:]
