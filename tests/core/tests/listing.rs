// SPDX-License-Identifier: GPL-2.0-only

//! The `/proc` listings, byte for byte.

use klips_core::addr::Net;
use klips_core::eroute::{Key, Selector};
use klips_core::sa::{Lifetime, Lifetimes, Window};
use klips_core::text::{ErouteRow, NatEncap, SaRow, SpigrpRow, TncfgRow, VersionRow};
use klips_core_tests::{addr, said, selector, subnet};

fn eroute(count: u64, selector: Selector, to: &str) -> String {
    ErouteRow {
        count,
        selector,
        said: said(to),
    }
    .to_string()
}

#[test]
fn eroutes_over_ipv4() {
    for (row, line) in [
        (
            eroute(12, selector("192.0.2.0/24", "198.51.100.0/24", 0, 0, 0), "tun0x12345678@203.0.113.45"),
            "12         192.0.2.0/24       -> 198.51.100.0/24    => tun0x12345678@203.0.113.45\n",
        ),
        (
            eroute(0, selector("0.0.0.0/0", "0.0.0.0/0", 0, 0, 0), "%trap"),
            "0          0.0.0.0/0          -> 0.0.0.0/0          => %trap\n",
        ),
        (
            eroute(9, selector("192.0.2.1/32", "198.51.100.1/32", 0, 0, 0), "%hold"),
            "9          192.0.2.1/32       -> 198.51.100.1/32    => %hold\n",
        ),
        (
            eroute(746, selector("192.168.2.110/32", "192.168.2.120/32", 6, 0, 25), "esp0x130@192.168.2.120"),
            "746        192.168.2.110/32   -> 192.168.2.120/32:25 => esp0x130@192.168.2.120:6\n",
        ),
        (
            eroute(0, selector("192.168.2.110/32", "192.168.2.120/32", 17, 1701, 1701), "esp0x2f1a@192.168.2.120"),
            "0          192.168.2.110/32:1701 -> 192.168.2.120/32:1701 => esp0x2f1a@192.168.2.120:17\n",
        ),
        (
            eroute(u64::from(u32::MAX) + 1, selector("10.1.0.0/16", "10.2.0.0/16", 0, 0, 0), "%drop"),
            "4294967296 10.1.0.0/16        -> 10.2.0.0/16        => %drop\n",
        ),
        (
            eroute(1, selector("10.1.0.0/16", "10.2.0.0/16", 6, 0, 0), "%trap"),
            "1          10.1.0.0/16        -> 10.2.0.0/16        => %trap:6\n",
        ),
    ] {
        assert_eq!(row, line);
    }
}

#[test]
fn eroutes_over_ipv6() {
    for (row, line) in [
        (
            eroute(
                125,
                selector("3049:1::/64", "::/0", 0, 0, 0),
                "tun0x130@3058:4::5",
            ),
            "125        3049:1::/64        -> ::/0               => tun0x130@3058:4::5\n",
        ),
        (
            eroute(
                0,
                selector("2001:db8:1::/64", "2001:db8:2::/64", 0, 0, 0),
                "%trap",
            ),
            "0          2001:db8:1::/64    -> 2001:db8:2::/64    => %trap\n",
        ),
        (
            eroute(
                3,
                selector("2001:db8::/64", "2001:db8:2::9/128", 17, 500, 0),
                "%pass",
            ),
            "3          [2001:db8::/64]:500 -> 2001:db8:2::9/128  => %pass:17\n",
        ),
        (
            eroute(
                3,
                selector("::/0", "2001:db8::/64", 6, 0, 80),
                "esp0x200@2001:db8::9",
            ),
            "3          ::/0               -> [2001:db8::/64]:80 => esp0x200@2001:db8::9:6\n",
        ),
    ] {
        assert_eq!(row, line);
    }
}

