// SPDX-License-Identifier: GPL-2.0-only

//! Why a packet was discarded: one variant, one counter, one consequence.
//!
//! The numbering is the order of declaration and serves as an index into counters; it is no interface. The names are.

/// The classic device counter that a discarded packet is also visible in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legacy {
    /// `rx_errors`.
    RxErrors,
    /// `rx_dropped`.
    RxDropped,
    /// `tx_errors`.
    TxErrors,
    /// `tx_dropped`.
    TxDropped,
}

/// The ICMP error that the sender of a discarded packet is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpAnswer {
    /// ICMPv4 type 3 code 13 (RFC 1812 5.2.7.1), ICMPv6 type 1 code 1 (RFC 4443 3.1).
    Prohibited,
    /// ICMPv4 type 3 code 4 (RFC 1191), ICMPv6 type 2 (RFC 4443 3.2), with the MTU that is left for the inner packet.
    TooBig,
}

macro_rules! discards {
    ($($(#[doc = $doc:literal])+ $variant:ident, $name:literal, $legacy:expr;)+) => {
        /// The reason that a packet was discarded for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Discard {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Discard {
            /// Every reason, in the order of [`Discard::index`].
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant,)+];

            /// How many reasons there are.
            pub const COUNT: usize = [$($name,)+].len();

            /// The name of the counter: unique, `snake_case`, `rx_` or `tx_` in front.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The reason in a sentence, for people: what the documentation of the variant says.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+
                }
            }

            /// The counter of the ipsecN device that goes up too; `None` if the classic ones never showed it.
            pub const fn legacy(self) -> Option<Legacy> {
                match self {
                    $(Self::$variant => $legacy,)+
                }
            }
        }
    };
}

const RX_ERR: Option<Legacy> = Some(Legacy::RxErrors);
const RX_DROP: Option<Legacy> = Some(Legacy::RxDropped);
const TX_ERR: Option<Legacy> = Some(Legacy::TxErrors);
const TX_DROP: Option<Legacy> = Some(Legacy::TxDropped);

