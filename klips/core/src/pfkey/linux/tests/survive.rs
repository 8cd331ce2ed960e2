// SPDX-License-Identifier: GPL-2.0-only

//! Bytes to requests and back, and what must be true of any bytes. The fuzzer's support has this file, too.

use super::*;

/// Who the messages of these tests are from.
pub(super) const ORIGIN: Origin = Origin { seq: 7, pid: 77 };

/// Both steps at once. The inner error is that of the reader.
pub(super) fn read(bytes: &[u8]) -> Result<Result<Request<'_>, Errno>, SendError> {
    Ok(request(&envelope::check(bytes)?))
}

/// The request as a client would send it.
pub(super) fn composed(request: &Request<'_>) -> Vec<u8> {
    let mut buf = std::vec![0xa5; 1 << 14];
    compose::request(&mut buf, ORIGIN, request)
        .expect("room")
        .to_vec()
}

/// Reads a damaged message, both ways, and checks everything that holds of any message.
pub(super) fn survive(bytes: &[u8]) {
    match read(bytes) {
        Ok(Ok(request)) => {
            // What was understood can be said again, and is understood the same.
            let again = composed(&request);
            let same = match (read(&again).unwrap().unwrap(), request) {
                // Its number is that of the message.
                (
                    Request::GetSpi { sa, range, .. },
                    Request::GetSpi {
                        sa: a, range: r, ..
                    },
                ) => (sa.src, sa.dst, sa.sa2, range) == (a.src, a.dst, a.sa2, r),
                // The number 0 is that of whoever answers.
                (
                    Request::Failed {
                        satype,
                        errno,
                        seq: 7,
                    },
                    Request::Failed {
                        satype: s,
                        errno: e,
                        seq: 0,
                    },
                ) => (satype, errno) == (s, e),
                (again, request) => again == request,
            };
            assert!(same, "{bytes:02x?}");
        }
        Ok(Err(why)) => {
            assert!(matches!(why, Errno::Einval | Errno::Eopnotsupp), "{why:?}");
        }
        Err(SendError(why)) => {
            assert!(matches!(why, Errno::Einval | Errno::Emsgsize), "{why:?}");
        }
    }
    if let Ok(envelope) = envelope::open(bytes) {
        match message(&envelope) {
            Ok(Message::Policy(entry)) => drop(entry.policy.templates.iter().count()),
            Ok(Message::Algorithms { auth, .. }) => drop(auth.map(|algs| algs.iter().count())),
            Ok(_) => {}
            Err(why) => assert_eq!(why, Errno::Einval),
        }
    }
}
