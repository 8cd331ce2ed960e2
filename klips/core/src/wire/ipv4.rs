// SPDX-License-Identifier: GPL-2.0-only

//! The IPv4 header, RFC 791.

use super::WireError;
use core::net::{Ipv4Addr, Ipv6Addr};
use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a header without options, in bytes.
pub const HEADER_LEN: usize = 20;

/// Do not fragment.
pub(super) const DF: u16 = 0x4000;
/// More fragments follow.
pub(super) const MF: u16 = 0x2000;
/// Fragment offset, in units of 8 bytes.
pub(super) const OFFSET: u16 = 0x1fff;
/// Version 4 and a header of five words.
pub(super) const VERSION_IHL: u8 = 0x45;

#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub(super) version_ihl: u8,
    pub(super) tos: u8,
    pub(super) total_len: U16,
    pub(super) id: U16,
    pub(super) flags_offset: U16,
    pub(super) ttl: u8,
    pub(super) proto: u8,
    pub(super) check: U16,
    pub(super) src: [u8; 4],
    pub(super) dst: [u8; 4],
}

impl Header {
    /// Header length in bytes as the header states it, 0 to 60.
    #[inline]
    fn len(&self) -> usize {
        usize::from((self.version_ihl & 0x0f).wrapping_mul(4))
    }
}

/// A validated IPv4 header.
///
/// Invariant: 20 <= `header_len` <= 60, `header_len` <= `total_len`; from [`parse`] also `total_len` <= length of the
/// buffer. The checksum is *not* verified: the stack does that on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4View {
    /// Header with options, in bytes.
    pub header_len: usize,
    /// Header and payload, in bytes.
    pub total_len: usize,
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub proto: u8,
    /// Identification.
    pub id: u16,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    flags_offset: u16,
}

impl Ipv4View {
    /// Must not be fragmented.
    #[inline]
    pub const fn df(&self) -> bool {
        self.flags_offset & DF != 0
    }

    /// Part of a fragmented datagram.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.flags_offset & (MF | OFFSET) != 0
    }

    /// Starts at offset zero: a whole datagram or the first of its fragments.
    #[inline]
    pub const fn is_first_fragment(&self) -> bool {
        self.flags_offset & OFFSET == 0
    }

    /// The header is longer than 20 bytes.
    #[inline]
    pub const fn has_options(&self) -> bool {
        self.header_len > HEADER_LEN
    }

    /// Bytes after the header.
    #[inline]
    pub const fn payload_len(&self) -> usize {
        self.total_len.saturating_sub(self.header_len)
    }

    /// As much of the payload as there is in the packet, or its head, that this view was parsed from; link-layer padding
    /// is cut off.
    #[inline]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        super::window(packet, self.header_len, self.total_len)
    }
}

/// Parses the header at the start of `packet`, which must hold the whole datagram; more bytes may follow.
///
/// # Errors
///
/// `Truncated`, `BadVersion`, or `BadLength` for header and total length that contradict each other.
#[inline]
pub fn parse(packet: &[u8]) -> Result<Ipv4View, WireError> {
    let view = parse_header(packet)?;
    if view.total_len > packet.len() {
        return Err(WireError::Truncated);
    }
    Ok(view)
}

/// As [`parse`], for a `packet` that may hold no more than the header, as the linear part of a socket buffer does.
///
/// The caller compares `total_len` with the length that it knows.
///
/// # Errors
///
/// As [`parse`].
#[inline]
pub fn parse_header(packet: &[u8]) -> Result<Ipv4View, WireError> {
    let (header, _) = Header::ref_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    if header.version_ihl >> 4 != 4 {
        return Err(WireError::BadVersion);
    }
    let header_len = header.len();
    let total_len = usize::from(header.total_len.get());
    if header_len < HEADER_LEN || total_len < header_len {
        return Err(WireError::BadLength);
    }
    if header_len > packet.len() {
        return Err(WireError::Truncated);
    }
    Ok(Ipv4View {
        header_len,
        total_len,
        tos: header.tos,
        ttl: header.ttl,
        proto: header.proto,
        id: header.id.get(),
        src: Ipv4Addr::from(header.src),
        dst: Ipv4Addr::from(header.dst),
        flags_offset: header.flags_offset.get(),
    })
}

