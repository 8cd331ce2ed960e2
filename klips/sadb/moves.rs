// SPDX-License-Identifier: GPL-2.0-only

//! SAs that go on under another name: MIGRATE gives them other ends.

use super::{sa::Sa, Listed, Place, SadbWriter};
use crate::kapi::{
    rcu_map::{MapWriter, PreparedEntry},
    time,
};
use kernel::{prelude::*, rbtree::RBTreeNode, sync::Arc};

/// An SA that is about to take the place of another one, under another name.
pub(crate) struct Move {
    old: Arc<Sa>,
    new: Arc<Sa>,
    entry: PreparedEntry<Sa>,
    listed: RBTreeNode<Place, Listed>,
    reference: RBTreeNode<u32, Place>,
}

impl Move {
    /// The SA that goes.
    pub(crate) fn old(&self) -> &Arc<Sa> {
        &self.old
    }

    /// The SA that comes.
    pub(crate) fn successor(&self) -> &Arc<Sa> {
        &self.new
    }
}

impl SadbWriter {
    /// Gets ready to put `new` in the place of `old`, under another name and with the same reference. `EEXIST`: the name is
    /// another SA's.
    pub(crate) fn prepare_move(&mut self, old: Arc<Sa>, new: Arc<Sa>) -> Result<Move> {
        let said = new.said();
        if said != old.said() && self.map.get(&said).is_some() {
            return Err(EEXIST);
        }
        let place = Place::new(&said, self.serial);
        self.serial = self.serial.wrapping_add(1);
        Ok(Move {
            entry: MapWriter::prepare(new.clone())?,
            listed: RBTreeNode::new(place, Listed { sa: new.clone() }, GFP_KERNEL)?,
            reference: RBTreeNode::new(new.fixed.saref, place, GFP_KERNEL)?,
            old,
            new,
        })
    }

    /// Puts an SA in the place of another one, whose numbers go on with it. Cannot fail.
    pub(crate) fn make_move(&mut self, one: Move) {
        let Move { old, new, .. } = one;
        // Between the two no number is used twice: the old one sends nothing any more.
        new.resume(old.hand_over());
        self.take(&old);
        self.refs.insert(one.reference);
        self.listing.insert(one.listed);
        self.map.put(one.entry);
        // Not prepared: what it would be prepared from changes with every move.
        self.is_behind |= self.usable.enter(&new).is_err();
        self.set_deadline(&new, time::uptime_secs());
    }
}
