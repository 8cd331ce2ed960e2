// SPDX-License-Identifier: GPL-2.0-only

//! A path in words, and as JSON.

use klips_core::addr::Addr;
use klips_core::eroute::Key;
use klips_core::said::Said;

use super::path::{Mtu, Outer, Path};
use crate::json::Value;
use crate::tables::{ErouteRow, SaRow};

/// The path in words, a line per step.
pub(super) fn text(packet: &Key, path: &Path<'_>) -> String {
    let mut lines = vec![("packet", describe(packet))];
    if let Some(route) = path.route {
        lines.push(("route", route.to_string()));
    }
    if let Some(device) = path.device {
        let to = device
            .physical
            .map_or("attached to nothing".to_owned(), |physical| {
                format!("attached to {physical}")
            });
        let catches = if path.caught {
            ", which it catches for"
        } else {
            ""
        };
        lines.push(("device", format!("{}, {to}{catches}", device.name)));
    }
    lines.push((
        "eroute",
        path.eroute
            .map_or("none matches".to_owned(), |row| eroute(&row)),
    ));
    for (at, (said, row)) in path.sas.iter().enumerate() {
        lines.push((if at == 0 { "SAs" } else { "" }, sa(said, row.as_ref())));
    }
    if let Some(outer) = &path.outer {
        lines.push(("outside", outside(outer)));
    }
    if let Some(mtu) = path.mtu {
        lines.push(("MTU", mtu_text(&mtu)));
    }
    lines.push(("result", format!("{}: {}", path.end.name(), path.end.why())));
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name:8} {value}\n"));
    lines.collect()
}

fn describe(packet: &Key) -> String {
    let mut text = format!("{} -> {}", Addr(packet.src_addr()), Addr(packet.dst_addr()));
    if packet.proto != 0 {
        text.push_str(&format!(", protocol {}", packet.proto));
    }
    if (packet.sport, packet.dport) != (0, 0) {
        text.push_str(&format!(", port {} -> {}", packet.sport, packet.dport));
    }
    text
}

/// An eroute as the listing writes it, but for the padding.
fn eroute(row: &ErouteRow) -> String {
    let ErouteRow {
        count,
        selector,
        said,
    } = *row;
    let line = klips_core::text::ErouteRow {
        count,
        selector,
        said,
    };
    let line = line.to_string();
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    format!("{} ({count} packets so far)", words.join(" "))
}

fn sa(said: &Said, row: Option<&SaRow<'_>>) -> String {
    let Some(row) = row else {
        return format!("{said}, which does not exist");
    };
    let key = match row.number("eklen").or(row.number("aklen")) {
        Some(bits) => format!(", {bits} bit key"),
        None => String::new(),
    };
    let encapsulation = match row.field("natencap") {
        None | Some("none" | "na") => String::new(),
        Some(kind) => format!(", in UDP ({kind})"),
    };
    let weak = if row.is_weak() { ", weak" } else { "" };
    format!("{said} {}{key}{weak}{encapsulation}", row.algorithms)
}

fn outside(outer: &Outer<'_>) -> String {
    let src = outer.src.unwrap_or("any");
    let dst = Addr(outer.dst);
    match outer.route {
        Some(route) => format!("{src} -> {dst}, by {route}"),
        None => format!("{src} -> {dst}, to which there is no route"),
    }
}

fn mtu_text(mtu: &Mtu) -> String {
    format!(
        "{} bytes fit: {} less {} of headers and {} of padding, trailer and ICV; senders of more are told {}",
        mtu.largest, mtu.physical, mtu.headers, mtu.trailers, mtu.reported
    )
}