/// The Internet checksum, RFC 1071: ones' complement of the ones' complement sum, host byte order.
///
/// Over a header whose checksum field is right it is zero.
#[inline]
pub fn checksum(data: &[u8]) -> u16 {
    // 64 bits hold the sum of more words than an address space has.
    let mut sum: u64 = 0;
    let mut rest = data;
    while let Some((word, tail)) = rest.split_first_chunk::<2>() {
        sum = sum.wrapping_add(u64::from(u16::from_be_bytes(*word)));
        rest = tail;
    }
    if let [last] = rest {
        sum = sum.wrapping_add(u64::from(u16::from_be_bytes([*last, 0])));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    let [.., high, low] = sum.to_be_bytes();
    !u16::from_be_bytes([high, low])
}

/// The checksum of a transport packet `data` of protocol `proto` between IPv6 addresses (RFC 8200 8.1), whose own checksum
/// field is zero; host byte order.
pub fn checksum_v6(src: Ipv6Addr, dst: Ipv6Addr, proto: u8, data: &[u8]) -> u16 {
    let len = u32::try_from(data.len()).unwrap_or(0);
    let pseudo = [
        !checksum(&src.octets()),
        !checksum(&dst.octets()),
        !checksum(&len.to_be_bytes()),
        u16::from(proto),
        !checksum(data),
    ];
    let sum = pseudo
        .iter()
        .fold(0_u32, |sum, word| sum.wrapping_add(u32::from(*word)));
    let folded = (sum & 0xffff).wrapping_add(sum >> 16);
    let [.., high, low] = (folded & 0xffff).wrapping_add(folded >> 16).to_be_bytes();
    !u16::from_be_bytes([high, low])
}

/// An outer header to be written: 20 bytes, no options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OuterV4 {
    /// Type of service.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub proto: u8,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Identification; must differ between datagrams that may be fragmented.
    pub id: u16,
    /// Must not be fragmented.
    pub df: bool,
    /// Header and payload, in bytes.
    pub total_len: u16,
}

impl OuterV4 {
    /// Writes the header over the first 20 bytes of `packet`, checksum included.
    ///
    /// # Errors
    ///
    /// `NoRoom` if the buffer is shorter; `BadLength` if the total length is.
    #[inline]
    pub fn write(&self, packet: &mut [u8]) -> Result<(), WireError> {
        if usize::from(self.total_len) < HEADER_LEN {
            return Err(WireError::BadLength);
        }
        let mut header = Header {
            version_ihl: VERSION_IHL,
            tos: self.tos,
            total_len: U16::new(self.total_len),
            id: U16::new(self.id),
            flags_offset: U16::new(if self.df { DF } else { 0 }),
            ttl: self.ttl,
            proto: self.proto,
            check: U16::ZERO,
            src: self.src.octets(),
            dst: self.dst.octets(),
        };
        header.check = U16::new(checksum(header.as_bytes()));
        header
            .write_to_prefix(packet)
            .map_err(|_| WireError::NoRoom)
    }
}

/// What the outer headers of one way have in common.
#[derive(Clone, Copy)]
pub struct Template(Header);

impl Template {
    /// A header of 20 bytes.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, ttl: u8, proto: u8) -> Self {
        Self(Header {
            version_ihl: VERSION_IHL,
            tos: 0,
            total_len: U16::ZERO,
            id: U16::ZERO,
            flags_offset: U16::ZERO,
            ttl,
            proto,
            check: U16::ZERO,
            src: src.octets(),
            dst: dst.octets(),
        })
    }

    /// Source address.
    pub fn src(&self) -> Ipv4Addr {
        self.0.src.into()
    }

    /// Destination address.
    pub fn dst(&self) -> Ipv4Addr {
        self.0.dst.into()
    }

    /// Writes a header over the first 20 bytes of `packet`, all but the checksum, which is 0: whoever sends the packet puts
    /// it in.
    ///
    /// # Errors
    ///
    /// `NoRoom` if the buffer is shorter.
    #[inline]
    pub fn write(
        &self,
        packet: &mut [u8],
        tos: u8,
        total_len: u16,
        id: u16,
        df: bool,
    ) -> Result<(), WireError> {
        let header = Header {
            tos,
            total_len: U16::new(total_len),
            id: U16::new(id),
            flags_offset: U16::new(if df { DF } else { 0 }),
            ..self.0
        };
        header
            .write_to_prefix(packet)
            .map_err(|_| WireError::NoRoom)
    }
}

