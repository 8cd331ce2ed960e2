# SPDX-License-Identifier: GPL-2.0-only
"""Known answers from RFCs and from the drafts beside them: whole packets, blocks, keystreams, authentication codes.

Numbers of algorithms are those of PF_KEY. What is left out cannot be an ESP packet: SPIs below 256, texts that no trailer
ends, and, of the codes, texts of 8 bytes (RFC 2202 and RFC 4868 case 1: nothing behind the sequence number) or of no
multiple of 4 (their cases 3 and on), and keys of lengths that ESP does not have. RFC 4309 has no vectors of its own and
names those of RFC 3610, whose nonces have 13 bytes where ESP has 11; the packets of AES-CCM here are those of
draft-mcgrew-gcm-test as Linux has them in its self-test, made with Crypto++.
"""

from dataclasses import dataclass

_hex = bytes.fromhex


@dataclass(frozen=True)
class Packet:
    """An ESP packet behind its IP header, and what is in it."""

    source: str
    enc: int
    key: bytes
    packet: bytes
    payload: bytes
    next_header: int
    icv_len: int = 0
    # Its sequence number is the lower half of one of 64 bits, the upper half being 0.
    esn: bool = False


_AES_CASE_2 = _hex("c286696d887c9aa0611bbb3e2025a45a")
_AES_PING = _hex("90d382b410eeba7ad938c46cec1a82bf")
_AES_TUNNEL = _hex("0123456789abcdef0123456789abcdef")

