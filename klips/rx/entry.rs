// SPDX-License-Identifier: GPL-2.0-only

//! Where packets of ESP and AH come in, and which of them are ours.

use super::{take, AH, ESP};
use crate::{
    instance::Instance,
    kapi::net::{
        netns,
        proto::{Carrier, Handler, Quote, Receiver},
        skbuff::Skb,
    },
};
use core::net::IpAddr;
use kernel::{ffi::c_int, sync::rcu};
use klips_core::{
    said::{SaProto, Said},
    wire::{
        ah::{self, AhHeader},
        esp::{self, EspHeader},
        ip::{self, Walk},
    },
};

/// ESP.
pub(crate) struct Esp;

static ESP_HANDLER: Handler<Esp> = Handler::new();

impl Receiver for Esp {
    const PROTOCOL: u8 = ESP;

    fn handler() -> &'static Handler<Self> {
        &ESP_HANDLER
    }

    fn receive(mut skb: Skb, carrier: Carrier) -> Result<(), Skb> {
        let spi = skb
            .peek::<{ esp::HEADER_LEN }>()
            .and_then(|header| Some(EspHeader::parse(&header).ok()?.0.spi));
        receive(skb, carrier, SaProto::Esp, spi)
    }

    fn sent(quote: &Quote<'_>) -> Option<c_int> {
        let (header, _) = EspHeader::parse(&quote.payload).ok()?;
        sent(quote, SaProto::Esp, header.spi)
    }
}

/// AH.
pub(crate) struct Ah;

static AH_HANDLER: Handler<Ah> = Handler::new();

impl Receiver for Ah {
    const PROTOCOL: u8 = AH;

    fn handler() -> &'static Handler<Self> {
        &AH_HANDLER
    }

    fn receive(mut skb: Skb, carrier: Carrier) -> Result<(), Skb> {
        if carrier != Carrier::Ip {
            return Err(skb);
        }
        let spi = skb
            .peek::<{ ah::HEADER_LEN }>()
            .and_then(|header| AhHeader::parse(&header).ok())
            .map(|header| header.spi);
        receive(skb, carrier, SaProto::Ah, spi)
    }

    fn sent(quote: &Quote<'_>) -> Option<c_int> {
        // An error shows the first eight bytes: the SPI is the latter half.
        let spi = quote.payload.last_chunk::<4>()?;
        sent(quote, SaProto::Ah, u32::from_be_bytes(*spi))
    }
}

/// Takes a packet with this SPI if its SA is one of ours; else hands it back as it came.
fn receive(skb: Skb, carrier: Carrier, proto: SaProto, spi: Option<u32>) -> Result<(), Skb> {
    let guard = rcu::read_lock();
    let Some(ns) = skb
        .device()
        .and_then(|port| netns::instance::<Instance>(port.net(), &guard))
    else {
        return Err(skb);
    };
    let sa = skb
        .network_header()
        .and_then(destination)
        .zip(spi)
        .and_then(|(dst, spi)| ns.sadb.get(&Said { dst, spi, proto }, &guard));
    match sa {
        Some(sa) => {
            take(ns, sa, skb, carrier, &guard);
            Ok(())
        }
        None => Err(skb),
    }
}

/// Whether a packet with this SPI, which an ICMP error quotes, can be one of ours; the physical device's index if so.
///
/// The error is not authentic. It must name an SA that this host sends by, which those who see no packets of it do not
/// know; how small the MTU of a path may become is bounded by the routing layer (`net.ipv4.route.min_pmtu`, 1280 for IPv6).
fn sent(quote: &Quote<'_>, proto: SaProto, spi: u32) -> Option<c_int> {
    let guard = rcu::read_lock();
    let ns = netns::instance::<Instance>(quote.port.net(), &guard)?;
    let view = ip::parse_header(quote.header, Walk::Insert).ok()?;
    let dst = view.dst;
    let sa = ns.sadb.get(&Said { dst, spi, proto }, &guard)?;
    if !sa.fixed.src.is_unspecified() && sa.fixed.src != view.src {
        return None;
    }
    let dev = ns.device_on(quote.port, &guard);
    Some(dev.map_or(0, |_| quote.port.ifindex()))
}

/// The destination that an IP header, extension headers aside, is addressed to.
fn destination(header: &[u8]) -> Option<IpAddr> {
    ip::parse_header(header, Walk::Insert)
        .ok()
        .map(|view| view.dst)
}
