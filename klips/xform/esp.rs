// SPDX-License-Identifier: GPL-2.0-only

//! Encapsulating Security Payload (RFC 4303; AES-GCM: RFC 4106; CBC: RFC 2451, RFC 3602).
//!
//! ```text
//! | IP header | SPI | sequence | IV | payload | padding, pad length, next header | ICV |
//!             |<-- associated data -->|<---------------- encrypted --------------->|
//! ```
//!
//! With extended sequence numbers their upper half, which packets do not show, is authenticated between SPI and sequence.
//!
//! The IV is authenticated with the header in both families of algorithms; the kernel's templates want it counted as
//! associated data.
//!
//! Each direction is done in two steps, before the cipher and after it, because an asynchronous cipher comes back later:
//! [`Esp::build`] and [`Esp::sealed`], [`Esp::enclose`] and [`Esp::opened`].

mod open;

use crate::{
    error::Discard,
    kapi::{
        crypto::{self, Aead, Operation, Resume, Secret, Span, Submitted, MAX_IV},
        net::skbuff::Packet,
    },
    sadb::sa::Sa,
    xform::{high_half, low_half},
};
use kernel::prelude::*;
use klips_core::{
    plan::Step,
    sa::Suite,
    wire::{
        esp,
        ip::{self, Walk},
    },
};
pub(crate) use open::Opened;

const ESP: u8 = 50;

/// The transform of one ESP SA.
#[repr(C)]
pub(crate) struct Esp {
    aead: Aead,
    /// Where the IVs of a counter mode begin.
    iv_base: u64,
    suite: Suite,
    /// To tell whether an SA that is made anew has the old one's key.
    key: Secret,
}

/// The part of a packet that the cipher works on.
#[derive(Clone)]
pub(crate) struct Frame {
    span: Span,
    iv: [u8; MAX_IV],
    /// What the upper half of an extended sequence number has pushed aside.
    aside: Option<[u8; esp::EXTENSION]>,
}

impl Frame {
    fn bytes<'p>(&self, packet: &'p mut Packet) -> &'p mut [u8] {
        let bytes = packet.bytes_mut().get_mut(self.span.start..);
        bytes.unwrap_or(&mut [])
    }

    /// Puts the ESP header back as packets show it.
    fn close(&self, packet: &mut Packet) -> Result {
        match self.aside {
            Some(aside) => esp::unextend(self.bytes(packet), aside).map_err(|_| EINVAL),
            None => Ok(()),
        }
    }
}

impl Esp {
    /// Makes the transform; `best`: with the implementation that the kernel ranks highest, be it asynchronous. Process
    /// context.
    ///
    /// `EINVAL`: keys of the wrong length; `ENOENT`: the kernel lacks the algorithm.
    pub(crate) fn new(suite: Suite, auth: &[u8], enc: &[u8], best: bool) -> Result<Self> {
        let (auth, enc) = (
            auth.get(..suite.auth_key_len).ok_or(EINVAL)?,
            enc.get(..suite.enc_key_len).ok_or(EINVAL)?,
        );
        let mut key = Secret::with_capacity(suite.key_len())?;
        if !suite.aead {
            key.push(&suite.authenc_header())?;
            key.push(auth)?;
        }
        key.push(enc)?;
        let aead = Aead::new(&suite.driver(), &key, suite.icv_len, best)?;
        let mut base = [0u8; 8];
        crypto::random(&mut base);
        Ok(Self {
            suite,
            aead,
            key,
            iv_base: u64::from_ne_bytes(base),
        })
    }

    /// Whether both run the same algorithms with the same keys.
    pub(crate) fn has_key_of(&self, other: &Self) -> bool {
        self.suite == other.suite && self.key.is(&other.key)
    }

    /// Hash size in bits as the listing shows it.
    pub(crate) fn auth_bits(&self) -> u16 {
        self.suite.auth_bits
    }

    /// Length of the IV in bytes.
    pub(crate) fn iv_len(&self) -> usize {
        self.suite.iv_len
    }

    pub(super) fn step(&self) -> Step {
        Step::Esp {
            iv_len: self.suite.iv_len,
            block: self.suite.block,
            icv_len: self.suite.icv_len,
        }
    }

