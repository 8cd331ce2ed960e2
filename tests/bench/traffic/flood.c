// SPDX-License-Identifier: GPL-2.0-only
/* UDP from several processors at a time, a flow each, all through the same SAs. */
#define _GNU_SOURCE
#include "traffic.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

#define PORT	7100
#define BURST	32	/* packets that the stack cuts one large one into */
#define CPUS	8
#define WARM_UP	64	/* packets, three times */

struct flow {
	struct pair pair;
	uint8_t *payloads;
	int cpu, count, waits, burst;
	pthread_barrier_t *start;
	struct tally tally;
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void *send_flow(void *data)
{
	struct flow *flow = data;
	uint64_t before;
	int n;

	pin(flow->cpu);
	pthread_barrier_wait(flow->start);
	before = nanoseconds();
	for (n = 0; n < flow->count; n += flow->burst) {
		mark_packet();
		send(flow->pair.source, flow->payloads + n * flow->pair.size, flow->burst * flow->pair.size, 0);
	}
	flow->tally.ns = nanoseconds() - before;
	return NULL;
}

/* Until everything that was sent has come: a handshake may take longer than packets do. */
static void warm_up(struct flow *flow)
{
	struct tally tally = { 0 };
	long sent = 0;
	int n, round;

	for (round = 0; round < 3; round++) {
		for (n = 0; n < WARM_UP; n++)
			send(flow->pair.source, flow->payloads, flow->pair.size, 0);
		sent += WARM_UP;
		do {
			pair_settle(&flow->pair);
			pair_collect(&flow->pair, 1, &tally);
		} while (tally.got < sent && ++flow->waits < 200);
	}
}

static void prepare(struct flow *flow, int cpu, const struct window *window, const struct options *options)
{
	bool back = !strcmp(window->kind, "cross") && cpu % 2;
	int n, segment = window->size - HEADERS;

	flow->cpu = cpu;
	flow->count = options->count;
	flow->burst = strcmp(window->kind, "burst") ? 1 : BURST;
	pair_open(&flow->pair, back ? SIDE_B : SIDE_A, back ? SIDE_A : SIDE_B, back ? HOST_A : HOST_B, PORT + cpu,
		  segment);
	flow->payloads = malloc(flow->count * flow->pair.size);
	if (!flow->payloads)
		die("malloc");
	for (n = 0; n < flow->count; n++)
		pair_fill(&flow->pair, flow->payloads + n * flow->pair.size, n);
	warm_up(flow);
	if (flow->burst > 1 && setsockopt(flow->pair.source, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)))
		die("UDP_SEGMENT");
}

void flood_window(const struct window *window, const struct options *options)
{
	static struct flow flows[CPUS];
	struct tally sum = { 0 };
	pthread_t threads[CPUS];
	pthread_barrier_t start;
	int cpu, cpus = options->cpus < CPUS ? options->cpus : CPUS;

	memset(flows, 0, sizeof(flows));
	pthread_barrier_init(&start, NULL, cpus + 1);
	for (cpu = 0; cpu < cpus; cpu++) {
		prepare(&flows[cpu], cpu, window, options);
		flows[cpu].start = &start;
		pthread_create(&threads[cpu], NULL, send_flow, &flows[cpu]);
	}
	mark(MARKER_BEGIN, window->number);
	pthread_barrier_wait(&start);
	for (cpu = 0; cpu < cpus; cpu++)
		pthread_join(threads[cpu], NULL);
	for (cpu = 0; cpu < cpus; cpu++)
		pair_settle(&flows[cpu].pair);
	mark(MARKER_END, 0);
	for (cpu = 0; cpu < cpus; cpu++) {
		struct flow *flow = &flows[cpu];

		pair_collect(&flow->pair, flow->count, &flow->tally);
		sum.sent += flow->count;
		sum.got += flow->tally.got;
		sum.damaged += flow->tally.damaged;
		sum.late += flow->tally.late;
		sum.ns = flow->tally.ns > sum.ns ? flow->tally.ns : sum.ns;
		free(flow->payloads);
		pair_close(&flow->pair);
	}
	report(window->number, &sum);
}
