// SPDX-License-Identifier: GPL-2.0-only

//! Which SA a policy's template means: the newest that fits.
//!
//! An SA stands under every name by which a template may ask for it. Under each name the newest few are published as one
//! list, from which a packet takes the first that is mature, or else the first that is dying: as soon as a key daemon has
//! made the next SA packets go through that, and those that cannot come back to an older one. How many SAs there are
//! between two gateways does not matter.

use super::sa::Sa;
use crate::kapi::{
    rcu::Graveyard,
    rcu_map::{new_map, Keyed, Map, MapWriter, PreparedEntry},
};
use core::{
    cmp::{Ordering, Reverse},
    net::IpAddr,
};
use heapless::Vec;
use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNode},
    sync::{rcu::Guard, Arc},
};
use klips_core::{
    addr::addr_bits,
    pfkey::linux::Mode,
    sa::State,
    said::{SaProto, Said},
};

/// What a template asks of an SA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    /// Where packets go: as a rule few SAs share it.
    pub(crate) dst: IpAddr,
    /// From where; of an SA it may be unspecified.
    pub(crate) src: IpAddr,
    pub(crate) proto: SaProto,
    pub(crate) mode: Mode,
    /// 0 for any.
    pub(crate) reqid: u32,
}

impl PartialOrd for Need {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Need {
    /// Some order: trees want one. Destinations tell most of them apart, and are compared as numbers first; those that one
    /// SA has are told apart by what is next.
    fn cmp(&self, other: &Self) -> Ordering {
        let (here, there) = (addr_bits(&self.dst), addr_bits(&other.dst));
        if here != there {
            return here.cmp(&there);
        }
        let all = |n: &Self| (n.mode, n.reqid, n.proto, n.src, n.dst);
        all(self).cmp(&all(other))
    }
}

/// How many of the SAs of one name packets see. All but the newest are there for the case that it has ended and nobody has
/// come yet to take it away.
const SEEN: usize = 4;

/// The most names of an SA.
const NAMES: usize = 6;

/// The newest SAs of one name.
struct Newest {
    name: Need,
    /// With their ages, newest first.
    list: Vec<(u64, Arc<Sa>), SEEN>,
}

impl Newest {
    /// The SA that packets take, whether it is mature, and its age.
    fn best(&self) -> Option<(bool, u64, &Arc<Sa>)> {
        let of = |wanted| {
            let mut list = self.list.iter();
            let (age, sa) = list.find(|(_, sa)| sa.state() == wanted)?;
            Some((wanted == State::Mature, *age, sa))
        };
        of(State::Mature).or_else(|| of(State::Dying))
    }
}

impl Keyed for Newest {
    type Key = Need;
    type Tag = u64;

    #[inline]
    fn key(&self) -> Need {
        self.name
    }

    #[inline]
    fn hash(name: &Need) -> u64 {
        let bits = addr_bits(&name.dst) ^ addr_bits(&name.src).rotate_left(1);
        let what = u64::from(name.proto.ip_proto()) << 8 | u64::from(name.mode.number());
        let mut h = u64::from(name.reqid) ^ what << 32;
        h = h.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^= (bits as u64) ^ ((bits >> 64) as u64);
        h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
        h ^ (h >> 32)
    }

