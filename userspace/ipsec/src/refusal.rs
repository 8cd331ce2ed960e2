// SPDX-License-Identifier: GPL-2.0-only

//! The sentences that the tools have for the errnos of the kernel.
//!
//! Scripts know them by heart, so they stay as they are, their spelling included. Where such a sentence says little
//! about what was asked for, the tool adds a line of its own.

use klips_pfkey::Errno;

const BUSY: &str =
    "KLIPS is busy.  Most likely a serious internal error occured in a previous command.  \
                    Please report as much detail as possible to development team.";
const CHECK_LOG: &str = "Invalid argument, check kernel log messages for specifics.";
const NOT_LOADED: &str = "KLIPS not loaded or enabled.";
const NETLINK: &str = "Netlink not enabled OR KLIPS not loaded.";
const NO_MEMORY: &str = "No kernel memory to allocate SA.";
const NO_ALGORITHM: &str =
    "Algorithm support not available in the kernel.  Please compile in support.";
const SA_IN_USE: &str = "SA already in use.  Delete old one first.";
const NO_SA: &str = "SA does not exist.  Cannot delete.";
const NO_DEVICE: &str = "device does not exist.  See Openswan installation procedure.";
const NO_DEVICE_OLD: &str = "device does not exist.  See FreeS/WAN installation procedure.";
const REPORT: &str = "Please report as much detail as possible to development team.";

/// What an eroute request was, as far as the sentences tell the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowRequest {
    /// `--add`, `--replace`.
    Set,
    /// `--addin`, `--replacein`.
    SetInbound,
    /// `--del`.
    Delete,
    /// `--clear`.
    Clear,
}

fn denied(root: bool) -> String {
    let advice = if root {
        "Check permissions.  Should be 600."
    } else {
        "You must be root to open this file."
    };
    format!("access denied.  {advice}")
}

/// Why the PF_KEY socket cannot be opened.
pub(crate) fn socket(errno: Errno, root: bool) -> String {
    let text = match errno {
        Errno::ENOENT => NO_DEVICE,
        Errno::EACCES => return denied(root),
        Errno::EUNATCH => NETLINK,
        Errno::ENODEV | Errno::EAFNOSUPPORT => NOT_LOADED,
        Errno::EBUSY => BUSY,
        Errno::EINVAL => {
            "Invalid argument, KLIPS not loaded or check kernel log messages for specifics."
        }
        Errno::ENOBUFS => NO_MEMORY,
        Errno::ESOCKTNOSUPPORT => NO_ALGORITHM,
        Errno::EEXIST => SA_IN_USE,
        Errno::ENXIO => NO_SA,
        other => return format!("Unknown file open error {}.  {REPORT}", number(other)),
    };
    text.to_owned()
}

/// Why an eroute request failed.
pub(crate) fn eroute(errno: Errno, request: FlowRequest, root: bool) -> String {
    let text = match (errno, request) {
        (Errno::EINVAL, _) => CHECK_LOG,
        (Errno::ENXIO, FlowRequest::Delete) => "Mask not found.",
        (Errno::ENXIO, _) => "Invalid mask.",
        (Errno::EFAULT, FlowRequest::Delete) => "Address not found.",
        (Errno::EFAULT, FlowRequest::Set) => "Invalid address.",
        (Errno::EFAULT | Errno::EACCES, _) => return denied(root),
        (Errno::EUNATCH, _) => "KLIPS not loaded.",
        (Errno::EBUSY, _) => BUSY,
        (Errno::ENODEV, _) => "KLIPS not loaded or enabled.\nNo device?!?",
        (Errno::ENOBUFS, _) => NO_MEMORY,
        (Errno::ESOCKTNOSUPPORT, _) => NO_ALGORITHM,
        (Errno::EEXIST, _) => "eroute already in use.  Delete old one first.",
        (Errno::ENOENT, FlowRequest::SetInbound) => "non-existant IPIP SA.",
        (Errno::ENOENT, _) => "eroute doesn't exist.  Can't delete.",
        (Errno::ENOSPC, _) => "no room in kernel SAref table.  Cannot process request.",
        (Errno::ESPIPE, _) => "kernel SAref table internal error.  Cannot process request.",
        (other, _) => return format!("Unknown socket write error {}.  {REPORT}", number(other)),
    };
    text.to_owned()
}

/// Why a request about an SA failed.
pub(crate) fn spi(errno: Errno, root: bool) -> String {
    match sa(errno, root) {
        Some(text) => text,
        None if errno == Errno::ENOENT => NO_DEVICE.to_owned(),
        None => format!(
            "Unknown socket write error {} ({}).  {REPORT}",
            number(errno),
            errno.desc()
        ),
    }
}

/// Why a grouping request failed.
pub(crate) fn spigrp(errno: Errno, root: bool) -> String {
    match sa(errno, root) {
        Some(text) => text,
        None if errno == Errno::ENOENT => NO_DEVICE_OLD.to_owned(),
        None => format!("Unknown socket write error {}.  {REPORT}", number(errno)),
    }
}

