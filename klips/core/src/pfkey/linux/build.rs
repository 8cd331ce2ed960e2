// SPDX-License-Identifier: GPL-2.0-only

//! Writing the extensions of this dialect into a buffer of the caller's.

use core::net::IpAddr;

use zerocopy::{Immutable, IntoBytes};

use super::ext::{Alg, Endpoint, Filter, KmAddress, Range, Sa2, SaInfo, SecurityContext};
use super::layout;
use super::policy::Policy;
use super::types::ExtType;
use crate::pfkey::build::{self, NoRoom};
use crate::pfkey::ext::{Key, Lifetime};
use crate::pfkey::layout::{self as frame, sockaddr_len, ExtHead, Header, AF_INET, AF_INET6};
use crate::pfkey::WORD;

/// Appends extensions to a header. Overflow is remembered and reported by [`Builder::into_bytes`].
#[derive(Debug)]
pub struct Builder<'b>(build::Builder<'b>);

impl<'b> Builder<'b> {
    /// Starts a message in `buf`, whose old contents do not matter. The length in `header` is filled in at the end.
    pub fn new(buf: &'b mut [u8], header: Header) -> Self {
        Self(build::Builder::with_header(buf, header))
    }

    /// Ends the message and gives its bytes.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if any part did not fit. The buffer then holds nothing of use.
    pub fn into_bytes(self) -> Result<&'b [u8], NoRoom> {
        self.0.into_bytes()
    }

    /// The start of an extension that is the fixed structure `T` and `more` bytes.
    fn head<T>(&mut self, kind: ExtType, more: usize) -> ExtHead {
        self.0
            .head(kind.number(), size_of::<T>().saturating_add(more))
    }

    fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> &mut Self {
        self.0.put_struct(value);
        self
    }

    /// SPI, algorithms and flags, in two words.
    pub fn sa(&mut self, sa: &SaInfo) -> &mut Self {
        let head = self.head::<frame::Sa>(ExtType::Sa, 0);
        self.put(&frame::Sa {
            head,
            spi: sa.spi.into(),
            replay: sa.replay,
            state: sa.state,
            auth: sa.auth,
            encrypt: sa.encrypt,
            flags: sa.flags.into(),
        })
    }

    /// Mode and reqid, if there are any.
    pub fn sa2(&mut self, sa2: Option<&Sa2>) -> &mut Self {
        let Some(sa2) = sa2 else { return self };
        let head = self.head::<layout::Sa2>(ExtType::Sa2, 0);
        self.put(&layout::Sa2 {
            head,
            mode: sa2.mode.number(),
            sequence: sa2.sequence.into(),
            reqid: sa2.reqid.into(),
            ..layout::Sa2::default()
        })
    }

    /// A lifetime of four words, if there is one.
    pub fn lifetime(&mut self, kind: ExtType, life: Option<&Lifetime>) -> &mut Self {
        let Some(life) = life else { return self };
        let head = self.head::<frame::Lifetime>(kind, 0);
        self.put(&frame::Lifetime {
            head,
            allocations: life.allocations.into(),
            bytes: life.bytes.into(),
            addtime: life.addtime.into(),
            usetime: life.usetime.into(),
        })
    }

    /// An address, if there is one.
    pub fn address(&mut self, kind: ExtType, end: Option<&Endpoint>) -> &mut Self {
        let Some(end) = end else { return self };
        let head = self.head::<frame::Address>(kind, sockaddr_len(end.addr));
        self.put(&frame::Address {
            head,
            proto: end.proto,
            prefixlen: end.prefix_len,
            reserved: 0.into(),
        });
        self.0.sockaddr(end.addr, end.port);
        self.0.pad();
        self
    }

    /// A key, if there is one.
    pub fn key(&mut self, kind: ExtType, key: Option<&Key<'_>>) -> &mut Self {
        let Some(key) = key else { return self };
        let head = self.head::<frame::Key>(kind, key.bytes.len());
        self.put(&frame::Key {
            head,
            bits: key.bits.into(),
            reserved: 0.into(),
        });
        self.0.raw(key.bytes);
        self
    }

    /// SPIs to choose from, if there are any.
    pub fn spi_range(&mut self, range: Option<&Range>) -> &mut Self {
        let Some(range) = range else { return self };
        let head = self.head::<layout::SpiRange>(ExtType::SpiRange, 0);
        self.put(&layout::SpiRange {
            head,
            min: range.min.into(),
            max: range.max.into(),
            reserved: 0.into(),
        })
    }

    /// A policy with its templates, if there is one.
    pub fn policy(&mut self, policy: Option<&Policy<'_>>) -> &mut Self {
        let Some(policy) = policy else { return self };
        let templates = policy.templates.iter();
        let size = templates.fold(0_usize, |sum, one| sum.saturating_add(one.wire_len()));
        let head = self.head::<layout::Policy>(ExtType::Policy, size);
        self.put(&layout::Policy {
            head,
            action: policy.action.number().into(),
            direction: policy.direction,
            reserved: 0,
            id: policy.id.into(),
            priority: policy.priority.into(),
        });
        for template in policy.templates.iter() {
            // Of two IPv6 addresses at most: it fits.
            let len = u16::try_from(template.wire_len()).unwrap_or(0);
            self.put(&layout::Template {
                len: len.into(),
                proto: u16::from(template.proto).into(),
                mode: template.mode.number(),
                level: template.level.number(),
                reqid: template.reqid.into(),
                ..layout::Template::default()
            });
            if let Some((src, dst)) = template.ends {
                self.0.sockaddr(src.ip(), src.port());
                self.0.sockaddr(dst.ip(), dst.port());
            }
        }
        self
    }

    /// The kind of UDP encapsulation, if there is one.
    pub fn nat_t_type(&mut self, kind: Option<u8>) -> &mut Self {
        let Some(kind) = kind else { return self };
        let head = self.head::<layout::NatTType>(ExtType::NatTType, 0);
        self.put(&layout::NatTType {
            head,
            kind,
            reserved: [0; 3],
        })
    }

    /// A port of UDP encapsulation, if there is one.
    pub fn nat_t_port(&mut self, kind: ExtType, port: Option<u16>) -> &mut Self {
        let Some(port) = port else { return self };
        let head = self.head::<layout::NatTPort>(kind, 0);
        self.put(&layout::NatTPort {
            head,
            port: port.into(),
            reserved: 0.into(),
        })
    }

    /// A security context, if there is one.
    pub fn sec_ctx(&mut self, context: Option<&SecurityContext<'_>>) -> &mut Self {
        let Some(context) = context else { return self };
        let head = self.head::<layout::SecCtx>(ExtType::SecCtx, context.text.len());
        // The length of the extension itself has been found to fit, or overflow is remembered.
        let len = u16::try_from(context.text.len()).unwrap_or(0);
        self.put(&layout::SecCtx {
            head,
            alg: context.alg,
            doi: context.doi,
            len: len.into(),
        });
        self.0.raw(context.text);
        self
    }

    /// The ends of the key daemons' conversation, if they are known.
    pub fn km_address(&mut self, ends: Option<&KmAddress>) -> &mut Self {
        let Some(ends) = ends else { return self };
        let more = sockaddr_len(ends.local).saturating_add(sockaddr_len(ends.remote));
        let head = self.head::<layout::KmAddress>(ExtType::KmAddress, more);
        self.put(&layout::KmAddress {
            head,
            reserved: 0.into(),
        });
        self.0.sockaddr(ends.local, 0);
        self.0.sockaddr(ends.remote, 0);
        self.0.pad();
        self
    }

    /// Which SAs to list, if not all.
    pub fn filter(&mut self, filter: Option<&Filter>) -> &mut Self {
        let Some(filter) = filter else { return self };
        let head = self.head::<layout::Filter>(ExtType::Filter, 0);
        let family = match filter.src {
            IpAddr::V4(_) => AF_INET,
            IpAddr::V6(_) => AF_INET6,
        };
        self.put(&layout::Filter {
            head,
            src: wide(filter.src),
            dst: wide(filter.dst),
            family: family.into(),
            src_len: filter.src_len,
            dst_len: filter.dst_len,
        })
    }

    /// A list of algorithms; none at all if it is empty.
    pub fn supported(&mut self, kind: ExtType, algs: &[Alg]) -> &mut Self {
        if algs.is_empty() {
            return self;
        }
        let head = self.head::<frame::Supported>(kind, algs.len().saturating_mul(WORD));
        self.put(&frame::Supported {
            head,
            reserved: 0.into(),
        });
        for alg in algs {
            self.put(&frame::Alg {
                id: alg.id,
                ivlen: alg.iv_len,
                minbits: alg.min_bits.into(),
                maxbits: alg.max_bits.into(),
                reserved: 0.into(),
            });
        }
        self
    }

    /// A proposal with combinations of 72 bytes.
    pub fn proposal(
        &mut self,
        replay: u8,
        combs: impl Iterator<Item = frame::Comb> + Clone,
    ) -> &mut Self {
        let count = combs
            .clone()
            .fold(0_usize, |count, _| count.saturating_add(1));
        let more = count.saturating_mul(size_of::<frame::Comb>());
        let head = self.head::<frame::Proposal>(ExtType::Proposal, more);
        self.put(&frame::Proposal {
            head,
            replay,
            reserved: [0; 3],
        });
        for comb in combs {
            self.put(&comb);
        }
        self
    }
}

/// The sixteen bytes in which a filter has an address.
fn wide(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(addr) => {
            let [a, b, c, d] = addr.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
        IpAddr::V6(addr) => addr.octets(),
    }
}
