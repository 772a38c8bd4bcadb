/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_take.c - pieces into a ledger that begins with a state, each of them checked.
 *
 * The block of the offer is certified by members who follow from the genesis. All rows together give its
 * state root, which is compared as soon as the last has come; the briefs lead to its hash. What came before
 * such a comparison is believed by nobody: the ledger is complete only at the end.
 */
#include "acl/derive.h"
#include "acl/genesis.h"
#include "acl/rowread.h"
#include "acl/snapshot.h"
#include "acl/succession.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

enum phase { PHASE_ROWS, PHASE_BRIEFS, PHASE_DONE };

struct snapshot_take {
	enum phase phase;
	struct chain *chain;
	struct chain_import *import;
	struct past *past;      /* of a ledger that will be filled; NULL: it is none */
	struct buf block_bytes; /* of the offer */
	struct block block;
	struct certificate certificate;
	struct members members; /* while checked: those of the block; then of the next */
	uint64_t rows_told, rows;
	struct buf after;    /* the last key */
	uint64_t from;       /* of the next brief */
	struct hash prev;    /* hash of the brief before it; zeros: none yet */
	struct buf verdicts; /* of the block */
	void (*on_certificate)(void *ctx, const struct certificate *c);
	void *ctx;
};

static unsigned long long height_of(const struct snapshot_take *t)
{
	return t->block.header.height;
}

/* Was the block decided by members who follow from the genesis? */
static int check_offer(struct snapshot_take *t, const struct hash *network, struct view succession)
{
	const struct block_header *h = &t->block.header;
	struct member_keys keys;
	struct hash hash;
	int err;

	if (!hash_equal(&h->network, network))
		return err_set(CF_EFOREIGN, "a block of another network");
	err = succession_verify(succession, network, &t->members);
	if (!err)
		err = members_hash(&t->members, &hash);
	if (!err && (!hash_equal(&hash, &h->members) || t->members.epoch != h->epoch))
		err = err_set(CF_EFOREIGN, "block %llu was decided by other members", height_of(t));
	if (!err && (t->certificate.height != h->height || t->certificate.epoch != h->epoch ||
		     !hash_equal(&t->certificate.digest, &t->block.hash)))
		err = err_set(CF_ESIG, "the certificate is not that of block %llu", height_of(t));
	if (!err)
		err = member_keys_init(&keys, &t->members);
	if (err)
		return err;
	err = certificate_verify(&t->certificate, network, &t->members, &keys);
	member_keys_release(&keys);
	return err;
}

static int take_offer(struct snapshot_take *t, struct view genesis, struct view bytes,
		      struct view *ret_succession)
{
	const struct hash network = chain_genesis_hash(genesis);
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct snapshot_offer offer;
	int err = g ? genesis_decode(genesis, g) : CF_ENOMEM;

	if (!err)
		t->members = g->members;
	mem_free(g);
	if (!err)
		err = snapshot_offer_decode(bytes, &offer);
	if (!err)
		err = buf_append_view(&t->block_bytes, offer.block);
	if (!err)
		err = block_decode(buf_view(&t->block_bytes), &t->block);
	if (!err && t->block.header.height != offer.height)
		err = err_set(CF_EINVAL, "the block offered is not that of height %llu",
			      (unsigned long long)offer.height);
	if (err)
		return err;
	t->certificate = offer.certificate;
	t->rows_told = offer.rows;
	*ret_succession = offer.succession;
	return check_offer(t, &network, offer.succession);
}

static int take_past(struct snapshot_take *t, struct view genesis, struct view succession)
{
	int err = past_new(genesis, succession, &t->past);

	return err ? err : chain_import_note(t->import, succession);
}

int snapshot_take_new(const char *dir, struct view genesis, struct view offer, bool past,
		      void (*on_certificate)(void *ctx, const struct certificate *c), void *ctx,
		      struct snapshot_take **ret_t)
{
	struct snapshot_take *t = mem_zalloc(sizeof(*t));
	struct view succession = VIEW_NONE;
	int err;