PACKETS = [
    # Its text, 0, 1, 2, ... 31, is all padding to ESP, and ends with the protocol 31.
    Packet("RFC 3602 case 2", 12, _AES_CASE_2, _hex("""
        00004321 00000001 562e1799 6d093d28 ddb3ba69 5a2e6f58
        d296cd94 c2cccf8a 3a863028 b5e1dc0a 7586602d 253cfff9 1b8266be a6d61ab1"""), b"", 31),
    Packet("RFC 3602 case 5", 12, _AES_PING, _hex("""
        00004321 00000001 e96e8c08 ab465763 fd098d45 dd3ff893
        f663c25d 325c18c6 a9453e19 4e120849 a4870b66 cc6b9965 330013b4 898dc856
        a4699e52 3a55db08 0b59ec3a 8e4b7e52 775b07d1 db34ed9c 538ab50c 551b874a
        a269add0 47ad2d59 13ac19b7 cfbad4a6"""), _hex("""
        08000ebd a70a0000 8e9c083d b95b0700 08090a0b 0c0d0e0f 10111213 14151617
        18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f 30313233 34353637"""), 1),
    Packet("RFC 3602 case 6", 12, _AES_PING, _hex("""
        00004321 00000008 69d08df7 d203329d b093fc49 24e5bd80
        f5199588 1ec4e0c4 488987ce 742e8109 689bb379 d2d750c0 d915dca3 46a89f75"""), _hex("""
        0800b5e8 a80a0500 a69c083d 0b660e00 77777777 77777777 77777777"""), 1),
    Packet("RFC 3602 case 7", 12, _AES_TUNNEL, _hex("""
        00008765 00000002 f4e76524 4f6407ad f13dc138 0f673f37
        773b5241 a4c44922 5e4f3ce5 ed611b0c 237ca96c f74a9301 3c1b0ea1 a0cf70f8
        e4ecaec7 8ac53aad 7a0f022b 859243c6 47752e94 a859352b 8a4d4d2d ecd136e5
        c177f132 ad3fbfb2 201ac990 4c74ee0a 109e0ca1 e4dfe9d5 a100b842 f1c22f0d"""), _hex("""
        45000054 09040000 4001f988 c0a87b03 c0a87bc8 08009f76 a90a0100 b49c083d
        02a20400 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f 20212223
        24252627 28292a2b 2c2d2e2f 30313233 34353637"""), 4),
    Packet("RFC 3602 case 8", 12, _AES_TUNNEL, _hex("""
        00008765 00000005 85d47224 b5f3dd5d 2101d4ea 8dffab22
        15b92683 819596a8 047232cc 00f7048f e45318e1 1f8a0f62 ede3c3fc 61203bb5
        0f980a08 c9843fd3 a1b06d5c 07ff9639 b7eb7dfb 3512e5de 435e7207 ed971ef3
        d2726d9b 5ef6affc 6d17a0de cbb13892"""), _hex("""
        45000044 090c0000 4001f990 c0a87b03 c0a87bc8 0800d63c aa0a0200 c69c083d
        a3de0300 ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff
        ffffffff"""), 4),
    Packet("RFC 7634 appendix A", 28, bytes(range(0x80, 0xa4)), _hex("""
        01020304 00000005 10111213 14151617
        24039428 b97f417e 3c13753a 4f05087b 67c352e6 a7fab1b9 82d466ef 407ae5c6
        14ee8099 d52844eb 61aa95df ab4c02f7 2aa71e7c 4c4f64c9 befe2fac c638e8f3
        cbec163f ac469b50 2773f6fb 94e664da 9165b828 29f641e0
        76aaa826 6b7fb0f7 b11b3699 07e1ad43"""), _hex("""
        45000054 a6f20000 4001e778 c6336405 c0000205 08005b7a 3a080000 553bec10
        00073627 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f 20212223
        24252627 28292a2b 2c2d2e2f 30313233 34353637"""), 4, 16),
    # The packets for RFC 4106 and RFC 4543 are whole IPv4 packets inside, but the trailer calls them ICMP. Left out: case 4,
    # whose SPI is 0, and those of 64-bit sequence numbers that begin with more than 0, as no receiver can find that out.
    Packet("draft-mcgrew-gcm-test case 2 (RFC 4106)", 20, _hex("feffe9928665731c6d6a8f9467308308 cafebabe"), _hex("""
        0000a5f8 0000000a facedbad decaf888
        deb22cd9 b07c72c1 6e3a65be eb8df304 a5a5897d 33ae530f 1ba76d5d 114d2a5c
        3de81827 c10e9a4f 51330d0e ec416642 cfbb85a5 b47e48a4 ec3b9ba9 5d918bd1
        83b70d3a a8bc6ee4 c309e9d8 5a41ad4a"""), _hex("""
        4500003e 698f0000 80114dcc c0a80102 c0a80101 0a980035 002a2343 b2d00100
        00010000 00000000 03736970 09637962 65726369 74790264 6b000001 0001"""), 1, 16),
    Packet("draft-mcgrew-gcm-test case 3 (RFC 4106)", 20, _hex("""
        abbccddef00112233445566778899aab abbccddef00112233445566778899aab 11223344"""), _hex("""
        4a2cbfe3 00000002 01020304 05060708
        ff425c9b 724599df 7a3bcd51 0194e00d 6a78107f 1b0b1cbf 06efae9d 65a5d763
        748a6379 85771d34 7f054565 9f14e99d ef842d8e b335f4ee cfdbf831 824b4c49
        15956c96"""), _hex("""
        45000030 69a64000 80062690 c0a80102 9389155e 0a9e008b 2dc57ee0 00000000
        70024000 20bf0000 020405b4 01010402"""), 1, 16),
    Packet("draft-mcgrew-gcm-test case 7 (RFC 4106)", 20, _hex("""
        feffe9928665731c6d6a8f9467308308 feffe9928665731c cafebabe"""), _hex("""
        0000a5f8 0000000a facedbad decaf888
        a5b1f806 6029aea4 0e598b81 22de0242 0938b3ab 33f828e6 87b8858b 5bfbdbd0
        315b2745 2144cc77 95457b96 52037f53 18027b5b 4cd7a636"""), _hex("""
        45000028 a4ad4000 40067880 0a01038f 0a010612 802306b8 cb712602 dd6bb03e
        501016d0 7568"""), 1, 16),
    Packet("draft-mcgrew-gcm-test case 8 (RFC 4106), ESN", 20, _hex("abbccddef00112233445566778899aab decaf888"), _hex("""
        00000100 00000001 cafedeba ceface74
        18a6fd42 f72cbf4a b2a2ea90 1f73d814 e3e7f243 d95412e1 c349c1d2 fbec168f
        9190feeb af2cb019 84e65863 965d7472 b79da345 e0e78019 1f0d2f0e 0f496c22
        6f2127b2 7db35724 e7845d68 651f57e6 5f354f75 ff170157 69623436"""), _hex("""
        45000049 33ba0000 7f119106 c3fb1d10 c2b1d326 c02831ce 0035dd7b 800302d5
        00004e20 001e8c18 d75b81dc 91baa047 6b91b924 b280389d 92c963ba c046ec95
        9b6266c0 4722b149 23"""), 1, 16, True),
    Packet("draft-mcgrew-gcm-test case 13 (RFC 4106), ESN", 20, _hex("abbccddef00112233445566778899aab decaf888"), _hex("""
        00000100 00000001 cafedeba ceface74
        29c9fc69 a197d038 ccdd14e2 ddfcaa05 43332164 41250352 4303ed3c 6c5f2838
        43af8c3e"""), _hex("746f0162 65016f72 016e6f74 01746f01 6265"), 1, 16, True),
    Packet("draft-mcgrew-gcm-test, an empty packet (RFC 4106)", 20, _hex("7d773d00c144c525ac619d18c84a3f47 d9664267"), _hex("""
        335467ae ffffffff 43457e91 82443bc6
        437f866b cb3f699f e9b0822b ac961c45 04bef270"""), b"", 1, 16),
    Packet("draft-mcgrew-gcm-test, GMAC (RFC 4543)", 23, _hex("4c80cdefbb5d10da906ac73c3613a634 22433c64"), _hex("""
        00004321 00000007 00000000 00000000
        45000030 da3a0000 8001df3b c0a80005 c0a80001 0800c6cd 02000700 61626364
        65666768 696a6b6c 6d6e6f70 71727374 01020201
        f2a9a836 e155106a a8dcd618 e4099aaa"""), _hex("""
        45000030 da3a0000 8001df3b c0a80005 c0a80001 0800c6cd 02000700 61626364
        65666768 696a6b6c 6d6e6f70 71727374"""), 1, 16),
    Packet("Linux's self-test, AES-CCM with 128 bits (RFC 4309)", 16, _hex("feffe9928665731c6d6a8f9467308308 cafeba"), _hex("""
        0000a5f8 0000000a facedbad decaf888
        4bc27060 64d2f3c8 e5268ade b87e7d16 56c7d288 ba8d58af f571b637 84a7b199
        515c0da0 27dee72d ef25881f 1d7711ff dbedee56 16c55c9b 00621f68 4e7ca097
        10727e53 133b68e4 30999179 09eaff6a"""), _hex("""
        4500003e 698f0000 80114dcc c0a80102 c0a80101 0a980035 002a2343 b2d00100
        00010000 00000000 03736970 09637962 65726369 74790264 6b000001 0001"""), 1, 16),
    Packet("Linux's self-test, AES-CCM with 192 bits (RFC 4309)", 16, _hex("""
        feffe9928665731c6d6a8f9467308308 feffe9928665731c cafeba"""), _hex("""
        0000a5f8 0000000a facedbad decaf888
        052215d1 52568504 a85c5d6d 7e6ef5fa ea163750 f3df843b 2f321857 342a8c23
        67df6d35 7b540dfb 34a59f6c 48301e22 feb12217 178ab95b"""), _hex("""
        45000028 a4ad4000 40067880 0a01038f 0a010612 802306b8 cb712602 dd6bb03e
        501016d0 7568"""), 1, 16),
    Packet("Linux's self-test, AES-CCM with 256 bits (RFC 4309)", 16, _hex("""
        abbccddef00112233445566778899aab abbccddef00112233445566778899aab 112233"""), _hex("""
        4a2cbfe3 00000002 01020304 05060708
        d6310d2b 3d6fbd2f 58417eff 9a9e09b4 1af7f642 31cdbfad 270e2cf2 db10df55
        8f0dd7ac 23bd4210 d0b2afd8 37ac6b0b 11d40b12 ecb4b192 23a610b0 26d6d926
        5a486a3e"""), _hex("""
        45000030 69a64000 80062690 c0a80102 9389155e 0a9e008b 2dc57ee0 00000000
        70024000 20bf0000 020405b4 01010402"""), 1, 16),
    Packet("Linux's self-test, AES-CCM (RFC 4309), ESN", 16, _hex("abbccddef00112233445566778899aab decaf8"), _hex("""
        00000100 00000001 cafedeba ceface74
        a3bf5252 6583ba81 039b84fc 448cbb81 36e178bb a5493ad0 f06b21af 98c034dc
        171765ad"""), _hex("746f0162 65016f72 016e6f74 01746f01 6265"), 1, 16, True),
]


