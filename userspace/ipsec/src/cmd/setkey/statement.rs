// SPDX-License-Identifier: GPL-2.0-only

//! What a script says, once it has been read: commands with values in them.

use std::net::IpAddr;

use klips_core::pfkey::ext::{Key, Lifetime};
use klips_core::pfkey::linux::{
    Action, Direction, Endpoint, Level, Mode, Policy, Range, Sa, Sa2, SaType, SecurityContext,
    SpdEntry, Template, Templates,
};
use klips_core::pfkey::types::natt_type;
use zeroize::Zeroizing;

use super::token::Place;

/// A command and where it stands.
pub(super) struct Statement {
    pub(super) place: Place,
    /// Its first word.
    pub(super) name: &'static str,
    pub(super) command: Command,
}

/// What to do.
pub(super) enum Command {
    /// Something with an SA, for each pair of addresses that its names have.
    Sa(SaVerb, Vec<Ends>, Box<SaSpec>),
    /// Remove the SAs of this type between these addresses.
    DeleteAll(Vec<Ends>, SaType),
    /// Remove the SAs of this type, or all.
    Flush(Option<SaType>),
    /// List the SAs of this type, or all.
    Dump(Option<SaType>),
    /// Something with a policy, for each selector that its names have.
    Policy(PolicyVerb, Vec<(Endpoint, Endpoint)>, Box<PolicySpec>),
    /// Show the policy of this number.
    SpdGet(u32),
    /// Remove all policies.
    SpdFlush,
    /// List all policies.
    SpdDump,
}

/// What to do with an SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SaVerb {
    Add,
    Update,
    /// With the SPIs to choose from, if the script says so.
    GetSpi(Option<Range>),
    Get,
    Delete,
}

/// What to do with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyVerb {
    Add,
    Update,
    Delete,
    Get,
}

/// Source and destination of an SA, with the UDP ports that the script gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) src: IpAddr,
    pub(super) sport: Option<u16>,
    pub(super) dst: IpAddr,
    pub(super) dport: Option<u16>,
}

/// An algorithm's number and its key, which is wiped when it goes.
pub(super) struct Keyed {
    pub(super) number: u8,
    pub(super) key: Zeroizing<Vec<u8>>,
}

impl Keyed {
    fn key(&self) -> Key<'_> {
        Key {
            bits: u16::try_from(self.key.len().saturating_mul(8)).unwrap_or(u16::MAX),
            bytes: &self.key,
        }
    }
}

/// A security context.
pub(super) struct Context {
    pub(super) doi: u8,
    pub(super) alg: u8,
    /// With the zero at its end.
    pub(super) text: Vec<u8>,
}

impl Context {
    fn value(&self) -> SecurityContext<'_> {
        SecurityContext {
            doi: self.doi,
            alg: self.alg,
            text: &self.text,
        }
    }
}

/// The UDP port that ESP is in unless the script has another one (RFC 3948).
const NAT_T_PORT: u16 = 4500;

/// An SA without its addresses.
pub(super) struct SaSpec {
    pub(super) satype: SaType,
    /// ESP in UDP.
    pub(super) in_udp: bool,
    /// The peer's own address, which its NAT hides.
    pub(super) original: Option<IpAddr>,
    pub(super) spi: u32,
    pub(super) mode: Mode,
    pub(super) reqid: u32,
    pub(super) replay: u8,
    pub(super) hard: Lifetime,
    pub(super) soft: Lifetime,
    pub(super) auth: Option<Keyed>,
    pub(super) cipher: Option<Keyed>,
    pub(super) compression: Option<u8>,
    pub(super) context: Option<Context>,
}

impl SaSpec {
    pub(super) fn new(satype: SaType, spi: u32) -> Self {
        Self {
            satype,
            in_udp: false,
            original: None,
            spi,
            mode: Mode::Any,
            reqid: 0,
            replay: 0,
            hard: Lifetime::default(),
            soft: Lifetime::default(),
            auth: None,
            cipher: None,
            compression: None,
            context: None,
        }
    }

    /// The SA between these ends by its name alone.
    pub(super) fn named(&self, ends: &Ends) -> Sa<'static> {
        let end = |addr, port: Option<u16>| Endpoint {
            port: port.filter(|_| !self.in_udp).unwrap_or(0),
            ..Endpoint::whole(addr)
        };
        let src = end(ends.src, ends.sport);
        Sa::named(self.satype, self.spi, src, end(ends.dst, ends.dport))
    }

    /// The whole SA between these ends.
    pub(super) fn whole(&self, ends: &Ends) -> Sa<'_> {
        let mut sa = self.named(ends);
        sa.info.replay = self.replay;
        sa.info.auth = self.auth.as_ref().map_or(0, |auth| auth.number);
        let cipher = self.cipher.as_ref().map(|cipher| cipher.number);
        sa.info.encrypt = cipher.or(self.compression).unwrap_or(0);
        // Linux wants both or none.
        if (self.hard, self.soft) != Default::default() {
            (sa.hard, sa.soft) = (Some(self.hard), Some(self.soft));
        }
        sa.auth_key = self.auth.as_ref().map(Keyed::key);
        sa.encrypt_key = self.cipher.as_ref().map(Keyed::key);
        sa.sa2 = Some(Sa2 {
            mode: self.mode,
            sequence: 0,
            reqid: self.reqid,
        });
        if self.in_udp {
            sa.nat_t_type = Some(natt_type::NON_ESP);
            sa.nat_t_sport = Some(ends.sport.unwrap_or(NAT_T_PORT));
            sa.nat_t_dport = Some(ends.dport.unwrap_or(NAT_T_PORT));
            sa.nat_t_oa = self.original.map(Endpoint::whole);
        }
        sa.sec_ctx = self.context.as_ref().map(Context::value);
        sa
    }
}

/// A policy without its selector.
pub(super) struct PolicySpec {
    pub(super) direction: Direction,
    pub(super) action: Action,
    /// As the kernel has it: lower ones go first.
    pub(super) priority: u32,
    pub(super) templates: Vec<Template>,
    pub(super) context: Option<Context>,
}

impl PolicySpec {
    /// The policy for this selector.
    pub(super) fn entry(&self, src: Endpoint, dst: Endpoint) -> SpdEntry<'_> {
        SpdEntry {
            src,
            dst,
            policy: Policy {
                action: self.action,
                direction: self.direction.number(),
                id: 0,
                priority: self.priority,
                templates: Templates::new(&self.templates),
            },
            hard: None,
            soft: None,
            current: None,
            sec_ctx: self.context.as_ref().map(Context::value),
        }
    }

    /// What of a policy for direction in goes for what comes out of a tunnel and is forwarded. SAs for one policy alone
    /// belong to the first.
    pub(super) fn forwarded(&self) -> Option<Self> {
        if self.direction != Direction::In {
            return None;
        }
        let demoted = |template: &Template| match template.level {
            Level::Unique => Template {
                level: Level::Require,
                reqid: 0,
                ..*template
            },
            _ => *template,
        };
        Some(Self {
            direction: Direction::Forward,
            templates: self.templates.iter().map(demoted).collect(),
            context: self.context.as_ref().map(|context| Context {
                text: context.text.clone(),
                ..*context
            }),
            ..*self
        })
    }
}
