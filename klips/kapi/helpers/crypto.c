// SPDX-License-Identifier: GPL-2.0-only

#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/string.h>

struct aead_request *klips_aead_request_alloc(struct crypto_aead *tfm)
{
	return aead_request_alloc(tfm, GFP_ATOMIC);
}

void klips_aead_request_free(struct aead_request *req)
{
	aead_request_free(req);
}

void klips_aead_request_set(struct aead_request *req, struct scatterlist *sg,
			    unsigned int assoclen, unsigned int cryptlen, u8 *iv)
{
	aead_request_set_callback(req, 0, NULL, NULL);
	aead_request_set_ad(req, assoclen);
	aead_request_set_crypt(req, sg, sg, cryptlen, iv);
}

void klips_free_aead(struct crypto_aead *tfm)
{
	crypto_free_aead(tfm);
}

void klips_sg_init_one(struct scatterlist *sg, void *buf, unsigned int len)
{
	sg_init_one(sg, buf, len);
}

void klips_memzero_explicit(void *p, size_t len)
{
	memzero_explicit(p, len);
}

u32 klips_random_u32(void)
{
	return get_random_u32();
}

void klips_random_bytes(void *p, size_t len)
{
	get_random_bytes(p, len);
}
