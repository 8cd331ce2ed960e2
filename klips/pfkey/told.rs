// SPDX-License-Identifier: GPL-2.0-only

//! What those who speak one dialect hear of changes that were asked for in the other.
//!
//! SAs come, change and go in both. Eroutes and policies are not told of: they have no meaning in the other.

use super::{
    form::report,
    linux::form::{form, Keys},
    socket::{Audience, Post},
};
use crate::{instance::Tables, sadb::sa::Sa};
use kernel::sync::Arc;
use klips_core::pfkey::{
    build::Origin,
    ext::SaInfo,
    layout::Header,
    linux::{compose, MsgType},
    reply,
    request::SaRef,
    Speech, PF_KEY_V2,
};

/// A change of the SA database.
pub(super) enum Change {
    /// This SA is new.
    Added(Arc<Sa>),
    /// This SA took the place of another.
    Updated(Arc<Sa>),
    /// This SA is gone.
    Deleted(Arc<Sa>),
    /// All SAs that were made in the dialect of the listeners are gone, or those of a satype; 0 is all of them.
    Flushed(u8),
}

impl Change {
    /// Tells those who speak `speech`. As a rule there is nobody, and nothing is put together.
    pub(super) fn tell(&self, tables: &Tables, speech: Speech, origin: Origin, buf: &mut [u8]) {
        if !tables.is_heard(speech) {
            return;
        }
        let message = match speech {
            Speech::Klips => self.in_klips(origin, buf),
            Speech::Linux => self.in_linux(origin, buf),
        };
        if let Some(message) = message {
            tables.post(&Post {
                speech,
                message,
                audience: Audience::All,
                sender: None,
            });
        }
    }

    fn in_linux<'b>(&self, origin: Origin, buf: &'b mut [u8]) -> Option<&'b [u8]> {
        let (kind, sa) = match self {
            Self::Added(sa) => (MsgType::Add, sa),
            Self::Updated(sa) => (MsgType::Update, sa),
            Self::Deleted(sa) => (MsgType::Delete, sa),
            Self::Flushed(satype) => {
                return compose::bare(buf, MsgType::Flush, *satype, origin).ok()
            }
        };
        let one = form(sa, Keys::Kept)?;
        compose::sa(buf, kind, origin, &one).ok()
    }

    fn in_klips<'b>(&self, origin: Origin, buf: &'b mut [u8]) -> Option<&'b [u8]> {
        let satype = match self {
            Self::Added(sa) | Self::Updated(sa) | Self::Deleted(sa) => sa.said().proto.satype(),
            Self::Flushed(satype) => *satype,
        };
        let header = Header {
            version: PF_KEY_V2,
            satype,
            seq: origin.seq.into(),
            pid: origin.pid.into(),
            ..Header::default()
        };
        match self {
            Self::Added(sa) => reply::add(buf, &header, &report(sa)),
            Self::Updated(sa) => reply::update(buf, &header, &report(sa)),
            Self::Deleted(sa) => {
                let which = SaRef {
                    said: sa.said(),
                    src: sa.fixed.src,
                    sa: SaInfo::default(),
                };
                reply::delete(buf, &header, &which, sa.fixed.saref)
            }
            Self::Flushed(_) => reply::flush(buf, &header),
        }
        .ok()
    }
}
