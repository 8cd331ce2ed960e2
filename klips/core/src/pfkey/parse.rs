// SPDX-License-Identifier: GPL-2.0-only

//! From a message to a [`Request`]: which extensions are there, whether they may be, and whether they make sense.

use core::net::IpAddr;

use super::decode::address;
use super::dialect::{self, Dialect, Rule, SatypeRule, KLIPS};
use super::envelope::Envelope;
use super::errno::Errno;
use super::ext::{
    DebugMasks, Endpoint, Ext, Ident, Key, Lifetime, Outer, SaInfo, SarefPair, SpiRange,
};
use super::request::{
    AddFlow, DelAction, DelFlow, Flow, FlushScope, GetSpi, Grpsa, Interface, NatT, Request,
    SaParams, SaRef,
};
use super::types::{flags, state, ExtType, MsgType, REF_LIMIT, REPLAY_MAX, SPI_MIN};
use crate::sa::alg;
use crate::said::{SaProto, Said};

/// Parses a request of the KLIPS dialect.
///
/// # Errors
///
/// The errno for `write()` and for the error reply. `EINVAL` for everything malformed; `EAFNOSUPPORT` and
/// `EPFNOSUPPORT` for addresses; `EEXIST` for a GETSPI range that begins below 256; `ENOSYS` for DUMP, PROMISC and
/// PCHANGE, once they are otherwise sound. ACQUIRE and NAT_T_NEW_MAPPING belong to the other direction and always end
/// in `EINVAL`.
pub fn parse<'a>(envelope: &Envelope<'a>) -> Result<Request<'a>, Errno> {
    let kind = need(MsgType::from_number(envelope.header().kind))?;
    let rule = KLIPS.request(kind);
    check_header(&KLIPS, &rule, envelope)?;
    let found = Found::collect(&rule, envelope)?;
    found.refuse_unprocessable()?;
    match kind {
        MsgType::GetSpi => found.get_spi().map(Request::GetSpi),
        MsgType::Update => found.sa_params().map(Request::Update),
        MsgType::Add => found.sa_params().map(Request::Add),
        MsgType::Delete => found.sa_ref().map(Request::Delete),
        MsgType::Get => found.sa_ref().map(Request::Get),
        MsgType::Register => Ok(Request::Register {
            satype: found.satype,
        }),
        MsgType::Expire => Ok(Request::Expire {
            satype: found.satype,
        }),
        MsgType::Flush => Ok(Request::Flush(found.flush_scope())),
        MsgType::Grpsa => found.grpsa().map(Request::Grpsa),
        MsgType::AddFlow => found.add_flow().map(Request::AddFlow),
        MsgType::DelFlow => found.del_flow().map(Request::DelFlow),
        MsgType::Debug => need(found.debug).map(Request::Debug),
        MsgType::PlumbIf => found.interface().map(Request::PlumbIf),
        MsgType::UnplumbIf => found.interface().map(Request::UnplumbIf),
        MsgType::Dump | MsgType::Promisc | MsgType::Pchange => Err(Errno::Enosys),
        MsgType::Acquire | MsgType::NatTNewMapping => Err(Errno::Einval),
    }
}

fn check_header(dialect: &Dialect, rule: &Rule, envelope: &Envelope<'_>) -> Result<(), Errno> {
    let header = envelope.header();
    let satype_fits = match rule.satype {
        SatypeRule::Any => true,
        SatypeRule::NonZero => header.satype != 0,
        SatypeRule::Protocol => SaProto::from_satype(header.satype).is_some(),
    };
    // Key management reports a failed negotiation with an ACQUIRE that carries an errno.
    let errno_fits = header.errno == 0 || header.kind == MsgType::Acquire.number();
    if header.satype <= dialect.satype_max && satype_fits && errno_fits {
        Ok(())
    } else {
        Err(Errno::Einval)
    }
}

fn need<T>(value: Option<T>) -> Result<T, Errno> {
    value.ok_or(Errno::Einval)
}

