// SPDX-License-Identifier: GPL-2.0-only

//! What stands behind `-P`: direction, priority, action, and the SAs that packets go through.

use std::net::{IpAddr, SocketAddr};

use klips_core::pfkey::linux::{Action, Direction, Level, Mode, Template};

use super::address::{Limits, Written};
use super::{number, Parser, Wrong};
use crate::cmd::setkey::statement::PolicySpec;
use crate::cmd::setkey::token::Place;

/// The kernel's number for the priority 0 of scripts, from which theirs are subtracted: there, lower ones go first.
pub(in crate::cmd::setkey) const DEFAULT_PRIORITY: u32 = 0x8000_0000;
/// How far `low` and `high` are from `def`.
pub(in crate::cmd::setkey) const PRIORITY_STEP: i64 = 0x4000_0000;

impl Parser<'_, '_> {
    /// A whole policy.
    pub(super) fn policy(&mut self) -> Result<PolicySpec, Wrong> {
        let direction = self.direction()?;
        let priority = self.priority()?.unwrap_or(DEFAULT_PRIORITY);
        let (place, word) = self.word("discard, none or ipsec")?;
        let action = match word {
            "discard" => Action::Discard,
            "none" => Action::None,
            "ipsec" => Action::Ipsec,
            "entrust" | "bypass" => {
                let why = format!("{word} is for the policies of sockets, which programs make");
                return Err(Wrong::at(place, why));
            }
            _ => {
                let why = format!("a policy is discard, none or ipsec, not '{word}'");
                return Err(Wrong::at(place, why));
            }
        };
        let templates = match action {
            Action::Ipsec => self.templates(place, direction)?,
            _ => Vec::new(),
        };
        Ok(PolicySpec {
            direction,
            action,
            priority,
            templates,
            context: None,
        })
    }

    /// The direction of a policy that there is; the rest of it may follow and does not matter.
    pub(super) fn policy_name(&mut self) -> Result<PolicySpec, Wrong> {
        let direction = self.direction()?;
        let more = match self.priority()? {
            Some(_) => true,
            None => self.peek().is_some(),
        };
        if more && self.peek().is_some() {
            let (_, word) = self.word("discard, none or ipsec")?;
            let action = Action::ALL.iter().find(|action| action.name() == word);
            match action {
                Some(Action::Ipsec) => drop(self.templates(self.last, direction)?),
                Some(_) => {}
                None => {
                    let why = format!("a policy is discard, none or ipsec, not '{word}'");
                    return Err(Wrong::at(self.last, why));
                }
            }
        }
        Ok(PolicySpec {
            direction,
            action: Action::Discard,
            priority: 0,
            templates: Vec::new(),
            context: None,
        })
    }

    fn direction(&mut self) -> Result<Direction, Wrong> {
        let (place, word) = self.word("in, out or fwd")?;
        let direction = Direction::ALL.iter().find(|one| one.name() == word);
        direction.copied().ok_or_else(|| {
            Wrong::at(
                place,
                format!("the direction is in, out or fwd, not '{word}'"),
            )
        })
    }

    /// The priority as the kernel has it, if the script says one.
    fn priority(&mut self) -> Result<Option<u32>, Wrong> {
        if !self.takes("prio") && !self.takes("priority") {
            return Ok(None);
        }
        let (place, first) = self.word("low, def, high or a number")?;
        let mut text = first.to_owned();
        // `low+5`, `low + 5` and `low +5` are the same.
        while let Some(more) = self
            .peek_word()
            .filter(|more| text.ends_with(['+', '-']) || more.starts_with(['+', '-']))
        {
            text.push_str(more);
            self.word("a number")?;
        }
        let value = priority(&text).ok_or_else(|| {
            let why = format!("a priority is a number, or low, def or high with + or - and a number behind it; not '{text}'");
            Wrong::at(place, why)
        })?;
        let kernels = i64::from(DEFAULT_PRIORITY).checked_sub(value);
        // 0 is what others call none.
        let kernels = kernels.and_then(|value| u32::try_from(value).ok());
        match kernels.filter(|value| *value != 0) {
            Some(value) => Ok(Some(value)),
            None => Err(Wrong::at(
                place,
                "a priority is between -2147483647 and 2147483647",
            )),
        }
    }

    /// One or more of `protocol/mode/ends/level`.
    fn templates(&mut self, place: Place, direction: Direction) -> Result<Vec<Template>, Wrong> {
        let mut templates = Vec::new();
        while self.peek().is_some() {
            let (place, text) = self.template_text()?;
            let template = self.template(&text, direction);
            templates.push(template.map_err(|why| Wrong::at(place, why))?);
        }
        match templates.is_empty() {
            true => Err(Wrong::at(
                place,
                "behind ipsec stands protocol/mode/source-destination/level",
            )),
            false => Ok(templates),
        }
    }

