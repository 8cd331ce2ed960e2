// SPDX-License-Identifier: GPL-2.0-only

//! The numbers of the dialect: messages, extensions, and what stands in policies.

use crate::pfkey::types::numbered;

numbered! {
    /// `sadb_msg_type`.
    MsgType: u8 {
        /// Choose an SPI and make a larval SA.
        GetSpi = 1 "getspi",
        /// Change an SA, or make a larval one whole.
        Update = 2 "update",
        /// Make an SA.
        Add = 3 "add",
        /// Remove an SA.
        Delete = 4 "delete",
        /// Read an SA.
        Get = 5 "get",
        /// An SA is wanted; from a key daemon, that none could be had.
        Acquire = 6 "acquire",
        /// Subscribe to notifications and learn the algorithms.
        Register = 7 "register",
        /// A limit of an SA has passed.
        Expire = 8 "expire",
        /// Remove all SAs of a protocol.
        Flush = 9 "flush",
        /// List SAs.
        Dump = 10 "dump",
        /// See every message.
        Promisc = 11 "x-promisc",
        /// Not used.
        Pchange = 12 "x-pchange",
        /// Add or replace a policy.
        SpdUpdate = 13 "x-spdupdate",
        /// Add a policy.
        SpdAdd = 14 "x-spdadd",
        /// Remove the policy of a selector.
        SpdDelete = 15 "x-spddelete",
        /// Read the policy of a number.
        SpdGet = 16 "x-spdget",
        /// Not used.
        SpdAcquire = 17 "x-spdacquire",
        /// List policies.
        SpdDump = 18 "x-spddump",
        /// Remove all policies.
        SpdFlush = 19 "x-spdflush",
        /// The same as `SpdAdd`.
        SpdSetIdx = 20 "x-spdsetidx",
        /// A limit of a policy has passed.
        SpdExpire = 21 "x-spdexpire",
        /// Remove the policy of a number.
        SpdDelete2 = 22 "x-spddelete2",
        /// The NAT mapping of a peer has changed.
        NatTNewMapping = 23 "x-nat-t-new-mapping",
        /// Move a policy and its SAs to other ends.
        Migrate = 24 "x-migrate",
    }
}

numbered! {
    /// `sadb_ext_type`.
    ExtType: u16 {
        /// SPI, algorithms and flags.
        Sa = 1 "sa",
        /// What has been used of a lifetime.
        LifetimeCurrent = 2 "lifetime-current",
        /// Limits that end something.
        LifetimeHard = 3 "lifetime-hard",
        /// Limits that give a warning.
        LifetimeSoft = 4 "lifetime-soft",
        /// Source: of an SA its end, of a policy its network.
        AddressSrc = 5 "address-src",
        /// Destination.
        AddressDst = 6 "address-dst",
        /// Whom an SA stands in for.
        AddressProxy = 7 "address-proxy",
        /// Authentication key.
        KeyAuth = 8 "key-auth",
        /// Encryption key.
        KeyEncrypt = 9 "key-encrypt",
        /// Identity of the source.
        IdentitySrc = 10 "identity-src",
        /// Identity of the destination.
        IdentityDst = 11 "identity-dst",
        /// Sensitivity label.
        Sensitivity = 12 "sensitivity",
        /// Proposed algorithms of an ACQUIRE.
        Proposal = 13 "proposal",
        /// Authentication algorithms that there are.
        SupportedAuth = 14 "supported-auth",
        /// Encryption algorithms that there are.
        SupportedEncrypt = 15 "supported-encrypt",
        /// SPIs to choose from.
        SpiRange = 16 "spirange",
        /// Private to key management.
        KmPrivate = 17 "x-kmprivate",
        /// A policy.
        Policy = 18 "x-policy",
        /// Mode and reqid of an SA.
        Sa2 = 19 "x-sa2",
        /// UDP encapsulation.
        NatTType = 20 "x-nat-t-type",
        /// UDP source port.
        NatTSport = 21 "x-nat-t-sport",
        /// UDP destination port.
        NatTDport = 22 "x-nat-t-dport",
        /// The peer's address behind its NAT.
        NatTOa = 23 "x-nat-t-oa",
        /// Security context.
        SecCtx = 24 "x-sec-ctx",
        /// The ends of the key daemons' conversation.
        KmAddress = 25 "x-kmaddress",
        /// Which SAs to list.
        Filter = 26 "x-filter",
    }
}

