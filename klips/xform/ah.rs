// SPDX-License-Identifier: GPL-2.0-only

//! Authentication Header (RFC 4302).
//!
//! ```text
//! | IP header | next, length, SPI, sequence, ICV | payload |
//! |<------------------- authenticated ------------------>|
//! ```
//!
//! Behind the payload stands, for the computation only, the upper half of an extended sequence number.
//!
//! The ICV is computed over the packet as it stands, with what may change on the way and the ICV itself set to zero for as
//! long as it takes; the header is then put back.

use crate::{
    error::Discard,
    kapi::{
        crypto::{Mac, Secret, MAX_MAC},
        net::skbuff::Packet,
    },
    sadb::sa::Sa,
    xform::{high_half, low_half},
};
use heapless::Vec;
use kernel::prelude::*;
use klips_core::{
    plan::Step,
    sa::alg::AhSuite,
    wire::{
        ah::{self, AhHeader, MAX_IP_HEADER},
        ip::{self, IpView, Walk},
    },
};

const AH: u8 = 51;

/// The transform of one AH SA.
pub(crate) struct Ah {
    suite: AhSuite,
    mac: Mac,
    /// Extended sequence numbers (RFC 4302 2.5.1).
    extended: bool,
    /// To tell whether an SA that is made anew has the old one's key.
    key: Secret,
}

impl Ah {
    /// Makes the transform. Process context.
    ///
    /// `EINVAL`: a key of the wrong length; `ENOENT`: the kernel lacks the algorithm.
    pub(crate) fn new(suite: AhSuite, auth: &[u8], extended: bool) -> Result<Self> {
        let auth = auth.get(..suite.key_len).ok_or(EINVAL)?;
        let mut key = Secret::with_capacity(auth.len())?;
        key.push(auth)?;
        if suite.icv_len > MAX_MAC {
            return Err(EINVAL);
        }
        let mac = Mac::new(suite.driver, &key)?;
        Ok(Self {
            suite,
            mac,
            extended,
            key,
        })
    }

    /// Whether both run the same algorithm with the same key.
    pub(crate) fn has_key_of(&self, other: &Self) -> bool {
        self.suite == other.suite && self.extended == other.extended && self.key.is(&other.key)
    }

    /// Hash size in bits as the listing shows it.
    pub(crate) fn auth_bits(&self) -> u16 {
        self.suite.auth_bits
    }

    pub(super) fn step(&self) -> Step {
        Step::Ah(self.suite.icv_len)
    }

    /// Puts an AH header between IP header and payload, and the ICV into it.
    pub(super) fn encap(&self, sa: &Sa, seq: u64, packet: &mut Packet) -> Result<(), Discard> {
        let view = ip::parse(packet.bytes(), Walk::Insert).map_err(|_| Discard::TxBadBundle)?;
        packet.trim(view.total_len);
        let len = ah::len(self.suite.icv_len, view.family());
        packet.push(len).map_err(|_| Discard::TxNoMemory)?;
        let total_len = packet.len();
        let bytes = packet.bytes_mut();
        // The IP header moves to the new front.
        bytes.copy_within(len..len + view.header_len, 0);
        view.rewrite(bytes, AH, total_len)
            .map_err(|_| Discard::TxTooBig)?;
        let header = AhHeader {
            next_header: view.proto,
            len,
            spi: sa.fixed.said.spi,
            seq: low_half(seq),
        };
        let place = bytes
            .get_mut(view.header_len..)
            .ok_or(Discard::TxBadBundle)?;
        header.write(place).map_err(|_| Discard::TxBadBundle)?;
        let mac = self
            .mac_of(packet, view.header_len, high_half(seq))
            .map_err(|e| match e {
                Trouble::Header => Discard::TxNotSupported,
                Trouble::Crypto => Discard::TxCryptoFailed,
                Trouble::Memory => Discard::TxNoMemory,
            })?;
        packet
            .bytes_mut()
            .get_mut(view.header_len + ah::HEADER_LEN..)
            .and_then(|rest| rest.get_mut(..self.suite.icv_len))
            .zip(mac.get(..self.suite.icv_len))
            .map(|(to, from)| to.copy_from_slice(from))
            .ok_or(Discard::TxBadBundle)
    }