#[test]
fn eroutes_with_host_bits_and_holes() {
    let key = Key::new(&addr("10.1.2.3"), &addr("10.0.0.0"), 0, 0, 0).unwrap();
    let mask = Key::new(&addr("255.255.0.0"), &addr("255.0.255.0"), 0, 0, 0).unwrap();
    assert_eq!(
        eroute(0, Selector::new(key, mask).unwrap(), "%drop"),
        "0          10.1.2.3/16        -> 10.0.0.0/255.0.255.0 => %drop\n"
    );
}

/// Lifetimes of an SA that was added 26 and used 13 seconds before second 1000.
fn used(bytes: u64, packets: u64) -> Lifetimes {
    let counted = |count| Lifetime {
        count,
        ..Lifetime::default()
    };
    Lifetimes {
        bytes: counted(bytes),
        usetime: counted(974),
        packets: counted(packets),
        last_used: 987,
        ..Lifetimes::added(974)
    }
}

fn sent(size: u16, packets: u32) -> Window {
    let mut window = Window::new(size).unwrap();
    for _ in 0..packets {
        window.take().unwrap();
    }
    window
}

fn received(size: u16, packets: impl IntoIterator<Item = u64>) -> Window {
    let mut window = Window::new(size).unwrap();
    for seq in packets {
        window.advance(seq).unwrap();
    }
    window
}

#[test]
fn outbound_esp() {
    let row = SaRow {
        said: said("esp0x12345678@203.0.113.45"),
        enc: 3,
        auth: 2,
        src: Some(addr("203.0.113.23")),
        iv: &[0xde, 0xad, 0xf0, 0x0d, 0xde, 0xad, 0xf0, 0x0d],
        window: sent(64, 8),
        auth_bits: 128,
        auth_key_bits: 128,
        enc_key_bits: 192,
        life: used(1088, 8),
        now: 1000,
        refcount: 4,
        saref: 15,
        ..SaRow::default()
    };
    assert_eq!(
        row.to_string(),
        "esp0x12345678@203.0.113.45 ESP_3DES_HMAC_MD5: dir=out src=203.0.113.23 iv_bits=64bits iv=0xdeadf00ddeadf00d \
         ooowin=64 seq=8 alen=128 aklen=128 eklen=192 life(c,s,h)=bytes(1088,0,0)addtime(26,0,0)usetime(26,0,0)\
         packets(8,0,0) idle=13 natencap=none natsport=0 natdport=0 refcount=4 ref=15 refhim=0\n"
    );
}

#[test]
fn inbound_esp_with_everything() {
    let iv = [
        0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    ];
    let row = SaRow {
        said: said("esp0x9abc1234@203.0.113.9"),
        enc: 12,
        auth: 3,
        inbound: true,
        src: Some(addr("198.51.100.7")),
        iv: &iv,
        window: received(64, (1..=132).chain(136..=203)),
        ooo_errs: 2,
        flags: 0x3,
        auth_bits: 160,
        auth_key_bits: 160,
        auth_errs: 5,
        enc_key_bits: 128,
        encr_size_errs: 6,
        encr_pad_errs: 7,
        life: used(23344, 200),
        now: 1000,
        natencap: NatEncap::NonEsp,
        natsport: 4500,
        natdport: 4500,
        refcount: 5,
        saref: 7,
        refhim: 8,
        ..SaRow::default()
    };
    assert_eq!(
        row.to_string(),
        "esp0x9abc1234@203.0.113.9 ESP_AES_HMAC_SHA1: dir=in  src=198.51.100.7 iv_bits=128bits \
         iv=0x00112233445566778899aabbccddeeff ooowin=64 ooo_errs=2 seq=203 bit=0xffffffffffffffff max_seq_diff=3 \
         flags=0x2<> alen=160 aklen=160 auth_errs=5 eklen=128 encr_size_errs=6 encr_pad_errs=7 \
         life(c,s,h)=bytes(23344,0,0)addtime(26,0,0)usetime(26,0,0)packets(200,0,0) idle=13 \
         natencap=nonesp natsport=4500 natdport=4500 refcount=5 ref=7 refhim=8\n"
    );
}

