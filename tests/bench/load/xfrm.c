// SPDX-License-Identifier: GPL-2.0-only
/* SAs and policies of XFRM, by netlink. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM	1024
#define REQID	1

struct message {
	_Alignas(8) uint8_t bytes[ROOM];
};

static struct nlmsghdr *head(struct message *message)
{
	return (struct nlmsghdr *)message->bytes;
}

static void *start(struct message *message, uint16_t type, size_t size)
{
	memset(message, 0, sizeof(*message));
	head(message)->nlmsg_type = type;
	head(message)->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	head(message)->nlmsg_len = NLMSG_LENGTH(size);
	return NLMSG_DATA(head(message));
}

static void *attribute(struct message *message, uint16_t type, size_t size)
{
	struct nlattr *attr = (void *)(message->bytes + NLMSG_ALIGN(head(message)->nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + size;
	head(message)->nlmsg_len = NLMSG_ALIGN(head(message)->nlmsg_len) + NLA_ALIGN(attr->nla_len);
	return (uint8_t *)attr + NLA_HDRLEN;
}

static void request(int fd, struct message *message, const char *what)
{
	_Alignas(8) uint8_t answer[4096];
	struct nlmsghdr *ack = (void *)answer;
	struct nlmsgerr *error = NLMSG_DATA(ack);

	if (send(fd, message->bytes, head(message)->nlmsg_len, 0) < 0 || recv(fd, answer, sizeof(answer), 0) < 0)
		refused(what, errno);
	if (ack->nlmsg_type == NLMSG_ERROR && error->error)
		refused(what, -error->error);
}

int xfrm_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);

	if (fd < 0)
		die("NETLINK_XFRM");
	return fd;
}

static struct xfrm_lifetime_cfg unlimited(void)
{
	return (struct xfrm_lifetime_cfg){ .soft_byte_limit = XFRM_INF, .hard_byte_limit = XFRM_INF,
					   .soft_packet_limit = XFRM_INF, .hard_packet_limit = XFRM_INF };
}

void xfrm_add_sa(int fd, const struct side *side, uint32_t number)
{
	static const char name[] = "rfc4106(gcm(aes))";
	struct message message;
	struct xfrm_usersa_info *sa = start(&message, XFRM_MSG_NEWSA, sizeof(*sa));
	struct xfrm_algo_aead *aead = attribute(&message, XFRMA_ALG_AEAD, sizeof(*aead) + 20);

	sa->id.daddr.a4 = htonl(side->remote);
	sa->id.spi = htonl(FIRST_SPI + number);
	sa->id.proto = IPPROTO_ESP;
	sa->saddr.a4 = htonl(side->local);
	sa->lft = unlimited();
	/* Each of its own, as of different connections: XFRM looks at all SAs that have it. */
	sa->reqid = REQID + 1 + number;
	sa->family = AF_INET;
	sa->mode = XFRM_MODE_TUNNEL;
	sa->replay_window = 32;
	memcpy(aead->alg_name, name, sizeof(name));
	aead->alg_key_len = 160;
	aead->alg_icv_len = 128;
	memset(aead->alg_key, 'Z', 20);
	request(fd, &message, "NEWSA");
}

static void select_net(xfrm_address_t *address, uint8_t *prefix, uint32_t net, uint8_t bits)
{
	address->a4 = htonl(net);
	*prefix = bits;
}

static void add_policy(int fd, const struct side *side, uint32_t number, uint8_t direction)
{
	struct message message;
	struct xfrm_userpolicy_info *policy = start(&message, XFRM_MSG_NEWPOLICY, sizeof(*policy));
	struct xfrm_user_tmpl *template = attribute(&message, XFRMA_TMPL, sizeof(*template));
	bool out = direction == XFRM_POLICY_OUT, many_are_dst = out == side->at_a;
	uint32_t net = MANY + number * 4;

	policy->sel.family = AF_INET;
	select_net(&policy->sel.saddr, &policy->sel.prefixlen_s, many_are_dst ? NET_A : net, many_are_dst ? 24 : many_bits(number));
	select_net(&policy->sel.daddr, &policy->sel.prefixlen_d, many_are_dst ? net : NET_A, many_are_dst ? many_bits(number) : 24);
	policy->lft = unlimited();
	policy->dir = direction;
	policy->action = XFRM_POLICY_ALLOW;
	policy->share = XFRM_SHARE_ANY;
	template->id.proto = IPPROTO_ESP;
	template->id.daddr.a4 = htonl(out ? side->remote : side->local);
	template->saddr.a4 = htonl(out ? side->local : side->remote);
	template->family = AF_INET;
	template->reqid = REQID;
	template->mode = XFRM_MODE_TUNNEL;
	template->aalgos = template->ealgos = template->calgos = ~0u;
	request(fd, &message, "NEWPOLICY");
}

void xfrm_add_out(int fd, const struct side *side, uint32_t number)
{
	add_policy(fd, side, number, XFRM_POLICY_OUT);
}

void xfrm_add_forward(int fd, const struct side *side, uint32_t number)
{
	add_policy(fd, side, number, XFRM_POLICY_FWD);
}
