// SPDX-License-Identifier: GPL-2.0-only

//! Messages of the Linux dialect.

use super::{address, edge};
use klips_core::pfkey::ext::{Key, Lifetime};
use klips_core::pfkey::layout::{Comb, Header};
use klips_core::pfkey::linux::build::Builder;
use klips_core::pfkey::linux::{
    Action, Alg, Endpoint, ExtType, Filter, KmAddress, Level, Mode, MsgType, Policy, Range, Sa2,
    SaInfo, SecurityContext, Template, Templates,
};
use klips_core_tests::Rng;
use std::net::SocketAddr;
use zerocopy::FromZeros;

/// A message with extensions that such a message may have: which ones, only its reader knows.
pub(super) fn message(choices: &mut Rng) -> Vec<u8> {
    let mut header = Header::new_zeroed();
    header.version = 2;
    header.kind = choices.pick(MsgType::ALL).number();
    header.satype = choices.pick(&[3, 2, 9, 0, 5]);
    header.seq.set(edge(choices));
    let mut room = vec![0xa5; 1 << 15];
    let mut builder = Builder::new(&mut room, header);
    let usual = usual(header.kind);
    for ext in ExtType::ALL {
        // Mostly those that go with the message.
        if choices.below(8) < if usual.contains(ext) { 7 } else { 1 } {
            extension(&mut builder, *ext, choices);
        }
    }
    builder.into_bytes().expect("room").to_vec()
}

/// The extensions that clients put into a message.
fn usual(kind: u8) -> &'static [ExtType] {
    use ExtType::{AddressDst, AddressSrc, Policy, Sa, Sa2, SpiRange};
    match MsgType::from_number(kind) {
        Some(MsgType::GetSpi) => &[AddressSrc, AddressDst, Sa2, SpiRange],
        Some(MsgType::Add | MsgType::Update) => &[
            Sa,
            Sa2,
            AddressSrc,
            AddressDst,
            ExtType::KeyAuth,
            ExtType::KeyEncrypt,
            ExtType::LifetimeHard,
        ],
        Some(MsgType::Delete | MsgType::Get) => &[Sa, AddressSrc, AddressDst],
        Some(MsgType::Register | MsgType::Flush | MsgType::Dump | MsgType::Promisc) => &[],
        Some(MsgType::SpdDump | MsgType::SpdFlush) => &[],
        _ => &[AddressSrc, AddressDst, Policy],
    }
}

fn extension(builder: &mut Builder<'_>, kind: ExtType, choices: &mut Rng) {
    match kind {
        ExtType::Sa => drop(builder.sa(&SaInfo {
            spi: edge(choices),
            replay: choices.pick(&[0, 32, 64, 255]),
            state: choices.pick(&[1, 1, 0, 2, 3]),
            auth: choices.pick(&[0, 2, 3, 5, 251]),
            encrypt: choices.pick(&[0, 2, 3, 11, 12, 20]),
            flags: choices.pick(&[0, 1, 0x8000_0000, 0x4000_0000, u32::MAX]),
        })),
        ExtType::Sa2 => drop(builder.sa2(Some(&Sa2 {
            mode: choices.pick(Mode::ALL),
            sequence: 0,
            reqid: edge(choices),
        }))),
        ExtType::LifetimeCurrent | ExtType::LifetimeHard | ExtType::LifetimeSoft => {
            let life = Lifetime {
                bytes: edge(choices).into(),
                addtime: edge(choices).into(),
                ..Lifetime::default()
            };
            builder.lifetime(kind, Some(&life));
        }
        ExtType::KeyAuth | ExtType::KeyEncrypt => {
            let bits = choices.pick(&[128, 160, 192, 256, 0, 1, 512]);
            let bytes = vec![0xc0; usize::from(bits).div_ceil(8)];
            builder.key(
                kind,
                Some(&Key {
                    bits,
                    bytes: &bytes,
                }),
            );
        }
        ExtType::SpiRange => {
            let (min, max) = (edge(choices), edge(choices));
            builder.spi_range(Some(&Range { min, max }));
        }
        ExtType::Policy => policy(builder, choices),
        ExtType::NatTType => drop(builder.nat_t_type(Some(choices.below(4) as u8))),
        ExtType::NatTSport | ExtType::NatTDport => {
            builder.nat_t_port(kind, Some(edge(choices) as u16));
        }
        ExtType::SecCtx => drop(builder.sec_ctx(Some(&SecurityContext {
            doi: 1,
            alg: 1,
            text: &[b'x'; 256][..choices.below(257) as usize],
        }))),
        ExtType::KmAddress => {
            let (local, remote) = (address(choices), address(choices));
            builder.km_address(Some(&KmAddress { local, remote }));
        }
        ExtType::Filter => drop(builder.filter(Some(&Filter {
            src: address(choices),
            src_len: choices.below(130) as u8,
            dst: address(choices),
            dst_len: choices.below(130) as u8,
        }))),
        ExtType::SupportedAuth | ExtType::SupportedEncrypt => {
            let alg = Alg {
                id: 3,
                iv_len: 0,
                min_bits: 160,
                max_bits: 160,
            };
            builder.supported(kind, &vec![alg; choices.below(20) as usize]);
        }
        ExtType::Proposal => {
            let combs = vec![Comb::new_zeroed(); choices.below(4) as usize];
            builder.proposal(32, combs.into_iter());
        }
        _ => {
            let end = Endpoint {
                addr: address(choices),
                prefix_len: choices.pick(&[32, 24, 0, 128, 33]),
                port: edge(choices) as u16,
                proto: choices.pick(&[255, 0, 6, 17, 1]),
            };
            builder.address(kind, Some(&end));
        }
    }
}

fn policy(builder: &mut Builder<'_>, choices: &mut Rng) {
    let template = |choices: &mut Rng| Template {
        proto: choices.pick(&[50, 51, 108, 4]),
        mode: choices.pick(Mode::ALL),
        level: choices.pick(Level::ALL),
        reqid: edge(choices),
        ends: choices.one_in(2).then(|| {
            let end = |choices: &mut Rng| SocketAddr::new(address(choices), 0);
            (end(choices), end(choices))
        }),
    };
    let list: Vec<Template> = (0..choices.below(8)).map(|_| template(choices)).collect();
    builder.policy(Some(&Policy {
        action: choices.pick(Action::ALL),
        direction: choices.below(5) as u8,
        id: edge(choices),
        priority: edge(choices),
        templates: Templates::new(&list),
    }));
}
