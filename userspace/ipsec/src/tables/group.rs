// SPDX-License-Identifier: GPL-2.0-only

//! Lines of the table of groups.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;

use klips_core::said::{SaProto, Said};
use klips_core::text::SpigrpRow;

use crate::json::Value;

/// An SA and those behind it in its group.
pub(crate) type Group = Vec<Said>;

/// Reads one line: SAIDs with blanks between them.
fn parse(line: &str) -> Option<Group> {
    let members: Option<Group> = SpigrpRow::members_of(line).collect::<Result<_, _>>().ok();
    members.filter(|members| !members.is_empty())
}

/// The fields of ipsec_spigrp(8).
pub(crate) fn group_json(line: &str) -> Option<Value> {
    let members = parse(line)?;
    Some(Value::object([(
        "members",
        Value::list(members.iter().map(Value::text)),
    )]))
}

/// The SAs that the kernel has, and what follows each; read when first asked for.
#[derive(Debug, Default)]
pub(crate) struct KnownSas {
    groups: OnceCell<HashMap<Said, Group>>,
}

impl KnownSas {
    /// What a table of groups has.
    pub(crate) fn of(text: &str) -> Self {
        let groups = text.lines().filter_map(parse);
        let groups = groups.filter_map(|members| Some((*members.first()?, members)));
        Self {
            groups: OnceCell::from(groups.collect::<HashMap<_, _>>()),
        }
    }

    /// Whether there is an SA of this name.
    pub(crate) fn contains(&self, said: &Said) -> bool {
        self.groups().contains_key(said)
    }

    /// Whether nothing is known: there is no SA, or the table cannot be read.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups().is_empty()
    }

    /// Whether the SA of this name has others before or behind it.
    pub(crate) fn is_grouped(&self, said: &Said) -> bool {
        let mut groups = self.groups().values().filter(|group| group.len() > 1);
        groups.any(|group| group.contains(said))
    }

    /// The SA of this name and those around it, from the inside out.
    ///
    /// The table lists inbound groups as packets meet them, from the outside in: a tunnel that is the last of its group
    /// is the innermost all the same.
    pub(crate) fn group(&self, said: &Said) -> Option<Vec<Said>> {
        let own = self.groups().get(said)?;
        let alone = own.len() == 1 && said.proto == SaProto::Ipip;
        let inbound = self
            .groups()
            .values()
            .filter(|group| alone && group.last() == Some(said))
            .max_by_key(|group| group.len());
        Some(match inbound {
            Some(group) => group.iter().rev().copied().collect(),
            None => own.clone(),
        })
    }

    fn groups(&self) -> &HashMap<Said, Group> {
        self.groups.get_or_init(|| {
            let text = fs::read_to_string(super::GROUPS).unwrap_or_default();
            Self::of(&text).groups.into_inner().unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_their_first_member() {
        let text = "tun0x1002@192.168.1.2 esp0x1234@192.168.1.2 \nesp0x1234@192.168.1.2 \n";
        let known = KnownSas::of(text);
        let tunnel = Said::parse("tun0x1002@192.168.1.2").unwrap();
        let esp = Said::parse("esp0x1234@192.168.1.2").unwrap();
        assert_eq!(known.group(&tunnel), Some(vec![tunnel, esp]));
        assert_eq!(known.group(&esp), Some(vec![esp]));
        let inbound =
            KnownSas::of("esp0x1234@192.168.1.2 tun0x1002@192.168.1.2 \ntun0x1002@192.168.1.2 \n");
        assert_eq!(inbound.group(&tunnel), Some(vec![tunnel, esp]));
        let other = Said::parse("esp0x1235@192.168.1.2").unwrap();
        assert!(!known.contains(&other) && !known.is_grouped(&other));
        assert!(known.is_grouped(&tunnel) && known.is_grouped(&esp) && !known.is_empty());
        assert!(!KnownSas::of("esp0x1234@192.168.1.2 \n").is_grouped(&esp));
        assert!(KnownSas::of("").is_empty());
        let json = group_json(text.lines().next().unwrap()).unwrap();
        let want = r#"{"members":["tun0x1002@192.168.1.2","esp0x1234@192.168.1.2"]}"#;
        assert_eq!(json.to_string(), want);
        assert_eq!(group_json(""), None);
    }
}
