/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kinds of traffic share. One process has both ends: sockets stay in the network namespace they were made in.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "common.h"

#define SIDE_A	"hostA"
#define SIDE_B	"hostB"
#define HOST_A	"10.1.0.2"
#define HOST_B	"10.2.0.2"

/* IPv4 and UDP headers. */
#define HEADERS	28

/* A window, as the command line has it: NUMBER:KIND:SIZE. */
struct window {
	unsigned int number;
	const char *kind;
	int size;		/* of a packet, from its IP header on; for TCP, KiB */
};

/* What the command line says besides. */
struct options {
	int count;		/* packets */
	bool lossy;		/* they do not arrive, and that is as it should be */
	int flows;		/* destinations that packets are spread over */
	int cpus;		/* processors that send at the same time */
};

static inline void mark_packet(void)
{
	asm volatile("nopl %c0(%%rax)" : : "i"(MARKER_MAGIC | MARKER_PACKET << 16) : "memory");
}

/* pair.c: a UDP socket on one side, and the one that receives on the other. */
struct pair {
	int source, sink;
	size_t size;		/* of a payload */
};

void pair_open(struct pair *pair, const char *from, const char *to, const char *address, int port, size_t size);
void pair_close(struct pair *pair);
void pair_fill(const struct pair *pair, uint8_t *payload, uint32_t number);
void pair_settle(const struct pair *pair);
void pair_collect(const struct pair *pair, long count, struct tally *tally);

/* Each runs one window and reports it. */
void udp_window(const struct window *window, const struct options *options);
void tcp_window(const struct window *window);
void flood_window(const struct window *window, const struct options *options);
void hostile_window(const struct window *window, const struct options *options);

#endif /* TRAFFIC_H */
