// SPDX-License-Identifier: GPL-2.0-only

//! SAs, policies and messages as JSON. Of keys there is the length.

use std::net::SocketAddr;

use klips_core::pfkey::envelope;
use klips_core::pfkey::errno::Errno;
use klips_core::pfkey::ext::{Key, Lifetime};
use klips_core::pfkey::layout::Header;
use klips_core::pfkey::linux::types::ANY_PROTO;
use klips_core::pfkey::linux::{
    self, Algorithms, Endpoint, Message, Policy, Sa, SaType, SpdEntry, Template,
};

use super::{policy, sa};
use crate::cmd::setkey::algorithms::{self, CIPHERS, HASHES};
use crate::json::Value;

/// An SA.
pub(super) fn sa(sa: &Sa<'_>) -> Value {
    let sa2 = sa.sa2;
    let named = |number: u8, name: Option<&'static str>| match (number, name) {
        (0, _) => Value::Null,
        (_, Some(name)) => name.into(),
        (number, None) => Value::text(number),
    };
    let cipher = named(
        sa.info.encrypt,
        algorithms::cipher_name(sa.satype, sa.info.encrypt),
    );
    let (encryption, compression) = match sa.satype {
        SaType::IpComp => (Value::Null, cipher),
        SaType::Ah | SaType::Esp => (cipher, Value::Null),
    };
    let bits = |key: Option<Key<'_>>| Value::from(key.map(|key| key.bits));
    Value::object([
        ("src", Value::text(sa.src.addr)),
        ("dst", Value::text(sa.dst.addr)),
        ("protocol", sa::proto_name(sa).into()),
        ("src_port", sa.nat_t_sport.into()),
        ("dst_port", sa.nat_t_dport.into()),
        ("spi", Value::text(format_args!("0x{:x}", sa.info.spi))),
        ("mode", sa2.map(|sa2| sa2.mode.name()).into()),
        ("reqid", sa2.map(|sa2| sa2.reqid).into()),
        ("encryption", encryption),
        ("enc_key_bits", bits(sa.encrypt_key)),
        (
            "authentication",
            named(sa.info.auth, algorithms::name(HASHES, sa.info.auth)),
        ),
        ("auth_key_bits", bits(sa.auth_key)),
        ("compression", compression),
        ("replay_window", sa.info.replay.into()),
        ("flags", Value::text(format_args!("0x{:x}", sa.info.flags))),
        ("state", sa::state_name(sa.info.state).into()),
        ("current", lifetime(sa.current)),
        ("hard", lifetime(sa.hard)),
        ("soft", lifetime(sa.soft)),
    ])
}

/// A policy.
pub(super) fn policy(header: &Header, entry: &SpdEntry<'_>) -> Value {
    let of_socket = policy::is_of_socket(entry);
    let selector = |end: &Endpoint| match of_socket {
        true => Value::Null,
        false => network(end),
    };
    let port = |end: &Endpoint| Value::from(Some(end.port).filter(|port| *port != 0));
    let upper = match entry.src.proto {
        0 | ANY_PROTO => Value::Null,
        proto => Value::from(policy::upper_name(proto)),
    };
    Value::object([
        ("src", selector(&entry.src)),
        ("src_port", port(&entry.src)),
        ("dst", selector(&entry.dst)),
        ("dst_port", port(&entry.dst)),
        ("protocol", upper),
    ])
    .with("policy", policy_value(&entry.policy))
    .with("current", lifetime(entry.current))
    .with("hard", lifetime(entry.hard))
    .with("references", header.reserved.get())
}

fn network(end: &Endpoint) -> Value {
    Value::text(format_args!("{}/{}", end.addr, end.prefix_len))
}

fn policy_value(policy: &Policy<'_>) -> Value {
    let templates: Vec<Value> = policy.templates.iter().map(|one| template(&one)).collect();
    Value::object([
        ("direction", policy::direction_name(policy.direction).into()),
        ("action", policy.action.name().into()),
        ("priority", policy.priority.into()),
        ("id", policy.id.into()),
        ("templates", Value::List(templates)),
    ])
}

fn template(template: &Template) -> Value {
    let (src, dst) = template.ends.unzip();
    let addr = |end: Option<SocketAddr>| Value::from(end.map(|end| end.ip().to_string()));
    let port =
        |end: Option<SocketAddr>| Value::from(end.map(|end| end.port()).filter(|port| *port != 0));
    Value::object([
        ("protocol", policy::proto_name(template.proto).into()),
        ("mode", template.mode.name().into()),
        ("src", addr(src)),
        ("src_port", port(src)),
        ("dst", addr(dst)),
        ("dst_port", port(dst)),
        ("level", template.level.name().into()),
        ("reqid", template.reqid.into()),
    ])
}

fn lifetime(life: Option<Lifetime>) -> Value {
    life.map_or(Value::Null, |life| {
        Value::object([
            ("allocations", life.allocations.into()),
            ("bytes", life.bytes.into()),
            ("addtime", life.addtime.into()),
            ("usetime", life.usetime.into()),
        ])
    })
}

/// A message, one way or the other.
pub(in crate::cmd::setkey) fn message(bytes: &[u8]) -> Value {
    let Ok(envelope) = envelope::open(bytes) else {
        return Value::object([("malformed", format!("{} bytes", bytes.len()).into())]);
    };
    let header = envelope.header();
    let satype = SaType::from_number(header.satype);
    let error = match (header.errno, Errno::from_code(header.errno)) {
        (0, _) => Value::Null,
        (_, Some(errno)) => errno.name().into(),
        (number, None) => Value::text(number),
    };
    let value = Value::object([
        (
            "type",
            linux::MsgType::from_number(header.kind)
                .map(linux::MsgType::name)
                .into(),
        ),
        ("satype", satype.map(SaType::name).into()),
        ("process", header.pid.get().into()),
        ("sequence", header.seq.get().into()),
        ("error", error),
    ]);
    match linux::message(&envelope) {
        Ok(Message::Sa(one)) => value.with("sa", sa(&one)),
        Ok(Message::Policy(one)) => value.with("policy", policy(header, &one)),
        Ok(Message::Acquire(acquire)) => value
            .with("src", Value::text(acquire.src.addr))
            .with("dst", Value::text(acquire.dst.addr))
            .with(
                "policy",
                acquire.policy.map_or(Value::Null, |one| policy_value(&one)),
            ),
        Ok(Message::Algorithms { auth, encrypt }) => value
            .with("authentication", algorithms_value(HASHES, auth))
            .with("encryption", algorithms_value(CIPHERS, encrypt)),
        // Requests may lack what answers have.
        Ok(Message::Done | Message::Refused { .. }) | Err(_) => value,
    }
}

fn algorithms_value(table: &[algorithms::Algorithm], algs: Option<Algorithms<'_>>) -> Value {
    let one = |alg: linux::Alg| {
        let name = algorithms::name(table, alg.id);
        Value::object([
            ("name", name.into()),
            ("number", alg.id.into()),
            ("min_bits", alg.min_bits.into()),
            ("max_bits", alg.max_bits.into()),
        ])
    };
    let list: Vec<Value> = algs.iter().flat_map(Algorithms::iter).map(one).collect();
    Value::List(list)
}