@dataclass(frozen=True)
class Mac:
    """A text and its authentication code. As an ESP packet its first 8 bytes are SPI and sequence number."""

    source: str
    auth: int
    key: bytes
    text: bytes
    code: bytes


_CUT = b"Test With Truncation"
# HMAC fills its key up with zeros, so a short key is one of any length.
_JEFE, _NOTHING = b"Jefe", b"what do ya want for nothing?"
_XCBC_KEY = bytes(range(16))
_CMAC_KEY = _hex("2b7e151628aed2a6abf7158809cf4f3c")
_CMAC_TEXT = _hex("""
    6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
    30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710""")

MACS = [
    Mac("RFC 2202 MD5 case 2 (RFC 2403)", 2, _JEFE + bytes(12), _NOTHING, _hex("750c783e6ab0b503eaa86e31")),
    Mac("RFC 2202 SHA1 case 2 (RFC 2404)", 3, _JEFE + bytes(16), _NOTHING, _hex("effcdf6ae5eb2fa2d27416d5")),
    Mac("RFC 2202 MD5 case 5 (RFC 2403)", 2, b"\x0c" * 16, _CUT, _hex("56461ef2342edc00f9bab995")),
    Mac("RFC 2202 SHA1 case 5 (RFC 2404)", 3, b"\x0c" * 20, _CUT, _hex("4c1a03424b55e07fe7f27be1")),
    Mac("RFC 4868 AUTH256-2", 5, _JEFE * 8, _NOTHING, _hex("167f928588c5cc2eef8e3093caa0e87c")),
    Mac("RFC 4868 AUTH256-2, cut to 96 bits", 252, _JEFE * 8, _NOTHING, _hex("167f928588c5cc2eef8e3093")),
    Mac("RFC 4868 AUTH384-2", 6, _JEFE * 12, _NOTHING, _hex("2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d")),
    Mac("RFC 4868 AUTH512-2", 7, _JEFE * 16, _NOTHING,
        _hex("cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454")),
    Mac("RFC 3566 case 3", 9, _XCBC_KEY, bytes(range(16)), _hex("d2a246fa349b68a79998a439")),
    Mac("RFC 3566 case 4", 9, _XCBC_KEY, bytes(range(20)), _hex("47f51b4564966215b8985c63")),
    Mac("RFC 3566 case 5", 9, _XCBC_KEY, bytes(range(32)), _hex("f54f0ec8d2b9f3d36807734b")),
    Mac("RFC 4493 example 2 (RFC 4494)", 250, _CMAC_KEY, _CMAC_TEXT[:16], _hex("070a16b46b4d4144f79bdd9d")),
    Mac("RFC 4493 example 3 (RFC 4494)", 250, _CMAC_KEY, _CMAC_TEXT[:40], _hex("dfa66747de9ae63030ca3261")),
    Mac("RFC 4493 example 4 (RFC 4494)", 250, _CMAC_KEY, _CMAC_TEXT, _hex("51f0bebf7e3b9d92fc497417")),
]


