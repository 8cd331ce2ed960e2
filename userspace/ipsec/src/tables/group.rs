// SPDX-License-Identifier: GPL-2.0-only

//! Lines of the table of groups.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;

use klips_core::said::Said;
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

    /// The SA of this name and those behind it.
    pub(crate) fn group(&self, said: &Said) -> Option<&[Said]> {
        self.groups().get(said).map(Vec::as_slice)
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
        assert_eq!(known.group(&tunnel), Some([tunnel, esp].as_slice()));
        assert_eq!(known.group(&esp), Some([esp].as_slice()));
        assert!(!known.contains(&Said::parse("esp0x1235@192.168.1.2").unwrap()));
        let json = group_json(text.lines().next().unwrap()).unwrap();
        let want = r#"{"members":["tun0x1002@192.168.1.2","esp0x1234@192.168.1.2"]}"#;
        assert_eq!(json.to_string(), want);
        assert_eq!(group_json(""), None);
    }
}
