// SPDX-License-Identifier: GPL-2.0-only
/*
 * The meter: a plugin for QEMU's TCG that counts what the guest does between two markers (marker.h).
 *
 *	-plugin meter.so,out=FILE
 *
 * It writes one line for each window, `window id=... insn=...`, and at the profile's level one line `block WINDOW PC INSN
 * LOCKED LINES` for each block of instructions that ran in it; LINES are those that a packet touched there for the first
 * time. The numbers of the processors (insnN, nsN) are there for more than one; nsN is what the host spent on that
 * processor.
 *
 * Nothing but markers is looked at until the guest asks for more. A change of level throws all translated code away, so
 * that a level costs what it must only while it lasts.
 */
#include "plugin-api.h"
#include "marker.h"
#include "cache.h"
#include "sharing.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

PLUGIN_PUBLIC int qemu_plugin_version = PLUGIN_VERSION;

#define CPUS	8
#define BLOCKS	(1u << 18)

enum count { INSN, USER, LOCKED, CIPHER, COUNTS };

static const char *const count_names[COUNTS] = { "insn", "user", "locked", "cipher" };

struct totals {
	uint64_t of[COUNTS];
};

/* A block that was translated at the profile's level. */
struct block {
	uint64_t pc;
	uint32_t insns, locked;
	uint64_t lines;
};

static qemu_plugin_id_t self;
static FILE *out;
static enum marker_level level;
static struct qemu_plugin_scoreboard *totals, *runs;
static struct block blocks[BLOCKS];
static uint32_t block_count;
static struct cache cache;
static struct sharing sharing;
static clockid_t clocks[CPUS];

/* The window that is open, and what everything stood at when it began. */
static bool open_now;
static unsigned int window;
static struct totals before[CPUS];
static uint64_t ns_before[CPUS], *runs_before;

static unsigned int cpus(void)
{
	int count = qemu_plugin_num_vcpus();

	return count < CPUS ? count : CPUS;
}

