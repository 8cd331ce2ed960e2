// SPDX-License-Identifier: GPL-2.0-only

//! Commands about policies: `spdadd`, `spdupdate`, `spddelete` and `spdget`, up to their `-P`.

use klips_core::pfkey::linux::types::ANY_PROTO;
use klips_core::pfkey::linux::Endpoint;

use super::address::{pairs, Limits, Written};
use super::number;
use super::{Parser, Wrong};
use crate::cmd::setkey::statement::{Command, PolicyVerb};
use crate::names::{self, NameError};

/// Protocols whose packets have no ports, but two other numbers that selectors keep in their place.
const ICMP: u8 = 1;
const ICMP6: u8 = 58;
const GRE: u8 = 47;

impl Parser<'_, '_> {
    /// A command with a selector and a policy.
    pub(super) fn policy_command(&mut self, name: &str) -> Result<Command, Wrong> {
        if self.takes("tagged") {
            let why = "tagged is not supported: tags are marks of the packet filters of the BSDs";
            return Err(Wrong::at(self.last, why));
        }
        let selectors = self.selectors()?;
        let context = match self.takes("-ctx") {
            true => Some(self.context()?),
            false => None,
        };
        let (place, option) = self.word("-P and a policy")?;
        if option != "-P" {
            let why = format!("-P and a policy are wanted here, not '{option}'");
            return Err(Wrong::at(place, why));
        }
        let verb = match name {
            "spdadd" => PolicyVerb::Add,
            "spdupdate" => PolicyVerb::Update,
            "spddelete" => PolicyVerb::Delete,
            _ => PolicyVerb::Get,
        };
        let mut policy = match verb {
            PolicyVerb::Add | PolicyVerb::Update => self.policy()?,
            PolicyVerb::Delete | PolicyVerb::Get => self.policy_name()?,
        };
        policy.context = context;
        Ok(Command::Policy(verb, selectors, Box::new(policy)))
    }

    /// Both networks and the protocol, for each pair of addresses.
    fn selectors(&mut self) -> Result<Vec<(Endpoint, Endpoint)>, Wrong> {
        let limits = self.limits()?;
        let sources = self.range("the source network", limits)?;
        let destinations = self.range("the destination network", limits)?;
        let place = self.last;
        let mut selectors = pairs(&sources, &destinations, |end: &Endpoint| end.addr)
            .map_err(|why| Wrong::at(place, why))?;
        let proto = self.upper()?;
        let numbers = self.upper_numbers(proto)?;
        for (src, dst) in &mut selectors {
            (src.proto, dst.proto) = (proto, proto);
            if let Some((first, second)) = numbers {
                if (src.port, dst.port) != (0, 0) {
                    let why = "this protocol has no ports, but the networks do";
                    return Err(Wrong::at(self.last, why));
                }
                (src.port, dst.port) = (first, second);
            }
        }
        Ok(selectors)
    }

    fn range(&mut self, what: &str, limits: Limits) -> Result<Vec<Endpoint>, Wrong> {
        let (place, text) = self.address_text(what)?;
        let told = |why| Wrong::at(place, why);
        let written = Written::parse(&text).map_err(told)?;
        let port = written.port().map_err(told)?.unwrap_or(0);
        let mut ends = Vec::new();
        for addr in self.resolve(&written, limits).map_err(told)? {
            ends.push(Endpoint {
                addr,
                prefix_len: written.prefix_len(addr).map_err(told)?,
                port,
                proto: ANY_PROTO,
            });
        }
        Ok(ends)
    }

    /// The protocol that packets have to be of.
    fn upper(&mut self) -> Result<u8, Wrong> {
        let (place, word) = self.word("the upper protocol")?;
        let proto = match word {
            "any" => return Ok(ANY_PROTO),
            "ip4" => Ok(4),
            "ip6" => Ok(41),
            "icmp6" => Ok(ICMP6),
            word => names::protocol(word),
        };
        proto.map_err(|why| {
            let why = match why {
                NameError::Unknown => format!("there is no protocol '{word}'"),
                NameError::OutOfRange => {
                    format!("a protocol is a number up to 255, which {word} is not")
                }
            };
            Wrong::at(place, why)
        })
    }

    /// What may stand behind the protocol: type and code of ICMP, or the key of GRE.
    fn upper_numbers(&mut self, proto: u8) -> Result<Option<(u16, u16)>, Wrong> {
        if self.peek_word().is_none_or(|word| word.starts_with('-')) {
            return Ok(None);
        }
        let (place, text) = self.word("-P and a policy")?;
        let told = |why: String| Wrong::at(place, why);
        match proto {
            ICMP | ICMP6 => {
                let (kind, code) = text.split_once(',').unwrap_or((text, "0"));
                let byte = |text: &str| number::parse(text).and_then(|n| u8::try_from(n).ok());
                match (byte(kind), byte(code)) {
                    (Some(kind), Some(code)) => Ok(Some((kind.into(), code.into()))),
                    _ => Err(told(format!(
                        "behind ICMP stand a type and a code, such as 8,0; not '{text}'"
                    ))),
                }
            }
            GRE => {
                let dotted = text.parse().map(|key: std::net::Ipv4Addr| key.to_bits());
                let key = number::parse(text).and_then(|key| u32::try_from(key).ok());
                let key = dotted.ok().or(key).ok_or_else(|| {
                    told(format!(
                        "the key of GRE is a number of 32 bits, which '{text}' is not"
                    ))
                })?;
                let [a, b, c, d] = key.to_be_bytes();
                Ok(Some((
                    u16::from_be_bytes([a, b]),
                    u16::from_be_bytes([c, d]),
                )))
            }
            _ => Err(told(format!(
                "-P and a policy are wanted here, not '{text}'"
            ))),
        }
    }
}
