// SPDX-License-Identifier: GPL-2.0-only

#include <crypto/utils.h>
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

bool klips_aead_is_async(struct crypto_aead *tfm)
{
	return crypto_aead_tfm(tfm)->__crt_alg->cra_flags & CRYPTO_ALG_ASYNC;
}

void klips_aead_request_set(struct aead_request *req, struct scatterlist *sg,
			    unsigned int assoclen, unsigned int cryptlen, u8 *iv,
			    crypto_completion_t done, void *data)
{
	aead_request_set_callback(req, 0, done, data);
	aead_request_set_ad(req, assoclen);
	aead_request_set_crypt(req, sg, sg, cryptlen, iv);
}

/*
 * What a request may need beside its fixed part to be on the stack: enough for ciphers that are implemented as one. Those
 * that are put together from others may put parts of their request into scatterlists, which the stack is not for.
 */
#define KLIPS_REQUEST_ROOM 64

/*
 * One operation of a synchronous transform, in place on @len linear bytes at @buf. What it leaves of intermediate values is
 * wiped.
 */
int klips_aead_run(struct crypto_aead *tfm, bool encrypt, void *buf, unsigned int len,
		   unsigned int assoclen, unsigned int cryptlen, u8 *iv)
{
	char room[sizeof(struct aead_request) + KLIPS_REQUEST_ROOM]
		CRYPTO_MINALIGN_ATTR __uninitialized;
	unsigned int own = crypto_aead_reqsize(tfm);
	struct aead_request *req = (void *)room;
	struct scatterlist sg = {};
	int ret;

	if (unlikely(own > KLIPS_REQUEST_ROOM)) {
		req = aead_request_alloc(tfm, GFP_ATOMIC);
		if (!req)
			return -ENOMEM;
	} else {
		aead_request_set_tfm(req, tfm);
	}
	/* As sg_init_one, without its calls. */
	if (IS_ENABLED(CONFIG_DEBUG_SG)) {
		sg_init_one(&sg, buf, len);
	} else {
		sg_mark_end(&sg);
		sg_set_buf(&sg, buf, len);
	}
	klips_aead_request_set(req, &sg, assoclen, cryptlen, iv, NULL, NULL);
	ret = encrypt ? crypto_aead_encrypt(req) : crypto_aead_decrypt(req);
	if (unlikely(req != (void *)room))
		aead_request_free(req);
	else if (own)
		memzero_explicit(req->__ctx, own);
	return ret;
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

/*
 * An IV or less comes from what the CPU has in stock. For more, and for each such call, the generator makes a new key of
 * its own.
 */
void klips_random_bytes(void *p, size_t len)
{
	u64 word;

	if (len > 2 * sizeof(word)) {
		get_random_bytes(p, len);
		return;
	}
	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		word = get_random_u64();
		memcpy(p, &word, sizeof(word));
	}
	if (len) {
		word = get_random_u64();
		memcpy(p, &word, len);
	}
}

unsigned int klips_shash_digestsize(struct crypto_shash *tfm)
{
	return crypto_shash_digestsize(tfm);
}

void klips_free_shash(struct crypto_shash *tfm)
{
	crypto_free_shash(tfm);
}

bool klips_same(const void *a, const void *b, size_t len)
{
	return !crypto_memneq(a, b, len);
}

void klips_free_acomp(struct crypto_acomp *tfm)
{
	crypto_free_acomp(tfm);
}

/* @to_len: room at @to; then, how much was written. Only for synchronous transforms. */
int klips_acomp_run(struct crypto_acomp *tfm, bool compress, const u8 *from, unsigned int from_len,
		    u8 *to, unsigned int *to_len)
{
	struct acomp_req *req = acomp_request_alloc(tfm, GFP_ATOMIC);
	int ret;

	if (!req)
		return -ENOMEM;
	acomp_request_set_callback(req, 0, NULL, NULL);
	acomp_request_set_src_nondma(req, from, from_len);
	acomp_request_set_dst_nondma(req, to, *to_len);
	ret = compress ? crypto_acomp_compress(req) : crypto_acomp_decompress(req);
	*to_len = req->dlen;
	acomp_request_free(req);
	return ret;
}
