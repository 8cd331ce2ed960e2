// SPDX-License-Identifier: GPL-2.0-only

#include <linux/cpumask.h>
#include <linux/padata.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

bool klips_has_padata(void)
{
	return IS_ENABLED(CONFIG_PADATA);
}

unsigned int klips_processors_possible(void)
{
	return nr_cpu_ids;
}

unsigned int klips_processor(void)
{
	return raw_smp_processor_id();
}

void klips_init_work(struct work_struct *work, work_func_t fn)
{
	INIT_WORK(work, fn);
}

/* It runs on this CPU once that is done with what it has received. */
void klips_queue_bh(struct work_struct *work)
{
	queue_work(system_bh_wq, work);
}

void klips_flush_work(struct work_struct *work)
{
	flush_work(work);
}

bool klips_has_processors(void)
{
	return num_online_cpus() > 1;
}

#ifdef CONFIG_PADATA
struct padata_instance *klips_padata_alloc(const char *name)
{
	return padata_alloc(name);
}

void klips_padata_free(struct padata_instance *instance)
{
	padata_free(instance);
}

struct padata_shell *klips_padata_alloc_shell(struct padata_instance *instance)
{
	return padata_alloc_shell(instance);
}

/*
 * Of a shell that nothing is under way in. A worker may still be on its way out of the last of it, or be queued once more, for
 * nothing: its queue goes with the shell.
 */
void klips_padata_free_shell(struct padata_shell *shell)
{
	flush_workqueue(shell->pinst->parallel_wq);
	flush_workqueue(shell->pinst->serial_wq);
	padata_free_shell(shell);
}

/* The CPU that this is called on is the one on which the work comes back. */
int klips_padata_do_parallel(struct padata_shell *shell, struct padata_priv *work)
{
	int cpu = smp_processor_id();

	return padata_do_parallel(shell, work, &cpu);
}

void klips_padata_do_serial(struct padata_priv *work)
{
	padata_do_serial(work);
}
#else
struct padata_instance *klips_padata_alloc(const char *name)
{
	return NULL;
}

void klips_padata_free(struct padata_instance *instance)
{
}

struct padata_shell *klips_padata_alloc_shell(struct padata_instance *instance)
{
	return NULL;
}

void klips_padata_free_shell(struct padata_shell *shell)
{
}

int klips_padata_do_parallel(struct padata_shell *shell, struct padata_priv *work)
{
	return -EOPNOTSUPP;
}

void klips_padata_do_serial(struct padata_priv *work)
{
}
#endif
