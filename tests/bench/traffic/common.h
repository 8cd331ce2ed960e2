/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef COMMON_H
#define COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../meter/marker.h"

/* What came of a window. */
struct tally {
	long sent, got, damaged, late;
	uint64_t cycles, ns;
};

void die(const char *what);
void enter(const char *side);
void mark(enum marker_kind kind, uint32_t argument);
void set_level(int level);
uint64_t cycles(void);
uint64_t nanoseconds(void);
void report(unsigned int number, const struct tally *tally);

#endif /* COMMON_H */
