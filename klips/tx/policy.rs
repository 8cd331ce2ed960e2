// SPDX-License-Identifier: GPL-2.0-only

//! What the policies say about a packet that is to be sent: one place, for what is routed to an ipsecN device and for what
//! leaves by its physical one.

use crate::{
    eroute::Eroute,
    instance::Instance,
    kapi::net::{route, Net},
    spd::Policy,
};
use kernel::sync::{rcu::Guard, Arc};
use klips_core::{
    eroute::{bypass, is_ike_or_ipsec, Key, Verdict},
    pfkey::linux::{Action, Direction},
    said::Shunt,
    wire::flow::Flow,
};

/// What the policy says about a packet.
pub(crate) enum Decision<'g> {
    /// It leaves in clear, whatever eroutes and policies say.
    Bypass,
    /// An eroute says what to do.
    Eroute(&'g Arc<Eroute>),
    /// No eroute does, but a policy of the Linux dialect.
    Policy(&'g Arc<Policy>),
}

impl Decision<'_> {
    /// The packet is to leave as it is.
    pub(crate) fn leaves_in_clear(&self) -> bool {
        match self {
            Self::Bypass => true,
            Self::Eroute(eroute) => {
                matches!(Verdict::from(eroute.spec.said), Verdict::Shunt(Shunt::Pass))
            }
            Self::Policy(policy) => policy.action == Action::None,
        }
    }

    /// Counts a packet that goes by it.
    pub(crate) fn hit(&self) {
        match self {
            Self::Bypass => {}
            Self::Eroute(eroute) => eroute.hit(),
            Self::Policy(policy) => policy.used(),
        }
    }
}

/// The policy for a flow, which is not counted as used; `key` is what the policies of the Linux dialect look at, which are
/// asked only where no eroute matches. `None`: there is none. This host's own key management and IPsec get
/// through.
pub(crate) fn decide<'g>(
    ns: &'g Instance,
    net: &Net,
    flow: &Flow,
    key: &Key,
    guard: &'g Guard,
) -> Option<Decision<'g>> {
    let eroute = ns.eroutes.lookup(&Key::from_flow(flow), guard);
    if is_ike_or_ipsec(flow) {
        let local = route::is_local(net, &flow.src);
        let said_dst = eroute.map(|eroute| eroute.spec.said.dst);
        if bypass(flow, said_dst.as_ref(), local) {
            return Some(Decision::Bypass);
        }
    }
    let policy = || ns.spd.lookup(Direction::Out, key, guard);
    eroute
        .map(Decision::Eroute)
        .or_else(|| policy().map(Decision::Policy))
}
