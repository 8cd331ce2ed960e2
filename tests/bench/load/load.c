// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fills the tables of a gateway. Runs in the guest.
 *
 *	load WHAT GATEWAY FIRST COUNT [WINDOW [LEVEL]]
 *
 * WHAT is klips-sa, klips-tunnel, klips-eroute, xfrm-sa, or a policy of a direction, xfrm-out or xfrm-fwd. Entries have
 * the numbers from FIRST on. With WINDOW it is measured.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct kind {
	const char *name;
	int (*open)(void);
	adder add;
} kinds[] = {
	{ "klips-sa", klips_open, klips_add_sa },
	{ "klips-tunnel", klips_open, klips_add_tunnel },
	{ "klips-eroute", klips_open, klips_add_eroute },
	{ "xfrm-sa", xfrm_open, xfrm_add_sa },
	{ "xfrm-out", xfrm_open, xfrm_add_out },
	{ "xfrm-fwd", xfrm_open, xfrm_add_forward },
};

static const struct side sides[] = {
	{ "gwA", GATEWAY_A, GATEWAY_B, true },
	{ "gwB", GATEWAY_B, GATEWAY_A, false },
};

void refused(const char *what, int code)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(code));
	exit(2);
}

static const struct kind *kind_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	die(name);
	return NULL;
}

static void add_all(const struct kind *kind, const struct side *side, uint32_t first, uint32_t count)
{
	uint32_t number;
	int fd;

	enter(side->name);
	fd = kind->open();
	for (number = first; number < first + count; number++)
		kind->add(fd, side, number);
	close(fd);
}

int main(int argc, char **argv)
{
	struct tally tally = { 0 };
	const struct side *side;
	uint32_t first, count;
	uint64_t before;

	if (argc < 5)
		return 2;
	side = &sides[strcmp(argv[2], sides[0].name) != 0];
	first = strtoul(argv[3], NULL, 0);
	count = strtoul(argv[4], NULL, 0);
	if (argc > 5) {
		set_level(argc > 6 ? strtol(argv[6], NULL, 0) : LEVEL_COUNT);
		mark(MARKER_BEGIN, strtoul(argv[5], NULL, 0));
	}
	before = nanoseconds();
	add_all(kind_of(argv[1]), side, first, count);
	tally.ns = nanoseconds() - before;
	if (argc > 5) {
		mark(MARKER_END, 0);
		set_level(LEVEL_NOTHING);
		tally.sent = tally.got = count;
		report(strtoul(argv[5], NULL, 0), &tally);
	}
	return 0;
}