/// The extensions of one message, each at most once, each sound in itself.
#[derive(Default)]
struct Found<'a> {
    satype: u8,
    seen: u64,
    sa: Option<SaInfo>,
    hard: Option<Lifetime>,
    soft: Option<Lifetime>,
    src: Option<Endpoint>,
    dst: Option<Endpoint>,
    proxy: Option<Endpoint>,
    auth_key: Option<Key<'a>>,
    encrypt_key: Option<Key<'a>>,
    ident_src: Option<Ident<'a>>,
    ident_dst: Option<Ident<'a>>,
    spi_range: Option<SpiRange>,
    proto2: Option<SaProto>,
    sa2: Option<SaInfo>,
    dst2: Option<Endpoint>,
    src_flow: Option<Endpoint>,
    dst_flow: Option<Endpoint>,
    src_mask: Option<Endpoint>,
    dst_mask: Option<Endpoint>,
    debug: Option<DebugMasks>,
    transport: Option<u8>,
    natt_type: Option<u8>,
    natt_sport: Option<u16>,
    natt_dport: Option<u16>,
    natt_oa: Option<Endpoint>,
    plumbif: Option<u16>,
    saref: Option<SarefPair>,
    outer: Option<Outer>,
}

impl<'a> Found<'a> {
    fn collect(rule: &Rule, envelope: &Envelope<'a>) -> Result<Self, Errno> {
        let mut found = Self {
            satype: envelope.header().satype,
            ..Self::default()
        };
        for raw in envelope.extensions() {
            let raw = raw.map_err(|_| Errno::Einval)?;
            let kind = need(raw.kind())?;
            if found.seen & kind.bit() != 0 || !rule.permits(kind) {
                return Err(Errno::Einval);
            }
            found.seen |= kind.bit();
            match found.address(kind) {
                Some(slot) => *slot = Some(address(raw.bytes())?),
                None => found.store(kind, raw.decode()?)?,
            }
        }
        if rule.satisfied_by(found.seen) {
            Ok(found)
        } else {
            Err(Errno::Einval)
        }
    }

    fn store(&mut self, kind: ExtType, ext: Ext<'a>) -> Result<(), Errno> {
        match (kind, ext) {
            (ExtType::Sa, Ext::Sa(sa)) => self.sa = Some(check_sa(sa)?),
            (ExtType::Sa2, Ext::Sa(sa)) => self.sa2 = Some(check_sa(sa)?),
            (ExtType::LifetimeHard, Ext::Lifetime(life)) => self.hard = Some(life),
            (ExtType::LifetimeSoft, Ext::Lifetime(life)) => self.soft = Some(life),
            (ExtType::KeyAuth, Ext::Key(key)) => self.auth_key = Some(key),
            (ExtType::KeyEncrypt, Ext::Key(key)) => self.encrypt_key = Some(key),
            (ExtType::IdentitySrc, Ext::Ident(id)) => self.ident_src = Some(check_ident(id)?),
            (ExtType::IdentityDst, Ext::Ident(id)) => self.ident_dst = Some(check_ident(id)?),
            (_, Ext::SpiRange(range)) => self.spi_range = Some(range),
            (_, Ext::Satype(satype)) => self.proto2 = Some(need(SaProto::from_satype(satype))?),
            (_, Ext::Debug(masks)) => self.debug = Some(masks),
            (_, Ext::Protocol(proto)) => self.transport = Some(proto),
            (_, Ext::NatTType(natt)) => self.natt_type = Some(natt),
            (ExtType::NatTSport, Ext::NatTPort(port)) => self.natt_sport = Some(port),
            (ExtType::NatTDport, Ext::NatTPort(port)) => self.natt_dport = Some(port),
            (_, Ext::PlumbIf(ifnum)) => self.plumbif = Some(ifnum),
            (_, Ext::Saref(pair)) => self.saref = Some(usable_refs(pair)),
            (_, Ext::Group(outer)) => self.outer = Some(outer),
            // What remains is refused, if not here then by `refuse_unprocessable`.
            _ => {}
        }
        Ok(())
    }

