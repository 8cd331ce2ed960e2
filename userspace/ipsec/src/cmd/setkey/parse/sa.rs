// SPDX-License-Identifier: GPL-2.0-only

//! Commands about SAs: `add`, `update`, `getspi`, `get`, `delete`, `deleteall`, and the protocols of all others.

use std::net::IpAddr;

use klips_core::pfkey::linux::{Mode, SaType};

use super::address::{pairs, Written};
use super::{Parser, Wrong};
use crate::cmd::setkey::algorithms::{Algorithm, CIPHERS, COMPRESSIONS, HASHES};
use crate::cmd::setkey::statement::{Command, Context, Ends, SaSpec, SaVerb};
use crate::cmd::setkey::token::Place;

/// The protocol of a command.
struct Protocol {
    satype: SaType,
    in_udp: bool,
}

impl Parser<'_, '_> {
    /// `add`, `update`, `getspi`, `get` and `delete`.
    pub(super) fn sa_command(&mut self, name: &str) -> Result<Command, Wrong> {
        let ends = self.ends()?;
        let (place, protocol) = self.protocol()?;
        let making = !matches!(name, "get" | "delete");
        let mut spec = SaSpec::new(protocol.satype, 0);
        spec.in_udp = protocol.in_udp;
        spec.original = self.original(&protocol)?;
        let verb = match name {
            "getspi" => SaVerb::GetSpi(self.spi_range(spec.satype)?),
            name => {
                spec.spi = self.spi(spec.satype, making)?;
                match name {
                    "add" => SaVerb::Add,
                    "update" => SaVerb::Update,
                    "get" => SaVerb::Get,
                    _ => SaVerb::Delete,
                }
            }
        };
        self.extensions(&mut spec)?;
        let aead = self.algorithms(&mut spec)?;
        match verb {
            SaVerb::Add | SaVerb::Update => {
                check(&spec, aead).map_err(|why| Wrong::at(place, why))?
            }
            // What KAME's grammar has there, and nobody looks at.
            SaVerb::GetSpi(_) | SaVerb::Get | SaVerb::Delete => {}
        }
        Ok(Command::Sa(verb, ends, Box::new(spec)))
    }

    /// `deleteall`.
    pub(super) fn delete_all(&mut self) -> Result<Command, Wrong> {
        let ends = self.ends()?;
        let (_, protocol) = self.protocol()?;
        self.original(&protocol)?;
        Ok(Command::DeleteAll(ends, protocol.satype))
    }

    /// The protocol of `flush` and `dump`; none is all.
    pub(super) fn optional_satype(&mut self) -> Result<Option<SaType>, Wrong> {
        match self.peek() {
            Some(_) if self.takes("any") => Ok(None),
            Some(_) => self.protocol().map(|(_, protocol)| Some(protocol.satype)),
            None => Ok(None),
        }
    }

    /// Source and destination.
    fn ends(&mut self) -> Result<Vec<Ends>, Wrong> {
        let limits = self.limits()?;
        let mut end = |what| {
            let (place, text) = self.address_text(what)?;
            let told = |why| Wrong::at(place, why);
            let written = Written::parse(&text).map_err(told)?;
            let addrs = self.resolve(&written, limits).map_err(told)?;
            for addr in &addrs {
                let bits = if addr.is_ipv4() { 32 } else { 128 };
                if written.prefix_len(*addr).map_err(told)? != bits {
                    return Err(told("an SA is between addresses, not networks".to_owned()));
                }
            }
            let port = written.port().map_err(told)?;
            Ok((place, addrs, port))
        };
        let (_, sources, sport) = end("the source")?;
        let (place, destinations, dport) = end("the destination")?;
        let pairs = pairs(&sources, &destinations, |addr: &IpAddr| *addr);
        let pairs = pairs.map_err(|why| Wrong::at(place, why))?;
        let ends = |(src, dst)| Ends {
            src,
            sport,
            dst,
            dport,
        };
        Ok(pairs.into_iter().map(ends).collect())
    }

    fn protocol(&mut self) -> Result<(Place, Protocol), Wrong> {
        let (place, word) = self.word("the protocol")?;
        let (satype, in_udp) = match word {
            "esp" => (SaType::Esp, false),
            "esp-udp" => (SaType::Esp, true),
            "ah" => (SaType::Ah, false),
            "ipcomp" => (SaType::IpComp, false),
            _ => return Err(Wrong::at(place, not_a_protocol(word))),
        };
        Ok((place, Protocol { satype, in_udp }))
    }

    /// The address that a NAT hides, behind `esp-udp`. SPIs are numbers, so it is known by its dots or colons.
    fn original(&mut self, protocol: &Protocol) -> Result<Option<IpAddr>, Wrong> {
        let next = self.peek_word().filter(|word| word.contains(['.', ':']));
        match next.filter(|_| protocol.in_udp) {
            Some(text) => {
                let (place, _) = self.word("the original address")?;
                let addr = text.parse();
                let wrong = |_| Wrong::at(place, format!("'{text}' is no address"));
                addr.map(Some).map_err(wrong)
            }
            None => Ok(None),
        }
    }

