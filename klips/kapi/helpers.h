/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wrappers of inline functions and macros that Rust cannot call. Each does what its name says and nothing else;
 * decisions belong to Rust.
 */
#ifndef KLIPS_KAPI_HELPERS_H
#define KLIPS_KAPI_HELPERS_H

#include <crypto/acompress.h>
#include <crypto/aead.h>
#include <crypto/hash.h>
#include <linux/jump_label.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/padata.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <net/sock.h>

/* branches */
struct klips_key {
	struct static_key_false key;
};
extern struct klips_key klips_talking;
void klips_talking_inc(void);
void klips_talking_dec(void);

/* crypto */
struct aead_request *klips_aead_request_alloc(struct crypto_aead *tfm);
void klips_aead_request_free(struct aead_request *req);
int klips_aead_run(struct crypto_aead *tfm, bool encrypt, void *buf, unsigned int len,
		   unsigned int assoclen, unsigned int cryptlen, u8 *iv);
void klips_aead_request_set(struct aead_request *req, struct scatterlist *sg,
			    unsigned int assoclen, unsigned int cryptlen, u8 *iv,
			    crypto_completion_t done, void *data);
bool klips_aead_is_async(struct crypto_aead *tfm);
void klips_free_aead(struct crypto_aead *tfm);
void klips_sg_init_one(struct scatterlist *sg, void *buf, unsigned int len);
void klips_memzero_explicit(void *p, size_t len);
unsigned int klips_shash_digestsize(struct crypto_shash *tfm);
void klips_free_shash(struct crypto_shash *tfm);
bool klips_same(const void *a, const void *b, size_t len);
void klips_free_acomp(struct crypto_acomp *tfm);
int klips_acomp_run(struct crypto_acomp *tfm, bool compress, const u8 *from, unsigned int from_len,
		    u8 *to, unsigned int *to_len);
u32 klips_random_u32(void);
void klips_random_bytes(void *p, size_t len);

/* devices */
void klips_dev_net_set(struct net_device *dev, struct net *net);
void klips_dev_hold(struct net_device *dev);
void klips_dev_put(struct net_device *dev);
bool klips_net_has_fallback_tunnels(struct net *net);
struct net_device *klips_dev_get_by_name(struct net *net, const char *name);
bool klips_dev_carries(struct net_device *lower, struct net_device *upper);
void klips_dev_virtual(struct net_device *dev);
int klips_notifier_error(int err);
bool klips_dev_is_leaving(const struct net_device *dev);
u32 klips_nla_u32(const struct nlattr *attr);
int klips_dev_adopt(struct net_device *dev, const struct net_device *phys, int mtu, u16 headroom);
void klips_dev_copy_addr(struct net_device *dev, const struct net_device *phys);
void klips_dev_abandon(struct net_device *dev);

/* layout */
size_t klips_layout(unsigned int index);

/* namespaces, capabilities */
void *klips_net_generic(const struct net *net, unsigned int id);
bool klips_capable_net_admin(const struct net *net);
struct proc_dir_entry *klips_proc_net(const struct net *net);
struct net *klips_seq_file_net(struct seq_file *m);
struct proc_dir_entry *klips_proc_net_mkdir(struct net *net, const char *name, struct proc_dir_entry *parent);
struct seq_file *klips_file_seq(struct file *file);
struct module *klips_this_module(void);

/* percpu */
u64 __percpu *klips_counters_alloc(unsigned int count);
void klips_counters_free(u64 __percpu *c);
void klips_counters_add(u64 __percpu *c, unsigned int index, u64 n);
u64 klips_counters_sum(u64 __percpu *c, unsigned int index);

/* policies of sockets */
struct xfrm_policy;
struct xfrm_policy *klips_policy_allow(struct sock *sk);
bool klips_skb_is_exempt(const struct sk_buff *skb);

/* protocols */
struct xfrm6_protocol;
int klips_xfrm6_register(struct xfrm6_protocol *handler, unsigned char protocol);
void klips_xfrm6_deregister(struct xfrm6_protocol *handler, unsigned char protocol);

/* routing and addresses */
int klips_route_output4(struct net *net, struct sk_buff *skb, __be32 daddr, __be32 saddr,
			u8 tos, u8 proto, int oif);
void klips_select_ident(struct net *net, struct sk_buff *skb);
int klips_local_out(struct net *net, struct sk_buff *skb);
int klips_divert4(struct sk_buff *skb, struct net_device *dev);
int klips_divert6(struct sk_buff *skb, struct net_device *dev);
unsigned int klips_inet_addr_type(struct net *net, __be32 addr);
bool klips_inet6_addr_is_local(struct net *net, const u8 *addr);
void klips_icmp_send(struct sk_buff *skb, int type, int code, u32 info);
void klips_icmpv6_send(struct sk_buff *skb, u8 type, u8 code, u32 info);
struct dst_entry *klips_route_lookup4(struct net *net, __be32 daddr, __be32 saddr, u8 tos, u8 proto,
				      int oif);
