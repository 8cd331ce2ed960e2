# SPDX-License-Identifier: GPL-2.0-only
"""The algorithms of ESP: what each is called by `ipsec spi`, by `ip xfrm` and in the listing, and its key sizes."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """One combination of cipher and authentication. Lengths are in bytes, that of the truncated ICV in bits."""

    name: str
    listed: str
    xfrm_cipher: str
    cipher_len: int
    xfrm_auth: str = ""
    auth_len: int = 0
    icv_bits: int = 128
    # What the listing shows as alen=.
    hash_bits: int = 0
    iv_bits: int = 64
    # The numbers in PF_KEY.
    enc_id: int = 20
    auth_id: int = 0

    @property
    def aead(self):
        return not self.xfrm_auth

    def keys(self):
        """Random keys: of the cipher, and of the authentication (empty for an AEAD)."""
        return os.urandom(self.cipher_len), os.urandom(self.auth_len)

    def ipsec(self, keys):
        """The words for `ipsec spi`."""
        words = ["--esp", self.name, "--enckey", "0x" + keys[0].hex()]
        return words if self.aead else [*words, "--authkey", "0x" + keys[1].hex()]

    def xfrm(self, keys):
        """The words for `ip xfrm state add`."""
        if self.aead:
            return f"aead {self.xfrm_cipher} 0x{keys[0].hex()} {self.icv_bits}"
        return (f"enc {self.xfrm_cipher} 0x{keys[0].hex()} "
                f"auth-trunc {self.xfrm_auth} 0x{keys[1].hex()} {self.icv_bits}")


_CIPHERS = [
    ("aes128", "AES", "cbc(aes)", 16, 12, 128),
    ("aes192", "AES", "cbc(aes)", 24, 12, 128),
    ("aes256", "AES", "cbc(aes)", 32, 12, 128),
    ("3des", "3DES", "cbc(des3_ede)", 24, 3, 64),
]
_AUTHS = [
    ("md5-96", "HMAC_MD5", "hmac(md5)", 16, 96, 128, 2),
    ("sha1-96", "HMAC_SHA1", "hmac(sha1)", 20, 96, 160, 3),
    ("sha2-256-128", "HMAC_SHA2_256", "hmac(sha256)", 32, 128, 256, 5),
]

SUITES = [
    Suite(f"{cipher}-{auth}", f"ESP_{c_listed}_{a_listed}", xfrm_cipher, cipher_len, xfrm_auth, auth_len, icv_bits,
          hash_bits, iv_bits, enc_id, auth_id)
    for cipher, c_listed, xfrm_cipher, cipher_len, enc_id, iv_bits in _CIPHERS
    for auth, a_listed, xfrm_auth, auth_len, icv_bits, hash_bits, auth_id in _AUTHS
] + [
    # The key has the salt of 4 bytes behind it (RFC 4106 section 8.1).
    Suite("aes128-gcm", "ESP_AES_GCM_16", "rfc4106(gcm(aes))", 20),
    Suite("aes256-gcm", "ESP_AES_GCM_16", "rfc4106(gcm(aes))", 36),
]

BY_NAME = {suite.name: suite for suite in SUITES}
