// SPDX-License-Identifier: GPL-2.0-only

//! `/proc/net/ipsec` and the flat names beside it. The formats are [`klips_core::text`]'s.

mod sockets;
mod status;

use crate::{
    instance::Instance,
    kapi::{
        net::Net,
        proc_fs::{Entry, Listing, Writer},
    },
    sadb::{sa::Sa, Place},
    spd::{Cursor, Policy},
    sysctl::{Switches, Table},
    xform::Xform,
};
use core::fmt::{Result as FmtResult, Write};
use kernel::{prelude::*, str::CStr, sync::rcu};
use klips_core::{
    addr::Net as Network,
    eroute::Selector,
    pfkey::linux::{Action, Direction},
    said::{Said, Shunt},
    text::{ErouteRow, SaRow, SpigrpRow, TncfgRow},
};

/// The version that `/proc/net/ipsec_version` tells.
pub(crate) const VERSION: &str = "0.1.0";

/// Readable by root only, as the classic module has it.
const PRIVATE: u16 = 0o400;
const PUBLIC: u16 = 0o444;
const WRITABLE: u16 = 0o600;

struct Eroutes;

/// Where the listing is: policies follow the eroutes, which go before them.
#[derive(Clone, Copy)]
enum Row {
    Eroute(Selector),
    Policy(Cursor),
}

impl Listing for Eroutes {
    type Owner = Instance;
    type Key = Row;

    fn next(owner: &Instance, last: Option<&Row>) -> Option<Row> {
        let control = owner.control.lock();
        let eroute = match last {
            None => control.eroutes.next(None),
            Some(Row::Eroute(selector)) => control.eroutes.next(Some(selector)),
            Some(Row::Policy(_)) => None,
        };
        let mut at = match last {
            Some(Row::Policy(at)) => Some(*at),
            _ => None,
        };
        let mut policy = || loop {
            at = Some(control.spd.next(at.as_ref())?);
            let policy = control.spd.at(at.as_ref()?)?;
            if policy.direction == Direction::Out {
                return at;
            }
        };
        eroute
            .map(Row::Eroute)
            .or_else(|| policy().map(Row::Policy))
    }

    fn show(owner: &Instance, row: &Row, out: &mut Writer<'_>) -> FmtResult {
        let row = match row {
            Row::Eroute(selector) => {
                let eroute = owner.control.lock().eroutes.at(selector);
                eroute.map(|eroute| ErouteRow {
                    count: eroute.count(),
                    selector: eroute.selector,
                    said: eroute.spec.said,
                })
            }
            Row::Policy(at) => {
                let policy = owner.control.lock().spd.at(at);
                policy.map(|policy| ErouteRow {
                    count: policy.count(),
                    selector: policy.selector,
                    said: said_of(&policy),
                })
            }
        };
        row.map_or(Ok(()), |row| write!(out, "{row}"))
    }
}

/// What the listing says of a policy.
fn said_of(policy: &Policy) -> Said {
    Said::from_shunt(match policy.action {
        Action::Discard => Shunt::Drop,
        Action::Ipsec => Shunt::Trap,
        _ => Shunt::Pass,
    })
}

struct Sas;

impl Listing for Sas {
    type Owner = Instance;
    type Key = Place;

    fn next(owner: &Instance, last: Option<&Place>) -> Option<Place> {
        owner.control.lock().sadb.next_place(last)
    }

    fn show(owner: &Instance, key: &Place, out: &mut Writer<'_>) -> FmtResult {
        let sa = owner.control.lock().sadb.at(key);
        sa.map_or(Ok(()), |sa| show_sa(&sa, out))
    }
}

fn show_sa(sa: &Sa, out: &mut Writer<'_>) -> FmtResult {
    let fixed = &sa.fixed;
    let policy = {
        let guard = rcu::read_lock();
        sa.policy.read(&guard).copied()
    };
    let policy = policy.map(|p| {
        let net = |addr, mask| Network { addr, mask };
        (
            net(p.key.src_addr(), p.mask.src_addr()),
            net(p.key.dst_addr(), p.mask.dst_addr()),
        )
    });
    let iv = sa.last_iv();
    let (natsport, natdport) = sa.nat_ports();
    let (iv_len, auth_bits) = match &fixed.xform {
        Xform::Esp(esp) => (esp.iv_len(), esp.auth_bits()),
        Xform::Ah(ah) => (0, ah.auth_bits()),
        _ => (0, 0),
    };
    let mut row = SaRow {
        said: fixed.said,
        enc: fixed.encrypt,
        auth: fixed.auth,
        inbound: fixed.inbound,
        src: Some(fixed.src),
        policy,
        flags: sa.flags(),
        auth_bits,
        auth_key_bits: fixed.auth_key_bits,
        enc_key_bits: fixed.enc_key_bits,
        now: crate::kapi::time::uptime_secs(),
        natencap: sa.nat_encap(),
        natsport,
        natdport,
        refcount: 1,
        saref: fixed.saref,
        refhim: fixed.refhim,
        ..SaRow::default()
    };
    row.window = sa.hot(|hot| hot.window.head());
    row.life = sa.life();
    row.ooo_errs = sa.faults.order.get();
    row.auth_errs = sa.faults.icv.get();
    row.encr_size_errs = sa.faults.size.get();
    row.encr_pad_errs = sa.faults.padding.get();
    row.iv = iv.get(..iv_len).unwrap_or(&[]);
    if let Xform::Comp(comp) = &fixed.xform {
        let ratio = comp.ratio();
        row.ratio = (ratio.plain, ratio.compressed);
    }
    write!(out, "{row}")
}

