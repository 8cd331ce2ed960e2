// SPDX-License-Identifier: GPL-2.0-only

#include <net/xfrm.h>

/* A policy for one socket that lets its packets through as they are. Atomic; the caller owns the reference. */
struct xfrm_policy *klips_policy_allow(struct sock *sk)
{
	struct xfrm_policy *policy = xfrm_policy_alloc(sock_net(sk), GFP_ATOMIC);

	if (!policy)
		return NULL;
	policy->action = XFRM_POLICY_ALLOW;
	policy->family = sk->sk_family;
	policy->selector.family = sk->sk_family;
	policy->lft.soft_byte_limit = XFRM_INF;
	policy->lft.hard_byte_limit = XFRM_INF;
	policy->lft.soft_packet_limit = XFRM_INF;
	policy->lft.hard_packet_limit = XFRM_INF;
	return policy;
}

/*
 * Whether the socket that sent a packet has a policy that lets all its packets through as they are. Under RCU.
 * A narrower one is for the native stack to judge.
 */
bool klips_skb_is_exempt(const struct sk_buff *skb)
{
	const struct sock *sk = skb_to_full_sk(skb);
	const struct xfrm_policy *policy;
	const struct xfrm_selector *sel;

	if (!sk || !sk_fullsock(sk))
		return false;
	policy = rcu_dereference(sk->sk_policy[XFRM_POLICY_OUT]);
	if (!policy || policy->action != XFRM_POLICY_ALLOW || policy->xfrm_nr)
		return false;
	sel = &policy->selector;
	return !sel->prefixlen_s && !sel->prefixlen_d && !sel->proto && !sel->ifindex &&
	       !sel->sport_mask && !sel->dport_mask;
}