/// Changes protocol and total length of the header at the start of `packet`, as transforms in place do.
///
/// The checksum is recomputed over the whole header, options included.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header; `total_len` must cover it. The packet is unchanged then.
#[inline]
pub fn set_proto_and_len(packet: &mut [u8], proto: u8, total_len: u16) -> Result<(), WireError> {
    edit(packet, |header| {
        if usize::from(total_len) < header.len() {
            return Err(WireError::BadLength);
        }
        header.proto = proto;
        header.total_len = U16::new(total_len);
        Ok(())
    })
}

/// Changes the type of service of the header at the start of `packet` and recomputes the checksum.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
#[inline]
pub fn set_tos(packet: &mut [u8], tos: u8) -> Result<(), WireError> {
    edit(packet, |header| {
        header.tos = tos;
        Ok(())
    })
}

/// Changes the source of the header at the start of `packet` and recomputes the checksum.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
pub fn set_src(packet: &mut [u8], src: Ipv4Addr) -> Result<(), WireError> {
    edit(packet, |header| {
        header.src = src.octets();
        Ok(())
    })
}

/// Changes the destination of the header at the start of `packet` and recomputes the checksum.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
pub fn set_dst(packet: &mut [u8], dst: Ipv4Addr) -> Result<(), WireError> {
    edit(packet, |header| {
        header.dst = dst.octets();
        Ok(())
    })
}

/// Computes the checksum of the header at the start of `packet` anew.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
pub fn renew_checksum(packet: &mut [u8]) -> Result<(), WireError> {
    edit(packet, |_| Ok(()))
}

