# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation of the module's beginning fails once, and each that it makes for a new network namespace.

A module that could not be inserted has left nothing; a namespace whose beginning failed is not there; what began in spite of
a fault is whole. Afterwards both work as ever. On a kernel that cannot fail allocations all of it is skipped.
"""

import contextlib
import ctypes
import errno
import os
import socket

from klipstest import fault
from klipstest.netns import read, run, write
from klipstest.pfkey import PF_KEY, PF_KEY_V2
from klipstest.tap import case, check, end, equal, note, until

fault.require()

FINIT_MODULE, DELETE_MODULE = 313, 176
# About so many allocations fail of each kind of loading, which takes seconds, and of namespaces.
LOADS, NAMESPACES = 16, 40
# Which of them.
SEED = int(os.environ.get("SEED") or os.getpid())
# The kernel says EINVAL when it has no memory for the name of a device.
REFUSALS = errno.ENOMEM, errno.ENOBUFS, errno.EINVAL

libc = ctypes.CDLL(None, use_errno=True)
home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
path = run("modinfo", "-n", "klips").out.strip()


def load(parameters=""):
    """Inserts the module in this thread: the errno."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return ctypes.get_errno() if libc.syscall(FINIT_MODULE, fd, parameters.encode(), 0) else 0
    finally:
        os.close(fd)


def unload():
    """Takes the module out again."""
    def gone():
        return libc.syscall(DELETE_MODULE, b"klips", os.O_NONBLOCK) == 0 or ctypes.get_errno() == errno.ENOENT

    until(gone, "the module is gone")


def has_family():
    """Whether there are PF_KEY sockets."""
    try:
        socket.socket(PF_KEY, socket.SOCK_RAW, PF_KEY_V2).close()
    except OSError as error:
        equal(error.errno, errno.EAFNOSUPPORT, "errno of socket()")
        return False
    return True


def directory(name):
    """What is in a directory, if that is there."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(os.listdir(name))
    return None


def everything():
    """All that is to be seen of the module in the namespace of this thread."""
    net = directory("/proc/thread-self/net")
    return {
        "module": [line for line in read("/proc/modules").splitlines() if line.startswith("klips ")] != [],
        "files": [name for name in net if name.startswith(("ipsec", "pf_key"))],
        "below": directory("/proc/thread-self/net/ipsec"),
        "switches": directory("/proc/sys/net/ipsec"),
        "devices": sorted(name for _, name in socket.if_nameindex() if name.startswith("ipsec")),
        "table": read("/proc/net/ipsec_tncfg") if "ipsec_tncfg" in net else None,
        "sockets": has_family(),
        "protocols": [line.split()[0] for line in read("/proc/net/protocols").splitlines() if "klips" in line.split()[1:]],
    }


@contextlib.contextmanager
def alone():
    """The module is out, and is not loaded by asking for it."""
    before = read("/proc/sys/kernel/modprobe")
    # What it stands on stays.
    run("rmmod", "klips")
    write("/proc/sys/kernel/modprobe", "\n")
    try:
        yield
    finally:
        write("/proc/sys/kernel/modprobe", before)
        run("modprobe", "klips")


def sampled(what, sweep, operate, rounds):
    """Fails some of the allocations of `operate`, as many as there are `rounds`, over all of it."""
    nth = fault.Nth()
    with contextlib.closing(nth):
        total = nth.count(operate)
    sweep.undo()
    step = max(total // rounds, 1)
    first = 1 + SEED % step
    failed = sweep.run(operate, first=first, step=step)
    note(f"{what}: {failed} of {total} allocations failed, from number {first} on, {dict(sweep.outcomes)}")
    check(total >= 10 and failed, f"{what}: {total} allocations")


# Modules are started by one of these, whichever the compiler has left; the module's own place is not known beforehand.
start = next(text for text in map(fault.function_text, ("do_init_module", "do_one_initcall")) if text[1])

with case("the module is inserted with each allocation of its own failed"):
    with alone():
        fault.set_up(start)
        equal(everything()["module"], False, "the module is there")
        sampled("finit_module without devices", fault.Sweep(everything, unload, REFUSALS), lambda: load("interfaces=0"), LOADS)

with case("the module is inserted with allocations failed that make its devices"):
    with alone():
        fault.set_up(start)
        sampled("finit_module", fault.Sweep(everything, unload, REFUSALS), lambda: load("interfaces=1"), LOADS)

with case("afterwards it is inserted as ever"):
    seen = everything()
    equal((seen["module"], seen["devices"], seen["sockets"]), (True, ["ipsec0", "ipsec1"], True), "what there is")


def unshare():
    """Puts this thread into a new namespace: the errno."""
    try:
        os.unshare(os.CLONE_NEWNET)
    except OSError as error:
        return error.errno
    return 0


def leave():
    """Goes home; the namespace ends."""
    os.setns(home, os.CLONE_NEWNET)


with case("namespaces begin with allocations of the module failed"):
    fault.set_up(fault.module_text())
    try:
        sampled("unshare", fault.Sweep(everything, leave, REFUSALS), unshare, NAMESPACES)
    finally:
        leave()

with case("afterwards they begin as ever"):
    equal(unshare(), 0, "errno")
    seen = everything()
    leave()
    equal((seen["devices"], seen["sockets"]), (["ipsec0", "ipsec1"], True), "what there is")

end()
