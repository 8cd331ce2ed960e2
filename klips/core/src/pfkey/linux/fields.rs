// SPDX-License-Identifier: GPL-2.0-only

//! From the extensions of a message to values.
//!
//! This checks the form: lengths, address families, prefix lengths, numbers that have a meaning. Which extensions a
//! message needs is the business of [`request`](mod@super::request) and [`message`](mod@super::message).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zerocopy::FromBytes;

use super::ext::{
    addr_bits, Algorithms, Endpoint, Filter, KmAddress, Range, Sa2, SaInfo, SecurityContext,
};
use super::layout;
use super::policy::{pair, sockaddr, Policy, Templates};
use super::types::{Action, ExtType, Mode};
use crate::pfkey::errno::Errno;
use crate::pfkey::ext::{Key, Lifetime, Proposal};
use crate::pfkey::layout as frame;
use crate::pfkey::walk::{Extensions, RawExt};
use crate::pfkey::WORD;

/// What the extensions of a message say. Those of no use to anybody are checked for their length and left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// SA.
    pub sa: Option<SaInfo>,
    /// LIFETIME_CURRENT.
    pub current: Option<Lifetime>,
    /// LIFETIME_HARD.
    pub hard: Option<Lifetime>,
    /// LIFETIME_SOFT.
    pub soft: Option<Lifetime>,
    /// ADDRESS_SRC.
    pub src: Option<Endpoint>,
    /// ADDRESS_DST.
    pub dst: Option<Endpoint>,
    /// ADDRESS_PROXY.
    pub proxy: Option<Endpoint>,
    /// KEY_AUTH.
    pub auth_key: Option<Key<'a>>,
    /// KEY_ENCRYPT.
    pub encrypt_key: Option<Key<'a>>,
    /// PROPOSAL.
    pub proposal: Option<Proposal<'a>>,
    /// SUPPORTED_AUTH.
    pub supported_auth: Option<Algorithms<'a>>,
    /// SUPPORTED_ENCRYPT.
    pub supported_encrypt: Option<Algorithms<'a>>,
    /// SPIRANGE.
    pub spi_range: Option<Range>,
    /// X_POLICY.
    pub policy: Option<Policy<'a>>,
    /// X_SA2.
    pub sa2: Option<Sa2>,
    /// X_NAT_T_TYPE.
    pub nat_t_type: Option<u8>,
    /// X_NAT_T_SPORT.
    pub nat_t_sport: Option<u16>,
    /// X_NAT_T_DPORT.
    pub nat_t_dport: Option<u16>,
    /// X_NAT_T_OA.
    pub nat_t_oa: Option<Endpoint>,
    /// X_SEC_CTX.
    pub sec_ctx: Option<SecurityContext<'a>>,
    /// X_KMADDRESS.
    pub km_address: Option<KmAddress>,
    /// X_FILTER.
    pub filter: Option<Filter>,
}

impl<'a> Fields<'a> {
    /// Reads the extensions of a message, which follow its header.
    ///
    /// # Errors
    ///
    /// `EINVAL`, whatever is wrong. Extensions with numbers that this dialect does not have are passed over, but for 0.
    pub fn collect(body: &'a [u8]) -> Result<Self, Errno> {
        let mut fields = Self::default();
        let mut seen = 0_u32;
        for raw in Extensions::new(body) {
            let raw = raw.map_err(|_| Errno::Einval)?;
            require(raw.number() != 0)?;
            let Some(kind) = ExtType::from_number(raw.number()) else {
                continue;
            };
            let bit = 1_u32.wrapping_shl(u32::from(raw.number()));
            require(seen & bit == 0)?;
            seen |= bit;
            fields.store(kind, &raw)?;
        }
        Ok(fields)
    }

    fn store(&mut self, kind: ExtType, raw: &RawExt<'a>) -> Result<(), Errno> {
        let bytes = raw.bytes();
        match kind {
            ExtType::Sa => self.sa = Some(sa(bytes)?),
            ExtType::LifetimeCurrent => self.current = Some(lifetime(bytes)?),
            ExtType::LifetimeHard => self.hard = Some(lifetime(bytes)?),
            ExtType::LifetimeSoft => self.soft = Some(lifetime(bytes)?),
            ExtType::AddressSrc => self.src = Some(address(bytes)?),
            ExtType::AddressDst => self.dst = Some(address(bytes)?),
            ExtType::AddressProxy => self.proxy = Some(address(bytes)?),
            ExtType::KeyAuth => self.auth_key = Some(key(bytes)?),
            ExtType::KeyEncrypt => self.encrypt_key = Some(key(bytes)?),
            ExtType::Proposal => self.proposal = Some(proposal(bytes)?),
            ExtType::SupportedAuth => self.supported_auth = Some(algorithms(bytes)?),
            ExtType::SupportedEncrypt => self.supported_encrypt = Some(algorithms(bytes)?),
            ExtType::SpiRange => self.spi_range = Some(range(bytes)?),
            ExtType::Policy => self.policy = Some(policy(bytes)?),
            ExtType::Sa2 => self.sa2 = Some(sa2(bytes)?),
            ExtType::NatTType => self.nat_t_type = Some(take::<layout::NatTType>(bytes)?.0.kind),
            ExtType::NatTSport => self.nat_t_sport = Some(port(bytes)?),
            ExtType::NatTDport => self.nat_t_dport = Some(port(bytes)?),
            ExtType::NatTOa => self.nat_t_oa = Some(address(bytes)?),
            ExtType::SecCtx => self.sec_ctx = Some(sec_ctx(bytes)?),
            ExtType::KmAddress => self.km_address = Some(km_address(bytes)?),
            ExtType::Filter => self.filter = Some(filter(bytes)?),
            ExtType::IdentitySrc | ExtType::IdentityDst | ExtType::Sensitivity => {
                require(bytes.len() >= size_of::<frame::Ident>())?;
            }
            ExtType::KmPrivate => {}
        }
        Ok(())
    }
}

