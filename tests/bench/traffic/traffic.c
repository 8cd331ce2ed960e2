// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic through the gateways, with the meter's windows around it. Runs in the guest.
 *
 *	traffic [-n PACKETS] [-f FLOWS] [-c CPUS] [-l LEVEL] [-x] NUMBER:KIND:SIZE...
 *
 * KIND is single, batch (sendmmsg), gso (UDP_SEGMENT), spread (over FLOWS destinations), flood or cross (CPUS processors
 * at a time, all one way or against each other), tcp (SIZE in KiB). -x: nothing arrives. One line for each window.
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

void die(const char *what)
{
	perror(what);
	exit(2);
}

void enter(const char *side)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", side);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(side);
	close(fd);
}

/* The message is part of the instruction, so the instruction is written when the message is known. */
void mark(enum marker_kind kind, uint32_t argument)
{
	static const uint8_t nopl[] = { 0x0f, 0x1f, 0x80 };
	static uint8_t *page;
	uint32_t word = marker_word(kind, argument);

	if (!page) {
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED)
			die("mmap");
	}
	memcpy(page, nopl, sizeof(nopl));
	memcpy(page + sizeof(nopl), &word, sizeof(word));
	page[sizeof(nopl) + sizeof(word)] = 0xc3; /* ret */
	((void (*)(void))page)();
}

uint64_t cycles(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

uint64_t nanoseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void report(const struct window *window, const struct tally *tally)
{
	printf("result id=%u sent=%ld got=%ld damaged=%ld late=%ld cycles=%" PRIu64 " ns=%" PRIu64 "\n", window->number,
	       tally->sent, tally->got, tally->damaged, tally->late, tally->cycles, tally->ns);
	fflush(stdout);
}

/* The meter changes its level between two blocks of instructions; a sleep is many of them. */
static void set_level(int level)
{
	mark(MARKER_LEVEL, level);
	usleep(1000);
}

static void run(char *text, const struct options *options)
{
	struct window window = { 0 };
	char kind[16];

	if (sscanf(text, "%u:%15[a-z]:%d", &window.number, kind, &window.size) != 3) {
		fprintf(stderr, "traffic: %s: NUMBER:KIND:SIZE is wanted\n", text);
		exit(2);
	}
	window.kind = kind;
	if (!strcmp(kind, "tcp"))
		tcp_window(&window);
	else if (!strcmp(kind, "flood") || !strcmp(kind, "cross"))
		flood_window(&window, options);
	else
		udp_window(&window, options);
}

int main(int argc, char **argv)
{
	struct options options = { .count = 1000, .flows = 1, .cpus = 1 };
	int option, level = LEVEL_COUNT;

	while ((option = getopt(argc, argv, "n:f:c:l:x")) != -1) {
		switch (option) {
		case 'n':
			options.count = atoi(optarg);
			break;
		case 'f':
			options.flows = atoi(optarg);
			break;
		case 'c':
			options.cpus = atoi(optarg);
			break;
		case 'l':
			level = atoi(optarg);
			break;
		case 'x':
			options.lossy = true;
			break;
		default:
			return 2;
		}
	}
	set_level(level);
	for (; optind < argc; optind++)
		run(argv[optind], &options);
	set_level(LEVEL_NOTHING);
	return 0;
}