    /// Where the address of an extension belongs: most extensions have one.
    #[inline]
    fn address(&mut self, kind: ExtType) -> Option<&mut Option<Endpoint>> {
        match kind {
            ExtType::AddressSrc => Some(&mut self.src),
            ExtType::AddressDst => Some(&mut self.dst),
            ExtType::AddressProxy => Some(&mut self.proxy),
            ExtType::AddressDst2 => Some(&mut self.dst2),
            ExtType::AddressSrcFlow => Some(&mut self.src_flow),
            ExtType::AddressDstFlow => Some(&mut self.dst_flow),
            ExtType::AddressSrcMask => Some(&mut self.src_mask),
            ExtType::AddressDstMask => Some(&mut self.dst_mask),
            ExtType::NatTOa => Some(&mut self.natt_oa),
            _ => None,
        }
    }

    /// Some extensions are permitted, must be well formed, and then nobody can do anything with them.
    fn refuse_unprocessable(&self) -> Result<(), Errno> {
        const REFUSED: u64 = ExtType::LifetimeCurrent.bit()
            | ExtType::Sensitivity.bit()
            | ExtType::Proposal.bit()
            | ExtType::SupportedAuth.bit()
            | ExtType::SupportedEncrypt.bit()
            | ExtType::KmPrivate.bit();
        if self.seen & REFUSED == 0 {
            Ok(())
        } else {
            Err(Errno::Einval)
        }
    }

    fn proto(&self) -> Result<SaProto, Errno> {
        need(SaProto::from_satype(self.satype))
    }

    fn said(&self) -> Result<Said, Errno> {
        Ok(Said {
            dst: need(self.dst)?.addr,
            spi: need(self.sa)?.spi,
            proto: self.proto()?,
        })
    }

    fn get_spi(&self) -> Result<GetSpi, Errno> {
        let range = need(self.spi_range)?;
        let (src, dst) = (need(self.src)?.addr, need(self.dst)?.addr);
        if range.min < SPI_MIN {
            return Err(Errno::Eexist);
        }
        same_family(&[src, dst])?;
        Ok(GetSpi {
            proto: self.proto()?,
            src,
            dst,
            proxy: self.proxy.map(|proxy| proxy.addr),
            range,
        })
    }

    fn sa_ref(&self) -> Result<SaRef, Errno> {
        Ok(SaRef {
            said: self.said()?,
            src: need(self.src)?.addr,
            sa: need(self.sa)?,
        })
    }

    fn sa_params(&self) -> Result<SaParams<'a>, Errno> {
        let said = self.said()?;
        let sa = need(self.sa)?;
        let src = need(self.src)?.addr;
        check_complete_sa(said.proto, &sa)?;
        same_family(&[src, said.dst])?;
        Ok(SaParams {
            said,
            src,
            proxy: self.proxy.map(|proxy| proxy.addr),
            sa,
            hard: self.hard,
            soft: self.soft,
            auth_key: self.auth_key,
            encrypt_key: self.encrypt_key,
            ident_src: self.ident_src,
            ident_dst: self.ident_dst,
            nat_t: NatT {
                kind: self.natt_type,
                sport: self.natt_sport,
                dport: self.natt_dport,
                oa: self.natt_oa.map(|oa| oa.addr),
            },
            out_if: self.plumbif,
            saref: self.saref,
        })
    }

    fn flush_scope(&self) -> FlushScope {
        match (self.satype, SaProto::from_satype(self.satype)) {
            (0, _) => FlushScope::All,
            (_, Some(proto)) => FlushScope::Proto(proto),
            (_, None) => FlushScope::Nothing,
        }
    }

    fn grpsa(&self) -> Result<Grpsa, Errno> {
        let second = match (self.proto2, self.sa2, self.dst2) {
            (None, None, None) if self.outer.is_none() => None,
            (Some(proto), Some(sa), Some(dst)) => {
                let said = Said {
                    dst: dst.addr,
                    spi: sa.spi,
                    proto,
                };
                Some((said, sa))
            }
            // Half a name, or members outside of one that is not there.
            _ => return Err(Errno::Einval),
        };
        Ok(Grpsa {
            first: self.said()?,
            first_sa: need(self.sa)?,
            second,
            outer: self.outer,
        })
    }

    fn flow(&self) -> Result<Flow, Errno> {
        let (src, dst) = (need(self.src_flow)?, need(self.dst_flow)?);
        let (src_mask, dst_mask) = (need(self.src_mask)?, need(self.dst_mask)?);
        same_family(&[src.addr, dst.addr, src_mask.addr, dst_mask.addr])?;
        Ok(Flow {
            src: src.addr,
            dst: dst.addr,
            src_mask: src_mask.addr,
            dst_mask: dst_mask.addr,
            proto: self.transport.unwrap_or(0),
            sport: src.port,
            dport: dst.port,
            sport_mask: src_mask.port,
            dport_mask: dst_mask.port,
        })
    }

    /// The family of the SAID may differ from that of the flow: shunts are always named by an IPv4 SAID.
    fn add_flow(&self) -> Result<AddFlow<'a>, Errno> {
        Ok(AddFlow {
            said: self.said()?,
            sa: need(self.sa)?,
            src: self.src.map(|src| src.addr),
            flow: self.flow()?,
            ident_src: self.ident_src,
            ident_dst: self.ident_dst,
        })
    }

    fn del_flow(&self) -> Result<DelFlow<'a>, Errno> {
        let sa_flags = self.sa.map_or(0, |sa| sa.flags);
        let action = if sa_flags & flags::CLEARFLOW != 0 {
            DelAction::Clear
        } else if self.seen & dialect::FLOW != dialect::FLOW {
            return Err(Errno::Einval);
        } else if sa_flags & flags::POLICYONLY != 0 {
            DelAction::Policy(self.flow()?)
        } else {
            DelAction::Delete(self.flow()?)
        };
        Ok(DelFlow {
            sa: self.sa,
            action,
            ident_src: self.ident_src,
            ident_dst: self.ident_dst,
        })
    }

    fn interface(&self) -> Result<Interface, Errno> {
        need(self.plumbif).map(Interface::from_number)
    }
}

