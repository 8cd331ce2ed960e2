// SPDX-License-Identifier: GPL-2.0-only

//! Listings read back: what is printed again is what was read.

use klips_core::pfkey::ext::DebugMasks;
use klips_core::said::Said;
use klips_core::text::{
    ErouteRow, KlipsdebugRows, RowError, SaRow, SpigrpRow, TncfgRow, VersionRow,
};
use klips_core_tests::{said, Rng};

const EROUTES: &[&str] = &[
    "12         192.0.2.0/24       -> 198.51.100.0/24    => tun0x12345678@203.0.113.45\n",
    "0          0.0.0.0/0          -> 0.0.0.0/0          => %trap\n",
    "9          192.0.2.1/32       -> 198.51.100.1/32    => %hold\n",
    "746        192.168.2.110/32   -> 192.168.2.120/32:25 => esp0x130@192.168.2.120:6\n",
    "0          192.168.2.110/32:1701 -> 192.168.2.120/32:1701 => esp0x2f1a@192.168.2.120:17\n",
    "4294967296 10.1.0.0/16        -> 10.2.0.0/16        => %drop\n",
    "1          10.1.0.0/16        -> 10.2.0.0/16        => %trap:6\n",
    "1          10.1.2.3/16        -> 10.0.0.0/255.0.255.0 => %unk-300:6\n",
    "1          10.1.2.3/16        -> 10.0.0.0/255.0.255.0:80 => %unk-300\n",
    "125        3049:1::/64        -> ::/0               => tun0x130@3058:4::5\n",
    "3          [2001:db8::/64]:500 -> 2001:db8:2::9/128  => %pass:17\n",
    "3          ::/0               -> [2001:db8::/64]:80 => esp0x200@2001:db8::9:6\n",
    "3          ::/ff02::1         -> [::/ff02::1]:80    => esp0x200@1:2:3:4:5:6:7:8:6\n",
    "3          ::/0               -> ::/0               => esp0x200@1:2:3:4:5:6:7:8:6\n",
];

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

const SAS: &[&str] = &[
    "esp0x12345678@203.0.113.45 ESP_3DES_HMAC_MD5: dir=out src=203.0.113.23 iv_bits=64bits iv=0xdeadf00ddeadf00d \
     ooowin=64 seq=8 alen=128 aklen=128 eklen=192 life(c,s,h)=bytes(1088,0,0)addtime(26,0,0)usetime(26,0,0)\
     packets(8,0,0) idle=13 natencap=none natsport=0 natdport=0 refcount=4 ref=15 refhim=0\n",
    "esp0x9abc1234@203.0.113.9 ESP_AES_HMAC_SHA1: dir=in  src=198.51.100.7 iv_bits=128bits \
     iv=0x00112233445566778899aabbccddeeff ooowin=64 ooo_errs=2 seq=203 bit=0xffffffffffffffff max_seq_diff=3 \
     flags=0x2<> alen=160 aklen=160 auth_errs=5 eklen=128 encr_size_errs=6 encr_pad_errs=7 \
     life(c,s,h)=bytes(23344,0,0)addtime(0,0,0)usetime(0,0,0)packets(200,0,0) idle=0 \
     natencap=nonesp natsport=4500 natdport=4500 refcount=5 ref=7 refhim=8\n",
    "tun0x1001@203.0.113.23 IPIP: dir=in  src=203.0.113.45 policy=10.1.0.0/24->10.2.0.0/24 flags=0x8<> \
     life(c,s,h)=addtime(6,0,0) natencap=none natsport=0 natdport=0 refcount=4 ref=9 refhim=0\n",
    "tun0x1001@2001:db8::1 IPIP: dir=in  src=2001:db8::2 policy=::/0->2001:db8:7::/48 flags=0x8<> \
     life(c,s,h)=usetime(0,5,9) natencap=none natsport=0 natdport=0 refcount=4 ref=9 refhim=0\n",
    "comp0x5678@203.0.113.45 COMP_DEFLATE: dir=out src=203.0.113.23 life(c,s,h)= ratio=300:200 natencap=nonike \
     natsport=0 natdport=0 refcount=4 ref=1 refhim=0\n",
    "esp0x4321@192.0.2.9 ESP_AES_GCM_16: dir=out src=192.0.2.1 ooowin=4096 seq=3 eklen=256 life(c,s,h)=alloc(1,0,2)\
     bytes(408,900000,1000000)addtime(26,57600,86400)usetime(26,0,0)packets(3,0,0) idle=13 natencap=unknown \
     natsport=0 natdport=0 refcount=0 ref=0 refhim=0 outif=eth1:1 reftable=0 refentry=7\n",
    "ah0x100@10.0.0.1 AH_HMAC_SHA2_256: dir=out life(c,s,h)= natencap=none natsport=0 natdport=0 refcount=0 ref=0 \
     refhim=0\n",
    "esp0x100@10.0.0.1 ESP_ID25_ID2599: dir=out life(c,s,h)= natencap=none natsport=0 natdport=0 refcount=0 ref=0 \
     refhim=0\n",
    "esp0x100@10.0.0.1 ESP_ID7_ID99: dir=out life(c,s,h)= natencap=none natsport=0 natdport=0 refcount=0 ref=0 \
     refhim=0\n",
];

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
        if let Ok(row) = ErouteRow::parse(&damaged) {
            understood += 1;
            let again = row.to_string();
            assert_eq!(ErouteRow::parse(&again).unwrap().to_string(), again);
        }
        let mut iv = [0; 16];
        if let Ok(row) = SaRow::parse(&damaged, &mut iv) {
            understood += 1;
            let again = row.to_string();
            let mut iv = [0; 16];
            assert_eq!(SaRow::parse(&again, &mut iv).unwrap().to_string(), again);
        }
    }
    assert!(understood > 3000, "{understood}");
}
