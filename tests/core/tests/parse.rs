// SPDX-License-Identifier: GPL-2.0-only

//! Listings read back: what is printed again is what was read.

use klips_core::pfkey::ext::DebugMasks;
use klips_core::said::Said;
use klips_core::text::{
    ErouteRow, KlipsdebugRows, RowError, SaRow, SpigrpRow, TncfgRow, VersionRow,
};
use klips_core_tests::lines::{reads_again, EROUTES, SAS};
use klips_core_tests::{said, Rng};

#[test]
fn eroutes() {
    for line in EROUTES {
        let row = ErouteRow::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(row.to_string(), *line);
        assert_eq!(
            ErouteRow::parse(line.trim_end()).unwrap().to_string(),
            *line
        );
    }
    let row = ErouteRow::parse(EROUTES[3]).unwrap();
    assert_eq!((row.count, row.selector.key().proto), (746, 6));
    assert_eq!(row.selector.mask().dport, 0xffff);
    assert_eq!(row.said, said("esp0x130@192.168.2.120"));
    let row = ErouteRow::parse("10.1.0.0/16 -> 10.2.0.0/16 => %pass").unwrap();
    assert_eq!(row.count, 0);
}

#[test]
fn protocol_behind_an_ipv6_address() {
    let line = "3 ::/0 -> ::/0 => esp0x200@2001:db8::9:6";
    let long = said("esp0x200@2001:db8::9:6");
    let short = said("esp0x200@2001:db8::9");
    let read = |exists: &dyn Fn(&Said) -> bool| {
        let row = ErouteRow::parse_with(line, exists).unwrap();
        (row.said, row.selector.key().proto)
    };
    assert_eq!(read(&|_| false), (long, 0));
    assert_eq!(read(&|said| *said == short), (short, 6));
    assert_eq!(read(&|_| true), (long, 0));
}

#[test]
fn bad_eroutes() {
    for (line, error) in [
        ("", RowError::Shape),
        ("1 2 3 4", RowError::Shape),
        ("1 10.0.0.0/8 => 10.0.0.0/8 -> %pass", RowError::Shape),
        ("1 10.0.0.0/8 -> 10.0.0.0/8 => %pass more", RowError::Shape),
        ("x 10.0.0.0/8 -> 10.0.0.0/8 => %pass", RowError::Number),
        ("-1 10.0.0.0/8 -> 10.0.0.0/8 => %pass", RowError::Number),
        ("+1 10.0.0.0/8 -> 10.0.0.0/8 => %pass", RowError::Number),
        (
            "1 10.0.0.0/8:65536 -> 10.0.0.0/8 => %pass",
            RowError::Number,
        ),
        ("1 10.0.0.0/33 -> 10.0.0.0/8 => %pass", RowError::Addr),
        ("1 10.0.0.0 -> 10.0.0.0/8 => %pass", RowError::Addr),
        ("1 10.0.0.0/8 -> ::/0 => %pass", RowError::Addr),
        ("1 10.0.0.0/8 -> [::/0 => %pass", RowError::Addr),
        ("1 10.0.0.0/8 -> 10.0.0.0/8 => %nope", RowError::Said),
        ("1 10.0.0.0/8 -> 10.0.0.0/8 => %pass:999", RowError::Said),
    ] {
        assert_eq!(ErouteRow::parse(line).unwrap_err(), error, "{line}");
    }
}

#[test]
fn sas() {
    for line in SAS {
        let mut iv = [0; 16];
        let parsed = SaRow::parse(line, &mut iv);
        if line.contains("_ID2599") {
            assert_eq!(parsed.unwrap_err(), RowError::Xform);
            continue;
        }
        let row = parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(row.to_string(), *line);
    }
}

#[test]
fn sas_of_other_kernels() {
    let mut iv = [0; 16];
    let line = "esp0x100@10.0.0.1 ESP_AES_HMAC_SHA1: dir=in  jiffies=9 life(c,s,h)=bytes(7,0,0) natencap=na \
                refcount=3[1,2,0] ref=5 something=else";
    let row = SaRow::parse(line, &mut iv).unwrap();
    assert!(row.inbound);
    assert_eq!((row.refcount, row.saref, row.life.bytes.count), (3, 5, 7));
    assert_eq!((row.enc, row.auth), (12, 3));
}

