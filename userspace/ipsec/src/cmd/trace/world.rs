// SPDX-License-Identifier: GPL-2.0-only

//! What decides about a packet, read once: tables, routes, and whether the packet is this host's own.

use std::collections::HashMap;
use std::net::{IpAddr, UdpSocket};

use klips_core::eroute::{insertion_point, lookup, Key};
use klips_core::said::Said;

use crate::cmd;
use crate::error::Error;
use crate::prog::Prog;
use crate::routes::{self, Route};
use crate::tables::{ErouteRow, KnownSas, SaRow, TncfgRow};

/// Everything that a path depends on.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) eroutes: String,
    pub(super) sas: String,
    pub(super) devices: String,
    pub(super) known: KnownSas,
    pub(super) routes: Vec<Route>,
    /// The packet's source is an address of this host.
    pub(super) src_is_local: bool,
}

impl World {
    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// That KLIPS is not there, or a table cannot be read.
    pub(super) fn read(prog: &Prog, packet: &Key) -> Result<Self, Error> {
        Ok(Self {
            eroutes: cmd::eroute::TABLE.text(prog)?,
            sas: cmd::spi::TABLE.text(prog)?,
            devices: cmd::tncfg::TABLE.text(prog)?,
            known: KnownSas::of(&cmd::spigrp::TABLE.text(prog)?),
            routes: routes::load(),
            src_is_local: is_local(packet.src_addr()),
        })
    }

    /// The eroute that the kernel would find for a packet: the same search, over the same masks in the same order.
    ///
    /// Masks of equal rank are searched in the order of their first use, which no table shows. Here it is the order of
    /// the listing; it only matters to a packet that two eroutes of equal rank match.
    pub(super) fn eroute(&self, packet: &Key) -> Option<ErouteRow> {
        let rows = self.eroutes.lines();
        let rows = rows.filter_map(|line| ErouteRow::parse(line, &self.known));
        let mut shapes: Vec<Key> = Vec::new();
        let mut table = HashMap::new();
        for row in rows {
            let mask = *row.selector.mask();
            if let Err(at) = insertion_point(&shapes, &mask) {
                shapes.insert(at, mask);
            }
            table.insert((row.selector.canonical(), mask), row);
        }
        lookup(&shapes, packet, |key, mask| {
            table.get(&(*key, *mask)).copied()
        })
    }

    /// The line of an SA.
    pub(super) fn sa(&self, said: &Said) -> Option<SaRow<'_>> {
        let mut rows = self.sas.lines().filter_map(SaRow::parse);
        rows.find(|row| row.said == *said)
    }

    /// The line of an ipsecN device.
    pub(super) fn device(&self, name: &str) -> Option<TncfgRow<'_>> {
        let mut rows = self.devices.lines().filter_map(TncfgRow::parse);
        rows.find(|row| row.name == name)
    }

    /// The ipsecN device that catches what leaves by a physical one.
    pub(super) fn catching(&self, physical: &str) -> Option<TncfgRow<'_>> {
        let mut rows = self.devices.lines().filter_map(TncfgRow::parse);
        rows.find(|row| row.catch && row.physical == Some(physical))
    }

    /// The route to an address.
    pub(super) fn route(&self, addr: &IpAddr) -> Option<&Route> {
        routes::best(&self.routes, addr)
    }
}

/// Whether this host has the address: only such a one can be bound to.
fn is_local(addr: IpAddr) -> bool {
    UdpSocket::bind((addr, 0)).is_ok()
}
