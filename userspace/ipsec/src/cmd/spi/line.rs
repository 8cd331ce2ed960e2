// SPDX-License-Identifier: GPL-2.0-only

//! The command line of `spi`: options in, a validated action out.

use std::ffi::OsString;
use std::net::IpAddr;

use klips_core::addr::{parse_number, Family};
use klips_core::pfkey::ext::SarefPair;
use klips_core::pfkey::request::NatT;
use klips_core::pfkey::types::{natt_type, WINDOW_MAX};
use klips_core::sa::alg::AlgChoice;
use klips_core::said::{SaProto, Said};
use zeroize::Zeroizing;

use super::options::{Id, TOOL};
use super::{keys, Action, NewSa, Verbosity};
use crate::cmd::{sa_proto, spi_number, LOWEST_SPI};
use crate::error::Error;
use crate::keytext::{key, Key, KeyKind};
use crate::life::Lives;
use crate::listing::Format;
use crate::options::{BadLine, Given};
use crate::prog::Prog;
use crate::{resolve, version};

/// The exit status after help and after a line that cannot be read.
const USAGE: u8 = 255;

/// Which of the actions was chosen.
#[derive(Debug)]
enum Choice {
    /// Make an SA of this protocol with these algorithms, which were asked for in these words.
    Add(SaProto, AlgChoice, String),
    Delete,
    Clear,
}

/// What has been read so far.
#[derive(Default)]
struct Line {
    choice: Option<Choice>,
    af: Option<Family>,
    edst: Option<IpAddr>,
    spi: Option<u32>,
    proto: Option<SaProto>,
    said: Option<(String, Said)>,
    src: Option<IpAddr>,
    replay: u16,
    esn: bool,
    lives: Lives,
    auth_key: Option<Key>,
    encrypt_key: Option<Key>,
    nat_t: NatT,
    out_if: Option<u16>,
    saref: Option<SarefPair>,
    verbosity: Verbosity,
    format: Format,
    bare: bool,
}

/// Reads the command line; also how much is to be printed.
///
/// # Errors
///
/// The first thing that is wrong with it, or what `--help` and `--version` show.
pub(super) fn read(
    prog: &mut Prog,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Action, Verbosity), Error> {
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) => prog
            .error(text)
            .then_told(&usage(TOOL.usage(prog), prog))
            .with_status(USAGE),
        BadLine::OptionsFrom(why) => prog.error(format_args!("optionsfrom failed: {why}")),
    })?;
    let mut line = Line {
        bare: true,
        ..Line::default()
    };
    for given in given {
        if let Given::Option(id, value) = given {
            // Some of these are keys. What the process was started with stays in its memory all the same.
            let value = Zeroizing::new(value);
            line.option(prog, id, &value)?;
        }
    }
    let verbosity = line.verbosity;
    let action = line.action(prog).map_err(|text| prog.error(text))?;
    Ok((action, verbosity))
}

/// This tool has always put its name before its usage.
fn usage(text: String, prog: &Prog) -> String {
    format!("{prog}:{text}")
}

impl Line {
    /// Takes in one option.
    fn option(&mut self, prog: &mut Prog, id: Id, value: &str) -> Result<(), Error> {
        match id {
            Id::Help => return Err(Error::shown(usage(TOOL.help(prog), prog)).with_status(USAGE)),
            Id::Version => return Err(Error::shown(format!("{prog}, {}\n", version::USER))),
            Id::Label => prog.label(value),
            Id::OptionsFrom => {}
            Id::Json => self.format = Format::Json,
            Id::Debug => self.verbosity.debug = true,
            Id::ListenReply => self.verbosity.listen = true,
            Id::DumpSaref => self.verbosity.dump_saref = true,
            Id::Life => {
                self.bare = false;
                self.lives
                    .add(value)
                    .map_err(|text| prog.error(text).with_status(USAGE))?;
            }
            _ => self.request(id, value).map_err(|text| prog.error(text))?,
        }
        Ok(())
    }

    /// Takes in an option that says something about the request.
    fn request(&mut self, id: Id, value: &str) -> Result<(), String> {
        // References alone ask for nothing, so the table is shown.
        self.bare &= matches!(id, Id::Saref | Id::SarefHim);
        match id {
            Id::Ah | Id::Esp | Id::Comp | Id::Ip4 | Id::Ip6 | Id::Del | Id::Clear => {
                self.choose(id, value)
            }
            Id::Af | Id::Edst | Id::Spi | Id::Proto | Id::Said => self.name(id, value),
            Id::AuthKey => once(
                &mut self.auth_key,
                key(value, KeyKind::Authentication)?,
                "authentication key",
            ),
            Id::EncKey => once(
                &mut self.encrypt_key,
                key(value, KeyKind::Encryption)?,
                "encryption key",
            ),
            // The kernel makes its own; what is given has only ever been checked.
            Id::Iv => key(value, KeyKind::Iv).map(drop),
            Id::Src => self
                .address("--src", value)
                .map(|address| self.src = Some(address)),
            // Of an IPIP SA the outer destination is that of its SAID.
            Id::Dst => self.address("--dst", value).map(drop),
            Id::ReplayWindow => self.replay_window(value),
            Id::Esn => {
                self.esn = true;
                Ok(())
            }
            Id::NatT => self.nat_t(value),
            Id::NatOa => self
                .address("--natoa", value)
                .map(|address| self.nat_t.oa = Some(address)),
            Id::Sport => number(value, "sport").map(|port| self.nat_t.sport = Some(port)),
            Id::Dport => number(value, "dport").map(|port| self.nat_t.dport = Some(port)),
            Id::OutIf => number(value, "outif").map(|ifnum| self.out_if = Some(ifnum)),
            Id::Saref => reference(value).map(|me| self.saref.get_or_insert_default().me = me),
            _ => reference(value).map(|him| self.saref.get_or_insert_default().him = him),
        }
    }

