/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain_stage.c - staging one block in an open LMDB transaction, and committing it.
 *
 * Where a value lies in the block store is known only when the block has been appended, which happens at
 * commit. So a staged write remembers where its value begins inside its transaction's bytes; at commit the
 * block tells where the transaction begins inside the block, and the append where the block begins.
 */
#include "ledger/chain_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

struct staged_tx {
	struct hash id;
	struct hash bytes_hash;
	size_t len;
	uint8_t verdict;
	bool duplicate; /* of an id that the index has already */
};

struct staged_write {
	uint32_t tx;
	uint8_t key_len;
	uint8_t key[STATE_KEY_BYTES_MAX];
	bool deleted;
	size_t offset; /* in the transaction's bytes */
	uint32_t len;
	struct hash value_hash;
};

struct chain_stage {
	struct chain *chain;
	struct db_txn *txn; /* the group's while one is open */
	struct state_stage *state;
	uint64_t height;
	struct staged_tx *tx;
	size_t tx_count, tx_cap;
	struct staged_write *write;
	size_t write_count, write_cap;
	struct buf row;
};

/* kept: what it staged is committed, or part of the group. */
static void stage_end(struct chain_stage *s, bool kept)
{
	struct chain *c = s->chain;

	c->stage = NULL;
	state_stage_free(s->state);
	if (!c->group.open)
		db_abort(s->txn); /* NULL once committed */
	else if (!kept)
		chain_group_drop(c);
	buf_release(&s->row);
	mem_free(s->tx);
	mem_free(s->write);
	mem_free(s);
}

int chain_stage_begin(struct chain *c, uint64_t height, struct chain_stage **ret_stage)
{
	struct chain_stage *s;
	int err;

	assert(c && ret_stage && !c->stage && !(c->flags & CHAIN_RDONLY));
	if (c->failed)
		return err_set(CF_EIO, "%s: an earlier commit failed, the disk is in doubt", c->dir);
	if (height != (c->is_new ? 0 : c->tip.height + 1))
		return CF_EINVAL;
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return CF_ENOMEM;
	s->chain = c;
	s->height = height;
	buf_init(&s->row, 0);
	err = chain_group_stage(c, &s->txn);
	if (!err)
		err = state_stage_new(s->txn, &s->state);
	if (err) {
		stage_end(s, false);
		return err;
	}
	c->stage = s;
	*ret_stage = s;
	return 0;
}

struct db_txn *chain_stage_txn(struct chain_stage *s)
{
	return s->txn;
}

void chain_stage_discard(struct chain_stage *s)
{
	if (s)
		stage_end(s, false);
}

static int grow(void **items, size_t count, size_t *cap, size_t bytes_each)
{
	size_t want = *cap ? 2 * *cap : 32;
	void *grown;

	if (count < *cap)
		return 0;
	grown = mem_array(*items, want, bytes_each);
	if (!grown)
		return CF_ENOMEM;
	*items = grown;
	*cap = want;
	return 0;
}

/* ---- transactions ---- */

static int log_put(struct db_txn *txn, const struct hash *who, struct version version, const struct hash *id)
{
	uint8_t key[CHAIN_LOG_KEY_BYTES];

	if (hash_is_zero(who))
		return 0;
	chain_log_key(who, version, key); /* who stands in two roles has one row: the key is the same */
	return db_put(txn, DB_LOG, VIEW(key, sizeof(key)), VIEW(id->b, HASH_BYTES));
}

int chain_log_rows(struct db_txn *txn, const struct tx *tx, struct version version)
{
	const struct tx_proposal *p = &tx->proposal;
	struct hash patient = {{0}};
	int err;

	memcpy(patient.b, p->patient.b, PATIENT_BYTES);
	err = log_put(txn, &p->creator_key, version, &tx->id);
	if (!err)
		err = log_put(txn, &p->patient_key, version, &tx->id);
	if (!err)
		err = log_put(txn, &p->doctor_key, version, &tx->id);
	return err ? err : log_put(txn, &patient, version, &tx->id);
}

/* A value that no block holds goes into its row; so do those of the genesis. */
int chain_history_inline(struct db_txn *txn, const struct rw_write *w, struct version version)
{
	struct history_row row = {.version = version, .deleted = w->deleted, .file = HISTORY_INLINE};

	row.len = (uint32_t)w->value.len;
	row.inline_value = w->value;
	if (!w->deleted)
		row.value_hash = sha256(w->value);
	return history_put(txn, w->key, &row);
}

bool chain_lies_in(struct view part, struct view whole)
{
	uintptr_t from = (uintptr_t)part.data, base = (uintptr_t)whole.data;

	return from >= base && part.len <= whole.len && from - base <= whole.len - part.len;
}

