// SPDX-License-Identifier: GPL-2.0-only

struct klips_key klips_talking = { .key = STATIC_KEY_FALSE_INIT };

void klips_talking_inc(void)
{
	static_branch_inc(&klips_talking.key);
}

void klips_talking_dec(void)
{
	static_branch_dec(&klips_talking.key);
}
