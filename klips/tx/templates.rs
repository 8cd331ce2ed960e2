// SPDX-License-Identifier: GPL-2.0-only

//! What a policy of the Linux dialect does to a packet: its templates become a bundle of SAs, made anew for each packet.
//!
//! A bundle takes the packet the same way as a group does, and then the packet leaves: what it is outside is not looked up
//! in any policy again.

use super::{By, Outbound, Sent};
use crate::{
    error::Discard,
    hold::Waiting,
    instance::Tables,
    kapi::net::skbuff::Packet,
    sadb::{sa::Sa, Bundle, Need, MAX_GROUP},
    spd::Policy,
};
use core::net::IpAddr;
use heapless::Vec;
use kernel::sync::{rcu::Guard, Arc};
use klips_core::{
    pfkey::linux::{Action, Level, Mode, Template},
    said::{SaProto, Said},
    wire::flow::Flow,
};

/// What templates come to.
pub(crate) enum Resolved<'g> {
    /// These SAs, innermost first; none, if all that there could be are optional.
    Bundle(Bundle<'g>),
    /// This one is missing.
    Missing(Need),
}

/// The SAs for a packet, and as they are now. Any context.
pub(crate) fn resolve<'g>(
    tables: &'g Tables,
    templates: &[Template],
    flow: &Flow,
    guard: &'g Guard,
) -> Result<Resolved<'g>, Discard> {
    let mut bundle = Bundle::new();
    // What is around a tunnel is between its ends.
    let mut ends = (flow.src, flow.dst);
    for template in templates {
        let own = own_ends(template, &ends);
        let need = need(template, own)?;
        let Some(sa) = tables.sadb.usable(&need, guard) else {
            if template.level == Level::Use {
                continue;
            }
            return Ok(Resolved::Missing(need));
        };
        if let Some(tunnel) = tunnel_of(template, sa) {
            bundle.push(tunnel).map_err(|_| Discard::TxBadBundle)?;
            ends = own;
        }
        bundle.push(sa).map_err(|_| Discard::TxBadBundle)?;
    }
    Ok(Resolved::Bundle(bundle))
}

/// The ends that a template names, or else those of the packet as it is there.
fn own_ends(template: &Template, of_packet: &(IpAddr, IpAddr)) -> (IpAddr, IpAddr) {
    let named = template.ends.map(|(src, dst)| (src.ip(), dst.ip()));
    named
        .filter(|(src, dst)| !src.is_unspecified() && !dst.is_unspecified())
        .unwrap_or(*of_packet)
}

fn need(template: &Template, (src, dst): (IpAddr, IpAddr)) -> Result<Need, Discard> {
    let proto = match template.proto {
        50 => SaProto::Esp,
        51 => SaProto::Ah,
        108 => SaProto::Comp,
        _ => return Err(Discard::TxBadBundle),
    };
    Ok(Need {
        dst,
        src,
        proto,
        mode: template.mode,
        reqid: template.reqid,
    })
}

/// The tunnel that goes first, if the SA is used in tunnel mode: the template decides, or else the SA, or else whether the
/// template has ends.
fn tunnel_of<'g>(template: &Template, sa: &'g Sa) -> Option<&'g Arc<Sa>> {
    let wanted = match (template.mode, sa.mode()) {
        (Mode::Tunnel, _) | (Mode::Any, Some(Mode::Tunnel)) => true,
        (Mode::Any, Some(Mode::Any)) => template.ends.is_some(),
        _ => false,
    };
    sa.tunnel().filter(|_| wanted)
}

/// What of a bundle is still to come for a packet that a cipher has: names, as the SAs may go meanwhile.
pub(super) type Rest = Vec<Said, MAX_GROUP>;

/// The names of SAs.
pub(super) fn names(bundle: &[&Arc<Sa>]) -> Rest {
    bundle.iter().map(|sa| sa.said()).take(MAX_GROUP).collect()
}

/// The SAs of these names; `None` if one has gone. The tunnel of an SA has its SPI, and goes before it.
pub(super) fn again<'g>(tables: &'g Tables, names: &Rest, guard: &'g Guard) -> Option<Bundle<'g>> {
    let mut bundle = Bundle::new();
    let mut in_tunnel = false;
    for said in names {
        if said.proto == SaProto::Ipip {
            in_tunnel = true;
            continue;
        }
        let sa = tables.sadb.get(said, guard)?;
        if core::mem::take(&mut in_tunnel) {
            bundle.push(sa.tunnel()?).ok()?;
        }
        bundle.push(sa).ok()?;
    }
    Some(bundle)
}

impl<'g> Outbound<'g> {
    /// Does what the policy says.
    pub(super) fn apply(
        &self,
        policy: &Arc<Policy>,
        packet: Packet,
        flow: &Flow,
    ) -> Result<Sent, Discard> {
        let resolved = match policy.action {
            Action::Discard => return Err(Discard::TxPolicyDiscard),
            Action::Ipsec => resolve(self.ns, &policy.templates, flow, self.guard)?,
            Action::None | Action::Entrust | Action::Bypass => Resolved::Bundle(Bundle::new()),
        };
        match resolved {
            Resolved::Missing(need) => self.ask(policy, need, packet),
            Resolved::Bundle(bundle) if bundle.is_empty() => {
                self.pass(packet, flow).map(Sent::Bytes)
            }
            Resolved::Bundle(bundle) => {
                match self.protect(packet, flow, &bundle, By::Policy, 0)? {
                    Some(packet) => self.emit(packet).map(Sent::Bytes),
                    None => Ok(Sent::Later),
                }
            }
        }
    }

    /// The SAs that a policy wants for a packet, if none is missing.
    pub(super) fn bundle_by(&self, policy: &Policy, flow: &Flow) -> Option<Bundle<'g>> {
        let wanted = policy.action == Action::Ipsec;
        let resolved = wanted.then(|| resolve(self.ns, &policy.templates, flow, self.guard))?;
        match resolved {
            Ok(Resolved::Bundle(bundle)) => Some(bundle),
            _ => None,
        }
    }

    /// Has key daemons asked for an SA. The packet waits for it.
    fn ask(&self, policy: &Arc<Policy>, need: Need, packet: Packet) -> Result<Sent, Discard> {
        let waiting = Waiting::new(packet, self.dev.port().ifindex());
        let most = self.ns.sysctl.hold_max();
        let lost = self.ns.asks.keep(policy, need, waiting, most);
        let lost = lost.map_err(|_| Discard::TxNotAcquired)?;
        for _ in 0..lost.len() {
            self.dev.data().discard(Discard::TxHoldEvicted);
        }
        self.ns.wake();
        Ok(Sent::Later)
    }
}
