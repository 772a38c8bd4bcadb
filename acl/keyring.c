/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.c - unwrapped keys in locked memory, and the keys of a window derived from them.
 */
#include "acl/keyring_private.h"
#include "acl/trace.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define SECTION_TAG "chartfs section v1"

struct held {
	struct patient_id patient;
	struct wrap_key key;
};

struct keyring {
	const struct identity *identity;
	keyring_trace_fn trace_fn;
	void *trace_ctx;
	struct traces *traces;
	struct hash network;
	pthread_mutex_t lock;
	struct held *held; /* sorted by patient, section, epoch; locked in memory */
	size_t count;
	size_t cap;
};

const struct identity *keyring_identity(const struct keyring *k)
{
	return k->identity;
}

const struct hash *keyring_network(const struct keyring *k)
{
	return &k->network;
}

int keyring_new(const struct identity *identity, const struct hash *network, struct keyring **ret_k)
{
	struct keyring *k = mem_zalloc(sizeof(*k));

	assert(identity && identity->kem && network && ret_k);
	if (!k)
		return CF_ENOMEM;
	k->identity = identity;
	k->network = *network;
	if (traces_new(&k->traces)) {
		mem_free(k);
		return CF_ENOMEM;
	}
	pthread_mutex_init(&k->lock, NULL);
	*ret_k = k;
	return 0;
}

static void drop_array(struct held *held, size_t cap)
{
	if (!held)
		return;
	mem_wipe(held, cap * sizeof(*held));
	(void)munlock(held, cap * sizeof(*held));
	mem_free(held);
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	drop_array(k->held, k->cap);
	traces_free(k->traces);
	pthread_mutex_destroy(&k->lock);
	mem_free(k);
}

void keyring_forget(struct keyring *k, const struct patient_id *patient)
{
	size_t kept = 0;

	traces_forget(k->traces, patient);
	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; patient && i < k->count; i++) {
		if (memcmp(k->held[i].patient.b, patient->b, PATIENT_BYTES) != 0)
			k->held[kept++] = k->held[i];
	}
	if (kept < k->count)
		mem_wipe(k->held + kept, (k->count - kept) * sizeof(*k->held));
	k->count = kept;
	pthread_mutex_unlock(&k->lock);
}

static int compare(const struct held *h, const struct patient_id *p, uint8_t section, uint32_t epoch)
{
	int order = memcmp(h->patient.b, p->b, PATIENT_BYTES);

	if (order)
		return order;
	if (h->key.section != section)
		return h->key.section < section ? -1 : 1;
	return h->key.epoch == epoch ? 0 : h->key.epoch < epoch ? -1 : 1;
}

/* The place of a key, or where it would be. Under the lock. */
static bool locate(const struct keyring *k, const struct patient_id *p, uint8_t section, uint32_t epoch,
		   size_t *ret_at)
{
	size_t low = 0, high = k->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = compare(&k->held[mid], p, section, epoch);

		if (order == 0) {
			*ret_at = mid;
			return true;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*ret_at = low;
	return false;
}

/* A new array, locked as far as the system lets us; the old one is wiped, which realloc would not do. */
static int grow(struct keyring *k)
{
	size_t cap = k->cap ? 2 * k->cap : 64;
	struct held *array = mem_array(NULL, cap, sizeof(*array));

	if (!array)
		return CF_ENOMEM;
	if (mlock(array, cap * sizeof(*array)))
		log_debug("keyring", "mlock of %zu bytes refused -> keys may reach swap",
			  cap * sizeof(*array));
	if (k->count)
		memcpy(array, k->held, k->count * sizeof(*array));
	drop_array(k->held, k->cap);
	k->held = array;
	k->cap = cap;
	return 0;
}

int keyring_hold(struct keyring *k, const struct patient_id *p, const struct wrap_key *keys, size_t count)
{
	int err = 0;

	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < count && err == 0; i++) {
		size_t at;

		if (locate(k, p, keys[i].section, keys[i].epoch, &at)) {
			k->held[at].key = keys[i];
			continue;
		}
		if (k->count == k->cap)
			err = grow(k);
		if (err)
			break;
		memmove(k->held + at + 1, k->held + at, (k->count - at) * sizeof(*k->held));
		k->held[at] = (struct held){.patient = *p, .key = keys[i]};
		k->count++;
	}
	pthread_mutex_unlock(&k->lock);
	return err;
}

bool keyring_recall(struct keyring *k, const struct patient_id *p, uint8_t section, uint32_t epoch,
		    struct wrap_key *ret_key)
{
	bool found;
	size_t at;

	pthread_mutex_lock(&k->lock);
	found = locate(k, p, section, epoch, &at);
	if (found)
		*ret_key = k->held[at].key;
	pthread_mutex_unlock(&k->lock);
	return found;
}

static int expand(const struct hash *prk, const char *label, const struct section_keys *k,
		  uint8_t ret_key[SECTION_KEY_BYTES])
{
	struct buf info;
	struct enc e;
	int err;

	buf_init(&info, 0);
	enc_init(&e, &info);
	enc_tag(&e, SECTION_TAG);
	enc_tag(&e, label);
	enc_fixed(&e, k->patient.b, PATIENT_BYTES);
	enc_u8(&e, k->section);
	enc_u32(&e, k->epoch);
	enc_u32(&e, k->window);
	err = enc_done(&e);
	if (err == 0)
		err = hkdf_expand(VIEW(prk->b, HASH_BYTES), buf_view(&info), ret_key, SECTION_KEY_BYTES);
	buf_release(&info);
	return err;
}

