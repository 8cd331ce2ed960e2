// SPDX-License-Identifier: GPL-2.0-only

//! The readable form of a message: what it is, then a line per extension. Keys are not shown.

use std::fmt::{self, Write};

use klips_core::addr::Addr;
use klips_core::pfkey::ext::{
    Algs, DebugMasks, Endpoint, Ident, Lifetime, Outer, Proposal, SaInfo,
};
use klips_core::pfkey::types::natt_type;
use klips_core::pfkey::walk::{Malformed, RawExt};
use klips_core::pfkey::{Errno, Ext, ExtType};

use super::message::{satype_name, Message};
use super::words;

/// A message and a line feed behind it.
pub(super) fn text(message: &Message<'_>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, message);
    text
}

fn write(text: &mut String, message: &Message<'_>) -> fmt::Result {
    let from = match message.pid {
        0 => "kernel".to_owned(),
        pid => format!("process {pid}"),
    };
    write!(text, "{}", message.kind_name())?;
    if message.satype != 0 {
        write!(text, " {}", satype_name(message.satype))?;
    }
    write!(text, ", for {from}, sequence {}", message.seq)?;
    if message.errno != 0 {
        write!(text, ", failed: ")?;
        match Errno::from_code(message.errno) {
            Some(errno) => write!(text, "{}", errno.name())?,
            None => write!(text, "errno {}", message.errno)?,
        }
    }
    text.push('\n');
    if !message.is_whole() {
        let (len, said) = (message.len(), message.said_len());
        writeln!(text, "    {len} bytes of a message of {said}")?;
        return text.write_char('\n');
    }
    for ext in message.extensions() {
        match ext {
            Ok(ext) => extension(text, &ext, message.satype)?,
            Err(Malformed::Short { have, need }) => {
                writeln!(
                    text,
                    "    malformed: an extension of {need} bytes where {have} are left"
                )?;
            }
            Err(Malformed::IllegalLength(words)) => {
                writeln!(text, "    malformed: an extension of {words} words")?;
            }
        }
    }
    text.write_char('\n')
}

/// The line of an extension.
fn extension(text: &mut String, ext: &RawExt<'_>, satype: u8) -> fmt::Result {
    match ext.kind() {
        Some(kind) => write!(text, "    {:20}", kind.name())?,
        None => write!(text, "    extension {:<10}", ext.number())?,
    }
    match ext.decode() {
        Ok(decoded) => value(text, &decoded, ext, satype)?,
        Err(errno) => write!(text, "malformed ({})", errno.name())?,
    }
    text.write_char('\n')
}

fn value(text: &mut String, decoded: &Ext<'_>, ext: &RawExt<'_>, satype: u8) -> fmt::Result {
    match decoded {
        Ext::Sa(sa) => sa_value(text, sa, satype),
        Ext::Lifetime(life) => lifetime(text, life),
        Ext::Address(endpoint) => address(text, endpoint),
        Ext::Key(key) => write!(text, "{} bits", key.bits),
        Ext::Ident(ident) => identity(text, ident),
        Ext::Proposal(proposal) => combinations(text, proposal),
        Ext::Supported(algs) => supported(text, algs, ext.kind(), satype),
        Ext::SpiRange(range) => write!(text, "0x{:x} to 0x{:x}", range.min, range.max),
        Ext::Satype(satype) => text.write_str(satype_name(*satype)),
        Ext::Debug(masks) => debug(text, masks),
        Ext::Protocol(0) => text.write_str("any"),
        Ext::Protocol(proto) => write!(text, "{proto}"),
        Ext::NatTType(kind) => {
            text.write_str(words::natt(*kind))?;
            text.write_str(match *kind {
                natt_type::NON_IKE => " (draft)",
                natt_type::NON_ESP => " (RFC 3948)",
                _ => "",
            })
        }
        Ext::NatTPort(port) => write!(text, "{port}"),
        Ext::PlumbIf(number) => {
            let (name, transport) = words::interface(*number);
            text.write_str(&name)?;
            text.write_str(if transport { ", transport mode" } else { "" })
        }
        Ext::Saref(pair) => write!(text, "{}, twin {}", pair.me, pair.him),
        Ext::Group(outer) => members(text, outer),
        _ => write!(text, "{} bytes", ext.payload().len()),
    }
}

fn sa_value(text: &mut String, sa: &SaInfo, satype: u8) -> fmt::Result {
    let state = words::state(sa.state).unwrap_or("unknown state");
    write!(text, "SPI 0x{:x}, {state}", sa.spi)?;
    if sa.window_size() != 0 {
        write!(text, ", replay window {}", sa.window_size())?;
    }
    if sa.encrypt != 0 {
        write!(text, ", {}", words::cipher(sa.encrypt, satype))?;
    }
    if sa.auth != 0 {
        write!(text, ", {}", words::auth(sa.auth))?;
    }
    let (names, rest) = words::flags(sa.flags);
    for name in names {
        write!(text, ", {name}")?;
    }
    if rest != 0 {
        write!(text, ", flags 0x{rest:x}")?;
    }
    if sa.reference != 0 {
        write!(text, ", reference {}", sa.reference)?;
    }
    Ok(())
}

fn lifetime(text: &mut String, life: &Lifetime) -> fmt::Result {
    let mut lead = "";
    for (name, value) in words::amounts(life).filter(|(_, value)| *value != 0) {
        write!(text, "{lead}{name} {value}")?;
        lead = ", ";
    }
    text.write_str(if lead.is_empty() { "nothing" } else { "" })
}

