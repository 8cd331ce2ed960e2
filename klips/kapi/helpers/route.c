// SPDX-License-Identifier: GPL-2.0-only

#include <net/addrconf.h>
#include <linux/icmpv6.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/xfrm.h>

/* The route of an outer packet by interface @oif, with a reference; or an error pointer. */
static struct rtable *klips_route4(struct net *net, __be32 daddr, __be32 saddr, u8 tos, u8 proto,
				   int oif, u32 mark)
{
	struct flowi4 fl4 = {
		.daddr = daddr,
		.saddr = saddr,
		.flowi4_oif = oif,
		.flowi4_proto = proto,
		.flowi4_mark = mark,
		/* The SA says what the source is; it need not be an address of this host. */
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};

	fl4.flowi4_dscp = inet_dsfield_to_dscp(tos);
	return ip_route_output_key(net, &fl4);
}

/* Routes an outer packet by interface @oif and makes the result the packet's dst. Returns 0 or -errno. */
int klips_route_output4(struct net *net, struct sk_buff *skb, __be32 daddr, __be32 saddr,
			u8 tos, u8 proto, int oif)
{
	struct rtable *rt = klips_route4(net, daddr, saddr, tos, proto, oif, skb->mark);

	if (IS_ERR(rt))
		return PTR_ERR(rt);
	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	return 0;
}

/* A route as klips_route_output4 looks one up, for packets without a mark, with a reference; or an error pointer. */
struct dst_entry *klips_route_lookup4(struct net *net, __be32 daddr, __be32 saddr, u8 tos, u8 proto,
				      int oif)
{
	struct rtable *rt = klips_route4(net, daddr, saddr, tos, proto, oif, 0);

	return IS_ERR(rt) ? ERR_CAST(rt) : &rt->dst;
}

void klips_dst_release(struct dst_entry *dst)
{
	dst_release(dst);
}

/*
 * Whether IPv4 would do nothing to a packet of this host that is sent by @dst, and is no longer than its MTU, but show it
 * at POST_ROUTING and give it to the neighbour: nobody looks at LOCAL_OUT, and the route is an ordinary one. Under RCU.
 */
static bool klips_dst_is_direct(const struct net *net, const struct dst_entry *dst)
{
	return !rcu_access_pointer(net->nf.hooks_ipv4[NF_INET_LOCAL_OUT]) &&
	       dst_rtable(dst)->rt_type == RTN_UNICAST && !dst->lwtstate && !dst_xfrm(dst) &&
	       !netif_is_l3_slave(dst->dev);
}

/*
 * What a route of IPv4 that was kept says of its path by interface @oif. 0: it is not valid any more, or leads elsewhere;
 * else its MTU, and KLIPS_DIRECT if it is direct. Under RCU.
 */
u32 klips_dst_path(const struct net *net, const struct dst_entry *dst, int oif)
{
	const struct rtable *rt = dst_rtable(dst);

	if (READ_ONCE(dst->obsolete) != DST_OBSOLETE_FORCE_CHK || dst->dev->ifindex != oif ||
	    rt->rt_genid != rt_genid_ipv4(dev_net_rcu(dst->dev)))
		return 0;
	return ip_dst_mtu_maybe_forward(dst, false) |
	       (klips_dst_is_direct(net, dst) ? KLIPS_DIRECT : 0);
}

int klips_dst_ifindex(const struct dst_entry *dst)
{
	return dst->dev->ifindex;
}

static int klips_neigh_finish4(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct rtable *rt = skb_rtable(skb);
	struct neighbour *neigh;
	bool is_v6gw = false;

	neigh = ip_neigh_for_gw(rt, skb, &is_v6gw);
	if (IS_ERR(neigh)) {
		kfree_skb(skb);
		return PTR_ERR(neigh);
	}
	return neigh_output(neigh, skb, is_v6gw);
}

/*
 * Sends a packet just encapsulated, with a complete IPv4 header but for its checksum, by the route @dst, which need not be
 * held. @direct: to the neighbour, as klips_dst_path allowed. Under RCU until it has returned.
 */
