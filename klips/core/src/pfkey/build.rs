// SPDX-License-Identifier: GPL-2.0-only

//! Writing a message into a buffer of the caller's.

use core::net::IpAddr;

use zerocopy::{Immutable, IntoBytes};

use super::errno::Errno;
use super::ext::{
    Alg, DebugMasks, Endpoint, Ident, Key, Lifetime, Outer, SaInfo, SarefPair, SpiRange,
};
use super::layout::{self, ExtHead, Header, AF_INET, AF_INET6};
use super::types::{ExtType, MsgType, REPLAY_MAX};
use super::{PF_KEY_V2, WORD};
use crate::said::Said;

/// The message did not fit into the buffer, or an extension not into its own length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Who a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Number of the request, or the kernel's own counter.
    pub seq: u32,
    /// Process that asked, 0 for the kernel.
    pub pid: u32,
}

impl Origin {
    /// Of a message that nobody asked for; `seq` is the kernel's counter.
    pub const fn kernel(seq: u32) -> Self {
        Self { seq, pid: 0 }
    }

    /// Of a reply to the message with this header.
    pub const fn of(request: &Header) -> Self {
        Self {
            seq: request.seq.get(),
            pid: request.pid.get(),
        }
    }
}

/// Appends extensions to a header. Overflow is remembered and reported by [`Builder::into_bytes`].
pub struct Builder<'b> {
    buf: &'b mut [u8],
    header: Header,
    at: usize,
    overflow: bool,
}

impl core::fmt::Debug for Builder<'_> {
    // The buffer may hold keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Builder")
            .field("at", &self.at)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}

impl<'b> Builder<'b> {
    /// Starts a message in `buf`, whose old contents do not matter.
    pub fn new(buf: &'b mut [u8], kind: MsgType, satype: u8, origin: Origin) -> Self {
        let header = Header {
            version: PF_KEY_V2,
            kind: kind.number(),
            satype,
            seq: origin.seq.into(),
            pid: origin.pid.into(),
            ..Header::default()
        };
        Self::with_header(buf, header)
    }

    /// Starts a message with a given header; its length is filled in by [`Builder::into_bytes`].
    pub fn with_header(buf: &'b mut [u8], header: Header) -> Self {
        let mut builder = Self {
            buf,
            header,
            at: 0,
            overflow: false,
        };
        builder.put(header.as_bytes());
        builder
    }

    /// Sets the error field.
    pub fn errno(&mut self, errno: Option<Errno>) -> &mut Self {
        self.header.errno = errno.map_or(0, Errno::code);
        self
    }