fn address(text: &mut String, endpoint: &Endpoint) -> fmt::Result {
    write!(text, "{}", Addr(endpoint.addr))?;
    if endpoint.port != 0 {
        write!(text, " port {}", endpoint.port)?;
    }
    if endpoint.proto != 0 {
        write!(text, " protocol {}", endpoint.proto)?;
    }
    Ok(())
}

fn members(text: &mut String, outer: &Outer) -> fmt::Result {
    write!(text, "then {}", outer.third)?;
    match outer.fourth {
        Some(fourth) => write!(text, ", then {fourth}"),
        None => Ok(()),
    }
}

fn identity(text: &mut String, ident: &Ident<'_>) -> fmt::Result {
    let kind = words::identity(ident.kind);
    let name = String::from_utf8_lossy(ident.text());
    write!(text, "{kind} \"{}\"", name.escape_debug())?;
    if ident.id != 0 {
        write!(text, ", number {}", ident.id)?;
    }
    Ok(())
}

fn combinations(text: &mut String, proposal: &Proposal<'_>) -> fmt::Result {
    write!(text, "replay window {}", proposal.replay)?;
    for comb in proposal.combs() {
        let (auth, cipher) = (words::auth(comb.auth), words::cipher(comb.encrypt, 0));
        write!(text, "\n{:24}", "")?;
        write!(
            text,
            "{cipher} {} to {} bits",
            comb.encrypt_minbits, comb.encrypt_maxbits
        )?;
        write!(
            text,
            ", {auth} {} to {} bits",
            comb.auth_minbits, comb.auth_maxbits
        )?;
    }
    Ok(())
}

fn supported(text: &mut String, algs: &Algs<'_>, kind: Option<ExtType>, satype: u8) -> fmt::Result {
    let mut lead = "";
    for alg in algs.iter() {
        let name = match kind {
            Some(ExtType::SupportedAuth) => words::auth(alg.id),
            _ => words::cipher(alg.id, satype),
        };
        write!(text, "{lead}{name} {}", alg.min_bits)?;
        if alg.max_bits != alg.min_bits {
            write!(text, " to {}", alg.max_bits)?;
        }
        text.write_str(" bits")?;
        lead = ", ";
    }
    Ok(())
}

fn debug(text: &mut String, masks: &DebugMasks) -> fmt::Result {
    let set = masks.netlink & DebugMasks::SET != 0;
    text.write_str(if set { "set" } else { "keep only" })?;
    for (name, mask) in words::masks(masks).filter(|(_, mask)| *mask != 0) {
        write!(text, " {name}={mask:x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use klips_core::pfkey::build::{Builder, Origin};
    use klips_core::pfkey::{compose, MsgType, MAX_REPLY};
    use klips_core::said::Said;

    #[test]
    fn a_block_per_message() {
        let mut buf = [0; MAX_REPLY];
        let mut builder = Builder::new(&mut buf, MsgType::Add, 3, Origin { seq: 4, pid: 77 });
        builder.sa(
            ExtType::Sa,
            &SaInfo {
                spi: 0x1001,
                replay: 64,
                state: 1,
                auth: 3,
                encrypt: 12,
                flags: 0x21,
                reference: 5,
                ..SaInfo::default()
            },
        );
        builder.address(ExtType::AddressSrc, "2001:db8::1".parse().unwrap());
        let want = "add ESP, for process 77, sequence 4\n    \
                    SA                  SPI 0x1001, mature, replay window 64, AES, HMAC_SHA1, PFS, flags 0x20, reference 5\n    \
                    ADDRESS_SRC         2001:db8::1\n\n";
        assert_eq!(text(&Message::new(builder.into_bytes().unwrap())), want);
    }

    #[test]
    fn masks_and_errors() {
        let mut buf = [0; MAX_REPLY];
        let masks = DebugMasks {
            netlink: DebugMasks::SET,
            esp: u32::MAX,
            ..DebugMasks::default()
        };
        let origin = Origin { seq: 1, pid: 2 };
        let mut bytes = compose::debug(&mut buf, origin, &masks).unwrap().to_vec();
        bytes[2] = 22;
        let want = "x-debug, for process 2, sequence 1, failed: EINVAL\n    X_DEBUG             set esp=ffffffff\n\n";
        assert_eq!(text(&Message::new(&bytes)), want);
        let cut = text(&Message::new(&bytes[..20]));
        assert!(
            cut.ends_with("    20 bytes of a message of 72\n\n"),
            "{cut}"
        );
    }

    #[test]
    fn members_of_a_group() {
        let said = |text| Said::parse(text).unwrap();
        let (third, fourth) = (said("esp0x1002@192.0.2.2"), said("ah0x1003@2001:db8::2"));
        for (fourth, want) in [
            (None, "then esp0x1002@192.0.2.2"),
            (
                Some(fourth),
                "then esp0x1002@192.0.2.2, then ah0x1003@2001:db8::2",
            ),
        ] {
            let mut buf = [0; MAX_REPLY];
            let mut builder = Builder::new(&mut buf, MsgType::Grpsa, 9, Origin::kernel(1));
            builder.group(Some(&Outer { third, fourth }));
            let text = text(&Message::new(builder.into_bytes().unwrap()));
            let line = format!("    X_GROUP             {want}\n");
            assert!(text.contains(&line), "{text}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        let mut buf = [0; MAX_REPLY];
        let mut builder = Builder::new(&mut buf, MsgType::Add, 3, Origin::kernel(1));
        let key = klips_core::pfkey::ext::Key {
            bits: 128,
            bytes: b"sixteen letters!",
        };
        builder.key(ExtType::KeyAuth, Some(&key));
        let text = text(&Message::new(builder.into_bytes().unwrap()));
        assert!(text.contains("KEY_AUTH            128 bits\n"), "{text}");
    }
}