    fn choose(&mut self, id: Id, value: &str) -> Result<(), String> {
        if self.choice.is_some() {
            let blank = if matches!(id, Id::Ip4 | Id::Ip6) {
                ""
            } else {
                " "
            };
            return Err(format!(
                "Only one of '--ah', '--esp', '--comp', '--ip4', '--ip6', '--del' or '--clear' {blank}options permitted."
            ));
        }
        let add = |proto, suite: Option<AlgChoice>, what: &str, option: &str| match suite {
            Some(suite) => Ok(Choice::Add(
                proto,
                suite,
                format!("{option} {value}").trim_end().to_owned(),
            )),
            None => Err(format!(
                "{what} algorithm '{value}' follows '{option}' option."
            )),
        };
        self.choice = Some(match id {
            Id::Ah => add(
                SaProto::Ah,
                AlgChoice::ah(value),
                "Unknown authentication",
                "--ah",
            )?,
            Id::Esp => add(
                SaProto::Esp,
                AlgChoice::esp(value),
                "Invalid encryption",
                "--esp",
            )?,
            Id::Comp => add(
                SaProto::Comp,
                AlgChoice::comp(value),
                "Unknown compression",
                "--comp",
            )?,
            Id::Ip4 => add(SaProto::Ipip, Some(AlgChoice::NONE), "", "--ip4")?,
            Id::Ip6 => add(SaProto::Ipip, Some(AlgChoice::NONE), "", "--ip6")?,
            Id::Del => Choice::Delete,
            _ => Choice::Clear,
        });
        Ok(())
    }

    /// Takes in a part of the SA's name.
    fn name(&mut self, id: Id, value: &str) -> Result<(), String> {
        let part = match id {
            Id::Af => return self.family(value),
            Id::Edst => "EDST",
            Id::Spi => "SPI",
            Id::Proto => "PROTO",
            _ => "SAID",
        };
        if let Some((before, _)) = &self.said {
            return Err(format!(
                "Error, {part} parameter redefined:{value}, already defined in SA:{before}"
            ));
        }
        match id {
            Id::Edst => {
                let edst = resolve::address(value, self.af)
                    .map_err(|why| format!("Error, {why} converting --edst argument:{value}"))?;
                redefined(self.edst.replace(edst), part, value)
            }
            Id::Spi => redefined(
                self.spi
                    .replace(spi_number(value)?)
                    .map(|spi| format!("0x{spi:x}")),
                part,
                value,
            ),
            Id::Proto => {
                let proto =
                    sa_proto(value).ok_or_else(|| format!("Invalid PROTO parameter: {value}"))?;
                redefined(self.proto.replace(proto).map(SaProto::prefix), part, value)
            }
            _ => self.said(value),
        }
    }

    fn family(&mut self, value: &str) -> Result<(), String> {
        let family = resolve::family(value)
            .ok_or_else(|| format!("Invalid ADDRESS FAMILY parameter: {value}."))?;
        self.af = Some(family);
        Ok(())
    }

    fn said(&mut self, value: &str) -> Result<(), String> {
        redefined(self.edst, "SAID", value)?;
        redefined(self.spi.map(|spi| format!("0x{spi:x}")), "SAID", value)?;
        redefined(self.proto.map(SaProto::prefix), "SAID", value)?;
        let said = resolve::said(value)
            .map_err(|why| format!("Error, {why} converting --sa argument:{value}"))?;
        if said.proto == SaProto::Int {
            return Err(format!(
                "Error, {value} is a shunt, not an SA; see 'ipsec eroute'"
            ));
        }
        if let Some(family) = self.af.filter(|&family| family != Family::of(&said.dst)) {
            let number = resolve::family_number(family);
            return Err(format!(
                "Error, specified address family ({number}) is different that of SAID: {value}"
            ));
        }
        if said.spi < LOWEST_SPI {
            let spi = said.spi;
            return Err(format!(
                "Illegal reserved spi: {value} => 0x{spi:x} Must be larger than 0x100."
            ));
        }
        self.said = Some((value.to_owned(), said));
        Ok(())
    }

