// SPDX-License-Identifier: GPL-2.0-only

//! Whether what a received packet has come through is what its policy wants.
//!
//! A policy lists its templates in the order in which a sender applies them, so the last one is the outermost SA; a packet
//! meets its SAs the other way round. As in Linux's SPD, an SA in transport mode that nobody asked for does no harm, but a
//! tunnel changes who the packet claims to be from: each tunnel must be one that the policy wants.
//!
//! The first SA that a template could mean is the one that it means; there is no going back on that.

use core::net::IpAddr;

use crate::pfkey::linux::{Action, Level, Mode, Template};
use crate::reason::Discard;
use crate::said::SaProto;

/// An SA that a packet has come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// IP protocol: ESP, AH or IPComp.
    pub proto: u8,
    /// A tunnel ended behind it; otherwise it was transport mode.
    pub tunnel: bool,
    /// Its reqid, 0 if it has none.
    pub reqid: u32,
    /// Its source.
    pub src: IpAddr,
    /// Its destination.
    pub dst: IpAddr,
}

/// Whether a policy lets a packet in that has come through `path`, outermost first; in clear, if that is empty.
///
/// # Errors
///
/// [`Discard::RxPolicyDiscard`] if the policy is to discard, [`Discard::RxPlaintext`] if it wants protection and there was
/// none, [`Discard::RxPolicyMismatch`] if there was another one than it wants.
pub fn admit(action: Action, templates: &[Template], path: &[Passed]) -> Result<(), Discard> {
    let templates = match action {
        Action::Discard => return Err(Discard::RxPolicyDiscard),
        Action::Ipsec => templates,
        Action::None | Action::Entrust | Action::Bypass => &[],
    };
    match (satisfied(templates, path), path) {
        (true, _) => Ok(()),
        (false, []) => Err(Discard::RxPlaintext),
        (false, _) => Err(Discard::RxPolicyMismatch),
    }
}

/// Whether a packet that no policy is about may come in by the SAs of `path`.
///
/// # Errors
///
/// [`Discard::RxNoPolicy`] if it came out of a tunnel: only a policy can say whom a tunnel may speak for.
pub fn admit_without_policy(path: &[Passed]) -> Result<(), Discard> {
    if path.iter().any(|passed| passed.tunnel) {
        return Err(Discard::RxNoPolicy);
    }
    Ok(())
}

fn satisfied(templates: &[Template], path: &[Passed]) -> bool {
    let rest = templates
        .iter()
        .rev()
        .try_fold(path, |path, template| behind(template, path));
    rest.is_some_and(|rest| !rest.iter().any(|passed| passed.tunnel))
}

/// What of `path` is behind the SA that `template` wants; `None` if that is not there and must be.
fn behind<'a>(template: &Template, path: &'a [Passed]) -> Option<&'a [Passed]> {
    let optional = is_optional(template);
    let mut rest = path;
    while let Some((passed, inside)) = rest.split_first() {
        if fits(template, passed) {
            // What may be left out may be what a further template cannot do without.
            let taken = passed.tunnel || !optional;
            return Some(if taken { inside } else { path });
        }
        if passed.tunnel {
            break;
        }
        rest = inside;
    }
    optional.then_some(path)
}

/// Whether packets may come without the SA: the policy says so, or it compresses, which senders leave out where it does not
/// pay.
fn is_optional(template: &Template) -> bool {
    let compresses = template.proto == SaProto::Comp.ip_proto() && template.mode != Mode::Tunnel;
    template.level == Level::Use || compresses
}

