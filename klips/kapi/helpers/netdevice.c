// SPDX-License-Identifier: GPL-2.0-only

#include <linux/if_arp.h>

void klips_dev_net_set(struct net_device *dev, struct net *net)
{
	dev_net_set(dev, net);
}

void klips_dev_hold(struct net_device *dev)
{
	dev_hold(dev);
}

void klips_dev_put(struct net_device *dev)
{
	dev_put(dev);
}

bool klips_net_has_fallback_tunnels(struct net *net)
{
	return net_has_fallback_tunnels(net);
}

struct net_device *klips_dev_get_by_name(struct net *net, const char *name)
{
	return dev_get_by_name(net, name);
}

bool klips_dev_carries(struct net_device *lower, struct net_device *upper)
{
	bool carries;

	rcu_read_lock();
	carries = netdev_has_upper_dev_all_rcu(lower, upper);
	rcu_read_unlock();
	return carries;
}

int klips_notifier_error(int err)
{
	return notifier_from_errno(err);
}

/* Registered once, and being taken apart. */
bool klips_dev_is_leaving(const struct net_device *dev)
{
	return dev->reg_state == NETREG_UNREGISTERING;
}

u32 klips_nla_u32(const struct nlattr *attr)
{
	return nla_get_u32(attr);
}

/* What the stack may leave undone in packets for our devices: klips_skb_segments does it. */
#define KLIPS_FEATURES (NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_GSO_SOFTWARE | NETIF_F_HIGHDMA)

/* A device without a queue or a transmit lock of its own, bound to its namespace. */
void klips_dev_virtual(struct net_device *dev)
{
	dev->features |= KLIPS_FEATURES;
	dev->hw_features |= KLIPS_FEATURES;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->lltx = true;
	dev->netns_immutable = true;
	/* An ICMP error about a packet needs its route. */
	netif_keep_dst(dev);
}

static void klips_dev_set_link(struct net_device *dev, unsigned short type, unsigned char addr_len,
			       const u8 *addr, unsigned short header_len)
{
	bool changes = dev->type != type;

	if (changes)
		call_netdevice_notifiers(NETDEV_PRE_TYPE_CHANGE, dev);
	dev->type = type;
	dev->hard_header_len = header_len;
	dev->addr_len = addr_len;
	if (addr_len)
		__dev_addr_set(dev, addr, addr_len);
	if (changes)
		call_netdevice_notifiers(NETDEV_POST_TYPE_CHANGE, dev);
	/* Neighbours know type and address of their device. */
	call_netdevice_notifiers(NETDEV_CHANGEADDR, dev);
}

/* Under RTNL. */
int klips_dev_adopt(struct net_device *dev, const struct net_device *phys, int mtu, u16 headroom)
{
	int err;

	klips_dev_set_link(dev, phys->type, phys->addr_len, phys->dev_addr, phys->hard_header_len);
	dev->needed_headroom = phys->needed_headroom + headroom;
	err = dev_set_mtu(dev, mtu);
	if (err)
		klips_dev_abandon(dev);
	return err;
}

/* Under RTNL. */
void klips_dev_abandon(struct net_device *dev)
{
	u8 none[MAX_ADDR_LEN] = {};

	__dev_addr_set(dev, none, dev->addr_len);
	klips_dev_set_link(dev, ARPHRD_VOID, 0, none, 0);
}

/* Under RTNL. The physical device has a new address. */
void klips_dev_copy_addr(struct net_device *dev, const struct net_device *phys)
{
	if (dev->addr_len != phys->addr_len)
		return;
	__dev_addr_set(dev, phys->dev_addr, dev->addr_len);
	call_netdevice_notifiers(NETDEV_CHANGEADDR, dev);
}
