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

    @property
    def block(self):
        """What the payload is padded to, in bytes."""
        return self.iv_bits // 8 if self.xfrm_cipher.startswith("cbc(") else 4

    def keys(self):
        """Random keys: of the cipher, and of the authentication (empty for an AEAD)."""
        return os.urandom(self.cipher_len), os.urandom(self.auth_len)

    def ipsec(self, keys):
        """The words for `ipsec spi`."""
        words = ["--esp", self.name]
        for option, key in zip(("--enckey", "--authkey"), keys, strict=True):
            if key:
                words += [option, "0x" + key.hex()]
        return words

    def xfrm(self, keys):
        """The words for `ip xfrm state add`."""
        if self.aead:
            return f"aead {self.xfrm_cipher} 0x{keys[0].hex()} {self.icv_bits}"
        cipher_key = "0x" + keys[0].hex() if keys[0] else '""'
        return (f"enc {self.xfrm_cipher} {cipher_key} "
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

# What KLIPS is known for, and AES-GCM.
CLASSIC = [
    Suite(f"{cipher}-{auth}", f"ESP_{c_listed}_{a_listed}", xfrm_cipher, cipher_len, xfrm_auth, auth_len, icv_bits,
          hash_bits, iv_bits, enc_id, auth_id)
    for cipher, c_listed, xfrm_cipher, cipher_len, enc_id, iv_bits in _CIPHERS
    for auth, a_listed, xfrm_auth, auth_len, icv_bits, hash_bits, auth_id in _AUTHS
] + [
    # The key has the salt of 4 bytes behind it (RFC 4106 section 8.1).
    Suite("aes128-gcm", "ESP_AES_GCM_16", "rfc4106(gcm(aes))", 20),
    Suite("aes256-gcm", "ESP_AES_GCM_16", "rfc4106(gcm(aes))", 36),
]

# Everything else, each at least once.
MORE = [
    Suite("aes128-ctr-sha2-384-192", "ESP_AES_CTR_HMAC_SHA2_384", "rfc3686(ctr(aes))", 20, "hmac(sha384)", 48, 192, 384,
          64, 13, 6),
    Suite("camellia256-sha2-512-256", "ESP_CAMELLIA_HMAC_SHA2_512", "cbc(camellia)", 32, "hmac(sha512)", 64, 256, 512,
          128, 22, 7),
    Suite("twofish192-aes-xcbc-96", "ESP_TWOFISH_ID9", "cbc(twofish)", 24, "xcbc(aes)", 16, 96, 128, 128, 253, 9),
    Suite("serpent128-aes-cmac-96", "ESP_SERPENT_AES_CMAC", "cbc(serpent)", 16, "cmac(aes)", 16, 96, 128, 128, 252, 250),
    Suite("null-sha2-256-96", "ESP_NULL_ID252", "ecb(cipher_null)", 0, "hmac(sha256)", 32, 96, 256, 0, 11, 252),
    # The key of AES-CCM ends with a salt of 3 bytes, all others with one of 4.
    Suite("aes128-ccm-8", "ESP_AES_CCM_8", "rfc4309(ccm(aes))", 19, icv_bits=64, enc_id=14),
    Suite("aes192-ccm-12", "ESP_AES_CCM_12", "rfc4309(ccm(aes))", 27, icv_bits=96, enc_id=15),
    Suite("aes256-ccm-16", "ESP_AES_CCM_16", "rfc4309(ccm(aes))", 35, enc_id=16),
    Suite("aes192-gcm-8", "ESP_AES_GCM_8", "rfc4106(gcm(aes))", 28, icv_bits=64, enc_id=18),
    Suite("aes256-gcm-12", "ESP_AES_GCM_12", "rfc4106(gcm(aes))", 36, icv_bits=96, enc_id=19),
    Suite("aes256-gmac", "ESP_NULL_AES_GMAC", "rfc4543(gcm(aes))", 36, enc_id=23),
    Suite("chacha20-poly1305", "ESP_CHACHA20_POLY1305", "rfc7539esp(chacha20,poly1305)", 36, enc_id=28),
]

SUITES = CLASSIC + MORE

BY_NAME = {suite.name: suite for suite in SUITES}


@dataclass(frozen=True)
class AhSuite:
    """An authentication algorithm of AH; lengths in bytes."""

    name: str
    xfrm_auth: str
    auth_len: int
    icv_len: int
    auth_id: int

    def xfrm(self, key, outer):
        """The words for `ip xfrm state add`. RFC 4302 aligns AH to four bytes in IPv4; Linux does only if it is told to."""
        return f"auth-trunc {self.xfrm_auth} 0x{key.hex()} {self.icv_len * 8}" + (" flag align4" if outer == 4 else "")


AH_SUITES = [
    AhSuite("hmac-sha1-96", "hmac(sha1)", 20, 12, 3),
    AhSuite("hmac-md5-96", "hmac(md5)", 16, 12, 2),
    AhSuite("hmac-sha2-256-128", "hmac(sha256)", 32, 16, 5),
    AhSuite("hmac-sha2-256-96", "hmac(sha256)", 32, 12, 252),
    AhSuite("hmac-sha2-384-192", "hmac(sha384)", 48, 24, 6),
    AhSuite("hmac-sha2-512-256", "hmac(sha512)", 64, 32, 7),
    AhSuite("aes-xcbc-96", "xcbc(aes)", 16, 12, 9),
    AhSuite("aes-cmac-96", "cmac(aes)", 16, 12, 250),
]
