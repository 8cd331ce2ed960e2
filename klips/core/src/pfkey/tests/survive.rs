// SPDX-License-Identifier: GPL-2.0-only

//! Bytes to requests and back, and what must be true of any bytes. The fuzzer's support has this file, too.

use super::*;

/// Both steps at once. The inner error is that of the parser.
pub(super) fn read(bytes: &[u8]) -> Result<Result<Request<'_>, Errno>, SendError> {
    Ok(parse(&envelope::check(bytes)?))
}

/// The request as its tool would send it.
pub(super) fn recompose(request: &Request<'_>) -> Vec<u8> {
    let origin = build::Origin { seq: 1, pid: 77 };
    let mut buf = std::vec![0xa5; 1 << 16];
    let bytes = match request {
        Request::GetSpi(r) => compose::get_spi(&mut buf, origin, r),
        Request::Update(r) => compose::update(&mut buf, origin, r),
        Request::Add(r) => compose::add(&mut buf, origin, r),
        Request::Delete(r) => compose::delete(&mut buf, origin, r),
        Request::Get(r) => compose::get(&mut buf, origin, r),
        Request::Register { satype } => compose::register(&mut buf, origin, *satype),
        Request::Expire { satype } => {
            Builder::new(&mut buf, MsgType::Expire, *satype, origin).into_bytes()
        }
        Request::Flush(scope) => {
            let satype = match scope {
                request::FlushScope::All => 0,
                request::FlushScope::Proto(proto) => proto.satype(),
                request::FlushScope::Nothing => 5,
            };
            compose::flush(&mut buf, origin, satype)
        }
        Request::Grpsa(r) => compose::grpsa(&mut buf, origin, r),
        Request::AddFlow(r) => compose::add_flow(&mut buf, origin, r),
        Request::DelFlow(r) => compose::del_flow(&mut buf, origin, r),
        Request::Debug(r) => compose::debug(&mut buf, origin, r),
        Request::PlumbIf(r) => compose::plumbif(&mut buf, origin, *r),
        Request::UnplumbIf(r) => compose::unplumbif(&mut buf, origin, *r),
    };
    bytes.expect("room").to_vec()
}

/// What a message of the right length may be refused with.
const REFUSALS: &[Errno] = &[
    Errno::Einval,
    Errno::Eexist,
    Errno::Eafnosupport,
    Errno::Epfnosupport,
    Errno::Enosys,
];

/// Reads a damaged message and checks everything that holds of any message.
pub(super) fn survive(bytes: &[u8]) {
    match read(bytes) {
        Ok(Ok(request)) => {
            // What was understood can be said again, and is understood the same.
            let again = recompose(&request);
            assert_eq!(read(&again), Ok(Ok(request)), "{bytes:02x?}");
        }
        Ok(Err(why)) => assert!(REFUSALS.contains(&why), "{why:?}: {bytes:02x?}"),
        Err(SendError(why)) => {
            assert!(matches!(why, Errno::Einval | Errno::Emsgsize), "{why:?}");
        }
    }
    for ext in Extensions::new(bytes.get(16..).unwrap_or(&[])).flatten() {
        assert!(!ext.bytes().is_empty());
        if let Ok(Ext::Proposal(proposal)) = ext.decode() {
            assert!(proposal.combs().count() <= ext.bytes().len());
        }
    }
}
