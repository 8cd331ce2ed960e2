// SPDX-License-Identifier: GPL-2.0-only

//! The masks of `klipsdebug`, one of 32 bits per part of the module.

use klips_core::pfkey::ext::DebugMasks;

/// The parts in the order in which the kernel shows them.
pub(super) const NAMES: [&str; 9] = [
    "tunnel", "xform", "eroute", "spi", "radij", "esp", "ah", "rcv", "pfkey",
];

/// Attaching and detaching, in the mask of the devices.
const TUNNEL_TNCFG: u32 = 0x100;
/// Sending, in the mask of the devices.
const TUNNEL_XMIT: u32 = 0x10;

/// Every bit that a mask can have.
const ALL: u32 = u32::MAX;

/// Every bit of the `netlink` mask, whose top bit says what is to become of all masks.
const NETLINK: u32 = !DebugMasks::SET;

/// The bits that a flag stands for; `None` if there is no such flag.
fn bits(flag: &str) -> Option<DebugMasks> {
    let mut masks = DebugMasks::default();
    let (mask, bits) = match flag {
        "all" => return Some(everything()),
        "tunnel" => (&mut masks.tunnel, ALL),
        "tncfg" => (&mut masks.tunnel, TUNNEL_TNCFG),
        "xmit" | "tunnel-xmit" => (&mut masks.tunnel, TUNNEL_XMIT),
        "netlink" => (&mut masks.netlink, NETLINK),
        "xform" => (&mut masks.xform, ALL),
        "eroute" => (&mut masks.eroute, ALL),
        "spi" => (&mut masks.spi, ALL),
        "radij" => (&mut masks.radij, ALL),
        "esp" => (&mut masks.esp, ALL),
        "ah" => (&mut masks.ah, ALL),
        "rcv" => (&mut masks.rcv, ALL),
        "pfkey" => (&mut masks.pfkey, ALL),
        "comp" | "ipcomp" => (&mut masks.ipcomp, ALL),
        "verbose" => (&mut masks.verbose, ALL),
        _ => return None,
    };
    *mask = bits;
    Some(masks)
}

/// What `all` stands for when it sets: everything but `verbose`.
const fn everything() -> DebugMasks {
    DebugMasks {
        tunnel: ALL,
        netlink: NETLINK,
        xform: ALL,
        eroute: ALL,
        spi: ALL,
        radij: ALL,
        esp: ALL,
        ah: ALL,
        rcv: ALL,
        pfkey: ALL,
        ipcomp: ALL,
        verbose: 0,
    }
}

/// The request that sets a flag: masks to be ORed into those of the kernel.
pub(super) fn set(flag: &str) -> Option<DebugMasks> {
    let mut masks = bits(flag)?;
    masks.netlink |= DebugMasks::SET;
    Some(masks)
}

/// The request that clears a flag: masks to be ANDed with those of the kernel. `all` leaves nothing, not even
/// `verbose`.
pub(super) fn clear(flag: &str) -> Option<DebugMasks> {
    if flag == "all" {
        return Some(DebugMasks::default());
    }
    let masks = bits(flag)?;
    Some(DebugMasks {
        tunnel: !masks.tunnel,
        netlink: !masks.netlink & NETLINK,
        xform: !masks.xform,
        eroute: !masks.eroute,
        spi: !masks.spi,
        radij: !masks.radij,
        esp: !masks.esp,
        ah: !masks.ah,
        rcv: !masks.rcv,
        pfkey: !masks.pfkey,
        ipcomp: !masks.ipcomp,
        verbose: !masks.verbose,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_adds_and_clearing_takes_away() {
        let esp = set("esp").unwrap();
        assert_eq!((esp.esp, esp.ah, esp.netlink), (ALL, 0, DebugMasks::SET));
        let esp = clear("esp").unwrap();
        assert_eq!((esp.esp, esp.ah, esp.netlink), (0, ALL, NETLINK));
        assert_eq!(set("tncfg").unwrap().tunnel, 0x100);
        assert_eq!(clear("xmit").unwrap().tunnel, !0x10);
        assert_eq!(set("netlink").unwrap().netlink, ALL);
        assert_eq!(clear("netlink").unwrap().netlink, 0);
    }

    #[test]
    fn all_is_not_verbose() {
        let all = set("all").unwrap();
        assert_eq!((all.pfkey, all.verbose, all.netlink), (ALL, 0, ALL));
        assert_eq!(clear("all"), Some(DebugMasks::default()));
        assert_eq!(set("verbose").unwrap().verbose, ALL);
        assert_eq!((set("x"), clear("x")), (None, None));
    }

    #[test]
    fn every_shown_part_is_a_flag() {
        for name in NAMES {
            assert!(set(name).is_some(), "{name}");
        }
    }
}
