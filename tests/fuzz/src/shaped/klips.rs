// SPDX-License-Identifier: GPL-2.0-only

//! Messages of the KLIPS dialect, and the answers that the kernel makes to them.

use super::{address, edge};
use klips_core::pfkey::build::{Builder, Origin};
use klips_core::pfkey::ext::{
    Alg, DebugMasks, Endpoint, Ident, Key, Lifetime, Outer, SaInfo, SarefPair, SpiRange,
};
use klips_core::pfkey::reply::{self, SaReport};
use klips_core::pfkey::{envelope, layout, parse, Errno, ExtType, MsgType, Request, KLIPS};
use klips_core::said::{SaProto, Said};
use klips_core_tests::Rng;
use zerocopy::FromZeros;

/// A message with all the extensions that it must have, and some that it may.
pub(super) fn message(choices: &mut Rng) -> Vec<u8> {
    let kind = choices.pick(MsgType::ALL);
    let rule = KLIPS.request(kind);
    let mut room = vec![0xa5; 1 << 14];
    let origin = Origin {
        seq: edge(choices),
        pid: 77,
    };
    let satype = choices.pick(&[3, 2, 9, 10, 11, 0, 5, 12]);
    let mut builder = Builder::new(&mut room, kind, satype, origin);
    for ext in ExtType::ALL {
        let may = rule.permits(*ext) && choices.one_in(2);
        if rule.required & ext.bit() != 0 || may {
            extension(&mut builder, *ext, choices);
        }
    }
    let bytes = builder.into_bytes().expect("room").to_vec();
    answered(&bytes, choices);
    bytes
}

fn extension(builder: &mut Builder<'_>, kind: ExtType, choices: &mut Rng) {
    match kind {
        ExtType::Sa | ExtType::Sa2 => drop(builder.sa(kind, &sa(choices))),
        ExtType::LifetimeCurrent | ExtType::LifetimeHard | ExtType::LifetimeSoft => {
            builder.lifetime(kind, Some(&lifetime(choices)));
        }
        ExtType::KeyAuth | ExtType::KeyEncrypt => {
            let bits = choices.pick(&[128, 192, 256, 160, 0, 1, 7, 2040]);
            let bytes = vec![0xc0; usize::from(bits).div_ceil(8)];
            builder.key(
                kind,
                Some(&Key {
                    bits,
                    bytes: &bytes,
                }),
            );
        }
        ExtType::IdentitySrc | ExtType::IdentityDst => {
            let ident = Ident {
                kind: choices.below(6) as u16,
                id: 1,
                data: &[b'x'; 1024][..8 * choices.below(129) as usize],
            };
            builder.ident(kind, Some(&ident));
        }
        ExtType::Proposal => {
            let combs = vec![layout::Comb::new_zeroed(); choices.below(4) as usize];
            builder.proposal(32, &combs);
        }
        ExtType::SupportedAuth | ExtType::SupportedEncrypt => {
            let alg = Alg {
                id: 3,
                iv_bits: 0,
                min_bits: 160,
                max_bits: 160,
            };
            builder.supported(kind, &vec![alg; choices.below(300) as usize]);
        }
        ExtType::SpiRange => {
            let (min, max) = (edge(choices), edge(choices));
            builder.spi_range(&SpiRange { min, max });
        }
        ExtType::Satype2 => drop(builder.satype2(choices.pick(&[3, 2, 9, 10, 11, 0]))),
        ExtType::Debug => drop(builder.debug(&DebugMasks {
            netlink: edge(choices),
            ..DebugMasks::default()
        })),
        ExtType::Protocol => drop(builder.protocol(choices.bits() as u8)),
        ExtType::NatTType => drop(builder.nat_t_type(Some(choices.below(4) as u8))),
        ExtType::NatTSport | ExtType::NatTDport => {
            builder.nat_t_port(kind, Some(edge(choices) as u16));
        }
        ExtType::PlumbIf => drop(builder.plumbif(edge(choices) as u16)),
        ExtType::Saref => {
            let (me, him) = (edge(choices), edge(choices));
            builder.saref(Some(&SarefPair { me, him }));
        }
        ExtType::Group => {
            let third = said(choices);
            let fourth = choices.one_in(2).then(|| said(choices));
            builder.group(Some(&Outer { third, fourth }));
        }
        _ => {
            let end = Endpoint {
                addr: address(choices),
                port: edge(choices) as u16,
                proto: choices.pick(&[0, 6, 17]),
            };
            builder.endpoint(kind, &end);
        }
    }
}

