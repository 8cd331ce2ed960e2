// SPDX-License-Identifier: GPL-2.0-only

//! The classic form of a message: two lines of numbers, known to scripts by heart, blanks included.

use std::fmt::{self, Write};

use klips_core::pfkey::walk::{Malformed, RawExt};
use klips_core::pfkey::{Ext, ExtType};

use super::message::{part, satype_name, Message};

/// A message and a line feed before it.
pub(super) fn text(message: &Message<'_>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, message);
    text
}

fn write(text: &mut String, message: &Message<'_>) -> fmt::Result {
    let Message {
        version,
        kind,
        errno,
        satype,
        words,
        seq,
        pid,
        ..
    } = message;
    writeln!(
        text,
        "\npfkey v{version} msg. type={kind}({}) seq={seq} len={words} pid={pid} errno={errno} satype={satype}({})",
        message.kind_name(),
        satype_name(*satype)
    )?;
    if !message.is_whole() {
        return writeln!(
            text,
            "pf_key: packet size read from socket={} doesn't equal sadb_msg_len {words} * 8; message not decoded",
            message.len()
        );
    }
    write!(
        text,
        "version={version} type={kind} errno={errno} satype={satype} len={words} seq={seq} pid={pid} "
    )?;
    for ext in message.extensions() {
        match ext {
            Ok(ext) => extension(text, &ext)?,
            Err(Malformed::Short { have, need }) => write!(text, "short-packet({have}<{need}) ")?,
            Err(Malformed::IllegalLength(words)) => write!(text, "illegal-length({words}) ")?,
        }
    }
    text.write_char('\n')
}

fn extension(text: &mut String, ext: &RawExt<'_>) -> fmt::Result {
    write!(text, "{{ext={} len={} ", ext.number(), ext.words())?;
    match (ext.kind(), ext.decode()) {
        (Some(ExtType::Sa), Ok(Ext::Sa(sa))) => {
            // Network byte order, as this machine reads it; and no blank behind it.
            let spi = u32::from_ne_bytes(sa.spi.to_be_bytes());
            return write!(
                text,
                "spi={spi:08x} replay={} state={} auth={} encrypt={} flags={:08x} ref={:08x}}}",
                sa.replay, sa.state, sa.auth, sa.encrypt, sa.flags, sa.reference
            );
        }
        (_, Ok(Ext::Lifetime(life))) => write!(
            text,
            "allocations={} bytes={} addtime={} usetime={} packets={}",
            life.allocations, life.bytes, life.addtime, life.usetime, life.packets
        )?,
        (Some(ExtType::Protocol), Ok(_)) => {
            let [proto, direction, flags] = part(ext.payload(), 0);
            write!(text, "proto={proto} direction={direction} flags={flags}")?;
        }
        (Some(kind), _) if is_address(kind) => {
            let [proto, prefix_len] = part(ext.payload(), 0);
            write!(text, "proto={proto} prefixlen={prefix_len} addr=0x")?;
            hex(text, ext.payload().get(4..).unwrap_or_default())?;
        }
        (Some(ExtType::KeyAuth | ExtType::KeyEncrypt), _) => {
            // The bits, and as many zeros as there are bytes of key: such lines end in logs.
            let (bits, key) = ext.payload().split_at(ext.payload().len().min(4));
            text.write_str("bytes=0x")?;
            hex(text, bits)?;
            key.iter().try_for_each(|_| text.write_str("00"))?;
        }
        _ => {
            text.write_str("bytes=0x")?;
            hex(text, ext.payload())?;
        }
    }
    text.write_str(" } ")
}

/// Whether the extension is shown as an address. The one of NAT traversal never was.
const fn is_address(kind: ExtType) -> bool {
    matches!(
        kind,
        ExtType::AddressSrc
            | ExtType::AddressDst
            | ExtType::AddressProxy
            | ExtType::AddressDst2
            | ExtType::AddressSrcFlow
            | ExtType::AddressDstFlow
            | ExtType::AddressSrcMask
            | ExtType::AddressDstMask
    )
}

