/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.c - opening a ledger, bringing its stores into agreement, its head.
 *
 * The index (LMDB) is the truth: a block counts when the transaction that indexed it committed. Its bytes
 * were synced before that, so every place the index names can be read; what stands behind the last of
 * them was appended by a process that died before it could commit.
 */
#include "ledger/chain_private.h"
#include "ledger/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GENESIS_TAG "chartfs genesis v1"

struct hash chain_genesis_hash(struct view genesis)
{
	struct view parts[2] = {VIEW(GENESIS_TAG, sizeof(GENESIS_TAG)), genesis};

	return sha256_parts(parts, 2);
}

int chain_head_at(struct db_txn *txn, struct chain_head *ret_head)
{
	struct view row;
	int err = db_get(txn, DB_META, view_str(CHAIN_META_HEAD), &row);

	return err ? err : chain_head_decode(row, ret_head);
}

/* Unchanged when there is no such row. */
static int number_read(struct db_txn *txn, const char *name, uint64_t *ret_number)
{
	struct view row;
	struct dec d;
	int err = db_get(txn, DB_META, view_str(name), &row);

	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	dec_init(&d, row);
	*ret_number = dec_u64(&d);
	return dec_done(&d) ? err_set(CF_ECORRUPT, "chain: the row '%s' is malformed", name) : 0;
}

/* A block that was filled in may stand behind that of the head. */
static int last_read(struct db_txn *txn, struct segment_place *last)
{
	struct segment_place filled;
	struct view row;
	int err = db_get(txn, DB_META, view_str(CHAIN_META_LAST), &row);

	if (!err)
		err = chain_place_decode(row, &filled);
	if (err)
		return err == CF_ENOTFOUND ? 0 : err;
	if (filled.file > last->file || (filled.file == last->file && filled.offset > last->offset))
		*last = filled;
	return 0;
}

/* What a ledger that began with a state has and lacks. */
static int begin_read(struct chain *c, struct db_txn *txn)
{
	uint64_t first = 1, past = 0;
	int err = number_read(txn, CHAIN_META_FIRST, &first);

	if (!err)
		err = number_read(txn, CHAIN_META_PAST, &past);
	if (!err)
		err = last_read(txn, &c->last);
	atomic_store(&c->first, first);
	atomic_store(&c->past, past);
	return err;
}

/* Head, and the place of its block, from the index. */
static int index_read(struct chain *c)
{
	struct chain_block_info info;
	struct db_txn *txn;
	struct view network;
	int err = db_begin_read(c->db, &txn);

	if (err)
		return err;
	err = chain_head_at(txn, &c->head);
	if (err == CF_ENOTFOUND) {
		c->is_new = true;
		c->head.hash = c->network;
		err = 0;
		goto out;
	}
	if (!err)
		err = db_get(txn, DB_META, view_str(CHAIN_META_NETWORK), &network);
	if (!err && !view_equal(network, VIEW(c->network.b, HASH_BYTES)))
		err = err_set(CF_EFOREIGN, "%s belongs to another network", c->dir);
	if (!err)
		err = chain_block_info(txn, c->head.height, &info);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_ECORRUPT, "%s: the index lacks its head", c->dir);
	if (!err) {
		c->last = info.place;
		err = begin_read(c, txn);
		c->has_last = c->last.len > 0;
	}
out:
	db_abort(txn);
	return err;
}

static int blocks_open(struct chain *c)
{
	bool read_only = c->flags & CHAIN_RDONLY;
	char path[FILE_PATH_MAX];
	int err = file_path(c->dir, "blocks", path);

	if (err)
		return err;
	if (c->has_last)
		return segments_open_after(path, read_only, c->last, &c->blocks);
	err = segments_open(path, read_only, &c->blocks);
	if (!err && !read_only && segments_bytes(c->blocks) > 0)
		err = segments_reset(c->blocks);
	return err;
}

