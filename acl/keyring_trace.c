/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_trace.c - the peers' halves that are held, and those that annexes wrap.
 */
#include "acl/derive.h"
#include "acl/keyring_private.h"
#include "acl/rowread.h"
#include "acl/trace.h"
#include "ledger/mem.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

struct half {
	struct patient_id patient;
	uint8_t section;
	uint8_t use;
	uint32_t epoch;
	uint32_t window;
	uint64_t until_ms;
	uint8_t key[SECTION_KEY_BYTES];
	struct trace_answers answers; /* what the key was made of */
};

struct traces {
	pthread_mutex_t lock;
	struct half *half; /* in no order: as many as sections that are open */
	size_t count;
	size_t cap;
};

static uint64_t wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int traces_new(struct traces **ret_t)
{
	struct traces *t = mem_zalloc(sizeof(*t));

	if (!t)
		return CF_ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	*ret_t = t;
	return 0;
}

static void drop_array(struct half *half, size_t cap)
{
	if (!half)
		return;
	mem_wipe(half, cap * sizeof(*half));
	(void)munlock(half, cap * sizeof(*half));
	mem_free(half);
}

void traces_free(struct traces *t)
{
	if (!t)
		return;
	drop_array(t->half, t->cap);
	pthread_mutex_destroy(&t->lock);
	mem_free(t);
}

/* Under the lock. */
static void drop(struct traces *t, size_t at)
{
	t->half[at] = t->half[--t->count];
	mem_wipe(&t->half[t->count], sizeof(*t->half));
}

void traces_forget(struct traces *t, const struct patient_id *patient)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = t->count; i > 0; i--) {
		if (!patient || memcmp(t->half[i - 1].patient.b, patient->b, PATIENT_BYTES) == 0)
			drop(t, i - 1);
	}
	pthread_mutex_unlock(&t->lock);
}

static bool is_of(const struct half *h, const struct section_keys *keys)
{
	return h->window == keys->window && h->epoch == keys->epoch && h->section == keys->section &&
	       memcmp(h->patient.b, keys->patient.b, PATIENT_BYTES) == 0;
}