fn hex(text: &mut String, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use klips_core::pfkey::build::{Builder, Origin};
    use klips_core::pfkey::ext::{Lifetime, SaInfo};
    use klips_core::pfkey::reply;
    use klips_core::pfkey::{ext::Alg, MsgType, MAX_REPLY};

    #[test]
    fn a_register_reply() {
        let mut buf = [0; MAX_REPLY];
        let auth = [(3, 160), (2, 128)].map(|(id, bits)| Alg {
            id,
            iv_bits: 0,
            min_bits: bits,
            max_bits: bits,
        });
        let origin = Origin { seq: 1, pid: 3412 };
        let bytes = reply::register(&mut buf, origin, 2, &auth, &[]).unwrap();
        let want = "\npfkey v2 msg. type=7(register) seq=1 len=5 pid=3412 errno=0 satype=2(AH)\n\
                    version=2 type=7 errno=0 satype=2 len=5 seq=1 pid=3412 \
                    {ext=14 len=3 bytes=0x000000000300a000a00000000200800080000000 } \n";
        assert_eq!(text(&Message::new(bytes)), want);
    }

    #[test]
    fn known_extensions_have_fields() {
        let mut buf = [0; MAX_REPLY];
        let mut builder = Builder::new(&mut buf, MsgType::Expire, 3, Origin::kernel(7));
        builder.sa(
            ExtType::Sa,
            &SaInfo {
                spi: 0x1234_5678,
                state: 1,
                auth: 2,
                encrypt: 3,
                reference: 2,
                ..SaInfo::default()
            },
        );
        let life = Lifetime {
            allocations: 1,
            bytes: 936,
            packets: 3,
            ..Lifetime::default()
        };
        builder.lifetime(ExtType::LifetimeCurrent, Some(&life));
        builder.address(ExtType::AddressSrc, "192.0.2.1".parse().unwrap());
        let text = text(&Message::new(builder.into_bytes().unwrap()));
        let want = "{ext=1 len=3 spi=78563412 replay=0 state=1 auth=2 encrypt=3 flags=00000000 ref=00000002}\
                    {ext=2 len=5 allocations=1 bytes=936 addtime=0 usetime=0 packets=3 } \
                    {ext=5 len=3 proto=0 prefixlen=0 addr=0x02000000c00002010000000000000000 } \n";
        assert!(text.ends_with(want), "{text}");
    }

    #[test]
    fn keys_are_zeros() {
        let mut buf = [0; MAX_REPLY];
        let mut builder = Builder::new(&mut buf, MsgType::Add, 3, Origin::kernel(1));
        let key = klips_core::pfkey::ext::Key {
            bits: 128,
            bytes: b"sixteen letters!",
        };
        builder.key(ExtType::KeyEncrypt, Some(&key));
        let text = text(&Message::new(builder.into_bytes().unwrap()));
        let want = "{ext=9 len=3 bytes=0x8000000000000000000000000000000000000000 } \n";
        assert!(text.ends_with(want), "{text}");
    }

    #[test]
    fn what_is_malformed_is_said_to_be() {
        let mut bytes = [0_u8; 24];
        bytes[..6].copy_from_slice(&[2, 99, 0, 4, 3, 0]);
        let long = text(&Message::new(&bytes));
        assert!(long.starts_with("\npfkey v2 msg. type=99(unknown-sadb-type) seq=0 len=3 pid=0 errno=0 satype=4(UNKNOWN)\n"));
        assert!(long.ends_with(" pid=0 illegal-length(0) \n"), "{long}");
        bytes[16..20].copy_from_slice(&[2, 0, 1, 0]);
        assert!(text(&Message::new(&bytes)).ends_with("pid=0 short-packet(8<16) \n"));
        let cut = text(&Message::new(&bytes[..20]));
        assert!(
            cut.ends_with("\npf_key: packet size read from socket=20 doesn't equal sadb_msg_len 3 * 8; message not decoded\n"),
            "{cut}"
        );
    }
}
