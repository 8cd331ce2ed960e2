// SPDX-License-Identifier: GPL-2.0-only

//! The PF_KEY numbers of algorithms.
//!
//! Those of Linux's `pfkeyv2.h` where it has one. Those that it lacks: 28, IANA's ESP transform number, is free in it;
//! 250 and 252 are what key daemons and KLIPS have used for AES-CMAC-96 and the truncated HMAC-SHA2-256.

/// "No algorithm", in either field.
pub const NONE: u8 = 0;

/// HMAC-MD5-96, RFC 2403.
pub const AUTH_MD5: u8 = 2;
/// HMAC-SHA1-96, RFC 2404.
pub const AUTH_SHA1: u8 = 3;
/// HMAC-SHA2-256-128, RFC 4868.
pub const AUTH_SHA2_256: u8 = 5;
/// HMAC-SHA2-384-192, RFC 4868.
pub const AUTH_SHA2_384: u8 = 6;
/// HMAC-SHA2-512-256, RFC 4868.
pub const AUTH_SHA2_512: u8 = 7;
/// AES-XCBC-MAC-96, RFC 3566.
pub const AUTH_AES_XCBC: u8 = 9;
/// AES-CMAC-96, RFC 4494.
pub const AUTH_AES_CMAC: u8 = 250;
/// HMAC-SHA2-256 with an ICV of 96 bits, as Linux did it before it knew RFC 4868.
pub const AUTH_SHA2_256_96: u8 = 252;

/// 3DES-CBC, RFC 2451.
pub const ENC_3DES: u8 = 3;
/// NULL, RFC 2410.
pub const ENC_NULL: u8 = 11;
/// AES-CBC, RFC 3602.
pub const ENC_AES: u8 = 12;
/// AES-CTR, RFC 3686.
pub const ENC_AES_CTR: u8 = 13;
/// AES-CCM with an ICV of 8 bytes, RFC 4309.
pub const ENC_AES_CCM_8: u8 = 14;
/// AES-CCM with an ICV of 12 bytes, RFC 4309.
pub const ENC_AES_CCM_12: u8 = 15;
/// AES-CCM with an ICV of 16 bytes, RFC 4309.
pub const ENC_AES_CCM_16: u8 = 16;
/// AES-GCM with an ICV of 8 bytes, RFC 4106.
pub const ENC_AES_GCM_8: u8 = 18;
/// AES-GCM with an ICV of 12 bytes, RFC 4106.
pub const ENC_AES_GCM_12: u8 = 19;
/// AES-GCM with an ICV of 16 bytes, RFC 4106.
pub const ENC_AES_GCM_16: u8 = 20;
/// Camellia-CBC, RFC 4312.
pub const ENC_CAMELLIA: u8 = 22;
/// AES-GMAC: authentication alone, RFC 4543.
pub const ENC_NULL_AES_GMAC: u8 = 23;
/// ChaCha20-Poly1305, RFC 7634.
pub const ENC_CHACHA20_POLY1305: u8 = 28;
/// Serpent-CBC.
pub const ENC_SERPENT: u8 = 252;
/// Twofish-CBC.
pub const ENC_TWOFISH: u8 = 253;

/// Raw deflate, RFC 2394, as the "encryption" of a COMP SA.
pub const COMP_DEFLATE: u8 = 2;
/// LZS, RFC 2395: known by name only.
pub const COMP_LZS: u8 = 3;
