# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation fails once while a device is made, attached, changed and removed: by PF_KEY, by ioctl, by netlink.

It is refused with nothing changed, or done whole; what takes something away is always done. On a kernel that cannot fail
allocations all of it is skipped.
"""

import errno
import fcntl
import socket
import struct

from klipstest import fault, pfkey
from klipstest.netns import Netns
from klipstest.pfkey import PfKey
from klipstest.tap import case, end, equal

fault.require()

PLUMBIF, UNPLUMBIF, INTERFACE, IPSEC0 = 18, 19, 31, 49152
ATTACH, DETACH, CLEAR, ATTACH_AND_CATCH = 0x89f0, 0x89f1, 0x89f2, 0x89f4
GET_MTU, SET_MTU, GET_ADDRESS = 0x8921, 0x8922, 0x8927
NEWLINK, DELLINK, REQUEST, ACK, CREATE, EXCL = 16, 17, 1, 4, 0x400, 0x200
NAME, LINK, LINKINFO, KIND, DATA = 3, 5, 18, 1, 2
OUR_LINK, OUR_CATCH = 1, 5
# The kernel says EINVAL when it has no memory for the name of a device.
REFUSALS = errno.ENOMEM, errno.ENOBUFS, errno.EINVAL

ns = Netns("k-fault-device")
ns.ip("link add wan0 type dummy", "link set wan0 up", "link add wan1 mtu 1400 type dummy", "link set wan1 up")
fault.set_up(fault.module_text())
ns.__enter__()
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
table = fault.Listings("ipsec_tncfg")


def ioctl(number, name, argument=b""):
    """A request about a device."""
    return fcntl.ioctl(control, number, struct.pack("=16s24s", name.encode(), argument))


def devices():
    """The devices with their MTUs and addresses, and what they are attached to."""
    names = sorted(name for _, name in socket.if_nameindex() if name != "lo")
    return table.read(str), [(name, ioctl(GET_MTU, name)[16:20], ioctl(GET_ADDRESS, name)[16:24]) for name in names]


requests = fault.Requests(PfKey(), devices)


def plumb(kind, number):
    """PLUMBIF or UNPLUMBIF of ipsecN."""
    return requests.asks(pfkey.message(kind, 0, pfkey.ext(INTERFACE, struct.pack("=H", IPSEC0 + number))))


def private(number, virtual, physical=""):
    """One of the module's own ioctls, as ipsec-tncfg(8) makes it."""
    def operate():
        try:
            ioctl(number, virtual, struct.pack("=I12s", number, physical.encode()))
        except OSError as error:
            return error.errno
        return 0
    return operate


def attribute(kind, value):
    """An attribute of netlink."""
    if isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = struct.pack("=I", value)
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def link(kind, name, flags=0, lower=None, own=b""):
    """A request about a device, made by netlink in this thread."""
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + attribute(NAME, name)
    if lower:
        body += attribute(LINK, socket.if_nametoindex(lower))
    if kind == NEWLINK:
        body += attribute(LINKINFO, attribute(KIND, "klips") + (attribute(DATA, own) if own else b""))
    request = struct.pack("=IHHII", 16 + len(body), kind, REQUEST | ACK | flags, 1, 0) + body

    def operate():
        netlink.send(request)
        answer = netlink.recv(65536)
        return -struct.unpack_from("=i", answer, 16)[0]
    return operate


def done(operate):
    """Something that is done without a fault."""
    return lambda: equal(operate(), 0, "errno")


def detached(name):
    """Has a device be as it was before it was attached for the first time."""
    def undo():
        done(private(DETACH, name))()
        ioctl(SET_MTU, name, struct.pack("=i", 0))
    return undo


def swept(what, operate, undo=lambda: None, least=1):
    """Fails each allocation of what may be refused."""
    requests.swept(what, operate, undo, REFUSALS, least)


def gone(what, operate, undo):
    """Fails each allocation of what takes something away: it is not refused."""
    requests.swept(what, operate, undo, (), 0)


make, unmake = plumb(PLUMBIF, 7), plumb(UNPLUMBIF, 7)
attach, catch = private(ATTACH, "ipsec0", "wan0"), private(ATTACH_AND_CATCH, "ipsec0", "wan0")

with case("PLUMBIF and UNPLUMBIF"):
    swept("PLUMBIF", make, done(unmake), 10)
    done(make)()
    gone("UNPLUMBIF", unmake, done(make))
    attached = done(private(ATTACH, "ipsec7", "wan0"))
    attached()
    gone("UNPLUMBIF of one that is attached", unmake, lambda: (done(make)(), attached()))
    done(unmake)()

with case("attaching, to catch and not, and detaching"):
    swept("attach", attach, detached("ipsec0"), 3)
    swept("attach and catch", catch, detached("ipsec0"), 3)
    done(catch)()
    gone("detach", private(DETACH, "ipsec0"), done(catch))
    gone("detach all", private(CLEAR, "ipsec0"), done(catch))
    detached("ipsec0")()

with case("a second one that is attached"):
    done(attach)()
    swept("attach", private(ATTACH, "ipsec1", "wan1"), detached("ipsec1"), 2)
    swept("attach and catch", private(ATTACH_AND_CATCH, "ipsec1", "wan1"), detached("ipsec1"), 2)
    detached("ipsec0")()

with case("ip link add: attached to nothing, and to something, to catch"):
    delete = link(DELLINK, "ipsec7")
    for what, words in (("ip link add", {}),
                        ("ip link add link wan0 catch", {"lower": "wan0", "own": attribute(OUR_CATCH, 1)})):
        swept(what, link(NEWLINK, "ipsec7", CREATE | EXCL, **words), done(delete), 10)

with case("ip link set: attached elsewhere, to catch, to nothing; and ip link del"):
    def settle(lower, catches=0):
        """Attaches it, to catch or not."""
        index = socket.if_nametoindex(lower) if lower else 0
        return link(NEWLINK, "ipsec7", own=attribute(OUR_LINK, index) + (attribute(OUR_CATCH, 1) if catches else b""))

    create = link(NEWLINK, "ipsec7", CREATE | EXCL, lower="wan0")
    release = link(NEWLINK, "ipsec7", own=attribute(OUR_CATCH, 0))
    done(create)()
    swept("ip link set dev wan1", settle("wan1"), done(settle("wan0")), 2)
    swept("ip link set dev wan1 catch", settle("wan1", 1), lambda: (done(settle("wan0"))(), done(release)()), 2)
    swept("ip link set catch", link(NEWLINK, "ipsec7", own=attribute(OUR_CATCH, 1)), done(release), 2)
    gone("ip link set nodev", settle(None), done(settle("wan0")))
    # All of it: the module has the kernel do most of that when it has returned.
    fault.set_up(fault.function_text("rtnl_dellink"))
    gone("ip link del", delete, done(create))
    done(delete)()

ns.__exit__()
end()
