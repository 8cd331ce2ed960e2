# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces, and commands and sockets in them.

Namespaces are entered by the process itself: faster than `ip netns exec`, and sockets that are made inside stay there.
"""

import atexit
import contextlib
import os
import signal
import subprocess

from .tap import SLOWER, Failure

_living = []
_home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Result:
    """How a command ended."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err

    def __str__(self):
        return f"{' '.join(self.argv)}: exit status {self.status}\n{self.out}{self.err}"


def run(*argv, ok=True, stdin=None, timeout=60):
    """Runs a command where the process is now. With `ok` a status other than 0 is a failure."""
    argv = [str(word) for word in argv]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout * SLOWER, check=False)
    result = Result(argv, done.returncode, done.stdout, done.stderr)
    if ok and result.status != 0:
        raise Failure(str(result))
    return result


class Netns:
    """A namespace that lives until `delete` or the end of the program."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        _living.append(self)
        self._fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        with self:
            for scope in ("all", "default"):
                write(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "1")
                write(f"/proc/sys/net/ipv4/conf/{scope}/rp_filter", "0")
            run("ip", "link", "set", "lo", "up")

    def __enter__(self):
        os.setns(self._fd, os.CLONE_NEWNET)
        return self

    def __exit__(self, *_):
        os.setns(_home, os.CLONE_NEWNET)

    def run(self, *argv, **options):
        """Runs a command in the namespace; see `run`."""
        with self:
            return run(*argv, **options)

    def ip(self, *batch):
        """Runs lines of ip(8) in one go."""
        return self.run("ip", "-batch", "-", stdin="\n".join(batch) + "\n")

    def start(self, *argv, **options):
        """Starts a command in the background. With all that it starts it is killed at the end of the program at the
        latest."""
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        with self:
            process = subprocess.Popen([str(word) for word in argv], start_new_session=True, **options)
        atexit.register(stop, process)
        return process

    def read(self, path):
        """The content of a file under /proc, as the namespace shows it."""
        with self:
            return read(path)

    def write(self, path, text):
        """Writes a file under /proc, as the namespace has it."""
        with self:
            write(path, text)

    def sysctl(self, name, value):
        """Sets a sysctl of the namespace."""
        self.write("/proc/sys/" + name.replace(".", "/"), str(value))

    @property
    def lives(self):
        """Whether it has not been deleted."""
        return self in _living

    def delete(self):
        """Takes the name away; the namespace goes when nothing else holds it."""
        if self in _living:
            _living.remove(self)
            os.close(self._fd)
            run("ip", "netns", "del", self.name)


def stop(process):
    """Ends a process of `start` with its children, and waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def read(path):
    """The whole of a file as text; of one under /proc/net, that of the thread's namespace."""
    with open(path.replace("/proc/net/", "/proc/thread-self/net/"), encoding="ascii") as file:
        return file.read()


def write(path, text):
    """Writes a text to a file in one go."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


@contextlib.contextmanager
def namespaces(*names):
    """Some namespaces for the length of a block."""
    made = []
    try:
        for name in names:
            made.append(Netns(name))
        yield made
    finally:
        for ns in made:
            ns.delete()


@atexit.register
def _delete_all():
    for ns in list(_living):
        with contextlib.suppress(Failure):
            ns.delete()
