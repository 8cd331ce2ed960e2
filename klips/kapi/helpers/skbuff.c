// SPDX-License-Identifier: GPL-2.0-only

#include <linux/etherdevice.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <net/dst.h>
#include <net/gro_cells.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/xfrm.h>

/* Word by word: of so few a memset would be a string instruction, which is slow to begin. */
static void klips_skb_clear_cb(struct sk_buff *skb)
{
	u64 *word = (u64 *)skb->cb;

	BUILD_BUG_ON(sizeof(skb->cb) != 6 * sizeof(*word));
	word[0] = 0;
	word[1] = 0;
	word[2] = 0;
	word[3] = 0;
	word[4] = 0;
	word[5] = 0;
}

void klips_kfree_skb(struct sk_buff *skb)
{
	kfree_skb(skb);
}

struct sk_buff *klips_alloc_skb(unsigned int size, gfp_t gfp)
{
	return alloc_skb(size, gfp);
}

bool klips_pskb_may_pull(struct sk_buff *skb, unsigned int len)
{
	return pskb_may_pull(skb, len);
}

/*
 * The packets that @skb, which a device is to send, is on the wire: itself, with its checksum filled in, or a list of its
 * segments, with theirs. NULL: it is freed, there is no memory or it cannot be segmented.
 */
struct sk_buff *klips_skb_segments(struct sk_buff *skb)
{
	struct sk_buff *segs;

	if (likely(!skb_is_gso(skb))) {
		if (skb->ip_summed != CHECKSUM_PARTIAL || !skb_checksum_help(skb))
			return skb;
		kfree_skb(skb);
		return NULL;
	}
	segs = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segs)) {
		kfree_skb(skb);
		return NULL;
	}
	consume_skb(skb);
	return segs;
}

/* Takes the first packet off a list. */
struct sk_buff *klips_skb_pop(struct sk_buff **list)
{
	struct sk_buff *skb = *list;

	if (skb) {
		*list = skb->next;
		skb_mark_not_on_list(skb);
	}
	return skb;
}

/*
 * Makes @skb one private linear piece that begins at its network header, and clears its control block: that is of a layer
 * which is through with the packet (a queueing discipline, say), and the IP layer would take it for its own, with options
 * that are not there. False: there is no memory, or the header lies outside.
 */
bool klips_skb_begin(struct sk_buff *skb)
{
	int offset;

	if (unlikely(skb_linearize_cow(skb)))
		return false;
	offset = skb_network_offset(skb);
	if (unlikely(offset > (int)skb->len || -offset > (int)skb_headroom(skb)))
		return false;
	if (offset >= 0)
		__skb_pull(skb, offset);
	else
		__skb_push(skb, -offset);
	klips_skb_clear_cb(skb);
	return true;
}

/*
 * Lengthens a linear private packet by @head bytes in front, its network and transport header then, and @tail behind, with
 * @reserve bytes left free in front of it all. False: there is no memory, and nothing has
 * changed.
 */
bool klips_skb_grow(struct sk_buff *skb, unsigned int head, unsigned int tail, unsigned int reserve)
{
	int more_head = (int)(head + reserve) - (int)skb_headroom(skb);
	int more_tail = (int)tail - skb_tailroom(skb);

	if ((more_head > 0 || more_tail > 0) &&
	    pskb_expand_head(skb, max(more_head, 0), max(more_tail, 0), GFP_ATOMIC))
		return false;
	__skb_put(skb, tail);
	__skb_push(skb, head);
	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
	return true;
}

unsigned int klips_skb_tailroom(const struct sk_buff *skb)
{
	return skb_tailroom(skb);
}

int klips_skb_network_offset(const struct sk_buff *skb)
{
	return skb_network_offset(skb);
}

void klips_skb_set_network(struct sk_buff *skb, int offset, int transport_offset)
{
	skb_set_network_header(skb, offset);
	skb_set_transport_header(skb, transport_offset);
}

void klips_skb_set_protocol(struct sk_buff *skb, u16 protocol)
{
	skb->protocol = htons(protocol);
}

struct net_device *klips_skb_dev(const struct sk_buff *skb)
{
	return skb->dev;
}

int klips_skb_ll_reserve(const struct sk_buff *skb)
{
	return LL_RESERVED_SPACE(skb_dst(skb)->dev);
}

/* An encapsulated packet has nothing to do with the flow inside it: no mark, conntrack, owner's path or checksum state. */
void klips_skb_scrub_outbound(struct sk_buff *skb)
{
	skb_scrub_packet(skb, true);
	skb_clear_hash(skb);
	skb->ip_summed = CHECKSUM_NONE;
	skb->encapsulation = 0;
	skb->ignore_df = 1;
	klips_skb_clear_cb(skb);
}

/*
 * A packet that waits for its policy must keep nothing else waiting: no route, device, conntrack entry or socket.
 * Its headers stay.
 */
void klips_skb_park(struct sk_buff *skb)
{
	skb_orphan(skb);
	skb_dst_drop(skb);
	skb_ext_reset(skb);
	nf_reset_ct(skb);
	skb->dev = NULL;
}

