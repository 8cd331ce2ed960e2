# SPDX-License-Identifier: GPL-2.0-only
"""Keys that can be found again wherever they are in memory, and messages with such keys.

Every eight bytes of a marked key begin with the same six random ones, the marker; then comes what it is a key for, and
which eight bytes of it these are. Marker, keys and messages are in one buffer that is never given back, and nothing here
makes an object of them: what Python freed would be found, too.
"""

import mmap
import os
import struct

from .pfkey import KEY_AUTH, KEY_ENCRYPT

MARKER = 6
WORD = 8
# Where the buffer has the marker, its hexadecimal digits, the message that is composed, and an answer.
HEX_AT, MESSAGE_AT, ANSWER_AT, SIZE = 64, 4096, 1 << 19, 1 << 20
DIGITS, NEWLINE = b"0123456789abcdef", 10


class Marked:
    """A marker and what is made with it."""

    def __init__(self):
        self._buffer = mmap.mmap(-1, SIZE)
        self.view = memoryview(self._buffer)
        source = os.open("/dev/urandom", os.O_RDONLY)
        os.readv(source, [self.view[:MARKER]])
        os.close(source)
        self._hex(self.view[:MARKER], self.view[HEX_AT:])
        # What to look for: the marker, and its digits.
        self.raw, self.digits = self.view[:MARKER], self.view[HEX_AT:HEX_AT + 2 * MARKER]

    @staticmethod
    def _hex(source, to):
        for at, byte in enumerate(source):
            to[2 * at], to[2 * at + 1] = DIGITS[byte >> 4], DIGITS[byte & 15]

    def fill(self, room, kind):
        """Makes a key of the kind, a number below 256, in `room`."""
        for at in range(0, len(room), WORD):
            word = room[at:at + WORD]
            word[:MARKER] = self.view[:min(MARKER, len(word))]
            # Two keys of DES that differ in lowest bits are the same.
            for offset, value in ((MARKER, kind), (MARKER + 1, at // WORD << 1 & 0xff)):
                if offset < len(word):
                    word[offset] = value

    def message(self, data, kind):
        """The message with marked keys in the place of those that it has."""
        room = self.view[MESSAGE_AT:MESSAGE_AT + len(data)]
        room[:] = data
        at = 16
        while at + 8 <= len(data):
            words, number, bits = struct.unpack_from("=HHH", data, at)
            if number in (KEY_AUTH, KEY_ENCRYPT):
                self.fill(room[at + 8:at + 8 + bits // 8], kind)
            at += max(words, 1) * 8
        return room

    def text(self, room, length, kind):
        """Writes the digits of a key and a line's end into `room`; how much that is."""
        raw = self.view[MESSAGE_AT:MESSAGE_AT + length]
        self.fill(raw, kind)
        room[:2] = b"0x"
        self._hex(raw, room[2:])
        room[2 + 2 * length] = NEWLINE
        return 3 + 2 * length

    def answer(self, room=ANSWER_AT):
        """Where answers are to be read into, so many bytes of it."""
        return self.view[ANSWER_AT:ANSWER_AT + room]

    def is_answered(self):
        """Whether the last answer has a marked key."""
        return self._buffer.find(self.raw, ANSWER_AT) >= 0

    def leave(self, send, kind):
        """Gives a long marked key to `send`."""
        room = self.view[MESSAGE_AT:MESSAGE_AT + 512]
        self.fill(room, kind)
        send([room])

    def kind_of(self, found):
        """What a key is for; None if so much of it is not there. `found` begins with the marker or its digits."""
        if found[:MARKER] == self.raw:
            return next(iter(found[MARKER:MARKER + 1]), None)
        digits = found[2 * MARKER:2 * MARKER + 2].tobytes()
        return int(digits, 16) if len(digits) == 2 and set(digits) <= set(DIGITS) else None
