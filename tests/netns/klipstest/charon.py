# SPDX-License-Identifier: GPL-2.0-only
"""strongSwan's charon as a daemon of a gateway: it keys XFRM by netlink."""

import shutil

from .keying import Daemon
from .tap import until

PLUGINS = "random nonce openssl pem pkcs1 pkcs8 x509 pubkey constraints kernel-netlink socket-default vici"
FOLDERS = ("x509", "x509ca", "private")

STRONGSWAN = """
charon-systemd {{
    load = {plugins}
    # It gives a peer up after 12 seconds.
    retransmit_timeout = 1.0
    retransmit_tries = 3
    {options}
    filelog {{
        log {{
            path = {path}/log
            append = yes
            flush_line = yes
            default = 1
        }}
    }}
    plugins {{
        vici {{
            socket = unix://{path}/vici
        }}
    }}
}}
swanctl {{
    load = pem pkcs1 pkcs8 x509 openssl
}}
"""

SWANCTL = """
connections {{
    t {{
        version = 2
        local_addrs = {me}
        remote_addrs = {peer}
        proposals = aes128gcm16-prfsha256-curve25519
        mobike = no
        unique = replace
        {connection}
        local {{
            auth = {auth}
            id = {name}
            {certificate}
        }}
        remote {{
            auth = {auth}
            id = {partner}
        }}
        children {{
            c {{
                local_ts = {mine}
                remote_ts = {theirs}
                esp_proposals = aes256-sha384
                mode = {mode}
                {child}
            }}
        }}
    }}
}}
{secrets}
"""


class Charon(Daemon):
    """One charon. `connection` and `child` are settings of swanctl.conf."""

    def configure(self, certificates=False, connection="", child="", options="", mode="tunnel"):
        """Writes the configuration."""
        end = self.end
        self.write("strongswan.conf", STRONGSWAN.format(plugins=PLUGINS, path=self.path, options=options))
        secrets = f"secrets {{ ike {{ id-1 = {end.name}\n id-2 = {end.partner}\n secret = {self.credentials.secret}\n }} }}"
        certificate = ""
        for name in FOLDERS:
            (self.path / name).mkdir(exist_ok=True)
        if certificates:
            secrets, certificate = "", f"certs = {end.name}.crt"
            shutil.copy(self.credentials.certificate("ca"), self.path / "x509ca" / "ca.crt")
            shutil.copy(self.credentials.certificate(end.name), self.path / "x509" / f"{end.name}.crt")
            shutil.copy(self.credentials.key(end.name), self.path / "private" / "local.key")
        self.write("swanctl.conf", SWANCTL.format(
            me=end.me, peer=end.peer, mine=end.mine, theirs=end.theirs, name=end.name, partner=end.partner, mode=mode,
            auth="pubkey" if certificates else "psk", certificate=certificate, connection=connection, child=child,
            secrets=secrets))

    def _environment(self):
        return {"STRONGSWAN_CONF": str(self.path / "strongswan.conf"), "SWANCTL_DIR": str(self.path)}

    def start(self):
        """Starts it and gives it its connection."""
        self.launch("charon-systemd", **self._environment())
        until((self.path / "vici").exists, "charon listens", 30)
        self.control("--load-all")

    def control(self, *words, ok=True):
        """Tells it something by swanctl; what that says."""
        variables = [f"{name}={value}" for name, value in self._environment().items()]
        return self.end.ns.run("env", *variables, "swanctl", *words, "--uri", f"unix://{self.path}/vici", ok=ok).out

    def established(self, seconds=60):
        """Waits until it has a tunnel."""
        self.says("established with SPIs", seconds)