@dataclass(frozen=True)
class Stream:
    """A key with its nonce, an IV, and the keystream that follows from them: 32 bytes."""

    source: str
    key: bytes
    iv: bytes
    stream: bytes


def _stream(source, key, iv, sealed):
    """In RFC 3686 the text is 0, 1, 2, ..."""
    return Stream(source, _hex(key), _hex(iv), bytes(a ^ b for a, b in zip(_hex(sealed), range(32), strict=True)))


STREAMS = [
    _stream("RFC 3686 vector 2", "7e24067817fae0d743d6ce1f32539163 006cb6db", "c0543b59da48d90b",
            "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28"),
    _stream("RFC 3686 vector 5", "7c5cb2401b3dc33c19e7340819e0f69c678c3db8e6f6a91a 0096b03b", "020c6eadc2cb500d",
            "453243fc609b23327edfaafa7131cd9f8490701c5ad4a79cfc1fe0ff42f4fb00"),
    _stream("RFC 3686 vector 8", "f6d66d6bd52d59bb0796365879eff886c66dd51a5b6a99744b50590c87a23884 00faac24",
            "c1585ef15a43d875", "f05e231b3894612c49ee000b804eb2a9b8306b508f839d6a5530831d9344af1c"),
]


@dataclass(frozen=True)
class Block:
    """One block of 16 bytes under a cipher: what is in CBC mode between the IV and the text."""

    source: str
    enc: int
    key: bytes
    plain: bytes
    sealed: bytes


