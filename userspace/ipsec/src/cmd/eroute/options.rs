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

const fn opt(id: Id, name: &'static str, value: &'static str, help: &'static str) -> Opt<Id> {
    Opt {
        id,
        name,
        also: &[],
        value,
        help,
    }
}

/// What the tool accepts and says about itself.
pub(super) static TOOL: Tool<Id> = Tool {
    about: "Shows and changes the eroutes: which packets that are routed to an ipsecN device go through which SA.",
    usage: &[
        "",
        "--{add|addin|replace|replacein} [--eraf inet|inet6] --src N/M --dst N/M [SELECTOR] SA",
        "--del [--eraf inet|inet6] --src N/M --dst N/M [SELECTOR]",
        "--clear",
        "--help | --version",
        "where SELECTOR is [--transport-proto P] [--src-port P] [--dst-port P]",
        "where SA is [--af inet|inet6] --edst A --spi S --proto ah|esp|tun|comp, or --said SAID",
        "where all take [--debug] [--label TEXT] [--optionsfrom FILE]",
    ],
    options: &[
        opt(Id::Add, "add", "", "Add an eroute"),
        opt(Id::AddIn, "addin", "", "Let the IPIP SA of the group accept only these packets inbound"),
        opt(Id::Replace, "replace", "", "Give an eroute another SA"),
        opt(Id::ReplaceIn, "replacein", "", "The same for what --addin sets"),
        opt(Id::Del, "del", "", "Delete the eroute for exactly these packets"),
        opt(Id::Clear, "clear", "", "Delete all eroutes"),
        opt(Id::Eraf, "eraf", "FAMILY", "Family of --src and --dst: inet or inet6; goes before them"),
        opt(Id::Src, "src", "N/M", "Source network: address or name, slash, bits or mask"),
        opt(Id::Dst, "dst", "N/M", "Destination network"),
        opt(Id::Transport, "transport-proto", "P", "Only this protocol: a name in /etc/protocols or 0 to 255"),
        opt(Id::SrcPort, "src-port", "PORT", "Only this source port: a name in /etc/services or a number"),
        opt(Id::DstPort, "dst-port", "PORT", "Only this destination port"),
        opt(Id::Af, "af", "FAMILY", "Family of --edst: inet or inet6; goes before it"),
        opt(Id::Edst, "edst", "A", "Destination of the SA: address or name"),
        opt(Id::Spi, "spi", "S", "SPI of the SA: decimal, or hexadecimal after 0x; 0x100 and up"),
        opt(Id::Proto, "proto", "PROTO", "Protocol of the SA: ah, esp, tun or comp"),
        opt(Id::Said, "said", "SAID", "The SA in one word (esp0x1234@10.0.0.2), or a shunt such as %drop"),
        opt(Id::Debug, "debug", "", "Say what is being asked of the kernel"),
        opt(Id::Label, "label", "TEXT", "Put this into the tool's messages"),
        opt(Id::OptionsFrom, "optionsfrom", "FILE", "Read more options from a file"),
        opt(Id::Help, "help", "", "Show this text"),
        opt(Id::Version, "version", "", "Show the version"),
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
