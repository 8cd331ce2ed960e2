# SPDX-License-Identifier: GPL-2.0-only
"""Damage to PF_KEY messages that knows how they are made: a header, and extensions of words."""

import struct

HEAD = struct.Struct("=BBBBHHII")
VERSION, KIND, ERRNO, SATYPE, WORDS, RESERVED, SEQ, PID = range(8)
LONGEST = 4096
# One more than the last of each, in either dialect.
LAST_KIND, LAST_EXT, LAST_SATYPE = 25, 34, 12
# Numbers that something may change at, or beside.
EDGES = (0, 1, 2, 3, 4, 5, 8, 16, 24, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1023, 4095, 4096, 4097, 0x7fff,
         0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 1 << 32, (1 << 63) - 1, 1 << 63,
         (1 << 64) - 1)


class Shape:
    """A message taken apart, as far as it is one: the fields of its header, its extensions, and what is left behind them."""

    def __init__(self, data):
        self.head = list(HEAD.unpack_from(data.ljust(HEAD.size, b"\0")))
        self.exts, at = [], HEAD.size
        while at + 4 <= len(data):
            words = struct.unpack_from("=H", data, at)[0]
            if not words or at + words * 8 > len(data):
                break
            self.exts.append(bytearray(data[at:at + words * 8]))
            at += words * 8
        self.rest = bytearray(data[at:])

    def bytes(self, honest=True):
        """The message; an honest one says how long it is."""
        body = b"".join(self.exts) + self.rest
        if honest:
            self.head[WORDS] = (HEAD.size + len(body)) // 8 & 0xffff
        return HEAD.pack(*self.head) + body


class Mangler:
    """Random damage, the same for the same generator. `pool`: sound messages, whose parts go into others."""

    def __init__(self, rng, pool):
        self._rng = rng
        self._exts = [bytes(ext) for data in pool for ext in Shape(data).exts]
        self._pieces = ((self._value, 30), (self._bit, 12), (self._like, 14), (self._foreign, 8), (self._drop, 6),
                        (self._twice, 4), (self._order, 4), (self._length, 5), (self._resize, 6), (self._number, 4),
                        (self._kind, 5), (self._satype, 5), (self._header, 3), (self._rest, 2))

    def mangled(self, data):
        """A changed copy of a message."""
        rng, shape = self._rng, Shape(data)
        changes, weights = zip(*self._pieces, strict=True)
        for change in rng.choices(changes, weights, k=rng.choice((1, 1, 1, 2, 3, 6))):
            change(shape)
        changed = shape.bytes(honest=rng.random() > 0.03)
        if rng.random() < 0.02:
            changed = self._raw(changed)
        return changed[:LONGEST]

    def _some(self, shape):
        """One of the extensions, or nothing that matters."""
        return self._rng.choice(shape.exts) if shape.exts else bytearray(8)

    def _value(self, shape):
        """A field of an extension gets a number near an edge, or a little more or less than it had."""
        ext = self._some(shape)
        size = self._rng.choice((1, 1, 2, 2, 4, 4, 8 if len(ext) > 8 else 4))
        at = self._rng.randrange(4, len(ext) - size + 1, min(size, 4))
        order = self._rng.choice(("little", "big"))
        value = self._rng.choice(EDGES) if self._rng.random() < 0.7 else int.from_bytes(ext[at:at + size], order)
        value = (value + self._rng.choice((0, 0, 0, 1, -1))) % (1 << 8 * size)
        ext[at:at + size] = value.to_bytes(size, order)

    def _bit(self, shape):
        ext = self._some(shape)
        ext[self._rng.randrange(4, len(ext))] ^= 1 << self._rng.randrange(8)

    def _like(self, shape):
        """An extension becomes one of the same type from elsewhere."""
        if shape.exts:
            at = self._rng.randrange(len(shape.exts))
            like = [ext for ext in self._rng.sample(self._exts, 40) if ext[2:4] == shape.exts[at][2:4]]
            if like:
                shape.exts[at] = bytearray(self._rng.choice(like))

    def _foreign(self, shape):
        shape.exts.insert(self._rng.randint(0, len(shape.exts)), bytearray(self._rng.choice(self._exts)))

    def _drop(self, shape):
        if shape.exts:
            del shape.exts[self._rng.randrange(len(shape.exts))]

    def _twice(self, shape):
        if shape.exts:
            shape.exts.append(bytearray(self._rng.choice(shape.exts)))

    def _order(self, shape):
        self._rng.shuffle(shape.exts)

    def _length(self, shape):
        """An extension says that it is longer or shorter than it is."""
        ext = self._some(shape)
        words = len(ext) // 8
        lie = self._rng.choice((0, 1, words - 1, words + 1, words + 2, 2 * words, 0x1fff, 0x2000, 0xffff))
        struct.pack_into("=H", ext, 0, lie & 0xffff)

    def _resize(self, shape):
        """An extension is longer or shorter, and says so."""
        ext, words = self._some(shape), self._rng.choice((1, 1, 2, 3, 8, 40))
        if self._rng.random() < 0.5:
            del ext[max(8, len(ext) - words * 8):]
        else:
            ext += self._rng.randbytes(words * 8) if self._rng.random() < 0.5 else bytes(words * 8)
        struct.pack_into("=H", ext, 0, len(ext) // 8 & 0xffff)

    def _number(self, shape):
        """An extension becomes one of another type."""
        kinds = (*range(LAST_EXT + 1), *range(LAST_EXT + 1), 0xff, 0xffff)
        struct.pack_into("=H", self._some(shape), 2, self._rng.choice(kinds))

    def _kind(self, shape):
        shape.head[KIND] = self._rng.choice((*range(LAST_KIND + 1), 255))

    def _satype(self, shape):
        shape.head[SATYPE] = self._rng.choice((*range(LAST_SATYPE + 1), 2, 3, 9, 31, 32, 255))

    def _header(self, shape):
        field, most = self._rng.choice(((VERSION, 255), (ERRNO, 255), (ERRNO, 255), (RESERVED, 0xffff), (SEQ, 0xffffffff),
                                        (PID, 0xffffffff)))
        shape.head[field] = self._rng.choice([edge for edge in EDGES if edge <= most])

    def _rest(self, shape):
        """Something that is no extension, at the end."""
        shape.rest += self._rng.randbytes(self._rng.choice((1, 3, 4, 7, 8, 16)))

    def _raw(self, data):
        """Cut off, or with any byte changed."""
        if self._rng.random() < 0.5:
            return data[:self._rng.randrange(1, len(data) + 1)]
        changed = bytearray(data)
        changed[self._rng.randrange(len(changed))] = self._rng.randrange(256)
        return bytes(changed)