/// Why a request to change the debugging masks failed: the same sentences.
pub(crate) fn klipsdebug(errno: Errno, root: bool) -> String {
    spigrp(errno, root)
}

/// What the two tools for SAs have in common.
fn sa(errno: Errno, root: bool) -> Option<String> {
    let text = match errno {
        Errno::EACCES => return Some(denied(root)),
        Errno::EUNATCH => NETLINK,
        Errno::ENODEV => NOT_LOADED,
        Errno::EBUSY => BUSY,
        Errno::EINVAL => CHECK_LOG,
        Errno::ENOBUFS => NO_MEMORY,
        Errno::ESOCKTNOSUPPORT => NO_ALGORITHM,
        Errno::EEXIST => SA_IN_USE,
        Errno::ENXIO | Errno::ESRCH => NO_SA,
        _ => return None,
    };
    Some(text.to_owned())
}

/// Why `tncfg --attach` failed.
pub(crate) fn attach(errno: Errno, virt: &str) -> String {
    let text = match errno {
        Errno::EINVAL => CHECK_LOG,
        Errno::ENODEV => {
            "No such device.  Is the virtual device valid?  Is the ipsec module linked into the kernel or loaded as a \
             module?"
        }
        Errno::ENXIO => "No such device.  Is the physical device valid?",
        Errno::EBUSY => {
            return format!(
                "Device busy.  Virtual device {virt} is already attached to a physical device -- Use detach first."
            )
        }
        other => return unknown_ioctl(other),
    };
    text.to_owned()
}

/// Why `tncfg --detach` failed.
pub(crate) fn detach(errno: Errno) -> String {
    let text = match errno {
        Errno::EINVAL => CHECK_LOG,
        Errno::ENODEV => {
            "No such device.  Is the virtual device valid?  The ipsec module may not be linked into the kernel or \
             loaded as a module."
        }
        Errno::ENXIO => "Device requested is not linked to any physical device.",
        other => return unknown_ioctl(other),
    };
    text.to_owned()
}

/// Why `tncfg --clear` failed.
pub(crate) fn clear(errno: Errno) -> String {
    match errno {
        Errno::EINVAL => CHECK_LOG.to_owned(),
        Errno::ENODEV => {
            "Failed.  Is the ipsec module linked into the kernel or loaded as a module?.".to_owned()
        }
        other => unknown_ioctl(other),
    }
}

fn unknown_ioctl(errno: Errno) -> String {
    format!("Unknown socket error {}.", number(errno))
}