    #[inline]
    fn tag(_name: &Need, hash: u64) -> u64 {
        hash
    }
}

/// The readers' side.
pub(super) struct Usable(Map<Newest>);

impl Usable {
    /// The SA for a template. Any context.
    pub(super) fn find<'g>(&'g self, need: &Need, guard: &'g Guard) -> Option<&'g Arc<Sa>> {
        let exact = self.0.get(need, guard).and_then(|newest| newest.best());
        // A tunnel cannot begin nowhere.
        let anywhere = (need.mode != Mode::Tunnel)
            .then(|| Said::any(&need.dst))
            .and_then(|src| self.0.get(&Need { src, ..*need }, guard))
            .and_then(|newest| newest.best());
        let best = [exact, anywhere].into_iter().flatten();
        best.max_by_key(|(mature, age, _)| (*mature, *age))
            .map(|(_, _, sa)| sa)
    }
}

/// The place of an SA under one name.
type Place = (Need, Reverse<u64>);

/// The writer's side, under the namespace's mutex.
pub(super) struct UsableWriter {
    map: MapWriter<Newest>,
    places: RBTree<Place, Arc<Sa>>,
    /// When each SA came: the later, the higher.
    ages: RBTree<Said, u64>,
    age: u64,
    /// There was no memory for showing packets who is left under a name.
    is_behind: bool,
}

/// An SA that is ready to be put in without failing.
pub(super) struct Ready {
    age: Option<RBTreeNode<Said, u64>>,
    places: Vec<RBTreeNode<Place, Arc<Sa>>, NAMES>,
    lists: Vec<(Need, PreparedEntry<Newest>), { 2 * NAMES }>,
}

/// Makes an empty index. Process context.
pub(super) fn new(yard: &Arc<Graveyard>) -> Result<(Usable, UsableWriter)> {
    let (map, writer) = new_map(yard.clone())?;
    Ok((
        Usable(map),
        UsableWriter {
            map: writer,
            places: RBTree::new(),
            ages: RBTree::new(),
            age: 0,
            is_behind: false,
        },
    ))
}

/// Whether templates may mean the SA. Those of KLIPS's dialect are for eroutes, and a larval one is for nothing yet.
pub(super) fn is_named(sa: &Sa) -> bool {
    sa.is_linux() && sa.carries_traffic()
}

/// Every name by which a template may ask for the SA.
fn names(sa: &Sa) -> Vec<Need, NAMES> {
    let (said, reqid) = (sa.said(), sa.reqid());
    let modes: &[Mode] = match sa.mode() {
        Some(Mode::Transport) => &[Mode::Transport, Mode::Any],
        Some(Mode::Tunnel) => &[Mode::Tunnel, Mode::Any],
        Some(Mode::Any) => &[Mode::Transport, Mode::Tunnel, Mode::Any],
        // Those of KLIPS's dialect are for eroutes.
        Some(Mode::Beet) | None => &[],
    };
    let reqids: &[u32] = if reqid == 0 { &[0] } else { &[0, reqid] };
    let pairs = modes
        .iter()
        .flat_map(|mode| reqids.iter().map(|reqid| (*mode, *reqid)));
    let name = |(mode, reqid)| Need {
        dst: said.dst,
        src: sa.fixed.src,
        proto: said.proto,
        mode,
        reqid,
    };
    pairs.map(name).take(NAMES).collect()
}

impl UsableWriter {
    /// Allocates what `sa` needs, which may take the place of the SA of its SAID. A larval one needs nothing yet.
    pub(super) fn prepare(&self, sa: &Arc<Sa>, old: Option<&Arc<Sa>>) -> Result<Ready> {
        let said = sa.said();
        let age = self.age.wrapping_add(1);
        let mut ready = Ready {
            age: None,
            places: Vec::new(),
            lists: Vec::new(),
        };
        let names = match sa.carries_traffic() {
            true => names(sa),
            false => Vec::new(),
        };
        if !names.is_empty() {
            ready.age = Some(RBTreeNode::new(said, age, GFP_KERNEL)?);
        }
        for name in &names {
            let place = RBTreeNode::new((*name, Reverse(age)), sa.clone(), GFP_KERNEL)?;
            let _ = ready.places.push(place);
            let mut list = Vec::new();
            let _ = list.push((age, sa.clone()));
            self.fill(&mut list, name, |other| other.said() != said);
            let _ = ready.lists.push((*name, entry(*name, list)?));
        }
        // Those that stay where `old` was and the new one is not.
        let vacated = old.map(|old| self::names(old)).unwrap_or_default();
        for name in vacated.iter().filter(|name| !names.contains(name)) {
            let mut list = Vec::new();
            self.fill(&mut list, name, |other| other.said() != said);
            if !list.is_empty() {
                let _ = ready.lists.push((*name, entry(*name, list)?));
            }
        }
        Ok(ready)
    }