int klips_send_by(struct net *net, struct sk_buff *skb, struct dst_entry *dst, bool direct)
{
	struct net_device *from = skb->dev;

	skb_set_transport_header(skb, sizeof(struct iphdr));
	klips_skb_scrub_outbound(skb);
	skb->protocol = htons(ETH_P_IP);
	skb_dst_set_noref(skb, dst);
	if (!direct)
		return klips_local_out(net, skb);
	IPCB(skb)->flags |= IPSKB_XFRM_TRANSFORMED;
	ip_send_check(ip_hdr(skb));
	skb->dev = dst->dev;
	IP_INC_STATS(net, IPSTATS_MIB_OUTREQUESTS);
	IP_UPD_PO_STATS(net, IPSTATS_MIB_OUT, skb->len);
	return NF_HOOK(NFPROTO_IPV4, NF_INET_POST_ROUTING, net, NULL, skb, from, skb->dev,
		       klips_neigh_finish4);
}

/* @count identifications for IPv4 packets of @proto from @saddr to @daddr; the first of them. */
u16 klips_reserve_idents(struct net *net, __be32 saddr, __be32 daddr, u8 proto, u16 count)
{
	struct iphdr iph = { .saddr = saddr, .daddr = daddr, .protocol = proto };

	__ip_select_ident(net, &iph, count);
	return ntohs(iph.id);
}

/* The MTU of the path to @daddr by interface @oif, as far as it is known; 0 if there is no route. */
u32 klips_path_mtu4(struct net *net, __be32 daddr, __be32 saddr, u8 tos, u8 proto, int oif)
{
	struct rtable *rt = klips_route4(net, daddr, saddr, tos, proto, oif, 0);
	u32 mtu;

	if (IS_ERR(rt))
		return 0;
	mtu = dst_mtu(&rt->dst);
	ip_rt_put(rt);
	return mtu;
}

/* As klips_path_mtu4. @daddr: 16 bytes, any alignment. */
u32 klips_path_mtu6(struct net *net, const u8 *daddr, u8 proto, int oif)
{
#if IS_BUILTIN(CONFIG_IPV6)
	struct flowi6 fl6 = {
		.flowi6_oif = oif,
		.flowi6_proto = proto,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	};
	struct dst_entry *dst;
	u32 mtu;

	memcpy(&fl6.daddr, daddr, sizeof(fl6.daddr));
	dst = ip6_route_output(net, NULL, &fl6);
	mtu = dst->error ? 0 : dst_mtu(dst);
	dst_release(dst);
	return mtu;
#else
	return 0;
#endif
}

/* Whether @skb, an ICMP error as protocol handlers get it, says that a packet was too big for its path. */
bool klips_icmp_is_too_big(const struct sk_buff *skb)
{
	return icmp_hdr(skb)->type == ICMP_DEST_UNREACH && icmp_hdr(skb)->code == ICMP_FRAG_NEEDED;
}

/* Applies it to the routes by interface @oif; 0 is any. */
void klips_update_pmtu4(struct sk_buff *skb, u32 mtu, int oif, u8 proto)
{
	ipv4_update_pmtu(skb, dev_net(skb->dev), mtu, oif, proto);
}

/* The same for ICMPv6; @mtu in network byte order. */
void klips_update_pmtu6(struct sk_buff *skb, __be32 mtu, int oif)
{
#if IS_BUILTIN(CONFIG_IPV6)
	struct net *net = dev_net(skb->dev);

	ip6_update_pmtu(skb, net, mtu, oif, 0, sock_net_uid(net, NULL));
#endif
}

/* The interface that the route attached to the packet leads to. */
int klips_route_ifindex(const struct sk_buff *skb)
{
	return skb_dst(skb)->dev->ifindex;
}

void klips_select_ident(struct net *net, struct sk_buff *skb)
{
	__ip_select_ident(net, ip_hdr(skb), 1);
}