static int stores_open(struct chain *c)
{
	char path[FILE_PATH_MAX];
	int err = file_path(c->dir, "db", path);

	if (!err)
		err = db_open(path, c->flags, &c->db);
	if (!err)
		err = index_read(c);
	c->tip = c->head;
	if (!err)
		err = blocks_open(c);
	return err;
}

static int stores_sync(struct chain *c)
{
	int err = segments_sync(c->blocks);

	return err ? err : db_sync(c->db);
}

static void release(struct chain *c)
{
	segments_close(c->blocks);
	db_close(c->db);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

int chain_open(const char *dir, struct view genesis, unsigned flags, struct chain **ret_chain)
{
	struct chain *c;
	bool synced;
	int err;

	assert(dir && ret_chain && (flags & ~(CHAIN_NOSYNC | CHAIN_RDONLY)) == 0);
	if (strlen(dir) >= sizeof(c->dir))
		return CF_ENAMETOOLONG;
	c = mem_zalloc(sizeof(*c));
	if (!c)
		return CF_ENOMEM;
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	c->flags = flags;
	c->lock_fd = -1;
	atomic_init(&c->first, 1);
	atomic_init(&c->past, 0);
	c->network = chain_genesis_hash(genesis);
	pthread_mutex_init(&c->lock, NULL);
	err = chain_dir_open(dir, genesis, flags, &c->lock_fd, &synced);
	if (!err)
		err = stores_open(c);
	if (!err && !synced && !(flags & CHAIN_NOSYNC)) {
		err = stores_sync(c);
		if (!err)
			err = chain_dir_settled(dir);
	}
	if (err) {
		release(c);
		return err;
	}
	*ret_chain = c;
	return 0;
}

void chain_close(struct chain *c)
{
	if (!c)
		return;
	assert(!c->stage && !c->group.open);
	if ((c->flags & (CHAIN_NOSYNC | CHAIN_RDONLY)) == CHAIN_NOSYNC && !c->failed && stores_sync(c) == 0) {
		/* A marker that stays "open" only costs fetching everything again. */
		int err = chain_dir_closed(c->dir);

		(void)err;
	}
	release(c);
}

bool chain_is_new(const struct chain *c)
{
	struct chain *lockable = (struct chain *)c;
	bool is_new;

	pthread_mutex_lock(&lockable->lock);
	is_new = c->is_new;
	pthread_mutex_unlock(&lockable->lock);
	return is_new;
}

uint64_t chain_first(const struct chain *c)
{
	return atomic_load(&((struct chain *)c)->first);
}

uint64_t chain_past(const struct chain *c)
{
	return atomic_load(&((struct chain *)c)->past);
}

int chain_past_check(const struct chain *c, uint64_t height)
{
	uint64_t past = chain_past(c), first = chain_first(c);

	if (height >= past)
		return 0;
	return err_set(CF_EAGAIN,
		       "blocks 1 to %llu are still being fetched: until they are here, nothing from before "
		       "height %llu can be shown",
		       (unsigned long long)(first - 1), (unsigned long long)past);
}

const struct hash *chain_network(const struct chain *c)
{
	return &c->network;
}

void chain_head(struct chain *c, struct chain_head *ret_head)
{
	struct chain_head fresh;
	struct db_txn *txn;

	/* Another process may have moved a read-only ledger's head. */
	if (c->flags & CHAIN_RDONLY && db_begin_read(c->db, &txn) == 0) {
		int err = chain_head_at(txn, &fresh);

		db_abort(txn);
		if (!err) {
			*ret_head = fresh;
			return;
		}
	}
	pthread_mutex_lock(&c->lock);
	*ret_head = c->head;
	pthread_mutex_unlock(&c->lock);
}

struct db *chain_db(struct chain *c)
{
	return c->db;
}

struct segments *chain_blocks(struct chain *c)
{
	return c->blocks;
}

int chain_read_begin(struct chain *c, struct db_txn **ret_txn)
{
	return db_begin_read(c->db, ret_txn);
}
