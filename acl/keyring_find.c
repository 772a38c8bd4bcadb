/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_find.c - the keys of an epoch out of the annexes that hand them over.
 */
#include "acl/derive.h"
#include "acl/keyring_private.h"
#include "ledger/mem.h"

#include <string.h>

#define UNWRAPPED 1
#define CANDIDATES_MAX 64 /* transactions that hand over one key */

struct candidate {
	struct hash id;
	uint64_t height;
};

struct search {
	struct keyring *k;
	struct db_txn *txn;
	const struct patient_id *patient;
	uint8_t section;
	uint32_t epoch;
	struct candidate candidate[CANDIDATES_MAX];
	unsigned candidates;
	struct wrap_key *keys; /* of the wrap that opened */
	size_t count;
	size_t at;   /* of the one that is wanted, among them */
	int trouble; /* why the candidates so far did not do */
};

static void keys_drop(struct wrap_key *keys, size_t count)
{
	if (keys)
		mem_wipe(keys, count * sizeof(*keys));
	mem_free(keys);
}

static int open_item(void *ctx, const struct annex_item *item)
{
	struct search *s = ctx;
	struct wrap_key *keys;
	struct wrap w;
	int err;

	if (item->kind != ANNEX_WRAP || wrap_decode(item->body, &w))
		return 0;
	if (memcmp(w.recipient.b, keyring_identity(s->k)->id.b, IDENTITY_BYTES) != 0 ||
	    !wrap_has(&w, s->section, s->epoch))
		return 0;
	keys = mem_array(NULL, w.count, sizeof(*keys));
	if (!keys)
		return CF_ENOMEM;
	err = identity_use(keyring_identity(s->k));
	if (err)
		goto out;
	err = wrap_open(&w, keyring_identity(s->k)->kem, keyring_network(s->k), s->patient, keys);
	identity_done(keyring_identity(s->k));
	if (err == CF_ECORRUPT || err == CF_EDECODE) {
		s->trouble = CF_ECORRUPT;
		err = 0;
		goto out;
	}
	for (unsigned i = 0; i < w.count && err == 0; i++) {
		if (keys[i].section != s->section || keys[i].epoch != s->epoch)
			continue;
		s->keys = keys;
		s->count = w.count;
		s->at = i;
		return UNWRAPPED;
	}
out:
	keys_drop(keys, w.count);
	return err;
}

static int search_tx(void *ctx, const struct hash *id)
{
	struct search *s = ctx;
	struct view annex;
	int err = chain_annex(s->txn, id, &annex);

	if (err == CF_ENOTFOUND) {
		s->trouble = CF_ENOKEY;
		return 0;
	}
	if (err)
		return err;
	return annex_walk(annex, open_item, s);
}

/* The newest ones are kept. */
static int add_candidate(void *ctx, const struct hash *id)
{
	struct search *s = ctx;
	struct candidate c = {.id = *id};
	struct chain_tx_info info;
	unsigned at = s->candidates;

	if (chain_tx_info(s->txn, id, &info) == 0)
		c.height = info.height;
	while (at > 0 && s->candidate[at - 1].height < c.height)
		at--;
	if (at == CANDIDATES_MAX)
		return 0;
	s->candidates += s->candidates < CANDIDATES_MAX;
	memmove(&s->candidate[at + 1], &s->candidate[at], (s->candidates - at - 1) * sizeof(c));
	s->candidate[at] = c;
	return 0;
}

static int count_one(void *ctx, const struct hash *id)
{
	(void)id;
	return ++*(unsigned *)ctx > 1 ? UNWRAPPED : 0;
}

/* What nobody else has handed over as well comes along; the rest has its own search. */
static int hold_found(const struct search *s)
{
	int err = 0;

	for (size_t i = 0; i < s->count && err == 0; i++) {
		const struct wrap_key *key = &s->keys[i];
		unsigned others = 0;

		if (i != s->at)
			err = derived_wraps(s->txn, &keyring_identity(s->k)->id, s->patient, key->section,
					    key->epoch, count_one, &others);
		if (err == UNWRAPPED)
			err = 0;
		else if (err == 0)
			err = keyring_hold(s->k, s->patient, key, 1);
	}
	return err;
}

/* Of several keys the one that opens most of what is there; of equals the one handed over last. */
static int choose(struct search *s)
{
	struct search best = {.keys = NULL};
	struct keyring_score score = {0, 0}, most = {0, 0};
	int err = 0;

	for (unsigned i = 0; i < s->candidates && err == 0; i++) {
		err = search_tx(s, &s->candidate[i].id);
		if (err != UNWRAPPED)
			continue;
		err = s->candidates > 1 ? keyring_probe(s->k, s->txn, s->patient, &s->keys[s->at], &score)
					: 0;
		if (err == 0 && (!best.keys || score.opened > most.opened)) {
			keys_drop(best.keys, best.count);
			best.keys = s->keys;
			best.count = s->count;
			best.at = s->at;
			most = score;
		} else {
			keys_drop(s->keys, s->count);
		}
		s->keys = NULL;
		if (most.tried && most.opened == most.tried)
			break;
	}
	s->keys = best.keys;
	s->count = best.count;
	s->at = best.at;
	return err;
}

int keyring_find(struct keyring *k, struct db_txn *txn, const struct patient_id *p, uint8_t section,
		 uint32_t epoch, struct wrap_key *ret_key)
{
	struct search s = {
		.k = k, .txn = txn, .patient = p, .section = section, .epoch = epoch, .trouble = CF_EDENIED};
	int err;

	if (keyring_recall(k, p, section, epoch, ret_key))
		return 0;
	err = derived_wraps(txn, &keyring_identity(k)->id, p, section, epoch, add_candidate, &s);
	if (err == 0)
		err = choose(&s);
	if (err == 0 && !s.keys)
		return err_set(s.trouble, "no key of %s, epoch %u, for this identity", section_name(section),
			       epoch);
	if (err == 0)
		err = hold_found(&s);
	if (err == 0)
		*ret_key = s.keys[s.at];
	keys_drop(s.keys, s.count);
	return err;
}