    /// Ends the message and gives its bytes.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if any part did not fit. The buffer then holds nothing of use.
    pub fn into_bytes(mut self) -> Result<&'b [u8], NoRoom> {
        self.header.len = u16::try_from(self.at / WORD).map_err(|_| NoRoom)?.into();
        if self.overflow || self.header.write_to_prefix(self.buf).is_err() {
            return Err(NoRoom);
        }
        let bytes: &'b [u8] = self.buf;
        bytes.get(..self.at).ok_or(NoRoom)
    }

    /// Bytes as they are: the extensions of another message. A last partial word is padded.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.put(bytes);
        self.pad()
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        match self.buf.get_mut(self.at..end) {
            Some(room) => {
                // Not copy_from_slice: that can panic, as far as the compiler can see.
                for (to, from) in room.iter_mut().zip(bytes) {
                    *to = *from;
                }
                self.at = end;
            }
            None => self.overflow = true,
        }
    }

    /// A structure: its length is known when this is compiled, and copying it takes a few instructions.
    #[inline]
    pub(super) fn put_struct<T: IntoBytes + Immutable>(&mut self, value: &T) {
        let room = self.buf.get_mut(self.at..).unwrap_or(&mut []);
        match value.write_to_prefix(room) {
            Ok(()) => self.at = self.at.saturating_add(size_of::<T>()),
            Err(_) => self.overflow = true,
        }
    }

    pub(super) fn pad(&mut self) -> &mut Self {
        let gap = self.at.wrapping_neg() % WORD;
        if gap == 0 {
            return self;
        }
        self.put([0; WORD].get(..gap).unwrap_or(&[]));
        self
    }

    /// The start of an extension of `size` bytes before padding.
    pub(super) fn head(&mut self, number: u16, size: usize) -> ExtHead {
        let words = u16::try_from(size.div_ceil(WORD)).unwrap_or_else(|_| {
            self.overflow = true;
            0
        });
        ExtHead {
            len: words.into(),
            kind: number.into(),
        }
    }

    /// The start of an extension that is the fixed structure `T` and `more` bytes.
    fn head_of<T>(&mut self, kind: ExtType, more: usize) -> ExtHead {
        self.head(kind.number(), size_of::<T>().saturating_add(more))
    }

    /// An SA extension of three words; `kind` is SA or X_SA2.
    pub fn sa(&mut self, kind: ExtType, sa: &SaInfo) -> &mut Self {
        let head = self.head_of::<layout::Sa>(kind, size_of::<layout::SaTail>());
        let sa = match sa.window {
            wide if wide > REPLAY_MAX.into() => sa.with_window(wide),
            _ => SaInfo { window: 0, ..*sa },
        };
        self.put_struct(&layout::Sa {
            head,
            spi: sa.spi.into(),
            replay: sa.replay,
            state: sa.state,
            auth: sa.auth,
            encrypt: sa.encrypt,
            flags: sa.flags.into(),
        });
        self.put_struct(&layout::SaTail {
            reference: sa.reference.into(),
            window: u32::from(sa.window).into(),
        });
        self
    }

    /// A lifetime of five words, if there is one.
    pub fn lifetime(&mut self, kind: ExtType, life: Option<&Lifetime>) -> &mut Self {
        let Some(life) = life else { return self };
        let head = self.head_of::<layout::Lifetime>(kind, size_of::<layout::LifetimeTail>());
        self.put_struct(&layout::Lifetime {
            head,
            allocations: life.allocations.into(),
            bytes: life.bytes.into(),
            addtime: life.addtime.into(),
            usetime: life.usetime.into(),
        });
        self.put_struct(&layout::LifetimeTail {
            packets: life.packets.into(),
            reserved: 0.into(),
        });
        self
    }

    /// An address without port and protocol: the form of all replies.
    pub fn address(&mut self, kind: ExtType, addr: IpAddr) -> &mut Self {
        self.endpoint(
            kind,
            &Endpoint {
                addr,
                port: 0,
                proto: 0,
            },
        )
    }

    /// An address with port and protocol.
    pub fn endpoint(&mut self, kind: ExtType, end: &Endpoint) -> &mut Self {
        let head = self.head_of::<layout::Address>(kind, layout::sockaddr_len(end.addr));
        self.put_struct(&layout::Address {
            head,
            proto: end.proto,
            ..layout::Address::default()
        });
        self.sockaddr(end.addr, end.port);
        self.pad()
    }

    /// A socket address, not padded.
    pub(super) fn sockaddr(&mut self, addr: IpAddr, port: u16) {
        match addr {
            IpAddr::V4(addr) => self.put_struct(&layout::SockaddrIn {
                family: AF_INET.into(),
                port: port.into(),
                addr: addr.octets(),
                zero: [0; 8],
            }),
            IpAddr::V6(addr) => self.put_struct(&layout::SockaddrIn6 {
                family: AF_INET6.into(),
                port: port.into(),
                addr: addr.octets(),
                ..layout::SockaddrIn6::default()
            }),
        }
    }

    /// A key, if there is one. Bytes beyond its bits are not sent.
    pub fn key(&mut self, kind: ExtType, key: Option<&Key<'_>>) -> &mut Self {
        let Some(key) = key else { return self };
        let len = usize::from(key.bits.div_ceil(8));
        let Some(bytes) = key.bytes.get(..len) else {
            self.overflow = true;
            return self;
        };
        let head = self.head_of::<layout::Key>(kind, len);
        self.put_struct(&layout::Key {
            head,
            bits: key.bits.into(),
            reserved: 0.into(),
        });
        self.put(bytes);
        self.pad()
    }

    /// An identity, if there is one.
    pub fn ident(&mut self, kind: ExtType, ident: Option<&Ident<'_>>) -> &mut Self {
        let Some(ident) = ident else { return self };
        let head = self.head_of::<layout::Ident>(kind, ident.data.len());
        self.put_struct(&layout::Ident {
            head,
            kind: ident.kind.into(),
            reserved: 0.into(),
            id: ident.id.into(),
        });
        self.put(ident.data);
        self.pad()
    }

    /// A proposal with combinations of 80 bytes.
    pub fn proposal(&mut self, replay: u8, combs: &[layout::Comb]) -> &mut Self {
        let comb = size_of::<layout::Comb>().saturating_add(size_of::<layout::CombTail>());
        let head =
            self.head_of::<layout::Proposal>(ExtType::Proposal, combs.len().saturating_mul(comb));
        self.put_struct(&layout::Proposal {
            head,
            replay,
            reserved: [0; 3],
        });
        for comb in combs {
            self.put_struct(comb);
            self.put_struct(&layout::CombTail::default());
        }
        self
    }

    /// A list of algorithms; none at all if it is empty.
    pub fn supported(&mut self, kind: ExtType, algs: &[Alg]) -> &mut Self {
        if algs.is_empty() {
            return self;
        }
        let head = self.head_of::<layout::Supported>(kind, algs.len().saturating_mul(WORD));
        self.put_struct(&layout::Supported {
            head,
            reserved: 0.into(),
        });
        for alg in algs {
            self.put_struct(&layout::Alg {
                id: alg.id,
                ivlen: alg.iv_bits,
                minbits: alg.min_bits.into(),
                maxbits: alg.max_bits.into(),
                reserved: 0.into(),
            });
        }
        self
    }

    /// A range of SPIs.
    pub fn spi_range(&mut self, range: &SpiRange) -> &mut Self {
        let head = self.head_of::<layout::SpiRange>(ExtType::SpiRange, 0);
        self.put_struct(&layout::SpiRange {
            head,
            min: range.min.into(),
            max: range.max.into(),
            reserved: 0.into(),
        });
        self
    }

    /// The satype of the second SA.
    pub fn satype2(&mut self, satype: u8) -> &mut Self {
        let head = self.head_of::<layout::Satype>(ExtType::Satype2, 0);
        self.put_struct(&layout::Satype {
            head,
            satype,
            reserved: [0; 3],
        });
        self
    }

    /// Debugging masks.
    pub fn debug(&mut self, masks: &DebugMasks) -> &mut Self {
        let head = self.head_of::<layout::Debug>(ExtType::Debug, 0);
        self.put_struct(&layout::Debug {
            head,
            tunnel: masks.tunnel.into(),
            netlink: masks.netlink.into(),
            xform: masks.xform.into(),
            eroute: masks.eroute.into(),
            spi: masks.spi.into(),
            radij: masks.radij.into(),
            esp: masks.esp.into(),
            ah: masks.ah.into(),
            rcv: masks.rcv.into(),
            pfkey: masks.pfkey.into(),
            ipcomp: masks.ipcomp.into(),
            verbose: masks.verbose.into(),
            reserved: [0; 4],
        });
        self
    }

    /// The transport protocol of an eroute, unless it is 0.
    pub fn protocol(&mut self, proto: u8) -> &mut Self {
        if proto == 0 {
            return self;
        }
        let head = self.head_of::<layout::Protocol>(ExtType::Protocol, 0);
        self.put_struct(&layout::Protocol {
            head,
            proto,
            ..layout::Protocol::default()
        });
        self
    }

    /// The kind of UDP encapsulation, if there is one.
    pub fn nat_t_type(&mut self, kind: Option<u8>) -> &mut Self {
        let Some(kind) = kind else { return self };
        let head = self.head_of::<layout::NatTType>(ExtType::NatTType, 0);
        self.put_struct(&layout::NatTType {
            head,
            kind,
            reserved: [0; 3],
        });
        self
    }

    /// A port of UDP encapsulation, host byte order, if there is one.
    pub fn nat_t_port(&mut self, kind: ExtType, port: Option<u16>) -> &mut Self {
        let Some(port) = port else { return self };
        let head = self.head_of::<layout::NatTPort>(kind, 0);
        self.put_struct(&layout::NatTPort {
            head,
            port: port.into(),
            reserved: 0.into(),
        });
        self
    }

    /// An interface number.
    pub fn plumbif(&mut self, ifnum: u16) -> &mut Self {
        let head = self.head_of::<layout::PlumbIf>(ExtType::PlumbIf, 0);
        self.put_struct(&layout::PlumbIf {
            head,
            ifnum: ifnum.into(),
            reserved: 0.into(),
        });
        self
    }

    /// SA references, if there are any.
    pub fn saref(&mut self, pair: Option<&SarefPair>) -> &mut Self {
        let Some(pair) = pair else { return self };
        let head = self.head_of::<layout::Saref>(ExtType::Saref, 0);
        self.put_struct(&layout::Saref {
            head,
            me: pair.me.into(),
            him: pair.him.into(),
            reserved: 0.into(),
        });
        self
    }

    /// The members of a group behind the second, if there are any.
    pub fn group(&mut self, outer: Option<&Outer>) -> &mut Self {
        let Some(outer) = outer else { return self };
        let count = if outer.fourth.is_some() { 2_usize } else { 1 };
        let more = count.saturating_mul(size_of::<layout::Member>());
        let head = self.head_of::<layout::Group>(ExtType::Group, more);
        self.put_struct(&layout::Group {
            head,
            reserved: [0; 4],
        });
        self.member(&outer.third);
        if let Some(fourth) = &outer.fourth {
            self.member(fourth);
        }
        self
    }

    fn member(&mut self, said: &Said) {
        let (family, addr) = match said.dst {
            IpAddr::V4(addr) => {
                let [a, b, c, d] = addr.octets();
                (AF_INET, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            }
            IpAddr::V6(addr) => (AF_INET6, addr.octets()),
        };
        self.put_struct(&layout::Member {
            satype: said.proto.satype(),
            reserved: 0,
            family: family.into(),
            spi: said.spi.into(),
            addr,
        });
    }

    /// An address without port and protocol, if there is one.
    pub fn opt_address(&mut self, kind: ExtType, addr: Option<IpAddr>) -> &mut Self {
        match addr {
            Some(addr) => self.address(kind, addr),
            None => self,
        }
    }
}
