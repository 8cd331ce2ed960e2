// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec tncfg`: attaches the virtual ipsecN devices to physical ones.

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use klips_core::addr::parse_number;
use klips_core::pfkey::request::Interface;
use klips_core::pfkey::Request;
use klips_pfkey::{DeviceControl, Errno, InterfaceName};

use crate::error::Error;
use crate::kernel::{self, Kernel, Refused};
use crate::listing::{Format, Table};
use crate::options::{BadLine, Given, Opt, Tool};
use crate::output;
use crate::prog::Prog;
use crate::refusal;
use crate::tables::TncfgRow;

/// The table of devices.
pub(crate) const TABLE: Table = Table {
    path: "/proc/net/ipsec_tncfg",
    name: "tncfg",
    netkey: Some("does not support virtual interfaces."),
};

/// The exit status when the kernel does not create or delete a device.
const NOT_PLUMBED: u8 = 2;
/// The exit status when a device to be created or deleted has a name that no such device can have.
const BAD_NAME: u8 = 5;

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Create,
    Delete,
    Attach,
    Detach,
    Clear,
    Virtual,
    Physical,
    Catch,
    Json,
    Debug,
    Label,
    OptionsFrom,
    Help,
    Version,
}

static TOOL: Tool<Id> = Tool {
    about: "Shows and changes which ipsecN device stands for which physical one.",
    usage: &[
        "",
        "--json",
        "--attach --virtual DEVICE --physical DEVICE [--catch]",
        "--detach --virtual DEVICE",
        "--clear",
        "--create DEVICE | --delete DEVICE",
        "--help | --version",
        "where all take [--debug] [--label TEXT] [--optionsfrom FILE]",
    ],
    options: &[
        Opt::new(
            Id::Attach,
            "attach",
            "",
            "Attach a virtual device to a physical one",
        ),
        Opt::new(Id::Detach, "detach", "", "Detach a virtual device"),
        Opt::new(Id::Clear, "clear", "", "Detach all virtual devices"),
        Opt::new(
            Id::Create,
            "create",
            "DEVICE",
            "Make a virtual device: ipsecN or mastN",
        ),
        Opt::new(Id::Delete, "delete", "DEVICE", "Remove a virtual device"),
        Opt::new(
            Id::Virtual,
            "virtual",
            "DEVICE",
            "The virtual device: ipsec0",
        ),
        Opt::new(
            Id::Physical,
            "physical",
            "DEVICE",
            "The physical device, at most 11 characters: eth0",
        ),
        Opt::new(
            Id::Catch,
            "catch",
            "",
            "With --attach: take what is routed to the physical device, too",
        ),
        Opt::new(Id::Json, "json", "", "Show the devices as JSON"),
        Opt::new(
            Id::Debug,
            "debug",
            "",
            "Say what is being asked of the kernel",
        ),
        Opt::new(
            Id::Label,
            "label",
            "TEXT",
            "Put this into the tool's messages",
        ),
        Opt::new(
            Id::OptionsFrom,
            "optionsfrom",
            "FILE",
            "Read more options from a file",
        ),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Say where the version is shown"),
    ],
    words: None,
    notes: "Without options the devices are shown. One dash in front of an option is enough.\n\n\
            Examples:\n  \
            ipsec tncfg --attach --virtual ipsec0 --physical eth0\n  \
            ipsec tncfg --attach --virtual ipsec0 --physical eth0 --catch\n  \
            ipsec tncfg --detach --virtual ipsec0\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("tncfg")
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// Show the devices.
    List(Format),
    Attach {
        virt: String,
        physical: String,
        catch: bool,
    },
    Detach {
        virt: String,
    },
    Clear,
    /// Make a device.
    Create(Interface, String),
    /// Remove a device.
    Delete(Interface, String),
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// Everything that keeps it from doing what it was asked for; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let mut prog = prog;
    let (action, debug) = read(&mut prog, args)?;
    if let Action::List(format) = action {
        return TABLE.show_as(&prog, format, |line| Some(TncfgRow::parse(line)?.json()));
    }
    TABLE.refuse_netkey(&prog)?;
    if debug {
        output::out(&prog.line(format_args!("asking the kernel to {}", action.sentence())));
    }
    match &action {
        Action::List(_) => Ok(()),
        Action::Attach {
            virt,
            physical,
            catch,
        } => {
            let (virt, physical) = (device(&prog, virt)?, device(&prog, physical)?);
            ioctl(&prog, &action, |control| match catch {
                true => control.attach_and_catch(&virt, &physical),
                false => control.attach(&virt, &physical),
            })
        }
        Action::Detach { virt } => {
            let virt = device(&prog, virt)?;
            ioctl(&prog, &action, |control| control.detach(&virt))
        }
        Action::Clear => ioctl(&prog, &action, DeviceControl::clear),
        Action::Create(interface, _) => plumb(&prog, &action, &Request::PlumbIf(*interface)),
        Action::Delete(interface, _) => plumb(&prog, &action, &Request::UnplumbIf(*interface)),
    }
}

