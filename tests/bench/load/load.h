/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fills tables. Every entry is a request of its own, and its answer is read: that is what a key daemon does.
 */
#ifndef LOAD_H
#define LOAD_H

#include "../traffic/common.h"

#define GATEWAY_A	0xc0000201u	/* 192.0.2.1 */
#define GATEWAY_B	0xc0000202u
#define NET_A		0x0a010000u	/* 10.1.0.0/24 */
#define MANY		0x0a400000u	/* 10.64.0.0/10, and in it networks of four addresses each, as in traffic/udp.c */
#define FIRST_SPI	0x10000u

/* The gateway whose tables they are, as it sees the world. */
struct side {
	const char *name;
	uint32_t local, remote;		/* gateways */
	bool at_a;			/* the many networks are the other side's */
};

/* What the entry with this number is for: the first one for all, the others for a network of four addresses each. */
static inline int many_bits(uint32_t number)
{
	return number ? 30 : 10;
}

/* Adds the entry with this number; exits if that is refused. */
typedef void (*adder)(int fd, const struct side *side, uint32_t number);

int klips_open(void);
void klips_add_sa(int fd, const struct side *side, uint32_t number);
void klips_add_tunnel(int fd, const struct side *side, uint32_t number);
void klips_add_eroute(int fd, const struct side *side, uint32_t number);

int xfrm_open(void);
void xfrm_add_sa(int fd, const struct side *side, uint32_t number);
void xfrm_add_out(int fd, const struct side *side, uint32_t number);
void xfrm_add_forward(int fd, const struct side *side, uint32_t number);

void refused(const char *what, int code);

#endif /* LOAD_H */
