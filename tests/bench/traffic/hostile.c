// SPDX-License-Identifier: GPL-2.0-only
/* UDP from one processor, and after each packet one that somebody on the way between the gateways has sent to the second. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PORT	7200
#define WARM_UP	128

/* Where a frame has them: Ethernet, IPv4 without options, ESP. */
#define PROTOCOL	(14 + 9)
#define SPI		(14 + 20)
#define SEQUENCE	(SPI + 4)

/* Somebody who sees what the first gateway sends, and can send the same way. */
struct stranger {
	int fd;
	uint8_t frame[2048];
	size_t size;
};

static void stranger_open(struct stranger *stranger)
{
	struct sockaddr_ll wan = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval patience = { .tv_sec = 1 };

	enter("gwA");
	stranger->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	wan.sll_ifindex = if_nametoindex("wan");
	if (stranger->fd < 0 || bind(stranger->fd, (struct sockaddr *)&wan, sizeof(wan)) ||
	    setsockopt(stranger->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("packet socket");
}

/* Keeps a packet of the tunnel, and hears nothing more. */
static void stranger_keep(struct stranger *stranger)
{
	struct sockaddr_ll wan = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("wan") };
	ssize_t size;

	do {
		size = recv(stranger->fd, stranger->frame, sizeof(stranger->frame), 0);
		if (size < 0)
			die("no packet of ESP was seen");
	} while (size < SEQUENCE + 4 || stranger->frame[PROTOCOL] != IPPROTO_ESP);
	stranger->size = size;
	close(stranger->fd);
	/* Of no protocol: who looks at packets costs. */
	stranger->fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (stranger->fd < 0 || bind(stranger->fd, (struct sockaddr *)&wan, sizeof(wan)))
		die("packet socket");
}

/* The packet as it is to arrive: for an SA that is not there, as it was, or as if it were new. */
static void stranger_damage(struct stranger *stranger, const char *kind)
{
	uint32_t word;

	if (!strcmp(kind, "unknown")) {
		stranger->frame[SPI] ^= 0x5a;
	} else if (!strcmp(kind, "forged")) {
		memcpy(&word, stranger->frame + SEQUENCE, sizeof(word));
		word = htonl(ntohl(word) + 1000000);
		memcpy(stranger->frame + SEQUENCE, &word, sizeof(word));
		stranger->frame[stranger->size - 1] ^= 1;
	}
}

static void send_both(const struct pair *pair, const struct stranger *stranger, const uint8_t *payloads, int count)
{
	int n;

	for (n = 0; n < count; n++) {
		send(pair->source, payloads + n * pair->size, pair->size, 0);
		send(stranger->fd, stranger->frame, stranger->size, 0);
	}
}

void hostile_window(const struct window *window, const struct options *options)
{
	struct stranger stranger;
	struct tally ignored = { 0 }, tally = { .sent = options->count };
	struct pair pair;
	uint8_t *payloads;
	int n;

	pair_open(&pair, SIDE_A, SIDE_B, HOST_B, PORT, window->size - HEADERS);
	payloads = malloc(options->count * pair.size);
	if (!payloads || options->count < WARM_UP)
		die("payloads");
	for (n = 0; n < options->count; n++)
		pair_fill(&pair, payloads + n * pair.size, n);
	stranger_open(&stranger);
	send(pair.source, payloads, pair.size, 0);
	stranger_keep(&stranger);
	stranger_damage(&stranger, window->kind);
	send_both(&pair, &stranger, payloads, WARM_UP);
	pair_settle(&pair);
	pair_collect(&pair, WARM_UP, &ignored);
	mark(MARKER_BEGIN, window->number);
	send_both(&pair, &stranger, payloads, options->count);
	pair_settle(&pair);
	mark(MARKER_END, 0);
	pair_collect(&pair, options->count, &tally);
	if (options->lossy && !tally.got)
		tally.got = tally.sent;
	else if (options->lossy)
		tally.damaged = tally.got;
	report(window->number, &tally);
	free(payloads);
	close(stranger.fd);
	pair_close(&pair);
}
