# SPDX-License-Identifier: GPL-2.0-only
"""Counters: of discarded packets by reason, of devices, of XFRM."""

from .tap import Failure


def _table(text):
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def drops(ns):
    """Discarded packets by reason, those that are not zero."""
    return {name: count for name, count in _table(ns.read("/proc/net/ipsec/stats/drops")).items() if count}


def xfrm(ns):
    """The counters of XFRM that are not zero."""
    return {name: count for name, count in _table(ns.read("/proc/net/xfrm_stat")).items() if count}


_DEVICE = ("rx_bytes rx_packets rx_errors rx_dropped rx_fifo rx_frame rx_compressed rx_multicast "
           "tx_bytes tx_packets tx_errors tx_dropped tx_fifo tx_colls tx_carrier tx_compressed").split()


def device(ns, name="ipsec0"):
    """The counters of a device."""
    for line in ns.read("/proc/net/dev").splitlines():
        label, _, numbers = line.partition(":")
        if label.strip() == name:
            return dict(zip(_DEVICE, map(int, numbers.split()), strict=True))
    raise Failure(f"there is no device {name} in {ns.name}")


class Watch:
    """Tells what a block has changed: `rose()` after it, or at any time."""

    def __init__(self, ns, what=drops):
        self._ns, self._what = ns, what
        self._before = what(ns)

    def rose(self):
        """The counters that have risen, and by how much."""
        now = self._what(self._ns)
        return {name: count - self._before.get(name, 0) for name, count in now.items()
                if count != self._before.get(name, 0)}
