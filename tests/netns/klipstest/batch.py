# SPDX-License-Identifier: GPL-2.0-only
"""Many messages of one size in one system call (sendmmsg), for tests in which Python must not be what is measured."""

import ctypes
import errno
import os


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class _Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(_Iovec)),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint)]


_libc = ctypes.CDLL(None, use_errno=True)


class Batch:
    """Copies of a message that differ in some bytes."""

    def __init__(self, template, count):
        self.size, self.count = len(template), count
        self.bytes = bytearray(template * count)
        base = ctypes.addressof((ctypes.c_char * len(self.bytes)).from_buffer(self.bytes))
        self._iovecs = (_Iovec * count)(*((base + n * self.size, self.size) for n in range(count)))
        self._messages = (_Message * count)()
        for message, iovec in zip(self._messages, self._iovecs, strict=True):
            message.iov, message.iovlen = ctypes.pointer(iovec), 1

    def put(self, offset, values):
        """Writes one byte into each copy: `values` has as many as there are copies, or is a number for all."""
        if isinstance(values, int):
            values = bytes([values]) * self.count
        self.bytes[offset::self.size] = values

    def send(self, sock, lossy=False):
        """Sends all. Raises OSError for the first that is refused; if `lossy`, full queues do not count as that."""
        done = 0
        while done < self.count:
            rest = ctypes.byref(self._messages, done * ctypes.sizeof(_Message))
            got = _libc.sendmmsg(sock.fileno(), rest, self.count - done, 0)
            code = ctypes.get_errno()
            if got < 0 and not (lossy and code == errno.ENOBUFS):
                raise OSError(code, f"message {done}: {os.strerror(code)}")
            done += max(got, 1)
