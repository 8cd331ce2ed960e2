// SPDX-License-Identifier: GPL-2.0-only

//! Groups of SAs: which of them packets meet one after the other.

use super::{sa::Sa, Sadb, SadbWriter};
use crate::kapi::rcu::{synchronize, Rcu};
use heapless::Vec;
use kernel::{
    prelude::*,
    sync::{rcu::Guard, Arc},
};
use klips_core::{pfkey::linux::Mode, said::Said};

/// The most SAs that a packet goes through.
pub(crate) const MAX_GROUP: usize = 4;

/// A group as a packet meets it.
pub(crate) type Bundle<'g> = Vec<&'g Arc<Sa>, MAX_GROUP>;

impl Sadb {
    /// `sa` and those that follow it in its group, or its own tunnel and `sa`; `None` if there are more than a packet can
    /// take.
    #[inline]
    pub(crate) fn bundle<'g>(sa: &'g Arc<Sa>, guard: &'g Guard) -> Option<Bundle<'g>> {
        let mut bundle = Bundle::new();
        let mut at = Some(sa);
        while let Some(sa) = at {
            if let Some(tunnel) = sa.tunnel().filter(|_| sa.mode() == Some(Mode::Tunnel)) {
                bundle.push(tunnel).ok()?;
            }
            bundle.push(sa).ok()?;
            at = sa.next.read(guard);
        }
        Some(bundle)
    }
}

impl SadbWriter {
    pub(super) fn successor(&self, sa: &Sa) -> Option<Arc<Sa>> {
        let guard = kernel::sync::rcu::read_lock();
        sa.next.read(&guard).cloned()
    }

    fn head_of(&self, sa: &Arc<Sa>) -> Arc<Sa> {
        let mut head = sa.clone();
        while let Some(prev) = head.prev().and_then(|prev| self.map.get(&prev)) {
            head = prev;
        }
        head
    }

    /// Removes the SA called `said` with its whole group. `false` if there is none.
    pub(crate) fn remove_group(&mut self, said: &Said) -> bool {
        let Some(sa) = self.map.get(said) else {
            return false;
        };
        let mut at = Some(self.head_of(&sa));
        while let Some(sa) = at {
            at = self.successor(&sa);
            self.take(&sa);
        }
        true
    }

    /// Links the SAs of `chain`, two or more: packets meet each after the one before it. All of them are linked, or none: a
    /// packet that comes to the first finds it as it was, or the whole chain behind it.
    ///
    /// `EEXIST`: an SA has a successor where it is to get one, or a predecessor; it is there twice, or they would form a
    /// ring. `EINVAL`: the group would be larger than packets can take, or one of them is of the Linux dialect, where SAs
    /// stand alone.
    pub(crate) fn link(&mut self, chain: &[Arc<Sa>]) -> Result {
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
            return Err(EINVAL);
        };
        if chain.iter().any(|sa| sa.is_linux()) {
            return Err(EINVAL);
        }
        let head = self.head_of(first);
        if pairs(chain).any(|(sa, next)| sa.next.is_some() || next.prev().is_some())
            || has_twins(chain)
            || Arc::ptr_eq(&head, last)
        {
            return Err(EEXIST);
        }
        // The first and the last may have others beyond them.
        let between = chain.len().saturating_sub(2);
        if self.count_from(&head) + between + self.count_from(last) > MAX_GROUP {
            return Err(EINVAL);
        }
        let mut links: Vec<_, MAX_GROUP> = Vec::new();
        for sa in chain.iter().skip(1) {
            links.push(Rcu::prepare(sa.clone())?).map_err(|_| EINVAL)?;
        }
        // The first SA's link comes last: whoever can follow it can follow the others.
        for (sa, _) in pairs(chain).rev() {
            sa.next.publish(links.pop(), &self.yard);
        }
        for (sa, next) in pairs(chain) {
            next.set_prev(Some(sa.said()));
        }
        Ok(())
    }

    fn count_from(&self, sa: &Arc<Sa>) -> usize {
        let mut n = 0;
        let mut at = Some(sa.clone());
        while let Some(sa) = at {
            n += 1;
            at = self.successor(&sa);
        }
        n
    }

    /// Dissolves the group that `sa` is in. May sleep.
    ///
    /// A packet finds the whole group or no more than its first SA: whoever has followed a link is let through before the
    /// next link goes.
    pub(crate) fn unlink_group(&mut self, sa: &Arc<Sa>) {
        let mut at = Some(self.head_of(sa));
        let mut followed = false;
        while let Some(sa) = at {
            at = self.successor(&sa);
            if at.is_some() {
                if followed {
                    synchronize();
                }
                sa.next.publish(None, &self.yard);
                followed = true;
            }
            sa.set_prev(None);
        }
    }

    /// The first SA of the chain that starts at `sa` that `wanted` says yes to.
    pub(crate) fn find_in_chain(
        &self,
        sa: Arc<Sa>,
        wanted: impl Fn(&Sa) -> bool,
    ) -> Option<Arc<Sa>> {
        let mut at = Some(sa);
        while let Some(sa) = at {
            if wanted(&sa) {
                return Some(sa);
            }
            at = self.successor(&sa);
        }
        None
    }

    /// The SAIDs of `sa` and those behind it.
    pub(crate) fn members(&self, sa: &Arc<Sa>) -> Vec<Said, MAX_GROUP> {
        let mut said = Vec::new();
        let mut at = Some(sa.clone());
        while let Some(sa) = at {
            if said.push(sa.said()).is_err() {
                break;
            }
            at = self.successor(&sa);
        }
        said
    }
}

/// Each SA of a chain with the next one.
fn pairs(chain: &[Arc<Sa>]) -> impl DoubleEndedIterator<Item = (&Arc<Sa>, &Arc<Sa>)> {
    chain.iter().zip(chain.iter().skip(1))
}

/// Whether an SA is there more than once.
fn has_twins(chain: &[Arc<Sa>]) -> bool {
    chain.iter().enumerate().any(|(at, sa)| {
        let mut behind = chain.iter().skip(at.saturating_add(1));
        behind.any(|other| Arc::ptr_eq(sa, other))
    })
}
