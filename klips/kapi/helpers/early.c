// SPDX-License-Identifier: GPL-2.0-only

#include <linux/audit.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>
#include <net/ip.h>
#include <net/raw.h>
#include <net/route.h>
#include <net/xfrm.h>

/* Nobody looks at packets at the hook with this slot, or @beside does alone. */
static bool klips_hook_is_quiet(struct nf_hook_entries __rcu *const *slot, nf_hookfn *beside)
{
	const struct nf_hook_entries *e = rcu_dereference(*slot);

	return !e || (e->num_hook_entries == 1 && e->hooks[0].hook == beside);
}

/*
 * Whether @skb, which a device has received, is ESP in IPv4 that the stack would hand over unchanged if it is for this
 * host, and nobody but @beside would see it meanwhile. Its header and ESP's are linear then. Under RCU.
 */
bool klips_skb_comes_straight(struct sk_buff *skb, nf_hookfn *beside)
{
	const struct net *net = dev_net_rcu(skb->dev);
	const struct iphdr *iph;

	if (skb->protocol != htons(ETH_P_IP) || skb->pkt_type != PACKET_HOST || skb_shared(skb) ||
	    !pskb_may_pull(skb, sizeof(*iph) + 8))
		return false;
	iph = (const struct iphdr *)skb->data;
	if (iph->protocol != IPPROTO_ESP || *(const u8 *)iph != 0x45 || ip_is_fragment(iph) ||
	    ntohs(iph->tot_len) < sizeof(*iph) + 8 || ntohs(iph->tot_len) > skb->len ||
	    ip_fast_csum(iph, 5))
		return false;
	if (skb->mark || skb_is_gso(skb) || skb_vlan_tag_present(skb) ||
	    rcu_access_pointer(skb->dev->rx_handler))
		return false;
	/* Packet sockets for IPv4 alone: those for everything have seen it. */
	if (!list_empty(&skb->dev->ptype_specific) || !list_empty(&net->ptype_specific))
		return false;
	return klips_hook_is_quiet(&net->nf.hooks_ipv4[NF_INET_PRE_ROUTING], beside) &&
	       klips_hook_is_quiet(&net->nf.hooks_ipv4[NF_INET_LOCAL_IN], NULL) &&
	       hlist_empty(&raw_v4_hashinfo.ht[raw_hashfunc(net, IPPROTO_ESP)]);
}

/*
 * Whether such a packet, for which KLIPS has no SA, is sure to end in this host without a trace but the count of
 * klips_skb_count_nobodys(). It is not if it may be routed elsewhere, XFRM may have an SA, or an audit is to hear of it.
 * That its sender is told by ICMP where esp4 is not loaded is let go: whether it is cannot be seen, and XFRM tells nobody.
 */
bool klips_skb_is_nobodys(const struct sk_buff *skb)
{
	struct net *net = dev_net_rcu(skb->dev);
	const struct iphdr *iph = (const struct iphdr *)skb->data;

	if (READ_ONCE(net->xfrm.state_num) || audit_enabled != AUDIT_OFF)
		return false;
#ifdef CONFIG_IP_MULTIPLE_TABLES
	if (net->ipv4.fib_has_custom_rules)
		return false;
#endif
	return inet_addr_type_dev_table(net, skb->dev, iph->daddr) == RTN_LOCAL;
}

/* Counts it where XFRM does. */
void klips_skb_count_nobodys(const struct sk_buff *skb)
{
	XFRM_INC_STATS(dev_net_rcu(skb->dev), LINUX_MIB_XFRMINNOSTATES);
}

/* What else IPv4 does to such a packet. */
void klips_skb_take_early(struct sk_buff *skb)
{
	struct net *net = dev_net_rcu(skb->dev);

	__IP_UPD_PO_STATS(net, IPSTATS_MIB_IN, skb->len);
	__IP_INC_STATS(net, IPSTATS_MIB_INDELIVERS);
	skb_orphan(skb);
	skb_reset_network_header(skb);
}

void klips_free_hook_later(struct nf_hook_ops *ops)
{
	kfree_rcu(ops, rcu);
}

bool klips_skb_rt_genid(const struct sk_buff *skb, u32 *genid)
{
	if (skb->protocol != htons(ETH_P_IP) || !skb_dst(skb))
		return false;
	*genid = skb_rtable(skb)->rt_genid;
	return true;
}

u32 klips_rt_genid(const struct net *net)
{
	return rt_genid_ipv4(net);
}
