// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adds SAs and eroutes, or SAs and policies, through one socket, and says what each kind of request costs.
 *
 * usage: rates klips|linux|xfrm [-n COUNT] [-w NUMBER] [-l LEVEL] [-m BITS] [-k]
 *
 *   klips  PF_KEY in the dialect of KLIPS: IPIP SA, ESP SA, their group, eroute
 *   linux  PF_KEY in the dialect of Linux: ESP SA in tunnel mode, policy
 *   xfrm   netlink: ESP SA in tunnel mode, policy
 *
 *   -n  how many of each (100,000)
 *   -w  number of the first window, for the meter; the others count on from it
 *   -l  what the meter is to do: see meter/marker.h (to count)
 *   -m  length of the masks of eroutes and policies (32, or less)
 *   -k  keep all; otherwise it is flushed in the end, in windows of their own
 *
 * It runs in the guest, as root, in the network namespace whose tables it fills; what is in them already stays until the
 * end. The SAs are AES-GCM-128 with a replay window of 32 packets, each to a peer of its own, as on a gateway of many. A
 * request is written, and its answer read, before the next one: what key daemons do. Requests are made from a template in
 * a few instructions, and nothing else happens in a window.
 *
 * For each kind of request there is one line of JSON:
 *
 *   {"t":"rate","m":"klips","what":"sa","n":100000,"label":1,"secs":1.23,"user":0.04,"sys":1.18,"rate":81300}
 *
 * "label" is the number of the window in which the meter counted instructions. Before a window ends, what the kernel put
 * off has a moment to be done.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../traffic/common.h"

enum { PF_KEY_V2 = 2, ESP = 3, IPIP = 9 };
enum { ADD = 3, FLUSH = 9, GRPSA = 13, ADDFLOW, DELFLOW, DEBUG };
enum { SPDADD = 14, SPDDUMP = 18, SPDFLUSH = 19 };
enum { X_SA = 1, X_SRC = 5, X_DST, X_KEY_ENCRYPT = 9, X_POLICY = 18, X_SA2_LINUX = 19 };
enum { X_SATYPE2 = 18, X_SA2, X_DST2, X_SRC_FLOW, X_DST_FLOW, X_SRC_MASK, X_DST_MASK, X_DEBUG = 25 };
enum { AES_GCM_16 = 20, MATURE = 1, CLEARFLOW = 4, WINDOW = 32, SPI = 0x10000, ANY = 255 };

/* A request: a template, and where in it things stand that are different each time. */
struct request {
	const char *what;
	uint8_t bytes[1024];
	size_t len;
	/* SPIs, the peer's addresses, and the addresses of the host that the traffic is for. */
	size_t spi[2], peer[4], host[2];
	int spis, peers, hosts;
};

static const char *method;
static int sock, count = 100000, bits = 32;
static unsigned int label;
static const uint32_t own = 0xc0000201;	/* 192.0.2.1 */

/* The numbers of SA, peer and host are counted from these. */
static uint32_t peer_of(int n)
{
	return htonl(0x0b000000 + n);
}

static uint32_t host_of(int n)
{
	return htonl(0x40000000 + ((uint32_t)n << (32 - bits)));
}

static size_t append(struct request *r, const void *bytes, size_t len)
{
	size_t at = r->len;

	if (at + len > sizeof(r->bytes))
		abort();
	memcpy(r->bytes + at, bytes, len);
	r->len = at + len;
	return at;
}

static void put32(struct request *r, size_t at, uint32_t value)
{
	memcpy(r->bytes + at, &value, sizeof(value));
}

/* ---- PF_KEY ---- */

static void key_begin(struct request *r, const char *what, uint8_t kind, uint8_t satype)
{
	uint8_t head[16] = { PF_KEY_V2, kind, 0, satype };

	memset(r, 0, sizeof(*r));
	r->what = what;
	head[8] = 1;
	append(r, head, sizeof(head));
}

static void key_end(struct request *r)
{
	uint16_t words = r->len / 8;

	memcpy(r->bytes + 4, &words, sizeof(words));
}

/* An extension, padded to words; returns where its body begins. */
static size_t ext(struct request *r, uint16_t kind, const void *body, size_t len)
{
	static const uint8_t zeros[8];
	uint16_t head[2] = { (4 + len + 7) / 8, kind };
	size_t at;

	append(r, head, sizeof(head));
	at = append(r, body, len);
	append(r, zeros, -(4 + len) & 7);
	return at;
}

static void ext_sa(struct request *r, uint16_t kind, uint8_t encrypt, uint32_t flags, size_t len)
{
	uint8_t body[20] = { 0, 0, 0, 0, encrypt ? WINDOW : 0, MATURE, 0, encrypt };

	memcpy(body + 8, &flags, sizeof(flags));
	r->spi[r->spis++] = ext(r, kind, body, len);
}

