// SPDX-License-Identifier: GPL-2.0-only

void *klips_netdev_priv(struct net_device *dev)
{
	return netdev_priv(dev);
}

struct net *klips_dev_net(const struct net_device *dev)
{
	return dev_net(dev);
}

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

void klips_dev_addr_set(struct net_device *dev, const u8 *addr)
{
	__dev_addr_set(dev, addr, dev->addr_len);
}

void klips_dev_lockless_tx(struct net_device *dev)
{
	dev->lltx = true;
}

void klips_dev_pin_to_net(struct net_device *dev)
{
	dev->netns_immutable = true;
}

struct net_device *klips_dev_get_rcu(struct net *net, int ifindex)
{
	return dev_get_by_index_rcu(net, ifindex);
}
