// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec eroute`: which packets go where.

mod line;
mod options;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;

use klips_core::addr::Net;
use klips_core::pfkey::ext::SaInfo;
use klips_core::pfkey::request::{AddFlow, DelAction, DelFlow, Flow};
use klips_core::pfkey::types::flags;
use klips_core::pfkey::Request;
use klips_core::said::Said;
use klips_pfkey::Errno;

use crate::error::Error;
use crate::kernel::{self, Kernel, Refused};
use crate::listing::{Format, Table};
use crate::output;
use crate::prog::Prog;
use crate::refusal::{self, FlowRequest};
use crate::tables::{ErouteRow, KnownSas};

/// The eroute table.
pub(crate) const TABLE: Table = Table {
    path: "/proc/net/ipsec_eroute",
    name: "eroute table",
    netkey: Some("does not support eroute table."),
};

pub(crate) use options::command;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// Show the table.
    List(Format),
    /// Make an eroute, or set the inbound policy of an SA.
    Set { how: Set, flow: Flow, said: Said },
    /// Remove one eroute.
    Delete { flow: Flow },
    /// Remove all eroutes.
    Clear,
}

/// The ways to set an eroute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Add,
    AddInbound,
    Replace,
    ReplaceInbound,
}

impl Set {
    /// The flags that tell the kernel.
    const fn flags(self) -> u32 {
        match self {
            Self::Add => 0,
            Self::AddInbound => flags::INFLOW,
            Self::Replace => flags::REPLACEFLOW,
            Self::ReplaceInbound => flags::REPLACEFLOW | flags::INFLOW,
        }
    }

    /// What is done, in words.
    const fn verb(self) -> &'static str {
        match self {
            Self::Add => "add the eroute",
            Self::AddInbound => "add the inbound policy",
            Self::Replace => "replace the eroute",
            Self::ReplaceInbound => "replace the inbound policy",
        }
    }
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// Everything that keeps it from doing what it was asked for; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let mut prog = prog;
    let (action, debug) = line::read(&mut prog, args)?;
    let request = match &action {
        Action::List(format) => return list(&prog, *format),
        action => request(action),
    };
    if debug {
        output::out(&prog.line(format_args!("asking the kernel to {action}")));
    }
    let mut kernel = Kernel::open(&prog)?;
    kernel
        .ask(&request)
        .map_err(|refused| explain(&prog, &action, refused))
}

/// The messages that [`run`] would send.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: Prog, args: Vec<OsString>) -> crate::rehearse::Messages {
    let mut prog = prog;
    let (action, _) = line::read(&mut prog, args)?;
    let request = match &action {
        Action::List(_) => None,
        action => Some(request(action)),
    };
    let _ = action.to_string();
    crate::rehearse::messages(&prog, request)
}

/// Shows the table.
fn list(prog: &Prog, format: Format) -> Result<(), Error> {
    let known = KnownSas::default();
    TABLE.show_as(prog, format, |line| {
        Some(ErouteRow::parse(line, &known)?.json())
    })
}

/// The request that carries out an action.
fn request(action: &Action) -> Request<'static> {
    let (sa, del) = match *action {
        Action::Set { how, flow, said } => {
            return Request::AddFlow(AddFlow {
                said,
                sa: SaInfo {
                    flags: how.flags(),
                    ..SaInfo::default()
                },
                src: Some(Said::any(&said.dst)),
                flow,
                ident_src: None,
                ident_dst: None,
            });
        }
        Action::Delete { flow } => (None, DelAction::Delete(flow)),
        Action::List(_) | Action::Clear => (
            Some(SaInfo {
                flags: flags::CLEARFLOW,
                ..SaInfo::default()
            }),
            DelAction::Clear,
        ),
    };
    Request::DelFlow(DelFlow {
        sa,
        action: del,
        ident_src: None,
        ident_dst: None,
    })
}

/// The kernel's refusal: the sentence that always stood there, then what it means for this request.
fn explain(prog: &Prog, action: &Action, refused: Refused) -> Error {
    let errno = match refused {
        Refused::Errno(errno) => errno,
        Refused::Truncated(len) => {
            return prog.error(format_args!("pfkey write truncated to {len} bytes"))
        }
    };
    let number = refusal::number(errno);
    let sentence = refusal::eroute(errno, action.kind(), kernel::is_root());
    let text = format!("pfkey write failed, returning -1 with errno={number}.\n{sentence}");
    let why = action.reason(errno);
    prog.error(text)
        .then_told(&prog.line(format_args!("cannot {action}: {why}")))
}

impl Action {
    const fn kind(&self) -> FlowRequest {
        match self {
            Self::Set {
                how: Set::Add | Set::Replace,
                ..
            } => FlowRequest::Set,
            Self::Set { .. } => FlowRequest::SetInbound,
            Self::Delete { .. } => FlowRequest::Delete,
            Self::Clear | Self::List(_) => FlowRequest::Clear,
        }
    }

    /// What an errno means for this action.
    fn reason(&self, errno: Errno) -> String {
        match (errno, self.kind(), self) {
            (Errno::EEXIST, ..) => {
                "the table has one for exactly these packets; '--replace' changes it".to_owned()
            }
            (Errno::ENOENT, FlowRequest::SetInbound, Self::Set { said, .. }) => {
                format!("there is no SA {said}, or no IPIP SA in its group")
            }
            (Errno::ENOENT | Errno::EFAULT | Errno::ENXIO, ..) => {
                "the table has none for exactly these packets".to_owned()
            }
            (errno, ..) => kernel::reason(errno).to_string(),
        }
    }
}

/// The action as the end of a sentence.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(_) => f.write_str("show the eroutes"),
            Self::Set { how, flow, said } => {
                write!(f, "{} {} => {said}", how.verb(), Selector(flow))
            }
            Self::Delete { flow } => write!(f, "delete the eroute {}", Selector(flow)),
            Self::Clear => f.write_str("delete all eroutes"),
        }
    }
}

/// A selector the way the listing writes one, with the protocol in words.
struct Selector<'a>(&'a Flow);

impl fmt::Display for Selector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(flow) = self;
        let end = |f: &mut fmt::Formatter<'_>, addr, mask, port| {
            write!(f, "{}", Net { addr, mask })?;
            if port == 0 {
                return Ok(());
            }
            write!(f, " port {port}")
        };
        end(f, flow.src, flow.src_mask, flow.sport)?;
        f.write_str(" -> ")?;
        end(f, flow.dst, flow.dst_mask, flow.dport)?;
        if flow.proto == 0 {
            return Ok(());
        }
        write!(f, " (protocol {})", flow.proto)
    }
}