/// The messages that [`run`] would send; what is asked of a device by its name must be one.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: Prog, args: Vec<OsString>) -> crate::rehearse::Messages {
    let mut prog = prog;
    let (action, _) = read(&mut prog, args)?;
    let request = match &action {
        Action::Attach { virt, physical, .. } => {
            device(&prog, physical)?;
            device(&prog, virt)?;
            None
        }
        Action::Detach { virt } => {
            device(&prog, virt)?;
            None
        }
        Action::Create(interface, _) => Some(Request::PlumbIf(*interface)),
        Action::Delete(interface, _) => Some(Request::UnplumbIf(*interface)),
        Action::List(_) | Action::Clear => None,
    };
    crate::rehearse::messages(&prog, request)
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Line {
    action: Option<Id>,
    /// The device to be created or deleted.
    plumbed: String,
    virt: Option<String>,
    physical: Option<String>,
    catch: bool,
    format: Format,
    debug: bool,
    bare: bool,
}

/// Reads the command line; also whether `--debug` was on it.
fn read(
    prog: &mut Prog,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Action, bool), Error> {
    let given = TOOL
        .parse(args.into_iter().map(two_dashes))
        .map_err(|bad| match bad {
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
    line.action(prog).map(|action| (action, debug))
}

/// The word with two dashes, if it starts with one. No device name starts with a dash.
fn two_dashes(word: OsString) -> OsString {
    let text = word.to_string_lossy();
    let letter = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic());
    match text.strip_prefix('-').filter(|rest| letter(rest)) {
        Some(rest) => format!("--{rest}").into(),
        None => word,
    }
}

impl Line {
    fn option(&mut self, prog: &mut Prog, id: Id, value: String) -> Result<(), Error> {
        match id {
            Id::Help => return Err(Error::shown(TOOL.help(prog))),
            Id::Version => {
                return Err(Error::shown(format!(
                    "{prog}, use ipsec --version instead\n"
                )))
            }
            Id::Label => prog.label(&value),
            Id::Debug => self.debug = true,
            Id::Json => self.format = Format::Json,
            Id::OptionsFrom => {}
            Id::Virtual => self.virt = Some(value),
            Id::Physical => self.physical = Some(value),
            Id::Catch => self.catch = true,
            Id::Create | Id::Delete | Id::Attach | Id::Detach | Id::Clear => {
                if self.action.replace(id).is_some() {
                    return Err(prog.error(
                        "exactly one of\n\t'--attach', '--detach', '--create', '--delete' or '--clear'\n\
                         options must be specified.",
                    ));
                }
                self.plumbed = value;
            }
        }
        self.bare &= matches!(id, Id::Label | Id::Debug | Id::OptionsFrom | Id::Json);
        Ok(())
    }

    /// The action that all of it comes to.
    fn action(self, prog: &Prog) -> Result<Action, Error> {
        let need = |name: &str, value: Option<String>| {
            value.ok_or_else(|| prog.error(format_args!("{name} I/F parameter missing.")))
        };
        if self.catch && self.action != Some(Id::Attach) {
            return Err(prog.error("'--catch' goes with '--attach'."));
        }
        let interface = || numbered(&self.plumbed).ok_or(Error::silent(BAD_NAME));
        match self.action {
            Some(Id::Attach) => {
                let physical = need("physical", self.physical)?;
                Ok(Action::Attach {
                    virt: need("virtual", self.virt)?,
                    physical,
                    catch: self.catch,
                })
            }
            Some(Id::Detach) => Ok(Action::Detach {
                virt: need("virtual", self.virt)?,
            }),
            Some(Id::Clear) => Ok(Action::Clear),
            Some(Id::Create) => Ok(Action::Create(interface()?, self.plumbed)),
            Some(Id::Delete) => Ok(Action::Delete(interface()?, self.plumbed)),
            _ if self.bare => Ok(Action::List(self.format)),
            _ => Err(prog.error(format_args!(
                "exactly one of '--attach', '--detach' or '--clear' options must be specified.\n\
                 Try {prog} --help' for usage information."
            ))),
        }
    }
}

/// The device called `ipsecN` or `mastN`.
fn numbered(name: &str) -> Option<Interface> {
    let number = |digits: &str| u16::try_from(parse_number(digits, Some(10)).ok()?).ok();
    let interface = match name.strip_prefix("ipsec") {
        Some(digits) => Interface::Ipsec(number(digits)?),
        None => Interface::Mast(number(name.strip_prefix("mast")?)?),
    };
    interface.number().map(|_| interface)
}

/// A name that the kernel could have for a device.
fn device(prog: &Prog, name: &str) -> Result<InterfaceName, Error> {
    InterfaceName::new(name)
        .map_err(|_| prog.error(format_args!("'{name}' is no name of a device")))
}

/// Asks a device to attach or detach.
fn ioctl(
    prog: &Prog,
    action: &Action,
    ask: impl FnOnce(&DeviceControl) -> Result<(), Errno>,
) -> Result<(), Error> {
    let control = DeviceControl::open()
        .map_err(|errno| prog.error(format_args!("cannot open a socket: {}", errno.desc())))?;
    ask(&control).map_err(|errno| action.refused(prog, errno))
}

/// Asks for a device to be made or removed. The write succeeds either way; how it went is in the reply.
fn plumb(prog: &Prog, action: &Action, request: &Request<'_>) -> Result<(), Error> {
    let mut kernel = Kernel::open(prog)?;
    kernel.ask(request).map_err(|refused| {
        let text = match refused {
            Refused::Errno(errno) => format!("pfkey write: {}\n", errno.desc()),
            Refused::Truncated(len) => {
                prog.line(format_args!("pfkey write truncated to {len} bytes"))
            }
        };
        Error::told(text).with_status(NOT_PLUMBED)
    })?;
    match kernel.reply(|reply| reply.header().errno) {
        Ok(None | Some(0)) => Ok(()),
        Ok(Some(errno)) => Err(action.not_plumbed(prog, Errno::from_raw(errno.into()))),
        Err(errno) => Err(action.not_plumbed(prog, errno)),
    }
}

impl Action {
    /// The action as the end of a sentence.
    fn sentence(&self) -> String {
        match self {
            Self::List(_) => "show the devices".to_owned(),
            Self::Attach {
                virt,
                physical,
                catch,
            } => {
                let also = if *catch { ", and catch" } else { "" };
                format!("attach {virt} to {physical}{also}")
            }
            Self::Detach { virt } => format!("detach {virt}"),
            Self::Clear => "detach all devices".to_owned(),
            Self::Create(_, name) => format!("create {name}"),
            Self::Delete(_, name) => format!("delete {name}"),
        }
    }

    /// The refusal of an ioctl: the sentence that always stood there, then what it means for this request.
    fn refused(&self, prog: &Prog, errno: Errno) -> Error {
        let (what, sentence) = match self {
            Self::Attach { virt, .. } => ("attach", refusal::attach(errno, virt)),
            Self::Detach { .. } => ("detach", refusal::detach(errno)),
            _ => ("clear", refusal::clear(errno)),
        };
        let error = prog.error(format_args!("Socket ioctl failed on {what} -- {sentence}"));
        let why = match (errno, self) {
            (Errno::ENODEV, Self::Attach { virt, .. }) => {
                format!("there is no device {virt}, or it is none of KLIPS")
            }
            (Errno::ENODEV, Self::Detach { virt }) => {
                format!("there is no device {virt}, or it is attached to nothing")
            }
            (Errno::ENODEV, _) => {
                "there is no device ipsec0; is the klips module loaded?".to_owned()
            }
            (Errno::ENXIO, Self::Attach { physical, .. }) => {
                format!("there is no device {physical}")
            }
            (Errno::EBUSY, Self::Attach { virt, .. }) => {
                format!("{virt} is attached already; --detach it first")
            }
            (Errno::ENAMETOOLONG, _) => {
                "the request has room for a physical name of 11 characters".to_owned()
            }
            (
                Errno::EOPNOTSUPP | Errno::ENOTTY,
                Self::Attach {
                    virt, catch: true, ..
                },
            ) => {
                format!("{virt} is no device of KLIPS, or of one that cannot catch")
            }
            (
                Errno::EOPNOTSUPP | Errno::ENOTTY,
                Self::Attach { virt, .. } | Self::Detach { virt },
            ) => {
                format!("{virt} is no device of KLIPS")
            }
            (errno, _) => kernel::reason(errno).to_string(),
        };
        error.then_told(&prog.line(format_args!("cannot {}: {why}", self.sentence())))
    }

    /// Why a device was not made or removed.
    fn not_plumbed(&self, prog: &Prog, errno: Errno) -> Error {
        let why = match (errno, self) {
            (Errno::EEXIST, _) => "there is one of that name".to_owned(),
            (Errno::ENOENT, Self::Delete(..)) => "there is none of that name".to_owned(),
            (Errno::ENOENT, _) => "the number is larger than KLIPS allows".to_owned(),
            (Errno::EOPNOTSUPP | Errno::ENOSYS, _) => {
                "this module cannot create and delete devices".to_owned()
            }
            (errno, _) => kernel::reason(errno).to_string(),
        };
        prog.error(format_args!("cannot {}: {why}", self.sentence()))
            .with_status(NOT_PLUMBED)
    }
}
