// SPDX-License-Identifier: GPL-2.0-only

//! Whether both compilers see the same structures.
//!
//! The kernel is built by gcc; the bindings are clang's reading of the same headers. Where they disagreed, every access
//! from Rust would be to the wrong place, so the module refuses to load. Both lists are in the same order.

use super::raw;
use core::mem::{offset_of, size_of};
use kernel::prelude::*;

macro_rules! rust_layout {
    ($($type:ident $(. $field:ident)?;)+) => {
        &[$((concat!(stringify!($type) $(, ".", stringify!($field))?), rust_layout!(@ $type $(. $field)?)),)+]
    };
    (@ $type:ident) => { size_of::<raw::$type>() };
    (@ $type:ident . $field:ident) => { offset_of!(raw::$type, $field) };
}

/// What is touched from Rust; `klips_layout` in `helpers/layout.c` is its twin.
const LAYOUT: &[(&str, usize)] = rust_layout! {
    ctl_table;
    header_ops;
    ifreq.ifr_ifru;
    msghdr.msg_flags;
    net_device.netdev_ops;
    net_device.header_ops;
    net_device.mtu;
    net_device.needed_headroom;
    net_device.flags;
    net_device.hard_header_len;
    net_device.ifindex;
    net_device.name;
    net_device.type_;
    net_device.tx_queue_len;
    net_device.max_mtu;
    net_device.broadcast;
    net_device.needs_free_netdev;
    net_device.priv_destructor;
    net_device.rtnl_link_ops;
    net_device.nd_net;
    net_device.priv_;
    net_device_ops;
    net_proto_family;
    netdev_notifier_changeupper_info.upper_dev;
    netdev_notifier_changeupper_info.linking;
    netdev_notifier_info.dev;
    netdev_notifier_info.extack;
    netlink_ext_ack._msg;
    nf_hook_ops;
    nf_hook_state.pf;
    nf_hook_state.in_;
    nf_hook_state.out;
    notifier_block;
    pernet_operations;
    proto;
    proto_ops;
    rtnl_link_ops;
    rtnl_link_stats64;
    rtnl_newlink_params;
    scatterlist;
    seq_file.private;
    seq_net_private;
    seq_operations;
    sk_buff.len;
    sk_buff.head;
    sk_buff.data;
    sock;
    sock.sk_destruct;
    socket.ops;
    socket.sk;
    delayed_work;
    xfrm4_protocol;
    xfrm6_protocol;
};

/// Compares the layouts. `ENOEXEC`: they differ; the log says where.
pub(crate) fn check() -> Result {
    for (i, (name, ours)) in LAYOUT.iter().enumerate() {
        // SAFETY: Reads a constant table; an index out of range gives `usize::MAX`.
        let theirs = unsafe { raw::klips_layout(i as u32) };
        if theirs != *ours {
            pr_err!("{name}: Rust sees {ours}, C sees {theirs}; the module was built wrongly\n");
            return Err(ENOEXEC);
        }
    }
    // SAFETY: As above.
    if unsafe { raw::klips_layout(LAYOUT.len() as u32) } != usize::MAX {
        pr_err!("the layout tables have different lengths\n");
        return Err(ENOEXEC);
    }
    Ok(())
}
