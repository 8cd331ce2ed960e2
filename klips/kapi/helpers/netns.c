// SPDX-License-Identifier: GPL-2.0-only

#include <linux/capability.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file_net.h>
#include <net/netns/generic.h>

void *klips_net_generic(const struct net *net, unsigned int id)
{
	return net_generic(net, id);
}

bool klips_capable_net_admin(const struct net *net)
{
	return ns_capable(net->user_ns, CAP_NET_ADMIN);
}

struct proc_dir_entry *klips_proc_net(const struct net *net)
{
	return net->proc_net;
}

struct net *klips_seq_file_net(struct seq_file *m)
{
	return seq_file_net(m);
}

struct proc_dir_entry *klips_proc_net_mkdir(struct net *net, const char *name, struct proc_dir_entry *parent)
{
	return proc_net_mkdir(net, name, parent);
}

struct module *klips_this_module(void)
{
	return THIS_MODULE;
}

struct seq_file *klips_file_seq(struct file *file)
{
	return file->private_data;
}
