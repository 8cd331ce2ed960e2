// SPDX-License-Identifier: GPL-2.0-only

//! Command lines of `tncfg`: what they mean, what they send, and what is said about those that mean nothing.

use super::*;
use crate::testing::{hex, message, refusals_are_told, words};

fn prog() -> Prog {
    Prog::new("ipsec tncfg")
}

fn action(line: &str) -> Action {
    let read = read(&mut prog(), words(line));
    read.unwrap_or_else(|error| panic!("{line}: {}", error.stderr()))
        .0
}

fn error(line: &str) -> Error {
    match read(&mut prog(), words(line)) {
        Ok((action, _)) => panic!("{line} was taken for {action:?}"),
        Err(error) => error,
    }
}

#[test]
fn one_dash_or_two() {
    let attach = Action::Attach {
        virt: "ipsec0".to_owned(),
        physical: "eth0".to_owned(),
        catch: false,
    };
    for line in [
        "--attach --virtual ipsec0 --physical eth0",
        "-attach -virtual ipsec0 -physical eth0",
        "-phys=eth0 -vi=ipsec0 --att",
    ] {
        assert_eq!(action(line), attach, "{line}");
    }
    let catch = Action::Attach {
        virt: "ipsec0".to_owned(),
        physical: "eth0".to_owned(),
        catch: true,
    };
    let line = "--attach --virtual ipsec0 --physical eth0 --catch";
    assert_eq!(action(line), catch);
    assert_eq!(catch.sentence(), "attach ipsec0 to eth0, and catch");
    assert_eq!(
        action("-detach --virtual ipsec1"),
        Action::Detach {
            virt: "ipsec1".to_owned()
        }
    );
    assert_eq!(action("-clear"), Action::Clear);
    assert_eq!(action("--label x"), Action::List(Format::Classic));
}

#[test]
fn devices_by_number() {
    assert_eq!(
        action("--create ipsec7"),
        Action::Create(Interface::Ipsec(7), "ipsec7".to_owned())
    );
    assert_eq!(
        action("--delete mast0"),
        Action::Delete(Interface::Mast(0), "mast0".to_owned())
    );
    for bad in ["ipsec", "ipsecx", "eth0", "ipsec99999", "ipsec-1", ""] {
        let error = error(&format!("--create={bad}"));
        assert_eq!(
            (error.stderr(), error.stdout(), error.status()),
            ("", "", 5),
            "{bad}"
        );
    }
    let plumb = message(&Request::PlumbIf(Interface::Ipsec(7)), 1, 2);
    assert_eq!(
        plumb,
        hex("02120000 03000000 01000000 02000000 0100 1f00 07c0 0000")
    );
    let unplumb = message(&Request::UnplumbIf(Interface::Mast(3)), 1, 2);
    assert_eq!(
        unplumb,
        hex("02130000 03000000 01000000 02000000 0100 1f00 0300 0000")
    );
}

#[test]
fn mistakes() {
    let two = "exactly one of\n\t'--attach', '--detach', '--create', '--delete' or '--clear'\noptions must be specified.";
    let none = "exactly one of '--attach', '--detach' or '--clear' options must be specified.\n\
                Try ipsec tncfg --help' for usage information.";
    let table = [
        ("--attach --detach", two),
        ("--virtual ipsec0", none),
        (
            "--attach --virtual ipsec0",
            "physical I/F parameter missing.",
        ),
        ("--attach --physical eth0", "virtual I/F parameter missing."),
        ("--detach", "virtual I/F parameter missing."),
        ("--nonsense", "unrecognized option '--nonsense'"),
    ];
    for (line, want) in table {
        let error = error(line);
        assert_eq!(error.stderr(), format!("ipsec tncfg: {want}\n"), "{line}");
        assert_eq!(error.status(), 1, "{line}");
    }
    let version = error("--version");
    assert_eq!(
        (version.stdout(), version.status()),
        ("ipsec tncfg, use ipsec --version instead\n", 1)
    );
}

#[test]
fn refusals() {
    let attach = action("--attach --virtual ipsec0 --physical eth0");
    let text = |action: &Action, errno| action.refused(&prog(), errno).stderr().to_owned();
    let want = "ipsec tncfg: Socket ioctl failed on attach -- No such device.  Is the virtual device valid?  Is the ipsec \
                module linked into the kernel or loaded as a module?\n\
                ipsec tncfg: cannot attach ipsec0 to eth0: there is no device ipsec0, or it is none of KLIPS\n";
    assert_eq!(text(&attach, Errno::ENODEV), want);
    let want = "ipsec tncfg: Socket ioctl failed on attach -- Device busy.  Virtual device ipsec0 is already attached to a \
                physical device -- Use detach first.\n\
                ipsec tncfg: cannot attach ipsec0 to eth0: ipsec0 is attached already; --detach it first\n";
    assert_eq!(text(&attach, Errno::EBUSY), want);
    let want = "ipsec tncfg: Socket ioctl failed on detach -- No such device.  Is the virtual device valid?  The ipsec \
                module may not be linked into the kernel or loaded as a module.\n\
                ipsec tncfg: cannot detach ipsec1: there is no device ipsec1, or it is attached to nothing\n";
    assert_eq!(
        text(&action("--detach --virtual ipsec1"), Errno::ENODEV),
        want
    );
    let want = "ipsec tncfg: Socket ioctl failed on clear -- Failed.  Is the ipsec module linked into the kernel or loaded \
                as a module?.\n\
                ipsec tncfg: cannot detach all devices: there is no device ipsec0; is the klips module loaded?\n";
    assert_eq!(text(&Action::Clear, Errno::ENODEV), want);
}

#[test]
fn a_device_that_is_there_is_not_made_again() {
    let error = action("--create ipsec0").not_plumbed(&prog(), Errno::EEXIST);
    assert_eq!(
        error.stderr(),
        "ipsec tncfg: cannot create ipsec0: there is one of that name\n"
    );
    assert_eq!(error.status(), 2);
}

#[test]
fn lines_without_sense_are_told_as_such() {
    let pieces = [
        "--attach",
        "-detach",
        "--clear",
        "--create ipsec1",
        "--create eth0",
        "--delete mast3",
        "--virtual ipsec0",
        "-physical eth0",
        "--json",
        "--debug",
        "--label y",
        "stray",
        "--no",
    ];
    refusals_are_told(&pieces, &[], |line| read(&mut prog(), line));
}