static size_t ext_address(struct request *r, uint16_t kind, uint32_t addr, uint8_t prefix)
{
	uint8_t body[20] = { prefix ? 255 : 0, prefix, 0, 0, AF_INET, 0 };

	memcpy(body + 8, &addr, sizeof(addr));
	return ext(r, kind, body, sizeof(body)) + 8;
}

static void ext_peer(struct request *r, uint16_t kind)
{
	r->peer[r->peers++] = ext_address(r, kind, 0, 0);
}

static void ext_key(struct request *r)
{
	uint8_t body[4 + 20] = { 160 };
	int i;

	for (i = 0; i < 20; i++)
		body[4 + i] = i;
	ext(r, X_KEY_ENCRYPT, body, sizeof(body));
}

static uint32_t mask(void)
{
	return htonl(0xffffffffu << (32 - bits));
}

static void klips_sa(struct request *r, const char *what, uint8_t satype)
{
	key_begin(r, what, ADD, satype);
	ext_sa(r, X_SA, satype == ESP ? AES_GCM_16 : 0, 0, 20);
	ext_address(r, X_SRC, htonl(own), 0);
	ext_peer(r, X_DST);
	if (satype == ESP)
		ext_key(r);
	key_end(r);
}

static void klips_group(struct request *r)
{
	uint32_t esp = ESP;

	key_begin(r, "group", GRPSA, IPIP);
	ext_sa(r, X_SA, 0, 0, 20);
	ext_peer(r, X_DST);
	ext(r, X_SATYPE2, &esp, sizeof(esp));
	ext_sa(r, X_SA2, 0, 0, 20);
	ext_peer(r, X_DST2);
	key_end(r);
}

static void klips_eroute(struct request *r)
{
	key_begin(r, "eroute", ADDFLOW, IPIP);
	ext_sa(r, X_SA, 0, 0, 20);
	ext_address(r, X_SRC, htonl(own), 0);
	ext_peer(r, X_DST);
	ext_address(r, X_SRC_FLOW, htonl(0x0a010000), 0);
	r->host[r->hosts++] = ext_address(r, X_DST_FLOW, 0, 0);
	ext_address(r, X_SRC_MASK, htonl(0xffff0000), 0);
	ext_address(r, X_DST_MASK, mask(), 0);
	key_end(r);
}

static void klips_clear(struct request *r)
{
	key_begin(r, "clear", DELFLOW, 0);
	ext_sa(r, X_SA, 0, CLEARFLOW, 20);
	key_end(r);
	r->spis = 0;
}

static void linux_sa(struct request *r)
{
	uint8_t tunnel[12] = { 2 };

	key_begin(r, "sa", ADD, ESP);
	ext_sa(r, X_SA, AES_GCM_16, 0, 12);
	ext(r, X_SA2_LINUX, tunnel, sizeof(tunnel));
	ext_address(r, X_SRC, htonl(own), 32);
	r->peer[r->peers++] = ext_address(r, X_DST, 0, 32);
	ext_key(r);
	key_end(r);
}

static void linux_policy(struct request *r)
{
	struct {
		uint16_t type;
		uint8_t direction, reserved;
		uint32_t id, priority;
		uint16_t len, proto;
		uint8_t mode, level;
		uint16_t reserved2;
		uint32_t reqid, reserved3;
		struct sockaddr_in ends[2];
	} __attribute__((packed)) body = {
		.type = 2, .direction = 2, .len = 48, .proto = 50, .mode = 2, .level = 2,
	};
	size_t at;

	body.ends[0] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(own) };
	body.ends[1] = (struct sockaddr_in){ .sin_family = AF_INET };
	key_begin(r, "policy", SPDADD, 0);
	ext_address(r, X_SRC, htonl(0x0a010000), 16);
	r->host[r->hosts++] = ext_address(r, X_DST, 0, bits);
	at = ext(r, X_POLICY, &body, sizeof(body));
	r->peer[r->peers++] = at + sizeof(body) - sizeof(struct sockaddr_in) + 4;
	key_end(r);
}

static void key_open(void)
{
	struct request r;
	uint32_t masks[13] = { 0, 1u << 31 };

	sock = socket(AF_KEY, SOCK_RAW, PF_KEY_V2);
	if (sock < 0)
		die("PF_KEY socket");
	if (strcmp(method, "klips") == 0) {
		/* A change of no debug switch is nothing that the other dialect has. */
		key_begin(&r, "", DEBUG, 0);
		ext(&r, X_DEBUG, masks, sizeof(masks));
		key_end(&r);
		if (send(sock, r.bytes, r.len, 0) < 0)
			die("DEBUG");
	}
}