_KEY = _hex("0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff")
_CAMELLIA = _KEY[:16]
_CBC = bytes(a ^ b for a, b in zip(_CMAC_TEXT[:16], range(16), strict=True))

BLOCKS = [
    # RFC 3602 case 1 and SP 800-38A F.2 give text and IV, which together are what the cipher sees.
    Block("RFC 3602 case 1", 12, _hex("06a9214036b8a15b512e03d534120006"),
          bytes(a ^ b for a, b in zip(b"Single block msg", _hex("3dafba429d9eb430b422da802c9fac41"), strict=True)),
          _hex("e353779c1079aeb82708942dbe77181a")),
    Block("NIST SP 800-38A F.2.3, AES with 192 bits", 12, _hex("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"), _CBC,
          _hex("4f021db243bc633d7178183a9fa071e8")),
    Block("NIST SP 800-38A F.2.5, AES with 256 bits", 12,
          _hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"), _CBC,
          _hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6")),
    Block("RFC 3713, 128 bits", 22, _KEY[:16], _CAMELLIA, _hex("67673138549669730857065648eabe43")),
    Block("RFC 3713, 192 bits", 22, _KEY[:24], _CAMELLIA, _hex("b4993401b3e996f84ee5cee7d79b09b9")),
    Block("RFC 3713, 256 bits", 22, _KEY, _CAMELLIA, _hex("9acc237dff16d76c20ef7c919e3a7509")),
    Block("Twofish's authors, 128 bits", 253, bytes(16), bytes(16), _hex("9f589f5cf6122c32b6bfec2f2ae8c35a")),
    Block("Twofish's authors, 192 bits", 253, _KEY[:24], bytes(16), _hex("cfd1d2e5a9be9cdf501f13b892bd2248")),
    Block("Twofish's authors, 256 bits", 253, _KEY, bytes(16), _hex("37527be0052334b89f0cfccae87cfa20")),
    Block("NESSIE, Serpent with 128 bits", 252, bytes(15) + b"\x80", bytes(16), _hex("ddd26b98a5ffd82c05345a9dadbfaf49")),
    Block("NESSIE, Serpent with 256 bits", 252, bytes(range(32)), bytes(range(16)),
          _hex("de269ff833e432b85b2e88d2701ce75c")),
]