	if (!t)
		return CF_ENOMEM;
	buf_init(&t->block_bytes, 0);
	buf_init(&t->after, 0);
	buf_init(&t->verdicts, 0);
	t->on_certificate = on_certificate;
	t->ctx = ctx;
	err = take_offer(t, genesis, offer, &succession);
	if (!err)
		err = chain_open(dir, genesis, CHAIN_NOSYNC, &t->chain);
	if (!err)
		err = chain_import_begin(t->chain, past, &t->import);
	if (!err && past)
		err = take_past(t, genesis, succession);
	if (err) {
		snapshot_take_free(t);
		return err;
	}
	*ret_t = t;
	return 0;
}

void snapshot_take_free(struct snapshot_take *t)
{
	if (!t)
		return;
	chain_import_discard(t->import);
	past_free(t->past);
	chain_close(t->chain);
	block_release(&t->block);
	buf_release(&t->block_bytes);
	buf_release(&t->after);
	buf_release(&t->verdicts);
	mem_free(t);
}

uint64_t snapshot_take_height(const struct snapshot_take *t)
{
	return t->block.header.height;
}

uint64_t snapshot_take_rows(const struct snapshot_take *t)
{
	return t->rows;
}

const struct members *snapshot_take_members(const struct snapshot_take *t)
{
	assert(t->phase != PHASE_ROWS);
	return &t->members;
}

bool snapshot_take_next(const struct snapshot_take *t, struct snapshot_ask *ret_ask)
{
	if (t->phase == PHASE_DONE)
		return false;
	*ret_ask = (struct snapshot_ask){.part = SNAPSHOT_ROWS, .height = t->block.header.height};
	if (t->phase == PHASE_ROWS) {
		ret_ask->after = buf_view(&t->after);
	} else {
		ret_ask->part = SNAPSHOT_BRIEFS;
		ret_ask->from = t->from;
	}
	return true;
}

/* The state is complete: is it that of the block? Then it says how far back a transaction may come again. */
static int end_rows(struct snapshot_take *t)
{
	struct db_txn *txn = NULL;
	uint64_t height = t->block.header.height;
	struct policy_row policy;
	struct hash root;
	int err = chain_read_begin(t->chain, &txn);

	if (!err)
		err = state_root(txn, &root);
	if (!err && (t->rows != t->rows_told || !hash_equal(&root, &t->block.header.state_root)))
		err = err_set(CF_EINVAL, "the rows are not the state after block %llu", height_of(t));
	if (!err)
		err = state_policy(txn, &policy);
	if (!err)
		err = state_members(txn, &t->members);
	db_abort(txn);
	if (err)
		return err;
	t->from = height > policy.valid_blocks_max ? height + 1 - policy.valid_blocks_max : 1;
	t->phase = PHASE_BRIEFS;
	return 0;
}

static int take_rows(struct snapshot_take *t, struct view piece)
{
	struct snapshot_rows rows;
	int err = snapshot_rows_decode(piece, &rows);

	if (!err && (rows.height != t->block.header.height || rows.count > t->rows_told - t->rows))
		err = err_set(CF_EINVAL, "rows that were not asked for");
	for (uint32_t i = 0; !err && i < rows.count; i++) {
		const struct state_item row = snapshot_rows_next(&rows.items);

		err = chain_import_row(t->import, &row);
		if (!err && i + 1 == rows.count) {
			buf_reset(&t->after);
			err = buf_append_view(&t->after, row.key);
		}
	}
	if (!err)
		err = chain_import_flush(t->import);
	if (err)
		return err;
	t->rows += rows.count;
	return rows.last ? end_rows(t) : 0;
}