static int stage_write(struct chain_stage *s, const struct tx *tx, const struct rw_write *w,
		       struct version version)
{
	struct staged_write *staged;
	int err = state_stage_write(s->state, w, version);

	if (err)
		return err;
	if (!w->deleted && !chain_lies_in(w->value, tx->bytes))
		return chain_history_inline(s->txn, w, version);
	err = grow((void **)&s->write, s->write_count, &s->write_cap, sizeof(*s->write));
	if (err)
		return err;
	staged = &s->write[s->write_count++];
	*staged = (struct staged_write){
		.tx = version.index, .key_len = (uint8_t)w->key.len, .deleted = w->deleted};
	memcpy(staged->key, w->key.data, w->key.len);
	if (!w->deleted) {
		staged->offset = (size_t)(w->value.data - tx->bytes.data);
		staged->len = (uint32_t)w->value.len;
		staged->value_hash = sha256(w->value);
	}
	return 0;
}

static int stage_effects(struct chain_stage *s, const struct tx *tx, const struct rwset *rwset,
			 struct view annex, struct version version)
{
	int err = 0;

	for (size_t i = 0; !err && i < rwset->write_count; i++)
		err = stage_write(s, tx, &rwset->writes[i], version);
	if (!err && annex.len > 0)
		err = db_put(s->txn, DB_ANNEX, VIEW(tx->id.b, HASH_BYTES), annex);
	return err;
}

static int tx_row_put(struct chain_stage *s, const struct hash *id, const struct chain_tx_info *info)
{
	int err;

	buf_reset(&s->row);
	err = chain_tx_row_encode(info, &s->row);
	return err ? err : db_put(s->txn, DB_TX, VIEW(id->b, HASH_BYTES), buf_view(&s->row));
}

int chain_stage_tx(struct chain_stage *s, const struct tx *tx, uint8_t verdict, const struct rwset *rwset,
		   struct view annex)
{
	struct version version = {s->height, (uint32_t)s->tx_count};
	struct staged_tx *staged;
	struct view row;
	int err;

	assert(s->height > 0 && tx && (rwset || verdict != VERDICT_VALID));
	err = grow((void **)&s->tx, s->tx_count, &s->tx_cap, sizeof(*s->tx));
	if (err)
		return err;
	staged = &s->tx[s->tx_count];
	*staged = (struct staged_tx){.id = tx->id, .len = tx->bytes.len, .verdict = verdict};
	staged->bytes_hash = sha256(tx->bytes);
	err = db_get(s->txn, DB_TX, VIEW(tx->id.b, HASH_BYTES), &row);
	staged->duplicate = err == 0;
	if (staged->duplicate) {
		assert(verdict != VERDICT_VALID);
	} else if (err == CF_ENOTFOUND) {
		struct chain_tx_info info = {.height = s->height, .index = version.index, .verdict = verdict};

		info.bytes_hash = staged->bytes_hash;
		err = tx_row_put(s, &tx->id, &info);
		if (!err)
			err = chain_log_rows(s->txn, tx, version);
	}
	if (!err && verdict == VERDICT_VALID)
		err = stage_effects(s, tx, rwset, annex, version);
	if (!err)
		s->tx_count++;
	return err;
}

int chain_stage_annex(struct chain_stage *s, const struct hash *id, struct view annex)
{
	assert(s && id && annex.len > 0);
	return db_put(s->txn, DB_ANNEX, VIEW(id->b, HASH_BYTES), annex);
}

int chain_stage_genesis_row(struct chain_stage *s, struct view key, struct view value)
{
	struct rw_write w = {.key = key, .value = value};
	struct version version = {0, 0};
	int err;

	assert(s->height == 0);
	err = state_stage_write(s->state, &w, version);
	return err ? err : chain_history_inline(s->txn, &w, version);
}

int chain_stage_root(struct chain_stage *s, struct hash *ret_root)
{
	return state_stage_root(s->state, ret_root);
}

/* ---- commit ---- */

/* The block must be the one that was staged; acl/ has judged it, this only keeps the stores in agreement. */
static int block_check(const struct chain_stage *s, const struct block *block, const uint8_t *verdicts,
		       const struct certificate *certificate, const struct hash *root)
{
	const struct chain *c = s->chain;

	assert(block && certificate && block->tx_count == s->tx_count && (verdicts || block->tx_count == 0));
	for (uint32_t i = 0; i < block->tx_count; i++)
		assert(block->tx[i].len == s->tx[i].len && verdicts[i] == s->tx[i].verdict);
	if (block->header.height != s->height || !hash_equal(&block->header.network, &c->network) ||
	    !hash_equal(&block->header.prev, &c->tip.hash))
		return err_set(CF_EINVAL, "block does not follow the head at height %llu",
			       (unsigned long long)c->tip.height);
	if (!hash_equal(&block->header.state_root, root))
		return err_set(CF_EINVAL, "block %llu has another state root than its transactions give",
			       (unsigned long long)s->height);
	if (certificate->height != s->height || !hash_equal(&certificate->digest, &block->hash))
		return err_set(CF_EINVAL, "certificate is for another block than %llu",
			       (unsigned long long)s->height);
	return 0;
}

