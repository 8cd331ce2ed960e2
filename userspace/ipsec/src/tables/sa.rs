// SPDX-License-Identifier: GPL-2.0-only

//! A line of the table of SAs.
//!
//! Its fields come and go with the SA and with the version of the module, so they are looked up by name and shown as
//! they are, known algorithms or not.

use klips_core::sa::alg::is_weak;
use klips_core::said::Said;
use klips_core::text::xform_numbers;

use crate::json::Value;

/// The names of the limits, in the line and in JSON.
const LIMITS: [(&str, &str); 5] = [
    ("alloc", "allocations"),
    ("bytes", "bytes"),
    ("addtime", "addtime"),
    ("usetime", "usetime"),
    ("packets", "packets"),
];

/// A line of the table of SAs. Fields that the kernel left out are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaRow<'a> {
    /// Name of the SA.
    pub(crate) said: Said,
    /// Protocol and algorithms: `ESP_AES_HMAC_SHA1`.
    pub(crate) algorithms: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

/// How far an SA has come to one of its limits, and the limits; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Used so far.
    pub(crate) current: u64,
    /// When it should be replaced.
    pub(crate) soft: u64,
    /// When it dies.
    pub(crate) hard: u64,
}

impl<'a> SaRow<'a> {
    /// Reads a line: SAID, algorithms, fields of the form `name=value`.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let said = Said::parse(words.next()?).ok()?;
        let algorithms = words.next()?.strip_suffix(':')?;
        let fields = words.filter_map(|word| word.split_once('=')).collect();
        Some(Self {
            said,
            algorithms,
            fields,
        })
    }

    /// The value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.fields.iter().find(|(field, _)| *field == name)?;
        Some(value)
    }

    /// The number that a field starts with.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let value = self.field(name)?;
        let end = value
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(value.len());
        value.get(..end)?.parse().ok()
    }

    /// One of the lifetimes, by its name in the line.
    pub(crate) fn limit(&self, name: &str) -> Option<Limit> {
        let life = self.field("life(c,s,h)")?;
        let values = life.split(')').find_map(|limit| {
            let (field, values) = limit.split_once('(')?;
            (field == name).then_some(values)
        })?;
        let mut values = values.split(',').map(|value| value.parse().ok());
        Some(Limit {
            current: values.next()??,
            soft: values.next()??,
            hard: values.next()??,
        })
    }

    /// PF_KEY numbers of encryption and authentication.
    pub(crate) fn algorithm_numbers(&self) -> Option<(u8, u8)> {
        xform_numbers(self.said.proto, self.algorithms)
    }

    /// Whether its algorithms are for old peers only.
    pub(crate) fn is_weak(&self) -> bool {
        self.algorithm_numbers()
            .is_some_and(|(enc, auth)| is_weak(self.said.proto, auth, enc))
    }

    /// The fields of ipsec_spi(8). There are no keys in the line, and so none here.
    pub(crate) fn json(&self) -> Value {
        let text = |name| Value::from(self.field(name));
        let number = |name| Value::from(self.number(name));
        let or_zero = |name| Value::from(self.number(name).unwrap_or(0));
        Value::object([
            ("said", Value::text(self.said)),
            ("protocol", self.said.proto.prefix().into()),
            ("spi", self.said.spi.into()),
            ("dst", Value::text(klips_core::addr::Addr(self.said.dst))),
            ("src", text("src")),
            ("direction", text("dir")),
            ("algorithms", self.algorithms.into()),
            ("weak", self.is_weak().into()),
            ("policy", self.policy()),
            ("iv_bits", number("iv_bits")),
            ("iv", text("iv")),
            ("replay_window", or_zero("ooowin")),
            ("replay_errors", or_zero("ooo_errs")),
            ("sequence", or_zero("seq")),
            ("replay_bitmap", text("bit")),
            ("max_sequence_difference", or_zero("max_seq_diff")),
            (
                "flags",
                self.field("flags")
                    .map(|flags| flags.trim_end_matches("<>"))
                    .into(),
            ),
            ("auth_bits", or_zero("alen")),
            ("auth_key_bits", or_zero("aklen")),
            ("auth_errors", or_zero("auth_errs")),
            ("enc_key_bits", or_zero("eklen")),
            ("size_errors", or_zero("encr_size_errs")),
            ("padding_errors", or_zero("encr_pad_errs")),
            ("life", self.life()),
            ("idle", number("idle")),
            ("ratio", text("ratio")),
            ("encapsulation", text("natencap")),
            ("encapsulation_src_port", or_zero("natsport")),
            ("encapsulation_dst_port", or_zero("natdport")),
            ("refcount", or_zero("refcount")),
            ("ref", or_zero("ref")),
            ("ref_him", or_zero("refhim")),
            ("outif", text("outif")),
        ])
    }

    fn policy(&self) -> Value {
        let policy = self
            .field("policy")
            .and_then(|policy| policy.split_once("->"));
        policy
            .map(|(src, dst)| Value::object([("src", src.into()), ("dst", dst.into())]))
            .into()
    }

    fn life(&self) -> Value {
        Value::object(LIMITS.map(|(name, json)| (json, self.limit(name).map(Limit::json).into())))
    }
}

