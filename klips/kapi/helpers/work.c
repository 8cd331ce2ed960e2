// SPDX-License-Identifier: GPL-2.0-only

#include <linux/bottom_half.h>
#include <linux/timekeeping.h>

void klips_init_work(struct work_struct *work, work_func_t fn)
{
	INIT_WORK(work, fn);
}

void klips_schedule_work(struct work_struct *work)
{
	queue_work(system_percpu_wq, work);
}

void klips_local_bh_disable(void)
{
	local_bh_disable();
}

void klips_local_bh_enable(void)
{
	local_bh_enable();
}

u64 klips_uptime_secs(void)
{
	return ktime_get_boottime_seconds();
}