static int index_txs(struct chain_stage *s, const struct block *block, struct segment_place place)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < block->tx_count; i++) {
		struct chain_tx_info info = {
			.height = s->height,
			.index = i,
			.verdict = s->tx[i].verdict,
			.file = place.file,
			.offset = place.offset + (size_t)(block->tx[i].data - block->bytes.data),
			.len = (uint32_t)block->tx[i].len,
			.bytes_hash = s->tx[i].bytes_hash,
		};

		if (!s->tx[i].duplicate)
			err = tx_row_put(s, &s->tx[i].id, &info);
	}
	return err;
}

static int index_history(struct chain_stage *s, const struct block *block, struct segment_place place)
{
	int err = 0;

	for (size_t i = 0; !err && i < s->write_count; i++) {
		const struct staged_write *w = &s->write[i];
		struct history_row row = {.version = {s->height, w->tx}, .deleted = w->deleted};

		if (!w->deleted) {
			size_t tx_at = (size_t)(block->tx[w->tx].data - block->bytes.data);

			row.file = place.file;
			row.offset = place.offset + tx_at + w->offset;
			row.len = w->len;
			row.value_hash = w->value_hash;
		}
		err = history_put(s->txn, VIEW(w->key, w->key_len), &row);
	}
	return err;
}

/* The rows of the block itself and of the new head. */
static int index_block(struct chain_stage *s, const struct chain_block_info *info,
		       const struct chain_head *head)
{
	struct chain_height_key key = chain_height_key(s->height);
	int err;

	buf_reset(&s->row);
	err = chain_block_row_encode(info, &s->row);
	if (!err)
		err = db_put(s->txn, DB_BLOCK, VIEW(key.b, sizeof(key.b)), buf_view(&s->row));
	if (!err && s->height == 0)
		err = db_put(s->txn, DB_META, view_str(CHAIN_META_NETWORK),
			     VIEW(s->chain->network.b, HASH_BYTES));
	if (err)
		return err;
	buf_reset(&s->row);
	err = chain_head_encode(head, &s->row);
	return err ? err : db_put(s->txn, DB_META, view_str(CHAIN_META_HEAD), buf_view(&s->row));
}

/* Appends, indexes, syncs, commits. *ret_clean: nothing has changed when it fails. */
static int write_out(struct chain_stage *s, const struct block *block, struct chain_block_info *info,
		     const struct chain_head *head, bool *ret_clean)
{
	struct chain *c = s->chain;
	struct db_txn *txn;
	int err = 0;

	*ret_clean = true;
	assert(block || !c->group.open);
	if (block) {
		err = segments_append(c->blocks, block->bytes, &info->place);
		if (err)
			return err; /* cut off already */
		err = index_txs(s, block, info->place);
		if (!err)
			err = index_history(s, block, info->place);
	}
	if (!err)
		err = index_block(s, info, head);
	if (c->group.open)
		return err; /* synced and committed, or cut off again, with the group */
	if (!err && block && !(c->flags & CHAIN_NOSYNC)) {
		err = segments_sync(c->blocks);
		*ret_clean = err == 0;
	}
	if (!err) {
		txn = s->txn;
		s->txn = NULL;
		err = db_commit(txn);
		*ret_clean = err == 0 || err == CF_EFULL;
	}
	if (err && block && *ret_clean)
		chain_append_undo(c);
	return err;
}

int chain_stage_commit(struct chain_stage *s, const struct block *block, const uint8_t *verdicts,
		       const struct certificate *certificate)
{
	struct chain *c = s->chain;
	struct chain_head head = {.height = s->height, .hash = c->network};
	struct chain_block_info info;
	bool clean = true;
	int err;

	assert((s->height == 0) == !block);
	memset(&info, 0, sizeof(info));
	info.hash = c->network;
	err = chain_stage_root(s, &head.state_root);
	if (!err && block)
		err = block_check(s, block, verdicts, certificate, &head.state_root);
	if (err)
		goto out;
	if (block) {
		head.hash = info.hash = block->hash;
		head.time_ms = info.time_ms = block->header.time_ms;
		info.tx_count = block->tx_count;
		info.verdicts = VIEW(verdicts, block->tx_count);
		info.certificate = *certificate;
	}
	err = write_out(s, block, &info, &head, &clean);
	if (err) {
		c->failed = c->failed || !clean;
		goto out;
	}
	c->has_last = block != NULL;
	c->last = info.place;
	c->tip = head;
	if (!c->group.open)
		chain_publish(c);
out:
	stage_end(s, err == 0);
	return err;
}
