# SPDX-License-Identifier: GPL-2.0-only
"""What key daemons of different make have in common: the two ends, their keys, a directory, a log and a life.

Certificates are of P-256, from an authority that each `Credentials` makes; both ends also share a secret.
"""

import os
import pathlib
import secrets
import tempfile
from dataclasses import dataclass

from .netns import run, stop
from .tap import until


@dataclass
class End:
    """One end of a tunnel: its namespace, its address and its peer's, its network and its peer's, both names."""

    ns: object
    me: str
    peer: str
    mine: str
    theirs: str
    name: str
    partner: str


class Credentials:
    """A secret for both ends, an authority, and for each name a key with a certificate."""

    def __init__(self, *names):
        self._home = tempfile.TemporaryDirectory(prefix="keys-")
        self.path = pathlib.Path(self._home.name)
        self.secret = secrets.token_hex(16)
        self._key("ca")
        run("openssl", "req", "-x509", "-new", "-key", self.key("ca"), "-subj", "/CN=klips authority", "-days", "30",
            "-out", self.certificate("ca"))
        for name in names:
            self._key(name)
            run("openssl", "req", "-x509", "-new", "-key", self.key(name), "-subj", f"/CN={name}", "-days", "30",
                "-CA", self.certificate("ca"), "-CAkey", self.key("ca"), "-addext", f"subjectAltName=DNS:{name}",
                "-addext", "basicConstraints=critical,CA:FALSE", "-out", self.certificate(name))

    def _key(self, name):
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key(name))

    def key(self, name):
        """The file with the private key of that name."""
        return self.path / f"{name}.key"

    def certificate(self, name):
        """The file with the certificate of that name."""
        return self.path / f"{name}.crt"


class Daemon:
    """A daemon with a directory of its own. `start` and `close` are for those who use one, the rest for the makes."""

    def __init__(self, end, credentials):
        self.end, self.credentials = end, credentials
        self._home = tempfile.TemporaryDirectory(prefix=f"{type(self).__name__.lower()}-")
        self.path = pathlib.Path(self._home.name)
        self.process, self._read = None, 0

    def write(self, name, text, mode=0o600):
        """A file in the directory."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        path.chmod(mode)
        return path

    def launch(self, *argv, **environment):
        """Starts the program; what it says goes to the log."""
        with open(self.path / "log", "ab") as log:
            self.process = self.end.ns.start(*argv, stdout=log, stderr=log, env=dict(os.environ, **environment))

    def log(self):
        """All that it has said."""
        return (self.path / "log").read_text(encoding="utf-8", errors="replace")

    def says(self, text, seconds=30, times=1):
        """Waits until the text has come that often since `forget`."""
        until(lambda: self.log().count(text, self._read) >= times,
              f"{self.end.name} says {text!r} {times} times; the log ends:\n" + self.tail(), seconds)

    def forget(self):
        """What has been said counts no longer."""
        self._read = len(self.log())

    def tail(self, lines=25):
        """The end of the log."""
        return "\n".join(self.log().splitlines()[-lines:])

    def kill(self):
        """Ends it at once, without a word to its peer."""
        if self.process:
            stop(self.process)
            self.process = None


def tellers(*daemons):
    """What to hand to `on_failure`: the ends of their logs."""
    def tell():
        for daemon in daemons:
            yield f"{daemon.end.name}, {type(daemon).__name__}:"
            yield from daemon.tail(15).splitlines()
    return tell
