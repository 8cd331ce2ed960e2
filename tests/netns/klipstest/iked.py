# SPDX-License-Identifier: GPL-2.0-only
"""OpenIKED as a daemon of a gateway: it keys by the Linux dialect of PF_KEY."""

import shutil

from .keying import Daemon
from .tap import until

# Its keys and certificates are where they were compiled to be: each has a /etc/iked of its own.
ENTER = 'mount --bind "$1" /etc/iked && exec iked -dv -f "$2" -s "$3"'


class Iked(Daemon):
    """One iked. `active`: it begins by itself; `options` are lines of iked.conf in front of the policy, `words` go into it."""

    def configure(self, active=False, certificates=False, options=(), words="", transport=False):
        """Writes the configuration."""
        end = self.end
        etc = self.path / "etc"
        for name in ("private", "ca", "certs", "crls", "pubkeys/fqdn"):
            (etc / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(self.credentials.key(end.name), etc / "private" / "local.key")
        (etc / "private").chmod(0o700)
        auth = f'psk "{self.credentials.secret}"'
        if certificates:
            shutil.copy(self.credentials.certificate("ca"), etc / "ca" / "ca.crt")
            shutil.copy(self.credentials.certificate(end.name), etc / "certs" / f"{end.name}.crt")
            auth = ""
        self.write("iked.conf", "\n".join((*options, "")) +
                   f'ikev2 "t" {"active" if active else "passive"} {"transport" if transport else "tunnel"} esp '
                   f"from {end.mine} to {end.theirs} local {end.me} peer {end.peer} "
                   f"srcid {end.name} dstid {end.partner} {words} {auth}\n")

    def start(self):
        """Starts it and waits until it listens."""
        self.launch("unshare", "--mount", "sh", "-c", ENTER, "sh", self.path / "etc", self.path / "iked.conf",
                    self.path / "sock")

    def ready(self):
        """Waits until all of its processes are at work."""
        until(lambda: self.control("show", "sa", ok=False).status == 0, "iked answers", 30)

    def control(self, *words, ok=True):
        """Tells it something by ikectl; how that ended."""
        return self.end.ns.run("ikectl", "-s", self.path / "sock", *words, ok=ok)

    def established(self, seconds=60):
        """Waits until it has a tunnel."""
        self.says("ikev2_childsa_enable: loaded flows", seconds)
