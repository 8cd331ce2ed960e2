# SPDX-License-Identifier: GPL-2.0-only
"""An asynchronous implementation of the kernel's ciphers: `pcrypt`, which has a worker do the work.

The stock kernel has no `cryptd`. Naming an instance makes it; it ranks above what it is made from.
"""

import contextlib
import socket

from .netns import read, write


def instantiate(driver):
    """Makes `pcrypt` over an AEAD, such as `rfc4106(gcm(aes))`."""
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET, 0) as sock:
        with contextlib.suppress(FileNotFoundError):
            # Without that, newer kernels let user space name a few algorithms only.
            write("/proc/sys/crypto/af_alg_restrict", "0")
        # The instance is registered under the name of the driver below, so it is there, but not found by this one.
        with contextlib.suppress(FileExistsError):
            sock.bind(("aead", f"pcrypt({driver})"))


def driver_of(suite):
    """The AEAD that makes the ESP of a suite."""
    return suite.xfrm_cipher if suite.aead else f"authenc({suite.xfrm_auth},{suite.xfrm_cipher})"


def users(driver):
    """How many transforms of `pcrypt` over an AEAD there are."""
    for text in read("/proc/crypto").split("\n\n"):
        fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
        if fields.get("name") == driver and fields.get("driver", "").startswith("pcrypt("):
            return int(fields["refcnt"]) - 1
    return 0


@contextlib.contextmanager
def without_processors(direction):
    """In the block `pencrypt` or `pdecrypt` has no processor to work on, and refuses all that it is given: EINVAL. It never says
    that it is busy: what its queue has no room for it does at once."""
    path = f"/sys/kernel/pcrypt/{direction}/parallel_cpumask"
    before = read(path)
    write(path, "0")
    try:
        yield
    finally:
        write(path, before)
