/* SPDX-License-Identifier: Apache-2.0 */
/* identity_lock.c - private keys that go out of memory and come back, under whoever uses them. */
#include "acl/identity_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

/* Read-locked by whoever uses the private keys. */
struct identity_latch {
	pthread_rwlock_t lock;
};

int identity_latch_new(struct identity_latch **ret_latch)
{
	struct identity_latch *latch = mem_zalloc(sizeof(*latch));

	if (!latch)
		return CF_ENOMEM;
	pthread_rwlock_init(&latch->lock, NULL);
	*ret_latch = latch;
	return 0;
}

void identity_latch_free(struct identity_latch *latch)
{
	if (latch)
		pthread_rwlock_destroy(&latch->lock);
	mem_free(latch);
}

int identity_use(const struct identity *id)
{
	if (!id->latch)
		return 0;
	pthread_rwlock_rdlock(&id->latch->lock);
	if (id->sign)
		return 0;
	pthread_rwlock_unlock(&id->latch->lock);
	return err_set(CF_ELOCKED, "the private keys are locked away");
}

void identity_done(const struct identity *id)
{
	if (id->latch)
		pthread_rwlock_unlock(&id->latch->lock);
}

static void take_keys(struct identity *id, struct identity *from)
{
	struct identity was = *id;

	pthread_rwlock_wrlock(&id->latch->lock);
	id->sign = from->sign;
	id->kem = from->kem;
	id->endorse = from->endorse;
	pthread_rwlock_unlock(&id->latch->lock);
	from->sign = was.sign;
	from->kem = was.kem;
	from->endorse = was.endorse;
}

void identity_lock(struct identity *id)
{
	struct identity none = {0};

	assert(id->latch);
	take_keys(id, &none);
	identity_release(&none);
}

int identity_unlock(struct identity *id, const char *dir, const char *passphrase)
{
	struct identity fresh = {0};
	int err = identity_load(dir, passphrase, &fresh);

	assert(id->latch);
	if (err)
		return err;
	if (!hash_equal(&fresh.sign_fingerprint, &id->sign_fingerprint) ||
	    memcmp(fresh.info.kem_point, id->info.kem_point, POINT_BYTES) != 0)
		err = err_set(CF_EINVAL, "%s: other keys than those that were locked away", dir);
	else
		take_keys(id, &fresh);
	identity_release(&fresh);
	return err;
}
