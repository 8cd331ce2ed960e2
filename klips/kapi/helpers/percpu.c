// SPDX-License-Identifier: GPL-2.0-only

#include <linux/percpu.h>

u64 __percpu *klips_counters_alloc(unsigned int count)
{
	return __alloc_percpu_gfp(count * sizeof(u64), __alignof__(u64), GFP_KERNEL | __GFP_ZERO);
}

void klips_counters_free(u64 __percpu *c)
{
	free_percpu(c);
}

void klips_counters_add(u64 __percpu *c, unsigned int index, u64 n)
{
	this_cpu_add(c[index], n);
}

u64 klips_counters_sum(u64 __percpu *c, unsigned int index)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(&c[index], cpu));
	return sum;
}
