# SPDX-License-Identifier: GPL-2.0-only
"""OpenSSL's library, through ctypes: cryptography that has nothing in common with the kernel's.

Python's own modules are linked with it, so it is there wherever Python is.
"""

import ctypes

_LIB = ctypes.CDLL("libcrypto.so.3")
_LIB.EVP_CIPHER_fetch.restype = ctypes.c_void_p
_LIB.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
_LIB.EVP_Q_mac.restype = ctypes.c_void_p

# EVP_CIPHER_CTX_ctrl: length of the nonce, tag to be had, tag to be expected.
_SET_IVLEN, _GET_TAG, _SET_TAG = 0x9, 0x10, 0x11


class Refused(Exception):
    """OpenSSL did not do it; when opening, because the tag is wrong."""


def _must(result, what):
    if not result or result < 0:
        raise Refused(what)
    return result


class _Context:
    """A cipher with its key, for one message."""

    def __init__(self, name, encrypt):
        self._encrypt = int(encrypt)
        cipher = ctypes.c_void_p(_must(_LIB.EVP_CIPHER_fetch(None, name.encode(), None), name))
        self._ctx = ctypes.c_void_p(_LIB.EVP_CIPHER_CTX_new())
        _must(_LIB.EVP_CipherInit_ex2(self._ctx, cipher, None, None, self._encrypt, None), "init")
        _LIB.EVP_CIPHER_free(cipher)

    def start(self, key, iv):
        _must(_LIB.EVP_CipherInit_ex2(self._ctx, None, key, iv or None, self._encrypt, None), "key")
        _LIB.EVP_CIPHER_CTX_set_padding(self._ctx, 0)

    def control(self, kind, number, data=None):
        _must(_LIB.EVP_CIPHER_CTX_ctrl(self._ctx, kind, number, data), f"control {kind}")

    def length(self, number):
        """AES-CCM wants to know it first."""
        _must(_LIB.EVP_CipherUpdate(self._ctx, None, ctypes.byref(ctypes.c_int()), None, number), "length")

    def covers(self, data):
        _must(_LIB.EVP_CipherUpdate(self._ctx, None, ctypes.byref(ctypes.c_int()), data, len(data)), "associated data")

    def update(self, data):
        out, size = ctypes.create_string_buffer(len(data) + 32), ctypes.c_int()
        _must(_LIB.EVP_CipherUpdate(self._ctx, out, ctypes.byref(size), data, len(data)), "text")
        return out.raw[:size.value]

    def finish(self):
        out = ctypes.create_string_buffer(32)
        _must(_LIB.EVP_CipherFinal_ex(self._ctx, out, ctypes.byref(ctypes.c_int())), "tag")

    def __del__(self):
        if hasattr(self, "_ctx"):
            _LIB.EVP_CIPHER_CTX_free(self._ctx)


def cipher(name, key, iv, data, encrypt):
    """`data` under a cipher without padding, such as AES-128-CBC."""
    context = _Context(name, encrypt)
    context.start(key, iv)
    return context.update(data)


def aead(name, key, nonce, covered, data, tag_len, encrypt):
    """Seals `data`, with the tag behind it, or opens that. Refused: the tag is wrong."""
    ccm = name.endswith("CCM")
    context = _Context(name, encrypt)
    context.control(_SET_IVLEN, len(nonce))
    if not encrypt:
        data, tag = data[:-tag_len], data[-tag_len:]
        context.control(_SET_TAG, tag_len, tag)
    elif ccm:
        context.control(_SET_TAG, tag_len)
    context.start(key, nonce)
    if ccm:
        context.length(len(data))
    context.covers(covered)
    text = context.update(data) if data or ccm else b""
    if encrypt or not ccm:
        context.finish()
    if not encrypt:
        return text
    made = ctypes.create_string_buffer(tag_len)
    context.control(_GET_TAG, tag_len, made)
    return text + made.raw


def cmac(key, data):
    """AES-CMAC (RFC 4493)."""
    out, size = ctypes.create_string_buffer(16), ctypes.c_size_t()
    name = f"AES-{len(key) * 8}-CBC".encode()
    _must(_LIB.EVP_Q_mac(None, b"CMAC", None, name, None, key, ctypes.c_size_t(len(key)), data,
                         ctypes.c_size_t(len(data)), out, ctypes.c_size_t(16), ctypes.byref(size)), "CMAC")
    return out.raw


def xcbc(key, data):
    """AES-XCBC-MAC (RFC 3566): CBC under keys that are made of the key, the last block marked by whether it is whole."""
    first, whole, broken = (cipher("AES-128-ECB", key, b"", bytes([number]) * 16, True) for number in (1, 2, 3))
    mark = whole if data and len(data) % 16 == 0 else broken
    if mark is broken:
        data += b"\x80" + bytes(-(len(data) + 1) % 16)
    last = bytes(a ^ b for a, b in zip(data[-16:], mark, strict=True))
    return cipher("AES-128-CBC", first, bytes(16), data[:-16] + last, True)[-16:]