/// Whether this is an SA that the template means. In transport mode its ends are those of the packet, which the selector
/// has looked at.
fn fits(template: &Template, passed: &Passed) -> bool {
    let mode = match template.mode {
        Mode::Any => true,
        Mode::Tunnel => passed.tunnel,
        Mode::Transport => !passed.tunnel,
        Mode::Beet => false,
    };
    let is_end = |wanted: IpAddr, end| wanted.is_unspecified() || wanted == end;
    let ends = !passed.tunnel
        || template
            .ends
            .is_none_or(|(src, dst)| is_end(src.ip(), passed.src) && is_end(dst.ip(), passed.dst));
    let reqid = template.reqid == 0 || template.reqid == passed.reqid;
    template.proto == passed.proto && mode && reqid && ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddr;

    const ESP: u8 = 50;
    const AH: u8 = 51;
    const COMP: u8 = 108;

    fn transport(proto: u8) -> Template {
        Template {
            proto,
            mode: Mode::Transport,
            level: Level::Require,
            reqid: 0,
            ends: None,
        }
    }

    fn tunnel(proto: u8, src: &str, dst: &str) -> Template {
        let end = |addr: &str| SocketAddr::new(addr.parse().unwrap(), 0);
        Template {
            mode: Mode::Tunnel,
            ends: Some((end(src), end(dst))),
            ..transport(proto)
        }
    }

    fn came(proto: u8, tunnel: bool) -> Passed {
        Passed {
            proto,
            tunnel,
            reqid: 0,
            src: "192.0.2.2".parse().unwrap(),
            dst: "192.0.2.1".parse().unwrap(),
        }
    }

    fn ours(proto: u8) -> Template {
        tunnel(proto, "192.0.2.2", "192.0.2.1")
    }

    fn ipsec(templates: &[Template], path: &[Passed]) -> Result<(), Discard> {
        admit(Action::Ipsec, templates, path)
    }

    #[test]
    fn actions() {
        let path = [came(ESP, false)];
        assert_eq!(admit(Action::None, &[], &[]), Ok(()));
        assert_eq!(admit(Action::None, &[], &path), Ok(()));
        assert_eq!(
            admit(Action::None, &[], &[came(ESP, true)]),
            Err(Discard::RxPolicyMismatch)
        );
        assert_eq!(
            admit(Action::Discard, &[], &path),
            Err(Discard::RxPolicyDiscard)
        );
        assert_eq!(ipsec(&[ours(ESP)], &[]), Err(Discard::RxPlaintext));
    }

    #[test]
    fn without_policy_only_tunnels_are_refused() {
        assert_eq!(admit_without_policy(&[]), Ok(()));
        assert_eq!(
            admit_without_policy(&[came(AH, false), came(ESP, false)]),
            Ok(())
        );
        assert_eq!(
            admit_without_policy(&[came(AH, false), came(ESP, true)]),
            Err(Discard::RxNoPolicy)
        );
    }

    #[test]
    fn a_tunnel_must_be_between_its_ends_and_of_its_number() {
        assert_eq!(ipsec(&[ours(ESP)], &[came(ESP, true)]), Ok(()));
        let wrong = [
            tunnel(ESP, "192.0.2.3", "192.0.2.1"),
            tunnel(ESP, "192.0.2.2", "192.0.2.4"),
            tunnel(ESP, "2001:db8::2", "2001:db8::1"),
            ours(AH),
            transport(ESP),
            Template {
                reqid: 7,
                ..ours(ESP)
            },
        ];
        for template in wrong {
            assert_eq!(
                ipsec(&[template], &[came(ESP, true)]),
                Err(Discard::RxPolicyMismatch)
            );
        }
        assert_eq!(
            ipsec(&[tunnel(ESP, "0.0.0.0", "192.0.2.1")], &[came(ESP, true)]),
            Ok(())
        );
        let numbered = Passed {
            reqid: 7,
            ..came(ESP, true)
        };
        assert_eq!(
            ipsec(
                &[Template {
                    reqid: 7,
                    ..ours(ESP)
                }],
                &[numbered]
            ),
            Ok(())
        );
        assert_eq!(ipsec(&[ours(ESP)], &[numbered]), Ok(()));
    }

    #[test]
    fn order_counts() {
        // The sender: ESP first, AH around it.
        let policy = [transport(ESP), transport(AH)];
        assert_eq!(ipsec(&policy, &[came(AH, false), came(ESP, false)]), Ok(()));
        let wrong = [
            &[came(ESP, false), came(AH, false)][..],
            &[came(ESP, false)],
            &[came(AH, false)],
        ];
        for path in wrong {
            assert_eq!(ipsec(&policy, path), Err(Discard::RxPolicyMismatch));
        }
        let policy = [ours(ESP), transport(AH)];
        assert_eq!(ipsec(&policy, &[came(AH, false), came(ESP, true)]), Ok(()));
        assert_eq!(
            ipsec(&policy, &[came(AH, true), came(ESP, true)]),
            Err(Discard::RxPolicyMismatch)
        );
    }

    #[test]
    fn more_transport_than_wanted_is_fine_and_more_tunnels_are_not() {
        let more = [came(AH, false), came(ESP, true)];
        assert_eq!(ipsec(&[ours(ESP)], &more), Ok(()));
        let inside = [came(ESP, true), came(AH, false)];
        assert_eq!(ipsec(&[ours(ESP)], &inside), Ok(()));
        let two = [came(ESP, true), came(ESP, true)];
        assert_eq!(ipsec(&[ours(ESP)], &two), Err(Discard::RxPolicyMismatch));
        assert_eq!(ipsec(&[ours(ESP), ours(ESP)], &two), Ok(()));
        assert_eq!(
            ipsec(&[transport(AH)], &more),
            Err(Discard::RxPolicyMismatch)
        );
    }

    #[test]
    fn what_is_used_if_there_may_be_missing() {
        let maybe = Template {
            level: Level::Use,
            ..transport(ESP)
        };
        assert_eq!(ipsec(&[maybe], &[]), Ok(()));
        assert_eq!(ipsec(&[maybe], &[came(ESP, false)]), Ok(()));
        assert_eq!(
            ipsec(&[maybe], &[came(ESP, true)]),
            Err(Discard::RxPolicyMismatch)
        );
        // One ESP is enough, though both would take it.
        assert_eq!(ipsec(&[transport(ESP), maybe], &[came(ESP, false)]), Ok(()));
        let maybe = Template {
            level: Level::Use,
            ..ours(ESP)
        };
        assert_eq!(ipsec(&[maybe], &[]), Ok(()));
        assert_eq!(ipsec(&[maybe], &[came(ESP, true)]), Ok(()));
        assert_eq!(
            ipsec(&[maybe, transport(AH)], &[]),
            Err(Discard::RxPlaintext)
        );
    }

    #[test]
    fn compression_may_be_left_out_but_not_its_tunnel() {
        let policy = [transport(COMP), transport(ESP)];
        assert_eq!(
            ipsec(&policy, &[came(ESP, false), came(COMP, false)]),
            Ok(())
        );
        assert_eq!(ipsec(&policy, &[came(ESP, false)]), Ok(()));
        assert_eq!(
            ipsec(&policy, &[came(COMP, false)]),
            Err(Discard::RxPolicyMismatch)
        );
        let policy = [ours(COMP), transport(ESP)];
        assert_eq!(
            ipsec(&policy, &[came(ESP, false), came(COMP, true)]),
            Ok(())
        );
        assert_eq!(
            ipsec(&policy, &[came(ESP, false)]),
            Err(Discard::RxPolicyMismatch)
        );
    }

    #[test]
    fn any_mode_takes_both() {
        let any = Template {
            mode: Mode::Any,
            ..ours(ESP)
        };
        assert_eq!(ipsec(&[any], &[came(ESP, true)]), Ok(()));
        assert_eq!(ipsec(&[any], &[came(ESP, false)]), Ok(()));
        let elsewhere = Template {
            mode: Mode::Any,
            ..tunnel(ESP, "192.0.2.9", "192.0.2.1")
        };
        assert_eq!(
            ipsec(&[elsewhere], &[came(ESP, true)]),
            Err(Discard::RxPolicyMismatch)
        );
        let beet = Template {
            mode: Mode::Beet,
            ..ours(ESP)
        };
        assert_eq!(
            ipsec(&[beet], &[came(ESP, true)]),
            Err(Discard::RxPolicyMismatch)
        );
    }

    /// All ways in which the path could be what the templates want, tried one by one.
    fn model(templates: &[Template], path: &[Passed]) -> bool {
        let Some((last, others)) = templates.split_last() else {
            return !path.iter().any(|passed| passed.tunnel);
        };
        if is_optional(last) && model(others, path) {
            return true;
        }
        let mut rest = path;
        while let Some((passed, inside)) = rest.split_first() {
            if fits(last, passed) && model(others, inside) {
                return true;
            }
            if passed.tunnel {
                break;
            }
            rest = inside;
        }
        false
    }

    #[test]
    fn nothing_gets_in_that_no_reading_of_the_policy_allows() {
        let protos = [ESP, AH, COMP];
        let mut state = 1u64;
        let mut below = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((state >> 33) % n).unwrap()
        };
        let (mut admitted, mut strict) = (0, 0);
        for _ in 0..200_000 {
            let templates: Vec<Template> = (0..below(4))
                .map(|_| {
                    let base = match below(3) {
                        0 => transport(protos[below(3)]),
                        1 => ours(protos[below(3)]),
                        _ => Template {
                            mode: Mode::Any,
                            ..ours(protos[below(3)])
                        },
                    };
                    let level = [Level::Require, Level::Use][below(2)];
                    Template {
                        level,
                        reqid: u32::from(below(3) == 0),
                        ..base
                    }
                })
                .collect();
            let path: Vec<Passed> = (0..below(4))
                .map(|_| Passed {
                    reqid: u32::from(below(2) == 0),
                    ..came(protos[below(3)], below(2) == 0)
                })
                .collect();
            let (got, possible) = (satisfied(&templates, &path), model(&templates, &path));
            assert!(!got || possible, "{templates:?} {path:?}");
            admitted += usize::from(got);
            // Without a choice there is one reading.
            let has_choice = |t: &Template| is_optional(t) || t.mode == Mode::Any;
            if templates.len() < 2 && !templates.iter().any(has_choice) {
                assert_eq!(got, possible, "{templates:?} {path:?}");
                strict += 1;
            }
        }
        assert!(admitted > 10_000 && strict > 10_000);
    }
}
