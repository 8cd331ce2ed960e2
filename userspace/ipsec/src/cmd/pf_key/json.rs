// SPDX-License-Identifier: GPL-2.0-only

//! A message as JSON, on a line of its own. Keys are not shown.

use klips_core::addr::Addr;
use klips_core::pfkey::ext::{Algs, DebugMasks, Endpoint, Ident, Lifetime, Proposal, SaInfo};
use klips_core::pfkey::walk::{Malformed, RawExt};
use klips_core::pfkey::{Errno, Ext, ExtType};

use super::message::{satype_name, Message};
use super::words;
use crate::json::Value;

type Field = (&'static str, Value);

/// A message and a line feed behind it.
pub(super) fn text(message: &Message<'_>) -> String {
    format!("{}\n", value(message))
}

/// The fields of ipsec_pf_key(8).
fn value(message: &Message<'_>) -> Value {
    let head = Value::object([
        ("type", message.kind_name().into()),
        ("satype", satype(message.satype)),
        ("process", message.pid.into()),
        ("sequence", message.seq.into()),
        ("error", error(message.errno)),
    ]);
    if !message.is_whole() {
        let (len, said) = (message.len(), message.said_len());
        return head.with("malformed", format!("{len} bytes of a message of {said}"));
    }
    let extensions = message.extensions().map(|ext| match ext {
        Ok(ext) => extension(&ext, message.satype),
        Err(why) => Value::object([("malformed", malformed(&why).into())]),
    });
    head.with("extensions", Value::list(extensions))
}

fn satype(satype: u8) -> Value {
    match satype {
        0 => Value::Null,
        satype => satype_name(satype).into(),
    }
}

fn error(code: u8) -> Value {
    match (code, Errno::from_code(code)) {
        (0, _) => Value::Null,
        (_, Some(errno)) => errno.name().into(),
        (code, None) => code.into(),
    }
}

fn malformed(why: &Malformed) -> String {
    match why {
        Malformed::Short { have, need } => {
            format!("an extension of {need} bytes where {have} are left")
        }
        Malformed::IllegalLength(words) => format!("an extension of {words} words"),
    }
}

fn extension(ext: &RawExt<'_>, satype: u8) -> Value {
    let kind = match ext.kind() {
        Some(kind) => kind.name().into(),
        None => Value::from(ext.number()),
    };
    let fields = match ext.decode() {
        Ok(decoded) => fields(&decoded, ext, satype),
        Err(errno) => vec![("malformed", errno.name().into())],
    };
    Value::object([("type", kind)].into_iter().chain(fields))
}

fn fields(decoded: &Ext<'_>, ext: &RawExt<'_>, satype: u8) -> Vec<Field> {
    match decoded {
        Ext::Sa(sa) => self::sa(sa, satype),
        Ext::Lifetime(life) => lifetime(life),
        Ext::Address(endpoint) => address(endpoint),
        Ext::Key(key) => vec![("bits", key.bits.into())],
        Ext::Ident(ident) => identity(ident),
        Ext::Proposal(proposal) => combinations(proposal),
        Ext::Supported(algs) => supported(algs, ext.kind(), satype),
        Ext::SpiRange(range) => vec![("min", spi(range.min)), ("max", spi(range.max))],
        Ext::Satype(satype) => vec![("satype", satype_name(*satype).into())],
        Ext::Debug(masks) => debug(masks),
        Ext::Protocol(proto) => vec![("protocol", (*proto).into())],
        Ext::NatTType(kind) => vec![("natt_type", words::natt(*kind).into())],
        Ext::NatTPort(port) => vec![("port", (*port).into())],
        Ext::PlumbIf(number) => {
            let (name, transport) = words::interface(*number);
            vec![("device", name.into()), ("transport", transport.into())]
        }
        Ext::Saref(pair) => vec![("reference", pair.me.into()), ("twin", pair.him.into())],
        Ext::Group(outer) => {
            let members = [Some(outer.third), outer.fourth];
            let members = members.iter().flatten().map(Value::text);
            vec![("members", Value::list(members))]
        }
        _ => vec![("bytes", len(ext.payload()))],
    }
}

fn len(bytes: &[u8]) -> Value {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).into()
}

fn spi(spi: u32) -> Value {
    Value::text(format_args!("0x{spi:x}"))
}

