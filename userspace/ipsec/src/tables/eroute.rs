// SPDX-License-Identifier: GPL-2.0-only

//! A line of the eroute table.

use klips_core::eroute::{Selector, Verdict};
use klips_core::said::Said;
use klips_core::text;

use super::KnownSas;
use crate::json::Value;

/// A line of the eroute table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ErouteRow {
    /// Packets that matched.
    pub(crate) count: u64,
    /// What the eroute is about.
    pub(crate) selector: Selector,
    /// Where it leads.
    pub(crate) said: Said,
}

impl ErouteRow {
    /// Reads a line.
    ///
    /// The protocol behind an IPv6 address may look like a part of it; then `known` decides, by the SAs there are.
    pub(crate) fn parse(line: &str, known: &KnownSas) -> Option<Self> {
        let row = text::ErouteRow::parse_with(line, |said| known.contains(said)).ok()?;
        Some(Self {
            count: row.count,
            selector: row.selector,
            said: row.said,
        })
    }

    /// The fields of ipsec_eroute(8).
    pub(crate) fn json(&self) -> Value {
        let Value::Object(selector) = selector_json(&self.selector) else {
            return Value::Null;
        };
        Value::object([("packets", self.count.into())].into_iter().chain(selector))
            .with("said", Value::text(self.said))
            .with("shunt", self.shunt())
    }

    /// The name of the shunt, if it is one: `trap` and the like.
    pub(crate) fn shunt(&self) -> Option<String> {
        match Verdict::from(self.said) {
            Verdict::Protect(_) => None,
            Verdict::Shunt(_) => Some(self.said.to_string().trim_start_matches('%').to_owned()),
            Verdict::UnknownShunt => Some("unknown".to_owned()),
        }
    }
}

/// What an eroute is about, as JSON; `null` is any.
pub(crate) fn selector_json(selector: &Selector) -> Value {
    let key = selector.key();
    let unless_zero = |port: u16| Some(port).filter(|&port| port != 0);
    Value::object([
        ("src", Value::text(selector.src_net())),
        ("dst", Value::text(selector.dst_net())),
        (
            "protocol",
            Some(key.proto).filter(|&proto| proto != 0).into(),
        ),
        ("src_port", unless_zero(key.sport).into()),
        ("dst_port", unless_zero(key.dport).into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str, groups: &str) -> ErouteRow {
        let known = KnownSas::of(groups);
        ErouteRow::parse(line, &known).unwrap_or_else(|| panic!("{line}"))
    }

    #[test]
    fn lines_read_as_they_are_written() {
        let lines = [
            "8          192.0.2.0/24       -> 192.0.1.0/24       => tun0x12345678@192.1.2.45\n",
            "0          0.0.0.0/0          -> 0.0.0.0/0          => %trap\n",
            "746        192.168.2.110/32   -> 192.168.2.120/32:25 => esp0x130@192.168.2.120:6\n",
            "0          192.168.2.110/32:1701 -> 192.168.2.120/32:1701 => %hold:17\n",
            "3          10.0.0.0/255.0.255.0 -> 10.2.0.0/16        => %drop\n",
            "125        3049:1::/64        -> ::/0               => tun0x130@3058:4::5\n",
            "1          [2001:db8::/64]:500 -> 2001:db8:1::/64    => tun0x130@3058:4::5:17\n",
        ];
        for line in lines {
            let ErouteRow {
                count,
                selector,
                said,
            } = row(line, "");
            let again = text::ErouteRow {
                count,
                selector,
                said,
            };
            assert_eq!(again.to_string(), line);
        }
    }

    #[test]
    fn a_protocol_behind_an_ipv6_address() {
        let line = "1 2001:db8::/64 -> 2001:db8:1::/64 => esp0x130@3058:4::5:6";
        assert_eq!(row(line, "esp0x130@3058:4::5 \n").selector.key().proto, 6);
        assert_eq!(row(line, "esp0x130@3058:4::5:6 \n").selector.key().proto, 0);
        assert_eq!(row(line, "").selector.key().proto, 0);
        let full = "1 ::/0 -> ::/0 => esp0x130@1:2:3:4:5:6:7:8:6";
        assert_eq!(row(full, "").selector.key().proto, 6);
    }

    #[test]
    fn fields_by_name() {
        let line = "746 192.168.2.110/32 -> 192.168.2.120/32:25 => %trap:6";
        let want = r#"{"packets":746,"src":"192.168.2.110/32","dst":"192.168.2.120/32","protocol":6,"src_port":null,"dst_port":25,"said":"%trap","shunt":"trap"}"#;
        assert_eq!(row(line, "").json().to_string(), want);
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "x",
            "1 2 3 4 5 6",
            "1 10.0.0.0/33 -> 10.0.0.0/8 => %trap",
            "1 ::/0 -> 0.0.0.0/0 => %trap",
        ] {
            assert_eq!(ErouteRow::parse(line, &KnownSas::of("")), None, "{line}");
        }
    }
}
