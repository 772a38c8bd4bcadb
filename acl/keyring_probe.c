/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_probe.c - which of two keys that were handed over for one epoch is the right one: whoever may grant
 * may wrap anything, and peers see no key. What stands in the ledger tells.
 */
#include "acl/content.h"
#include "acl/keyring_private.h"
#include "acl/rowread.h"
#include "ledger/mem.h"

#define PROBES_MAX 64     /* names that are tried */
#define LOOKED_AT_MAX 512 /* entries for that */

struct probe {
	struct keyring *k;
	struct db_txn *txn;
	const struct patient_id *patient;
	const struct wrap_key *key;
	struct keyring_score score;
};

/* One name that was sealed in the key's epoch. */
static int try_name(struct probe *p, const struct node_id *dir, uint32_t window, struct view sealed)
{
	struct section_keys keys;
	struct buf name;
	int err = keyring_names_of(p->key, p->patient, window, &keys);

	buf_init(&name, 0);
	if (err == 0)
		err = content_open_name(&keys, dir, sealed, &name);
	mem_wipe(&keys, sizeof(keys));
	buf_release(&name);
	p->score.tried++;
	p->score.opened += err == 0;
	return err == CF_ENOMEM ? err : 0;
}

static int try_entries(struct probe *p, const struct node_id *dir)
{
	struct statekey prefix = statekey_entries(p->patient, dir);
	struct state_cursor *cursor = NULL;
	struct state_item item;
	unsigned looked = 0;
	int err = state_cursor_new(p->txn, statekey_view(&prefix), &cursor);

	if (err)
		return err;
	for (err = state_cursor_seek(cursor, statekey_view(&prefix), &item);
	     err == 0 && looked < LOOKED_AT_MAX && p->score.tried < PROBES_MAX; looked++) {
		struct entry_row row;

		if (entry_row_decode(item.value, &row) == 0 && row.epoch == p->key->epoch)
			err = try_name(p, dir, row.window, row.sealed_name);
		if (err == 0)
			err = state_cursor_next(cursor, &item);
	}
	state_cursor_free(cursor);
	return err == CF_ENOTFOUND ? 0 : err;
}

int keyring_probe(struct keyring *k, struct db_txn *txn, const struct patient_id *p,
		  const struct wrap_key *key, struct keyring_score *ret_score)
{
	struct node_id dir = op_section_node(p, key->section), none = {{0}};
	struct probe probe = {.k = k, .txn = txn, .patient = p, .key = key};
	struct patient_row row;
	int err = key->section == 0 ? state_patient(txn, p, &row) : CF_ENOTFOUND;

	if (err == 0 && row.epoch == key->epoch)
		err = try_name(&probe, &none, row.window, row.sealed_name);
	if (err == 0 || err == CF_ENOTFOUND)
		err = try_entries(&probe, &dir);
	if (err == 0)
		*ret_score = probe.score;
	return err;
}
