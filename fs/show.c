/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/show.h"

#include "acl/contract.h"
#include "acl/op.h"
#include "ledger/mem.h"

#include <stdio.h>
#include <string.h>

void show_identity(struct db_txn *txn, const struct identity_id *id, char *ret_name, size_t bytes)
{
	struct identity_row row;
	struct org_row org;
	char hex[2 * IDENTITY_BYTES + 1];

	if (state_identity(txn, id, &row) == 0 && state_org(txn, row.org, &org) == 0) {
		snprintf(ret_name, bytes, "%s@%s", row.name, org.name);
		return;
	}
	hex_encode(id->b, IDENTITY_BYTES, hex);
	snprintf(ret_name, bytes, "%s", hex);
}

static struct json *identity_json(struct db_txn *txn, const struct identity_id *id)
{
	char name[2 * ROW_NAME_MAX + 2];

	show_identity(txn, id, name, sizeof(name));
	return json_text(name);
}

static void set_hash(struct json *object, const char *key, const struct hash *h)
{
	json_set(object, key, json_hex(h->b, HASH_BYTES));
}

static struct json *header_json(const struct block_header *h)
{
	struct json *j = json_new_object();

	set_hash(j, "network", &h->network);
	json_set(j, "height", json_uint(h->height));
	set_hash(j, "previous", &h->prev);
	json_set(j, "time", json_time(h->time_ms));
	json_set(j, "size", json_uint(h->size_bytes));
	json_set(j, "transactions", json_uint(h->tx_count));
	set_hash(j, "tx_root", &h->tx_root);
	set_hash(j, "body_root", &h->body_root);
	set_hash(j, "state_root", &h->state_root);
	set_hash(j, "verdict_root", &h->verdict_root);
	set_hash(j, "members", &h->members);
	set_hash(j, "next_members", &h->next_members);
	json_set(j, "epoch", json_uint(h->epoch));
	json_set(j, "proposer", json_uint(h->proposer + 1u));
	json_set(j, "proposer_view", json_uint(h->proposer_view));
	return j;
}

/* Peers are numbered from 1, as everywhere people see them. */
static struct json *certificate_json(const struct certificate *c)
{
	struct json *j = json_new_object(), *votes = json_new_array();

	json_set(j, "view", json_uint(c->view));
	for (unsigned i = 0; i < c->count; i++)
		json_add(votes, json_uint(c->index[i] + 1u));
	json_set(j, "commit_votes_of_peers", votes);
	return j;
}

static struct json *summary_json(const struct tx *tx, uint8_t verdict)
{
	struct json *j = json_new_object();

	set_hash(j, "id", &tx->id);
	json_set(j, "type", json_text(tx_type_name(tx->proposal.type)));
	json_set(j, "verdict", json_text(verdict_name((enum verdict)verdict)));
	return j;
}

static int list_txs(const struct block *b, struct view verdicts, struct json *list)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	int err = tx ? 0 : CF_ENOMEM;

	if (!err && verdicts.len != b->tx_count)
		err = err_set(CF_ECORRUPT, "%zu verdicts for %u transactions", verdicts.len, b->tx_count);
	for (uint32_t i = 0; i < b->tx_count && !err; i++) {
		err = tx_decode(b->tx[i], tx);
		if (!err)
			json_add(list, summary_json(tx, verdicts.data[i]));
	}
	mem_free(tx);
	return err;
}

