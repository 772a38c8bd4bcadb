/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verifier.c - two tables with one place for each value of a hash; the newest takes the place.
 */
#include "net/verifier.h"

#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define KEYS 256
#define VERIFIED 4096

struct parsed {
	struct crypto_key *key;
	unsigned users; /* verifications under way outside the lock */
	uint8_t point[POINT_BYTES];
};

struct verifier {
	pthread_mutex_t lock;
	struct parsed *key[KEYS];
	struct hash verified[VERIFIED]; /* SHA-256 of point, digest and signature; zeros: none */
};

int verifier_new(struct verifier **ret_v)
{
	struct verifier *v = mem_zalloc(sizeof(*v));

	if (!v)
		return CF_ENOMEM;
	pthread_mutex_init(&v->lock, NULL);
	*ret_v = v;
	return 0;
}

/* Called with the lock held, or by the last one who knows it. One reference is the table's. */
static void parsed_drop(struct parsed *p)
{
	if (!p || --p->users > 0)
		return;
	crypto_key_free(p->key);
	mem_free(p);
}

void verifier_free(struct verifier *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < KEYS; i++)
		parsed_drop(v->key[i]);
	pthread_mutex_destroy(&v->lock);
	mem_free(v);
}

static int parsed_new(const uint8_t point[POINT_BYTES], struct parsed **ret_p)
{
	struct parsed *p = mem_zalloc(sizeof(*p));
	int err;

	if (!p)
		return CF_ENOMEM;
	err = crypto_key_from_point(point, &p->key);
	if (err) {
		mem_free(p);
		return err;
	}
	memcpy(p->point, point, POINT_BYTES);
	p->users = 1;
	*ret_p = p;
	return 0;
}

/* The parsed key, with one more user. */
static int key_get(struct verifier *v, const uint8_t point[POINT_BYTES], struct parsed **ret_p)
{
	/* The last byte of X and the first of Y: as good as random. */
	unsigned place = (point[32] ^ point[40]) % KEYS;
	struct parsed *fresh = NULL, *p;
	int err;

	pthread_mutex_lock(&v->lock);
	p = v->key[place];
	if (p && memcmp(p->point, point, POINT_BYTES) == 0) {
		p->users++;
		pthread_mutex_unlock(&v->lock);
		*ret_p = p;
		return 0;
	}
	pthread_mutex_unlock(&v->lock);
	err = parsed_new(point, &fresh);
	if (err)
		return err;
	pthread_mutex_lock(&v->lock);
	parsed_drop(v->key[place]);
	v->key[place] = fresh;
	fresh->users++;
	pthread_mutex_unlock(&v->lock);
	*ret_p = fresh;
	return 0;
}

int verifier_check(struct verifier *v, const uint8_t point[POINT_BYTES], const struct hash *digest,
		   const uint8_t sig[SIG_BYTES])
{
	const struct view parts[] = {VIEW(point, POINT_BYTES), VIEW(digest->b, HASH_BYTES),
				     VIEW(sig, SIG_BYTES)};
	struct hash name = sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
	unsigned place = ((unsigned)name.b[0] << 8 | name.b[1]) % VERIFIED;
	struct parsed *p = NULL;
	bool known;
	int err;

	assert(v && point && digest && sig);
	pthread_mutex_lock(&v->lock);
	known = hash_equal(&v->verified[place], &name);
	pthread_mutex_unlock(&v->lock);
	if (known)
		return 0;
	err = key_get(v, point, &p);
	if (err)
		return err;
	err = crypto_verify(p->key, digest, sig);
	pthread_mutex_lock(&v->lock);
	if (!err)
		v->verified[place] = name;
	parsed_drop(p);
	pthread_mutex_unlock(&v->lock);
	return err;
}
