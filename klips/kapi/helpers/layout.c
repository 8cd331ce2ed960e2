// SPDX-License-Identifier: GPL-2.0-only

#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/proc_fs.h>
#include <linux/seq_file_net.h>
#include <linux/sysctl.h>
#include <net/sock.h>
#include <net/xfrm.h>

/* The twin of LAYOUT in layout.rs, in the same order. */
static const size_t klips_layouts[] = {
	sizeof(struct ctl_table),
	sizeof(struct header_ops),
	offsetof(struct ifreq, ifr_ifru),
	offsetof(struct msghdr, msg_flags),
	offsetof(struct net_device, netdev_ops),
	offsetof(struct net_device, header_ops),
	offsetof(struct net_device, mtu),
	offsetof(struct net_device, needed_headroom),
	offsetof(struct net_device, flags),
	offsetof(struct net_device, hard_header_len),
	offsetof(struct net_device, ifindex),
	offsetof(struct net_device, name),
	offsetof(struct net_device, type),
	offsetof(struct net_device, tx_queue_len),
	offsetof(struct net_device, max_mtu),
	offsetof(struct net_device, broadcast),
	offsetof(struct net_device, needs_free_netdev),
	offsetof(struct net_device, priv_destructor),
	offsetof(struct net_device, rtnl_link_ops),
	offsetof(struct net_device, nd_net),
	offsetof(struct net_device, priv),
	sizeof(struct net_device_ops),
	sizeof(struct net_proto_family),
	offsetof(struct netdev_notifier_changeupper_info, upper_dev),
	offsetof(struct netdev_notifier_changeupper_info, linking),
	offsetof(struct netdev_notifier_info, dev),
	offsetof(struct netdev_notifier_info, extack),
	offsetof(struct netlink_ext_ack, _msg),
	sizeof(struct nf_hook_ops),
	offsetof(struct nf_hook_state, pf),
	offsetof(struct nf_hook_state, in),
	offsetof(struct nf_hook_state, out),
	sizeof(struct notifier_block),
	sizeof(struct pernet_operations),
	sizeof(struct proto),
	sizeof(struct proto_ops),
	sizeof(struct rtnl_link_ops),
	sizeof(struct rtnl_link_stats64),
	sizeof(struct rtnl_newlink_params),
	sizeof(struct scatterlist),
	offsetof(struct seq_file, private),
	sizeof(struct seq_net_private),
	sizeof(struct seq_operations),
	offsetof(struct sk_buff, len),
	offsetof(struct sk_buff, head),
	offsetof(struct sk_buff, data),
	sizeof(struct sock),
	offsetof(struct sock, sk_destruct),
	offsetof(struct socket, ops),
	offsetof(struct socket, sk),
	sizeof(struct delayed_work),
	sizeof(struct xfrm4_protocol),
	sizeof(struct xfrm6_protocol),
};

size_t klips_layout(unsigned int index)
{
	return index < ARRAY_SIZE(klips_layouts) ? klips_layouts[index] : SIZE_MAX;
}