bool traces_recall(struct traces *t, struct section_keys *keys, enum keys_use use)
{
	uint64_t now = wall_ms();
	bool found = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = t->count; i > 0 && !found; i--) {
		const struct half *h = &t->half[i - 1];

		if (h->until_ms < now) {
			drop(t, i - 1);
			continue;
		}
		found = is_of(h, keys) && (h->use == use || h->use == KEYS_READ || use == KEYS_OWN);
		if (found) {
			memcpy(keys->trace, h->key, SECTION_KEY_BYTES);
			keys->until_ms = h->until_ms;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

/* realloc would leave keys behind. */
static int grow(struct traces *t)
{
	size_t cap = t->cap ? 2 * t->cap : 32;
	struct half *array = mem_array(NULL, cap, sizeof(*array));

	if (!array)
		return CF_ENOMEM;
	(void)!mlock(array, cap * sizeof(*array));
	if (t->count)
		memcpy(array, t->half, t->count * sizeof(*array));
	drop_array(t->half, t->cap);
	t->half = array;
	t->cap = cap;
	return 0;
}

int traces_key(struct db_txn *txn, const struct hash *network, const struct trace_answers *a,
	       struct section_keys *keys)
{
	struct trace_name name = {keys->patient, keys->section, keys->epoch, keys->window};
	struct holders holders;
	int err = state_holders_of(txn, a->generation, &holders);

	return err ? err : trace_answers_key(a, &holders, network, &name, keys->trace);
}

/* Those of any use: they are the same. */
static bool answers_of(struct traces *t, const struct section_keys *keys, struct trace_answers *ret_answers)
{
	bool found = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->count && !found; i++) {
		found = is_of(&t->half[i], keys);
		if (found)
			*ret_answers = t->half[i].answers;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

int traces_hold(struct traces *t, const struct section_keys *keys, enum keys_use use,
		const struct trace_answers *a)
{
	struct half h = {.patient = keys->patient,
			 .section = keys->section,
			 .use = (uint8_t)use,
			 .epoch = keys->epoch,
			 .window = keys->window,
			 .until_ms = keys->until_ms,
			 .answers = *a};
	int err = 0;

	memcpy(h.key, keys->trace, SECTION_KEY_BYTES);
	pthread_mutex_lock(&t->lock);
	for (size_t i = t->count; i > 0; i--) {
		if (is_of(&t->half[i - 1], keys) && t->half[i - 1].use == use)
			drop(t, i - 1);
	}
	if (t->count == t->cap)
		err = grow(t);
	if (err == 0)
		t->half[t->count++] = h;
	pthread_mutex_unlock(&t->lock);
	mem_wipe(&h, sizeof(h));
	return err;
}

#define UNWRAPPED 1

struct unwrap {
	struct db_txn *txn;
	const struct identity *identity;
	const struct hash *network;
	struct section_keys *keys;
	struct trace_answers *answers;
};

static int open_item(void *ctx, const struct annex_item *item)
{
	const struct unwrap *u = ctx;
	struct trace_wrap w;
	int err;

	if (item->kind != ANNEX_TRACE || trace_wrap_decode(item->body, &w) ||
	    !identity_equal(&w.recipient, &u->identity->id) || w.section != u->keys->section ||
	    w.epoch != u->keys->epoch || w.window != u->keys->window)
		return 0;
	err = identity_use(u->identity);
	if (err)
		return err;
	err = trace_wrap_open(&w, u->identity->kem, u->network, &u->keys->patient, u->answers);
	identity_done(u->identity);
	if (!err)
		err = traces_key(u->txn, u->network, u->answers, u->keys);
	/* one that does not prove itself is as good as none */
	return err ? 0 : UNWRAPPED;
}

static int unwrap_tx(void *ctx, const struct hash *id)
{
	const struct unwrap *u = ctx;
	struct view annex;
	int err = chain_annex(u->txn, id, &annex);

	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	return annex_walk(annex, open_item, ctx);
}

int traces_unwrap(struct db_txn *txn, const struct identity *identity, const struct hash *network,
		  struct section_keys *keys, struct trace_answers *ret_answers)
{
	struct unwrap u = {txn, identity, network, keys, ret_answers};
	int err = derived_traces(txn, &identity->id, &keys->patient, keys->section, keys->epoch, keys->window,
				 unwrap_tx, &u);

	if (err == UNWRAPPED)
		return 0;
	return err ? err : CF_ENOTFOUND;
}

static int is_there(void *ctx, const struct hash *id)
{
	(void)ctx;
	(void)id;
	return UNWRAPPED;
}

int keyring_wrap_trace(struct keyring *k, struct db_txn *txn, const struct section_keys *keys,
		       struct buf *ret_body)
{
	struct trace_name name = {keys->patient, keys->section, keys->epoch, keys->window};
	struct trace_answers answers;
	struct identity_row holder;
	struct patient_row row;
	int err = state_patient(txn, &keys->patient, &row);

	if (err || row.status != PATIENT_OWNED)
		return err;
	err = derived_traces(txn, &row.owner, &keys->patient, keys->section, keys->epoch, keys->window,
			     is_there, NULL);
	if (err)
		return err == UNWRAPPED ? 0 : err;
	if (!answers_of(keyring_traces(k), keys, &answers))
		return 0; /* the lease has ended meanwhile: the next one who writes wraps */
	err = state_identity(txn, &row.owner, &holder);
	if (err == 0)
		err = trace_wrap_seal(keyring_network(k), &name, &row.owner, holder.kem_point, &answers,
				      ret_body);
	mem_wipe(&answers, sizeof(answers));
	return err;
}