/* Names hang on K_grant alone: a listing needs nobody. */
static int derive_names(const struct wrap_key *key, struct section_keys *keys)
{
	struct hash prk = hkdf_extract(VIEW_NONE, VIEW(key->grant, SECTION_KEY_BYTES));
	int err = expand(&prk, "name", keys, keys->name);

	memcpy(keys->token, key->name, SECTION_KEY_BYTES);
	mem_wipe(&prk, sizeof(prk));
	return err;
}

int keyring_names_of(const struct wrap_key *key, const struct patient_id *p, uint32_t window,
		     struct section_keys *ret_keys)
{
	*ret_keys = (struct section_keys){
		.patient = *p, .section = key->section, .epoch = key->epoch, .window = window};
	return derive_names(key, ret_keys);
}

/* The salt is where K_trace enters. */
static int derive_traced(const struct wrap_key *key, struct section_keys *keys)
{
	struct hash prk =
		hkdf_extract(VIEW(keys->trace, SECTION_KEY_BYTES), VIEW(key->grant, SECTION_KEY_BYTES));
	int err = expand(&prk, "content", keys, keys->content);

	if (err == 0)
		err = expand(&prk, "dedup", keys, keys->dedup);
	if (err == 0)
		err = expand(&prk, "commit", keys, keys->commit);
	keys->traced = err == 0;
	mem_wipe(&prk, sizeof(prk));
	return err;
}

/* From memory, from an annex, or from the peers. */
static int find_trace(struct keyring *k, struct db_txn *txn, struct section_keys *keys, enum keys_use use)
{
	struct trace_answers answers = {.count = 0};
	int err;

	keys->until_ms = UINT64_MAX;
	if (traces_recall(k->traces, keys, use))
		return 0;
	if (use == KEYS_OWN)
		use = KEYS_READ;
	err = traces_unwrap(txn, k->identity, &k->network, keys, &answers);
	if (err == CF_ENOTFOUND && !k->trace_fn)
		return err_set(CF_EDENIED, "no trace key of %s", section_name(keys->section));
	if (err == CF_ENOTFOUND) {
		err = k->trace_fn(k->trace_ctx, txn, keys, use, &answers, &keys->until_ms);
		if (err == 0)
			err = traces_key(txn, &k->network, &answers, keys);
	} else if (err == 0) {
		use = KEYS_READ;
	}
	if (err == 0)
		err = traces_hold(k->traces, keys, use, &answers);
	mem_wipe(&answers, sizeof(answers));
	return err;
}

static int get(struct keyring *k, struct db_txn *txn, enum keys_use use, struct section_keys *keys)
{
	struct wrap_key key;
	int err = keyring_find(k, txn, &keys->patient, keys->section, keys->epoch, &key);

	if (err)
		return err;
	err = derive_names(&key, keys);
	if (err == 0 && use)
		err = find_trace(k, txn, keys, use);
	if (err == 0 && use)
		err = derive_traced(&key, keys);
	mem_wipe(&key, sizeof(key));
	return err;
}

static int get_of(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		  uint32_t epoch, uint32_t window, enum keys_use use, struct section_keys *ret_keys)
{
	struct section_keys keys = {
		.patient = *p, .section = (uint8_t)section, .epoch = epoch, .window = window};
	int err;

	assert(section <= SECTION_COUNT);
	err = get(k, txn, use, &keys);
	if (err == 0)
		*ret_keys = keys;
	mem_wipe(&keys, sizeof(keys));
	return err;
}

static int get_current(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		       uint64_t now_ms, enum keys_use use, struct section_keys *ret_keys)
{
	struct section_row row;
	int err = state_section(txn, p, section, &row);

	if (err == CF_ENOTFOUND)
		row.epoch = 0; /* a patient about to be admitted: the keys are those remembered */
	else if (err)
		return err;
	return get_of(k, txn, p, section, row.epoch, contract_window(now_ms), use, ret_keys);
}

int keyring_names(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		  uint32_t epoch, uint32_t window, struct section_keys *ret_keys)
{
	return get_of(k, txn, p, section, epoch, window, (enum keys_use)0, ret_keys);
}

int keyring_names_current(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
			  uint64_t now_ms, struct section_keys *ret_keys)
{
	return get_current(k, txn, p, section, now_ms, (enum keys_use)0, ret_keys);
}

int keyring_get(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		uint32_t epoch, uint32_t window, struct section_keys *ret_keys)
{
	return get_of(k, txn, p, section, epoch, window, KEYS_READ, ret_keys);
}

int keyring_get_own(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		    uint32_t epoch, uint32_t window, struct section_keys *ret_keys)
{
	return get_of(k, txn, p, section, epoch, window, KEYS_OWN, ret_keys);
}

int keyring_current(struct keyring *k, struct db_txn *txn, const struct patient_id *p, unsigned section,
		    uint64_t now_ms, struct section_keys *ret_keys)
{
	return get_current(k, txn, p, section, now_ms, KEYS_WRITE, ret_keys);
}

struct traces *keyring_traces(struct keyring *k)
{
	return k->traces;
}

void keyring_set_trace(struct keyring *k, keyring_trace_fn fn, void *ctx)
{
	k->trace_fn = fn;
	k->trace_ctx = ctx;
}
