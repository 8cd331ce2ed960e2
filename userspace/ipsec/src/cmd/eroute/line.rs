// SPDX-License-Identifier: GPL-2.0-only

//! The command line of `eroute`: options in, a validated action out.

use std::ffi::OsString;
use std::net::IpAddr;

use klips_core::addr::{Family, Subnet};
use klips_core::pfkey::request::Flow;
use klips_core::said::{SaProto, Said};

use super::options::{Id, TOOL};
use super::{Action, Set};
use crate::cmd::{sa_proto, spi_number, LOWEST_SPI};
use crate::error::Error;
use crate::listing::Format;
use crate::names::{self, NameError};
use crate::options::{BadLine, Given};
use crate::prog::Prog;
use crate::{resolve, version};

/// Which of the actions was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Set(Set),
    Delete,
    Clear,
}

/// What has been read so far. The texts are kept for the messages about options that contradict each other.
#[derive(Debug, Default)]
struct Line {
    choice: Option<Choice>,
    eraf: Option<Family>,
    src: Option<(String, Subnet)>,
    dst: Option<(String, Subnet)>,
    transport: Option<u8>,
    src_port: Option<String>,
    dst_port: Option<String>,
    af: Option<Family>,
    edst: Option<(String, IpAddr)>,
    spi: Option<(String, u32)>,
    proto: Option<(String, SaProto)>,
    said: Option<(String, Said)>,
    format: Format,
    debug: bool,
    bare: bool,
}

/// Reads the command line; also whether `--debug` was on it.
///
/// # Errors
///
/// The first thing that is wrong with it, or what `--help` and `--version` show.
pub(super) fn read(
    prog: &mut Prog,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Action, bool), Error> {
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) => prog.error(text).then_shown(&TOOL.usage(prog)),
        BadLine::OptionsFrom(why) => prog.error(format_args!("optionsfrom failed: {why}")),
    })?;
    let mut line = Line {
        bare: true,
        ..Line::default()
    };
    for given in given {
        if let Given::Option(id, value) = given {
            line.option(prog, id, value)?;
        }
    }
    let debug = line.debug;
    let action = line.action(prog).map_err(|text| prog.error(text))?;
    Ok((action, debug))
}

impl Line {
    /// Takes in one option.
    fn option(&mut self, prog: &mut Prog, id: Id, value: String) -> Result<(), Error> {
        match id {
            Id::Help => return Err(Error::shown(TOOL.help(prog))),
            Id::Version => return Err(Error::shown(version::banner("ipsec eroute"))),
            Id::Label => prog.label(&value),
            Id::Debug => self.debug = true,
            Id::Json => self.format = Format::Json,
            Id::OptionsFrom => {}
            _ => {
                self.bare = false;
                self.request(id, value).map_err(|text| prog.error(text))?;
            }
        }
        Ok(())
    }

    /// Takes in an option that says something about the request.
    fn request(&mut self, id: Id, value: String) -> Result<(), String> {
        match id {
            Id::Add => self.choose(Choice::Set(Set::Add)),
            Id::AddIn => self.choose(Choice::Set(Set::AddInbound)),
            Id::Replace => self.choose(Choice::Set(Set::Replace)),
            Id::ReplaceIn => self.choose(Choice::Set(Set::ReplaceInbound)),
            Id::Del => self.choose(Choice::Delete),
            Id::Clear => self.choose(Choice::Clear),
            Id::Src | Id::Dst | Id::Eraf => self.selector_option(id, value),
            Id::Transport => self.transport(&value),
            Id::SrcPort => set_once(&mut self.src_port, value, "--src-port"),
            Id::DstPort => set_once(&mut self.dst_port, value, "--dst-port"),
            _ => self.sa_option(id, value),
        }
    }