int show_block(struct chain *c, struct db_txn *txn, uint64_t height, struct json **ret_value)
{
	struct chain_block_info info;
	struct block block = {.tx = NULL};
	struct json *list = NULL, *j = NULL;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = chain_block_info(txn, height, &info);
	if (err == CF_ENOTFOUND && height > 0)
		err = height < chain_first(c) ? chain_past_check(c, 0) : err;
	if (err == CF_ENOTFOUND)
		err = err_set(err, "there is no block %llu", (unsigned long long)height);
	if (!err)
		err = chain_block_read(c, txn, height, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	if (err)
		goto out;
	list = json_new_array();
	err = list_txs(&block, info.verdicts, list);
	if (err)
		goto out;
	j = json_new_object();
	set_hash(j, "hash", &block.hash);
	json_set(j, "header", header_json(&block.header));
	json_set(j, "certificate", certificate_json(&info.certificate));
	json_set(j, "transactions", list);
	list = NULL;
	*ret_value = j;
out:
	json_free(list);
	block_release(&block);
	buf_release(&bytes);
	return err;
}

static struct json *ops_json(const struct tx_proposal *p)
{
	struct json *list = json_new_array();

	for (unsigned i = 0; i < p->op_count; i++) {
		struct json *j = json_new_object();

		json_set(j, "op", json_text(op_name((enum op_code)p->op[i].code)));
		json_set(j, "bytes", json_uint(p->op[i].body.len));
		json_add(list, j);
	}
	return list;
}

static struct json *blobs_json(const struct tx_proposal *p)
{
	struct json *list = json_new_array();

	for (unsigned i = 0; i < p->blob_count; i++) {
		struct json *j = json_new_object();

		set_hash(j, "root", &p->blob[i].root);
		json_set(j, "bytes", json_uint(p->blob[i].bytes));
		json_add(list, j);
	}
	return list;
}

static struct json *signers_json(struct db_txn *txn, const struct endorsement *e, unsigned count)
{
	struct json *list = json_new_array();

	for (unsigned i = 0; i < count; i++)
		json_add(list, identity_json(txn, &e[i].by));
	return list;
}

/* How an annex is: none, kept, or erased by an ordered transaction. */
static const char *annex_state(struct db_txn *txn, const struct tx *tx)
{
	struct view annex;

	if (hash_is_zero(&tx->proposal.annex_hash))
		return "none";
	return chain_annex(txn, &tx->id, &annex) == 0 ? "kept" : "not kept";
}

static struct json *tx_json(struct db_txn *txn, const struct tx *tx, const struct chain_tx_info *info)
{
	const struct tx_proposal *p = &tx->proposal;
	struct json *j = json_new_object(), *signature = json_new_object();

	set_hash(j, "id", &tx->id);
	json_set(j, "height", json_uint(info->height));
	json_set(j, "index", json_uint(info->index));
	json_set(j, "verdict", json_text(verdict_name((enum verdict)info->verdict)));
	json_set(j, "type", json_text(tx_type_name(p->type)));
	json_set(j, "time", json_time(p->time_ms));
	json_set(j, "creator", identity_json(txn, &p->creator));
	set_hash(j, "creator_key", &p->creator_key);
	json_set(j, "patient", json_hex(p->patient.b, PATIENT_BYTES));
	set_hash(j, "patient_key", &p->patient_key);
	set_hash(j, "doctor_key", &p->doctor_key);
	json_set(j, "valid_until", json_uint(p->valid_until));
	json_set(j, "operations", ops_json(p));
	json_set(j, "blobs", blobs_json(p));
	json_set(signature, "leaf", json_uint(tx->signature.index));
	json_set(signature, "of", json_uint(tx->signature.count));
	json_set(signature, "signature", json_hex(tx->signature.sig, SIG_BYTES));
	json_set(j, "signature", signature);
	json_set(j, "rwset_bytes", json_uint(tx->rwset_bytes.len));
	json_set(j, "endorsements", signers_json(txn, tx->endorsement, tx->endorsement_count));
	json_set(j, "receipts", signers_json(txn, tx->receipt, tx->receipt_count));
	set_hash(j, "annex_hash", &p->annex_hash);
	json_set(j, "annex", json_text(annex_state(txn, tx)));
	return j;
}

static int read_tx(struct chain *c, struct db_txn *txn, const struct hash *id, struct buf *bytes,
		   struct tx **ret_tx)
{
	char hex[2 * HASH_BYTES + 1];
	struct tx *tx = mem_alloc(sizeof(*tx));
	int err;

	if (!tx)
		return CF_ENOMEM;
	err = chain_tx_read(c, txn, id, bytes);
	if (err == CF_ENOTFOUND && chain_past(c) > 0)
		err = chain_past_check(c, 0);
	if (err == CF_ENOTFOUND) {
		hex_encode(id->b, HASH_BYTES, hex);
		err = err_set(err, "there is no transaction %s", hex);
	}
	if (!err)
		err = tx_decode(buf_view(bytes), tx);
	if (err)
		mem_free(tx);
	else
		*ret_tx = tx;
	return err;
}

int show_tx(struct chain *c, struct db_txn *txn, const struct hash *id, struct json **ret_value)
{
	struct chain_tx_info info;
	struct tx *tx = NULL;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = read_tx(c, txn, id, &bytes, &tx);
	if (!err)
		err = chain_tx_info(txn, id, &info);
	if (!err)
		*ret_value = tx_json(txn, tx, &info);
	mem_free(tx);
	buf_release(&bytes);
	return err;
}

int show_tx_proposal(struct chain *c, struct db_txn *txn, const struct hash *id, struct buf *out)
{
	struct tx *tx = NULL;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = read_tx(c, txn, id, &bytes, &tx);
	if (!err)
		err = buf_append_view(out, tx->proposal_bytes);
	mem_free(tx);
	buf_release(&bytes);
	return err;
}
