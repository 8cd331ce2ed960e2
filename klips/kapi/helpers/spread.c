// SPDX-License-Identifier: GPL-2.0-only

#include <linux/cpumask.h>
#include <linux/padata.h>
#include <linux/smp.h>

bool klips_has_padata(void)
{
	return IS_ENABLED(CONFIG_PADATA);
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

void klips_padata_free_shell(struct padata_shell *shell)
{
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