    /// The text of one of them, without the blanks that may stand around `/` and `-`.
    fn template_text(&mut self) -> Result<(Place, String), Wrong> {
        let (place, first) = self.word("protocol/mode/source-destination/level")?;
        let mut text = first.to_owned();
        while let Some(more) = self.peek_word().filter(|more| {
            let parts = text.matches('/').count();
            let open =
                text.ends_with('-') || (parts <= 3 && text.ends_with('/') && !begins_one(more));
            open || more.starts_with(['/', '-', ':'])
        }) {
            text.push_str(more);
            self.word("more of it")?;
        }
        Ok((place, text))
    }

    fn template(&self, text: &str, direction: Direction) -> Result<Template, String> {
        let mut parts = text.split('/');
        let proto = match parts.next().unwrap_or_default() {
            "esp" => 50,
            "ah" => 51,
            "ipcomp" => 108,
            other => return Err(format!("the protocol is esp, ah or ipcomp, not '{other}'")),
        };
        let mode = match parts.next().unwrap_or_default() {
            "transport" => Mode::Transport,
            "tunnel" => Mode::Tunnel,
            other => return Err(format!("the mode is transport or tunnel, not '{other}'")),
        };
        let ends = self.template_ends(parts.next().unwrap_or_default(), mode)?;
        let (level, reqid) = level(parts.next().unwrap_or_default())?;
        if parts.next().is_some() {
            return Err(format!("'{text}' has a '/' too many"));
        }
        if direction == Direction::Out && mode == Mode::Tunnel && level == Level::Use {
            return Err("a tunnel on the way out cannot be optional".to_owned());
        }
        Ok(Template {
            proto,
            mode,
            level,
            reqid,
            ends,
        })
    }

    /// The ends of an SA; transport mode need not have any.
    fn template_ends(
        &self,
        text: &str,
        mode: Mode,
    ) -> Result<Option<(SocketAddr, SocketAddr)>, String> {
        match (text, mode) {
            ("", Mode::Tunnel) => return Err("a tunnel has ends: source-destination".to_owned()),
            ("me-any" | "any-me" | "me-me", Mode::Tunnel) => {
                return Err(format!(
                    "{text} is not supported: the ends of a tunnel are addresses"
                ));
            }
            ("" | "me-any" | "any-me" | "me-me", _) => return Ok(None),
            _ => {}
        }
        let mut found = None;
        let mut trouble = None;
        // Names have dashes in them.
        for (at, _) in text.match_indices('-') {
            let (src, dst) = text.split_at(at);
            match self.end_pair(src, dst.trim_start_matches('-')) {
                Ok(ends) if found.is_none() => found = Some(ends),
                Ok(_) => return Err(format!("'{text}' can be read in two ways; write addresses")),
                Err(why) => trouble = trouble.or(Some(why)),
            }
        }
        match (found, trouble) {
            (Some(ends), _) => Ok(Some(ends)),
            (None, Some(why)) => Err(why),
            (None, None) => Err(format!(
                "the ends of an SA are source-destination, not '{text}'"
            )),
        }
    }

    fn end_pair(&self, src: &str, dst: &str) -> Result<(SocketAddr, SocketAddr), String> {
        let end = |text| -> Result<(Vec<IpAddr>, u16), String> {
            let written = Written::parse(text)?;
            let addrs = self.resolve(&written, Limits::default())?;
            Ok((addrs, written.port()?.unwrap_or(0)))
        };
        let ((sources, sport), (destinations, dport)) = (end(src)?, end(dst)?);
        let pairs = super::address::pairs(&sources, &destinations, |addr: &IpAddr| *addr)?;
        match pairs.as_slice() {
            [(src, dst)] => Ok((SocketAddr::new(*src, sport), SocketAddr::new(*dst, dport))),
            _ => Err(format!(
                "{src} and {dst} have more addresses than one; write those that are meant"
            )),
        }
    }
}

/// Whether a word is the beginning of another one of `protocol/mode/ends/level`.
fn begins_one(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    matches!(first, "esp" | "ah" | "ipcomp") && word.contains('/')
}

fn level(text: &str) -> Result<(Level, u32), String> {
    if let Some(id) = text.strip_prefix("unique:") {
        return number::unique(id).map(|id| (Level::Unique, id));
    }
    match text {
        "" | "default" => Ok((Level::Default, 0)),
        "use" => Ok((Level::Use, 0)),
        "require" => Ok((Level::Require, 0)),
        "unique" => Ok((Level::Unique, 0)),
        _ => Err(format!(
            "the level is default, use, require or unique, not '{text}'"
        )),
    }
}

/// The value of a priority as scripts have it: higher ones go first, `def` is 0.
fn priority(text: &str) -> Option<i64> {
    let (base, offset) = match text.find(['+', '-']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let base = match base {
        "low" => 0_i64.checked_sub(PRIORITY_STEP)?,
        "def" => 0,
        "high" => PRIORITY_STEP,
        "" => 0,
        number if offset.is_empty() => return i64::try_from(number::parse(number)?).ok(),
        _ => return None,
    };
    let magnitude = match offset.get(1..) {
        Some(digits) => i64::try_from(number::parse(digits)?).ok()?,
        None => return (!text.is_empty()).then_some(base),
    };
    match offset.starts_with('-') {
        true => base.checked_sub(magnitude),
        false => base.checked_add(magnitude),
    }
}
