// SPDX-License-Identifier: GPL-2.0-only

//! A line of the table of devices.

use klips_core::text;

use crate::json::Value;

/// A line of the table of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TncfgRow<'a> {
    /// The virtual device.
    pub(crate) name: &'a str,
    /// The physical one.
    pub(crate) physical: Option<&'a str>,
    /// MTU of the virtual device.
    pub(crate) mtu: u32,
    /// MTU of the physical device when they were attached.
    pub(crate) attached_mtu: u32,
    /// MTU of the physical device now.
    pub(crate) physical_mtu: u32,
    /// It catches what leaves by the physical device.
    pub(crate) catch: bool,
}

impl<'a> TncfgRow<'a> {
    /// Reads a line.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let row = text::TncfgRow::parse(line).ok()?;
        Some(Self {
            name: row.name,
            physical: row.physical.map(|(name, _)| name),
            mtu: row.mtu,
            attached_mtu: row.remembered_mtu,
            physical_mtu: row.physical.map_or(0, |(_, mtu)| mtu),
            catch: row.catches,
        })
    }

    /// The fields of ipsec_tncfg(8).
    pub(crate) fn json(&self) -> Value {
        let if_attached = |mtu| self.physical.map(|_| mtu);
        Value::object([
            ("device", self.name.into()),
            ("physical", self.physical.into()),
            ("mtu", self.mtu.into()),
            ("attached_mtu", if_attached(self.attached_mtu).into()),
            ("physical_mtu", if_attached(self.physical_mtu).into()),
            ("catch", self.catch.into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attached_or_not() {
        let row = TncfgRow::parse("ipsec0 -> eth0 mtu=16260(1500) -> 1499\n").unwrap();
        let want = r#"{"device":"ipsec0","physical":"eth0","mtu":16260,"attached_mtu":1500,"physical_mtu":1499,"catch":false}"#;
        assert_eq!(row.json().to_string(), want);
        let row = TncfgRow::parse("ipsec1 -> NULL mtu=16260(0) -> 0").unwrap();
        let want = r#"{"device":"ipsec1","physical":null,"mtu":16260,"attached_mtu":null,"physical_mtu":null,"catch":false}"#;
        assert_eq!(row.json().to_string(), want);
        let row = TncfgRow::parse("ipsec2 -> eth1 mtu=16260(1500) -> 1500 catch").unwrap();
        assert!(row.catch && row.json().to_string().ends_with(r#""catch":true}"#));
        assert_eq!(TncfgRow::parse("ipsec1 -> NULL"), None);
    }
}
