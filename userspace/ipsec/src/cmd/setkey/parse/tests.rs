// SPDX-License-Identifier: GPL-2.0-only

//! Every production of the language, and every way to get it wrong.

mod mistakes;
mod policies;
mod sas;

use std::fmt::Write;
use std::net::IpAddr;

use super::*;

/// The names that there are in these tests.
fn resolver(name: &str) -> Vec<IpAddr> {
    let addrs: &[&str] = match name {
        "gate" => &["192.0.2.1"],
        "far-gate" => &["192.0.2.2"],
        "dual" => &["192.0.2.3", "2001:db8::3"],
        "twin" => &["192.0.2.4", "2001:db8::4"],
        _ => &[],
    };
    addrs.iter().map(|addr| addr.parse().unwrap()).collect()
}

fn read(text: &str) -> Vec<Statement> {
    script(text, &resolver).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

/// The first mistake of a script, with its place.
fn mistake(text: &str) -> String {
    let Err(wrong) = script(text, &resolver) else {
        panic!("{text} is right");
    };
    format!("{} {}", wrong[0].place, wrong[0].why)
}

/// What the statements of a script are, in one line each.
fn outline(text: &str) -> String {
    let mut lines = String::new();
    for statement in read(text) {
        match &statement.command {
            Command::Sa(verb, pairs, spec) => {
                for ends in pairs {
                    let sa = spec.whole(ends);
                    let sa2 = sa.sa2.unwrap();
                    write!(
                        lines,
                        "{verb:?} {} {} {} {:#x} {} {}",
                        sa.src.addr,
                        sa.dst.addr,
                        sa.satype.name(),
                        sa.info.spi,
                        sa2.mode.name(),
                        sa2.reqid
                    )
                    .unwrap();
                    let bits =
                        |key: Option<klips_core::pfkey::ext::Key<'_>>| key.map(|key| key.bits);
                    writeln!(
                        lines,
                        " E{}/{:?} A{}/{:?}",
                        sa.info.encrypt,
                        bits(sa.encrypt_key),
                        sa.info.auth,
                        bits(sa.auth_key)
                    )
                    .unwrap();
                }
            }
            Command::DeleteAll(pairs, satype) => {
                writeln!(lines, "DeleteAll {} {}", pairs.len(), satype.name()).unwrap();
            }
            Command::Flush(satype) => writeln!(lines, "Flush {satype:?}").unwrap(),
            Command::Dump(satype) => writeln!(lines, "Dump {satype:?}").unwrap(),
            Command::Policy(verb, selectors, spec) => {
                for (src, dst) in selectors {
                    let entry = spec.entry(*src, *dst);
                    let end = |end: &klips_core::pfkey::linux::Endpoint| {
                        format!("{}/{}[{}]", end.addr, end.prefix_len, end.port)
                    };
                    write!(
                        lines,
                        "{verb:?} {} {} {} {} {:#x} {}",
                        end(&entry.src),
                        end(&entry.dst),
                        entry.src.proto,
                        spec.direction.name(),
                        spec.priority,
                        spec.action.name()
                    )
                    .unwrap();
                    for one in &spec.templates {
                        let ends = one.ends.map(|(src, dst)| format!("{src}-{dst}"));
                        write!(
                            lines,
                            " {}/{}/{}/{}:{}",
                            one.proto,
                            one.mode.name(),
                            ends.unwrap_or_default(),
                            one.level.name(),
                            one.reqid
                        )
                        .unwrap();
                    }
                    writeln!(lines).unwrap();
                }
            }
            Command::SpdGet(id) => writeln!(lines, "SpdGet {id}").unwrap(),
            Command::SpdFlush => lines.push_str("SpdFlush\n"),
            Command::SpdDump => lines.push_str("SpdDump\n"),
        }
    }
    lines
}

/// Checks scripts against their outlines.
fn table(rows: &[(&str, &str)]) {
    for (text, want) in rows {
        assert_eq!(outline(text).trim_end(), *want, "{text}");
    }
}
