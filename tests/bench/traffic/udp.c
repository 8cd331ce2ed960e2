// SPDX-License-Identifier: GPL-2.0-only
/* UDP from one processor: packet by packet, in batches, as large packets that the stack cuts, to many destinations. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define PORT	7000
#define WARM_UP	256	/* packets before a window: neighbours, caches, handshakes */
#define BURST	32	/* packets of one system call */

struct sender {
	struct pair pair;
	uint8_t *payloads;
	int count, flows;
};

static uint8_t *payload(const struct sender *sender, long number)
{
	return sender->payloads + number * sender->pair.size;
}

static void send_singly(const struct sender *sender)
{
	int n;

	for (n = 0; n < sender->count; n++) {
		mark_packet();
		send(sender->pair.source, payload(sender, n), sender->pair.size, 0);
	}
}

static void send_batches(const struct sender *sender)
{
	struct mmsghdr messages[BURST] = { 0 };
	struct iovec vectors[BURST];
	int n, i;

	for (i = 0; i < BURST; i++) {
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		vectors[i].iov_len = sender->pair.size;
	}
	for (n = 0; n < sender->count; n += BURST) {
		for (i = 0; i < BURST; i++)
			vectors[i].iov_base = payload(sender, n + i);
		sendmmsg(sender->pair.source, messages, BURST, 0);
	}
}

static void send_large(const struct sender *sender)
{
	int n, segment = sender->pair.size;

	if (setsockopt(sender->pair.source, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		die("UDP_SEGMENT");
	for (n = 0; n < sender->count; n += BURST)
		send(sender->pair.source, payload(sender, n), BURST * sender->pair.size, 0);
}

/* To networks of four addresses each, from 10.64.0.0 on: those that `load` makes eroutes for. */
static void send_spread(const struct sender *sender)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	/* Goes on where it was: no packet finds what the one before it has left behind, unless there are few. */
	static uint32_t flow;
	int n;

	for (n = 0; n < sender->count; n++) {
		/* A stride that is prime to all numbers of flows in use. */
		flow = (flow + 7919) % sender->flows;
		to.sin_addr.s_addr = htonl(0x0a400000 + flow * 4 + 2);
		mark_packet();
		sendto(sender->pair.source, payload(sender, n), sender->pair.size, 0, (struct sockaddr *)&to, sizeof(to));
	}
}

static void (*way(const char *kind))(const struct sender *)
{
	if (!strcmp(kind, "single"))
		return send_singly;
	if (!strcmp(kind, "batch"))
		return send_batches;
	if (!strcmp(kind, "gso"))
		return send_large;
	if (!strcmp(kind, "spread"))
		return send_spread;
	die(kind);
	return NULL;
}

static void warm_up(const struct sender *sender, void (*send_all)(const struct sender *))
{
	struct sender some = *sender;
	struct tally ignored = { 0 };
	int round;

	some.count = WARM_UP < sender->count ? WARM_UP : sender->count;
	/* A handshake, and what waits for it, takes the first one. */
	for (round = 0; round < 2; round++) {
		send_all(&some);
		pair_settle(&sender->pair);
		pair_collect(&sender->pair, some.count, &ignored);
	}
}

void udp_window(const struct window *window, const struct options *options)
{
	void (*send_all)(const struct sender *) = way(window->kind);
	struct sender sender = { .count = options->count / BURST * BURST, .flows = options->flows };
	struct tally tally = { 0 };
	uint64_t cycles_before, ns_before;
	int n;

	pair_open(&sender.pair, SIDE_A, SIDE_B, HOST_B, PORT, window->size - HEADERS);
	sender.payloads = malloc(sender.count * sender.pair.size);
	if (!sender.payloads)
		die("malloc");
	for (n = 0; n < sender.count; n++)
		pair_fill(&sender.pair, payload(&sender, n), n);
	warm_up(&sender, send_all);
	mark(MARKER_BEGIN, window->number);
	cycles_before = cycles();
	ns_before = nanoseconds();
	send_all(&sender);
	tally.cycles = cycles() - cycles_before;
	tally.ns = nanoseconds() - ns_before;
	pair_settle(&sender.pair);
	mark(MARKER_END, 0);
	tally.sent = sender.count;
	pair_collect(&sender.pair, sender.count, &tally);
	if (options->lossy && !tally.got)
		tally.got = tally.sent;
	else if (options->lossy)
		tally.damaged = tally.got;
	report(window->number, &tally);
	free(sender.payloads);
	pair_close(&sender.pair);
}