/* What binds ids and verdicts is in the header; what binds the header is the one after it. */
static int check_brief(struct snapshot_take *t, const struct snapshot_brief *b, struct hash *ids)
{
	const struct block_header *h = &b->header;
	const struct hash hash = block_hash(b->header_bytes);
	struct hash root;
	int err;

	if (!hash_is_zero(&t->prev) && !hash_equal(&h->prev, &t->prev))
		return err_set(CF_EINVAL, "block %llu does not follow the one before it",
			       (unsigned long long)h->height);
	if (b->certificate.height != h->height || !hash_equal(&b->certificate.digest, &hash))
		return err_set(CF_EINVAL, "the certificate is not that of block %llu",
			       (unsigned long long)h->height);
	memcpy(ids, b->ids.data, b->ids.len);
	err = block_tx_root(ids, h->tx_count, &root);
	if (!err && !hash_equal(&root, &h->tx_root))
		err = err_set(CF_EINVAL, "other transactions than those of block %llu",
			      (unsigned long long)h->height);
	if (!err)
		err = block_verdict_root(ids, b->verdicts.data, h->tx_count, &root);
	if (!err && !hash_equal(&root, &h->verdict_root))
		err = err_set(CF_EINVAL, "other verdicts than those of block %llu",
			      (unsigned long long)h->height);
	t->prev = hash;
	return err;
}

static int take_brief(struct snapshot_take *t, const struct snapshot_brief *b)
{
	const struct block_header *h = &b->header;
	struct hash *ids = mem_array(NULL, (size_t)h->tx_count + 1, sizeof(*ids));
	int err = ids ? check_brief(t, b, ids) : CF_ENOMEM;

	for (uint32_t i = 0; !err && i < h->tx_count; i++)
		err = chain_import_tx(t->import, &ids[i], h->height, i, b->verdicts.data[i]);
	mem_free(ids);
	if (err)
		return err;
	t->from = h->height + 1;
	if (t->on_certificate)
		t->on_certificate(t->ctx, &b->certificate);
	if (h->height < t->block.header.height)
		return 0;
	if (!hash_equal(&t->prev, &t->block.hash))
		return err_set(CF_EINVAL, "the blocks do not lead to block %llu", height_of(t));
	t->phase = PHASE_DONE;
	return buf_append_view(&t->verdicts, b->verdicts);
}

static int take_briefs(struct snapshot_take *t, struct view piece)
{
	struct snapshot_briefs briefs;
	int err = snapshot_briefs_decode(piece, &briefs);

	if (!err && (briefs.height != t->block.header.height || briefs.from != t->from))
		err = err_set(CF_EINVAL, "blocks that were not asked for");
	for (uint32_t i = 0; !err && i < briefs.count; i++) {
		struct snapshot_brief brief;

		snapshot_briefs_next(&briefs.items, &brief);
		err = take_brief(t, &brief);
	}
	return err ? err : chain_import_flush(t->import);
}

int snapshot_take_piece(struct snapshot_take *t, struct view piece)
{
	int err;

	assert(t && t->phase != PHASE_DONE);
	err = t->phase == PHASE_ROWS ? take_rows(t, piece) : take_briefs(t, piece);
	return err == CF_EDECODE ? err_set(err, "a piece that does not decode") : err;
}

struct past *snapshot_take_past(struct snapshot_take *t)
{
	return t->past;
}

int snapshot_take_keys(struct snapshot_take *t, const struct block_body *body, struct view verdicts)
{
	struct db_txn *txn = NULL;
	int err;

	assert(t->past && t->phase == PHASE_DONE);
	err = db_begin_write(chain_db(t->chain), &txn);
	if (!err)
		err = past_keys(t->past, body, verdicts, txn);
	if (err)
		db_abort(txn);
	else
		err = db_commit(txn);
	return err;
}

bool snapshot_is_lie(int err)
{
	return err == CF_ESIG || err == CF_EFOREIGN || err == CF_EINVAL || err == CF_EDECODE ||
	       err == CF_ECORRUPT || err == CF_ETOOBIG;
}

int snapshot_take_end(struct snapshot_take *t)
{
	struct chain_import *i = t->import;
	int err;

	assert(t->phase == PHASE_DONE);
	err = t->past ? derive_state(t->chain) : 0;
	if (err)
		return err;
	t->import = NULL;
	err = chain_import_end(i, &t->block, t->verdicts.data, &t->certificate);
	if (!err)
		err = segments_sync(chain_blocks(t->chain));
	if (!err)
		err = db_sync(chain_db(t->chain));
	if (!err)
		snapshot_take_free(t);
	return err;
}