/// Runs `change` on the header and puts the checksum right again.
#[inline]
fn edit(
    packet: &mut [u8],
    change: impl FnOnce(&mut Header) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let (mut header, _) = Header::read_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    let len = header.len();
    if len < HEADER_LEN {
        return Err(WireError::BadLength);
    }
    let bytes = packet.get_mut(..len).ok_or(WireError::Truncated)?;
    change(&mut header)?;
    header.check = U16::ZERO;
    header
        .write_to_prefix(bytes)
        .map_err(|_| WireError::NoRoom)?;
    header.check = U16::new(checksum(bytes));
    header.write_to_prefix(bytes).map_err(|_| WireError::NoRoom)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 192.0.2.1 -> 198.51.100.2, UDP, 28 bytes, DF, checksum right.
    fn packet() -> [u8; 28] {
        let mut packet = [0xa5; 28];
        let outer = OuterV4 {
            tos: 0x10,
            ttl: 64,
            proto: 17,
            src: Ipv4Addr::new(192, 0, 2, 1),
            dst: Ipv4Addr::new(198, 51, 100, 2),
            id: 0x1234,
            df: true,
            total_len: 28,
        };
        outer.write(&mut packet).unwrap();
        packet
    }

    #[test]
    fn a_template_is_a_header_without_its_checksum() {
        let mut outer = OuterV4 {
            tos: 0xb8,
            ttl: 64,
            proto: 50,
            src: Ipv4Addr::new(192, 0, 2, 1),
            dst: Ipv4Addr::new(192, 0, 2, 2),
            id: 0x1234,
            df: true,
            total_len: 120,
        };
        let template = Template::new(outer.src, outer.dst, outer.ttl, outer.proto);
        assert_eq!((template.src(), template.dst()), (outer.src, outer.dst));
        for df in [true, false] {
            outer.df = df;
            let (mut whole, mut bare) = ([0; 24], [0; 24]);
            outer.write(&mut whole).unwrap();
            template.write(&mut bare, 0xb8, 120, 0x1234, df).unwrap();
            assert_eq!(bare[10..12], [0, 0]);
            bare[10..12].copy_from_slice(&whole[10..12]);
            assert_eq!(bare, whole);
        }
        let short = template.write(&mut [0; 19], 0, 20, 0, false);
        assert_eq!(short, Err(WireError::NoRoom));
    }

    #[test]
    fn rfc_1071_example() {
        // Section 3: the sum of these words is ddf2.
        assert_eq!(
            checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
    }

    #[test]
    fn known_header_checksum() {
        let header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(checksum(&header), 0);
        let mut blank = header;
        blank[10] = 0;
        blank[11] = 0;
        assert_eq!(checksum(&blank), 0xb861);
    }

    #[test]
    fn checksum_with_the_pseudo_header_of_ipv6() {
        // The whole, pseudo-header included, summed in one piece.
        let (src, dst): (Ipv6Addr, Ipv6Addr) = (
            "2001:db8::1".parse().unwrap(),
            "fe80::ffff:2".parse().unwrap(),
        );
        for len in [8_usize, 9, 1400, 1401] {
            let data: Vec<u8> = (0..len).map(|i| (i * 37 + 200) as u8).collect();
            let mut whole = [src.octets(), dst.octets()].concat();
            whole.extend_from_slice(&(len as u32).to_be_bytes());
            whole.extend_from_slice(&[0, 0, 0, 17]);
            whole.extend_from_slice(&data);
            assert_eq!(checksum_v6(src, dst, 17, &data), checksum(&whole), "{len}");
        }
    }

    #[test]
    fn checksum_of_odd_and_empty() {
        assert_eq!(checksum(&[]), 0xffff);
        assert_eq!(checksum(&[0x12]), !0x1200);
        assert_eq!(checksum(&[0xff; 64]), 0);
    }

    #[test]
    fn written_header_reads_back() {
        let packet = packet();
        assert_eq!(checksum(&packet[..20]), 0);
        assert_eq!(packet[20..], [0xa5; 8]);
        let view = parse(&packet).unwrap();
        assert_eq!(
            (view.header_len, view.total_len, view.payload_len()),
            (20, 28, 8)
        );
        assert_eq!(
            (view.tos, view.ttl, view.proto, view.id),
            (0x10, 64, 17, 0x1234)
        );
        assert_eq!(view.src, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(view.dst, Ipv4Addr::new(198, 51, 100, 2));
        assert!(
            view.df() && view.is_first_fragment() && !view.is_fragment() && !view.has_options()
        );
        assert_eq!(view.payload(&packet), [0xa5; 8]);
    }

    #[test]
    fn every_truncation_is_refused() {
        let packet = packet();
        for len in 0..packet.len() {
            assert_eq!(parse(&packet[..len]), Err(WireError::Truncated), "{len}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let mut other = packet();
        other[0] = 0x65;
        assert_eq!(parse(&other), Err(WireError::BadVersion));
        other[0] = 0x44;
        assert_eq!(parse(&other), Err(WireError::BadLength));
        other[0] = 0x4f;
        assert_eq!(
            parse(&other),
            Err(WireError::BadLength),
            "60 bytes of header in 28"
        );
        let mut other = packet();
        other[3] = 19;
        assert_eq!(parse(&other), Err(WireError::BadLength));
    }

    #[test]
    fn fragments() {
        let mut first = packet();
        first[6] = 0x20;
        let view = parse(&first).unwrap();
        assert!(view.is_fragment() && view.is_first_fragment() && !view.df());
        let mut later = packet();
        later[6] = 0;
        later[7] = 3;
        let view = parse(&later).unwrap();
        assert!(view.is_fragment() && !view.is_first_fragment());
    }

    #[test]
    fn edits_keep_the_checksum_right() {
        let mut packet = packet();
        set_proto_and_len(&mut packet, 50, 0x1ff).unwrap();
        assert_eq!(checksum(&packet[..20]), 0);
        let view = parse_header(&packet).unwrap();
        assert_eq!((view.proto, view.total_len), (50, 0x1ff));
        set_tos(&mut packet, 0xb8).unwrap();
        assert_eq!(checksum(&packet[..20]), 0);
        assert_eq!(parse_header(&packet).unwrap().tos, 0xb8);
    }

    #[test]
    fn edits_cover_options() {
        let mut packet = [0_u8; 24];
        packet[..20].copy_from_slice(&super::tests::packet()[..20]);
        packet[0] = 0x46;
        packet[20..].copy_from_slice(&[7, 4, 4, 0]);
        set_proto_and_len(&mut packet, 4, 24).unwrap();
        assert_eq!(checksum(&packet), 0);
        assert_eq!(
            set_proto_and_len(&mut packet, 4, 23),
            Err(WireError::BadLength)
        );
        assert_eq!(set_tos(&mut packet[..22], 0), Err(WireError::Truncated));
    }

    #[test]
    fn no_room_is_an_error() {
        let outer = OuterV4 {
            tos: 0,
            ttl: 64,
            proto: 4,
            src: Ipv4Addr::LOCALHOST,
            dst: Ipv4Addr::LOCALHOST,
            id: 0,
            df: false,
            total_len: 20,
        };
        assert_eq!(outer.write(&mut [0; 19]), Err(WireError::NoRoom));
        assert_eq!(
            OuterV4 {
                total_len: 19,
                ..outer
            }
            .write(&mut [0; 20]),
            Err(WireError::BadLength)
        );
    }
}