/* Sends a packet that IPsec is through with: klips_skb_is_settled will know it. */
int klips_local_out(struct net *net, struct sk_buff *skb)
{
	IPCB(skb)->flags |= IPSKB_XFRM_TRANSFORMED;
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

void klips_icmp_send(struct sk_buff *skb, int type, int code, u32 info)
{
	icmp_ndo_send(skb, type, code, htonl(info));
}

void klips_icmpv6_send(struct sk_buff *skb, u8 type, u8 code, u32 info)
{
	icmpv6_ndo_send(skb, type, code, info);
}

/* As klips_route_output4. @daddr: 16 bytes, any alignment. */
int klips_route_output6(struct net *net, struct sk_buff *skb, const u8 *daddr, u8 proto, int oif)
{
#if IS_BUILTIN(CONFIG_IPV6)
	struct flowi6 fl6 = {
		.flowi6_oif = oif,
		.flowi6_proto = proto,
		.flowi6_mark = skb->mark,
		.flowi6_flags = FLOWI_FLAG_ANYSRC,
	};
	struct dst_entry *dst;

	/* Without a source: with one, IPv6 takes the interface for a wish only. */
	memcpy(&fl6.daddr, daddr, sizeof(fl6.daddr));
	dst = ip6_route_output(net, NULL, &fl6);
	if (dst->error) {
		int err = dst->error;

		dst_release(dst);
		return err;
	}
	skb_dst_drop(skb);
	skb_dst_set(skb, dst);
	return 0;
#else
	return -EAFNOSUPPORT;
#endif
}

int klips_local_out6(struct net *net, struct sk_buff *skb)
{
#if IS_BUILTIN(CONFIG_IPV6)
	IP6CB(skb)->flags |= IP6SKB_XFRM_TRANSFORMED;
	return ip6_local_out(net, NULL, skb);
#else
	kfree_skb(skb);
	return -EAFNOSUPPORT;
#endif
}

/*
 * Makes a routed packet one that is routed to @dev: its route is replaced by one that differs in the device, with that
 * device's MTU, and in nothing that was to be done on the way to the device of before. Returns 0 or -errno.
 */
int klips_divert4(struct sk_buff *skb, struct net_device *dev)
{
	const struct rtable *from = skb_rtable(skb);
	struct rtable *rt = rt_dst_alloc(dev, from->rt_flags, from->rt_type, true);

	if (!rt)
		return -ENOMEM;
	rt->rt_is_input = from->rt_is_input;
	rt->rt_iif = from->rt_iif;
	rt->rt_pmtu = from->rt_pmtu;
	rt->rt_mtu_locked = from->rt_mtu_locked;
	rt->rt_gw_family = from->rt_gw_family;
	if (from->rt_gw_family == AF_INET)
		rt->rt_gw4 = from->rt_gw4;
	else if (from->rt_gw_family == AF_INET6)
		rt->rt_gw6 = from->rt_gw6;
	rt->dst.expires = READ_ONCE(from->dst.expires);
	rt->dst.input = READ_ONCE(from->dst.input);
	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	skb->dev = dev;
	return 0;
}

/* As klips_divert4. -ENETDOWN: the device has no IPv6. */
int klips_divert6(struct sk_buff *skb, struct net_device *dev)
{
#if IS_BUILTIN(CONFIG_IPV6)
	const struct rt6_info *from = dst_rt6_info(skb_dst(skb));
	struct inet6_dev *idev = in6_dev_get(dev);
	struct rt6_info *rt;

	if (!idev)
		return -ENETDOWN;
	if (READ_ONCE(idev->cnf.disable_ipv6)) {
		in6_dev_put(idev);
		return -ENETDOWN;
	}
	/* One for each packet: not to be counted, or the routing table would be cleaned up for them. */
	rt = ip6_dst_alloc(dev_net(dev), dev, DST_NOXFRM | DST_NOCOUNT);
	if (!rt) {
		in6_dev_put(idev);
		return -ENOMEM;
	}
	rt->rt6i_idev = idev;
	rt->rt6i_flags = from->rt6i_flags & RTF_GATEWAY;
	rt->rt6i_gateway = from->rt6i_gateway;
	rt->dst.input = READ_ONCE(from->dst.input);
	rt->dst.output = ip6_output;
	skb_dst_drop(skb);
	skb_dst_set(skb, &rt->dst);
	skb->dev = dev;
	return 0;
#else
	return -ENETDOWN;
#endif
}

/* Without built-in IPv6 there is nothing to be received by it. */
int klips_xfrm6_register(struct xfrm6_protocol *handler, unsigned char protocol)
{
#if IS_BUILTIN(CONFIG_IPV6)
	return xfrm6_protocol_register(handler, protocol);
#else
	return 0;
#endif
}

void klips_xfrm6_deregister(struct xfrm6_protocol *handler, unsigned char protocol)
{
#if IS_BUILTIN(CONFIG_IPV6)
	xfrm6_protocol_deregister(handler, protocol);
#endif
}
