// SPDX-License-Identifier: GPL-2.0-only

//! What there is to look at, read once.

use std::fs;

use crate::clock::Moment;
use crate::cmd;
use crate::counters::{self, Counters};
use crate::error::Error;
use crate::firewall::{self, Rule};
use crate::json::Value;
use crate::prog::Prog;
use crate::routes::{self, Route};
use crate::tables::{ErouteRow, KnownSas, SaRow, TncfgRow};

/// The tables as text, and what belongs to them.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) host: String,
    pub(super) time: Option<Moment>,
    pub(super) eroutes: String,
    pub(super) sas: String,
    pub(super) devices: String,
    pub(super) known: KnownSas,
    pub(super) routes: Vec<Route>,
    pub(super) counters: Counters,
    pub(super) rules: Vec<Rule>,
}

impl Picture {
    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// That KLIPS is not there, or a table cannot be read.
    pub(super) fn take(prog: &Prog) -> Result<Self, Error> {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut picture = Self {
            host: host.trim_end().to_owned(),
            time: Some(Moment::now()),
            eroutes: cmd::eroute::TABLE.text(prog)?,
            sas: cmd::spi::TABLE.text(prog)?,
            devices: cmd::tncfg::TABLE.text(prog)?,
            known: KnownSas::of(&cmd::spigrp::TABLE.text(prog)?),
            counters: Counters::read(prog).unwrap_or_default(),
            ..Self::default()
        };
        let devices = picture.devices.lines().filter_map(TncfgRow::parse);
        let devices: Vec<&str> = devices.map(|row| row.name).collect();
        picture.rules = firewall::load(&devices);
        let mut routes = routes::load();
        routes.retain(|route| picture.is_ours(&route.device));
        picture.routes = routes;
        Ok(picture)
    }

    /// Whether the device is an ipsecN, or one that such a device is attached to.
    fn is_ours(&self, device: &str) -> bool {
        let rows = self.devices.lines().filter_map(TncfgRow::parse);
        rows.into_iter()
            .any(|row| row.name == device || row.physical == Some(device))
    }

    /// The devices that were attached at some time.
    pub(super) fn used_devices(&self) -> impl Iterator<Item = TncfgRow<'_>> {
        let rows = self.devices.lines().filter_map(TncfgRow::parse);
        rows.filter(|row| row.physical.is_some() || (row.mtu, row.attached_mtu) != (0, 0))
    }

    /// The lines of the SAs in order.
    pub(super) fn sorted_sas(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.sas.lines().collect();
        lines.sort_unstable();
        lines
    }

    /// The SAs that an eroute leads to, the first included.
    pub(super) fn group(&self, row: &ErouteRow) -> Vec<String> {
        match self.known.group(&row.said) {
            Some(group) => group.iter().map(ToString::to_string).collect(),
            None => vec![row.said.to_string()],
        }
    }

    /// All of it, under the names of the tools that show the parts.
    pub(super) fn json(&self) -> Value {
        let eroutes = self.eroutes.lines().filter_map(|line| {
            let row = ErouteRow::parse(line, &self.known)?;
            Some(row.json().with("group", Value::list(self.group(&row))))
        });
        let sas = self.sorted_sas();
        let sas = sas.into_iter().filter_map(SaRow::parse);
        Value::object([
            ("host", self.host.as_str().into()),
            ("time", self.time.map(Value::text).into()),
            ("eroutes", Value::list(eroutes)),
            (
                "devices",
                Value::list(self.used_devices().map(|row| self.device(&row))),
            ),
            ("sas", Value::list(sas.map(|row| row.json()))),
            ("routes", Value::list(self.routes.iter().map(Route::json))),
            ("firewall", Value::list(self.rules.iter().map(Rule::json))),
            ("drops", Value::list(self.drops().map(drop_json))),
        ])
    }

    /// A device with what it has counted.
    fn device(&self, row: &TncfgRow<'_>) -> Value {
        let counts = self.counters.devices.get(row.name).copied();
        let counts = counters::COLUMNS
            .into_iter()
            .zip(counts.unwrap_or_default());
        counts.fold(row.json(), |json, ((name, _), count)| {
            json.with(name, count)
        })
    }

    /// The reasons for which packets were discarded, and how many.
    pub(super) fn drops(&self) -> impl Iterator<Item = (&str, u64)> {
        let drops = self.counters.drops.iter();
        drops
            .filter(|(_, &count)| count != 0)
            .map(|(name, &count)| (name.as_str(), count))
    }
}

/// A reason as JSON.
fn drop_json((reason, packets): (&str, u64)) -> Value {
    Value::object([
        ("reason", reason.into()),
        ("packets", packets.into()),
        ("meaning", counters::meaning(reason).into()),
    ])
}

#[cfg(test)]
pub(super) fn sample() -> Picture {
    let groups =
        "tun0x1000@192.0.2.2 esp0x1001@192.0.2.2 \nesp0x1001@192.0.2.2 \nesp0x130@192.0.2.2 \n";
    Picture {
        host: "west".to_owned(),
        time: None,
        eroutes: "8          10.1.0.0/16        -> 10.2.0.0/16        => tun0x1000@192.0.2.2\n\
                  746        10.1.0.1/32        -> 192.0.2.2/32:25    => esp0x130@192.0.2.2:6\n\
                  0          0.0.0.0/0          -> 0.0.0.0/0          => %trap\n"
            .to_owned(),
        sas: "tun0x1000@192.0.2.2 IPIP: dir=out src=192.0.2.1 life(c,s,h)=addtime(812,0,0) refcount=4 ref=2 refhim=0\n\
              esp0x1001@192.0.2.2 ESP_AES_HMAC_SHA1: dir=out src=192.0.2.1 ooowin=64 seq=200 alen=160 aklen=160 eklen=128 \
              life(c,s,h)=bytes(23344,0,0)addtime(812,57600,86400)packets(200,0,0) idle=2 natencap=none refcount=4 ref=3\n"
            .to_owned(),
        devices: "ipsec0 -> eth0 mtu=16260(1500) -> 1500\nipsec1 -> NULL mtu=0(0) -> 0\n".to_owned(),
        known: KnownSas::of(groups),
        counters: Counters::parse(
            "rx_replayed 3\ntx_no_eroute 0\n",
            "ipsec0: 840 10 0 0 0 0 0 0 23344 200 0 1 0 0 0 0\n",
            "ipsec0 -> eth0 mtu=16260(1500) -> 1500\n",
        ),
        ..Picture::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_as_json() {
        let json = sample().json().to_string();
        for part in [
            r#"{"host":"west","time":null,"eroutes":[{"packets":8,"#,
            r#""said":"tun0x1000@192.0.2.2","shunt":null,"group":["tun0x1000@192.0.2.2","esp0x1001@192.0.2.2"]}"#,
            r#""devices":[{"device":"ipsec0","#,
            r#""sas":[{"said":"esp0x1001@192.0.2.2","#,
            r#""physical_mtu":1500,"catch":false,"rx_packets":10,"rx_bytes":840,"#,
            r#""routes":[],"firewall":[],"drops":[{"reason":"rx_replayed","packets":3,"#,
        ] {
            assert!(json.contains(part), "{part} is not in {json}");
        }
        assert!(!json.contains("ipsec1"));
    }
}
