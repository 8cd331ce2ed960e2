// SPDX-License-Identifier: GPL-2.0-only

//! The packet filter's rules that are about IPsec, asked of nft(8) or, where that is not there, of iptables-save(8).

use std::fmt;
use std::process::{Command, Stdio};

use crate::json::Value;

/// The programs that know the rules; the first one that answers counts for its family.
const NFT: &[&str] = &["nft", "-t", "list", "ruleset"];
const IPTABLES: [(&str, &[&str]); 2] = [
    ("ip", &["iptables-save", "-c"]),
    ("ip6", &["ip6tables-save", "-c"]),
];

/// Where such programs are, though a user's path may not lead there.
const SBIN: &str = "/usr/sbin";

/// The chains that start scripts of KLIPS fill, in the table `mangle`.
pub(crate) const CHAINS: [&str; 2] = ["IPSEC", "NEW_IPSEC_CONN"];

/// Protocols of IPsec by name and number, and the ports of IKE.
const PROTOCOLS: [&str; 4] = ["esp", "ah", "50", "51"];
const PORTS: [&str; 4] = ["500", "4500", "isakmp", "ipsec-nat-t"];

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `ip`, `ip6`, `inet` and so on.
    pub(crate) family: String,
    pub(crate) table: String,
    pub(crate) chain: String,
    /// The rule as the program prints it.
    pub(crate) text: String,
}

/// The rules about IPsec; none if no program tells them.
pub(crate) fn load(devices: &[&str]) -> Vec<Rule> {
    let mut rules = match run(NFT) {
        Some(text) => parse_nft(&text),
        None => {
            let texts = IPTABLES.into_iter().filter_map(|(family, command)| {
                let rules = parse_iptables(family, &run(command)?);
                Some(rules)
            });
            texts.flatten().collect()
        }
    };
    rules.retain(|rule| rule.is_ours(devices));
    rules
}

/// What a program prints, if it can be run and succeeds.
fn run(command: &[&str]) -> Option<String> {
    let (name, args) = command.split_first()?;
    let attempt = |program: &str| {
        Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
    };
    let output = attempt(name)
        .or_else(|_| attempt(&format!("{SBIN}/{name}")))
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads `nft list ruleset`: tables, chains in them, rules in these.
fn parse_nft(text: &str) -> Vec<Rule> {
    let (mut table, mut chain, mut rules) = (None, None::<&str>, Vec::new());
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), table, chain) {
            (["table", family, name, "{"], ..) => table = Some((*family, *name)),
            (["chain", name, "{"], ..) => chain = Some(*name),
            // Sets and maps: what is in them is no rule.
            ([.., "{"], _, None) => chain = Some(""),
            (["}"], _, Some(_)) => chain = None,
            (["}"], ..) => table = None,
            ([] | ["type", ..], ..) | (_, _, None | Some("")) => {}
            (_, Some((family, name)), Some(chain)) => rules.push(Rule {
                family: family.to_owned(),
                table: name.to_owned(),
                chain: chain.to_owned(),
                text: line.to_owned(),
            }),
            _ => {}
        }
    }
    rules
}

/// Reads `iptables-save -c`: `*TABLE`, then rules as `[PACKETS:BYTES] -A CHAIN ...`.
fn parse_iptables(family: &str, text: &str) -> Vec<Rule> {
    let (mut table, mut rules) = ("", Vec::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        }
        let Some((counts, rule)) = line.split_once(" -A ") else {
            continue;
        };
        let (chain, rest) = rule.split_once(' ').unwrap_or((rule, ""));
        rules.push(Rule {
            family: family.to_owned(),
            table: table.to_owned(),
            chain: chain.to_owned(),
            text: format!("{counts} {rest}").trim_end().to_owned(),
        });
    }
    rules
}

impl Rule {
    /// Whether the rule names one of the devices, IPsec's protocols or IKE's ports, or is in a chain of KLIPS.
    fn is_ours(&self, devices: &[&str]) -> bool {
        if CHAINS.contains(&self.chain.as_str()) {
            return true;
        }
        let words = self.text.split([' ', ',', '{', '}']).map(unquoted);
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let names_a_device = |word: &&str| match word.strip_suffix(['*', '+']) {
            Some(start) => !start.is_empty() && devices.iter().any(|name| name.starts_with(start)),
            None => devices.contains(word),
        };
        let about_protocols = words.windows(2).any(|pair| match *pair {
            ["-p" | "protocol" | "l4proto" | "nexthdr", value] => PROTOCOLS.contains(&value),
            ["--dport" | "--sport" | "dport" | "sport", value] => PORTS.contains(&value),
            ["esp" | "ah", "spi"] => true,
            _ => false,
        });
        about_protocols || words.iter().any(names_a_device)
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        Value::object([
            ("family", self.family.as_str().into()),
            ("table", self.table.as_str().into()),
            ("chain", self.chain.as_str().into()),
            ("rule", self.text.as_str().into()),
        ])
    }
}

/// Where the rule is.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.chain)
    }
}

fn unquoted(word: &str) -> &str {
    word.trim_matches('"')
}

/// Reads a text as the output of every program.
#[cfg(test)]
pub(crate) fn read_anything(text: &str) {
    let rules = [parse_nft(text), parse_iptables("ip", text)].concat();
    for rule in rules {
        let _ = (rule.is_ours(&["ipsec0"]), rule.json().to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NFT_TEXT: &str = "table inet filter {\n\tset hosts {\n\t\ttype ipv4_addr\n\t}\n\tchain forward {\n\
        \t\ttype filter hook forward priority filter; policy drop;\n\
        \t\tiifname \"ipsec0\" counter packets 6 bytes 504 accept\n\t\toifname \"eth*\" accept\n\
        \t\tmeta l4proto { tcp, udp } accept\n\t\tmeta l4proto esp accept\n\t\tudp dport 4500 accept\n\t}\n}\n\
        table ip mangle {\n\tchain IPSEC {\n\t\tcounter packets 1 bytes 84 meta mark set 0x10\n\t}\n}\n";

    fn ours(rules: Vec<Rule>) -> Vec<String> {
        let rules = rules.iter().filter(|rule| rule.is_ours(&["ipsec0"]));
        rules.map(|rule| format!("{rule}: {}", rule.text)).collect()
    }

    #[test]
    fn rules_of_nft() {
        let want = [
            "inet filter forward: iifname \"ipsec0\" counter packets 6 bytes 504 accept",
            "inet filter forward: meta l4proto esp accept",
            "inet filter forward: udp dport 4500 accept",
            "ip mangle IPSEC: counter packets 1 bytes 84 meta mark set 0x10",
        ];
        assert_eq!(ours(parse_nft(NFT_TEXT)), want);
    }

    #[test]
    fn rules_of_iptables() {
        let text = "*mangle\n:PREROUTING ACCEPT [1:84]\n:IPSEC - [0:0]\n[1:84] -A IPSEC -j MARK --set-xmark 0x10/0xff\nCOMMIT\n\
            *filter\n[6:504] -A FORWARD -i ipsec+ -j ACCEPT\n[0:0] -A FORWARD -i eth0 -j DROP\n[2:99] -A INPUT -p esp -j ACCEPT\nCOMMIT\n";
        let want = [
            "ip mangle IPSEC: [1:84] -j MARK --set-xmark 0x10/0xff",
            "ip filter FORWARD: [6:504] -i ipsec+ -j ACCEPT",
            "ip filter INPUT: [2:99] -p esp -j ACCEPT",
        ];
        assert_eq!(ours(parse_iptables("ip", text)), want);
    }
}