/// The fields of ipsec_trace(8).
pub(super) fn json(packet: &Key, path: &Path<'_>) -> Value {
    let some = |port: u16| Some(port).filter(|&port| port != 0);
    let packet = Value::object([
        ("src", Value::text(Addr(packet.src_addr()))),
        ("dst", Value::text(Addr(packet.dst_addr()))),
        (
            "protocol",
            Some(packet.proto).filter(|&proto| proto != 0).into(),
        ),
        ("src_port", some(packet.sport).into()),
        ("dst_port", some(packet.dport).into()),
    ]);
    let sas = path.sas.iter().map(|(said, row)| match row {
        Some(row) => row.json(),
        None => Value::object([("said", Value::text(said)), ("missing", true.into())]),
    });
    Value::object([
        ("packet", packet),
        ("route", path.route.map(|route| route.json()).into()),
        ("device", path.device.map(|device| device.json()).into()),
        ("eroute", path.eroute.map(|row| row.json()).into()),
        ("sas", Value::list(sas)),
        ("outer", path.outer.as_ref().map(outer_json).into()),
        ("mtu", path.mtu.map(|mtu| mtu_json(&mtu)).into()),
        ("result", path.end.name().into()),
        ("why", path.end.why().into()),
    ])
}

fn outer_json(outer: &Outer<'_>) -> Value {
    Value::object([
        ("src", outer.src.into()),
        ("dst", Value::text(Addr(outer.dst))),
        ("route", outer.route.map(|route| route.json()).into()),
    ])
}

