# SPDX-License-Identifier: GPL-2.0-only
"""ESP and AH packets made and verified, by the RFCs and with OpenSSL, for most suites of `suites`."""

import hmac
import os
import struct

from . import openssl

_CBC = {"cbc(aes)": "AES-{}-CBC", "cbc(camellia)": "CAMELLIA-{}-CBC", "cbc(des3_ede)": "DES-EDE3-CBC"}
_HMAC = {"hmac(md5)": "md5", "hmac(sha1)": "sha1", "hmac(sha256)": "sha256", "hmac(sha384)": "sha384",
         "hmac(sha512)": "sha512"}
# The AEADs: OpenSSL's name, and how many bytes of the key are salt.
_AEAD = {"rfc4106(gcm(aes))": ("AES-{}-GCM", 4), "rfc4543(gcm(aes))": ("AES-{}-GCM", 4),
         "rfc4309(ccm(aes))": ("AES-{}-CCM", 3), "rfc7539esp(chacha20,poly1305)": ("ChaCha20-Poly1305", 4)}


def known(suite):
    """Whether OpenSSL has the cipher."""
    return suite.xfrm_cipher not in ("cbc(twofish)", "cbc(serpent)")


def mac(name, key, data):
    """The whole authentication code."""
    if name in _HMAC:
        return hmac.digest(key, data, _HMAC[name])
    return {"cmac(aes)": openssl.cmac, "xcbc(aes)": openssl.xcbc}[name](key, data)


def trailer(size, block, next_header):
    """Padding 1, 2, 3, ..., its length, and the protocol, behind a payload of `size` bytes."""
    count = -(size + 2) % block
    return bytes(range(1, count + 1)) + bytes([count, next_header])


class EspCrypt:
    """One SA as its peer sees it."""

    def __init__(self, suite, keys, esn=False):
        self.suite, (self._key, self._auth_key), self._esn = suite, keys, esn
        self.iv_len, self.icv_len = suite.iv_bits // 8, suite.icv_bits // 8
        self.block = suite.block

    def seal(self, spi, sequence, payload, next_header=4):
        """An ESP packet with a random IV; `sequence` has 64 bits if the SA has."""
        return self.seal_text(spi, sequence, payload + trailer(len(payload), self.block, next_header))

    def seal_text(self, spi, sequence, text):
        """The same of a text that has its trailer."""
        high, low = divmod(sequence, 1 << 32)
        head, iv = struct.pack("!II", spi, low), os.urandom(self.iv_len)
        if self.suite.aead:
            return head + iv + self._aead(head, high, iv, text, True)
        covered = head + iv + self._cipher(iv, text, True)
        return covered + self._icv(covered, high)

    def open(self, packet, high=0):
        """The text inside, padding and all; `high` is the upper half of its sequence number. openssl.Refused: the ICV is
        wrong."""
        head, iv, sealed = packet[:8], packet[8:8 + self.iv_len], packet[8 + self.iv_len:]
        if self.suite.aead:
            return self._aead(head, high, iv, sealed, False)
        self.verify(packet, high)
        return self._cipher(iv, sealed[:-self.icv_len], False)

    def verify(self, packet, high=0):
        """The same without the text, for a cipher that is not an AEAD."""
        covered, icv = packet[:-self.icv_len], packet[-self.icv_len:]
        if icv != self._icv(covered, high):
            raise openssl.Refused("ICV")

    def _icv(self, covered, high):
        if self._esn:
            covered += struct.pack("!I", high)
        return mac(self.suite.xfrm_auth, self._auth_key, covered)[:self.icv_len]

    def _cipher(self, iv, text, encrypt):
        name, key = self.suite.xfrm_cipher, self._key
        if name == "ecb(cipher_null)":
            return text
        if name == "rfc3686(ctr(aes))":
            key, nonce = key[:-4], key[-4:]
            return openssl.cipher(f"AES-{len(key) * 8}-CTR", key, nonce + iv + b"\0\0\0\1", text, encrypt)
        return openssl.cipher(_CBC[name].format(len(key) * 8), key, iv, text, encrypt)

    def _aead(self, head, high, iv, text, encrypt):
        if self._esn:
            head = head[:4] + struct.pack("!I", high) + head[4:]
        name, salt_len = _AEAD[self.suite.xfrm_cipher]
        key, nonce = self._key[:-salt_len], self._key[-salt_len:] + iv
        name = name.format(len(key) * 8)
        if self.suite.xfrm_cipher != "rfc4543(gcm(aes))":
            return openssl.aead(name, key, nonce, head, text, self.icv_len, encrypt)
        # AES-GMAC covers everything and encrypts nothing.
        if encrypt:
            return text + openssl.aead(name, key, nonce, head + iv + text, b"", self.icv_len, True)
        text, tag = text[:-self.icv_len], text[-self.icv_len:]
        openssl.aead(name, key, nonce, head + iv + text, tag, self.icv_len, False)
        return text


class Ah:
    """One SA of AH (RFC 4302) as its peer sees it, for IP headers without options."""

    def __init__(self, name, key, icv_len, esn=False, family=4):
        self._name, self._key, self._esn, self._family = name, key, esn, family
        # In IPv6 the header is a multiple of eight bytes.
        self.icv_len, self._pad = icv_len, -(12 + icv_len) % (4 if family == 4 else 8)
        self.len = 12 + icv_len + self._pad

    def seal(self, header, spi, sequence, payload, next_header):
        """AH and the payload behind an IP header, which has everything but its length right."""
        high, low = divmod(sequence, 1 << 32)
        head = struct.pack("!BBHII", next_header, self.len // 4 - 2, 0, spi, low)
        size = self.len + len(payload)
        if self._family == 4:
            header = header[:2] + struct.pack("!H", len(header) + size) + header[4:]
        else:
            header = header[:4] + struct.pack("!H", size) + header[6:]
        return head + self._icv(header, head, bytes(self._pad), payload, high) + bytes(self._pad) + payload

    def open(self, packet, high=0):
        """Next header and payload of an IP packet. openssl.Refused: the ICV is wrong."""
        size = 20 if self._family == 4 else 40
        return self.open_behind(packet[:size], packet[size:], high)

    def open_behind(self, header, rest, high=0):
        """The same of an IP header, and AH with what is behind it."""
        head, icv, pad, payload = rest[:12], rest[12:12 + self.icv_len], rest[12 + self.icv_len:self.len], rest[self.len:]
        if icv != self._icv(header, head, pad, payload, high):
            raise openssl.Refused("ICV")
        return head[0], payload

    def _icv(self, header, head, pad, payload, high):
        if self._family == 4:
            # TOS, flags and offset, TTL and checksum may change on the way.
            header = header[:1] + b"\0" + header[2:6] + b"\0\0\0" + header[9:10] + b"\0\0" + header[12:]
        else:
            # So may class, flow label and hop limit.
            header = b"\x60\0\0\0" + header[4:7] + b"\0" + header[8:]
        covered = header + head + bytes(self.icv_len) + pad + payload
        if self._esn:
            covered += struct.pack("!I", high)
        return mac(self._name, self._key, covered)[:self.icv_len]
