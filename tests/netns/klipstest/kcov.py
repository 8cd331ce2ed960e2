# SPDX-License-Identifier: GPL-2.0-only
"""Which code of the module a thread goes through in the kernel, by KCOV (CONFIG_KCOV; `KERNEL=debug`)."""

import ctypes
import fcntl
import mmap
import os

from .fault import module_text

KNOB = "/sys/kernel/debug/kcov"
# _IOR('c', 1, unsigned long), _IO('c', 100), _IO('c', 101); and the mode that notes places.
INIT_TRACE, ENABLE, DISABLE, TRACE_PC = 0x80086301, 0x6364, 0x6365, 0
# Places noted at a time; what comes then is lost.
PLACES = 1 << 17


def available():
    """Whether this kernel notes where its threads go."""
    return os.path.exists(KNOB)


class Coverage:
    """The places in the module that this thread has come to, from now on."""

    def __init__(self):
        self._text = module_text()
        self._fd = os.open(KNOB, os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(self._fd, INIT_TRACE, PLACES)
        self._words = memoryview((ctypes.c_uint64 * PLACES).from_address(self._map())).cast("B").cast("Q")
        self.places, self._others, self.lost = set(), set(), 0
        fcntl.ioctl(self._fd, ENABLE, TRACE_PC)

    def _map(self):
        """Where the kernel's notes are. Python's own mmap believes that the file is as long as it says."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
        place = libc.mmap(None, PLACES * 8, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, self._fd, 0)
        if place == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "mmap of kcov")
        return place

    def begin(self):
        """What came before does not count."""
        self._words[0] = 0

    def new(self):
        """How many places of the module there were since `begin` that had not been seen before."""
        count = self._words[0]
        self.lost += count >= PLACES - 1
        came = set(self._words[1:count + 1]) - self.places - self._others
        mine = {place for place in came if self._text[0] <= place < self._text[1]}
        self.places |= mine
        self._others |= came - mine
        return len(mine)

    def close(self):
        """Notes no more. What is there can be read still, as long as the process lives."""
        fcntl.ioctl(self._fd, DISABLE, 0)
        os.close(self._fd)
