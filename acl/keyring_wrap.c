/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_wrap.c - annexes that hand out keys: at an admission, a grant, a revocation.
 */
#include "acl/keyring_private.h"
#include "acl/rowread.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define RECIPIENTS_MAX 4096

/* One recipient's keys; sections are added in ascending order, epochs within them, too. */
struct share {
	struct identity_id to;
	struct wrap_key *key;
	size_t count;
	size_t cap;
};

struct shares {
	struct share *share;
	size_t count;
	size_t cap;
};

static void shares_release(struct shares *s)
{
	for (size_t i = 0; i < s->count; i++) {
		mem_wipe(s->share[i].key, s->share[i].cap * sizeof(*s->share[i].key));
		mem_free(s->share[i].key);
	}
	mem_free(s->share);
}

static int share_of(struct shares *s, const struct identity_id *to, struct share **ret_share)
{
	for (size_t i = 0; i < s->count; i++) {
		if (identity_equal(&s->share[i].to, to)) {
			*ret_share = &s->share[i];
			return 0;
		}
	}
	if (s->count == RECIPIENTS_MAX)
		return CF_ETOOBIG;
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 8;
		struct share *array = mem_array(s->share, cap, sizeof(*array));

		if (!array)
			return CF_ENOMEM;
		s->share = array;
		s->cap = cap;
	}
	s->share[s->count] = (struct share){.to = *to};
	*ret_share = &s->share[s->count++];
	return 0;
}

/* Adds a key; the same (section, epoch) twice is kept once. The old array is wiped, which realloc would not
 * do. */
static int add_key(struct shares *s, const struct identity_id *to, const struct wrap_key *key)
{
	struct share *share;
	int err = share_of(s, to, &share);

	if (err)
		return err;
	if (share->count) {
		const struct wrap_key *last = &share->key[share->count - 1];

		if (last->section == key->section && last->epoch == key->epoch)
			return 0;
	}
	if (share->count == share->cap) {
		size_t cap = share->cap ? 2 * share->cap : SECTION_COUNT + 1;
		struct wrap_key *array = mem_array(NULL, cap, sizeof(*array));

		if (!array)
			return CF_ENOMEM;
		if (share->count)
			memcpy(array, share->key, share->count * sizeof(*array));
		mem_wipe(share->key, share->cap * sizeof(*array));
		mem_free(share->key);
		share->key = array;
		share->cap = cap;
	}
	share->key[share->count++] = *key;
	return 0;
}

/* Seals each share to the key-agreement key its recipient has in the state. */
static int seal_shares(struct keyring *k, struct db_txn *txn, const struct patient_id *p,
		       const struct shares *s, struct buf *ret_annex)
{
	struct annex_item *items = mem_array(NULL, s->count, sizeof(*items));
	struct buf bodies;
	size_t *end = mem_array(NULL, s->count, sizeof(*end));
	int err = items && end ? 0 : CF_ENOMEM;

	buf_init(&bodies, 0);
	for (size_t i = 0; i < s->count && err == 0; i++) {
		const struct share *share = &s->share[i];
		struct identity_row row;

		err = state_identity(txn, &share->to, &row);
		if (err == 0)
			err = wrap_seal(keyring_network(k), p, &share->to, row.kem_point, share->key,
					share->count, &bodies);
		end[i] = bodies.len;
	}
	if (err)
		goto out;
	for (size_t i = 0, at = 0; i < s->count; at = end[i++])
		items[i] = (struct annex_item){ANNEX_WRAP, VIEW(bodies.data + at, end[i] - at)};
	err = annex_encode(items, s->count, ret_annex);
out:
	mem_free(items);
	mem_free(end);
	buf_release(&bodies);
	return err;
}