fn sa(sa: &SaInfo, satype: u8) -> Vec<Field> {
    let (names, rest) = words::flags(sa.flags);
    let named = |id: u8, name: String| (id != 0).then_some(name);
    vec![
        ("spi", spi(sa.spi)),
        ("state", words::state(sa.state).into()),
        ("replay_window", sa.window_size().into()),
        (
            "encryption",
            named(sa.encrypt, words::cipher(sa.encrypt, satype)).into(),
        ),
        (
            "authentication",
            named(sa.auth, words::auth(sa.auth)).into(),
        ),
        ("flags", Value::list(names)),
        ("other_flags", rest.into()),
        ("reference", sa.reference.into()),
    ]
}

fn lifetime(life: &Lifetime) -> Vec<Field> {
    words::amounts(life)
        .map(|(name, value)| (name, value.into()))
        .collect()
}

fn address(endpoint: &Endpoint) -> Vec<Field> {
    vec![
        ("address", Value::text(Addr(endpoint.addr))),
        ("port", endpoint.port.into()),
        ("protocol", endpoint.proto.into()),
    ]
}

fn identity(ident: &Ident<'_>) -> Vec<Field> {
    vec![
        ("kind", words::identity(ident.kind).into()),
        ("name", Value::text(String::from_utf8_lossy(ident.text()))),
        ("number", ident.id.into()),
    ]
}

fn combinations(proposal: &Proposal<'_>) -> Vec<Field> {
    let combs = proposal.combs().map(|comb| {
        Value::object([
            ("encryption", Value::from(words::cipher(comb.encrypt, 0))),
            ("encryption_min_bits", comb.encrypt_minbits.get().into()),
            ("encryption_max_bits", comb.encrypt_maxbits.get().into()),
            ("authentication", words::auth(comb.auth).into()),
            ("authentication_min_bits", comb.auth_minbits.get().into()),
            ("authentication_max_bits", comb.auth_maxbits.get().into()),
        ])
    });
    vec![
        ("replay_window", proposal.replay.into()),
        ("combinations", Value::list(combs)),
    ]
}

fn supported(algs: &Algs<'_>, kind: Option<ExtType>, satype: u8) -> Vec<Field> {
    let algs = algs.iter().map(|alg| {
        let name = match kind {
            Some(ExtType::SupportedAuth) => words::auth(alg.id),
            _ => words::cipher(alg.id, satype),
        };
        Value::object([
            ("name", Value::from(name)),
            ("number", alg.id.into()),
            ("min_bits", alg.min_bits.into()),
            ("max_bits", alg.max_bits.into()),
        ])
    });
    vec![("algorithms", Value::list(algs))]
}

fn debug(masks: &DebugMasks) -> Vec<Field> {
    let set = masks.netlink & DebugMasks::SET != 0;
    let parts = words::masks(masks).map(|(name, mask)| (name, mask.into()));
    [("set", set.into())].into_iter().chain(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use klips_core::pfkey::build::{Builder, Origin};
    use klips_core::pfkey::ext::Outer;
    use klips_core::pfkey::{MsgType, MAX_REPLY};
    use klips_core::said::Said;

    #[test]
    fn a_line_per_message() {
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
        let key = klips_core::pfkey::ext::Key {
            bits: 128,
            bytes: b"sixteen letters!",
        };
        builder.key(ExtType::KeyAuth, Some(&key));
        let mut bytes = builder.into_bytes().unwrap().to_vec();
        bytes[2] = 22;
        let want = concat!(
            r#"{"type":"add","satype":"ESP","process":77,"sequence":4,"error":"EINVAL","extensions":["#,
            r#"{"type":"SA","spi":"0x1001","state":"mature","replay_window":64,"encryption":"AES","#,
            r#""authentication":"HMAC_SHA1","flags":["PFS"],"other_flags":32,"reference":5},"#,
            r#"{"type":"KEY_AUTH","bits":128}]}"#,
            "\n"
        );
        assert_eq!(text(&Message::new(&bytes)), want);
        let cut = text(&Message::new(&bytes[..20]));
        let want = format!(
            r#""malformed":"20 bytes of a message of {}"}}"#,
            bytes.len()
        );
        assert!(cut.trim_end().ends_with(&want), "{cut}");
    }

    #[test]
    fn members_of_a_group() {
        let mut buf = [0; MAX_REPLY];
        let mut builder = Builder::new(&mut buf, MsgType::Grpsa, 9, Origin::kernel(1));
        builder.group(Some(&Outer {
            third: Said::parse("esp0x1002@192.0.2.2").unwrap(),
            fourth: Said::parse("ah0x1003@192.0.2.2").ok(),
        }));
        let text = text(&Message::new(builder.into_bytes().unwrap()));
        let want =
            r#"[{"type":"X_GROUP","members":["esp0x1002@192.0.2.2","ah0x1003@192.0.2.2"]}]}"#;
        assert!(text.trim_end().ends_with(want), "{text}");
    }
}
