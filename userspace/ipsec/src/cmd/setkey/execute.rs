// SPDX-License-Identifier: GPL-2.0-only

//! Carrying out what scripts say, statement by statement. What the kernel refuses is told, and the next one follows.

use klips_core::pfkey::linux::{compose, Endpoint, Message, Request, Sa, SpdEntry};
use klips_pfkey::Errno;

use super::options::Manner;
use super::session::{origin, Session, Verdict};
use super::show::Printer;
use super::statement::{Command, Ends, PolicySpec, PolicyVerb, SaSpec, SaVerb, Statement};
use super::Script;
use crate::error::Error;
use crate::output;
use crate::prog::Prog;

/// Carries scripts out.
///
/// # Errors
///
/// No kernel to speak to, or, with nothing left to say, that it refused something.
pub(super) fn scripts(prog: &Prog, manner: Manner, scripts: &[Script]) -> Result<(), Error> {
    let mut session = Session::open(prog, manner)?;
    let mut printer = Printer::new(manner);
    let mut refused = false;
    for script in scripts {
        for statement in &script.statements {
            let verdict = carry_out(&mut session, &mut printer, manner, statement)?;
            if let Err(errno) = verdict {
                // What has been shown comes before what went wrong behind it.
                printer.flush()?;
                let Statement { place, name, .. } = statement;
                let why = refusal(errno, &statement.command);
                let title = &script.title;
                output::err(&prog.line(format_args!("{title}:{place}: {name}: {why}")));
                refused = true;
            }
        }
    }
    printer.flush()?;
    match refused {
        true => Err(Error::silent(1)),
        false => Ok(()),
    }
}

/// Makes all messages of scripts and sends none.
///
/// # Errors
///
/// That one does not fit into a message.
pub(super) fn rehearse(prog: &Prog, manner: Manner, scripts: &[Script]) -> Result<(), Error> {
    let mut printer = Printer::new(manner);
    each_message(prog, manner, scripts, &mut |message| match manner.verbose {
        true => printer.message(message),
        false => Ok(()),
    })?;
    printer.flush()
}

/// Calls `one` with all messages of scripts, as far as they do not depend on the kernel's answers.
///
/// # Errors
///
/// As [`rehearse`], and those of `one`.
pub(super) fn each_message(
    prog: &Prog,
    manner: Manner,
    scripts: &[Script],
    one: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut room = zeroize::Zeroizing::new(vec![0; 1 << 16]);
    for script in scripts {
        for statement in &script.statements {
            let mut request = |request: &Request<'_>| {
                let message = compose::request(&mut room, origin(), request).map_err(|_| {
                    let (title, place) = (&script.title, statement.place);
                    prog.error(format_args!(
                        "{title}:{place}: this is too long for a message"
                    ))
                })?;
                one(message)
            };
            for_each_request(&statement.command, manner, &mut request)?;
        }
    }
    Ok(())
}

/// The messages that a command is, as far as they do not depend on the kernel's answers.
fn for_each_request(
    command: &Command,
    manner: Manner,
    one: &mut dyn FnMut(&Request<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    match command {
        Command::Sa(verb, pairs, spec) => pairs
            .iter()
            .try_for_each(|ends| one(&sa_request(*verb, spec, ends))),
        Command::Policy(verb, selectors, spec) => {
            let forwarded = spec.forwarded().filter(|_| !manner.no_forward);
            for (src, dst) in selectors {
                one(&policy_request(*verb, spec.entry(*src, *dst)))?;
                if let Some(spec) = &forwarded {
                    one(&policy_request(*verb, spec.entry(*src, *dst)))?;
                }
            }
            Ok(())
        }
        Command::DeleteAll(_, satype) | Command::Dump(Some(satype)) => one(&Request::Dump {
            satype: Some(*satype),
            filter: None,
        }),
        Command::Dump(None) => one(&Request::Dump {
            satype: None,
            filter: None,
        }),
        Command::Flush(satype) => one(&Request::Flush(*satype)),
        Command::SpdGet(id) => one(&Request::SpdGet(*id)),
        Command::SpdFlush => one(&Request::SpdFlush),
        Command::SpdDump => one(&Request::SpdDump),
    }
}

fn sa_request<'a>(verb: SaVerb, spec: &'a SaSpec, ends: &Ends) -> Request<'a> {
    match verb {
        SaVerb::Add => Request::Add(spec.whole(ends)),
        SaVerb::Update => Request::Update(spec.whole(ends)),
        SaVerb::Get => Request::Get(spec.named(ends)),
        SaVerb::Delete => Request::Delete(spec.named(ends)),
        SaVerb::GetSpi(range) => Request::GetSpi {
            sa: spec.whole(ends),
            range,
            seq: 0,
        },
    }
}

