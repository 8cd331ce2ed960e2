// SPDX-License-Identifier: GPL-2.0-only

//! The numbers of PF_KEY: message types, extension types, flags, states.

/// Defines an enum whose variants have a wire number and a name, with both conversions.
macro_rules! numbered {
    (
        $(#[$meta:meta])*
        $name:ident: $repr:ty {
            $($(#[$doc:meta])* $variant:ident = $number:literal $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Every variant, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The number on the wire.
            pub const fn number(self) -> $repr {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The variant with this number.
            pub const fn from_number(number: $repr) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The customary name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// `sadb_msg_type`. The names are those of the `pf_key` tool.
    MsgType: u8 {
        /// Choose an SPI and make a larval SA.
        GetSpi = 1 "getspi",
        /// Change an SA.
        Update = 2 "update",
        /// Make an SA.
        Add = 3 "add",
        /// Remove an SA and its group.
        Delete = 4 "delete",
        /// Read an SA.
        Get = 5 "get",
        /// The kernel wants an SA negotiated.
        Acquire = 6 "acquire",
        /// Subscribe to a satype and learn its algorithms.
        Register = 7 "register",
        /// A lifetime of an SA has passed.
        Expire = 8 "expire",
        /// Remove all SAs of a satype.
        Flush = 9 "flush",
        /// List all SAs; not supported.
        Dump = 10 "dump",
        /// See every message; not supported.
        Promisc = 11 "x-promisc",
        /// Policy change; not supported.
        Pchange = 12 "x-pchange",
        /// Chain two SAs, or unchain one.
        Grpsa = 13 "x-groupsa",
        /// Add or replace an eroute, or set the inbound policy of an SA.
        AddFlow = 14 "x-addflow(eroute)",
        /// Delete one eroute or all of them.
        DelFlow = 15 "x-delflow(eroute)",
        /// Change the debugging masks.
        Debug = 16 "x-debug",
        /// The NAT mapping of a peer has changed.
        NatTNewMapping = 17 "x-natt-new-mapping",
        /// Create an interface.
        PlumbIf = 18 "x-plumbif",
        /// Remove an interface.
        UnplumbIf = 19 "x-unplumbif",
    }
}

numbered! {
    /// `sadb_ext_type`.
    ExtType: u16 {
        /// SPI, algorithms and flags of an SA.
        Sa = 1 "SA",
        /// What an SA has used up.
        LifetimeCurrent = 2 "LIFETIME_CURRENT",
        /// Limits at which an SA dies.
        LifetimeHard = 3 "LIFETIME_HARD",
        /// Limits at which an SA should be replaced.
        LifetimeSoft = 4 "LIFETIME_SOFT",
        /// Source of the outer packet.
        AddressSrc = 5 "ADDRESS_SRC",
        /// Destination of the outer packet.
        AddressDst = 6 "ADDRESS_DST",
        /// The address for which an SA is kept.
        AddressProxy = 7 "ADDRESS_PROXY",
        /// Authentication key.
        KeyAuth = 8 "KEY_AUTH",
        /// Encryption key.
        KeyEncrypt = 9 "KEY_ENCRYPT",
        /// Identity of the source.
        IdentitySrc = 10 "IDENTITY_SRC",
        /// Identity of the destination.
        IdentityDst = 11 "IDENTITY_DST",
        /// Sensitivity label; refused.
        Sensitivity = 12 "SENSITIVITY",
        /// Proposed algorithms of an ACQUIRE.
        Proposal = 13 "PROPOSAL",
        /// Authentication algorithms of a REGISTER reply.
        SupportedAuth = 14 "SUPPORTED_AUTH",
        /// Encryption algorithms of a REGISTER reply.
        SupportedEncrypt = 15 "SUPPORTED_ENCRYPT",
        /// SPIs to choose from.
        SpiRange = 16 "SPIRANGE",
        /// Private to key management; refused.
        KmPrivate = 17 "X_KMPRIVATE",
        /// Satype of the second SA of a GRPSA.
        Satype2 = 18 "X_SATYPE2",
        /// The second SA of a GRPSA.
        Sa2 = 19 "X_SA2",
        /// Destination of the second SA of a GRPSA.
        AddressDst2 = 20 "X_ADDRESS_DST2",
        /// Source network of an eroute, with its port.
        AddressSrcFlow = 21 "X_ADDRESS_SRC_FLOW",
        /// Destination network of an eroute, with its port.
        AddressDstFlow = 22 "X_ADDRESS_DST_FLOW",
        /// Mask of the source network and its port.
        AddressSrcMask = 23 "X_ADDRESS_SRC_MASK",
        /// Mask of the destination network and its port.
        AddressDstMask = 24 "X_ADDRESS_DST_MASK",
        /// Debugging masks.
        Debug = 25 "X_DEBUG",
        /// Transport protocol of an eroute.
        Protocol = 26 "X_PROTOCOL",
        /// UDP encapsulation.
        NatTType = 27 "X_NAT_T_TYPE",
        /// UDP source port.
        NatTSport = 28 "X_NAT_T_SPORT",
        /// UDP destination port.
        NatTDport = 29 "X_NAT_T_DPORT",
        /// The peer's address behind its NAT.
        NatTOa = 30 "X_NAT_T_OA",
        /// An interface number.
        PlumbIf = 31 "X_PLUMBIF",
        /// The reference of an SA and of its twin.
        Saref = 32 "X_SAREF",
        /// The third SA of a GRPSA, and the fourth. This project's own.
        Group = 33 "X_GROUP",
    }
}

impl ExtType {
    /// This type's place in an extension bitmap.
    pub const fn bit(self) -> u64 {
        1u64.wrapping_shl(self.number_u32())
    }

    const fn number_u32(self) -> u32 {
        // CAST: a widening that `From` cannot do in a const fn.
        #[allow(clippy::as_conversions)]
        let number = self.number() as u32;
        number
    }
}

/// `sadb_sa_flags`.
pub mod flags {
    /// Perfect forward secrecy; bit 0 is reused by the SA database to mark inbound SAs.
    pub const PFS: u32 = 1;
    /// ADDFLOW replaces an eroute.
    pub const REPLACEFLOW: u32 = 2;
    /// DELFLOW removes all eroutes.
    pub const CLEARFLOW: u32 = 4;
    /// ADDFLOW sets the inbound policy of an SA.
    pub const INFLOW: u32 = 8;
    /// The flow is a policy only, never an eroute.
    pub const POLICYONLY: u32 = 16;
    /// Extended sequence numbers (RFC 4304). KLIPS has none; the number is that of the BSDs.
    pub const ESN: u32 = 0x400;
}

/// `sadb_sa_state`.
pub mod state {
    /// Reserved by GETSPI, has no keys yet.
    pub const LARVAL: u8 = 0;
    /// In use.
    pub const MATURE: u8 = 1;
    /// In use, past its soft limit.
    pub const DYING: u8 = 2;
    /// Past its hard limit.
    pub const DEAD: u8 = 3;
}

/// `sadb_ident_type`.
pub mod ident_type {
    /// No identity.
    pub const RESERVED: u16 = 0;
    /// A network.
    pub const PREFIX: u16 = 1;
    /// A domain name.
    pub const FQDN: u16 = 2;
    /// A mail address.
    pub const USERFQDN: u16 = 3;
    /// A connection name.
    pub const CONNECTION: u16 = 4;
}

/// `sadb_x_nat_t_type`.
pub mod natt_type {
    /// No encapsulation.
    pub const NONE: u8 = 0;
    /// UDP header and eight zero bytes, the draft's non-IKE marker.
    pub const NON_IKE: u8 = 1;
    /// Bare UDP header, RFC 3948.
    pub const NON_ESP: u8 = 2;
}

/// The largest satype that has a meaning.
pub const SATYPE_MAX: u8 = 11;
/// The lowest SPI that a user may choose; what lies below is reserved (RFC 4303 section 2.1).
pub const SPI_MIN: u32 = 256;
/// The widest replay window that `sadb_sa_replay` may say, in packets.
pub const REPLAY_MAX: u8 = 64;
/// The widest replay window of all, in packets; see [`SaTail`](super::layout::SaTail).
pub const WINDOW_MAX: u16 = 4096;
/// SA references are smaller than this.
pub const REF_LIMIT: u32 = 1 << 15;