discards! {
    /// Received: no ipsecN is attached to the device that the packet came in by.
    RxNoDevice, "rx_no_device", RX_DROP;
    /// Received: the ipsecN device that it would come in by is down.
    RxDeviceDown, "rx_device_down", RX_DROP;
    /// Received: shorter than its headers.
    RxTruncated, "rx_truncated", RX_ERR;
    /// Received: a length that the protocol forbids, such as ESP that is no multiple of four bytes.
    RxBadLength, "rx_bad_length", RX_ERR;
    /// Received: the outer header is not what it must be.
    RxBadHeader, "rx_bad_header", RX_ERR;
    /// Received: the SA that a nested header names does not exist.
    RxNoSa, "rx_no_sa", RX_DROP;
    /// Received: the SA is larval or dead.
    RxSaNotMature, "rx_sa_not_mature", RX_DROP;
    /// Received: a hard lifetime of the SA has passed.
    RxExpired, "rx_expired", RX_DROP;
    /// Received: the outer source is not the source of the SA.
    RxSourceMismatch, "rx_source_mismatch", RX_DROP;
    /// Received: the SA is not the next one of the group that the packet began with.
    RxChainMismatch, "rx_chain_mismatch", RX_DROP;
    /// Received: UDP encapsulation where the SA has none, the other way round, or of another kind.
    RxEncapMismatch, "rx_encap_mismatch", RX_DROP;
    /// Received: more nested SAs than a group can have.
    RxTooDeep, "rx_too_deep", RX_DROP;
    /// Received: the SA has an algorithm that cannot be run.
    RxBadAlgorithm, "rx_bad_algorithm", RX_ERR;
    /// Received: nothing is left between header and ICV.
    RxNoPayload, "rx_no_payload", RX_DROP;
    /// Received: the packet ends before the ICV that the SA wants.
    RxNoIcv, "rx_no_icv", RX_DROP;
    /// Received: the sequence number was seen before or is too old for the window.
    RxReplayed, "rx_replayed", RX_DROP;
    /// Received: sequence number zero on an SA with a replay window.
    RxSequenceZero, "rx_sequence_zero", RX_DROP;
    /// Received: the ICV does not verify.
    RxIcvFailed, "rx_icv_failed", RX_DROP;
    /// Received: the cipher refused the packet, such as a length that is no multiple of its block.
    RxDecryptFailed, "rx_decrypt_failed", RX_ERR;
    /// Received: the pad length exceeds the packet.
    RxBadPadding, "rx_bad_padding", RX_ERR;
    /// Received: the group is not finished, and the payload is none that could finish it.
    RxIncompletePolicy, "rx_incomplete_policy", RX_DROP;
    /// Received: a tunnelled packet, and no IPIP SA to take it.
    RxNoTunnelSa, "rx_no_tunnel_sa", RX_DROP;
    /// Received: the IPIP SA is not the last one of its group.
    RxTunnelNotLast, "rx_tunnel_not_last", RX_DROP;
    /// Received: an inner address is outside of the policy of the tunnel.
    RxInnerMismatch, "rx_inner_mismatch", RX_DROP;
    /// Received: the inner packet is not an IP packet, or shorter than it says.
    RxBadInner, "rx_bad_inner", RX_DROP;
    /// Received: decompressing failed, or gave too much.
    RxDecompressFailed, "rx_decompress_failed", RX_ERR;
    /// Received: congestion was marked on the way, and the inner packet cannot carry the mark (RFC 6040).
    RxCongestion, "rx_congestion", RX_DROP;
    /// Received: in clear, though an eroute or a policy says that it must come protected.
    RxPlaintext, "rx_plaintext", RX_DROP;
    /// Received: through other SAs than its policy wants.
    RxPolicyMismatch, "rx_policy_mismatch", RX_DROP;
    /// Received: the policy for it is to discard.
    RxPolicyDiscard, "rx_policy_discard", RX_DROP;
    /// Received: out of a tunnel of the Linux dialect, and there is no policy for it.
    RxNoPolicy, "rx_no_policy", RX_DROP;
    /// Received: out of memory.
    RxNoMemory, "rx_no_memory", RX_DROP;
    /// Received: the crypto layer failed for a reason of its own.
    RxCryptoFailed, "rx_crypto_failed", RX_ERR;
    /// Received: an asynchronous cipher had too much to do.
    RxCryptoBusy, "rx_crypto_busy", RX_DROP;
    /// Received: a family or protocol that is not handled.
    RxNotSupported, "rx_not_supported", RX_DROP;

    /// To send: the ipsecN device is not attached.
    TxNotAttached, "tx_not_attached", TX_DROP;
    /// To send: not a valid IP packet.
    TxBadInnerHeader, "tx_bad_inner_header", TX_DROP;
    /// To send: TTL or hop limit is zero.
    TxTtlZero, "tx_ttl_zero", TX_DROP;
    /// To send: no eroute and no policy matches, and the default is to drop.
    TxNoEroute, "tx_no_eroute", TX_DROP;
    /// To send: the eroute says `%drop`.
    TxPolicyDrop, "tx_policy_drop", TX_DROP;
    /// To send: the eroute says `%reject`.
    TxPolicyReject, "tx_policy_reject", TX_DROP;
    /// To send: the policy for it is to discard.
    TxPolicyDiscard, "tx_policy_discard", TX_DROP;
    /// To send: the policy wants an SA that is not there, and the packet could not be kept.
    TxNotAcquired, "tx_not_acquired", TX_DROP;
    /// To send: the eroute says `%hold`, and the packet could not be kept.
    TxHeld, "tx_held", TX_DROP;
    /// To send: a held packet gave way to a later one, or to the end of what it waited for.
    TxHoldEvicted, "tx_hold_evicted", TX_DROP;
    /// To send: the eroute says `%trap`, and the packet could not be kept.
    TxTrapped, "tx_trapped", TX_DROP;
    /// To send: a magic SAID that means nothing.
    TxUnknownShunt, "tx_unknown_shunt", None;
    /// To send: the SA that the eroute names does not exist.
    TxNoSa, "tx_no_sa", TX_DROP;
    /// To send: an SA of the group is larval or dead.
    TxSaNotMature, "tx_sa_not_mature", TX_ERR;
    /// To send: a hard lifetime of an SA of the group has passed.
    TxExpired, "tx_expired", TX_ERR;
    /// To send: the sequence numbers of an SA are used up.
    TxSeqExhausted, "tx_seq_exhausted", TX_ERR;
    /// To send: the group has more SAs than a packet can take, or an SA that cannot send.
    TxBadBundle, "tx_bad_bundle", TX_ERR;
    /// To send: the outer packet would exceed 65520 bytes.
    TxTooBig, "tx_too_big", TX_ERR;
    /// To send: does not fit, and must not be fragmented.
    TxFragNeeded, "tx_frag_needed", TX_ERR;
    /// To send: no route for the outer packet.
    TxNoRoute, "tx_no_route", TX_ERR;
    /// To send: the packet would come this way again, or leave by another device than the physical one.
    TxLoop, "tx_loop", TX_ERR;
    /// To send: out of memory.
    TxNoMemory, "tx_no_memory", TX_DROP;
    /// To send: the crypto layer failed.
    TxCryptoFailed, "tx_crypto_failed", TX_ERR;
    /// To send: an asynchronous cipher had too much to do.
    TxCryptoBusy, "tx_crypto_busy", TX_DROP;
    /// To send: the physical device went away meanwhile.
    TxDeviceGone, "tx_device_gone", TX_ERR;
    /// To send: the ipsecN device that catches the packet is down, or has no IPv6.
    TxDeviceDown, "tx_device_down", TX_DROP;
    /// To send: the firewall or the driver refused the outer packet.
    TxRefused, "tx_refused", TX_ERR;
    /// To send: a family or protocol that is not handled.
    TxNotSupported, "tx_not_supported", TX_DROP;
}

