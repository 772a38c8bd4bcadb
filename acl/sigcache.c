/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sigcache.c - two direct-mapped tables under one lock; verification itself runs outside of it.
 */
#include "acl/sigcache.h"
#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

/* A key in use is kept alive by its users when its slot is given away. */
struct shared_key {
	struct crypto_key *key;
	uint8_t point[POINT_BYTES];
	unsigned users; /* the slot counts as one */
};

struct sigcache {
	pthread_mutex_t lock;
	struct hash good[SIGCACHE_SIGNATURES];
	struct shared_key *key[SIGCACHE_KEYS];
};

int sigcache_new(struct sigcache **ret_c)
{
	struct sigcache *c = mem_zalloc(sizeof(*c));

	assert(ret_c);
	if (!c)
		return CF_ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	*ret_c = c;
	return 0;
}

/* Under the lock, or when nobody else is left. */
static void drop(struct shared_key *k)
{
	if (!k || --k->users > 0)
		return;
	crypto_key_free(k->key);
	mem_free(k);
}

void sigcache_free(struct sigcache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SIGCACHE_KEYS; i++)
		drop(c->key[i]);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

/* The hash's own bytes choose the slot; who aims at one slot only makes us verify again. */
static size_t slot_of(const struct hash *h, size_t slots)
{
	return ((size_t)h->b[0] << 16 | (size_t)h->b[1] << 8 | h->b[2]) % slots;
}

static struct shared_key *key_find(struct sigcache *c, size_t slot, const uint8_t point[POINT_BYTES])
{
	struct shared_key *k;

	pthread_mutex_lock(&c->lock);
	k = c->key[slot];
	if (k && memcmp(k->point, point, POINT_BYTES) == 0)
		k->users++;
	else
		k = NULL;
	pthread_mutex_unlock(&c->lock);
	return k;
}

static void key_done(struct sigcache *c, struct shared_key *k)
{
	pthread_mutex_lock(&c->lock);
	drop(k);
	pthread_mutex_unlock(&c->lock);
}

static int key_get(struct sigcache *c, const uint8_t point[POINT_BYTES], struct shared_key **ret_key)
{
	struct hash fingerprint = crypto_key_fingerprint(point);
	size_t slot = slot_of(&fingerprint, SIGCACHE_KEYS);
	struct shared_key *k = key_find(c, slot, point);
	int err;

	if (k) {
		*ret_key = k;
		return 0;
	}
	k = mem_zalloc(sizeof(*k));
	if (!k)
		return CF_ENOMEM;
	err = crypto_key_from_point(point, &k->key);
	if (err) {
		mem_free(k);
		return err == CF_EDECODE ? CF_ESIG : err;
	}
	memcpy(k->point, point, POINT_BYTES);
	k->users = 2;
	pthread_mutex_lock(&c->lock);
	drop(c->key[slot]);
	c->key[slot] = k;
	pthread_mutex_unlock(&c->lock);
	*ret_key = k;
	return 0;
}

static bool is_good(struct sigcache *c, const struct hash *h)
{
	bool good;

	pthread_mutex_lock(&c->lock);
	good = hash_equal(&c->good[slot_of(h, SIGCACHE_SIGNATURES)], h);
	pthread_mutex_unlock(&c->lock);
	return good;
}

static void remember(struct sigcache *c, const struct hash *h)
{
	pthread_mutex_lock(&c->lock);
	c->good[slot_of(h, SIGCACHE_SIGNATURES)] = *h;
	pthread_mutex_unlock(&c->lock);
}

static struct hash name_of(const struct sigpath *s, const struct hash *signed_digest,
			   const uint8_t point[POINT_BYTES])
{
	const struct view parts[] = {VIEW(point, POINT_BYTES), VIEW(signed_digest->b, HASH_BYTES),
				     VIEW(s->sig, SIG_BYTES)};

	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

void sigcache_own(struct sigcache *c, const struct sigpath *s, enum sig_kind kind, const struct hash *network,
		  const struct hash *digest, const uint8_t point[POINT_BYTES])
{
	struct hash signed_digest, h;

	assert(c && s && network && digest && point);
	if (sigpath_signed_digest(s, kind, network, digest, &signed_digest))
		return;
	h = name_of(s, &signed_digest, point);
	remember(c, &h);
}

int sigcache_verify(struct sigcache *c, const struct sigpath *s, enum sig_kind kind,
		    const struct hash *network, const struct hash *digest, const uint8_t point[POINT_BYTES])
{
	struct shared_key *k;
	struct hash signed_digest, h;
	int err;

	assert(c && s && network && digest && point);
	if (sigpath_signed_digest(s, kind, network, digest, &signed_digest))
		return CF_ESIG;
	h = name_of(s, &signed_digest, point);
	if (is_good(c, &h))
		return 0;
	err = key_get(c, point, &k);
	if (err)
		return err;
	err = crypto_verify(k->key, &signed_digest, s->sig);
	key_done(c, k);
	if (err == 0)
		remember(c, &h);
	return err;
}
