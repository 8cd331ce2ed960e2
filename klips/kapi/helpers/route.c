// SPDX-License-Identifier: GPL-2.0-only

#include <net/addrconf.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/route.h>

/* Routes an outer packet by interface @oif and makes the result the packet's dst. Returns 0 or -errno. */
int klips_route_output4(struct net *net, struct sk_buff *skb, __be32 daddr, __be32 saddr,
			u8 tos, u8 proto, int oif)
{
	struct flowi4 fl4 = {
		.daddr = daddr,
		.saddr = saddr,
		.flowi4_oif = oif,
		.flowi4_proto = proto,
		.flowi4_mark = skb->mark,
		/* The SA says what the source is; it need not be an address of this host. */
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	struct rtable *rt;

	fl4.flowi4_dscp = inet_dsfield_to_dscp(tos);
	rt = ip_route_output_key(net, &fl4);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	return 0;
}

void klips_select_ident(struct net *net, struct sk_buff *skb)
{
	__ip_select_ident(net, ip_hdr(skb), 1);
}

int klips_local_out(struct net *net, struct sk_buff *skb)
{
	return ip_local_out(net, NULL, skb);
}

unsigned int klips_inet_addr_type(struct net *net, __be32 addr)
{
	return inet_addr_type(net, addr);
}

/* @bytes: 16 bytes, any alignment. */
bool klips_inet6_addr_is_local(struct net *net, const u8 *bytes)
{
#if IS_BUILTIN(CONFIG_IPV6)
	struct in6_addr addr;

	memcpy(&addr, bytes, sizeof(addr));
	return ipv6_chk_addr(net, &addr, NULL, 0);
#else
	return false;
#endif
}

void klips_icmp_frag_needed(struct sk_buff *skb, u32 mtu)
{
	icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
}