    /// Whether an SA must end before its sequence numbers start over, replay window or not: its IVs would repeat.
    pub(crate) fn counts_ivs(&self) -> bool {
        self.suite.counts_ivs
    }

    /// The IV for packet `seq`.
    ///
    /// A counter mode must never see an IV twice under one key: it gets the sequence number, which an SA gives out once
    /// (it is taken under the SA's lock and ends at 2^32 - 1, or at 2^64 - 1), counted from a random number, so that an SA
    /// that is made again with an old key does not begin where the old one did. CBC must see IVs that nobody can predict
    /// (RFC 3602 section 2): random.
    fn iv(&self, sa: &Sa, seq: u64) -> [u8; MAX_IV] {
        let mut iv = [0u8; MAX_IV];
        if self.suite.counts_ivs {
            let count = self.iv_base.wrapping_add(seq);
            if let Some(to) = iv.first_chunk_mut() {
                *to = count.to_be_bytes();
            }
        } else if let Some(used) = iv.get_mut(..self.suite.iv_len) {
            crypto::random(used);
        }
        sa.note_iv(&iv);
        iv
    }

    /// Bytes of header and IV in front of the payload.
    #[inline]
    pub(crate) fn head_len(&self) -> usize {
        esp::HEADER_LEN + self.suite.iv_len
    }

    /// Bytes of padding, trailer and ICV behind a payload of `len` bytes.
    #[inline]
    pub(crate) fn tail_len(&self, len: usize) -> usize {
        esp::pad_len(len, self.suite.block) + self.suite.icv_len
    }

    /// Makes a packet with room for it an ESP packet, and encrypts it: behind `header_len` bytes of outer header,
    /// [`Esp::head_len`] bytes are free, then comes the payload, then [`Esp::tail_len`] free bytes end the packet.
    pub(crate) fn seal(
        &self,
        sa: &Sa,
        seq: u64,
        packet: &mut Packet,
        header_len: usize,
        next_header: u8,
        tail_len: usize,
    ) -> Result<(), Discard> {
        let iv = self.iv(sa, seq);
        let head = self.head_len();
        let bytes = packet.bytes_mut();
        let body = bytes.get_mut(header_len..).ok_or(Discard::TxBadBundle)?;
        let tail = tail_len.checked_sub(self.suite.icv_len);
        let text = body.len().checked_sub(head + self.suite.icv_len);
        let (tail, text) = tail.zip(text).ok_or(Discard::TxBadBundle)?;
        self.fill_in(sa, seq, body, next_header, text, tail, &iv)?;
        let span = Span {
            start: header_len,
            assoc: head,
            text,
        };
        let frame = self.frame(bytes, span, iv, sa.fixed.said.spi, high_half(seq));
        let mut frame = frame.map_err(|_| Discard::TxBadBundle)?;
        let (assoc, text) = (frame.span.assoc, frame.span.text);
        let result = self
            .aead
            .encrypt(frame.bytes(packet), assoc, text, &mut frame.iv);
        self.sealed(packet, &frame, result)
    }

    /// Whether packets go through the cipher by [`Esp::submit`], as it may come back later.
    #[inline]
    pub(crate) fn is_async(&self) -> bool {
        self.aead.is_async()
    }

    /// Encrypts the payload of the IP packet and makes it an ESP packet.
    pub(super) fn encap(&self, sa: &Sa, seq: u64, packet: &mut Packet) -> Result<(), Discard> {
        let mut frame = self.build(sa, seq, packet)?;
        let (assoc, text) = (frame.span.assoc, frame.span.text);
        let bytes = frame.bytes(packet);
        let result = self.aead.encrypt(bytes, assoc, text, &mut frame.iv);
        self.sealed(packet, &frame, result)
    }

    /// Has the cipher work on the frame; `then` goes on with the packet if it is not over on return.
    pub(crate) fn submit<R: Resume>(
        &self,
        operation: Operation,
        packet: Packet,
        frame: &Frame,
        then: R,
    ) -> Submitted {
        let (span, iv) = (frame.span, frame.iv);
        self.aead.submit(operation, packet, span, iv, then)
    }