int keyring_wrap_admit(struct keyring *k, struct db_txn *txn, const struct patient_id *p,
		       const struct identity_id *recipients, size_t count, struct buf *ret_annex)
{
	struct wrap_key keys[SECTION_COUNT + 1];
	struct shares shares = {0};
	int err = 0;

	assert(recipients && count > 0);
	for (unsigned s = 0; s <= SECTION_COUNT; s++) {
		keys[s].section = (uint8_t)s;
		keys[s].epoch = 0;
		random_bytes(keys[s].grant, SECTION_KEY_BYTES);
		random_bytes(keys[s].name, SECTION_KEY_BYTES);
		for (size_t i = 0; i < count && err == 0; i++)
			err = add_key(&shares, &recipients[i], &keys[s]);
	}
	if (err == 0)
		err = seal_shares(k, txn, p, &shares, ret_annex);
	if (err == 0)
		err = keyring_hold(k, p, keys, SECTION_COUNT + 1);
	mem_wipe(keys, sizeof(keys));
	shares_release(&shares);
	return err;
}

/* All epochs of a section this identity holds; the current one it must hold. */
static int add_epochs(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint8_t section,
		      const struct identity_id *to, struct shares *shares)
{
	struct section_row row;
	struct wrap_key key;
	int err = state_section(txn, p, section, &row);

	for (uint32_t epoch = 0; err == 0 && epoch <= row.epoch; epoch++) {
		err = keyring_find(k, txn, p, section, epoch, &key);
		if (err == 0)
			err = add_key(shares, to, &key);
		else if ((err == CF_EDENIED || err == CF_ENOKEY) && epoch < row.epoch)
			err = 0;
	}
	mem_wipe(&key, sizeof(key));
	return err;
}

int keyring_wrap_grant(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint32_t sections,
		       const struct identity_id *to, struct buf *ret_annex)
{
	struct shares shares = {0};
	int err = 0;

	sections |= 1; /* the contract adds the patient's own directory to every grant */
	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++) {
		if (sections & (1u << s))
			err = add_epochs(k, txn, p, (uint8_t)s, to, &shares);
	}
	if (err == 0)
		err = seal_shares(k, txn, p, &shares, ret_annex);
	shares_release(&shares);
	return err;
}

struct keepers {
	struct db_txn *txn;
	struct shares *shares;
	const struct identity_id *without;
	uint64_t now_ms;
	struct wrap_key key;
};

static int add_keeper(void *ctx, const struct identity_id *to, const struct grant_row *row)
{
	struct keepers *keepers = ctx;
	struct identity_row identity;
	int err = state_identity(keepers->txn, to, &identity);

	if (err)
		return err == CF_ENOTFOUND ? CF_ECORRUPT : err;
	if (identity.status == IDENTITY_REVOKED || identity_equal(to, keepers->without) ||
	    (row->until_ms && keepers->now_ms > row->until_ms))
		return 0;
	return add_key(keepers->shares, to, &keepers->key);
}

/* A fresh key of the next epoch, for all who keep the section. */
static int add_next_epoch(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint8_t section,
			  const struct patient_row *patient, struct keepers *keepers)
{
	const struct identity_id *holder =
		patient->status == PATIENT_CUSTODY ? &patient->custodian : &patient->owner;
	struct section_row row;
	int err = state_section(txn, p, section, &row);

	if (err == 0)
		err = keyring_find(k, txn, p, section, row.epoch, &keepers->key);
	if (err)
		return err;
	if (row.epoch == UINT32_MAX)
		return CF_ETOOBIG;
	keepers->key.epoch = row.epoch + 1; /* the name key stays: else one name could have two tokens */
	random_bytes(keepers->key.grant, SECTION_KEY_BYTES);
	err = add_key(keepers->shares, holder, &keepers->key);
	if (err == 0)
		err = state_grants(txn, p, section, add_keeper, keepers);
	return err;
}

int keyring_wrap_revoke(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint32_t sections,
			const struct identity_id *without, uint64_t now_ms, struct buf *ret_annex)
{
	struct shares shares = {0};
	struct keepers keepers = {.txn = txn, .shares = &shares, .without = without, .now_ms = now_ms};
	struct patient_row patient;
	int err = state_patient(txn, p, &patient);

	for (unsigned s = 0; s <= SECTION_COUNT && err == 0; s++) {
		if (sections & (1u << s))
			err = add_next_epoch(k, txn, p, (uint8_t)s, &patient, &keepers);
	}
	if (err == 0)
		err = seal_shares(k, txn, p, &shares, ret_annex);
	mem_wipe(&keepers.key, sizeof(keepers.key));
	shares_release(&shares);
	return err;
}
