/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What data accesses do to a first-level cache, and how many different lines a packet touches.
 *
 * The model is one of addresses, not of time: 32 KiB, 8 ways, lines of 64 bytes, the least recently used line goes.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LINE_BITS	6
#define PAGE_BITS	12
#define SETS		64
#define WAYS		8
#define PAGES		16384	/* different pages of one packet, at most; a power of two */

struct way {
	uint64_t line;
	uint64_t used;
};

/* The lines of a page that this packet has touched. */
struct page {
	uint64_t number;
	uint64_t packet;
	uint64_t lines;
};

struct cache {
	struct way sets[SETS][WAYS];
	struct page pages[PAGES];
	uint64_t clock;
	uint64_t packet;
	uint64_t lines, misses, packets;	/* since the window began */
};

static inline void cache_begin(struct cache *cache)
{
	cache->packet++;
	cache->lines = cache->misses = cache->packets = 0;
}

static inline void cache_packet(struct cache *cache)
{
	cache->packet++;
	cache->packets++;
}

static inline void cache_look_up(struct cache *cache, uint64_t line)
{
	struct way *set = cache->sets[line % SETS], *oldest = set;
	unsigned int way;

	cache->clock++;
	for (way = 0; way < WAYS; way++) {
		if (set[way].line == line) {
			set[way].used = cache->clock;
			return;
		}
		if (set[way].used < oldest->used)
			oldest = &set[way];
	}
	cache->misses++;
	oldest->line = line;
	oldest->used = cache->clock;
}

/* Whether the packet touches the line for the first time. */
static inline bool cache_note_line(struct cache *cache, uint64_t line)
{
	uint64_t number = line >> (PAGE_BITS - LINE_BITS);
	uint64_t bit = 1ull << (line & 63), probe = number * 0x9e3779b97f4a7c15ull >> 50;
	struct page *page;

	for (;; probe++) {
		page = &cache->pages[probe % PAGES];
		if (page->packet != cache->packet) {
			page->packet = cache->packet;
			page->number = number;
			page->lines = 0;
		}
		if (page->number == number)
			break;
	}
	if (page->lines & bit)
		return false;
	page->lines |= bit;
	cache->lines++;
	return true;
}

static inline bool cache_access(struct cache *cache, uint64_t address)
{
	uint64_t line = address >> LINE_BITS;

	cache_look_up(cache, line);
	return cache_note_line(cache, line);
}

#endif /* CACHE_H */
