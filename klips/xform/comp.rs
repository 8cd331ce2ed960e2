// SPDX-License-Identifier: GPL-2.0-only

//! IP Payload Compression (RFC 3173) with deflate (RFC 2394).
//!
//! A payload that compression does not shrink enough leaves as it is, without a header: the receiver can tell.

use crate::{
    error::Discard,
    kapi::{crypto::Compressor, lock::BhLock, net::skbuff::Packet},
    sadb::sa::Sa,
};
use kernel::prelude::*;
use klips_core::{
    plan::Step,
    wire::{
        comp::{self, Adaptive, CompHeader},
        ip::{self, IpView, Walk},
    },
};

const COMP: u8 = 108;
const AH: u8 = 51;
const ESP: u8 = 50;

/// The longest IP packet, bytes.
const MAX_PACKET: usize = 65535;

/// How much a payload is taken to grow by decompression, and the room it is given at least, bytes. What grows more is done
/// again, with room for so many times as much.
const GROWTH: usize = 4;
const MIN_ROOM: usize = 2048;

/// The transform of one IPComp SA.
#[pin_data]
pub(crate) struct Comp {
    deflate: Compressor,
    #[pin]
    state: BhLock<State>,
}

/// What packets change.
#[derive(Clone, Copy, Default)]
struct State {
    adaptive: Adaptive,
    ratio: Ratio,
}

/// Bytes before and after compression, of all packets; those that were left as they are count the same in both.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ratio {
    /// Bytes of payload.
    pub(crate) plain: u64,
    /// Bytes that they became.
    pub(crate) compressed: u64,
}

impl Comp {
    /// Makes the transform. Process context. `ENOENT`: the kernel cannot deflate.
    pub(crate) fn new() -> Result<Pin<KBox<Self>>> {
        let deflate = Compressor::new(c"deflate")?;
        KBox::pin_init(
            pin_init!(Self {
                deflate,
                state <- BhLock::new(State::default()),
            }),
            GFP_KERNEL,
        )
    }

    /// What has gone through so far.
    pub(crate) fn ratio(&self) -> Ratio {
        self.state.with(|state| state.ratio)
    }

    /// Counts a packet of `plain` bytes of payload that is or was `compressed` bytes long.
    pub(crate) fn count(&self, plain: usize, compressed: usize) {
        self.state.with(|state| {
            let ratio = &mut state.ratio;
            ratio.plain = ratio.plain.saturating_add(plain as u64);
            ratio.compressed = ratio.compressed.saturating_add(compressed as u64);
        });
    }

    pub(super) fn step() -> Step {
        Step::Comp
    }

    /// Compresses the payload of the packet, if that pays.
    pub(super) fn encap(&self, sa: &Sa, packet: &mut Packet) -> Result<(), Discard> {
        let view = ip::parse(packet.bytes(), Walk::Insert).map_err(|_| Discard::TxBadBundle)?;
        packet.trim(view.total_len);
        let plain = view.payload_len();
        let worth_trying = !view.is_fragment
            && comp::is_worth_trying(view.proto, plain)
            && self.state.with(|state| state.adaptive.tries());
        let done = if worth_trying {
            let done = self.shrink(sa, &view, packet)?;
            self.state.with(|state| state.adaptive.note(done.is_some()));
            done
        } else {
            None
        };
        self.count(plain, done.unwrap_or(plain));
        Ok(())
    }

    /// Replaces the payload by its compressed form; the length of that, or `None` if it is not worth it.
    fn shrink(
        &self,
        sa: &Sa,
        view: &IpView,
        packet: &mut Packet,
    ) -> Result<Option<usize>, Discard> {
        let limit = comp::worthwhile_len(view.payload_len());
        // The packet is as good uncompressed.
        let Some(mut out) = buffer(limit) else {
            return Ok(None);
        };
        let Ok(len) = self
            .deflate
            .compress(view.payload(packet.bytes()), &mut out)
        else {
            return Ok(None);
        };
        let header = CompHeader {
            next_header: view.proto,
            cpi: cpi_of(sa),
        };
        let total_len = view.header_len + comp::HEADER_LEN + len;
        let bytes = packet.bytes_mut();
        let place = bytes
            .get_mut(view.header_len..total_len)
            .ok_or(Discard::TxBadBundle)?;
        header.write(place).map_err(|_| Discard::TxBadBundle)?;
        place
            .get_mut(comp::HEADER_LEN..)
            .zip(out.get(..len))
            .map(|(to, from)| to.copy_from_slice(from))
            .ok_or(Discard::TxBadBundle)?;
        view.rewrite(bytes, COMP, total_len)
            .map_err(|_| Discard::TxBadBundle)?;
        packet.trim(total_len);
        Ok(Some(comp::HEADER_LEN + len))
    }

    /// Decompresses the payload of the packet. Returns the protocol of what was inside.
    pub(crate) fn decap(&self, packet: &mut Packet, view: &IpView) -> Result<u8, Discard> {
        packet.trim(view.total_len);
        let (header, data) =
            CompHeader::parse(view.payload(packet.bytes())).map_err(|_| Discard::RxBadLength)?;
        // Nothing that is worth compressing is in there (RFC 3173 2.2), and a packet must not unfold twice.
        if matches!(header.next_header, COMP | AH | ESP) {
            return Err(Discard::RxNotSupported);
        }
        let compressed = view.payload_len();
        let (out, len) = self.inflate(data, MAX_PACKET.saturating_sub(view.header_len))?;
        let plain = out.get(..len).ok_or(Discard::RxDecompressFailed)?;
        let total_len = view.header_len + len;
        let more = total_len.saturating_sub(packet.len());
        packet.make_room(0, more).map_err(|_| Discard::RxNoMemory)?;
        packet.put(more).map_err(|_| Discard::RxNoMemory)?;
        packet.trim(total_len);
        packet
            .bytes_mut()
            .get_mut(view.header_len..)
            .filter(|place| place.len() == plain.len())
            .map(|place| place.copy_from_slice(plain))
            .ok_or(Discard::RxBadLength)?;
        view.rewrite(packet.bytes_mut(), header.next_header, total_len)
            .map_err(|_| Discard::RxBadLength)?;
        self.count(len, compressed);
        Ok(header.next_header)
    }

    /// Decompresses `data` to at most `max` bytes. Returns a buffer, and how much of it is used.
    ///
    /// Memory is taken as it turns out to be needed: a compressed packet seldom unfolds to 64 KiB.
    fn inflate(&self, data: &[u8], max: usize) -> Result<(KVec<u8>, usize), Discard> {
        let mut room = data.len().saturating_mul(GROWTH).max(MIN_ROOM).min(max);
        loop {
            let mut out = buffer(room).ok_or(Discard::RxNoMemory)?;
            match self.deflate.decompress(data, &mut out) {
                Ok(len) => return Ok((out, len)),
                Err(ENOSPC) if room < max => room = room.saturating_mul(GROWTH).min(max),
                Err(ENOMEM) => return Err(Discard::RxNoMemory),
                Err(_) => return Err(Discard::RxDecompressFailed),
            }
        }
    }
}

/// The CPI that a packet of the SA carries: the lower half of its SPI.
pub(crate) fn cpi_of(sa: &Sa) -> u16 {
    (sa.fixed.said.spi & 0xffff) as u16
}

/// Room for `len` bytes. `GFP_ATOMIC`.
fn buffer(len: usize) -> Option<KVec<u8>> {
    KVec::from_elem(0, len, GFP_ATOMIC).ok()
}