static bool key_ask(const struct request *r)
{
	static uint8_t answer[8192];
	ssize_t got;

	if (send(sock, r->bytes, r->len, 0) < 0)
		return false;
	/* A flush is answered twice in the dialect of Linux. */
	do
		got = recv(sock, answer, sizeof(answer), 0);
	while (got >= 16 && answer[1] != r->bytes[1]);
	errno = got < 16 ? EBADMSG : answer[2];
	return errno == 0;
}

/* ---- netlink ---- */

static void nl_begin(struct request *r, const char *what, uint16_t type, const void *body, size_t len)
{
	struct nlmsghdr head = { .nlmsg_type = type };

	head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	memset(r, 0, sizeof(*r));
	r->what = what;
	append(r, &head, sizeof(head));
	append(r, body, len);
}

static size_t attribute(struct request *r, uint16_t type, const void *body, uint16_t len)
{
	struct nlattr head = { .nla_len = sizeof(head) + len, .nla_type = type };
	static const uint8_t zeros[4];
	size_t at;

	append(r, &head, sizeof(head));
	at = append(r, body, len);
	append(r, zeros, -len & 3);
	return at;
}

static void nl_end(struct request *r)
{
	put32(r, 0, r->len);
}

static const struct xfrm_lifetime_cfg for_ever = {
	.soft_byte_limit = XFRM_INF,
	.hard_byte_limit = XFRM_INF,
	.soft_packet_limit = XFRM_INF,
	.hard_packet_limit = XFRM_INF,
};

static void xfrm_sa(struct request *r)
{
	struct xfrm_usersa_info info = {
		.id.proto = IPPROTO_ESP,
		.saddr.a4 = htonl(own),
		.family = AF_INET,
		.mode = XFRM_MODE_TUNNEL,
		.replay_window = WINDOW,
		.lft = for_ever,
	};
	struct {
		struct xfrm_algo_aead head;
		uint8_t key[20];
	} aead = { .head = { .alg_name = "rfc4106(gcm(aes))", .alg_key_len = 160, .alg_icv_len = 128 } };
	int i;

	for (i = 0; i < 20; i++)
		aead.key[i] = i;
	nl_begin(r, "sa", XFRM_MSG_NEWSA, &info, sizeof(info));
	r->peer[r->peers++] = NLMSG_HDRLEN + offsetof(struct xfrm_usersa_info, id.daddr);
	r->spi[r->spis++] = NLMSG_HDRLEN + offsetof(struct xfrm_usersa_info, id.spi);
	attribute(r, XFRMA_ALG_AEAD, &aead, sizeof(aead));
	nl_end(r);
}

static void xfrm_policy(struct request *r)
{
	struct xfrm_userpolicy_info info = {
		.sel = { .saddr.a4 = htonl(0x0a010000), .prefixlen_s = 16, .prefixlen_d = bits, .family = AF_INET },
		.lft = for_ever,
		.dir = XFRM_POLICY_OUT,
	};
	struct xfrm_user_tmpl template = {
		.id.proto = IPPROTO_ESP,
		.family = AF_INET,
		.saddr.a4 = htonl(own),
		.mode = XFRM_MODE_TUNNEL,
		.aalgos = ~0, .ealgos = ~0, .calgos = ~0,
	};

	nl_begin(r, "policy", XFRM_MSG_NEWPOLICY, &info, sizeof(info));
	r->host[r->hosts++] = NLMSG_HDRLEN + offsetof(struct xfrm_userpolicy_info, sel.daddr);
	r->peer[r->peers++] = attribute(r, XFRMA_TMPL, &template, sizeof(template)) +
			      offsetof(struct xfrm_user_tmpl, id.daddr);
	nl_end(r);
}

static void nl_open(void)
{
	sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
	if (sock < 0)
		die("netlink socket");
}

static bool nl_ask(const struct request *r)
{
	static uint8_t answer[8192];
	struct nlmsghdr *head = (struct nlmsghdr *)answer;

	if (send(sock, r->bytes, r->len, 0) < 0 || recv(sock, answer, sizeof(answer), 0) < 0)
		return false;
	errno = head->nlmsg_type == NLMSG_ERROR ? -*(int *)NLMSG_DATA(head) : EBADMSG;
	return errno == 0;
}

/* ---- windows ---- */

static double seconds(const struct timeval *t)
{
	return t->tv_sec + t->tv_usec * 1e-6;
}

static void vary(struct request *r, int n)
{
	int i;

	for (i = 0; i < r->spis; i++)
		put32(r, r->spi[i], htonl(SPI + n));
	for (i = 0; i < r->peers; i++)
		put32(r, r->peer[i], peer_of(n));
	for (i = 0; i < r->hosts; i++)
		put32(r, r->host[i], host_of(n));
}