fn require(condition: bool) -> Result<(), Errno> {
    condition.then_some(()).ok_or(Errno::Einval)
}

/// A structure from the front of `bytes`.
fn take<T: FromBytes>(bytes: &[u8]) -> Result<(T, &[u8]), Errno> {
    T::read_from_prefix(bytes).map_err(|_| Errno::Einval)
}

/// Two words, or more with what other dialects append.
fn sa(bytes: &[u8]) -> Result<SaInfo, Errno> {
    let (sa, _) = take::<frame::Sa>(bytes)?;
    Ok(SaInfo {
        spi: sa.spi.get(),
        replay: sa.replay,
        state: sa.state,
        auth: sa.auth,
        encrypt: sa.encrypt,
        flags: sa.flags.get(),
    })
}

fn lifetime(bytes: &[u8]) -> Result<Lifetime, Errno> {
    let (life, _) = take::<frame::Lifetime>(bytes)?;
    Ok(Lifetime {
        allocations: life.allocations.get(),
        bytes: life.bytes.get(),
        addtime: life.addtime.get(),
        usetime: life.usetime.get(),
        packets: 0,
    })
}

fn address(bytes: &[u8]) -> Result<Endpoint, Errno> {
    let (head, rest) = take::<frame::Address>(bytes)?;
    let (socket, padding) = sockaddr(rest)?;
    let addr = socket.ip();
    require(padding.len() < WORD && head.prefixlen <= addr_bits(addr))?;
    Ok(Endpoint {
        addr,
        prefix_len: head.prefixlen,
        port: socket.port(),
        proto: head.proto,
    })
}

fn key(bytes: &[u8]) -> Result<Key<'_>, Errno> {
    let (head, padded) = take::<frame::Key>(bytes)?;
    let bits = head.bits.get();
    let len = usize::from(bits.div_ceil(8));
    Ok(Key {
        bits,
        bytes: padded.get(..len).ok_or(Errno::Einval)?,
    })
}

fn proposal(bytes: &[u8]) -> Result<Proposal<'_>, Errno> {
    let (head, combs) = take::<frame::Proposal>(bytes)?;
    Ok(Proposal {
        replay: head.replay,
        combs,
    })
}

fn algorithms(bytes: &[u8]) -> Result<Algorithms<'_>, Errno> {
    take::<frame::Supported>(bytes).map(|(_, algs)| Algorithms(algs))
}

fn range(bytes: &[u8]) -> Result<Range, Errno> {
    let (range, _) = take::<layout::SpiRange>(bytes)?;
    let (min, max) = (range.min.get(), range.max.get());
    require(min <= max)?;
    Ok(Range { min, max })
}

fn policy(bytes: &[u8]) -> Result<Policy<'_>, Errno> {
    let (head, templates) = take::<layout::Policy>(bytes)?;
    Ok(Policy {
        action: Action::from_number(head.action.get()).ok_or(Errno::Einval)?,
        direction: head.direction,
        id: head.id.get(),
        priority: head.priority.get(),
        templates: Templates::parse(templates)?,
    })
}

fn sa2(bytes: &[u8]) -> Result<Sa2, Errno> {
    let (sa2, _) = take::<layout::Sa2>(bytes)?;
    Ok(Sa2 {
        mode: Mode::from_number(sa2.mode).ok_or(Errno::Einval)?,
        sequence: sa2.sequence.get(),
        reqid: sa2.reqid.get(),
    })
}

fn port(bytes: &[u8]) -> Result<u16, Errno> {
    take::<layout::NatTPort>(bytes).map(|(ext, _)| ext.port.get())
}

fn sec_ctx(bytes: &[u8]) -> Result<SecurityContext<'_>, Errno> {
    let (head, text) = take::<layout::SecCtx>(bytes)?;
    let len = usize::from(head.len.get());
    require(len.next_multiple_of(WORD) == text.len())?;
    Ok(SecurityContext {
        doi: head.doi,
        alg: head.alg,
        text: text.get(..len).ok_or(Errno::Einval)?,
    })
}

fn km_address(bytes: &[u8]) -> Result<KmAddress, Errno> {
    let (_, ends) = take::<layout::KmAddress>(bytes)?;
    let (local, remote) = pair(ends)?;
    Ok(KmAddress {
        local: local.ip(),
        remote: remote.ip(),
    })
}

fn filter(bytes: &[u8]) -> Result<Filter, Errno> {
    let (head, _) = take::<layout::Filter>(bytes)?;
    let addr = |bytes: [u8; 16]| -> Result<IpAddr, Errno> {
        match head.family.get() {
            frame::AF_INET => {
                let [a, b, c, d, ..] = bytes;
                Ok(Ipv4Addr::new(a, b, c, d).into())
            }
            frame::AF_INET6 => Ok(Ipv6Addr::from(bytes).into()),
            _ => Err(Errno::Einval),
        }
    };
    let filter = Filter {
        src: addr(head.src)?,
        src_len: head.src_len,
        dst: addr(head.dst)?,
        dst_len: head.dst_len,
    };
    let bits = addr_bits(filter.src);
    require(filter.src_len <= bits && filter.dst_len <= bits)?;
    Ok(filter)
}
