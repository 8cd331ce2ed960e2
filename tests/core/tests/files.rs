// SPDX-License-Identifier: GPL-2.0-only

//! The small `/proc` files, byte for byte.

use klips_core::pfkey::ext::DebugMasks;
use klips_core::text::{
    KlipsdebugRows, NattRow, OcfRow, PfkeyRow, RegisteredRow, SarefRows, StatRow, SupportedRow,
    VerbosePfkeyRow, XformRow,
};

#[test]
fn klipsdebug() {
    let masks = DebugMasks {
        eroute: u32::MAX,
        tunnel: 0x100,
        netlink: 7,
        ipcomp: 7,
        verbose: 7,
        ..DebugMasks::default()
    };
    assert_eq!(
        KlipsdebugRows(masks).to_string(),
        "debug_tunnel=00000100.\ndebug_xform=00000000.\ndebug_eroute=ffffffff.\ndebug_spi=00000000.\n\
         debug_radij=00000000.\ndebug_esp=00000000.\ndebug_ah=00000000.\ndebug_rcv=00000000.\n\
         debug_pfkey=00000000.\n"
    );
}

#[test]
fn one_liners() {
    assert_eq!(StatRow(26).to_string(), "0000001a\n");
    assert_eq!(NattRow::None.to_string(), "0\n");
    assert_eq!(NattRow::SocketOption.to_string(), "1\n");
    assert_eq!(NattRow::Handover.to_string(), "2\n");
    assert_eq!(OcfRow(false).to_string(), "0\n");
    assert_eq!(OcfRow(true).to_string(), "1\n");
    assert_eq!(SarefRows::default().to_string(), "saref disabled\n");
    let all = SarefRows {
        refinfo: true,
        bindref: true,
        enabled: true,
    };
    assert_eq!(
        all.to_string(),
        "refinfo patch applied\nbindref patch applied\nsaref enabled\n"
    );
}

#[test]
fn xforms() {
    let aes = XformRow {
        exttype: 15,
        id: 12,
        name: "aes",
        refcount: 1,
        block: 16,
        iv_bits: 128,
        min_bits: 128,
        max_bits: 256,
        context_len: 528,
        auth_len: None,
    };
    assert_eq!(
        aes.to_string(),
        "VERSION=524544 TYPE=15 ID=12 NAME=aes REFCNT=1 STATE=00000000 BLOCKSIZE=16 IVLEN=128 KEYMINBITS=128 \
         KEYMAXBITS=256 IVLEN=128 KEYMINBITS=128 KEYMAXBITS=256 KEYLEN=0 CTXSIZE=528 \n"
    );
    let sha1 = XformRow {
        exttype: 14,
        auth_len: Some(12),
        ..aes
    };
    assert!(sha1.to_string().ends_with("CTXSIZE=528 AUTHLEN=12 \n"));
}

#[test]
fn sockets() {
    let row = PfkeyRow {
        sock: 0xc3b8_be00,
        pid: 3412,
        socket: 0xc2f0_a140,
        err: 0,
        proto: 2,
        sndbuf: 65535,
        flags: 0,
        kind: 3,
        state: 1,
    };
    assert_eq!(
        row.to_string(),
        "c3b8be00  3412 c2f0a140 0 2 65535 00000000        3  1\n"
    );
    let verbose = VerbosePfkeyRow {
        row,
        sleep: 5,
        stamp: 12_000_345,
    };
    assert_eq!(
        verbose.to_string(),
        "c3b8be00  3412 0 00000005 c2f0a140 0 0 0 2 65535 12.000345 00000000        3  1\n"
    );
    let registered = RegisteredRow {
        satype: 2,
        socket: 0xc2f0_a140,
        pid: 3412,
        sock: 0xc3b8_be00,
    };
    assert_eq!(registered.to_string(), "     2 c2f0a140  3412 c3b8be00\n");
    assert_eq!(RegisteredRow::HEADER, "satype   socket   pid       sk\n");
}

#[test]
fn supported() {
    let aes = SupportedRow {
        satype: 3,
        exttype: 15,
        id: 12,
        iv_bits: 128,
        min_bits: 128,
        max_bits: 256,
        name: Some("aes"),
    };
    let tunnel = SupportedRow {
        satype: 10,
        id: 2,
        iv_bits: 0,
        min_bits: 1,
        max_bits: 1,
        name: None,
        ..aes
    };
    let file = format!("{}{aes}{tunnel}", SupportedRow::HEADER);
    assert_eq!(
        file,
        "satype exttype alg_id ivlen minbits maxbits name\n\
         \x20    3      15     12   128     128     256                  aes\n\
         \x20   10      15      2     0       1       1              unknown\n"
    );
}
