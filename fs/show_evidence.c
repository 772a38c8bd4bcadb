/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_evidence.c - what the ledger has against its members, and one piece proved once more.
 */
#include "acl/evidence_verify.h"
#include "acl/rowread.h"
#include "fs/show.h"
#include "ledger/mem.h"

#include <string.h>

static void set_name(struct json *j, const char *key, struct db_txn *txn, const struct identity_id *id)
{
	char name[2 * ROW_NAME_MAX + 2];

	show_identity(txn, id, name, sizeof(name));
	json_set(j, key, json_text(name));
}

static struct json *row_json(struct db_txn *txn, const struct hash *id, const struct evidence_row *row)
{
	struct json *j = json_new_object();

	json_set(j, "id", json_hex(id->b, HASH_BYTES));
	json_set(j, "kind", json_text(evidence_kind_name(row->kind)));
	set_name(j, "offender", txn, &row->offender);
	json_set(j, "epoch", json_uint(row->epoch));
	json_set(j, "height", json_uint(row->height));
	json_set(j, "view", json_uint(row->view));
	set_name(j, "reporter", txn, &row->reporter);
	json_set(j, "transaction", json_hex(row->tx.b, HASH_BYTES));
	json_set(j, "time", json_time(row->time_ms));
	return j;
}

int show_evidence_list(struct db_txn *txn, struct json **ret_value)
{
	struct statekey prefix = statekey_evidences();
	struct json *list = json_new_array();
	struct state_cursor *cursor = NULL;
	struct state_item item;
	int err = state_cursor_new(txn, statekey_view(&prefix), &cursor);

	if (err == 0)
		err = state_cursor_seek(cursor, statekey_view(&prefix), &item);
	while (err == 0) {
		struct statekey_parts parts;
		struct evidence_row row;

		if (statekey_parse(item.key, &parts) || evidence_row_decode(item.value, &row))
			err = CF_ECORRUPT;
		if (err == 0) {
			json_add(list, row_json(txn, &parts.hash, &row));
			err = state_cursor_next(cursor, &item);
		}
	}
	state_cursor_free(cursor);
	if (err != CF_ENOTFOUND) {
		json_free(list);
		return err;
	}
	*ret_value = list;
	return 0;
}

/* The evidence itself stands in the transaction that brought it. */
static int read_evidence(struct chain *c, struct db_txn *txn, const struct evidence_row *row,
			 struct buf *bytes, struct view *ret_evidence)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct op_evidence op;
	int err = tx ? chain_tx_read(c, txn, &row->tx, bytes) : CF_ENOMEM;

	if (err == CF_ENOTFOUND && chain_past(c) > 0)
		err = chain_past_check(c, 0);
	if (err == 0)
		err = tx_decode(buf_view(bytes), tx);
	if (err == 0 && tx->proposal.op[0].code != OP_EVIDENCE)
		err = CF_ECORRUPT;
	if (err == 0)
		err = op_evidence_decode(tx->proposal.op[0].body, &op);
	if (err == 0)
		*ret_evidence = op.evidence;
	mem_free(tx);
	return err == CF_EDECODE || err == CF_ENOTFOUND ? CF_ECORRUPT : err;
}

static int find_row(struct db_txn *txn, const struct hash *id, struct evidence_row *ret_row)
{
	struct statekey key = statekey_evidence(id);
	struct version version;
	struct view value;
	int err = row_read(txn, NULL, &key, &value, &version);

	if (err == CF_ENOTFOUND)
		return err_set(err, "there is no such evidence on the ledger");
	if (err == 0 && evidence_row_decode(value, ret_row))
		err = CF_ECORRUPT;
	return err;
}

/* Proved anew: the row's word is not taken for anything. */
static int verify_again(struct view genesis, struct view evidence, const struct hash *id,
			const struct evidence_row *row)
{
	struct evidence_facts facts;
	int err = evidence_verify(genesis, evidence, &facts);

	if (err == 0 && (!hash_equal(&facts.id, id) || facts.kind != row->kind ||
			 !identity_equal(&facts.offender_id, &row->offender)))
		err = err_set(CF_ECORRUPT, "the ledger says something else than the evidence");
	return err;
}

int show_evidence(struct chain *c, struct db_txn *txn, const struct hash *id, struct json **ret_value)
{
	struct view evidence = VIEW_NONE;
	struct buf genesis, bytes, file;
	struct evidence_row row;
	struct json *j;
	int err = find_row(txn, id, &row);

	if (err)
		return err;
	buf_init(&genesis, 0);
	buf_init(&bytes, 0);
	buf_init(&file, 0);
	err = chain_genesis(c, &genesis);
	if (err == 0)
		err = read_evidence(c, txn, &row, &bytes, &evidence);
	if (err == 0)
		err = verify_again(buf_view(&genesis), evidence, id, &row);
	if (err == 0)
		err = evidence_file_encode(chain_network(c), evidence, &file);
	if (err == 0) {
		j = row_json(txn, id, &row);
		json_set(j, "verified", json_bool(true));
		json_set(j, "file", json_hex(file.data, file.len));
		*ret_value = j;
	}
	buf_release(&genesis);
	buf_release(&bytes);
	buf_release(&file);
	return err;
}