/* Asks `times` times, in a window. */
static void run(struct request *r, int times, bool (*ask)(const struct request *r))
{
	struct rusage before, after;
	uint64_t began;
	double took;
	int n;

	getrusage(RUSAGE_SELF, &before);
	began = nanoseconds();
	mark(MARKER_BEGIN, label);
	for (n = 0; n < times; n++) {
		vary(r, n);
		if (!ask(r)) {
			fprintf(stderr, "%s %s %d: ", method, r->what, n);
			die("refused");
		}
	}
	took = (nanoseconds() - began) * 1e-9;
	getrusage(RUSAGE_SELF, &after);
	usleep(200000);
	mark(MARKER_END, label);
	printf("{\"t\":\"rate\",\"m\":\"%s\",\"what\":\"%s\",\"n\":%d,\"label\":%u,\"secs\":%.6f,\"user\":%.6f,\"sys\":%.6f,\"rate\":%.0f}\n",
	       method, r->what, times, label++, took, seconds(&after.ru_utime) - seconds(&before.ru_utime),
	       seconds(&after.ru_stime) - seconds(&before.ru_stime), times / took);
	fflush(stdout);
}

/* One request, not measured: what is loaded or made at the first of its kind is there then. */
static void warm(struct request *r, bool (*ask)(const struct request *r))
{
	vary(r, 0xffffff);
	if (!ask(r)) {
		fprintf(stderr, "%s %s: ", method, r->what);
		die("refused");
	}
}

static void klips(bool keep)
{
	struct request all[4], flush[2];
	int i;

	key_open();
	klips_sa(&all[0], "tunnel", IPIP);
	klips_sa(&all[1], "sa", ESP);
	klips_group(&all[2]);
	klips_eroute(&all[3]);
	for (i = 0; i < 4; i++)
		warm(&all[i], key_ask);
	for (i = 0; i < 4; i++)
		run(&all[i], count, key_ask);
	if (keep)
		return;
	klips_clear(&flush[0]);
	key_begin(&flush[1], "flush", FLUSH, 0);
	key_end(&flush[1]);
	for (i = 0; i < 2; i++)
		run(&flush[i], 1, key_ask);
}

static void linux_dialect(bool keep)
{
	struct request all[2], flush[2];
	int i;

	key_open();
	linux_sa(&all[0]);
	linux_policy(&all[1]);
	key_begin(&flush[0], "spdflush", SPDFLUSH, 0);
	key_begin(&flush[1], "flush", FLUSH, 0);
	for (i = 0; i < 2; i++)
		warm(&all[i], key_ask);
	for (i = 0; i < 2; i++)
		run(&all[i], count, key_ask);
	for (i = 0; i < 2 && !keep; i++) {
		key_end(&flush[i]);
		run(&flush[i], 1, key_ask);
	}
}

static void xfrm(bool keep)
{
	struct xfrm_usersa_flush what = { .proto = ANY };
	struct request all[2], flush[2];
	int i;

	nl_open();
	xfrm_sa(&all[0]);
	xfrm_policy(&all[1]);
	nl_begin(&flush[0], "spdflush", XFRM_MSG_FLUSHPOLICY, &what, 0);
	nl_begin(&flush[1], "flush", XFRM_MSG_FLUSHSA, &what, sizeof(what));
	for (i = 0; i < 2; i++)
		warm(&all[i], nl_ask);
	for (i = 0; i < 2; i++)
		run(&all[i], count, nl_ask);
	for (i = 0; i < 2 && !keep; i++) {
		nl_end(&flush[i]);
		run(&flush[i], 1, nl_ask);
	}
}

static int usage(void)
{
	fputs("usage: rates klips|linux|xfrm [-n COUNT] [-w NUMBER] [-l LEVEL] [-m BITS] [-k]\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int option, level = LEVEL_COUNT;
	bool keep = false;

	if (argc < 2)
		return usage();
	method = argv[1];
	while ((option = getopt(argc - 1, argv + 1, "n:w:l:m:k")) != -1)
		switch (option) {
		case 'n':
			count = atoi(optarg);
			break;
		case 'w':
			label = atoi(optarg);
			break;
		case 'l':
			level = atoi(optarg);
			break;
		case 'm':
			bits = atoi(optarg);
			break;
		case 'k':
			keep = true;
			break;
		default:
			return usage();
		}
	if (count < 1 || count >= 1 << 22 || bits < 8 || bits > 32)
		return usage();
	set_level(level);
	if (strcmp(method, "klips") == 0)
		klips(keep);
	else if (strcmp(method, "linux") == 0)
		linux_dialect(keep);
	else if (strcmp(method, "xfrm") == 0)
		xfrm(keep);
	else
		return usage();
	set_level(LEVEL_NOTHING);
	return 0;
}