impl Discard {
    /// The position of this reason in [`Discard::ALL`].
    #[inline]
    #[expect(clippy::as_conversions)]
    pub const fn index(self) -> usize {
        // CAST: a fieldless enum that is `repr(usize)` and has no explicit values.
        self as usize
    }

    /// The ICMP error that is due. Most reasons are silent: an error would tell an attacker something, or nobody.
    pub const fn icmp(self) -> Option<IcmpAnswer> {
        match self {
            Self::TxPolicyReject => Some(IcmpAnswer::Prohibited),
            Self::TxFragNeeded => Some(IcmpAnswer::TooBig),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_the_position() {
        for (i, reason) in Discard::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), i);
        }
    }

    #[test]
    fn meanings_are_sentences_that_say_the_direction() {
        for reason in Discard::ALL {
            let (name, meaning) = (reason.name(), reason.meaning());
            let lead = if name.starts_with("rx_") {
                "Received: "
            } else {
                "To send: "
            };
            assert!(
                meaning.starts_with(lead) && meaning.ends_with('.'),
                "{name}: {meaning}"
            );
        }
    }

    #[test]
    fn names_are_unique_and_say_the_direction() {
        let mut names: Vec<_> = Discard::ALL.iter().map(|reason| reason.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Discard::COUNT);
        for reason in Discard::ALL {
            let name = reason.name();
            assert!(
                name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()),
                "{name}"
            );
            match reason.legacy() {
                Some(Legacy::RxErrors | Legacy::RxDropped) => {
                    assert!(name.starts_with("rx_"), "{name}")
                }
                Some(Legacy::TxErrors | Legacy::TxDropped) => {
                    assert!(name.starts_with("tx_"), "{name}")
                }
                None => assert_eq!(reason, Discard::TxUnknownShunt),
            }
            let variant = format!("{reason:?}").to_lowercase();
            assert_eq!(
                variant,
                name.replace('_', ""),
                "counter and variant disagree"
            );
        }
    }
}
