// SPDX-License-Identifier: GPL-2.0-only
/* Two UDP sockets, and payloads that tell when they were lost, damaged, doubled or late. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Everything a window sends fits into the receiver's queue: who reads meanwhile is measured too. */
#define QUEUE	(512 << 20)

static int make_socket(const char *side)
{
	int queue = QUEUE, fd;

	enter(side);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &queue, sizeof(queue)))
		die("socket");
	return fd;
}

void pair_open(struct pair *pair, const char *from, const char *to, const char *address, int port, size_t size)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	pair->size = size;
	pair->sink = make_socket(to);
	if (bind(pair->sink, (struct sockaddr *)&sin, sizeof(sin)))
		die("bind");
	pair->source = make_socket(from);
	inet_pton(AF_INET, address, &sin.sin_addr);
	if (connect(pair->source, (struct sockaddr *)&sin, sizeof(sin)))
		die("connect");
}

void pair_close(struct pair *pair)
{
	close(pair->source);
	close(pair->sink);
}

/* Its number, and then bytes that follow from the number. */
void pair_fill(const struct pair *pair, uint8_t *payload, uint32_t number)
{
	uint32_t word = number;
	size_t at;

	for (at = 0; at + sizeof(word) <= pair->size; at += sizeof(word)) {
		memcpy(payload + at, &word, sizeof(word));
		word = word * 1664525 + 1013904223;
	}
	memset(payload + at, 0x5a, pair->size - at);
}

static uint32_t queued(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size);
	return info[SK_MEMINFO_RMEM_ALLOC];
}

/* Until nothing more arrives. */
void pair_settle(const struct pair *pair)
{
	uint32_t last = queued(pair->sink), now;
	int calm = 0;

	while (calm < 3) {
		usleep(3000);
		now = queued(pair->sink);
		calm = now == last ? calm + 1 : 0;
		last = now;
	}
}

/* Takes what has arrived, and looks at it. A packet that comes again counts as damaged. */
void pair_collect(const struct pair *pair, long count, struct tally *tally)
{
	static uint8_t payload[65536], wanted[65536];
	bool *seen = calloc(count + 1, sizeof(*seen));
	long next = 0;
	ssize_t size;

	if (!seen)
		die("calloc");
	while ((size = recv(pair->sink, payload, sizeof(payload), MSG_DONTWAIT)) >= 0) {
		uint32_t number = 0;

		tally->got++;
		memcpy(&number, payload, sizeof(number));
		pair_fill(pair, wanted, number);
		if ((size_t)size != pair->size || memcmp(payload, wanted, pair->size) || number >= count || seen[number]) {
			tally->damaged++;
			continue;
		}
		seen[number] = true;
		if (number < next)
			tally->late++;
		else
			next = number + 1;
	}
	free(seen);
}