    fn choose(&mut self, choice: Choice) -> Result<(), String> {
        if self.choice.replace(choice).is_none() {
            return Ok(());
        }
        Err(match choice {
            Choice::Set(_) => {
                "Only one of '--add', '--addin', '--replace', '--replacein', '--clear', or '--del' options permitted."
            }
            Choice::Delete | Choice::Clear => {
                "Only one of '--add', '--replace', '--clear', or '--del' options permitted."
            }
        }
        .to_owned())
    }

    fn selector_option(&mut self, id: Id, value: String) -> Result<(), String> {
        if id == Id::Eraf {
            let family = resolve::family(&value)
                .ok_or_else(|| format!("Invalid address family parameter for eroute: {value}"))?;
            if self.eraf.is_some_and(|before| before != family) {
                return Err(format!("Error, --eraf parameter redefined:{value}"));
            }
            self.eraf = Some(family);
            return Ok(());
        }
        let (name, place) = match id {
            Id::Src => ("--src", &mut self.src),
            _ => ("--dst", &mut self.dst),
        };
        if let Some((before, _)) = place {
            return Err(format!(
                "Error, {name} parameter redefined:{value}, already defined as:{before}"
            ));
        }
        let subnet = resolve::subnet(&value, self.eraf)
            .map_err(|why| format!("Error, {why} converting {name} argument: {value}"))?;
        *place = Some((value, subnet));
        Ok(())
    }

    fn transport(&mut self, value: &str) -> Result<(), String> {
        let protocol = names::protocol(value).map_err(|error| match error {
            NameError::Unknown => {
                format!("Invalid character in --transport-proto parameter: {value}")
            }
            NameError::OutOfRange => {
                format!(
                    "--transport-proto parameter: {value} must be in the range 0 to 255 inclusive"
                )
            }
        })?;
        self.transport = Some(protocol);
        Ok(())
    }

    fn sa_option(&mut self, id: Id, value: String) -> Result<(), String> {
        match id {
            Id::Af => {
                let family = resolve::family(&value)
                    .ok_or_else(|| format!("Invalid address family parameter for SAID: {value}"))?;
                self.af = Some(family);
            }
            Id::Edst => {
                not_twice("EDST", &value, self.said.as_ref(), self.edst.as_ref())?;
                let edst = resolve::address(&value, self.af)
                    .map_err(|why| format!("Error, {why} converting --edst argument:{value}"))?;
                self.edst = Some((value, edst));
            }
            Id::Spi => {
                not_twice("SPI", &value, self.said.as_ref(), self.spi.as_ref())?;
                let spi = spi_number(&value)?;
                self.spi = Some((value, spi));
            }
            Id::Proto => {
                not_twice("PROTO", &value, self.said.as_ref(), self.proto.as_ref())?;
                let proto =
                    sa_proto(&value).ok_or_else(|| format!("Invalid PROTO parameter: {value}"))?;
                self.proto = Some((value, proto));
            }
            _ => return self.said(value),
        }
        Ok(())
    }

    fn said(&mut self, value: String) -> Result<(), String> {
        not_twice("SAID", &value, self.said.as_ref(), self.edst.as_ref())?;
        not_twice("SAID", &value, None::<&(_, ())>, self.spi.as_ref())?;
        not_twice("SAID", &value, None::<&(_, ())>, self.proto.as_ref())?;
        let said = resolve::said(&value)
            .map_err(|why| format!("Error, {why} converting --sa argument:{value}"))?;
        if said.spi < LOWEST_SPI {
            let spi = said.spi;
            return Err(format!(
                "Illegal reserved spi: {value} => 0x{spi:x} Must be larger than or equal to 0x100."
            ));
        }
        self.said = Some((value, said));
        Ok(())
    }