    /// Adds those that stand under a name, newest first, as many as there is room for.
    fn fill(
        &self,
        list: &mut Vec<(u64, Arc<Sa>), SEEN>,
        name: &Need,
        wanted: impl Fn(&Sa) -> bool,
    ) {
        let mut from = (*name, Reverse(u64::MAX));
        while let Some(cursor) = self.places.cursor_lower_bound(&from) {
            let ((of, age), sa) = cursor.current();
            if of != name || wanted(sa) && list.push((age.0, sa.clone())).is_err() {
                break;
            }
            let Some(older) = age.0.checked_sub(1) else {
                break;
            };
            from = (*name, Reverse(older));
        }
    }

    /// Puts the SA in that was made ready last, as the newest, in the place of `old`. Cannot fail.
    pub(super) fn put(&mut self, ready: Ready, old: Option<&Arc<Sa>>) {
        let vacant = old.map(|old| self.vacate(old)).unwrap_or_default();
        if let Some(age) = ready.age {
            self.age = self.age.wrapping_add(1);
            self.ages.insert(age);
        }
        let mut filled = Vec::<Need, { 2 * NAMES }>::new();
        for place in ready.places {
            self.places.insert(place);
        }
        for (name, list) in ready.lists {
            // The list has the new SA and not the old one: packets find one of both all the time.
            self.map.put(list);
            let _ = filled.push(name);
        }
        for name in vacant.iter().filter(|name| !filled.contains(name)) {
            // Nobody is left.
            self.map.remove(name);
        }
    }

    /// Puts an SA in as the newest.
    pub(super) fn enter(&mut self, sa: &Arc<Sa>) -> Result {
        let ready = self.prepare(sa, None)?;
        self.put(ready, None);
        Ok(())
    }

    /// Whether `sa` has its names, if it is to have any.
    pub(super) fn is_complete(&self, sa: &Sa) -> bool {
        !is_named(sa) || names(sa).is_empty() || self.ages.get(&sa.said()).is_some()
    }

    /// Takes `sa` out, which carries no traffic any more. Cannot fail.
    pub(super) fn remove(&mut self, sa: &Arc<Sa>) {
        for name in self.vacate(sa) {
            self.publish(&name);
        }
    }

    /// Gives the places of `sa` up, which packets still see. Returns their names.
    fn vacate(&mut self, sa: &Arc<Sa>) -> Vec<Need, NAMES> {
        let Some(age) = self.ages.remove(&sa.said()) else {
            return Vec::new();
        };
        let names = names(sa).into_iter();
        names
            .filter(|name| self.places.remove(&(*name, Reverse(age))).is_some())
            .collect()
    }

    /// Whether packets still see one who has gone.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Shows packets who stands under each name, if there was no memory for that before.
    pub(super) fn catch_up(&mut self) {
        if !core::mem::take(&mut self.is_behind) {
            return;
        }
        let mut next = self.places.cursor_front().map(|at| at.current().0 .0);
        while let Some(name) = next {
            self.publish(&name);
            // Nobody is of age 0: this is after all who stand under the name.
            let end = (name, Reverse(0));
            next = self
                .places
                .cursor_lower_bound(&end)
                .map(|at| at.current().0 .0);
        }
    }

    /// Shows packets who stands under a name now. Short of memory, they go on to see who stood there before, until the
    /// worker catches up, and pass over those that carry no traffic.
    fn publish(&mut self, name: &Need) {
        let mut list = Vec::new();
        self.fill(&mut list, name, |_| true);
        if list.is_empty() {
            self.map.remove(name);
        } else if let Ok(entry) = entry(*name, list) {
            self.map.put(entry);
        } else {
            self.is_behind = true;
        }
    }
}

/// What a name is published as.
fn entry(name: Need, list: Vec<(u64, Arc<Sa>), SEEN>) -> Result<PreparedEntry<Newest>> {
    MapWriter::prepare(Arc::new(Newest { name, list }, GFP_KERNEL)?)
}
