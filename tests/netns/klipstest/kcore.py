# SPDX-License-Identifier: GPL-2.0-only
"""Looks for bytes in the memory of the kernel and in what is free, through /proc/kcore.

All of the machine's memory is read but what programs have mapped, this one among them, and what is kept of files. It takes
an emulated guest half a minute to read 2 GiB.
"""

import mmap
import os
import re
import struct
from dataclasses import dataclass

PAGE = 4096
PIECE = 1 << 20
# Where the kernel's own image is mapped once more.
IMAGE = 0xffffffff80000000
NOWHERE = (1 << 64) - 1
FLAGS = ("locked error referenced uptodate dirty lru active slab writeback reclaim buddy mmap anon swapcache swapbacked "
         "compound_head compound_tail huge unevictable hwpoison nopage ksm thp offline zero idle pgtable").split()
PROGRAM, SLAB = {"lru", "mmap", "anon"}, {"slab"}


def _flags(frame):
    """The flags of a page frame."""
    with open("/proc/kpageflags", "rb", buffering=0) as file:
        number, = struct.unpack("=Q", os.pread(file.fileno(), 8, frame * 8))
    return {name for bit, name in enumerate(FLAGS) if number >> bit & 1}


def _frames(names):
    """For each page frame a byte: 1 if it has one of the flags. Without a loop: there are half a million."""
    with open("/proc/kpageflags", "rb", buffering=0) as file:
        data = b"".join(iter(lambda: file.read(1 << 16), b""))
    bits, either = sum(1 << FLAGS.index(name) for name in names), 0
    for lane in range(4):
        wanted = bits >> 8 * lane & 0xff
        table = bytes(1 if value & wanted else 0 for value in range(256))
        either |= int.from_bytes(data[lane::8].translate(table), "little")
    return either.to_bytes(len(data) // 8, "little")


@dataclass(frozen=True)
class Place:
    """Where something was found: the physical address, and the needle."""

    address: int
    needle: memoryview

    def __str__(self):
        return f"{self.address:#x}, in a page with the flags {sorted(_flags(self.address // PAGE))}"


class Memory:
    """The memory of the machine."""

    def __init__(self):
        self._file = os.open("/proc/kcore", os.O_RDONLY)
        self._buffer = mmap.mmap(-1, PIECE + PAGE)
        self._view = memoryview(self._buffer)
        self._segments = list(self._ram())
        # How much was read, bytes.
        self.read = 0

    def _ram(self):
        """Physical address, offset in the file and size of each piece of memory."""
        head = os.pread(self._file, 64, 0)
        table, (size, count) = struct.unpack_from("=Q", head, 32)[0], struct.unpack_from("=HH", head, 54)
        for at in range(count):
            kind, _, offset, virtual, physical, _, length, _ = struct.unpack(
                "=IIQQQQQQ", os.pread(self._file, 56, table + at * size))
            if kind == 1 and physical != NOWHERE and virtual < IMAGE:
                yield physical, offset, length

    def scan(self, *needles, slabs=False):
        """Where needles stand, or, quicker, where in slabs: a list of `Place`."""
        wanted = re.compile(b"\1+" if slabs else b"\0+")
        frames = _frames(SLAB if slabs else PROGRAM)
        self.read, seen = 0, []
        for physical, offset, length in self._segments:
            for run in wanted.finditer(frames, physical // PAGE, (physical + length) // PAGE):
                for at in range(run.start() * PAGE, run.end() * PAGE, PIECE):
                    size = min(PIECE, run.end() * PAGE - at)
                    seen += self._piece(at, offset + at - physical, size, needles)
        return [place for place in seen if not _flags(place.address // PAGE) & PROGRAM and self.is_at(place)]

    def _piece(self, address, offset, size, needles):
        size = os.preadv(self._file, [self._view[:size]], offset)
        self.read += size
        for needle in needles:
            at = self._buffer.find(needle, 0, size)
            while at >= 0:
                yield Place(address + at, needle)
                at = self._buffer.find(needle, at + 1, size)

    def bytes_at(self, place, size):
        """What stands there now, at most up to the end of the page."""
        size = min(size, PAGE - place.address % PAGE)
        physical, offset, _ = next(s for s in self._segments if s[0] <= place.address < s[0] + s[2])
        # Something else first: the kernel reads through a page of its own, which is in memory, too.
        self._rinse()
        size = os.preadv(self._file, [self._view[:size]], offset + place.address - physical)
        return self._view[:size]

    def is_at(self, place):
        """Whether it is there now."""
        return self.bytes_at(place, len(place.needle)) == place.needle

    def _rinse(self):
        os.preadv(self._file, [self._view[PIECE:]], self._segments[0][1])

    def close(self):
        """Leaves nothing in the page that the kernel reads through."""
        self._rinse()
        os.close(self._file)