    /// The action that all of it comes to.
    fn action(self, prog: &Prog) -> Result<Action, String> {
        let Some(choice) = self.choice else {
            if self.bare {
                return Ok(Action::List(self.format));
            }
            return Err(format!(
                "exactly one of '--add', '--addin', '--replace', '--del' or '--clear' options must be specified.\n\
                 Try {prog} --help' for usage information."
            ));
        };
        match choice {
            Choice::Clear => Ok(Action::Clear),
            Choice::Delete => Ok(Action::Delete {
                flow: self.flow("del")?,
            }),
            Choice::Set(how) => {
                let said = self
                    .whole_said()
                    .ok_or("add and addin options must have SA specified.")?;
                let flow = self.flow(if how == Set::Add { "add" } else { "del" })?;
                Ok(Action::Set { how, flow, said })
            }
        }
    }

    /// The SAID, whichever way it was given.
    fn whole_said(&self) -> Option<Said> {
        if let Some((_, said)) = self.said {
            return Some(said);
        }
        let ((_, dst), (_, spi), (_, proto)) = (
            self.edst.as_ref()?,
            self.spi.as_ref()?,
            self.proto.as_ref()?,
        );
        Some(Said {
            dst: *dst,
            spi: *spi,
            proto: *proto,
        })
    }

    /// The selector. `action` is the word that the messages have for the action.
    fn flow(&self, action: &str) -> Result<Flow, String> {
        let missing = |name| format!("Error -- {action} option '{name}' is required.");
        let (src_text, src) = self.src.as_ref().ok_or_else(|| missing("--src"))?;
        let (dst_text, dst) = self.dst.as_ref().ok_or_else(|| missing("--dst"))?;
        let family = self.eraf.unwrap_or(src.family());
        if src.family() != family || dst.family() != family {
            return Err(format!(
                "Error, --src {src_text} and --dst {dst_text} must both be of the address family of the eroute."
            ));
        }
        let (sport, dport) = self.ports()?;
        Ok(Flow {
            src: src.addr(),
            dst: dst.addr(),
            src_mask: src.mask(),
            dst_mask: dst.mask(),
            proto: self.transport.unwrap_or(0),
            sport,
            dport,
            sport_mask: port_mask(sport),
            dport_mask: port_mask(dport),
        })
    }

    /// Both ports; 0 is any. They are looked up only now because the services of TCP and UDP differ.
    fn ports(&self) -> Result<(u16, u16), String> {
        let port = |name: &str, value: Option<&String>| match value {
            None => Ok(0),
            Some(value) => names::port(value, self.transport).map_err(|error| match error {
                NameError::Unknown => format!("Invalid character in {name} parameter: {value}"),
                NameError::OutOfRange => {
                    format!("{name} parameter: {value} must be in the range 0 to 65535 inclusive")
                }
            }),
        };
        let sport = port("--src-port", self.src_port.as_ref())?;
        let dport = port("--dst-port", self.dst_port.as_ref())?;
        if (sport, dport) != (0, 0) && !matches!(self.transport, Some(names::TCP | names::UDP)) {
            return Err("--transport-proto with either UDP or TCP must be specified if --src-port or --dst-port is used"
                .to_owned());
        }
        Ok((sport, dport))
    }
}

/// The mask that says whether a port counts.
const fn port_mask(port: u16) -> u16 {
    if port == 0 {
        0
    } else {
        u16::MAX
    }
}

/// Puts a value where there was none.
fn set_once(place: &mut Option<String>, value: String, name: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(before) => {
            let value = place.as_deref().unwrap_or_default();
            Err(format!(
                "Error, {name} parameter redefined:{value}, already defined as:{before}"
            ))
        }
    }
}

/// Fails if a part of the SA's name has been given before, by itself or within a SAID.
fn not_twice<S, T>(
    what: &str,
    value: &str,
    said: Option<&(String, S)>,
    same: Option<&(String, T)>,
) -> Result<(), String> {
    if let Some((before, _)) = said {
        return Err(format!(
            "Error, {what} parameter redefined:{value}, already defined in SA:{before}"
        ));
    }
    if let Some((before, _)) = same {
        return Err(format!(
            "Error, {what} parameter redefined:{value}, already defined as:{before}"
        ));
    }
    Ok(())
}
