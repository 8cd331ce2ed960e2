// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec spi`: makes and deletes security associations by hand.

mod keys;
mod line;
mod options;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;

use klips_core::pfkey::ext::{SaInfo, SarefPair};
use klips_core::pfkey::request::{FlushScope, NatT, SaParams, SaRef};
use klips_core::pfkey::types::{flags, state};
use klips_core::pfkey::{Errno as InBand, Request};
use klips_core::sa::alg::AlgChoice;
use klips_core::said::{SaProto, Said};
use klips_pfkey::Errno;

use crate::error::Error;
use crate::kernel::{self, Kernel, Refused};
use crate::keytext::Key;
use crate::life::Lives;
use crate::listing::{Format, Table};
use crate::output;
use crate::prog::Prog;
use crate::refusal;
use crate::tables::SaRow;

/// The table of SAs.
pub(crate) const TABLE: Table = Table {
    path: "/proc/net/ipsec_spi",
    name: "spi",
    netkey: Some("does not use the ipsec spi command. Use 'ip xfrm' instead."),
};

pub(crate) use options::command;

/// What the command line asks for.
#[derive(Debug)]
enum Action {
    /// Show the table.
    List(Format),
    /// Make an SA.
    Add(Box<NewSa>),
    /// Delete an SA and its group.
    Delete { said: Said, src: IpAddr },
    /// Delete all SAs, or those of one protocol.
    Clear(Option<SaProto>),
}

/// An SA to be made.
struct NewSa {
    said: Said,
    src: IpAddr,
    /// What the algorithms were called, with their option, for messages.
    algorithm: String,
    suite: AlgChoice,
    /// Width of the replay window in packets.
    replay: u16,
    /// Extended sequence numbers.
    esn: bool,
    lives: Lives,
    auth_key: Option<Key>,
    encrypt_key: Option<Key>,
    nat_t: NatT,
    out_if: Option<u16>,
    saref: Option<SarefPair>,
}

impl fmt::Debug for NewSa {
    // Keys are not for showing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSa")
            .field("said", &self.said)
            .finish_non_exhaustive()
    }
}

/// What is printed besides the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Verbosity {
    debug: bool,
    /// `--listenreply`: read the kernel's reply.
    listen: bool,
    /// `--dumpsaref`: print the references in it.
    dump_saref: bool,
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// Everything that keeps it from doing what it was asked for; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let mut prog = prog;
    let (action, verbosity) = line::read(&mut prog, args)?;
    let Some(request) = request(&action) else {
        let format = action.format();
        return TABLE.show_as(&prog, format, |line| Some(SaRow::parse(line)?.json()));
    };
    TABLE.refuse_netkey(&prog)?;
    if verbosity.debug {
        output::out(&prog.line(format_args!("asking the kernel to {action}")));
    }
    let mut kernel = Kernel::open(&prog)?;
    kernel
        .ask(&request)
        .map_err(|refused| explain(&prog, &action, refused))?;
    if verbosity.listen || verbosity.dump_saref {
        listen(&prog, &kernel, verbosity)?;
    }
    if verbosity.listen || verbosity.debug {
        output::out(&prog.line("exited normally"));
    }
    Ok(())
}

/// The messages that [`run`] would send.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: Prog, args: Vec<OsString>) -> crate::rehearse::Messages {
    let mut prog = prog;
    let (action, _) = line::read(&mut prog, args)?;
    let _ = action.to_string();
    crate::rehearse::messages(&prog, request(&action))
}

/// The request that carries out an action; listing takes none.
fn request(action: &Action) -> Option<Request<'_>> {
    match action {
        Action::List(_) => None,
        Action::Add(sa) => Some(Request::Add(sa.params())),
        Action::Delete { said, src } => {
            let sa = SaInfo {
                spi: said.spi,
                state: state::MATURE,
                ..SaInfo::default()
            };
            Some(Request::Delete(SaRef {
                said: *said,
                src: *src,
                sa,
            }))
        }
        Action::Clear(None) => Some(Request::Flush(FlushScope::All)),
        Action::Clear(Some(proto)) => Some(Request::Flush(FlushScope::Proto(*proto))),
    }
}

