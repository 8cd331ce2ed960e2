// SPDX-License-Identifier: GPL-2.0-only

//! ESP packets that come in.

use super::{copy_iv, Esp, Frame};
use crate::{
    error::Discard,
    kapi::{
        crypto::{Span, MAX_IV},
        net::skbuff::Packet,
    },
    sadb::sa::Sa,
    xform::ipip::is_tunnelled,
};
use kernel::prelude::*;
use klips_core::wire::{esp, ip::IpView};

/// What came out of an ESP packet.
pub(crate) struct Opened {
    /// Protocol of what was inside.
    pub(crate) next_header: u8,
    /// The padding was what RFC 4303 wants.
    pub(crate) pad_ok: bool,
}

impl Esp {
    /// Checks lengths that nothing else looks at before the ICV is.
    pub(crate) fn check_len(&self, payload_len: usize) -> Result<(), Discard> {
        let overhead = esp::HEADER_LEN + self.suite.iv_len + self.suite.icv_len;
        match payload_len.checked_sub(overhead) {
            None => Err(Discard::RxNoIcv),
            Some(0) => Err(Discard::RxNoPayload),
            Some(text) if text % self.suite.block.max(1) != 0 => Err(Discard::RxDecryptFailed),
            Some(_) => Ok(()),
        }
    }

    /// Verifies and decrypts the ESP packet and makes it an IP packet of what was inside.
    ///
    /// `authentic` runs between the two, after the ICV verified and before anything is believed; it is told how long the
    /// packet will be, if its trailer is good.
    pub(crate) fn decap(
        &self,
        sa: &Sa,
        packet: &mut Packet,
        view: &IpView,
        high: u32,
        authentic: impl FnOnce(Option<usize>) -> Result<(), Discard>,
    ) -> Result<Opened, Discard> {
        let frame = self.enclose(packet, view, high)?;
        let result = self.decrypt(packet, &frame);
        self.opened(sa, packet, view, &frame, result, authentic)
    }

    /// Verifies and decrypts what [`Esp::enclose`] said; not if the cipher is asynchronous (`EINVAL`).
    pub(crate) fn decrypt(&self, packet: &mut Packet, frame: &Frame) -> Result {
        let (assoc, text, mut iv) = (frame.span.assoc, frame.span.text, frame.iv);
        self.aead.decrypt(frame.bytes(packet), assoc, text, &mut iv)
    }

    /// Verifies and decrypts an ESP packet behind `header_len` bytes of IP header, to the end of which all of it stays where
    /// it is. Returns the trailer, if that is good.
    pub(crate) fn unseal(
        &self,
        packet: &mut Packet,
        header_len: usize,
        high: u32,
    ) -> Result<Result<esp::Trailer, Discard>, Discard> {
        let head = self.head_len();
        let text = packet.len().checked_sub(header_len + head);
        let text = text.ok_or(Discard::RxNoIcv)?;
        let mut frame = self.surround(packet.bytes_mut(), header_len, text, high)?;
        let (assoc, text_len) = (frame.span.assoc, frame.span.text);
        let result = self
            .aead
            .decrypt(frame.bytes(packet), assoc, text_len, &mut frame.iv);
        frame.close(packet).map_err(|_| Discard::RxBadLength)?;
        result.map_err(refusal)?;
        let plain = packet.bytes().get(header_len + head..);
        Ok(self.trailer(plain.unwrap_or(&[])))
    }

    /// What of a received ESP packet the cipher is to work on.
    pub(crate) fn enclose(
        &self,
        packet: &mut Packet,
        view: &IpView,
        high: u32,
    ) -> Result<Frame, Discard> {
        let head = esp::HEADER_LEN + self.suite.iv_len;
        let text = view
            .payload_len()
            .checked_sub(head)
            .ok_or(Discard::RxNoIcv)?;
        packet.trim(view.total_len);
        self.surround(packet.bytes_mut(), view.header_len, text, high)
    }

    /// The frame of a received packet with ESP from `start` on and `text` bytes behind the IV.
    fn surround(
        &self,
        bytes: &mut [u8],
        start: usize,
        text: usize,
        high: u32,
    ) -> Result<Frame, Discard> {
        let head = self.head_len();
        let mut iv = [0u8; MAX_IV];
        let body = bytes.get(start..).ok_or(Discard::RxBadLength)?;
        let (header, _) = esp::EspHeader::parse(body).map_err(|_| Discard::RxTruncated)?;
        let shown = body.get(esp::HEADER_LEN..head);
        copy_iv(iv.get_mut(..self.suite.iv_len), shown).ok_or(Discard::RxBadLength)?;
        let span = Span {
            start,
            assoc: head,
            text,
        };
        self.frame(bytes, span, iv, header.spi, high)
            .map_err(|_| Discard::RxBadLength)
    }

    /// After the cipher: makes the packet an IP packet of what was inside, as [`Esp::decap`].
    pub(crate) fn opened(
        &self,
        sa: &Sa,
        packet: &mut Packet,
        view: &IpView,
        frame: &Frame,
        result: Result,
        authentic: impl FnOnce(Option<usize>) -> Result<(), Discard>,
    ) -> Result<Opened, Discard> {
        frame.close(packet).map_err(|_| Discard::RxBadLength)?;
        result.map_err(refusal)?;
        let body = view.payload(packet.bytes()).get(self.head_len()..);
        let trailer = self.trailer(body.unwrap_or(&[]));
        let len = |trailer: &esp::Trailer| view.header_len + trailer.payload_len;
        authentic(trailer.as_ref().ok().map(len))?;
        let trailer = trailer?;
        let sheds = is_tunnelled(trailer.next_header) && (!sa.is_linux() || sa.tunnel().is_some());
        self.strip(packet, view, &trailer, sheds)?;
        Ok(Opened {
            next_header: trailer.next_header,
            pad_ok: trailer.pad_ok,
        })
    }

    /// The trailer of a decrypted packet, of which `text` is what follows the IV.
    #[inline]
    fn trailer(&self, text: &[u8]) -> Result<esp::Trailer, Discard> {
        let end = text.len().checked_sub(self.suite.icv_len);
        let plain = end.and_then(|end| text.get(..end));
        let plain = plain.ok_or(Discard::RxBadLength)?;
        esp::Trailer::parse(plain).map_err(|_| Discard::RxBadPadding)
    }

    /// Takes ESP's header and trailer off.
    ///
    /// The IP header moves to where the payload begins. `sheds`: the payload is a packet in a tunnel that ends here, so that
    /// nobody looks at the header any more; it stays behind, and other bytes are in its place.
    pub(crate) fn strip(
        &self,
        packet: &mut Packet,
        view: &IpView,
        trailer: &esp::Trailer,
        sheds: bool,
    ) -> Result<(), Discard> {
        let (head, len) = (self.head_len(), view.header_len + trailer.payload_len);
        if !sheds {
            packet.bytes_mut().copy_within(..view.header_len, head);
        }
        packet.pull(head).map_err(|_| Discard::RxBadLength)?;
        packet.trim(len);
        if sheds {
            return Ok(());
        }
        view.rewrite(packet.bytes_mut(), trailer.next_header, len)
            .map_err(|_| Discard::RxBadLength)
    }
}

/// What a packet is discarded for that the cipher has refused.
fn refusal(e: Error) -> Discard {
    match e {
        EBADMSG => Discard::RxIcvFailed,
        ENOMEM => Discard::RxNoMemory,
        EBUSY | ENOSPC => Discard::RxCryptoBusy,
        EINVAL => Discard::RxDecryptFailed,
        _ => Discard::RxCryptoFailed,
    }
}
