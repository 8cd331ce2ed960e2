/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which lines of the kernel's data two processors contend for: those that both use for many of their packets, and at
 * least one of them writes. Each access to such a line may have to fetch it from the other processor. When it really has
 * to depends on who is where at the moment; how many such lines a packet meets does not.
 */
#ifndef SHARING_H
#define SHARING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SHARING_CPUS	2
#define SHARING_LINES	(1u << 18)	/* different ones of a processor; a power of two */
#define SHARING_OFTEN	20		/* a line is used often if every so many packets do */

struct use {
	uint64_t line;
	uint64_t packet;		/* the last one that has used it */
	uint32_t visits;		/* packets that have */
	bool written;
};

struct sharing {
	struct use uses[SHARING_CPUS][SHARING_LINES];
	uint64_t packets[SHARING_CPUS];
};

static inline struct use *sharing_find(struct sharing *sharing, unsigned int cpu, uint64_t line)
{
	uint64_t probe = line * 0x9e3779b97f4a7c15ull >> 40;
	unsigned int tries;

	for (tries = 0; tries < 64; tries++) {
		struct use *use = &sharing->uses[cpu][(probe + tries) % SHARING_LINES];

		if (!use->line || use->line == line)
			return use;
	}
	return NULL;
}

static inline void sharing_access(struct sharing *sharing, unsigned int cpu, uint64_t address, bool store)
{
	uint64_t line = address >> 6;
	struct use *use;

	if (cpu >= SHARING_CPUS || !(address >> 63))
		return;
	use = sharing_find(sharing, cpu, line);
	if (!use)
		return;
	use->line = line;
	use->written |= store;
	if (!use->visits || use->packet != sharing->packets[cpu]) {
		use->packet = sharing->packets[cpu];
		use->visits++;
	}
}

static inline bool sharing_often(const struct sharing *sharing, unsigned int cpu, const struct use *use)
{
	return use->visits * SHARING_OFTEN > sharing->packets[cpu];
}

/* Visits of all packets to lines that both processors use often, and that one of them writes. */
static inline uint64_t sharing_visits(struct sharing *sharing)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < SHARING_LINES; i++) {
		const struct use *mine = &sharing->uses[0][i], *other;

		if (!mine->line || !sharing_often(sharing, 0, mine))
			continue;
		other = sharing_find(sharing, 1, mine->line);
		if (other && other->line && sharing_often(sharing, 1, other) && (mine->written || other->written))
			sum += mine->visits + other->visits;
	}
	return sum;
}

#endif /* SHARING_H */