void klips_skb_set_dev(struct sk_buff *skb, struct net_device *dev)
{
	skb->dev = dev;
}

/*
 * Gives a packet that is sent again the link header that its device's type promises to packet sockets: an Ethernet header
 * from and to the device's own address, or none. The room must have been checked.
 */
static void klips_skb_set_link(struct sk_buff *skb, const struct net_device *dev, bool ethernet)
{
	if (ethernet) {
		struct ethhdr *eth = skb_push(skb, ETH_HLEN);

		memcpy(eth->h_dest, dev->dev_addr, ETH_ALEN);
		memcpy(eth->h_source, dev->dev_addr, ETH_ALEN);
		eth->h_proto = skb->protocol;
		skb_reset_mac_header(skb);
		__skb_pull(skb, ETH_HLEN);
	} else {
		skb_reset_mac_header(skb);
	}
	skb_reset_mac_len(skb);
}

/* Sends a parked packet through @dev again. Process context or softirq. */
void klips_skb_resend(struct sk_buff *skb, struct net_device *dev, bool ethernet)
{
	skb->dev = dev;
	klips_skb_set_link(skb, dev, ethernet);
	if (ethernet)
		skb_push(skb, ETH_HLEN);
	dev_queue_xmit(skb);
}

/* Cuts a linear packet to @len bytes from @from on, where its network header is then, and its transport header too. */
void klips_skb_cut(struct sk_buff *skb, unsigned int from, unsigned int len)
{
	__skb_pull(skb, from);
	skb_set_tail_pointer(skb, len);
	skb->len = len;
	skb_reset_network_header(skb);
	skb_reset_transport_header(skb);
}

/*
 * Makes a decapsulated packet, linear from its network header on, one that @dev has received. Of its mark the bits in @keep
 * stay and those in @set are set. It gets the link header that the device's type promises to packet sockets: Ethernet, from
 * and to the device's own address, or none. False: there is no memory.
 */
bool klips_skb_enter_device(struct sk_buff *skb, struct net_device *dev, u16 protocol, u32 keep, u32 set)
{
	u32 mark = (skb->mark & keep) | set;

	if (dev->type == ARPHRD_ETHER) {
		struct ethhdr *eth;

		if (skb_headroom(skb) < ETH_HLEN && pskb_expand_head(skb, ETH_HLEN, 0, GFP_ATOMIC))
			return false;
		eth = (struct ethhdr *)(skb->data - ETH_HLEN);
		ether_addr_copy(eth->h_dest, dev->dev_addr);
		ether_addr_copy(eth->h_source, dev->dev_addr);
		eth->h_proto = htons(protocol);
		skb_set_mac_header(skb, -ETH_HLEN);
	} else {
		skb_reset_mac_header(skb);
	}
	skb_reset_mac_len(skb);
	skb->dev = dev;
	skb_scrub_packet(skb, false);
	skb->protocol = htons(protocol);
	skb->mark = mark;
	skb_clear_hash(skb);
	skb_set_queue_mapping(skb, 0);
	skb->ip_summed = CHECKSUM_NONE;
	skb->csum_level = 0;
	skb->encapsulation = 0;
	skb->pkt_type = PACKET_HOST;
	klips_skb_clear_cb(skb);
	return true;
}

/* How many packets this CPU is giving to the stack from inside of a packet that it receives. */
static DEFINE_PER_CPU(unsigned int, klips_receiving);

/*
 * Has the stack receive a packet. With @cells, those of its device, it is merged with others first, if the device does that.
 * Else now, if bottom halves are disabled, and nothing that was received in this way is being
 * worked on already, as packets in packets would fill the stack; else by this CPU's queue, behind what is in it. Packets of
 * a flow come the same way inside, and so do not overtake each other.
 */
void klips_skb_receive(struct sk_buff *skb, struct gro_cells *cells)
{
	if (cells && !netif_elide_gro(skb->dev)) {
		gro_cells_receive(cells, skb);
		return;
	}
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || !softirq_count() || in_hardirq() || irqs_disabled() ||
	    this_cpu_read(klips_receiving)) {
		netif_rx(skb);
		return;
	}
	this_cpu_inc(klips_receiving);
	netif_receive_skb(skb);
	this_cpu_dec(klips_receiving);
}

/* Whether the native stack took the packet out of an SA of its own. */
bool klips_skb_was_decrypted(const struct sk_buff *skb)
{
	return secpath_exists(skb);
}

bool klips_skb_has_route(const struct sk_buff *skb)
{
	return skb_dst(skb);
}

/*
 * Whether IPsec is through with a routed packet that leaves: this host has transformed it, or the native stack is about
 * to. klips_local_out says so of our own.
 */
bool klips_skb_is_settled(const struct sk_buff *skb, bool is_ipv6)
{
	if (dst_xfrm(skb_dst(skb)))
		return true;
	if (is_ipv6)
		return IP6CB(skb)->flags & IP6SKB_XFRM_TRANSFORMED;
	return IPCB(skb)->flags & IPSKB_XFRM_TRANSFORMED;
}