    fn address(&self, name: &str, value: &str) -> Result<IpAddr, String> {
        let family = self
            .af
            .or(self.said.as_ref().map(|(_, said)| Family::of(&said.dst)));
        resolve::address(value, family)
            .map_err(|why| format!("Error, {why} converting {name} argument: {value}"))
    }

    fn replay_window(&mut self, value: &str) -> Result<(), String> {
        let size = parse_number(value, None).unwrap_or(0);
        match u16::try_from(size) {
            Ok(size @ 1..=WINDOW_MAX) => {
                self.replay = size;
                Ok(())
            }
            _ => Err(format!(
                "Failed -- Illegal window size: arg={value}, replay_window={size}, must be 1 <= size <= {WINDOW_MAX}."
            )),
        }
    }

    fn nat_t(&mut self, value: &str) -> Result<(), String> {
        let kind = match value {
            "none" => natt_type::NONE,
            "nonike" => natt_type::NON_IKE,
            "nonesp" => natt_type::NON_ESP,
            other => number(other, "natt").and_then(|kind| {
                u8::try_from(kind)
                    .map_err(|_| format!("Invalid character in natt parameter: {other}"))
            })?,
        };
        self.nat_t.kind = Some(kind).filter(|&kind| kind != natt_type::NONE);
        Ok(())
    }

    /// The action that all of it comes to.
    fn action(self, prog: &Prog) -> Result<Action, String> {
        if self.bare {
            return Ok(Action::List(self.format));
        }
        if matches!(self.choice, Some(Choice::Clear)) {
            return Ok(Action::Clear(self.proto));
        }
        let said = self.whole_said()?;
        let src = self.src.unwrap_or(Said::any(&said.dst));
        if Family::of(&src) != Family::of(&said.dst) {
            return Err(format!(
                "Error, source {src} and destination {} are of different address families",
                said.dst
            ));
        }
        match self.choice {
            None => Err(format!("No action chosen.  See '{prog} --help' for usage.")),
            Some(Choice::Delete) => Ok(Action::Delete { said, src }),
            Some(Choice::Clear) => Ok(Action::Clear(self.proto)),
            Some(Choice::Add(proto, suite, algorithm)) => {
                if proto != said.proto {
                    let (want, have) = (proto.prefix(), said.proto.prefix());
                    return Err(format!(
                        "'{algorithm}' makes an SA of protocol {want}, not {have}"
                    ));
                }
                if self.esn && (self.replay == 0 || !matches!(proto, SaProto::Esp | SaProto::Ah)) {
                    return Err("--esn goes with --replay_window, for ESP and AH".to_owned());
                }
                let sa = NewSa {
                    said,
                    src,
                    algorithm,
                    suite,
                    replay: self.replay,
                    esn: self.esn,
                    lives: self.lives,
                    auth_key: self.auth_key,
                    encrypt_key: self.encrypt_key,
                    nat_t: self.nat_t,
                    out_if: self.out_if,
                    saref: self.saref,
                };
                keys::check(&sa)?;
                Ok(Action::Add(Box::new(sa)))
            }
        }
    }

    /// The SAID, whichever way it was given.
    fn whole_said(&self) -> Result<Said, String> {
        let said = match (&self.said, self.edst, self.spi, self.proto) {
            (Some((_, said)), ..) => *said,
            (None, None, ..) => return Err("SA destination not specified.".to_owned()),
            (None, _, None, _) => return Err("SA SPI not specified.".to_owned()),
            (None, _, _, None) => return Err("SA PROTO not specified.".to_owned()),
            (None, Some(dst), Some(spi), Some(proto)) => Said { dst, spi, proto },
        };
        if self
            .af
            .is_some_and(|family| family != Family::of(&said.dst))
        {
            return Err("Defined address family and address family of SA missmatch.".to_owned());
        }
        Ok(said)
    }
}

/// Fails if there was a value before.
fn redefined(
    before: Option<impl std::fmt::Display>,
    part: &str,
    value: &str,
) -> Result<(), String> {
    match before {
        None => Ok(()),
        Some(before) => Err(format!(
            "Error, {part} parameter redefined:{value}, already defined as:{before}"
        )),
    }
}

/// Puts a key where there was none.
fn once(place: &mut Option<Key>, key: Key, what: &str) -> Result<(), String> {
    match place.replace(key) {
        None => Ok(()),
        Some(_) => Err(format!("Error, {what} given twice")),
    }
}

/// A number of 16 bits.
fn number(value: &str, option: &str) -> Result<u16, String> {
    let number = parse_number(value, None)
        .ok()
        .and_then(|number| u16::try_from(number).ok());
    number.ok_or_else(|| format!("Invalid character in {option} parameter: {value}"))
}

/// A reference to an SA.
fn reference(value: &str) -> Result<u32, String> {
    parse_number(value, None).map_err(|_| format!("Invalid character in saref parameter: {value}"))
}