#[test]
fn inbound_tunnel_with_policy() {
    let row = SaRow {
        said: said("tun0x1001@203.0.113.23"),
        inbound: true,
        src: Some(addr("203.0.113.45")),
        policy: Some((
            Net::from(subnet("10.1.0.0/24")),
            Net::from(subnet("10.2.0.0/24")),
        )),
        // No algorithm, so neither window nor sequence shows.
        window: received(64, [1, 2]),
        flags: 0x9,
        life: Lifetimes::added(994),
        now: 1000,
        refcount: 4,
        saref: 9,
        ..SaRow::default()
    };
    assert_eq!(
        row.to_string(),
        "tun0x1001@203.0.113.23 IPIP: dir=in  src=203.0.113.45 policy=10.1.0.0/24->10.2.0.0/24 flags=0x8<> \
         life(c,s,h)=addtime(6,0,0) natencap=none natsport=0 natdport=0 refcount=4 ref=9 refhim=0\n"
    );
}

#[test]
fn fresh_ah_and_comp() {
    let ah = SaRow {
        said: said("ah0x91234567@203.0.113.45"),
        auth: 2,
        src: Some(addr("203.0.113.23")),
        window: sent(64, 0),
        auth_bits: 128,
        auth_key_bits: 128,
        life: Lifetimes::added(997),
        now: 1000,
        refcount: 3,
        saref: 4,
        ..SaRow::default()
    };
    assert_eq!(
        ah.to_string(),
        "ah0x91234567@203.0.113.45 AH_HMAC_MD5: dir=out src=203.0.113.23 ooowin=64 alen=128 aklen=128 \
         life(c,s,h)=addtime(3,0,0) natencap=none natsport=0 natdport=0 refcount=3 ref=4 refhim=0\n"
    );
    // Nothing to say between the equals sign and the next blank; the clock has not moved from zero.
    let comp = SaRow {
        said: said("comp0x5678@203.0.113.45"),
        enc: 2,
        src: Some(addr("203.0.113.23")),
        life: Lifetimes::added(1),
        now: 1,
        refcount: 4,
        saref: 1,
        ..SaRow::default()
    };
    assert_eq!(
        comp.to_string(),
        "comp0x5678@203.0.113.45 COMP_DEFLATE: dir=out src=203.0.113.23 life(c,s,h)= natencap=none natsport=0 \
         natdport=0 refcount=4 ref=1 refhim=0\n"
    );
    let ratio = SaRow {
        ratio: (300, 200),
        ..comp
    };
    assert!(ratio
        .to_string()
        .contains(" life(c,s,h)= ratio=300:200 natencap=none "));
}

#[test]
fn tunnel_over_ipv6() {
    let mut life = used(520, 5);
    life.addtime.count = 991;
    life.usetime.count = 996;
    life.last_used = 999;
    let row = SaRow {
        said: said("tun0x1002@2001:db8::2"),
        src: Some(addr("2001:db8::1")),
        life,
        now: 1000,
        refcount: 4,
        saref: 12,
        ..SaRow::default()
    };
    assert_eq!(
        row.to_string(),
        "tun0x1002@2001:db8::2 IPIP: dir=out src=2001:db8::1 life(c,s,h)=bytes(520,0,0)addtime(9,0,0)usetime(4,0,0)\
         packets(5,0,0) idle=1 natencap=none natsport=0 natdport=0 refcount=4 ref=12 refhim=0\n"
    );
}

#[test]
fn bound_to_a_device_and_debugged() {
    let row = SaRow {
        said: said("esp0x200@10.0.0.1"),
        outif: Some(("eth1", true)),
        reftable: Some((0, 7)),
        saref: 7,
        ..SaRow::default()
    };
    let line = row.to_string();
    assert!(line.ends_with(" ref=7 refhim=0 outif=eth1:1 reftable=0 refentry=7\n"));
}

