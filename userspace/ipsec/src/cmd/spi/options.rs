// SPDX-License-Identifier: GPL-2.0-only

//! The options of `spi`.

use crate::options::{Opt, Tool};

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    Ah,
    Esp,
    Comp,
    Ip4,
    Ip6,
    Del,
    Clear,
    Json,
    Af,
    Edst,
    Spi,
    Proto,
    Said,
    Src,
    Dst,
    AuthKey,
    EncKey,
    Iv,
    ReplayWindow,
    Esn,
    Life,
    NatT,
    NatOa,
    Sport,
    Dport,
    OutIf,
    Saref,
    SarefHim,
    DumpSaref,
    ListenReply,
    Debug,
    Label,
    OptionsFrom,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
pub(super) static TOOL: Tool<Id> = Tool {
    about: "Shows, makes and deletes security associations (SAs) by hand.",
    usage: &[
        "",
        "--json",
        "SA --ah ALG --authkey KEY [MORE]",
        "SA --esp ALG --enckey KEY [--authkey KEY] [MORE]",
        "SA --comp deflate|lzs [MORE]",
        "SA {--ip4 | --ip6} [--src ADDRESS] [--dst ADDRESS] [MORE]",
        "SA --del",
        "--clear",
        "--help | --version",
        "where SA is [--af inet|inet6] --edst ADDRESS --spi SPI --proto ah|esp|comp|tun, or --said SAID",
        "where MORE is [--src ADDRESS] [--replay_window N [--esn]] [--life LIMITS] [--natt nonesp|nonike|none|N] [--sport N] [--dport N]",
        "where all take [--debug] [--label TEXT] [--optionsfrom FILE]",
    ],
    options: &[
        Opt::new(Id::Ah, "ah", "ALG", "Make an AH SA: hmac-sha2-256-128, hmac-sha1-96, hmac-md5-96, ..."),
        Opt::new(Id::Esp, "esp", "ALG", "Make an ESP SA; see below"),
        Opt::new(Id::Comp, "comp", "ALG", "Make an IPComp SA: deflate or lzs"),
        Opt::new(Id::Ip4, "ip4", "", "Make an IPIP SA whose outer header is IPv4"),
        Opt::new(Id::Ip6, "ip6", "", "Make an IPIP SA whose outer header is IPv6"),
        Opt::new(Id::Del, "del", "", "Delete an SA and those grouped with it"),
        Opt::new(Id::Clear, "clear", "", "Delete all SAs, or with --proto those of one protocol"),
        Opt::new(Id::Af, "af", "FAMILY", "Family of the addresses: inet or inet6; goes before them"),
        Opt::new(Id::Edst, "edst", "ADDRESS", "Destination of the SA: address or name"),
        Opt::new(Id::Spi, "spi", "SPI", "SPI of the SA: decimal, or hexadecimal after 0x; 0x100 and up"),
        Opt::new(Id::Proto, "proto", "PROTO", "Protocol of the SA: ah, esp, comp or tun"),
        Opt::new(Id::Said, "said", "SAID", "The SA in one word: esp0x1234@10.0.0.2"),
        Opt::new(Id::Src, "src", "ADDRESS", "Source of the outer packet: address or name"),
        Opt::new(Id::Dst, "dst", "ADDRESS", "Destination of the outer packet; checked, but --edst or --said counts"),
        Opt::new(Id::AuthKey, "authkey", "KEY", "Authentication key"),
        Opt::new(Id::EncKey, "enckey", "KEY", "Encryption key, with the salt behind it if the algorithm has one"),
        Opt::new(Id::Iv, "iv", "IV", "Checked, but not used: the kernel makes its own"),
        Opt::new(Id::ReplayWindow, "replay_window", "N", "Width of the replay window in packets, 1 to 4096"),
        Opt::new(Id::Esn, "esn", "", "Extended sequence numbers of 64 bits (RFC 4304); takes a replay window"),
        Opt::new(Id::Life, "life", "LIMITS", "Limits, as in soft-bytes=900000,hard-addtime=86400"),
        Opt::new(Id::NatT, "natt", "TYPE", "UDP encapsulation: nonesp (RFC 3948), nonike, none or a number"),
        Opt::new(Id::NatOa, "natoa", "ADDRESS", "The peer's own address, behind address translation"),
        Opt::new(Id::Sport, "sport", "N", "UDP source port"),
        Opt::new(Id::Dport, "dport", "N", "UDP destination port"),
        Opt::new(Id::OutIf, "outif", "N", "Number of the interface that packets are bound to"),
        Opt { also: &["saref_me"], ..Opt::new(Id::Saref, "sarefme", "N", "Wanted reference of the SA") },
        Opt { also: &["saref_him"], ..Opt::new(Id::SarefHim, "sarefhim", "N", "Reference of its twin") },
        Opt { also: &["saref"], ..Opt::new(Id::DumpSaref, "dumpsaref", "", "Show the references that the kernel's reply has") },
        Opt::new(Id::ListenReply, "listenreply", "", "Wait for the kernel's reply"),
        Opt::new(Id::Json, "json", "", "Show the SAs as JSON"),
        Opt::new(Id::Debug, "debug", "", "Say what is being asked of the kernel"),
        Opt::new(Id::Label, "label", "TEXT", "Put this into the tool's messages"),
        Opt::new(Id::OptionsFrom, "optionsfrom", "FILE", "Read more options from a file"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: None,
    notes: "Without options the SAs are shown, one per line.\n\n\
            --esp takes aes, aes-ctr, camellia, twofish, serpent, 3des or null, a dash, and sha2-256-128,\n\
            sha2-384-192, sha2-512-256, sha1-96, aes-xcbc-96, aes-cmac-96 or md5-96 (without the last\n\
            number, too); or aes-gcm, aes-gcm-12, aes-gcm-8, aes-ccm, aes-ccm-12, aes-ccm-8, aes-gmac or\n\
            chacha20-poly1305, which authenticate by themselves. aes128 and the like fix the key's size.\n\n\
            A KEY is 0x and hexadecimal digits, 0s and base 64, or 0t and text. @FILE reads that from a\n\
            file and @- a line of standard input, out of sight of other users' ps.\n\n\
            Examples:\n  \
            ipsec spi --said tun0x1000@192.0.2.2 --ip4 --src 192.0.2.1 --dst 192.0.2.2\n  \
            ipsec spi --said esp0x1001@192.0.2.2 --src 192.0.2.1 --esp aes128-gcm --enckey @key --replay_window 64\n  \
            ipsec spi --said esp0x1001@192.0.2.2 --del\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("spi")
}
