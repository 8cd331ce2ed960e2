# SPDX-License-Identifier: GPL-2.0-only
"""tshark, with the keys of SAs: what it sees in captured packets."""

import os
import subprocess
import tempfile

from .seen import Seen
from .tap import Failure

CIPHERS = {"cbc(aes)": "AES-CBC [RFC3602]", "cbc(des3_ede)": "TripleDES-CBC [RFC2451]", "ecb(cipher_null)": "NULL",
           "rfc3686(ctr(aes))": "AES-CTR [RFC3686]", "cbc(twofish)": "TWOFISH-CBC"}
GCM = "rfc4106(gcm(aes))"
AUTHS = {("hmac(md5)", 96): "HMAC-MD5-96 [RFC2403]", ("hmac(sha1)", 96): "HMAC-SHA-1-96 [RFC2404]",
         ("hmac(sha256)", 128): "HMAC-SHA-256-128 [RFC4868]", ("hmac(sha384)", 192): "HMAC-SHA-384-192 [RFC4868]",
         ("hmac(sha512)", 256): "HMAC-SHA-512-256 [RFC4868]",
         ("hmac(sha256)", 96): "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]"}
FIELDS = ["esp.spi", "ah.spi", "esp.icv_good", "esp.icv_bad", "icmp.type", "icmp.seq", "icmpv6.type",
          "icmpv6.echo.sequence_number", "data.data", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.flags.syn",
          "tcp.payload"]
PROTOCOLS = "frame,eth,ip,ipv6,ipv6.fraghdr,udp,udpencap,ah,esp,ipcomp,icmp,icmpv6,tcp,data"


def opens(suite):
    """Whether it has the cipher."""
    return suite.xfrm_cipher in CIPHERS or suite.xfrm_cipher == GCM


def verifies(suite):
    """Whether it checks the ICV, too."""
    return suite.xfrm_cipher == GCM or (opens(suite) and (suite.xfrm_auth, suite.icv_bits) in AUTHS)


def row(suite, keys, spi, family, esn):
    """A row of its table of SAs."""
    if suite.xfrm_cipher == GCM:
        cipher, auth = f"AES-GCM with {suite.icv_bits // 8} octet ICV [RFC4106]", "NULL"
    else:
        cipher = CIPHERS[suite.xfrm_cipher]
        auth = AUTHS.get((suite.xfrm_auth, suite.icv_bits), f"ANY {suite.icv_bits} bit authentication [no checking]")
    words = [f"IPv{family}", "*", "*", f"{spi:#010x}", cipher, hexed(keys[0]), auth, hexed(keys[1]), "64-bit" if esn else "32-bit",
             "0x00000000" if esn else ""]
    return ",".join(f'"{word}"' for word in words)


def hexed(key):
    """A key as the table has it."""
    return "0x" + key.hex() if key else ""


def look(path, rows, place):
    """What it sees in a file, given rows of the table, by what `place` makes of an SPI: (cell, direction), or None."""
    command = ["tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=|", "-E", "occurrence=a", "-E", "aggregator=,",
               "-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE",
               "-o", "esp.do_esp_sequence_analysis:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE",
               "-o", "tcp.analyze_sequence_numbers:FALSE", "--only-protocols", PROTOCOLS]
    command += [word for field in FIELDS for word in ("-e", field)]
    seen = {}
    with tempfile.TemporaryDirectory() as config, tempfile.TemporaryFile("w+") as errors:
        with open(os.path.join(config, "esp_sa"), "w", encoding="ascii") as file:
            file.write("".join(f"{line}\n" for line in rows))
        environment = dict(os.environ, WIRESHARK_CONFIG_DIR=config)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process:
            for line in process.stdout:
                note(dict(zip(FIELDS, line.rstrip("\n").split("|"), strict=True)), place, seen)
        if process.returncode != 0:
            errors.seek(0)
            raise Failure(f"tshark: exit status {process.returncode}\n{errors.read()}")
    return seen


def note(fields, place, seen):
    """Adds a packet to what has been seen."""
    first = (fields["ah.spi"] or fields["esp.spi"]).split(",")[0]
    if not first or (where := place(int(first, 0))) is None:
        return
    cell, direction = where
    found = seen.setdefault(cell, Seen())
    found.packets += 1
    found.good += fields["esp.icv_good"] in ("1", "True")
    found.bad += fields["esp.icv_bad"] in ("1", "True")
    kind = fields["icmp.type"] or fields["icmpv6.type"]
    if kind in ("0", "8", "128", "129"):
        number = fields["icmp.seq"] or fields["icmpv6.echo.sequence_number"]
        found.echo(direction, int(number.split(",")[0], 0), last(fields["data.data"]))
    elif fields["tcp.seq_raw"]:
        found.segment(direction, (fields["tcp.srcport"], fields["tcp.dstport"]), int(fields["tcp.seq_raw"]),
                      fields["tcp.flags.syn"] in ("1", "True"), last(fields["tcp.payload"]))


def last(text):
    """The bytes of a field's last occurrence; those before are what was deflated, and the like."""
    return bytes.fromhex(text.rsplit(",", 1)[-1])