fn mtu_json(mtu: &Mtu) -> Value {
    let bytes = |count: usize| Value::from(u64::try_from(count).unwrap_or(u64::MAX));
    Value::object([
        ("physical", bytes(mtu.physical)),
        ("headers", bytes(mtu.headers)),
        ("trailers", bytes(mtu.trailers)),
        ("largest", bytes(mtu.largest)),
        ("reported", bytes(mtu.reported)),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::path::End;
    use super::super::world::World;
    use super::*;
    use crate::routes;
    use crate::tables::KnownSas;
    use klips_core::reason::Discard;
    use klips_core::said::Shunt;

    fn world() -> World {
        let groups = "tun0x1000@192.0.2.2 esp0x1001@192.0.2.2 \nesp0x1001@192.0.2.2 \n";
        World {
            eroutes: "8  10.1.0.0/16 -> 10.2.0.0/16    => tun0x1000@192.0.2.2\n\
                      2  10.1.0.0/16 -> 10.2.0.9/32:25 => %pass:6\n\
                      0  10.1.0.0/16 -> 10.3.0.0/16    => esp0x7777@192.0.2.3\n\
                      0  0.0.0.0/0   -> 10.0.0.0/8     => %trap\n"
                .to_owned(),
            sas: "tun0x1000@192.0.2.2 IPIP: dir=out src=192.0.2.1 life(c,s,h)= natencap=none\n\
                  esp0x1001@192.0.2.2 ESP_3DES_HMAC_MD5: dir=out src=192.0.2.1 alen=128 aklen=128 eklen=192 \
                  life(c,s,h)= natencap=none\n"
                .to_owned(),
            devices: "ipsec0 -> eth0 mtu=16260(1500) -> 1500\nipsec1 -> NULL mtu=0(0) -> 0\n".to_owned(),
            known: KnownSas::of(groups),
            routes: routes::sample(&[
                ("0.0.0.0/0", Some("192.0.2.254"), "eth0"),
                ("10.0.0.0/8", None, "ipsec0"),
                ("10.9.0.0/16", None, "ipsec1"),
            ]),
            src_is_local: false,
        }
    }

    fn packet(dst: &str, proto: u8, dport: u16) -> Key {
        let src = "10.1.0.5".parse().unwrap();
        Key::new(&src, &dst.parse().unwrap(), proto, 0, dport).unwrap()
    }

    #[test]
    fn a_protected_packet() {
        let (world, packet) = (world(), packet("10.2.0.9", 6, 80));
        let path = Path::of(&packet, &world);
        let want = "\
packet   10.1.0.5 -> 10.2.0.9, protocol 6, port 0 -> 80
route    10.0.0.0/8 dev ipsec0
device   ipsec0, attached to eth0
eroute   10.1.0.0/16 -> 10.2.0.0/16 => tun0x1000@192.0.2.2 (8 packets so far)
SAs      tun0x1000@192.0.2.2 IPIP
         esp0x1001@192.0.2.2 ESP_3DES_HMAC_MD5, 192 bit key, weak
outside  192.0.2.1 -> 192.0.2.2, by default via 192.0.2.254 dev eth0
MTU      1446 bytes fit: 1500 less 36 of headers and 14 of padding, trailer and ICV; senders of more are told 1443
result   protect: the packet goes through the SAs and leaves by the physical device
";
        assert_eq!(text(&packet, &path), want);
        let json = json(&packet, &path).to_string();
        for part in [
            r#"{"packet":{"src":"10.1.0.5","dst":"10.2.0.9","protocol":6,"src_port":null,"dst_port":80},"route":{"net":"10.0.0.0/8""#,
            r#""mtu":{"physical":1500,"headers":36,"trailers":14,"largest":1446,"reported":1443},"result":"protect","#,
        ] {
            assert!(json.contains(part), "{part} is not in {json}");
        }
    }

    #[test]
    fn ends_of_other_packets() {
        let world = world();
        let end = |dst: &str, proto, port| Path::of(&packet(dst, proto, port), &world).end;
        assert_eq!(end("10.2.0.9", 6, 25), End::Shunt(Shunt::Pass));
        assert_eq!(end("10.3.0.1", 0, 0), End::Discarded(Discard::TxNoSa));
        assert_eq!(end("10.4.0.1", 0, 0), End::Shunt(Shunt::Trap));
        assert_eq!(
            end("10.9.0.1", 0, 0),
            End::Discarded(Discard::TxNotAttached)
        );
        assert_eq!(end("192.0.2.2", 0, 0), End::Elsewhere);
    }

    #[test]
    fn what_a_catching_device_takes() {
        let mut world = world();
        world.devices = "ipsec0 -> eth0 mtu=16260(1500) -> 1500 catch\n".to_owned();
        world.routes = routes::sample(&[
            ("0.0.0.0/0", Some("192.0.2.254"), "eth0"),
            ("10.9.0.0/16", None, "eth1"),
        ]);
        let path = |dst: &str| Path::of(&packet(dst, 6, 80), &world);
        let protected = path("10.2.0.9");
        assert_eq!(protected.end, End::Protected);
        let text = text(&packet("10.2.0.9", 6, 80), &protected);
        let device = "device   ipsec0, attached to eth0, which it catches for\n";
        assert!(text.contains(device), "{text}");
        assert_eq!(path("192.0.2.2").end, End::Uncaught);
        assert_eq!(path("10.9.0.1").end, End::Elsewhere);
    }

    #[test]
    fn eroutes_of_outer_packets() {
        let mut world = world();
        let further = "0 192.0.2.1/32 -> 192.0.2.2/32 => tun0x2000@192.0.2.3\n";
        world.eroutes.push_str(further);
        world.sas.push_str(
            "tun0x2000@192.0.2.3 IPIP: dir=out src=192.0.2.1 life(c,s,h)= natencap=none\n",
        );
        let packet = packet("10.2.0.9", 6, 80);
        let path = Path::of(&packet, &world);
        let text = text(&packet, &path);
        assert_eq!((path.end, path.sas.len()), (End::Protected, 3), "{text}");
        assert!(text.contains("outside  192.0.2.1 -> 192.0.2.3"), "{text}");
        assert!(text.contains("1430 bytes fit"), "{text}");
        assert!(text.contains("are told 1443"), "{text}");
        // A ring.
        world
            .eroutes
            .push_str("0 192.0.2.1/32 -> 192.0.2.3/32 => tun0x1000@192.0.2.2\n");
        let path = Path::of(&packet, &world);
        assert_eq!(path.end, End::Discarded(Discard::TxLoop));
    }

    #[test]
    fn ike_of_this_host_passes() {
        let mut world = world();
        let mut ike = packet("10.4.0.1", 17, 500);
        ike.sport = 500;
        assert_eq!(Path::of(&ike, &world).end, End::Shunt(Shunt::Trap));
        world.src_is_local = true;
        assert_eq!(Path::of(&ike, &world).end, End::Bypass);
        world.eroutes.clear();
        assert_eq!(
            Path::of(&packet("10.4.0.1", 6, 1), &world).end,
            End::Discarded(Discard::TxNoEroute)
        );
        world.routes.clear();
        assert_eq!(Path::of(&ike, &world).end, End::Unroutable);
    }
}
