// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEY against the bytes of the classic tools, against every kind of broken message, and against itself.

mod golden;
mod headers;
mod mutate;
mod refuse;
mod replies;
mod roundtrip;
mod samples;
mod tell;

use super::*;
use std::vec::Vec;

/// Bytes of a string of hex digits; blanks are for the reader.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(byte).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4) | pair[1])
        .collect()
}

/// Both steps at once. The inner error is that of the parser.
fn read(bytes: &[u8]) -> Result<Result<Request<'_>, Errno>, SendError> {
    Ok(parse(&envelope::check(bytes)?))
}

/// A message that has to be good.
fn request(bytes: &[u8]) -> Request<'_> {
    read(bytes).expect("a message").expect("a request")
}

/// The request as its tool would send it.
fn recompose(request: &Request<'_>) -> Vec<u8> {
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