/// What every SA extension of a request has to obey.
fn check_sa(mut sa: SaInfo) -> Result<SaInfo, Errno> {
    // All ones is another way to say that there is no reference.
    if sa.reference == u32::MAX {
        sa.reference = 0;
    }
    let sound = sa.replay <= REPLAY_MAX && sa.state < state::DEAD && sa.reference < REF_LIMIT;
    if sound {
        Ok(sa)
    } else {
        Err(Errno::Einval)
    }
}

/// References that cannot exist count as none.
///
/// Openswan 2.6.49 packs two 16 bit references, one of them 0xffff, into the second field: the message is otherwise
/// good, and must not fail over what is a wish in any case.
fn usable_refs(pair: SarefPair) -> SarefPair {
    let usable = |reference| if reference < REF_LIMIT { reference } else { 0 };
    SarefPair {
        me: usable(pair.me),
        him: usable(pair.him),
    }
}

/// What an SA that is to carry traffic has to obey besides.
fn check_complete_sa(proto: SaProto, sa: &SaInfo) -> Result<(), Errno> {
    let has_auth = sa.auth != alg::NONE;
    let has_encrypt = sa.encrypt != alg::NONE;
    let algorithms_fit = match proto {
        SaProto::Ah => has_auth && !has_encrypt,
        SaProto::Esp => has_encrypt && (has_auth || sa.encrypt != alg::ENC_NULL),
        SaProto::Comp => has_encrypt && !has_auth,
        SaProto::Ipip => true,
        // Shunts are eroute targets and never SAs.
        SaProto::Int => false,
    };
    if sa.state == state::MATURE && sa.spi >= SPI_MIN && algorithms_fit {
        Ok(())
    } else {
        Err(Errno::Einval)
    }
}

fn check_ident(ident: Ident<'_>) -> Result<Ident<'_>, Errno> {
    if ident.kind <= super::types::ident_type::CONNECTION {
        Ok(ident)
    } else {
        Err(Errno::Einval)
    }
}

fn same_family(addrs: &[IpAddr]) -> Result<(), Errno> {
    if addrs.iter().all(IpAddr::is_ipv4) || addrs.iter().all(IpAddr::is_ipv6) {
        Ok(())
    } else {
        Err(Errno::Einval)
    }
}