struct Groups;

impl Listing for Groups {
    type Owner = Instance;
    type Key = Place;

    fn next(owner: &Instance, last: Option<&Place>) -> Option<Place> {
        Sas::next(owner, last)
    }

    fn show(owner: &Instance, key: &Place, out: &mut Writer<'_>) -> FmtResult {
        let members = {
            let control = owner.control.lock();
            control.sadb.at(key).map(|sa| control.sadb.members(&sa))
        };
        members.map_or(Ok(()), |members| {
            write!(out, "{}", SpigrpRow { members: &members })
        })
    }
}

/// The attachments; keyed by the number of the device.
struct Attachments;

impl Listing for Attachments {
    type Owner = Instance;
    type Key = u32;

    fn next(owner: &Instance, last: Option<&u32>) -> Option<u32> {
        let guard = rcu::read_lock();
        let mut numbers = owner.devices.iter(&guard).map(|dev| dev.data().number());
        numbers.find(|n| last.is_none_or(|last| n > last))
    }

    fn show(owner: &Instance, key: &u32, out: &mut Writer<'_>) -> FmtResult {
        let guard = rcu::read_lock();
        let Some(dev) = owner.devices.get(*key, &guard) else {
            return Ok(());
        };
        let phys = dev
            .data()
            .attachment(&guard)
            .map(|a| (a.port().name(), a.port().mtu()));
        let name = dev.port().name();
        let row = TncfgRow {
            name: name.as_str(),
            mtu: dev.port().mtu(),
            remembered_mtu: dev.data().remembered_mtu(),
            catches: dev.data().catches(),
            physical: phys.as_ref().map(|(name, mtu)| (name.as_str(), *mtu)),
        };
        write!(out, "{row}")
    }
}

/// The files of one namespace. Field order is removal order: children before their directories.
pub(crate) struct Files {
    _links: [Entry; 6],
    _files: [Entry; 19],
    _directories: [Entry; 5],
    _root: Entry,
    _sysctl: Table,
}

impl Files {
    /// Makes them. Process context. What was made is removed again when something fails.
    pub(crate) fn new(net: &Net, switches: &Switches) -> Result<Self> {
        let root = Entry::directory(net, None, c"ipsec")?;
        let inside = |name: &CStr| Entry::directory(net, Some(&root), name);
        let (eroute, spi, spigrp) = (inside(c"eroute")?, inside(c"spi")?, inside(c"spigrp")?);
        let (stats, birth) = (inside(c"stats")?, inside(c"birth")?);
        let at = Some(&root);
        let files = [
            Entry::listing::<Eroutes>(net, Some(&eroute), c"all", PRIVATE)?,
            Entry::listing::<Sas>(net, Some(&spi), c"all", PRIVATE)?,
            Entry::listing::<Groups>(net, Some(&spigrp), c"all", PRIVATE)?,
            Entry::listing::<Attachments>(net, at, c"tncfg", PRIVATE)?,
            Entry::listing::<status::Version>(net, at, c"version", PUBLIC)?,
            Entry::listing::<status::Klipsdebug>(net, at, c"klipsdebug", PRIVATE)?,
            Entry::listing::<status::Natt>(net, at, c"natt", PRIVATE)?,
            Entry::listing::<status::Ocf>(net, at, c"ocf", PRIVATE)?,
            Entry::listing::<status::Saref>(net, at, c"saref", PRIVATE)?,
            Entry::listing::<sockets::Xforms>(net, at, c"xforms", PRIVATE)?,
            Entry::listing::<status::Reasons>(net, Some(&stats), c"drops", PRIVATE)?,
            Entry::listing::<status::TrapCount>(net, Some(&stats), c"trap_count", PRIVATE)?,
            Entry::listing::<status::TrapSendCount>(net, Some(&stats), c"trap_sendcount", PRIVATE)?,
            Entry::listing::<status::SpreadCount>(net, Some(&stats), c"spread_count", PRIVATE)?,
            Entry::writable::<status::Birth<4>>(net, Some(&birth), c"ipv4", WRITABLE)?,
            Entry::writable::<status::Birth<6>>(net, Some(&birth), c"ipv6", WRITABLE)?,
            Entry::listing::<sockets::Sockets>(net, None, c"pf_key", PRIVATE)?,
            Entry::listing::<sockets::Algorithms>(net, None, c"pf_key_supported", PRIVATE)?,
            Entry::listing::<sockets::Registered>(net, None, c"pf_key_registered", PRIVATE)?,
        ];
        let links = [
            Entry::symlink(net, c"ipsec_version", c"ipsec/version")?,
            Entry::symlink(net, c"ipsec_eroute", c"ipsec/eroute/all")?,
            Entry::symlink(net, c"ipsec_spi", c"ipsec/spi/all")?,
            Entry::symlink(net, c"ipsec_spigrp", c"ipsec/spigrp/all")?,
            Entry::symlink(net, c"ipsec_tncfg", c"ipsec/tncfg")?,
            Entry::symlink(net, c"ipsec_klipsdebug", c"ipsec/klipsdebug")?,
        ];
        // Not within what follows: what that has been given already would go parents first.
        let sysctl = switches.register(net)?;
        Ok(Self {
            _links: links,
            _files: files,
            _directories: [eroute, spi, spigrp, stats, birth],
            _root: root,
            _sysctl: sysctl,
        })
    }
}