#[test]
fn bad_sas() {
    let line = |tail: &str| format!("esp0x100@10.0.0.1 ESP_AES: {tail}");
    for (line, error) in [
        (String::new(), RowError::Shape),
        ("esp0x100@10.0.0.1".to_owned(), RowError::Shape),
        (
            "esp0x100@10.0.0.1 ESP_AES dir=in".to_owned(),
            RowError::Shape,
        ),
        (
            "esp0x100@10.0.0.1 AH_AES: dir=in".to_owned(),
            RowError::Xform,
        ),
        ("nonsense ESP_AES: dir=in".to_owned(), RowError::Said),
        (line("ooowin=4097"), RowError::Number),
        (line("src=10.0.0"), RowError::Addr),
        (line("policy=10.0.0.0/8"), RowError::Addr),
        (line("life(c,s,h)=bytes(1,2)"), RowError::Shape),
        (line("life(c,s,h)=bytes(1,2,3"), RowError::Shape),
        (line("life(c,s,h)=bites(1,2,3)"), RowError::Shape),
        (
            line("iv=0x00112233445566778899aabbccddeeff00"),
            RowError::Number,
        ),
        (line("iv=0xzz"), RowError::Number),
    ] {
        assert_eq!(
            SaRow::parse(&line, &mut [0; 16]).unwrap_err(),
            error,
            "{line}"
        );
    }
}

#[test]
fn groups_devices_version_debug() {
    let line = "tun0x1002@192.168.1.2 comp0xa1@192.168.1.2 esp0x1234@192.168.1.2 \n";
    let members: Result<Vec<Said>, RowError> = SpigrpRow::members_of(line).collect();
    let members = members.unwrap();
    assert_eq!(SpigrpRow { members: &members }.to_string(), line);
    assert_eq!(
        SpigrpRow::members_of("esp0x1").next(),
        Some(Err(RowError::Said))
    );
    for line in [
        "ipsec0 -> eth0 mtu=16260(1500) -> 1500\n",
        "ipsec1 -> NULL mtu=0(0) -> 0\n",
        "ipsec0 -> NULL mtu=16260(0) -> 0\n",
        "ipsec0 -> eth0 mtu=16260(1500) -> 1500 catch\n",
    ] {
        assert_eq!(TncfgRow::parse(line).unwrap().to_string(), line);
    }
    for line in [
        "",
        "ipsec0 -> eth0",
        "ipsec0 -> eth0 16260(1500) -> 1500",
        "ipsec0 -> eth0 mtu=16260(1500) -> 1500 x",
        "ipsec0 -> eth0 mtu=16260(1500) -> 1500 catch x",
    ] {
        assert_eq!(TncfgRow::parse(line).unwrap_err(), RowError::Shape);
    }
    let line = "KLIPS version: 0.1.0\n";
    assert_eq!(VersionRow::parse(line).unwrap().to_string(), line);
    let masks = KlipsdebugRows(DebugMasks {
        esp: u32::MAX,
        tunnel: 0x100,
        ..DebugMasks::default()
    });
    assert_eq!(KlipsdebugRows::parse(&masks.to_string()), Ok(masks));
    assert_eq!(
        KlipsdebugRows::parse("debug_nothing=0.\n"),
        Err(RowError::Shape)
    );
}

/// Whatever a damaged line says, reading it ends, and what was understood prints as something that is understood too.
#[test]
fn damaged_lines() {
    let mut rng = Rng::new(99);
    let mut understood = 0;
    for _ in 0..20_000 {
        let table = if rng.one_in(2) { EROUTES } else { SAS };
        let line = rng.pick(table);
        let mut bytes = line.as_bytes().to_vec();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len().max(1) as u64) as usize;
            match rng.below(3) {
                _ if bytes.is_empty() => {}
                0 => bytes[at] = rng.pick(b"0123456789abcdef:./@->=%[]()x, "),
                1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let damaged = String::from_utf8(bytes).unwrap();
        understood += reads_again(&damaged);
    }
    assert!(understood > 3000, "{understood}");
}

/// What the fuzzer has found.
#[test]
fn groups_of_shunts_print_as_what_reads_the_same() {
    for line in [
        "int00@0::",
        "int0@10.0.0.1 int0@::",
        "int300@0::",
        "%trap6 esp0x1@::1",
    ] {
        reads_again(line);
    }
}
