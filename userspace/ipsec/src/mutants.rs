// SPDX-License-Identifier: GPL-2.0-only

//! Damaged input, the same on every run: whatever the parsers make of it, they come to an end without a panic, and what
//! they take they write so that it is read as the same again.

use klips_core::addr::{parse_addr, parse_number, Subnet};
use klips_core::said::Said;

use crate::firewall;
use crate::keytext::{self, KeyKind};
use crate::life::Lives;
use crate::routes;
use crate::tables::{ErouteRow, KnownSas, SaRow, TncfgRow};
use crate::testing::Random;

/// Rounds for each sample.
const ROUNDS: usize = 1000;

/// What stands in such texts, and what does not.
const LETTERS: &[u8] = b"0123456789abcdefxX./:@%-_=,()<>[]# \t\"\xc3\xa9\x80esptunah";

/// Calls `check` with damaged texts.
fn damage(samples: &[&str], check: impl Fn(&str)) {
    for (seed, sample) in (1_u64..).zip(samples) {
        check(sample);
        let mut random = Random::new(seed);
        for _ in 0..ROUNDS {
            let damaged = random.damaged(sample.as_bytes(), LETTERS);
            check(&String::from_utf8_lossy(&damaged));
        }
    }
}

#[test]
fn subnets_and_addresses() {
    let samples = [
        "10.1.0.0/16",
        "10.1/16",
        "0/0",
        "192.0.2.1/255.255.0.255",
        "2001:db8::/32",
        "::ffff:192.0.2.1/128",
    ];
    damage(&samples, |text| {
        for family in [
            None,
            Some(klips_core::addr::Family::V4),
            Some(klips_core::addr::Family::V6),
        ] {
            if let Ok(net) = Subnet::parse(text, family) {
                let again = Subnet::parse(&net.to_string(), Some(net.family()));
                assert_eq!(again, Ok(net), "{text}");
            }
            let _ = parse_addr(text, family);
        }
        let _ = parse_number(text, None);
    });
}

#[test]
fn saids() {
    let samples = [
        "esp0x1001@192.0.2.2",
        "tun.1000@192.0.2.2",
        "ah:1001@2001:db8::2",
        "comp0xa1@10.0.0.1",
        "%trapsubnet",
        "%unk-300",
    ];
    damage(&samples, |text| {
        if let Ok(said) = Said::parse(text) {
            assert_eq!(Said::parse(&said.to_string()), Ok(said), "{text}");
        }
    });
}

#[test]
fn keys_and_lifetimes() {
    damage(&["0x00112233_44556677", "0sAQIDBA==", "0tsecret"], |text| {
        // A file is not a damaged key.
        if text.starts_with('@') {
            return;
        }
        if let Err(why) = keytext::key(text, KeyKind::Encryption) {
            assert!(why.ends_with(" characters, not shown)"), "{why}");
        }
    });
    damage(
        &["soft-bytes=900000,hard-addtime=86400", "hard-packets=7"],
        |text| {
            let _ = Lives::default().add(text);
        },
    );
}

#[test]
fn listings() {
    let known = KnownSas::of("tun0x1000@192.0.2.2 esp0x1001@192.0.2.2 \n");
    let eroutes = [
        "746        192.168.2.110/32   -> 192.168.2.120/32:25 => esp0x130@192.168.2.120:6",
        "0          2001:db8:1::/64    -> [2001:db8:2::/64]:25 => %pass:6",
    ];
    damage(&eroutes, |line| {
        if let Some(row) = ErouteRow::parse(line, &known) {
            let _ = row.json().to_string();
        }
        let _ = KnownSas::of(line);
    });
    let sas = [
        "esp0x1001@192.0.2.2 ESP_AES_HMAC_SHA1: dir=in  src=192.0.2.1 iv_bits=128bits iv=0x00112233445566778899aabbccddeeff \
         ooowin=64 seq=200 bit=0xff max_seq_diff=3 alen=160 life(c,s,h)=bytes(23344,0,0)addtime(812,5,9) idle=2 \
         natencap=nonesp natsport=4500 natdport=4500 refcount=5 ref=7 refhim=8",
        "tun0x1000@192.0.2.2 IPIP: dir=in  src=192.0.2.1 policy=10.2.0.0/24->10.1.0.0/24 flags=0x8<> life(c,s,h)= ref=3",
    ];
    damage(&sas, |line| {
        if let Some(row) = SaRow::parse(line) {
            let _ = row.json().to_string();
        }
    });
    damage(&["ipsec0 -> eth0 mtu=16260(1500) -> 1500"], |line| {
        if let Some(row) = TncfgRow::parse(line) {
            let _ = row.json().to_string();
        }
    });
}

#[test]
fn what_other_programs_print() {
    let rules = [
        "table inet filter {\n\tchain forward {\n\t\tiifname \"ipsec0\" counter packets 6 bytes 504 accept\n\t}\n}\n",
        "*filter\n[6:504] -A FORWARD -i ipsec+ -j ACCEPT\n[0:0] -A INPUT -p esp\nCOMMIT\n",
    ];
    damage(&rules, firewall::read_anything);
    let route = "Iface\tDestination\neth1\t0000020A\t00000000\t0003\t0\t0\t50\t0000FFFF\t0\t0\t0\n";
    damage(&[route], |text| drop(routes::read_anything(text)));
}