#[test]
fn limits_and_cipher_without_authentication() {
    let mut life = used(408, 3);
    life.alloc.hard = 2;
    (life.bytes.soft, life.bytes.hard) = (900_000, 1_000_000);
    (life.addtime.soft, life.addtime.hard) = (57600, 86400);
    let row = SaRow {
        said: said("esp0x4321@192.0.2.9"),
        enc: 12,
        src: Some(addr("192.0.2.1")),
        window: sent(32, 3),
        enc_key_bits: 256,
        life,
        now: 1000,
        ..SaRow::default()
    };
    assert_eq!(
        row.to_string(),
        "esp0x4321@192.0.2.9 ESP_AES: dir=out src=192.0.2.1 ooowin=32 seq=3 eklen=256 life(c,s,h)=alloc(1,0,2)\
         bytes(408,900000,1000000)addtime(26,57600,86400)usetime(26,0,0)packets(3,0,0) idle=13 natencap=none \
         natsport=0 natdport=0 refcount=0 ref=0 refhim=0\n"
    );
}

#[test]
fn names_of_transforms() {
    let name = |to: &str, enc, auth| {
        let line = SaRow {
            said: said(to),
            enc,
            auth,
            ..SaRow::default()
        }
        .to_string();
        line.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(name("esp0x100@10.0.0.1", 12, 5), "ESP_AES_HMAC_SHA2_256:");
    assert_eq!(name("esp0x100@10.0.0.1", 20, 0), "ESP_AES_GCM_16:");
    assert_eq!(name("esp0x100@10.0.0.1", 11, 7), "ESP_NULL_HMAC_SHA2_512:");
    assert_eq!(
        name("esp0x100@10.0.0.1", 252, 6),
        "ESP_SERPENT_HMAC_SHA2_384:"
    );
    assert_eq!(name("esp0x100@10.0.0.1", 7, 9), "ESP_ID7_ID9:");
    assert_eq!(name("comp0x100@10.0.0.1", 0, 0), "COMP_NONE:");
    assert_eq!(name("comp0x100@10.0.0.1", 3, 0), "COMP_LZS:");
    assert_eq!(name("comp0x100@10.0.0.1", 12, 0), "COMP_UNKNOWN_comp:");
    assert_eq!(name("int0x200@0.0.0.0", 0, 0), "UNKNOWN_proto:");
}

#[test]
fn groups() {
    let group = [
        said("tun0x1002@192.168.1.2"),
        said("comp0xa1@192.168.1.2"),
        said("esp0x1234@192.168.1.2"),
    ];
    let line = |members| SpigrpRow { members }.to_string();
    assert_eq!(
        line(&group),
        "tun0x1002@192.168.1.2 comp0xa1@192.168.1.2 esp0x1234@192.168.1.2 \n"
    );
    assert_eq!(line(&group[2..]), "esp0x1234@192.168.1.2 \n");
}

#[test]
fn devices_and_version() {
    let line = |name, mtu, remembered_mtu, physical| {
        TncfgRow {
            name,
            mtu,
            remembered_mtu,
            physical,
            catches: false,
        }
        .to_string()
    };
    assert_eq!(
        line("ipsec0", 16260, 1500, Some(("eth0", 1500))),
        "ipsec0 -> eth0 mtu=16260(1500) -> 1500\n"
    );
    assert_eq!(line("ipsec1", 0, 0, None), "ipsec1 -> NULL mtu=0(0) -> 0\n");
    assert_eq!(
        line("ipsec0", 16260, 0, None),
        "ipsec0 -> NULL mtu=16260(0) -> 0\n"
    );
    assert_eq!(
        line("ipsec2", 1400, 1492, Some(("ppp0", 1492))),
        "ipsec2 -> ppp0 mtu=1400(1492) -> 1492\n"
    );
    let version = VersionRow {
        product: "KLIPS",
        version: "0.1.0",
    }
    .to_string();
    assert_eq!(version, "KLIPS version: 0.1.0\n");
    assert_eq!(version.split_whitespace().last(), Some("0.1.0"));
}
