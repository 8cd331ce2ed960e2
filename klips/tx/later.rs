// SPDX-License-Identifier: GPL-2.0-only

//! Packets to be sent that an asynchronous cipher has.
//!
//! When the cipher comes back, the rest of the bundle follows as it is then, if it is as long as it was: a packet must not
//! leave with less protection than its policy asked for. Packets of one SA keep the order in which the cipher finishes them.

use super::{
    conclude,
    templates::{again, names, Rest},
    wrap, By, Outbound, Progress, Sent,
};
use crate::{
    error::Discard,
    kapi::{
        crypto::{Operation, Resume, Submitted},
        net::skbuff::Packet,
    },
    lease::Lease,
    sadb::{sa::Sa, Bundle, Sadb},
    xform::{
        esp::{Esp, Frame},
        Xform,
    },
};
use kernel::{
    prelude::*,
    sync::{rcu, Arc},
};

/// Goes on with a packet that was encrypted.
struct Sealing {
    lease: Lease,
    frame: Frame,
    at: Progress,
    /// What is to come, of a policy's bundle; a group says itself.
    rest: Rest,
}

impl Resume for Sealing {
    fn resume(self, packet: Packet, result: Result) {
        let guard = rcu::read_lock();
        let dev = self.lease.dev();
        let done = Outbound::new(dev, &guard).and_then(|out| out.sealed(&self, packet, result));
        conclude(dev, done);
    }
}

impl Outbound<'_> {
    /// Gives the packet to the cipher of `sa`. `None`: that has it for now.
    pub(super) fn submit(
        &self,
        esp: &Esp,
        sa: &Arc<Sa>,
        seq: u64,
        at: Progress,
        behind: &[&Arc<Sa>],
        mut packet: Packet,
    ) -> Result<Option<Packet>, Discard> {
        let lease = Lease::new(sa, self.dev).map_err(|_| Discard::TxNoMemory)?;
        let frame = esp.build(sa, seq, &mut packet)?;
        let then = Sealing {
            lease,
            frame: frame.clone(),
            at,
            rest: match at.by {
                By::Eroute => Rest::new(),
                By::Policy => names(behind),
            },
        };
        match esp.submit(Operation::Encrypt, packet, &frame, then) {
            Submitted::Pending => Ok(None),
            Submitted::Over(mut packet, result) => {
                esp.sealed(&mut packet, &frame, result)?;
                Ok(Some(packet))
            }
        }
    }

    /// Takes a packet back from the cipher, through the rest of its bundle and through further ones.
    fn sealed(
        &self,
        sealing: &Sealing,
        mut packet: Packet,
        result: Result,
    ) -> Result<Sent, Discard> {
        let (sa, at) = (sealing.lease.sa().ok_or(Discard::TxNoSa)?, sealing.at);
        let Xform::Esp(esp) = &sa.fixed.xform else {
            return Err(Discard::TxBadBundle);
        };
        esp.sealed(&mut packet, &sealing.frame, result)?;
        sa.count(packet.len());
        let rest = self.rest(sa, sealing).ok_or(Discard::TxBadBundle)?;
        if rest.len() != at.left {
            // It was dissolved or made anew meanwhile.
            return Err(Discard::TxBadBundle);
        }
        let last = rest.last().copied().unwrap_or(sa);
        if !rest.is_empty() {
            packet = match self.encap(&rest, at, packet)? {
                Some(packet) => packet,
                None => return Ok(Sent::Later),
            };
        }
        wrap(Some(last), &mut packet)?;
        let leads_to = match at.by {
            By::Eroute => self.lookup_outer(&packet)?,
            By::Policy => None,
        };
        self.go_on(at.group.saturating_add(1), packet, leads_to)
    }

    /// What comes behind `sa`; `None` if that is not known any more.
    fn rest<'a>(&'a self, sa: &'a Sa, sealing: &Sealing) -> Option<Bundle<'a>> {
        match sealing.at.by {
            By::Policy => again(self.ns, &sealing.rest, self.guard),
            By::Eroute => match sa.next.read(self.guard) {
                Some(next) => Sadb::bundle(next, self.guard),
                None => Some(Bundle::new()),
            },
        }
    }
}