fn sa(choices: &mut Rng) -> SaInfo {
    SaInfo {
        spi: edge(choices),
        replay: choices.pick(&[0, 32, 64, 65, 255]),
        window: choices.pick(&[0, 64, 65, 4096, u16::MAX]),
        state: choices.pick(&[1, 1, 1, 0, 2, 3, 255]),
        auth: choices.pick(&[0, 2, 3, 5, 250]),
        encrypt: choices.pick(&[0, 3, 11, 12, 20, 250]),
        flags: choices.pick(&[0, 1, 2, 4, 8, 16, 10, 0x400, u32::MAX]),
        reference: choices.pick(&[0, 7, 0x7fff, 0x8000, u32::MAX]),
    }
}

fn said(choices: &mut Rng) -> Said {
    let protos = [SaProto::Esp, SaProto::Ah, SaProto::Ipip, SaProto::Comp];
    Said {
        dst: address(choices),
        spi: edge(choices),
        proto: choices.pick(&protos),
    }
}

fn lifetime(choices: &mut Rng) -> Lifetime {
    Lifetime {
        allocations: edge(choices),
        bytes: edge(choices).into(),
        addtime: edge(choices).into(),
        usetime: edge(choices).into(),
        packets: edge(choices),
    }
}

/// The kernel answers into as much room as there is: the answer is a message then, or there is none.
fn answered(bytes: &[u8], choices: &mut Rng) {
    let Ok(request) = envelope::check(bytes) else {
        return;
    };
    let header = request.header();
    let mut room = vec![0xa5; choices.pick(&[4096, 64, 15, 16, 0, 1000])];
    let answers = [
        reply::error(&mut room, header, Errno::Einval).map(<[u8]>::to_vec),
        reply::echo(&mut room, &request, None).map(<[u8]>::to_vec),
        reply::echo(&mut room, &request, Some(Errno::Enosys)).map(<[u8]>::to_vec),
        reply::flush(&mut room, header).map(<[u8]>::to_vec),
    ];
    for answer in answers.into_iter().flatten() {
        is_message(&answer);
    }
    let answer = match parse(&request) {
        Ok(Request::Add(sa)) => {
            let report = SaReport {
                sa: sa.sa,
                src: sa.src,
                dst: sa.said.dst,
                proxy: sa.proxy,
                current: sa.hard,
                hard: sa.hard,
                soft: sa.soft,
                ident_src: sa.ident_src,
                ident_dst: sa.ident_dst,
                nat_t: sa.nat_t,
                saref: sa.saref,
            };
            match choices.below(3) {
                0 => reply::add(&mut room, header, &report),
                1 => reply::update(&mut room, header, &report),
                _ => reply::get(&mut room, header, &report),
            }
        }
        Ok(Request::GetSpi(spi)) => reply::get_spi(&mut room, header, &spi, &SaInfo::default()),
        Ok(Request::Delete(sa)) => reply::delete(&mut room, header, &sa, 7),
        Ok(Request::Grpsa(group)) => reply::grpsa(&mut room, header, &group),
        Ok(Request::AddFlow(flow)) => reply::add_flow(&mut room, header, &flow),
        Ok(Request::DelFlow(flow)) => reply::del_flow(&mut room, header, &flow),
        _ => return,
    };
    if let Ok(answer) = answer {
        is_message(answer);
    }
}

/// What goes out is sound from its header to the last extension.
fn is_message(bytes: &[u8]) {
    let envelope = envelope::open(bytes).expect("a message");
    for extension in envelope.extensions() {
        let extension = extension.expect("an extension");
        let _ = extension.decode();
    }
}
