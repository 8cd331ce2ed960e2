// SPDX-License-Identifier: GPL-2.0-only

//! A message, field by field and byte by byte, as KAME's programs show it. Keys are not shown.

use std::fmt::{self, Write};

use klips_core::pfkey::ext::Lifetime;
use klips_core::pfkey::layout::Header;
use klips_core::pfkey::linux::{Endpoint, ExtType, Fields};
use klips_core::pfkey::walk::{Extensions, RawExt};

/// Bytes in the header.
const HEADER_LEN: usize = size_of::<Header>();

/// The fields of a message.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, bytes);
    text
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([byte(bytes, at), byte(bytes, at.saturating_add(1))])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let next = |more| byte(bytes, at.saturating_add(more));
    u32::from_ne_bytes([next(0), next(1), next(2), next(3)])
}

fn write(text: &mut String, bytes: &[u8]) -> fmt::Result {
    writeln!(
        text,
        "sadb_msg{{ version={} type={} errno={} satype={}\n  len={} reserved={} seq={} pid={}",
        byte(bytes, 0),
        byte(bytes, 1),
        byte(bytes, 2),
        byte(bytes, 3),
        half(bytes, 4),
        half(bytes, 6),
        word(bytes, 8),
        word(bytes, 12)
    )?;
    for ext in Extensions::new(bytes.get(HEADER_LEN..).unwrap_or_default()) {
        let Ok(ext) = ext else {
            writeln!(text, "sadb_ext{{ malformed }}")?;
            break;
        };
        writeln!(
            text,
            "sadb_ext{{ len={} type={} }}",
            ext.words(),
            ext.number()
        )?;
        extension(text, &ext)?;
    }
    writeln!(text)
}

fn extension(text: &mut String, ext: &RawExt<'_>) -> fmt::Result {
    // One at a time, so that a bad one does not hide the others.
    let Ok(fields) = Fields::collect(ext.bytes()) else {
        return writeln!(text, "malformed");
    };
    if let Some(sa) = fields.sa {
        return writeln!(
            text,
            "sadb_sa{{ spi={} replay={} state={}\n  auth={} encrypt={} flags=0x{:08x} }}",
            sa.spi, sa.replay, sa.state, sa.auth, sa.encrypt, sa.flags
        );
    }
    if let Some(life) = fields.current.or(fields.hard).or(fields.soft) {
        return lifetime(text, &life);
    }
    let end = fields
        .src
        .or(fields.dst)
        .or(fields.proxy)
        .or(fields.nat_t_oa);
    if let Some(end) = end {
        return address(text, &end);
    }
    if let Some(key) = fields.auth_key.or(fields.encrypt_key) {
        return writeln!(
            text,
            "sadb_key{{ bits={} reserved=0\n  key not shown }}",
            key.bits
        );
    }
    if let Some(algs) = fields.supported_auth.or(fields.supported_encrypt) {
        writeln!(text, "sadb_sup{{")?;
        for alg in algs.iter() {
            let (id, iv_len, min, max) = (alg.id, alg.iv_len, alg.min_bits, alg.max_bits);
            writeln!(text, "  {{ id={id} ivlen={iv_len} min={min} max={max} }}")?;
        }
        return writeln!(text, "}}");
    }
    if let Some(range) = fields.spi_range {
        return writeln!(
            text,
            "sadb_spirange{{ min=0x{:08x} max=0x{:08x} }}",
            range.min, range.max
        );
    }
    others(text, ext, &fields)
}

/// What Linux has besides RFC 2367.
fn others(text: &mut String, ext: &RawExt<'_>, fields: &Fields<'_>) -> fmt::Result {
    if let Some(policy) = fields.policy {
        writeln!(
            text,
            "sadb_x_policy{{ type={} dir={} id={:x} priority={} }}",
            policy.action.number(),
            policy.direction,
            policy.id,
            policy.priority
        )?;
        for template in policy.templates.iter() {
            let (mode, level) = (template.mode.number(), template.level.number());
            write!(
                text,
                " {{ proto={} mode={mode} level={level} reqid={}",
                template.proto, template.reqid
            )?;
            if let Some((src, dst)) = template.ends {
                write!(text, " {src} {dst}")?;
            }
            writeln!(text, " }}")?;
        }
        return Ok(());
    }
    if let Some(sa2) = fields.sa2 {
        let (mode, reqid, sequence) = (sa2.mode.number(), sa2.reqid, sa2.sequence);
        return writeln!(
            text,
            "sadb_x_sa2{{ mode={mode} reqid={reqid}\n  reserved1=0 reserved2=0 sequence={sequence} }}"
        );
    }
    if let Some(kind) = fields.nat_t_type {
        return writeln!(text, "sadb_x_nat_t_type{{ type={kind} }}");
    }
    if let Some(port) = fields.nat_t_sport.or(fields.nat_t_dport) {
        return writeln!(text, "sadb_x_nat_t_port{{ port={port} }}");
    }
    let name = ExtType::from_number(ext.number()).map_or("unknown", ExtType::name);
    writeln!(text, "{name}{{ {} bytes }}", ext.payload().len())
}

fn lifetime(text: &mut String, life: &Lifetime) -> fmt::Result {
    writeln!(
        text,
        "sadb_lifetime{{ alloc={}, bytes={}\n  addtime={}, usetime={} }}",
        life.allocations, life.bytes, life.addtime, life.usetime
    )
}

fn address(text: &mut String, end: &Endpoint) -> fmt::Result {
    let (family, len, digits) = match end.addr {
        std::net::IpAddr::V4(addr) => (2, 16, format!("{:08x}", addr.to_bits())),
        std::net::IpAddr::V6(addr) => (10, 28, format!("{:032x}", addr.to_bits())),
    };
    writeln!(
        text,
        "sadb_address{{ proto={} prefixlen={} reserved=0x0000 }}\nsockaddr{{ len={len} family={family} port={}\n {digits}  }}",
        end.proto, end.prefix_len, end.port
    )
}

/// The bytes of a message, four and four, sixteen in a line, zeros in the place of keys.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut shown: Vec<u8> = bytes.iter().take(HEADER_LEN).copied().collect();
    for ext in Extensions::new(bytes.get(HEADER_LEN..).unwrap_or_default()) {
        let Ok(ext) = ext else { break };
        let is_key = matches!(
            ExtType::from_number(ext.number()),
            Some(ExtType::KeyAuth | ExtType::KeyEncrypt)
        );
        let hidden = |(at, byte): (usize, &u8)| if is_key && at >= 8 { 0 } else { *byte };
        shown.extend(ext.bytes().iter().enumerate().map(hidden));
    }
    let mut text = String::new();
    for line in shown.chunks(16) {
        for (at, byte) in line.iter().enumerate() {
            let gap = if at % 4 == 0 && at != 0 { " " } else { "" };
            text.push_str(&format!("{gap}{byte:02x}"));
        }
        text.push('\n');
    }
    text
}
