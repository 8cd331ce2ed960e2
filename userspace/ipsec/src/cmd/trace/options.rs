// SPDX-License-Identifier: GPL-2.0-only

//! The command line of `trace`.

use std::ffi::OsString;

use klips_core::addr::Family;
use klips_core::eroute::Key;

use crate::error::Error;
use crate::listing::Format;
use crate::options::{BadLine, Given, Opt, Tool};
use crate::prog::Prog;
use crate::{names, resolve, version};

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Json,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
static TOOL: Tool<Id> = Tool {
    about: "Says what would become of a packet: which route, device, eroute and SAs it takes, and how long it may be.",
    usage: &["[--json] SRC DST [PROTO [SPORT DPORT]]", "--help | --version"],
    options: &[
        Opt::new(Id::Json, "json", "", "Say it as JSON"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: Some(("PACKET", "Addresses, protocol and ports; numbers or names")),
    notes: "Nothing is sent and nothing is changed.\n\nExample:\n  ipsec trace 10.1.0.5 10.2.0.9 tcp 1025 80\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("trace")
}

/// Reads the command line: the packet, and how to tell about it.
///
/// # Errors
///
/// What is wrong with it; `--help` and `--version` are errors too.
pub(super) fn read(
    prog: &Prog,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Key, Format), Error> {
    let usage = |text: &str| prog.error(text).then_shown(&TOOL.usage(prog));
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) | BadLine::OptionsFrom(text) => usage(&text),
    })?;
    let (mut format, mut words) = (Format::Classic, Vec::new());
    for given in given {
        match given {
            Given::Option(Id::Json, _) => format = Format::Json,
            Given::Option(Id::Help, _) => return Err(Error::shown(TOOL.help(prog)).with_status(0)),
            Given::Option(Id::Version, _) => {
                return Err(Error::shown(version::banner("ipsec trace")).with_status(0));
            }
            Given::Word(word) => words.push(word),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let packet = match *words.as_slice() {
        [src, dst] => packet(src, dst, "0", None),
        [src, dst, proto] => packet(src, dst, proto, None),
        [src, dst, proto, sport, dport] => packet(src, dst, proto, Some((sport, dport))),
        _ => {
            return Err(usage(
                "expecting two addresses, and perhaps a protocol and two ports",
            ))
        }
    };
    Ok((packet.map_err(|text| prog.error(text))?, format))
}

/// The packet of these words.
fn packet(src: &str, dst: &str, proto: &str, ports: Option<(&str, &str)>) -> Result<Key, String> {
    let address = |text: &str, family: Option<Family>| {
        resolve::address(text, family).map_err(|why| format!("{why}: {text}"))
    };
    let src = address(src, None)?;
    let dst = address(dst, Some(Family::of(&src)))?;
    let proto_number = names::protocol(proto).map_err(|_| format!("unknown protocol: {proto}"))?;
    let port = |text: &str| {
        names::port(text, Some(proto_number)).map_err(|_| format!("unknown port: {text}"))
    };
    let (sport, dport) = match ports {
        None => (0, 0),
        Some(_) if !matches!(proto_number, names::TCP | names::UDP) => {
            return Err(format!("protocol {proto} has no ports; udp and tcp have"));
        }
        Some((sport, dport)) => (port(sport)?, port(dport)?),
    };
    Key::new(&src, &dst, proto_number, sport, dport)
        .ok_or_else(|| "source and destination are of different address families".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    fn line(line: &str) -> Result<(Key, Format), Error> {
        read(&Prog::new("ipsec trace"), words(line))
    }

    #[test]
    fn packets() {
        let (key, format) = line("10.1.0.5 10.2.0.9 tcp 1025 80").unwrap();
        assert_eq!(
            (key.proto, key.sport, key.dport, format),
            (6, 1025, 80, Format::Classic)
        );
        let (key, format) = line("--json 2001:db8::1 2001:db8::2").unwrap();
        assert_eq!(
            (key.proto, key.family, format),
            (0, Family::V6, Format::Json)
        );
        assert_eq!(line("10.0.0.1 10.0.0.2 icmp").unwrap().0.proto, 1);
    }

    #[test]
    fn mistakes() {
        for (text, want) in [
            (
                "10.1.0.5",
                "expecting two addresses, and perhaps a protocol and two ports",
            ),
            (
                "10.1.0.5 10.2.0.9 tcp 1",
                "expecting two addresses, and perhaps a protocol and two ports",
            ),
            (
                "10.1.0.5 10.2.0.9 icmp 1 2",
                "protocol icmp has no ports; udp and tcp have",
            ),
            ("10.1.0.5 10.2.0.9 no-such", "unknown protocol: no-such"),
        ] {
            let error = line(text).unwrap_err();
            assert_eq!(
                (error.stderr(), error.status()),
                (format!("ipsec trace: {want}\n").as_str(), 1)
            );
        }
    }
}
