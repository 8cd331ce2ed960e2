# SPDX-License-Identifier: GPL-2.0-only
"""ESP packets sealed and opened, by the RFCs and with OpenSSL, for most suites of `suites`."""

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

    def __init__(self, suite, keys):
        self.suite, (self._key, self._auth_key) = suite, keys
        self.iv_len, self.icv_len = suite.iv_bits // 8, suite.icv_bits // 8
        self.block = max(4, self.iv_len if suite.xfrm_cipher in _CBC else 4)

    def seal(self, spi, sequence, payload, next_header=4):
        """An ESP packet with a random IV."""
        text = payload + trailer(len(payload), self.block, next_header)
        head, iv = struct.pack("!II", spi, sequence), os.urandom(self.iv_len)
        if self.suite.aead:
            return head + iv + self._aead(head, iv, text, True)
        covered = head + iv + self._cipher(iv, text, True)
        return covered + self._icv(covered)

    def open(self, packet):
        """The text inside, padding and all. openssl.Refused: the ICV is wrong."""
        head, iv, sealed = packet[:8], packet[8:8 + self.iv_len], packet[8 + self.iv_len:]
        if self.suite.aead:
            return self._aead(head, iv, sealed, False)
        covered, icv = packet[:-self.icv_len], packet[-self.icv_len:]
        if icv != self._icv(covered):
            raise openssl.Refused("ICV")
        return self._cipher(iv, sealed[:-self.icv_len], False)

    def _icv(self, covered):
        return mac(self.suite.xfrm_auth, self._auth_key, covered)[:self.icv_len]

    def _cipher(self, iv, text, encrypt):
        name, key = self.suite.xfrm_cipher, self._key
        if name == "ecb(cipher_null)":
            return text
        if name == "rfc3686(ctr(aes))":
            key, nonce = key[:-4], key[-4:]
            return openssl.cipher(f"AES-{len(key) * 8}-CTR", key, nonce + iv + b"\0\0\0\1", text, encrypt)
        return openssl.cipher(_CBC[name].format(len(key) * 8), key, iv, text, encrypt)

    def _aead(self, head, iv, text, encrypt):
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
