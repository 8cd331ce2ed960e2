// SPDX-License-Identifier: GPL-2.0-only
/* What every program of the guest needs: markers, clocks, namespaces, and the line that tells what came of a window. */
#define _GNU_SOURCE
#include "common.h"

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

void report(unsigned int number, const struct tally *tally)
{
	printf("result id=%u sent=%ld got=%ld damaged=%ld late=%ld cycles=%" PRIu64 " ns=%" PRIu64 "\n", number,
	       tally->sent, tally->got, tally->damaged, tally->late, tally->cycles, tally->ns);
	fflush(stdout);
}

/* The meter changes its level between two blocks of instructions; a sleep is many of them. */
void set_level(int level)
{
	mark(MARKER_LEVEL, level);
	usleep(1000);
}