    /// Makes the IP packet an ESP packet, all but encrypted.
    pub(crate) fn build(&self, sa: &Sa, seq: u64, packet: &mut Packet) -> Result<Frame, Discard> {
        let view = ip::parse(packet.bytes(), Walk::Insert).map_err(|_| Discard::TxBadBundle)?;
        let head = esp::HEADER_LEN + self.suite.iv_len;
        let tail = esp::pad_len(view.payload_len(), self.suite.block);
        let end = view.total_len;
        packet.trim(end);
        packet
            .put(tail + self.suite.icv_len)
            .map_err(|_| Discard::TxNoMemory)?;
        packet.push(head).map_err(|_| Discard::TxNoMemory)?;
        let iv = self.iv(sa, seq);
        let total_len = packet.len();
        let bytes = packet.bytes_mut();
        // The IP header moves to the new front.
        bytes.copy_within(head..head + view.header_len, 0);
        view.rewrite(bytes, ESP, total_len)
            .map_err(|_| Discard::TxTooBig)?;
        let text = view.payload_len() + tail;
        let body = bytes
            .get_mut(view.header_len..)
            .ok_or(Discard::TxBadBundle)?;
        self.fill_in(sa, seq, body, view.proto, text, tail, &iv)?;
        let span = Span {
            start: view.header_len,
            assoc: head,
            text,
        };
        self.frame(bytes, span, iv, sa.fixed.said.spi, high_half(seq))
            .map_err(|_| Discard::TxBadBundle)
    }

    /// After the cipher: whether the packet is an ESP packet now.
    pub(crate) fn sealed(
        &self,
        packet: &mut Packet,
        frame: &Frame,
        result: Result,
    ) -> Result<(), Discard> {
        frame.close(packet).map_err(|_| Discard::TxBadBundle)?;
        result.map_err(|e| match e {
            ENOMEM => Discard::TxNoMemory,
            EBUSY | ENOSPC => Discard::TxCryptoBusy,
            _ => Discard::TxCryptoFailed,
        })
    }

    /// Writes header, IV and trailer around the payload; with the trailer, of `tail` bytes, that is `text` bytes long.
    #[expect(clippy::too_many_arguments)]
    fn fill_in(
        &self,
        sa: &Sa,
        seq: u64,
        body: &mut [u8],
        next_header: u8,
        text: usize,
        tail: usize,
        iv: &[u8; MAX_IV],
    ) -> Result<(), Discard> {
        let head = esp::HEADER_LEN + self.suite.iv_len;
        let header = esp::EspHeader {
            spi: sa.fixed.said.spi,
            seq: low_half(seq),
        };
        header.write(body).map_err(|_| Discard::TxBadBundle)?;
        let place = body.get_mut(esp::HEADER_LEN..head);
        copy_iv(place, iv.get(..self.suite.iv_len)).ok_or(Discard::TxBadBundle)?;
        let end = head + text;
        let trailer = end.checked_sub(tail).and_then(|at| body.get_mut(at..end));
        let trailer = trailer.ok_or(Discard::TxBadBundle)?;
        esp::write_trailer(trailer, next_header).map_err(|_| Discard::TxBadBundle)
    }

    /// The frame of an ESP packet, with the upper half of an extended sequence number put in.
    fn frame(
        &self,
        bytes: &mut [u8],
        mut span: Span,
        iv: [u8; MAX_IV],
        spi: u32,
        high: u32,
    ) -> Result<Frame> {
        let mut aside = None;
        if self.suite.esn {
            span.start = span.start.checked_sub(esp::EXTENSION).ok_or(EINVAL)?;
            span.assoc += esp::EXTENSION;
            let frame = bytes.get_mut(span.start..).ok_or(EINVAL)?;
            aside = Some(esp::extend(frame, spi, high).map_err(|_| EINVAL)?);
        }
        Ok(Frame { span, iv, aside })
    }
}

/// Copies an IV. `None`: one of the two is not there, or they differ in length.
#[inline]
fn copy_iv(to: Option<&mut [u8]>, from: Option<&[u8]>) -> Option<()> {
    let (to, from) = to.zip(from)?;
    if to.len() != from.len() {
        return None;
    }
    // Most IVs have eight bytes: one load and one store, where the general way is a call.
    if from.len() == 8 {
        *to.first_chunk_mut::<8>()? = *from.first_chunk()?;
    } else {
        to.copy_from_slice(from);
    }
    Some(())
}
