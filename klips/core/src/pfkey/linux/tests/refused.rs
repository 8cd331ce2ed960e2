// SPDX-License-Identifier: GPL-2.0-only

//! What af_key refuses, and the errno with which it does.

use super::captured::*;
use super::*;

/// What the request ends in when `change` has been at it.
fn verdict(sample: &str, change: impl Fn(&mut Vec<u8>)) -> Errno {
    let mut bytes = hex(sample);
    change(&mut bytes);
    set_len(&mut bytes);
    read(&bytes).expect("a message").expect_err("not refused")
}

/// Where the extension with this number begins.
fn place(bytes: &[u8], number: u8) -> usize {
    let mut at = 16;
    while bytes[at + 2] != number {
        at += usize::from(bytes[at]) * 8;
    }
    at
}

/// Takes the extension with this number away.
fn without(number: u8) -> impl Fn(&mut Vec<u8>) {
    move |bytes| {
        let at = place(bytes, number);
        let len = usize::from(bytes[at]) * 8;
        bytes.drain(at..at + len);
    }
}

/// Puts a byte into the extension with this number.
fn with(number: u8, offset: usize, value: u8) -> impl Fn(&mut Vec<u8>) {
    move |bytes| {
        let at = place(bytes, number) + offset;
        bytes[at] = value;
    }
}

#[test]
fn headers_fail_the_write_itself() {
    for (at, value, why) in [
        (0, 1, Errno::Einval),
        (1, 0, Errno::Einval),
        (1, 25, Errno::Einval),
        (4, 3, Errno::Emsgsize),
        (6, 1, Errno::Einval),
    ] {
        let mut bytes = hex(REGISTER);
        bytes[at] = value;
        assert_eq!(read(&bytes), Err(SendError(why)), "{at}");
    }
    // A kernel counts the references of a policy there.
    let mut bytes = hex(LARVAL);
    bytes[6] = 2;
    assert!(envelope::open(&bytes).is_ok());
}

#[test]
fn what_is_missing_or_too_much_is_einval() {
    for number in [1, 3, 4, 5, 6, 9] {
        assert_eq!(verdict(ADD, without(number)), Errno::Einval, "{number}");
    }
    for number in [5, 6, 18] {
        assert_eq!(
            verdict(SPDUPDATE, without(number)),
            Errno::Einval,
            "{number}"
        );
    }
    let twice = |bytes: &mut Vec<u8>| {
        let at = place(bytes, 19);
        bytes.extend_from_within(at..at + 16);
    };
    assert_eq!(verdict(ADD, twice), Errno::Einval);
    assert_eq!(verdict(ADD, with(19, 2, 0)), Errno::Einval);
    assert_eq!(verdict(ADD, with(19, 0, 0)), Errno::Einval);
    // A key without bits, and one with more than it has bytes.
    assert_eq!(verdict(ADD, with(9, 5, 0)), Errno::Einval);
    assert_eq!(verdict(ADD, with(9, 5, 2)), Errno::Einval);
    // A prefix longer than the address, another family.
    assert_eq!(verdict(ADD, with(5, 5, 33)), Errno::Einval);
    assert_eq!(verdict(ADD, with(5, 8, 3)), Errno::Einval);
    // A satype without SAs.
    assert_eq!(verdict(ADD, |bytes| bytes[3] = 5), Errno::Einval);
}

#[test]
fn policies_that_mean_nothing_are_einval() {
    for (offset, value) in [
        (4, 3),     // For sockets only.
        (4, 5),     // Nothing.
        (6, 0),     // No direction.
        (6, 4),     // That of a socket's policy.
        (16, 0),    // A request of no length,
        (16, 8),    // of less than itself,
        (16, 0x38), // of more than there is,
        (16, 16),   // without the ends of its tunnel.
        (18, 6),    // TCP.
        (20, 4),    // No mode.
        (21, 4),    // No level.
        (48, 10),   // Ends of two families.
    ] {
        assert_eq!(
            verdict(SPDUPDATE, with(18, offset, value)),
            Errno::Einval,
            "{offset}"
        );
    }
    let optional_tunnel = |bytes: &mut Vec<u8>| {
        with(18, 6, 2)(bytes);
        with(18, 21, 1)(bytes);
    };
    assert_eq!(verdict(SPDUPDATE, optional_tunnel), Errno::Einval);
    // Numbers that no policy has.
    assert_eq!(verdict(SPDGET, with(18, 8, 0x4b)), Errno::Einval);
}

#[test]
fn messages_of_the_other_direction_are_eopnotsupp() {
    for kind in [6, 8, 12, 17, 21, 23] {
        assert_eq!(
            verdict(REGISTER, |bytes| bytes[1] = kind),
            Errno::Eopnotsupp
        );
    }
    assert_eq!(verdict(REGISTER, |bytes| bytes[3] = 10), Errno::Einval);
    let failed = |bytes: &mut Vec<u8>| {
        bytes[1] = 6;
        bytes[2] = 110;
    };
    let mut bytes = hex(REGISTER);
    failed(&mut bytes);
    assert!(matches!(
        read(&bytes),
        Ok(Ok(Request::Failed { errno: 110, .. }))
    ));
}

#[test]
fn unknown_extensions_are_passed_over() {
    let mut bytes = hex(ADD);
    bytes.extend(hex("01001b00 02000000"));
    set_len(&mut bytes);
    assert!(matches!(read(&bytes), Ok(Ok(Request::Add(_)))));
}