void klips_dst_release(struct dst_entry *dst);
/* Beside the MTU: a packet may go straight to the neighbour. */
#define KLIPS_DIRECT 0x80000000
u32 klips_dst_path(const struct net *net, const struct dst_entry *dst, int oif);
int klips_dst_ifindex(const struct dst_entry *dst);
int klips_send_by(struct net *net, struct sk_buff *skb, struct dst_entry *dst, bool direct);
u16 klips_reserve_idents(struct net *net, __be32 saddr, __be32 daddr, u8 proto, u16 count);
int klips_route_output6(struct net *net, struct sk_buff *skb, const u8 *daddr, u8 proto, int oif);
u32 klips_path_mtu4(struct net *net, __be32 daddr, __be32 saddr, u8 tos, u8 proto, int oif);
u32 klips_path_mtu6(struct net *net, const u8 *daddr, u8 proto, int oif);
bool klips_icmp_is_too_big(const struct sk_buff *skb);
void klips_update_pmtu4(struct sk_buff *skb, u32 mtu, int oif, u8 proto);
void klips_update_pmtu6(struct sk_buff *skb, __be32 mtu, int oif);
int klips_route_ifindex(const struct sk_buff *skb);
int klips_local_out6(struct net *net, struct sk_buff *skb);

/* skb */
void klips_kfree_skb(struct sk_buff *skb);
struct sk_buff *klips_alloc_skb(unsigned int size, gfp_t gfp);
bool klips_pskb_may_pull(struct sk_buff *skb, unsigned int len);
struct sk_buff *klips_skb_segments(struct sk_buff *skb);
struct sk_buff *klips_skb_pop(struct sk_buff **list);
bool klips_skb_begin(struct sk_buff *skb);
bool klips_skb_grow(struct sk_buff *skb, unsigned int head, unsigned int tail, unsigned int reserve);
unsigned int klips_skb_tailroom(const struct sk_buff *skb);
int klips_skb_network_offset(const struct sk_buff *skb);
void klips_skb_set_network(struct sk_buff *skb, int offset, int transport_offset);
void klips_skb_set_protocol(struct sk_buff *skb, u16 protocol);
struct net_device *klips_skb_dev(const struct sk_buff *skb);
int klips_skb_ll_reserve(const struct sk_buff *skb);
void klips_skb_scrub_outbound(struct sk_buff *skb);
bool klips_skb_comes_straight(struct sk_buff *skb, nf_hookfn *beside);
bool klips_skb_is_nobodys(const struct sk_buff *skb);
void klips_skb_count_nobodys(const struct sk_buff *skb);
void klips_skb_take_early(struct sk_buff *skb);
void klips_free_hook_later(struct nf_hook_ops *ops);
bool klips_skb_rt_genid(const struct sk_buff *skb, u32 *genid);
u32 klips_rt_genid(const struct net *net);
bool klips_skb_was_decrypted(const struct sk_buff *skb);
bool klips_skb_has_route(const struct sk_buff *skb);
bool klips_skb_is_settled(const struct sk_buff *skb, bool is_ipv6);
void klips_skb_park(struct sk_buff *skb);
void klips_skb_set_dev(struct sk_buff *skb, struct net_device *dev);
void klips_skb_resend(struct sk_buff *skb, struct net_device *dev, bool ethernet);
void klips_skb_cut(struct sk_buff *skb, unsigned int from, unsigned int len);
bool klips_skb_enter_device(struct sk_buff *skb, struct net_device *dev, u16 protocol, u32 keep, u32 set);
struct gro_cells;
void klips_skb_receive(struct sk_buff *skb, struct gro_cells *cells);

/* sockets */
void klips_sock_hold(struct sock *sk);
void klips_sock_put(struct sock *sk);
struct net *klips_sock_net(const struct sock *sk);
u32 klips_sock_thirds_full(const struct sock *sk);
void klips_sock_orphan(struct sock *sk);
void klips_message_free(struct sk_buff *skb);
void klips_sock_purge(struct sock *sk);
int klips_sock_error(struct sock *sk);
bool klips_sock_send_shutdown(const struct sock *sk);
int klips_memcpy_from_msg(void *dst, struct msghdr *msg, size_t len);
bool klips_msg_has_control(const struct msghdr *msg);
int klips_skb_copy_datagram(const struct sk_buff *skb, struct msghdr *msg, int len);
int klips_sock_queue_rcv(struct sock *sk, struct sk_buff *skb);
void klips_sock_missed(struct sock *sk);
int klips_udp_encap(struct net *net, int fd, int type);
void klips_sock_set_family(struct sock *sk, u16 family);

/* spreading */
bool klips_has_padata(void);
bool klips_has_processors(void);
unsigned int klips_processors_possible(void);
unsigned int klips_processor(void);
void klips_init_work(struct work_struct *work, work_func_t fn);
void klips_queue_bh(struct work_struct *work);
void klips_flush_work(struct work_struct *work);
struct padata_instance *klips_padata_alloc(const char *name);
void klips_padata_free(struct padata_instance *instance);
struct padata_shell *klips_padata_alloc_shell(struct padata_instance *instance);
void klips_padata_free_shell(struct padata_shell *shell);
int klips_padata_do_parallel(struct padata_shell *shell, struct padata_priv *work);
void klips_padata_do_serial(struct padata_priv *work);

/* work */
void klips_init_delayed_work(struct delayed_work *work, work_func_t fn);
void klips_schedule_now(struct delayed_work *work);
void klips_schedule_in(struct delayed_work *work, unsigned int secs);
u64 klips_uptime_millis(void);
u64 klips_uptime_secs(void);
u64 klips_wall_secs(void);
void klips_local_bh_disable(void);
bool klips_bh_is_disabled(void);
void klips_local_bh_enable(void);

#endif
