// SPDX-License-Identifier: GPL-2.0-only

#include <linux/net.h>
#include <linux/udp.h>
#include <linux/socket.h>

void klips_sock_hold(struct sock *sk)
{
	sock_hold(sk);
}

void klips_sock_put(struct sock *sk)
{
	sock_put(sk);
}

struct net *klips_sock_net(const struct sock *sk)
{
	return sock_net(sk);
}

u32 klips_sock_thirds_full(const struct sock *sk)
{
	u64 used = atomic_read(&sk->sk_rmem_alloc);
	u64 room = max(READ_ONCE(sk->sk_rcvbuf), 1);

	return div64_u64(3 * used, room);
}

void klips_sock_orphan(struct sock *sk)
{
	sock_orphan(sk);
}

/* Gives up a reference to a message of PF_KEY. With the last one it is wiped, as it may have keys. */
void klips_message_free(struct sk_buff *skb)
{
	if (!skb_unref(skb))
		return;
	memzero_explicit(skb->head, skb_end_offset(skb));
	refcount_set(&skb->users, 1);
	consume_skb(skb);
}

/* Frees the messages that nobody has read. */
void klips_sock_purge(struct sock *sk)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&sk->sk_receive_queue)))
		klips_message_free(skb);
}

int klips_sock_error(struct sock *sk)
{
	return sock_error(sk);
}

bool klips_sock_send_shutdown(const struct sock *sk)
{
	return sk->sk_shutdown & SEND_SHUTDOWN;
}

int klips_memcpy_from_msg(void *dst, struct msghdr *msg, size_t len)
{
	return memcpy_from_msg(dst, msg, len);
}

bool klips_msg_has_control(const struct msghdr *msg)
{
	return msg->msg_controllen != 0;
}

int klips_skb_copy_datagram(const struct sk_buff *skb, struct msghdr *msg, int len)
{
	return skb_copy_datagram_msg(skb, 0, msg, len);
}

int klips_sock_queue_rcv(struct sock *sk, struct sk_buff *skb)
{
	return sock_queue_rcv_skb(sk, skb);
}

/* A message for the socket was lost before there was a buffer for it; those that find its queue full are counted anyway. */
void klips_sock_missed(struct sock *sk)
{
	sk_drops_inc(sk);
}

void klips_sock_set_family(struct sock *sk, u16 family)
{
	sk->sk_family = family;
}

/* Sets UDP_ENCAP of the UDP socket @fd of the current task. */
int klips_udp_encap(struct net *net, int fd, int type)
{
	struct socket *sock;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return err;
	if (sock_net(sock->sk) == net && sk_is_udp(sock->sk))
		err = READ_ONCE(sock->ops)->setsockopt(sock, SOL_UDP, UDP_ENCAP, KERNEL_SOCKPTR(&type),
						       sizeof(type));
	else
		err = -EINVAL;
	sockfd_put(sock);
	return err;
}
