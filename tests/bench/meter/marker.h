/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the guest talks to the meter: by an instruction that does nothing, `nopl disp32(%rax)`, whose displacement holds
 * the message. It works from user space and from the kernel, and costs one instruction without the meter too.
 */
#ifndef MARKER_H
#define MARKER_H

#include <stdint.h>

#define MARKER_MAGIC	0x4b000000u	/* no compiler pads code with such a displacement */
#define MARKER_MASK	0xff000000u

enum marker_kind {
	MARKER_BEGIN = 1,	/* a window begins; the argument is its number */
	MARKER_END,		/* it ends */
	MARKER_PACKET,		/* the next packet begins */
	MARKER_LEVEL,		/* from here on measure at this level */
};

/* What is measured; instructions at each level but the first. */
enum marker_level {
	LEVEL_NOTHING,		/* full speed */
	LEVEL_COUNT,		/* instructions */
	LEVEL_MEMORY,		/* data addresses too: some twenty times as slow */
	LEVEL_PROFILE,		/* in the place of misses, where instructions are, and who touches lines first */
	LEVEL_SHARING,		/* of addresses, what two processors contend for */
};

static inline uint32_t marker_word(enum marker_kind kind, uint32_t argument)
{
	return MARKER_MAGIC | (uint32_t)kind << 16 | (argument & 0xffff);
}

static inline enum marker_kind marker_kind_of(uint32_t word)
{
	return (enum marker_kind)(word >> 16 & 0xff);
}

#endif /* MARKER_H */