    /// The keyed hash of a packet whose ICV is zero already, with the mutable fields of its IP header as zeros.
    fn mac_of(
        &self,
        packet: &mut Packet,
        header_len: usize,
        high: u32,
    ) -> Result<[u8; MAX_MAC], Trouble> {
        let len = packet.len();
        let header = packet.bytes().get(..header_len).ok_or(Trouble::Header)?;
        let kept = Vec::<u8, MAX_IP_HEADER>::from_slice(header).map_err(|()| Trouble::Header)?;
        if self.extended {
            self.append(packet, high).map_err(|_| Trouble::Memory)?;
        }
        let bytes = packet.bytes_mut();
        let zeroed = ah::zero_mutable(bytes.get_mut(..header_len).unwrap_or(&mut []));
        let mac = match zeroed {
            Ok(()) => self.mac.digest(bytes).map_err(|_| Trouble::Crypto),
            Err(_) => Err(Trouble::Header),
        };
        if let Some(header) = bytes.get_mut(..header_len) {
            header.copy_from_slice(&kept);
        }
        packet.trim(len);
        mac
    }

    fn append(&self, packet: &mut Packet, high: u32) -> Result {
        let len = packet.len();
        let high = high.to_be_bytes();
        packet.make_room(0, high.len())?;
        packet.put(high.len())?;
        let place = packet.bytes_mut().get_mut(len..).ok_or(EINVAL)?;
        for (to, from) in place.iter_mut().zip(high) {
            *to = from;
        }
        Ok(())
    }

    /// Verifies the AH packet and makes it an IP packet of what was inside. Returns the protocol of that.
    ///
    /// `authenticated` runs between the two: after the ICV verified and before anything is believed.
    pub(crate) fn decap(
        &self,
        packet: &mut Packet,
        view: &IpView,
        high: u32,
        authenticated: impl FnOnce() -> Result<(), Discard>,
    ) -> Result<u8, Discard> {
        packet.trim(view.total_len);
        let header =
            AhHeader::parse(view.payload(packet.bytes())).map_err(|_| Discard::RxTruncated)?;
        if !ah::len_is_acceptable(header.len, self.suite.icv_len, view.family()) {
            return Err(Discard::RxBadLength);
        }
        if view.payload_len() < header.len {
            return Err(Discard::RxNoIcv);
        }
        if view.payload_len() == header.len {
            return Err(Discard::RxNoPayload);
        }
        let found = self.take_icv(packet.bytes_mut(), view.header_len)?;
        let mac = self
            .mac_of(packet, view.header_len, high)
            .map_err(|e| match e {
                Trouble::Header => Discard::RxBadHeader,
                Trouble::Crypto => Discard::RxCryptoFailed,
                Trouble::Memory => Discard::RxNoMemory,
            })?;
        let wanted = mac.get(..self.suite.icv_len).unwrap_or(&[]);
        if !Mac::same(wanted, &found) {
            return Err(Discard::RxIcvFailed);
        }
        authenticated()?;
        packet
            .bytes_mut()
            .copy_within(..view.header_len, header.len);
        packet.pull(header.len).map_err(|_| Discard::RxBadLength)?;
        let len = packet.len();
        view.rewrite(packet.bytes_mut(), header.next_header, len)
            .map_err(|_| Discard::RxBadLength)?;
        Ok(header.next_header)
    }

    /// Takes the ICV out of the packet, leaving zeros.
    fn take_icv(&self, bytes: &mut [u8], header_len: usize) -> Result<Vec<u8, MAX_MAC>, Discard> {
        let icv = bytes
            .get_mut(header_len + ah::HEADER_LEN..)
            .and_then(|rest| rest.get_mut(..self.suite.icv_len))
            .ok_or(Discard::RxNoIcv)?;
        let found = Vec::from_slice(icv).map_err(|()| Discard::RxNoIcv)?;
        icv.fill(0);
        Ok(found)
    }
}

/// Why there is no hash.
enum Trouble {
    /// The IP header is none that AH can be computed over.
    Header,
    /// The crypto layer failed.
    Crypto,
    /// No room for the upper half of the sequence number.
    Memory,
}
