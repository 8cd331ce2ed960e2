// SPDX-License-Identifier: GPL-2.0-only

//! `look` on a terminal: aligned, with units, and in colours.

use crate::counters;
use crate::tables::{ErouteRow, Limit, SaRow, TncfgRow};
use crate::units;

use super::picture::Picture;

/// How a piece of text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ink {
    Plain,
    Bold,
    Faint,
    Good,
    Bad,
    Waiting,
}

impl Ink {
    /// The number of the terminal's rendition (ECMA-48 8.3.117).
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Waiting => "33",
        }
    }
}

/// A piece of text in a column.
type Cell = (String, Ink);

/// The whole text.
pub(super) fn text(picture: &Picture, colours: bool) -> String {
    let mut page = Page {
        text: String::new(),
        colours,
    };
    let time = picture
        .time
        .map(|time| time.to_string())
        .unwrap_or_default();
    page.line(
        &[(picture.host.clone(), Ink::Bold), (time, Ink::Faint)],
        &[],
    );
    let eroutes = picture
        .eroutes
        .lines()
        .filter_map(|line| eroute(picture, line));
    page.table("EROUTES", eroutes.collect());
    page.table(
        "DEVICES",
        picture
            .used_devices()
            .map(|row| device(picture, &row))
            .collect(),
    );
    let sas = picture.sorted_sas();
    let sas = sas.into_iter().filter_map(SaRow::parse);
    page.table("SAS", sas.map(|row| sa(&row)).collect());
    let routes = picture
        .routes
        .iter()
        .map(|route| vec![plain(route.to_string())]);
    page.table("ROUTES", routes.collect());
    let rules = picture.rules.iter();
    page.more(
        "FIREWALL",
        rules.map(|rule| vec![plain(rule.to_string()), plain(rule.text.as_str())]),
    );
    let drops = picture.drops();
    page.more(
        "DISCARDED",
        drops.map(|(reason, packets)| discarded(reason, packets)),
    );
    page.text
}

/// The text so far.
struct Page {
    text: String,
    colours: bool,
}

impl Page {
    /// Adds a table under its title.
    fn table(&mut self, title: &str, rows: Vec<Vec<Cell>>) {
        self.text.push('\n');
        self.line(&[(title.to_owned(), Ink::Bold)], &[]);
        if rows.is_empty() {
            self.line(&[("none".to_owned(), Ink::Faint)], &[]);
        }
        let mut widths: Vec<usize> = Vec::new();
        for row in &rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, (text, _)) in widths.iter_mut().zip(row) {
                *width = text.chars().count().max(*width);
            }
        }
        for row in rows {
            self.line(&row, &widths);
        }
    }

    /// Adds a table under its title, if there is anything in it.
    fn more(&mut self, title: &str, rows: impl Iterator<Item = Vec<Cell>>) {
        let rows: Vec<Vec<Cell>> = rows.collect();
        if !rows.is_empty() {
            self.table(title, rows);
        }
    }

    /// Adds cells, filled up to their widths, without blanks at the end.
    fn line(&mut self, cells: &[Cell], widths: &[usize]) {
        let mut gap = 0;
        for (at, (text, ink)) in cells.iter().enumerate() {
            if text.is_empty() {
                gap = widths
                    .get(at)
                    .map_or(gap, |width| width.saturating_add(gap).saturating_add(2));
                continue;
            }
            self.text.push_str(&" ".repeat(gap));
            self.paint(text, *ink);
            let width = widths.get(at).copied().unwrap_or(0);
            gap = width.saturating_sub(text.chars().count()).saturating_add(2);
        }
        self.text.push('\n');
    }

    fn paint(&mut self, text: &str, ink: Ink) {
        match ink.code() {
            code if self.colours && !code.is_empty() => {
                self.text.push_str(&format!("\x1b[{code}m{text}\x1b[0m"));
            }
            _ => self.text.push_str(text),
        }
    }
}

fn plain(text: impl Into<String>) -> Cell {
    (text.into(), Ink::Plain)
}

fn eroute(picture: &Picture, line: &str) -> Option<Vec<Cell>> {
    let row = ErouteRow::parse(line, &picture.known)?;
    let mut words = line.split_whitespace().skip(1).step_by(2);
    let (src, dst) = (words.next()?, words.next()?);
    let ink = match row.shunt().as_deref() {
        None => Ink::Plain,
        Some("pass") => Ink::Good,
        Some("drop" | "reject" | "unknown") => Ink::Bad,
        Some(_) => Ink::Waiting,
    };
    let proto = match row.selector.key().proto {
        0 => String::new(),
        proto => format!("protocol {proto}"),
    };
    Some(vec![
        plain(src),
        ("->".to_owned(), Ink::Faint),
        plain(dst),
        plain(proto),
        (picture.group(&row).join(" "), ink),
        plain(packets(row.count)),
    ])
}

/// A number of packets in words.
fn packets(count: u64) -> String {
    match count {
        1 => "1 packet".to_owned(),
        count => format!("{count} packets"),
    }
}

fn discarded(reason: &str, count: u64) -> Vec<Cell> {
    vec![
        plain(reason),
        (packets(count), Ink::Bad),
        (counters::meaning(reason).to_owned(), Ink::Faint),
    ]
}

