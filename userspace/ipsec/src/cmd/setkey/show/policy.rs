// SPDX-License-Identifier: GPL-2.0-only

//! A policy as KAME's setkey lists it, to the blank: scripts read that.

use std::fmt::{self, Write};
use std::net::SocketAddr;

use klips_core::pfkey::layout::Header;
use klips_core::pfkey::linux::{
    Action, Direction, Endpoint, Level, Policy, SaType, SpdEntry, Template,
};

use super::sa::moment;
use crate::cmd::setkey::parse::{DEFAULT_PRIORITY, PRIORITY_STEP};

/// Whether it is the policy of a socket.
pub(super) const fn is_of_socket(entry: &SpdEntry<'_>) -> bool {
    Direction::from_number(entry.policy.direction).is_none()
}

/// The name of a direction, those of sockets included.
pub(super) const fn direction_name(number: u8) -> &'static str {
    match (Direction::from_number(number), number) {
        (Some(direction), _) => direction.name(),
        (None, 4) => "in(socket)",
        (None, 5) => "out(socket)",
        (None, _) => "unknown",
    }
}

/// The name of a protocol of templates.
pub(super) fn proto_name(proto: u8) -> String {
    SaType::of_proto(proto).map_or_else(|| proto.to_string(), |satype| satype.name().to_owned())
}

/// The lines of a policy.
pub(super) fn text(header: &Header, entry: &SpdEntry<'_>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, header, entry);
    text
}

fn write(text: &mut String, header: &Header, entry: &SpdEntry<'_>) -> fmt::Result {
    if is_of_socket(entry) {
        writeln!(text, "(per-socket policy) ")?;
    } else {
        let upper = upper_name(entry.src.proto);
        writeln!(
            text,
            "{} {} {upper}",
            network(&entry.src),
            network(&entry.dst)
        )?;
    }
    let policy = &entry.policy;
    writeln!(
        text,
        "\t{}{} {}",
        direction_name(policy.direction),
        priority(policy),
        policy.action.name()
    )?;
    if policy.action == Action::Ipsec {
        for one in policy.templates.iter() {
            writeln!(text, "\t{}", template(&one))?;
        }
    }
    let current = entry.current.unwrap_or_default();
    let hard = entry.hard.unwrap_or_default();
    writeln!(
        text,
        "\tcreated: {}  lastused: {}",
        moment(current.addtime),
        moment(current.usetime)
    )?;
    writeln!(
        text,
        "\tlifetime: {}(s) validtime: {}(s)",
        hard.addtime, hard.usetime
    )?;
    let (seq, pid) = (header.seq.get(), header.pid.get());
    writeln!(text, "\tspid={} seq={seq} pid={pid}", policy.id)?;
    writeln!(text, "\trefcnt={}", header.reserved.get())
}

/// `10.0.0.0/24[any]`; a whole address has no length.
fn network(end: &Endpoint) -> String {
    let bits = if end.addr.is_ipv4() { 32 } else { 128 };
    let prefix = match end.prefix_len {
        len if len == bits => String::new(),
        len => format!("/{len}"),
    };
    let port = match end.port {
        0 => "any".to_owned(),
        port => port.to_string(),
    };
    format!("{}{prefix}[{port}]", end.addr)
}

/// The protocols that have always had names here; the one of all is 255.
pub(super) fn upper_name(proto: u8) -> String {
    let name = match proto {
        1 => "icmp",
        4 => "ip4",
        6 => "tcp",
        17 => "udp",
        41 => "ip6",
        47 => "gre",
        58 => "icmp6",
        0 => "255",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// The priority as scripts have it, beside the nearest name. One that nobody has given is not shown.
fn priority(policy: &Policy<'_>) -> String {
    if policy.priority == 0 {
        return String::new();
    }
    let value = i64::from(DEFAULT_PRIORITY).saturating_sub(policy.priority.into());
    let half = PRIORITY_STEP / 2;
    let (base, name) = match value {
        value if value >= half => (PRIORITY_STEP, "high"),
        value if value < half.saturating_neg() => (PRIORITY_STEP.saturating_neg(), "low"),
        _ => (0, "def"),
    };
    match value.saturating_sub(base) {
        0 => format!(" prio {name}"),
        offset if offset < 0 => format!(" prio {name} - {}", offset.unsigned_abs()),
        offset => format!(" prio {name} + {offset}"),
    }
}

fn template(template: &Template) -> String {
    let end = |end: SocketAddr| match end.port() {
        0 => end.ip().to_string(),
        port => format!("{}[{port}]", end.ip()),
    };
    let ends = template.ends.map_or(String::new(), |(src, dst)| {
        format!("{}-{}", end(src), end(dst))
    });
    let level = match (template.level, template.reqid) {
        (Level::Unique, reqid) if reqid != 0 => format!("unique:{reqid}"),
        (level, _) => level.name().to_owned(),
    };
    format!(
        "{}/{}/{ends}/{level}",
        proto_name(template.proto),
        template.mode.name()
    )
}
