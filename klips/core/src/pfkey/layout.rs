// SPDX-License-Identifier: GPL-2.0-only

//! Every structure of the wire, byte for byte.
//!
//! Nothing here checks values. The structures are unaligned; `U16`, `U32` and `U64` are in native byte order, the `Be`
//! ones in network byte order. RFC 2367 section 2.3.

use zerocopy::big_endian::{U16 as Be16, U32 as Be32};
use zerocopy::native_endian::{U16, U32, U64};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Defines wire structures with all fields public, and proves their size at compile time.
macro_rules! wire {
    ($($(#[$meta:meta])* $name:ident [$size:literal] { $($(#[$doc:meta])* $field:ident: $ty:ty,)+ })+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
            #[repr(C)]
            pub struct $name {
                $($(#[$doc])* pub $field: $ty,)+
            }

            const _: () = assert!(core::mem::size_of::<$name>() == $size);
        )+
    };
}
pub(super) use wire;

wire! {
    /// `struct sadb_msg`.
    Header [16] {
        /// Always 2.
        version: u8,
        /// [`MsgType`](super::MsgType).
        kind: u8,
        /// 0, or why the request failed.
        errno: u8,
        /// Which kind of SA, 0 for none or all.
        satype: u8,
        /// Words in the message, this header included.
        len: U16,
        /// Zero.
        reserved: U16,
        /// Copied from request to reply; counted by the kernel in its own messages.
        seq: U32,
        /// Process that asked; 0 in the kernel's own messages.
        pid: U32,
    }

    /// `struct sadb_ext`, the start of every extension.
    ExtHead [4] {
        /// Words in the extension, this header included.
        len: U16,
        /// [`ExtType`](super::ExtType).
        kind: U16,
    }

    /// `struct sadb_sa` as RFC 2367 has it.
    Sa [16] {
        /// Start of the extension.
        head: ExtHead,
        /// Security parameter index.
        spi: Be32,
        /// Replay window in packets.
        replay: u8,
        /// State of the SA.
        state: u8,
        /// Authentication algorithm.
        auth: u8,
        /// Encryption or compression algorithm.
        encrypt: u8,
        /// Flags.
        flags: U32,
    }

    /// What KLIPS appends to [`Sa`].
    SaTail [8] {
        /// SA reference.
        reference: U32,
        /// Zero, as KLIPS has it, or our extension to its dialect: the replay window in packets, 65 to
        /// [`WINDOW_MAX`](super::types::WINDOW_MAX), of an SA whose `replay` says 64. Who does not know of it sees a window
        /// of 64.
        window: U32,
    }

    /// `struct sadb_lifetime` as RFC 2367 has it.
    Lifetime [32] {
        /// Start of the extension.
        head: ExtHead,
        /// Number of connections or flows.
        allocations: U32,
        /// Bytes.
        bytes: U64,
        /// Seconds since, or stamp of, creation.
        addtime: U64,
        /// Seconds since, or stamp of, first use.
        usetime: U64,
    }

    /// What KLIPS appends to [`Lifetime`].
    LifetimeTail [8] {
        /// Packets.
        packets: U32,
        /// Zero.
        reserved: U32,
    }

    /// `struct sadb_address`; a socket address follows.
    Address [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Transport protocol; used in ACQUIRE only.
        proto: u8,
        /// Zero.
        prefixlen: u8,
        /// Zero.
        reserved: U16,
    }

    /// `struct sockaddr_in`.
    SockaddrIn [16] {
        /// `AF_INET`.
        family: U16,
        /// Port.
        port: Be16,
        /// Address.
        addr: [u8; 4],
        /// Ignored.
        zero: [u8; 8],
    }

    /// `struct sockaddr_in6`.
    SockaddrIn6 [28] {
        /// `AF_INET6`.
        family: U16,
        /// Port.
        port: Be16,
        /// Ignored.
        flowinfo: Be32,
        /// Address.
        addr: [u8; 16],
        /// Ignored.
        scope: U32,
    }

    /// `struct sadb_key`; the key follows.
    Key [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Bits in the key.
        bits: U16,
        /// Zero.
        reserved: U16,
    }

    /// `struct sadb_ident`; zero-terminated text follows.
    Ident [16] {
        /// Start of the extension.
        head: ExtHead,
        /// [`ident_type`](super::types::ident_type).
        kind: U16,
        /// Zero.
        reserved: U16,
        /// A number of key management's own.
        id: U64,
    }

    /// `struct sadb_prop`; combinations follow.
    Proposal [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Replay window in packets.
        replay: u8,
        /// Zero.
        reserved: [u8; 3],
    }

    /// `struct sadb_comb` as RFC 2367 has it.
    Comb [72] {
        /// Authentication algorithm.
        auth: u8,
        /// Encryption algorithm.
        encrypt: u8,
        /// SA flags.
        flags: U16,
        /// Shortest authentication key.
        auth_minbits: U16,
        /// Longest authentication key.
        auth_maxbits: U16,
        /// Shortest encryption key.
        encrypt_minbits: U16,
        /// Longest encryption key.
        encrypt_maxbits: U16,
        /// Zero.
        reserved: U32,
        /// Soft limit of flows.
        soft_allocations: U32,
        /// Hard limit of flows.
        hard_allocations: U32,
        /// Soft limit of bytes.
        soft_bytes: U64,
        /// Hard limit of bytes.
        hard_bytes: U64,
        /// Soft limit of seconds since creation.
        soft_addtime: U64,
        /// Hard limit of seconds since creation.
        hard_addtime: U64,
        /// Soft limit of seconds since first use.
        soft_usetime: U64,
        /// Hard limit of seconds since first use.
        hard_usetime: U64,
    }

    /// What KLIPS appends to [`Comb`].
    CombTail [8] {
        /// Soft limit of packets.
        soft_packets: U32,
        /// Hard limit of packets.
        hard_packets: U32,
    }

    /// `struct sadb_supported`; algorithms follow.
    Supported [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Zero.
        reserved: U32,
    }

    /// `struct sadb_alg`.
    Alg [8] {
        /// Algorithm number.
        id: u8,
        /// Bits in the initialisation vector.
        ivlen: u8,
        /// Shortest key in bits.
        minbits: U16,
        /// Longest key in bits.
        maxbits: U16,
        /// Zero.
        reserved: U16,
    }

    /// `struct sadb_spirange`.
    SpiRange [16] {
        /// Start of the extension.
        head: ExtHead,
        /// Lowest SPI.
        min: Be32,
        /// Highest SPI.
        max: Be32,
        /// Zero.
        reserved: U32,
    }

    /// `struct sadb_x_satype`.
    Satype [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Satype of the second SA.
        satype: u8,
        /// Zero.
        reserved: [u8; 3],
    }

    /// `struct sadb_x_debug`.
    Debug [56] {
        /// Start of the extension.
        head: ExtHead,
        /// Transmit path.
        tunnel: U32,
        /// Message sockets; its top bit chooses between set and clear.
        netlink: U32,
        /// Transforms.
        xform: U32,
        /// Eroute table.
        eroute: U32,
        /// SA database.
        spi: U32,
        /// Radix tree.
        radij: U32,
        /// ESP.
        esp: U32,
        /// AH.
        ah: U32,
        /// Receive path.
        rcv: U32,
        /// PF_KEY.
        pfkey: U32,
        /// IPComp.
        ipcomp: U32,
        /// More of everything.
        verbose: U32,
        /// Zero.
        reserved: [u8; 4],
    }

    /// `struct sadb_protocol`.
    Protocol [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Transport protocol.
        proto: u8,
        /// Ignored.
        direction: u8,
        /// Ignored.
        flags: u8,
        /// Zero.
        reserved: u8,
    }

    /// `struct sadb_x_nat_t_type`.
    NatTType [8] {
        /// Start of the extension.
        head: ExtHead,
        /// [`natt_type`](super::types::natt_type).
        kind: u8,
        /// Zero.
        reserved: [u8; 3],
    }

    /// `struct sadb_x_nat_t_port`.
    NatTPort [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Port in **native** byte order: the KLIPS dialect's own choice.
        port: U16,
        /// Zero.
        reserved: U16,
    }

    /// `struct sadb_x_plumbif`.
    PlumbIf [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Which interface.
        ifnum: U16,
        /// Padding.
        reserved: U16,
    }

    /// `struct sadb_x_saref`.
    Saref [16] {
        /// Start of the extension.
        head: ExtHead,
        /// This SA's reference.
        me: U32,
        /// The reference of its twin.
        him: U32,
        /// Padding.
        reserved: U32,
    }

    /// X_GROUP, our extension to the dialect of KLIPS; one [`Member`] follows, or two.
    Group [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Zero.
        reserved: [u8; 4],
    }

    /// An SA of a [`Group`].
    Member [24] {
        /// Its satype.
        satype: u8,
        /// Zero.
        reserved: u8,
        /// `AF_INET` or `AF_INET6`.
        family: U16,
        /// Security parameter index.
        spi: Be32,
        /// Destination. That of IPv4 is in the first four bytes, and zeros behind it.
        addr: [u8; 16],
    }

    /// `struct sadb_x_policy` of the Linux dialect, as it is given to sockets: without requests.
    SocketPolicy [16] {
        /// Start of the extension; its type may be anything.
        head: ExtHead,
        /// What becomes of packets.
        kind: U16,
        /// 1 in, 2 out.
        direction: u8,
        /// Padding.
        reserved: u8,
        /// Zero.
        id: U32,
        /// Zero.
        priority: U32,
    }
}

/// `AF_INET` of Linux.
pub const AF_INET: u16 = 2;
/// `AF_INET6` of Linux.
pub const AF_INET6: u16 = 10;

/// Bytes in the socket address of an address.
pub(super) const fn sockaddr_len(addr: core::net::IpAddr) -> usize {
    match addr {
        core::net::IpAddr::V4(_) => size_of::<SockaddrIn>(),
        core::net::IpAddr::V6(_) => size_of::<SockaddrIn6>(),
    }
}