impl Limit {
    fn json(self) -> Value {
        Value::object([
            ("current", self.current.into()),
            ("soft", self.soft.into()),
            ("hard", self.hard.into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klips_core::sa::alg;

    const ESP: &str = "esp0x9abc1234@203.0.113.9 ESP_AES_HMAC_SHA1: dir=in  src=198.51.100.7 iv_bits=128bits \
        iv=0x00112233445566778899aabbccddeeff ooowin=64 seq=200 bit=0xffffffffffffffff max_seq_diff=3 alen=160 aklen=160 \
        eklen=128 life(c,s,h)=bytes(23344,0,0)addtime(812,57600,86400)usetime(800,0,0)packets(200,0,0) idle=2 \
        natencap=nonesp natsport=4500 natdport=4500 refcount=5 ref=7 refhim=8\n";
    const TUN: &str = "tun0x1001@192.1.2.23 IPIP: dir=in  src=192.1.2.45 policy=192.0.1.0/24->192.0.2.0/24 flags=0x8<> \
        life(c,s,h)= natencap=none natsport=0 natdport=0 refcount=4 ref=9 refhim=0\n";

    #[test]
    fn fields_are_found() {
        let sa = SaRow::parse(ESP).unwrap();
        assert_eq!(sa.said.to_string(), "esp0x9abc1234@203.0.113.9");
        assert_eq!(
            (sa.field("dir"), sa.number("iv_bits")),
            (Some("in"), Some(128))
        );
        let addtime = Limit {
            current: 812,
            soft: 57600,
            hard: 86400,
        };
        assert_eq!(
            (sa.limit("addtime"), sa.limit("alloc")),
            (Some(addtime), None)
        );
        assert_eq!(sa.algorithm_numbers(), Some((alg::ENC_AES, alg::AUTH_SHA1)));
        assert!(!sa.is_weak());
        let old = SaRow::parse("esp0x100@10.0.0.1 ESP_3DES_HMAC_MD5: dir=in ").unwrap();
        assert!(old.is_weak());
        assert_eq!(SaRow::parse(TUN).unwrap().algorithm_numbers(), Some((0, 0)));
        assert_eq!(SaRow::parse("esp0x1@10.0.0.1"), None);
    }

    #[test]
    fn fields_by_name() {
        let json = SaRow::parse(TUN).unwrap().json().to_string();
        for part in [
            r#"{"said":"tun0x1001@192.1.2.23","protocol":"tun","spi":4097,"dst":"192.1.2.23","src":"192.1.2.45","direction":"in""#,
            r#""algorithms":"IPIP","weak":false,"policy":{"src":"192.0.1.0/24","dst":"192.0.2.0/24"},"iv_bits":null"#,
            r#""flags":"0x8""#,
            r#""life":{"allocations":null,"bytes":null,"addtime":null,"usetime":null,"packets":null},"idle":null"#,
        ] {
            assert!(json.contains(part), "{part} is not in {json}");
        }
        let json = SaRow::parse(ESP).unwrap().json().to_string();
        assert!(
            json.contains(r#""addtime":{"current":812,"soft":57600,"hard":86400}"#),
            "{json}"
        );
    }
}