    /// Everything with a dash that is no algorithm.
    fn extensions(&mut self, spec: &mut SaSpec) -> Result<(), Wrong> {
        while let Some(option) = self.peek_word() {
            if matches!(option, "-E" | "-A" | "-C") {
                break;
            }
            let (place, _) = self.word("an extension")?;
            match option {
                "-m" => spec.mode = self.mode()?,
                "-u" => spec.reqid = self.reqid()?,
                "-r" => spec.replay = self.number("the replay window, in packets,", 0, 255)?,
                "-lh" => spec.hard.addtime = self.limit("the hard limit in seconds")?,
                "-ls" => spec.soft.addtime = self.limit("the soft limit in seconds")?,
                "-bh" => spec.hard.bytes = self.limit("the hard limit in bytes")?,
                "-bs" => spec.soft.bytes = self.limit("the soft limit in bytes")?,
                "-f" => self.padding()?,
                "-ctx" => spec.context = Some(self.context()?),
                _ => {
                    let why = format!("'{option}' is none of -m, -u, -r, -lh, -ls, -bh, -bs, -f, -ctx, -E, -A and -C");
                    return Err(Wrong::at(place, why));
                }
            }
        }
        Ok(())
    }

    fn limit(&mut self, what: &str) -> Result<u64, Wrong> {
        self.number(what, 0, u64::MAX)
    }

    fn mode(&mut self) -> Result<Mode, Wrong> {
        let (place, word) = self.word("the mode")?;
        let mode = Mode::ALL.iter().find(|mode| mode.name() == word);
        mode.copied().ok_or_else(|| {
            let why = format!("the mode is any, transport, tunnel or beet, not '{word}'");
            Wrong::at(place, why)
        })
    }

    /// What is behind `-f`. Linux pads with counting numbers, and its sequence numbers never begin again.
    fn padding(&mut self) -> Result<(), Wrong> {
        let (place, word) = self.word("a word behind -f")?;
        match word {
            "seq-pad" | "nocyclic-seq" => Ok(()),
            "zero-pad" | "random-pad" => {
                let why = format!(
                    "{word} is not supported: ESP is padded with 1, 2, 3 and so on (RFC 4303)"
                );
                Err(Wrong::at(place, why))
            }
            _ => {
                let why = format!(
                    "behind -f stands zero-pad, seq-pad, random-pad or nocyclic-seq, not '{word}'"
                );
                Err(Wrong::at(place, why))
            }
        }
    }

    /// What is behind `-ctx`.
    pub(super) fn context(&mut self) -> Result<Context, Wrong> {
        let doi = self.number("the domain of interpretation", 0, 255)?;
        let alg = self.number("the algorithm of the context", 0, 255)?;
        let token = self.piece("the text of the context")?;
        let text = match token.kind {
            super::Kind::Quoted(text) | super::Kind::Word(text) => text,
            super::Kind::End => "",
        };
        // The length has to fit into 16 bits, and the kernel has a page for it.
        if text.is_empty() || text.len() >= 4096 {
            return Err(Wrong::at(
                token.place,
                "the text of a context has 1 to 4095 bytes",
            ));
        }
        let mut text = text.as_bytes().to_vec();
        text.push(0);
        Ok(Context { doi, alg, text })
    }

    /// `-E`, `-A` and `-C` with what is behind them. Whether the cipher authenticates by itself.
    fn algorithms(&mut self, spec: &mut SaSpec) -> Result<bool, Wrong> {
        let mut aead = false;
        while let Some(option) = self.peek_word() {
            let (place, _) = self.word("an algorithm")?;
            let again = match option {
                "-E" => spec.cipher.is_some(),
                "-A" => spec.auth.is_some(),
                _ => spec.compression.is_some(),
            };
            if again {
                return Err(Wrong::at(place, format!("{option} is here twice")));
            }
            match option {
                "-E" => {
                    let (cipher, keyed): (&Algorithm, _) = self.keyed(CIPHERS, "encryption")?;
                    aead = cipher.is_aead;
                    spec.cipher = Some(keyed);
                }
                "-A" => spec.auth = Some(self.keyed(HASHES, "authentication")?.1),
                "-C" => {
                    let number = self.algorithm(COMPRESSIONS, "compression")?.number;
                    spec.compression = Some(number);
                    self.raw_spi()?;
                }
                _ => {
                    let why = "behind an algorithm stands another one (-E, -A, -C) or ';'";
                    return Err(Wrong::at(place, why));
                }
            }
        }
        Ok(aead)
    }

    /// The `-R` of a compression.
    fn raw_spi(&mut self) -> Result<(), Wrong> {
        if self.takes("-R") {
            let why = "-R is not supported: the SPI of IPComp is what the packets have";
            return Err(Wrong::at(self.last, why));
        }
        Ok(())
    }
}

fn not_a_protocol(word: &str) -> String {
    match word {
        "esp-old" | "ah-old" => {
            format!("{word} is not supported: the protocols of RFC 1825 are on the BSDs alone")
        }
        "tcp" => {
            "tcp is not supported: a program sets TCP signatures on its socket on Linux".to_owned()
        }
        _ => format!("the protocol is esp, esp-udp, ah or ipcomp, not '{word}'"),
    }
}

/// Whether an SA has what its protocol needs, and nothing else.
fn check(spec: &SaSpec, aead: bool) -> Result<(), String> {
    let have = (
        spec.cipher.is_some(),
        spec.auth.is_some(),
        spec.compression.is_some(),
    );
    let why = match (spec.satype, have) {
        (SaType::Esp, (false, _, _)) => "an SA of ESP has a cipher (-E), if only null",
        (SaType::Esp, (true, true, false)) if aead => {
            "this cipher authenticates by itself: there is no -A with it"
        }
        (SaType::Esp, (true, _, false))
        | (SaType::Ah, (false, true, false))
        | (SaType::IpComp, (false, false, true)) => return Ok(()),
        (SaType::Ah, _) => "an SA of AH has authentication (-A) and nothing else",
        (SaType::IpComp, _) => "an SA of IPComp has compression (-C) and nothing else",
        (SaType::Esp, _) => "an SA of ESP has no compression: that is an SA of IPComp",
    };
    Err(why.to_owned())
}