impl NewSa {
    fn params(&self) -> SaParams<'_> {
        SaParams {
            said: self.said,
            src: self.src,
            proxy: None,
            sa: SaInfo {
                spi: self.said.spi,
                state: state::MATURE,
                auth: self.suite.auth,
                encrypt: self.suite.encrypt,
                flags: if self.esn { flags::ESN } else { 0 },
                ..SaInfo::default()
            }
            .with_window(self.replay),
            hard: self.lives.hard,
            soft: self.lives.soft,
            auth_key: self.auth_key.as_ref().map(keys::raw),
            encrypt_key: self.encrypt_key.as_ref().map(keys::raw),
            ident_src: None,
            ident_dst: None,
            nat_t: self.nat_t,
            out_if: self.out_if,
            saref: self.saref,
        }
    }
}

/// Reads the kernel's reply.
fn listen(prog: &Prog, kernel: &Kernel, verbosity: Verbosity) -> Result<(), Error> {
    let reply = kernel
        .reply(|reply| (reply.header().errno, kernel::saref(reply)))
        .map_err(|errno| {
            prog.error(format_args!(
                "cannot read the kernel's reply: {}",
                errno.desc()
            ))
        })?;
    let Some((errno, saref)) = reply else {
        return Err(prog.error("the kernel carried out the request, but sent no reply"));
    };
    if errno != 0 {
        let name = InBand::from_code(errno).map_or("", InBand::name);
        return Err(prog.error(
            format_args!("the kernel's reply has errno={errno} {name}")
                .to_string()
                .trim_end(),
        ));
    }
    if verbosity.dump_saref {
        let (me, him) = saref.unwrap_or_default();
        output::out(&prog.line(format_args!("saref={me}/{him}")));
    }
    Ok(())
}

/// The kernel's refusal: the sentence that always stood there, then what it means for this request.
fn explain(prog: &Prog, action: &Action, refused: Refused) -> Error {
    let errno = match refused {
        Refused::Errno(errno) => errno,
        Refused::Truncated(len) => {
            return prog.error(format_args!("pfkey write truncated to {len} bytes"))
        }
    };
    let sentence = refusal::spi(errno, kernel::is_root());
    let error = prog.error(format_args!(
        "pfkey write failed (errno={}): {sentence}",
        refusal::number(errno)
    ));
    let why = reason(action, errno);
    error.then_told(&prog.line(format_args!("cannot {action}: {why}")))
}

/// What an errno means for an action.
fn reason(action: &Action, errno: Errno) -> String {
    let known = match (errno, action) {
        (Errno::EEXIST, _) => Some("there is an SA of this name".to_owned()),
        (Errno::ESRCH | Errno::ENOENT | Errno::ENXIO, Action::Delete { .. }) => {
            Some("there is no SA of this name".to_owned())
        }
        (Errno::EINVAL, Action::Add(sa)) => keys::trouble(sa),
        (Errno::EPROTO | Errno::ESOCKTNOSUPPORT, Action::Add(sa)) => {
            Some(format!("this kernel cannot do {}", sa.algorithm))
        }
        _ => None,
    };
    known.unwrap_or_else(|| kernel::reason(errno).to_string())
}

impl Action {
    /// How the table is shown, if it is.
    const fn format(&self) -> Format {
        match self {
            Self::List(format) => *format,
            _ => Format::Classic,
        }
    }
}

/// The action as the end of a sentence.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(_) => f.write_str("show the SAs"),
            Self::Add(sa) => write!(f, "add the SA {} ({})", sa.said, sa.algorithm),
            Self::Delete { said, .. } => write!(f, "delete the SA {said}"),
            Self::Clear(None) => f.write_str("delete all SAs"),
            Self::Clear(Some(proto)) => write!(f, "delete all {} SAs", proto.prefix()),
        }
    }
}
