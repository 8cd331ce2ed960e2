// SPDX-License-Identifier: GPL-2.0-only

//! Lines of listings, and what must be true of any line.

use klips_core::said::SaProto;
use klips_core::text::{ErouteRow, KlipsdebugRows, SaRow, SpigrpRow, TncfgRow, VersionRow};

/// Of the eroutes.
pub const EROUTES: &[&str] = &[
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

/// Of the SAs.
pub const SAS: &[&str] = &[
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

/// Reads a line, whatever is in it. What was understood prints as something that is understood too. How many listings it
/// may be of.
pub fn reads_again(line: &str) -> usize {
    let mut understood = 0;
    if let Ok(row) = ErouteRow::parse(line) {
        understood += 1;
        let again = row.to_string();
        // A protocol behind an IPv6 address may look like the end of it: the SAID that there is decides.
        let read = ErouteRow::parse_with(&again, |said| *said == row.said);
        assert_eq!(read.unwrap().to_string(), again);
    }
    let mut iv = [0; 16];
    if let Ok(row) = SaRow::parse(line, &mut iv) {
        understood += 1;
        let again = row.to_string();
        let mut iv = [0; 16];
        assert_eq!(SaRow::parse(&again, &mut iv).unwrap().to_string(), again);
    }
    if let Ok(row) = TncfgRow::parse(line) {
        understood += 1;
        let again = row.to_string();
        assert_eq!(TncfgRow::parse(&again).unwrap().to_string(), again);
    }
    if let Ok(row) = VersionRow::parse(line) {
        understood += 1;
        let again = row.to_string();
        assert_eq!(VersionRow::parse(&again).unwrap().to_string(), again);
    }
    if let Ok(rows) = KlipsdebugRows::parse(line) {
        understood += 1;
        assert_eq!(KlipsdebugRows::parse(&rows.to_string()), Ok(rows));
    }
    if let Ok(members) = SpigrpRow::members_of(line).collect::<Result<Vec<_>, _>>() {
        understood += 1;
        let again = SpigrpRow { members: &members }.to_string();
        let read: Result<Vec<_>, _> = SpigrpRow::members_of(&again).collect();
        // No SA is in a group that stands for a shunt: of such a SAID the text has no address, and maybe no name.
        match read {
            Ok(read) => assert_eq!(SpigrpRow { members: &read }.to_string(), again),
            Err(_) => assert!(members.iter().any(|said| said.proto == SaProto::Int)),
        }
    }
    understood
}