fn device(picture: &Picture, row: &TncfgRow<'_>) -> Vec<Cell> {
    let (to, ink) = match row.physical {
        Some(physical) if row.catch => (format!("{physical}, catching"), Ink::Good),
        Some(physical) => (physical.to_owned(), Ink::Good),
        None => ("not attached".to_owned(), Ink::Bad),
    };
    let mtu = match row.physical {
        Some(physical) => format!("MTU {}, {physical} {}", row.mtu, row.physical_mtu),
        None => format!("MTU {}", row.mtu),
    };
    let counts = picture.counters.devices.get(row.name).copied();
    let [rx_packets, rx_bytes, _, rx_dropped, tx_packets, tx_bytes, _, tx_dropped] =
        counts.unwrap_or_default();
    let traffic = |count, octets| match count {
        0 => String::new(),
        count => format!("{}, {}", packets(count), units::bytes(octets)),
    };
    let dropped = match rx_dropped.saturating_add(tx_dropped) {
        0 => String::new(),
        count => format!("{count} dropped"),
    };
    let direction = |name: &str, text: String| match text.is_empty() {
        true => plain(text),
        false => plain(format!("{name} {text}")),
    };
    vec![
        plain(row.name),
        ("->".to_owned(), Ink::Faint),
        (to, ink),
        plain(mtu),
        direction("in", traffic(rx_packets, rx_bytes)),
        direction("out", traffic(tx_packets, tx_bytes)),
        (dropped, Ink::Bad),
    ]
}

fn sa(row: &SaRow<'_>) -> Vec<Cell> {
    let amount = |name| row.limit(name).unwrap_or_default();
    let (direction, ink) = match row.field("dir") {
        Some("in") => ("in", Ink::Good),
        _ => ("out", Ink::Plain),
    };
    let count = amount("packets").current;
    let mut uses = vec![];
    if count != 0 {
        uses.push(packets(count));
        uses.push(units::bytes(amount("bytes").current));
    }
    let idle = row
        .number("idle")
        .map(|idle| format!("idle {}", units::seconds(idle)));
    vec![
        plain(row.said.to_string()),
        (direction.to_owned(), ink),
        match (row.algorithms.replace('_', "-"), row.is_weak()) {
            (names, true) => (format!("{names}, weak"), Ink::Bad),
            (names, false) => plain(names),
        },
        plain(
            row.field("src")
                .map(|src| format!("from {src}"))
                .unwrap_or_default(),
        ),
        plain(uses.join(", ")),
        plain(age(amount("addtime"))),
        (idle.unwrap_or_default(), Ink::Faint),
        (errors(row), Ink::Bad),
    ]
}

/// How old an SA is, and how old it may become.
fn age(life: Limit) -> String {
    let age = format!("age {}", units::seconds(life.current));
    match life.hard {
        0 => age,
        hard => format!("{age} of {}", units::seconds(hard)),
    }
}

/// What went wrong on an SA.
fn errors(row: &SaRow<'_>) -> String {
    let kinds = [
        ("ooo_errs", "replayed"),
        ("auth_errs", "not authentic"),
        ("encr_size_errs", "of wrong size"),
        ("encr_pad_errs", "badly padded"),
    ];
    let errors = kinds.iter().filter_map(|(field, name)| {
        let count = row.number(field).filter(|&count| count != 0)?;
        Some(format!("{count} {name}"))
    });
    errors.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::picture::sample;
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let want = "west\n\n\
            EROUTES\n\
            10.1.0.0/16  ->  10.2.0.0/16                   tun0x1000@192.0.2.2 esp0x1001@192.0.2.2  8 packets\n\
            10.1.0.1/32  ->  192.0.2.2/32:25  protocol 6  esp0x130@192.0.2.2                       746 packets\n\
            0.0.0.0/0    ->  0.0.0.0/0                    %trap                                    0 packets\n\
            \n\
            DEVICES\n\
            ipsec0  ->  eth0  MTU 16260, eth0 1500  in 10 packets, 840 B  out 200 packets, 22.7 KiB  1 dropped\n\
            \n\
            SAS\n\
            esp0x1001@192.0.2.2  out  ESP-AES-HMAC-SHA1  from 192.0.2.1  200 packets, 22.7 KiB  age 13m 32s of 1d 0h  idle 2s\n\
            tun0x1000@192.0.2.2  out  IPIP               from 192.0.2.1                         age 13m 32s\n\
            \n\
            ROUTES\n\
            none\n\
            \n\
            DISCARDED\n\
            rx_replayed  3 packets  Received: the sequence number was seen before or is too old for the window.\n";
        let want = want.replace(
            "10.2.0.0/16                   tun",
            "10.2.0.0/16                  tun",
        );
        assert_eq!(text(&sample(), false), want);
    }

    #[test]
    fn colours_only_where_they_say_something() {
        let text = text(&sample(), true);
        assert!(text.contains("\x1b[33m%trap\x1b[0m"), "{text}");
        assert!(text.contains("\x1b[32meth0\x1b[0m"), "{text}");
    }

    #[test]
    fn weak_algorithms_are_marked() {
        let row = SaRow::parse("esp0x1001@192.0.2.2 ESP_3DES_HMAC_MD5: dir=in ").unwrap();
        let cells = sa(&row);
        assert!(
            cells.contains(&("ESP-3DES-HMAC-MD5, weak".to_owned(), Ink::Bad)),
            "{cells:?}"
        );
    }

    #[test]
    fn errors_are_counted_by_kind() {
        let row =
            SaRow::parse("esp0x1001@192.0.2.2 ESP_AES: dir=in  ooo_errs=3 auth_errs=1").unwrap();
        assert_eq!(errors(&row), "3 replayed, 1 not authentic");
    }
}