static uint64_t cpu_ns(unsigned int cpu)
{
	struct timespec t = { 0 };

	clock_gettime(clocks[cpu], &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static uint64_t runs_of(uint32_t block)
{
	uint64_t sum = 0;
	unsigned int cpu;

	for (cpu = 0; cpu < cpus(); cpu++)
		sum += ((uint64_t *)qemu_plugin_scoreboard_find(runs, cpu))[block];
	return sum;
}

static void begin(unsigned int number)
{
	unsigned int cpu;
	uint32_t block;

	window = number;
	open_now = true;
	cache_begin(&cache);
	memset(&sharing, 0, sizeof(sharing));
	for (block = 0; block < block_count; block++) {
		runs_before[block] = runs_of(block);
		blocks[block].lines = 0;
	}
	for (cpu = 0; cpu < cpus(); cpu++) {
		ns_before[cpu] = cpu_ns(cpu);
		before[cpu] = *(struct totals *)qemu_plugin_scoreboard_find(totals, cpu);
	}
}

static void write_totals(void)
{
	struct totals sum = { 0 };
	unsigned int cpu;
	enum count c;

	fprintf(out, "window id=%u level=%d", window, level);
	for (cpu = 0; cpu < cpus(); cpu++) {
		struct totals *now = qemu_plugin_scoreboard_find(totals, cpu);

		for (c = 0; c < COUNTS; c++)
			sum.of[c] += now->of[c] - before[cpu].of[c];
		if (cpus() > 1)
			fprintf(out, " insn%u=%" PRIu64 " ns%u=%" PRIu64, cpu, now->of[INSN] - before[cpu].of[INSN], cpu,
				cpu_ns(cpu) - ns_before[cpu]);
	}
	for (c = 0; c < COUNTS; c++)
		fprintf(out, " %s=%" PRIu64, count_names[c], sum.of[c]);
	if (level == LEVEL_MEMORY)
		fprintf(out, " lines=%" PRIu64 " misses=%" PRIu64 " packets=%" PRIu64, cache.lines, cache.misses,
			cache.packets);
	if (level == LEVEL_SHARING)
		fprintf(out, " shared=%" PRIu64, sharing_visits(&sharing));
	fputc('\n', out);
}

static void write_blocks(void)
{
	uint32_t block;

	for (block = 0; block < block_count; block++) {
		uint64_t ran = runs_of(block) - runs_before[block];

		if (ran)
			fprintf(out, "block %u %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", window,
				blocks[block].pc, ran * blocks[block].insns, ran * blocks[block].locked,
				blocks[block].lines);
	}
}

static void end(void)
{
	if (!open_now)
		return;
	open_now = false;
	write_totals();
	if (level == LEVEL_PROFILE)
		write_blocks();
	fflush(out);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

static void after_reset(qemu_plugin_id_t id)
{
	block_count = 0;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}

static void change_level(enum marker_level wanted)
{
	if (wanted == level)
		return;
	level = wanted;
	qemu_plugin_reset(self, after_reset);
}

static void on_marker(unsigned int cpu, void *data)
{
	uint32_t word = (uintptr_t)data;

	switch (marker_kind_of(word)) {
	case MARKER_BEGIN:
		begin(word & 0xffff);
		break;
	case MARKER_END:
		end();
		break;
	case MARKER_PACKET:
		cache_packet(&cache);
		if (cpu < SHARING_CPUS)
			sharing.packets[cpu]++;
		break;
	case MARKER_LEVEL:
		change_level(word & 0xffff);
		break;
	}
}

static void on_access(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
	if (!open_now)
		return;
	if (level == LEVEL_SHARING)
		sharing_access(&sharing, cpu, address, qemu_plugin_mem_is_store(info));
	else if (cache_access(&cache, address) && data)
		((struct block *)data)->lines++;
}

/* The bytes of an instruction that says "lock", that locks unsaid (xchg), or that does AES, SHA or GHASH. */
static bool worth_a_look(const uint8_t *bytes, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (bytes[i] == 0xf0 || bytes[i] == 0x86 || bytes[i] == 0x87 || bytes[i] == 0x38 || bytes[i] == 0x3a ||
		    bytes[i] == 0xc4 || bytes[i] == 0x62)
			return true;
	return false;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void classify(struct qemu_plugin_insn *insn, const uint8_t *bytes, size_t size, struct totals *in)
{
	char *text, *name;

	if (!worth_a_look(bytes, size))
		return;
	text = qemu_plugin_insn_disas(insn);
	if (!text)
		return;
	if (begins(text, "lock ") || (begins(text, "xchg") && strchr(text, '(')))
		in->of[LOCKED]++;
	name = text + (*text == 'v');
	if (begins(name, "aes") || begins(name, "pclmul") || begins(name, "sha1") || begins(name, "sha256"))
		in->of[CIPHER]++;
	free(text);
}

static bool is_marker(const uint8_t *bytes, size_t size, uint32_t *word)
{
	if (size != 7 || bytes[0] != 0x0f || bytes[1] != 0x1f || bytes[2] != 0x80)
		return false;
	memcpy(word, bytes + 3, 4);
	return (*word & MARKER_MASK) == MARKER_MAGIC;
}

static qemu_plugin_u64 total(enum count c)
{
	return (qemu_plugin_u64){ totals, offsetof(struct totals, of) + c * sizeof(uint64_t) };
}

static void watch(struct qemu_plugin_insn *insn, struct block *block, struct totals *in)
{
	uint8_t bytes[16];
	size_t size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
	uint32_t word;

	if (is_marker(bytes, size, &word))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)word);
	if (level == LEVEL_NOTHING)
		return;
	classify(insn, bytes, size, in);
	if (level != LEVEL_COUNT)
		qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, block);
}

/* The block at `block_count`, which is to be told about. */
static void profile(struct qemu_plugin_tb *tb, const struct totals *in)
{
	uint32_t slot = block_count;

	blocks[slot] = (struct block){ qemu_plugin_tb_vaddr(tb), in->of[INSN], in->of[LOCKED], 0 };
	runs_before[slot] = runs_of(slot);
	block_count++;
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  (qemu_plugin_u64){ runs, slot * sizeof(uint64_t) }, 1);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct totals in = { 0 };
	struct block *block = level == LEVEL_PROFILE && block_count < BLOCKS ? &blocks[block_count] : NULL;
	size_t i, insns = qemu_plugin_tb_n_insns(tb);
	enum count c;

	for (i = 0; i < insns; i++)
		watch(qemu_plugin_tb_get_insn(tb, i), block, &in);
	if (level == LEVEL_NOTHING)
		return;
	in.of[INSN] = insns;
	if (!(qemu_plugin_tb_vaddr(tb) >> 63))
		in.of[USER] = insns;
	for (c = 0; c < COUNTS; c++)
		if (in.of[c])
			qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, total(c), in.of[c]);
	if (block)
		profile(tb, &in);
}

static void on_cpu(qemu_plugin_id_t id, unsigned int cpu)
{
	if (cpu < CPUS)
		pthread_getcpuclockid(pthread_self(), &clocks[cpu]);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	fclose(out);
}

PLUGIN_PUBLIC int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	if (argc != 1 || !begins(argv[0], "out="))
		return -1;
	out = fopen(argv[0] + 4, "w");
	runs_before = calloc(BLOCKS, sizeof(*runs_before));
	if (!out || !runs_before)
		return -1;
	self = id;
	totals = qemu_plugin_scoreboard_new(sizeof(struct totals));
	runs = qemu_plugin_scoreboard_new(BLOCKS * sizeof(uint64_t));
	qemu_plugin_register_vcpu_init_cb(id, on_cpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
