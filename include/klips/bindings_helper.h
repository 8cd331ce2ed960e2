/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Input of the module's own bindgen run: what the kernel crate's bindings lack.
 * Headers in alphabetical order; constants that bindgen cannot evaluate follow as RUST_CONST_HELPER_*.
 */
#include <crypto/aead.h>
#include <crypto/authenc.h>
#include <crypto/hash.h>
#include <linux/if_arp.h>
#include <linux/etherdevice.h>
#include <linux/if_ether.h>
#include <linux/inetdevice.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/pfkeyv2.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/sysctl.h>
#include <linux/workqueue.h>
#include <net/gro_cells.h>
#include <net/ip.h>
#include <net/net_namespace.h>
#include <net/route.h>
#include <net/rtnetlink.h>
#include <net/sock.h>
#include <net/xfrm.h>

#include "../../klips/kapi/helpers.h"

/* `bindgen` gets confused by casts and expressions in macros. */
const gfp_t RUST_CONST_HELPER_KLIPS_GFP_ATOMIC = GFP_ATOMIC;
const gfp_t RUST_CONST_HELPER_KLIPS_GFP_KERNEL = GFP_KERNEL;
const u32 RUST_CONST_HELPER_KLIPS_NFPROTO_IPV4 = NFPROTO_IPV4;
const u32 RUST_CONST_HELPER_KLIPS_NFPROTO_IPV6 = NFPROTO_IPV6;
const u32 RUST_CONST_HELPER_KLIPS_NFPROTO_NETDEV = NFPROTO_NETDEV;
const u32 RUST_CONST_HELPER_KLIPS_NF_NETDEV_INGRESS = NF_NETDEV_INGRESS;
const u32 RUST_CONST_HELPER_KLIPS_NF_INET_PRE_ROUTING = NF_INET_PRE_ROUTING;
const u32 RUST_CONST_HELPER_KLIPS_NF_INET_POST_ROUTING = NF_INET_POST_ROUTING;
const int RUST_CONST_HELPER_KLIPS_NF_IP_PRI_RAW = NF_IP_PRI_RAW;
const int RUST_CONST_HELPER_KLIPS_NF_IP_PRI_LAST = NF_IP_PRI_LAST;
const u32 RUST_CONST_HELPER_KLIPS_IFF_UP = IFF_UP;
const u32 RUST_CONST_HELPER_KLIPS_IFF_NOARP = IFF_NOARP;
const u32 RUST_CONST_HELPER_KLIPS_CRYPTO_ALG_ASYNC = CRYPTO_ALG_ASYNC;
