// SPDX-License-Identifier: GPL-2.0-only

//! What the benchmarks share: tables over `std` storage, random policies, and an allocator that counts.

#[path = "../../core/src/table.rs"]
mod table;

use cap::Cap;
use klips_core::eroute::{Family, Key, Selector};
use klips_core::said::{SaProto, Said};
use std::alloc::System;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};

pub use table::Eroutes;

/// Counts the bytes that are in use, so that tables can say what an entry costs.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What `build` makes, and the bytes that it occupies.
pub fn measured<T>(build: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.allocated();
    let made = build();
    let after = ALLOCATOR.allocated();
    (made, after.saturating_sub(before))
}

/// Takes a hash as it is.
#[derive(Debug, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole hashes are given");
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A hash map by the crate's own hashes.
pub type Map<K, V> = HashMap<K, V, BuildHasherDefault<AsItIs>>;

/// An SA's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub Said);

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash64(0));
    }
}

/// A small generator (SplitMix64), the same on every run.
#[derive(Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// Sixty-four random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of the `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.bits() % choices.len() as u64) as usize]
    }

    /// An address of 10.0.0.0/8.
    pub fn addr(&mut self) -> u128 {
        u128::from(0x0a00_0000 | (self.bits() as u32 & 0x00ff_ffff))
    }
}

fn selector(src: (u128, u8), dst: (u128, u8), proto: u8) -> Selector {
    let v4 = Family::V4;
    let key = Key {
        family: v4,
        src: src.0 & v4.mask(src.1),
        dst: dst.0 & v4.mask(dst.1),
        proto,
        sport: 0,
        dport: 0,
    };
    let mask = Key {
        src: v4.mask(src.1),
        dst: v4.mask(dst.1),
        proto: if proto == 0 { 0 } else { 0xff },
        ..key
    };
    Selector::new(key, mask).expect("one family")
}

/// `n` pairs of hosts, as holds and host-to-host tunnels are.
pub fn host_pairs(n: usize) -> Vec<Selector> {
    let mut rng = Rng(1);
    (0..n)
        .map(|_| selector((rng.addr(), 32), (rng.addr(), 32), 0))
        .collect()
}

/// `n` policies between networks of many sizes within each other, one in sixteen for TCP only: some sixty shapes.
pub fn nested(n: usize) -> Vec<Selector> {
    let mut rng = Rng(2);
    (0..n)
        .map(|_| {
            let src = (rng.addr(), rng.pick(&[16, 20, 24, 28, 30, 32]));
            let dst = (rng.addr(), rng.pick(&[0, 16, 24, 28, 32]));
            selector(src, dst, if rng.bits() % 16 == 0 { 6 } else { 0 })
        })
        .collect()
}

/// `n` destination networks, what longest-prefix-match tables are for.
pub fn destinations(n: usize) -> Vec<Selector> {
    let mut rng = Rng(3);
    (0..n)
        .map(|_| {
            let len = rng.pick(&[16, 18, 20, 22, 24, 24, 24, 26, 28, 30, 32, 32]);
            let addr = u128::from(rng.bits() as u32);
            selector((0, 0), (addr, len), 0)
        })
        .collect()
}

/// Packets that match: hosts within random ones of the selectors.
pub fn packets(selectors: &[Selector], n: usize) -> Vec<Key> {
    let mut rng = Rng(4);
    (0..n)
        .map(|_| {
            let of = selectors[(rng.bits() % selectors.len() as u64) as usize];
            let host = u128::from(rng.bits() as u32);
            Key {
                src: of.key().src | (host & !of.mask().src),
                dst: of.key().dst | (host & !of.mask().dst),
                proto: 6,
                sport: 1025,
                dport: 80,
                ..*of.key()
            }
        })
        .collect()
}

/// `n` SAs of as many peers as there are thousands.
pub fn saids(n: usize) -> Vec<Name> {
    let mut rng = Rng(5);
    (0..n)
        .map(|i| {
            let peer = 0x0a00_0000 + (i / 1000) as u32;
            Name(Said {
                dst: IpAddr::V4(Ipv4Addr::from(peer)),
                spi: (rng.bits() as u32) | 0x100,
                proto: SaProto::Esp,
            })
        })
        .collect()
}

/// The address of a key as the other crates want it.
pub fn v4(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from(bits as u32)
}
