// SPDX-License-Identifier: GPL-2.0-only

//! An SA as KAME's setkey lists it, to the blank: scripts read that. But of keys there is the length alone.

use std::fmt::{self, Write};

use klips_core::pfkey::ext::Key;
use klips_core::pfkey::layout::Header;
use klips_core::pfkey::linux::{Mode, Sa, SaType};
use klips_core::pfkey::types::{natt_type, state};

use crate::clock::Moment;
use crate::cmd::setkey::algorithms::{self, HASHES};

/// Whether its hard limit has passed.
pub(super) const fn is_dead(sa: &Sa<'_>) -> bool {
    sa.info.state >= state::DEAD
}

/// A moment in twenty columns; before 1970 was over, it was never.
pub(super) fn moment(seconds: u64) -> String {
    match seconds {
        0 => " ".repeat(20),
        seconds => Moment::at(seconds).short(),
    }
}

/// The name of a state.
pub(super) const fn state_name(number: u8) -> &'static str {
    match number {
        state::LARVAL => "larval",
        state::MATURE => "mature",
        state::DYING => "dying",
        state::DEAD => "dead",
        _ => "unknown",
    }
}

/// The protocol, with what it is in.
pub(super) const fn proto_name(sa: &Sa<'_>) -> &'static str {
    match (sa.satype, sa.nat_t_type) {
        (SaType::Esp, Some(natt_type::NON_IKE | natt_type::NON_ESP)) => "esp-udp",
        (satype, _) => satype.name(),
    }
}

/// The lines of an SA.
pub(super) fn text(header: &Header, sa: &Sa<'_>, now: Moment, ports: bool) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, header, sa, now, ports);
    text
}

fn write(text: &mut String, header: &Header, sa: &Sa<'_>, now: Moment, ports: bool) -> fmt::Result {
    let port = |port: Option<u16>| match port.filter(|_| ports) {
        Some(port) => format!("[{port}]"),
        None => String::new(),
    };
    writeln!(
        text,
        "{}{} {}{} ",
        sa.src.addr,
        port(sa.nat_t_sport),
        sa.dst.addr,
        port(sa.nat_t_dport)
    )?;
    let (mode, reqid, sequence) = sa
        .sa2
        .map_or((Mode::Any, 0, 0), |sa2| (sa2.mode, sa2.reqid, sa2.sequence));
    let spi = sa.info.spi;
    writeln!(
        text,
        "\t{} mode={} spi={spi}(0x{spi:08x}) reqid={reqid}(0x{reqid:08x})",
        proto_name(sa),
        mode.name(),
    )?;
    algorithms(text, sa)?;
    writeln!(
        text,
        "\tseq=0x{sequence:08x} replay={} flags=0x{:08x} state={} ",
        sa.info.replay,
        sa.info.flags,
        state_name(sa.info.state)
    )?;
    lifetimes(text, sa, now)?;
    let (seq, pid) = (header.seq.get(), header.pid.get());
    let references = header.reserved.get();
    writeln!(text, "\tsadb_seq={seq} pid={pid} refcnt={references}")
}

fn algorithms(text: &mut String, sa: &Sa<'_>) -> fmt::Result {
    let number = sa.info.encrypt;
    let cipher = algorithms::cipher_name(sa.satype, number);
    let cipher = cipher.map_or_else(|| number.to_string(), str::to_owned);
    match sa.satype {
        // What follows stands on the same line.
        SaType::IpComp => return write!(text, "\tC: {cipher} "),
        SaType::Esp if number != 0 => writeln!(text, "\tE: {cipher} {}", bits(sa.encrypt_key))?,
        SaType::Esp | SaType::Ah => {}
    }
    let number = sa.info.auth;
    if number != 0 {
        let auth = algorithms::name(HASHES, number);
        let auth = auth.map_or_else(|| number.to_string(), str::to_owned);
        writeln!(text, "\tA: {auth} {}", bits(sa.auth_key))?;
    }
    Ok(())
}

/// What stands in the place of a key.
fn bits(key: Option<Key<'_>>) -> String {
    match key {
        Some(key) if key.bits != 0 => format!(" ({} bits)", key.bits),
        _ => String::new(),
    }
}

fn lifetimes(text: &mut String, sa: &Sa<'_>, now: Moment) -> fmt::Result {
    let current = sa.current.unwrap_or_default();
    let (hard, soft) = (sa.hard.unwrap_or_default(), sa.soft.unwrap_or_default());
    let created = current.addtime;
    let diff = match created {
        0 => 0,
        created => now.seconds().saturating_sub(created),
    };
    writeln!(
        text,
        "\tcreated: {}\tcurrent: {}",
        moment(created),
        moment(now.seconds())
    )?;
    writeln!(
        text,
        "\tdiff: {diff}(s)\thard: {}(s)\tsoft: {}(s)",
        hard.addtime, soft.addtime
    )?;
    writeln!(
        text,
        "\tlast: {}\thard: {}(s)\tsoft: {}(s)",
        moment(current.usetime),
        hard.usetime,
        soft.usetime
    )?;
    writeln!(
        text,
        "\tcurrent: {}(bytes)\thard: {}(bytes)\tsoft: {}(bytes)",
        current.bytes, hard.bytes, soft.bytes
    )?;
    writeln!(
        text,
        "\tallocated: {}\thard: {}\tsoft: {}",
        current.allocations, hard.allocations, soft.allocations
    )
}
