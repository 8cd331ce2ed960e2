// SPDX-License-Identifier: GPL-2.0-only

//! KLIPS: IPsec with devices that one can see.
//!
//! Rings, from the inside out: `klips_core` (pure, a crate of its own), [`kapi`] (all unsafe code), the other modules of
//! this crate (no unsafe code), and this file, which only puts them together.

#![crate_name = "klips"]
#![deny(unsafe_code, unused_must_use, clippy::undocumented_unsafe_blocks)]
#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod algorithms;
mod asks;
mod device;
mod devices;
mod egress;
mod eroute;
mod error;
mod events;
mod flows;
mod hold;
mod ingress;
mod instance;
#[expect(unsafe_code)]
mod kapi;
mod lease;
mod listing;
mod pfkey;
mod proc;
mod rx;
mod sadb;
mod spd;
mod stats;
mod sysctl;
mod told;
mod trap;
mod tx;
mod xform;

use instance::{Follower, Instance};
use kapi::{
    layout,
    net::{dev, keymgr, netns, notifier, proto, sock},
    spread,
};
use kernel::prelude::*;

module! {
    type: Klips,
    name: "klips",
    authors: ["The KLIPS developers"],
    description: "KLIPS IPsec: ipsecN devices, eroutes, SAs and PF_KEYv2",
    license: "GPL v2",
    alias: ["net-pf-15", "rtnl-link-klips"],
    params: {
        interfaces: u32 {
            default: 2,
            description: "ipsecN devices made in each network namespace (0 to 64, default 2)",
        },
        pfkey_dialect: u32 {
            default: 0,
            description: "PF_KEY sockets that have not shown their dialect are answered in: 0 whatever suits most (that of Linux), 1 that of Linux, 2 that of KLIPS; initial value of the sysctl net.ipsec.pfkey_dialect",
        },
    },
}

/// The module. Field order is teardown order: what lets packets and requests in goes first.
struct Klips {
    _esp: proto::Registration<rx::Esp>,
    _ah: proto::Registration<rx::Ah>,
    _family: sock::Registration<pfkey::PfKey>,
    _exemptions: keymgr::Registration<pfkey::Exempt>,
    _links: dev::Registration<device::IpsecDev>,
    _notifier: notifier::Registration<Follower>,
    _namespaces: netns::Registration<Instance>,
    _spreading: spread::Registration<rx::Spread>,
}

/// Module parameters, checked.
mod params {
    /// The most devices that a namespace has.
    pub(crate) const MAX_INTERFACES: u32 = 64;

    /// How many ipsecN devices each namespace gets.
    pub(crate) fn interfaces() -> u32 {
        // A reference or a value, depending on the kernel's version; this takes both.
        let value = super::module_parameters::interfaces.value();
        u32::clone(&value).min(MAX_INTERFACES)
    }

    /// What the sysctl `pfkey_dialect` begins with.
    pub(crate) fn pfkey_dialect() -> i32 {
        let value = super::module_parameters::pfkey_dialect.value();
        i32::try_from(u32::clone(&value)).unwrap_or(0)
    }
}

impl kernel::Module for Klips {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        layout::check()?;
        let spreading = spread::Registration::new()?;
        let namespaces = netns::Registration::new()?;
        let notifier = notifier::Registration::new()?;
        let links = dev::Registration::new()?;
        let esp = proto::Registration::new()?;
        let ah = proto::Registration::new()?;
        // Last: from here on there may be open sockets, which only a loaded module may have.
        let family = sock::Registration::new().inspect_err(|e| {
            if *e == EEXIST {
                pr_err!(
                    "PF_KEY is taken: unload af_key first (modprobe -r af_key), and blacklist it\n"
                );
            }
        })?;
        pr_info!(
            "KLIPS startup, KLIPS IPsec stack version: {}\n",
            proc::VERSION
        );
        Ok(Self {
            _esp: esp,
            _ah: ah,
            _family: family,
            _exemptions: keymgr::Registration::new(),
            _links: links,
            _notifier: notifier,
            _namespaces: namespaces,
            _spreading: spreading,
        })
    }
}

impl Drop for Klips {
    fn drop(&mut self) {
        pr_info!("ipsec module unloading\n");
    }
}
