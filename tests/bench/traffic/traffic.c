// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic through the gateways, with the meter's windows around it. Runs in the guest.
 *
 *	traffic [-n PACKETS] [-f FLOWS] [-c CPUS] [-l LEVEL] [-x] NUMBER:KIND:SIZE...
 *
 * KIND is single, batch (sendmmsg), gso (UDP_SEGMENT), spread (over FLOWS destinations), flood, burst or cross (CPUS
 * processors at a time, all one way, the same with UDP_SEGMENT, or against each other), tcp (SIZE in KiB); unknown, forged or replayed, each followed by a packet
 * of a stranger, of that kind. -x: nothing arrives. One line for each window.
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	else if (!strcmp(kind, "flood") || !strcmp(kind, "burst") || !strcmp(kind, "cross"))
		flood_window(&window, options);
	else if (!strcmp(kind, "unknown") || !strcmp(kind, "forged") || !strcmp(kind, "replayed"))
		hostile_window(&window, options);
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