fn policy_request(verb: PolicyVerb, entry: SpdEntry<'_>) -> Request<'_> {
    match verb {
        PolicyVerb::Add => Request::SpdAdd(entry),
        PolicyVerb::Update => Request::SpdUpdate(entry),
        PolicyVerb::Delete => Request::SpdDelete(entry),
        // The kernel finds a policy by its number alone, so they are looked through.
        PolicyVerb::Get => Request::SpdDump,
    }
}

fn carry_out(
    session: &mut Session<'_>,
    printer: &mut Printer,
    manner: Manner,
    statement: &Statement,
) -> Result<Verdict, Error> {
    match &statement.command {
        Command::Sa(verb, pairs, spec) => {
            let shows = matches!(verb, SaVerb::Get | SaVerb::GetSpi(_));
            each(pairs, |ends| {
                let request = sa_request(*verb, spec, ends);
                match shows {
                    true => list(session, printer, &request),
                    false => session.order(printer, &request),
                }
            })
        }
        Command::DeleteAll(pairs, satype) => {
            each(pairs, |ends| delete_all(session, printer, ends, *satype))
        }
        Command::Policy(PolicyVerb::Get, selectors, spec) => each(selectors, |(src, dst)| {
            find(session, printer, &spec.entry(*src, *dst))
        }),
        Command::Policy(verb, selectors, spec) => {
            let forwarded = spec.forwarded().filter(|_| !manner.no_forward);
            each(selectors, |(src, dst)| {
                let request = policy_request(*verb, spec.entry(*src, *dst));
                let verdict = session.order(printer, &request)?;
                match &forwarded {
                    Some(copy) if verdict.is_ok() => {
                        forward(session, printer, *verb, copy, (*src, *dst))
                    }
                    _ => Ok(verdict),
                }
            })
        }
        Command::Dump(_) | Command::SpdDump => {
            let mut verdict = Ok(Ok(()));
            for_each_request(&statement.command, manner, &mut |request| {
                verdict = list(session, printer, request);
                Ok(())
            })?;
            verdict
        }
        Command::SpdGet(id) => list(session, printer, &Request::SpdGet(*id)),
        Command::Flush(satype) => session.order(printer, &Request::Flush(*satype)),
        Command::SpdFlush => session.order(printer, &Request::SpdFlush),
    }
}

/// Does something for each of a list, and gives the first verdict that is not yes.
fn each<T>(
    list: &[T],
    mut one: impl FnMut(&T) -> Result<Verdict, Error>,
) -> Result<Verdict, Error> {
    let mut verdict = Ok(());
    for item in list {
        let this = one(item)?;
        verdict = verdict.and(this);
    }
    Ok(verdict)
}

/// The policy in direction fwd that goes with one in direction in.
fn forward(
    session: &mut Session<'_>,
    printer: &mut Printer,
    verb: PolicyVerb,
    copy: &PolicySpec,
    (src, dst): (Endpoint, Endpoint),
) -> Result<Verdict, Error> {
    let request = policy_request(verb, copy.entry(src, dst));
    let verdict = session.order(printer, &request)?;
    match (verb, verdict) {
        // It may have been made without.
        (PolicyVerb::Delete, Err(Errno::ENOENT)) => Ok(Ok(())),
        (_, verdict) => Ok(verdict),
    }
}

/// Shows what answers a request. A listing of nothing is no failure.
pub(super) fn list(
    session: &mut Session<'_>,
    printer: &mut Printer,
    request: &Request<'_>,
) -> Result<Verdict, Error> {
    let nothing = match request {
        Request::Dump { .. } => Some("No SAD entries."),
        Request::SpdDump => Some("No SPD entries."),
        _ => None,
    };
    let verdict = session.ask(printer, request, |printer, envelope, message| {
        printer.item(envelope, message)
    })?;
    match (nothing, verdict) {
        (Some(_), Err(Errno::ENOENT)) => printer.end_of_list(nothing).map(Ok),
        (_, Ok(())) => printer.end_of_list(None).map(Ok),
        (_, verdict) => Ok(verdict),
    }
}

/// Removes the SAs between two addresses.
fn delete_all(
    session: &mut Session<'_>,
    printer: &mut Printer,
    ends: &Ends,
    satype: klips_core::pfkey::linux::SaType,
) -> Result<Verdict, Error> {
    let mut found: Vec<Sa<'static>> = Vec::new();
    let request = Request::Dump {
        satype: Some(satype),
        filter: None,
    };
    let verdict = session.ask(printer, &request, |_, _, message| {
        if let Message::Sa(sa) = message {
            if (sa.src.addr, sa.dst.addr) == (ends.src, ends.dst) {
                let (src, dst) = (Endpoint::whole(ends.src), Endpoint::whole(ends.dst));
                found.push(Sa::named(satype, sa.info.spi, src, dst));
            }
        }
        Ok(())
    })?;
    match verdict {
        Err(Errno::ENOENT) => return Ok(Ok(())),
        Err(errno) => return Ok(Err(errno)),
        Ok(()) => {}
    }
    each(&found, |sa| {
        let verdict = session.order(printer, &Request::Delete(*sa))?;
        // It may have gone by itself since.
        Ok(verdict.or_else(|errno| match errno {
            Errno::ESRCH => Ok(()),
            errno => Err(errno),
        }))
    })
}

/// Shows the policy of a selector and direction.
fn find(
    session: &mut Session<'_>,
    printer: &mut Printer,
    wanted: &SpdEntry<'_>,
) -> Result<Verdict, Error> {
    let mut found = false;
    let verdict =
        session.ask(
            printer,
            &Request::SpdDump,
            |printer, envelope, message| match message {
                Message::Policy(entry) if is_same(entry, wanted) => {
                    found = true;
                    printer.item(envelope, message)
                }
                _ => Ok(()),
            },
        )?;
    match (verdict, found) {
        (Ok(()), true) => printer.end_of_list(None).map(Ok),
        (Ok(()), false) => Ok(Err(Errno::ENOENT)),
        (verdict, _) => Ok(verdict),
    }
}

/// Whether a policy has the selector and direction of another one.
fn is_same(one: &SpdEntry<'_>, other: &SpdEntry<'_>) -> bool {
    // All protocols are 0 or 255.
    let same = |one: &Endpoint, other: &Endpoint| {
        let proto = |end: &Endpoint| if end.proto == 255 { 0 } else { end.proto };
        (one.addr, one.prefix_len, one.port) == (other.addr, other.prefix_len, other.port)
            && proto(one) == proto(other)
    };
    one.policy.direction == other.policy.direction
        && same(&one.src, &other.src)
        && same(&one.dst, &other.dst)
}

/// Why the kernel refused something.
fn refusal(errno: Errno, command: &Command) -> String {
    let about_sa = matches!(command, Command::Sa(..) | Command::DeleteAll(..));
    let hint = match (errno, command) {
        (Errno::ESRCH, _) if about_sa => "there is no such SA",
        (Errno::EEXIST, _) if about_sa => "there is such an SA already",
        (Errno::ENOSYS, _) if about_sa => "this kernel has no such algorithm",
        (Errno::ENOENT, Command::Sa(SaVerb::GetSpi(_), ..)) => "none of these SPIs is free",
        (Errno::EEXIST, Command::Policy(..)) => "there is a policy of this selector already",
        (Errno::ENOENT, Command::Policy(..) | Command::SpdGet(_)) => {
            return "No entry: there is no such policy".to_owned();
        }
        (Errno::EBUSY, _) => "another listing is under way",
        _ => return errno.desc().to_owned(),
    };
    format!("{}: {hint}", errno.desc())
}