/// The number of an errno.
pub(crate) const fn number(errno: Errno) -> i32 {
    errno as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eroute_sentences_depend_on_the_request() {
        let table = [
            (Errno::ENXIO, FlowRequest::Set, "Invalid mask."),
            (Errno::ENXIO, FlowRequest::Delete, "Mask not found."),
            (Errno::EFAULT, FlowRequest::Set, "Invalid address."),
            (Errno::EFAULT, FlowRequest::Delete, "Address not found."),
            (Errno::EFAULT, FlowRequest::Clear, "access denied.  Check permissions.  Should be 600."),
            (Errno::ENOENT, FlowRequest::SetInbound, "non-existant IPIP SA."),
            (Errno::ENOENT, FlowRequest::Delete, "eroute doesn't exist.  Can't delete."),
            (Errno::EEXIST, FlowRequest::Set, "eroute already in use.  Delete old one first."),
            (Errno::ENODEV, FlowRequest::Set, "KLIPS not loaded or enabled.\nNo device?!?"),
            (
                Errno::EIO,
                FlowRequest::Set,
                "Unknown socket write error 5.  Please report as much detail as possible to development team.",
            ),
        ];
        for (errno, request, want) in table {
            assert_eq!(eroute(errno, request, true), want);
        }
        let user = eroute(Errno::EACCES, FlowRequest::Set, false);
        assert_eq!(user, "access denied.  You must be root to open this file.");
    }

    /// Sentences that more than one tool has.
    const IN_COMMON: [(Errno, &str); 6] = [
        (Errno::EACCES, "access denied.  Check permissions.  Should be 600."),
        (
            Errno::EBUSY,
            "KLIPS is busy.  Most likely a serious internal error occured in a previous command.  Please report as much detail as possible to development team.",
        ),
        (Errno::ENOBUFS, "No kernel memory to allocate SA."),
        (
            Errno::ESOCKTNOSUPPORT,
            "Algorithm support not available in the kernel.  Please compile in support.",
        ),
        (Errno::EIO, "Unknown socket write error 5"),
        (Errno::EINVAL, "Invalid argument, "),
    ];

    #[test]
    fn sentences_in_common() {
        for (errno, want) in IN_COMMON {
            for flow in [
                FlowRequest::Set,
                FlowRequest::SetInbound,
                FlowRequest::Delete,
                FlowRequest::Clear,
            ] {
                assert!(
                    eroute(errno, flow, true).starts_with(want),
                    "eroute: {errno}"
                );
            }
            assert!(spi(errno, true).starts_with(want), "spi: {errno}");
            assert!(spigrp(errno, true).starts_with(want), "spigrp: {errno}");
            assert!(
                klipsdebug(errno, true).starts_with(want),
                "klipsdebug: {errno}"
            );
            let want = want.replace("socket write", "file open");
            assert!(socket(errno, true).starts_with(&want), "socket: {errno}");
        }
    }

    #[test]
    fn sentences_about_eroutes() {
        use FlowRequest::{Clear, Delete, Set, SetInbound};
        let table = [
            (Errno::EUNATCH, Set, "KLIPS not loaded."),
            (Errno::ENXIO, SetInbound, "Invalid mask."),
            (
                Errno::EFAULT,
                SetInbound,
                "access denied.  Check permissions.  Should be 600.",
            ),
            (Errno::ENOENT, Set, "eroute doesn't exist.  Can't delete."),
            (Errno::ENOENT, Clear, "eroute doesn't exist.  Can't delete."),
            (
                Errno::ENOSPC,
                Set,
                "no room in kernel SAref table.  Cannot process request.",
            ),
            (
                Errno::ESPIPE,
                Set,
                "kernel SAref table internal error.  Cannot process request.",
            ),
            (
                Errno::EINVAL,
                Delete,
                "Invalid argument, check kernel log messages for specifics.",
            ),
        ];
        for (errno, request, want) in table {
            assert_eq!(eroute(errno, request, true), want, "{errno}");
        }
    }

    #[test]
    fn sentences_about_sockets_and_sas() {
        const NETLINK: &str = "Netlink not enabled OR KLIPS not loaded.";
        const IN_USE: &str = "SA already in use.  Delete old one first.";
        const NO_SA: &str = "SA does not exist.  Cannot delete.";
        const LOADED: &str = "KLIPS not loaded or enabled.";
        for (errno, want) in [
            (Errno::EUNATCH, NETLINK),
            (Errno::ENODEV, LOADED),
            (Errno::EEXIST, IN_USE),
            (Errno::ENXIO, NO_SA),
        ] {
            assert_eq!(socket(errno, true), want);
            assert_eq!(spi(errno, true), want);
            assert_eq!(spigrp(errno, true), want);
        }
        assert_eq!(socket(Errno::EAFNOSUPPORT, true), LOADED);
        assert_eq!(
            socket(Errno::EINVAL, true),
            "Invalid argument, KLIPS not loaded or check kernel log messages for specifics."
        );
        assert_eq!(
            socket(Errno::EACCES, false),
            "access denied.  You must be root to open this file."
        );
    }

    #[test]
    fn sentences_about_devices() {
        let no_virtual = "No such device.  Is the virtual device valid?";
        let modules = "Is the ipsec module linked into the kernel or loaded as a module?";
        assert_eq!(
            attach(Errno::ENODEV, "ipsec0"),
            format!("{no_virtual}  {modules}")
        );
        assert_eq!(
            attach(Errno::ENXIO, "ipsec0"),
            "No such device.  Is the physical device valid?"
        );
        assert_eq!(
            attach(Errno::EBUSY, "ipsec0"),
            "Device busy.  Virtual device ipsec0 is already attached to a physical device -- Use detach first."
        );
        assert_eq!(
            detach(Errno::ENODEV),
            format!("{no_virtual}  The ipsec module may not be linked into the kernel or loaded as a module.")
        );
        assert_eq!(
            detach(Errno::ENXIO),
            "Device requested is not linked to any physical device."
        );
        assert_eq!(clear(Errno::ENODEV), format!("Failed.  {modules}."));
        for text in [
            attach(Errno::EINVAL, "ipsec0"),
            detach(Errno::EINVAL),
            clear(Errno::EINVAL),
        ] {
            assert_eq!(
                text,
                "Invalid argument, check kernel log messages for specifics."
            );
        }
        for text in [
            attach(Errno::EIO, "ipsec0"),
            detach(Errno::EIO),
            clear(Errno::EIO),
        ] {
            assert_eq!(text, "Unknown socket error 5.");
        }
    }

    #[test]
    fn the_same_errno_in_three_tools() {
        assert_eq!(
            socket(Errno::ENOENT, true),
            "device does not exist.  See Openswan installation procedure."
        );
        assert_eq!(
            spi(Errno::ENOENT, true),
            "device does not exist.  See Openswan installation procedure."
        );
        assert_eq!(
            spigrp(Errno::ENOENT, true),
            "device does not exist.  See FreeS/WAN installation procedure."
        );
        assert_eq!(
            spi(Errno::ESRCH, true),
            "SA does not exist.  Cannot delete."
        );
        let unknown = "Unknown socket write error 5 (I/O error).  \
                       Please report as much detail as possible to development team.";
        assert_eq!(spi(Errno::EIO, true), unknown);
    }
}
