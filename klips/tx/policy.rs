// SPDX-License-Identifier: GPL-2.0-only

//! What the policies say about a packet that is to be sent: one place, for what is routed to an ipsecN device and for what
//! leaves by its physical one.

use crate::{
    eroute::Eroute,
    instance::Instance,
    kapi::net::{route, Net},
};
use kernel::sync::{rcu::Guard, Arc};
use klips_core::{
    eroute::{bypass, is_ike_or_ipsec, Key, Verdict},
    said::Shunt,
    wire::flow::Flow,
};

/// What the policy says about a packet.
pub(crate) enum Decision<'g> {
    /// It leaves in clear, whatever the eroutes say.
    Bypass,
    /// An eroute says what to do.
    Eroute(&'g Arc<Eroute>),
}

impl Decision<'_> {
    /// The packet is to leave as it is.
    pub(crate) fn leaves_in_clear(&self) -> bool {
        match self {
            Self::Bypass => true,
            Self::Eroute(eroute) => {
                matches!(Verdict::from(eroute.spec.said), Verdict::Shunt(Shunt::Pass))
            }
        }
    }

    /// Counts a packet that goes by it.
    pub(crate) fn hit(&self) {
        if let Self::Eroute(eroute) = self {
            eroute.hit();
        }
    }
}

/// The policy for a flow, which is not counted as used. `None`: there is none. This host's own key management and IPsec get
/// through.
pub(crate) fn decide<'g>(
    ns: &'g Instance,
    net: &Net,
    flow: &Flow,
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
    eroute.map(Decision::Eroute)
}
