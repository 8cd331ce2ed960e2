// SPDX-License-Identifier: GPL-2.0-only

#include <linux/bottom_half.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>

void klips_init_delayed_work(struct delayed_work *work, work_func_t fn)
{
	INIT_DELAYED_WORK(work, fn);
}

void klips_schedule_now(struct delayed_work *work)
{
	mod_delayed_work(system_percpu_wq, work, 0);
}

void klips_schedule_in(struct delayed_work *work, unsigned int secs)
{
	queue_delayed_work(system_percpu_wq, work, (unsigned long)secs * HZ);
}

void klips_local_bh_disable(void)
{
	local_bh_disable();
}

bool klips_bh_is_disabled(void)
{
	return softirq_count();
}

void klips_local_bh_enable(void)
{
	local_bh_enable();
}

u64 klips_wall_secs(void)
{
	return ktime_get_real_seconds();
}

u64 klips_uptime_millis(void)
{
	return div_u64(ktime_get_coarse_boottime_ns(), NSEC_PER_MSEC);
}

u64 klips_uptime_secs(void)
{
	return ktime_get_boottime_seconds();
}
