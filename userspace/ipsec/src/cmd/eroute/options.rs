// SPDX-License-Identifier: GPL-2.0-only

//! The options of `eroute`.

use crate::options::{Opt, Tool};

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Add,
    AddIn,
    Replace,
    ReplaceIn,
    Del,
    Clear,
    Json,
    Eraf,
    Src,
    Dst,
    Transport,
    SrcPort,
    DstPort,
    Af,
    Edst,
    Spi,
    Proto,
    Said,
    Debug,
    Label,
    OptionsFrom,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
pub(super) static TOOL: Tool<Id> = Tool {
    about: "Shows and changes the eroutes: which packets that are routed to an ipsecN device go through which SA.",
    usage: &[
        "",
        "--json",
        "--add | --addin | --replace | --replacein [--eraf inet|inet6] --src N/M --dst N/M [SELECTOR] SA",
        "--del [--eraf inet|inet6] --src N/M --dst N/M [SELECTOR]",
        "--clear",
        "--help | --version",
        "where SELECTOR is [--transport-proto PROTO] [--src-port PORT] [--dst-port PORT]",
        "where SA is [--af inet|inet6] --edst ADDRESS --spi SPI --proto ah|esp|tun|comp, or --said SAID",
        "where all take [--debug] [--label TEXT] [--optionsfrom FILE]",
    ],
    options: &[
        Opt::new(Id::Add, "add", "", "Add an eroute"),
        Opt::new(Id::AddIn, "addin", "", "Let the IPIP SA of the group accept only these packets inbound"),
        Opt::new(Id::Replace, "replace", "", "Give an eroute another SA"),
        Opt::new(Id::ReplaceIn, "replacein", "", "The same for what --addin sets"),
        Opt::new(Id::Del, "del", "", "Delete the eroute for exactly these packets"),
        Opt::new(Id::Clear, "clear", "", "Delete all eroutes"),
        Opt::new(Id::Eraf, "eraf", "FAMILY", "Family of --src and --dst: inet or inet6; goes before them"),
        Opt::new(Id::Src, "src", "N/M", "Source network: address or name, slash, bits or mask"),
        Opt::new(Id::Dst, "dst", "N/M", "Destination network"),
        Opt::new(Id::Transport, "transport-proto", "PROTO", "Only this protocol: a name in /etc/protocols or 0 to 255"),
        Opt::new(Id::SrcPort, "src-port", "PORT", "Only this source port: a name in /etc/services or a number"),
        Opt::new(Id::DstPort, "dst-port", "PORT", "Only this destination port"),
        Opt::new(Id::Af, "af", "FAMILY", "Family of --edst: inet or inet6; goes before it"),
        Opt::new(Id::Edst, "edst", "ADDRESS", "Destination of the SA: address or name"),
        Opt::new(Id::Spi, "spi", "SPI", "SPI of the SA: decimal, or hexadecimal after 0x; 0x100 and up"),
        Opt::new(Id::Proto, "proto", "PROTO", "Protocol of the SA: ah, esp, tun or comp"),
        Opt::new(Id::Said, "said", "SAID", "The SA in one word (esp0x1234@10.0.0.2), or a shunt such as %drop"),
        Opt::new(Id::Json, "json", "", "Show the table as JSON"),
        Opt::new(Id::Debug, "debug", "", "Say what is being asked of the kernel"),
        Opt::new(Id::Label, "label", "TEXT", "Put this into the tool's messages"),
        Opt::new(Id::OptionsFrom, "optionsfrom", "FILE", "Read more options from a file"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: None,
    notes: "Without options the table is shown: packets so far, source, destination, SA.\n\
            Shunts: %pass sends in clear, %drop discards, %reject discards and tells the sender,\n\
            %hold keeps the packet, %trap and %trapsubnet ask the key daemon for an SA.\n\n\
            Examples:\n  \
            ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2\n  \
            ipsec eroute --replace --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %drop\n  \
            ipsec eroute --del --src 10.1.0.0/16 --dst 10.2.0.0/16\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("eroute")
}
