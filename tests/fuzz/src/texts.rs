// SPDX-License-Identifier: GPL-2.0-only

//! Texts to begin with.

/// SAIDs, networks, addresses and numbers.
pub const SAIDS: &[&str] = &[
    "esp0x1001@192.0.2.2",
    "tun.1000@192.0.2.2",
    "ah:1001@2001:db8::2",
    "comp0xa1@10.0.0.1",
    "%trapsubnet",
    "%unk-300",
    "10.1.0.0/16",
    "10.1/16",
    "0/0",
    "192.0.2.1/255.255.0.255",
    "2001:db8::/32",
    "::ffff:192.0.2.1/128",
    "::1",
    "0xffffffff",
    "0377",
];

/// Rows of the listings that `tests/core` has none of.
pub const ROWS: &[&str] = &[
    "tun0x1002@192.168.1.2 comp0xa1@192.168.1.2 esp0x1234@192.168.1.2 \n",
    "ipsec0 -> eth0 mtu=16260(1500) -> 1500 catch\n",
    "ipsec1 -> NULL mtu=0(0) -> 0\n",
    "KLIPS version: 0.1.0\n",
    "debug_tunnel=00000100.\ndebug_esp=ffffffff.\n",
];
