// SPDX-License-Identifier: GPL-2.0-only

//! Lines of `tncfg` and `version`.

use core::fmt;

/// A line of `tncfg`: an ipsecN device and what it is attached to.
///
/// ```text
/// ipsec0 -> eth0 mtu=16260(1500) -> 1500
/// ipsec1 -> NULL mtu=0(0) -> 0
/// ipsec2 -> eth1 mtu=16260(1500) -> 1500 catch
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TncfgRow<'a> {
    /// Name of the ipsecN device.
    pub name: &'a str,
    /// MTU of the ipsecN device.
    pub mtu: u32,
    /// The MTU of the physical device that was remembered when it was attached; 0 if detached.
    pub remembered_mtu: u32,
    /// Name and present MTU of the physical device.
    pub physical: Option<(&'a str, u32)>,
    /// It catches what leaves by the physical device. The classic module has no such devices, and no word for them.
    pub catches: bool,
}

impl fmt::Display for TncfgRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (physical, physical_mtu) = self.physical.unwrap_or(("NULL", 0));
        let Self {
            name,
            mtu,
            remembered_mtu,
            ..
        } = self;
        let catch = if self.catches { " catch" } else { "" };
        writeln!(
            f,
            "{name} -> {physical} mtu={mtu}({remembered_mtu}) -> {physical_mtu}{catch}"
        )
    }
}

/// The line of `version`. Readers take its last word, so neither field may contain a blank.
#[derive(Clone, Copy, Debug)]
pub struct VersionRow<'a> {
    /// Name of the product.
    pub product: &'a str,
    /// Its version.
    pub version: &'a str,
}

impl fmt::Display for VersionRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} version: {}", self.product, self.version)
    }
}
