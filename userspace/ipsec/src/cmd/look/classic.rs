// SPDX-License-Identifier: GPL-2.0-only

//! The classic form of `look`, for scripts.

use std::fmt::{self, Write};

use super::picture::Picture;
use crate::firewall;
use crate::tables::ErouteRow;

/// The whole text.
pub(super) fn text(picture: &Picture) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, picture);
    text
}

fn write(text: &mut String, picture: &Picture) -> fmt::Result {
    let time = picture.time.map(|time| time.classic()).unwrap_or_default();
    writeln!(text, "{} {time}", picture.host)?;
    for line in picture.eroutes.lines() {
        eroute(text, picture, line)?;
    }
    for row in picture.used_devices() {
        let physical = row.physical.unwrap_or("NULL");
        writeln!(
            text,
            "{}->{physical} mtu={}({})->{}",
            row.name, row.mtu, row.attached_mtu, row.physical_mtu
        )?;
    }
    for line in picture.sorted_sas() {
        writeln!(text, "{line}")?;
    }
    for chain in firewall::CHAINS {
        writeln!(text, "{chain} mangle TABLES")?;
        let rules = picture.rules.iter();
        for rule in rules.filter(|rule| rule.table == "mangle" && rule.chain == chain) {
            writeln!(text, "{} {}", rule.family, rule.text)?;
        }
    }
    text.write_str("ROUTING TABLES\n")?;
    picture
        .routes
        .iter()
        .try_for_each(|route| writeln!(text, "{route}"))
}

/// The line of an eroute: where from, where to, through what, and in parentheses how many packets.
fn eroute(text: &mut String, picture: &Picture, line: &str) -> fmt::Result {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [count, src, _, dst, _, said] = *words.as_slice() else {
        return writeln!(text, "{line}");
    };
    write!(text, "{src:18} -> {dst:18} => {said}")?;
    if let Some(row) = ErouteRow::parse(line, &picture.known) {
        for further in picture.group(&row).iter().skip(1) {
            write!(text, " {further}")?;
        }
    }
    writeln!(text, " ({count})")
}

#[cfg(test)]
mod tests {
    use super::super::picture::sample;
    use super::*;

    #[test]
    fn eroutes_are_joined_with_their_groups() {
        let want = "west \n\
            10.1.0.0/16        -> 10.2.0.0/16        => tun0x1000@192.0.2.2 esp0x1001@192.0.2.2 (8)\n\
            10.1.0.1/32        -> 192.0.2.2/32:25    => esp0x130@192.0.2.2:6 (746)\n\
            0.0.0.0/0          -> 0.0.0.0/0          => %trap (0)\n\
            ipsec0->eth0 mtu=16260(1500)->1500\n\
            esp0x1001@192.0.2.2 ESP_AES_HMAC_SHA1: ";
        let text = text(&sample());
        assert!(text.starts_with(want), "{text}");
        assert!(
            text.ends_with(
                "refhim=0\nIPSEC mangle TABLES\nNEW_IPSEC_CONN mangle TABLES\nROUTING TABLES\n"
            ),
            "{text}"
        );
    }
}