numbered! {
    /// `sadb_msg_satype`, those that have SAs.
    SaType: u8 {
        /// AH.
        Ah = 2 "ah",
        /// ESP.
        Esp = 3 "esp",
        /// IPComp.
        IpComp = 9 "ipcomp",
    }
}

impl SaType {
    /// The satype of an IP protocol.
    pub const fn of_proto(proto: u8) -> Option<Self> {
        match proto {
            50 => Some(Self::Esp),
            51 => Some(Self::Ah),
            108 => Some(Self::IpComp),
            _ => None,
        }
    }

    /// Its IP protocol.
    pub const fn proto(self) -> u8 {
        match self {
            Self::Esp => 50,
            Self::Ah => 51,
            Self::IpComp => 108,
        }
    }
}

numbered! {
    /// `sadb_x_policy_type`.
    Action: u16 {
        /// Packets are dropped.
        Discard = 0 "discard",
        /// Packets pass in clear.
        None = 1 "none",
        /// Packets are protected.
        Ipsec = 2 "ipsec",
        /// Of a socket: the table decides.
        Entrust = 3 "entrust",
        /// Of a socket: packets pass in clear, whatever the table says.
        Bypass = 4 "bypass",
    }
}

numbered! {
    /// `sadb_x_policy_dir` of a policy in the table. A dump also has policies of sockets, with other numbers.
    Direction: u8 {
        /// For this machine.
        In = 1 "in",
        /// From this machine, and what it forwards.
        Out = 2 "out",
        /// What came protected and is forwarded.
        Forward = 3 "fwd",
    }
}

impl Direction {
    /// The direction of the policy with this number, which has it in its low bits.
    pub const fn of_policy(id: u32) -> Option<Self> {
        match id & 7 {
            0 => Some(Self::In),
            1 => Some(Self::Out),
            2 => Some(Self::Forward),
            _ => None,
        }
    }
}

numbered! {
    /// `sadb_x_ipsecrequest_level`.
    Level: u8 {
        /// As the system has it: `Require`.
        Default = 0 "default",
        /// With an SA if there is one.
        Use = 1 "use",
        /// Only with an SA.
        Require = 2 "require",
        /// Only with an SA that is for this policy.
        Unique = 3 "unique",
    }
}

numbered! {
    /// `sadb_x_sa2_mode` and `sadb_x_ipsecrequest_mode`.
    Mode: u8 {
        /// Any of them.
        Any = 0 "any",
        /// Transport mode.
        Transport = 1 "transport",
        /// Tunnel mode.
        Tunnel = 2 "tunnel",
        /// A tunnel whose inner addresses are fixed and not sent.
        Beet = 3 "beet",
    }
}

/// `sadb_sa_flags`.
pub mod flags {
    /// Congestion marks are not copied.
    pub const NOECN: u32 = 0x8000_0000;
    /// The inner traffic class is taken from the outer one.
    pub const DECAP_DSCP: u32 = 0x4000_0000;
    /// The outer packet may be fragmented.
    pub const NOPMTUDISC: u32 = 0x2000_0000;
    /// All of them.
    pub const ALL: u32 = NOECN | DECAP_DSCP | NOPMTUDISC;
}

/// The transport protocol of an address that means all of them.
pub const ANY_PROTO: u8 = 255;
/// The highest reqid that a person may choose; the kernel takes those above for what it chooses itself.
pub const REQID_MAX: u32 = 0x3fff;
/// The authentication algorithm that does nothing, `SADB_X_AALG_NULL`.
pub const AUTH_NULL: u8 = 251;
/// The cipher that does nothing, `SADB_EALG_NULL`.
pub const ENC_NULL: u8 = 11;
