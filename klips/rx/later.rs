// SPDX-License-Identifier: GPL-2.0-only

//! Received packets that an asynchronous cipher has, or another processor.
//!
//! A packet that waits is admitted, but nothing of it is believed: when the cipher comes back, the ICV is judged and the
//! sequence number checked again and recorded, as if there had been no wait.

use super::{blame, note_padding, Inbound, Onward, Path, Progress};
use crate::{
    error::Discard,
    kapi::{
        crypto::{Operation, Resume, Submitted},
        net::skbuff::Packet,
    },
    lease::Lease,
    sadb::sa::Sa,
    xform::{
        esp::{Esp, Frame},
        high_half, Xform,
    },
};
use kernel::{
    prelude::*,
    sync::{rcu, Arc},
};

/// Goes on with a packet that was decrypted.
pub(super) struct Opening {
    lease: Lease,
    frame: Frame,
    at: Progress,
    path: Path,
    /// How IPv4 brought the packet, if it did and this is its outermost SA.
    by: Option<u64>,
}

impl Opening {
    /// The SA.
    pub(super) fn sa(&self) -> Option<&Arc<Sa>> {
        self.lease.sa()
    }

    /// Verifies and decrypts the packet here and now. Bottom halves disabled.
    pub(super) fn decrypt(&self, packet: &mut Packet) -> Result {
        match self.sa().map(|sa| &sa.fixed.xform) {
            Some(Xform::Esp(esp)) => esp.decrypt(packet, &self.frame),
            _ => Err(EINVAL),
        }
    }

    /// Takes the packet back, and how it went. Bottom halves disabled.
    pub(super) fn go_on(&mut self, packet: Packet, result: Result) {
        let guard = rcu::read_lock();
        let path = core::mem::take(&mut self.path);
        let inbound = Inbound::new(self.lease.dev(), &guard);
        if let Some(sa) = self.lease.sa() {
            let opened = inbound.opened(sa, &self.frame, &self.at, path, packet, result);
            if matches!(opened, Ok(Some(_))) {
                self.by.inspect(|by| sa.arrived(*by));
            }
            inbound.conclude(sa, opened);
        }
    }
}

impl Resume for Opening {
    fn resume(mut self, packet: Packet, result: Result) {
        self.go_on(packet, result);
    }
}

impl<'g> Inbound<'g> {
    /// Gives the packet to the cipher of `sa`. `None`: that has it for now; else the packet, and what was inside.
    #[expect(clippy::type_complexity)]
    pub(super) fn submit(
        &self,
        esp: &Esp,
        sa: &Arc<Sa>,
        at: &Progress,
        path: &Path,
        mut packet: Packet,
    ) -> Result<Option<(Packet, Result<u8, Discard>)>, Discard> {
        let checked = esp.check_len(at.view.payload_len());
        checked.inspect_err(|why| blame(sa, *why))?;
        let lease = Lease::new(sa, self.dev).map_err(|_| Discard::RxNoMemory)?;
        let frame = esp.enclose(&mut packet, &at.view, high_half(at.seq.unwrap_or(0)))?;
        // It leaves the read lock, under which the device that it came in by and its route are good.
        packet.park();
        let then = Opening {
            lease,
            frame: frame.clone(),
            at: *at,
            path: path.clone(),
            by: self.by.filter(|_| at.depth == 0),
        };
        if !esp.is_async() {
            return self.spread(sa, packet, then).map(|()| None);
        }
        Ok(match esp.submit(Operation::Decrypt, packet, &frame, then) {
            Submitted::Pending => None,
            Submitted::Over(mut packet, result) => {
                let opened = self.settle(esp, sa, &frame, at, &mut packet, result);
                Some((packet, opened))
            }
        })
    }

    /// Takes a packet back from the cipher, and through what is inside.
    fn opened(
        &self,
        sa: &'g Arc<Sa>,
        frame: &Frame,
        at: &Progress,
        mut path: Path,
        mut packet: Packet,
        result: Result,
    ) -> Result<Option<usize>, Discard> {
        let Xform::Esp(esp) = &sa.fixed.xform else {
            return Err(Discard::RxSaNotMature);
        };
        let opened = self.settle(esp, sa, frame, at, &mut packet, result);
        let next_header = opened.inspect_err(|why| blame(sa, *why))?;
        if sa.spreads() {
            // That may be over with the next packet, which may be long in coming.
            self.weigh(sa);
        }
        match self.onward(sa, at, &mut path, next_header, packet)? {
            Onward::Delivered(len) => Ok(Some(len)),
            Onward::Nested(inner, packet) => {
                self.walk(inner, packet, at.depth.saturating_add(1), None, &mut path)
            }
        }
    }

    /// Judges what the cipher says, and accounts for the packet. Returns the protocol of what was inside.
    fn settle(
        &self,
        esp: &Esp,
        sa: &Arc<Sa>,
        frame: &Frame,
        at: &Progress,
        packet: &mut Packet,
        result: Result,
    ) -> Result<u8, Discard> {
        let commit = |len| self.commit(sa, at, len);
        let opened = esp.opened(sa, packet, &at.view, frame, result, commit)?;
        Ok(note_padding(sa, &opened))
    }
}
