/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted.c - an array and its file: tag, u64 height, u32 count, roots.
 */
#include "net/wanted.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define MODULE "wanted"
#define WANTED_TAG "chartfs wanted v1"
#define WANTED_FILE_BYTES_MAX (64 + (size_t)WANTED_MAX * HASH_BYTES)
#define SAVE_EVERY_BLOCKS 1000

struct wanted {
	char path[FILE_PATH_MAX];
	struct hash *root;
	size_t count;
	size_t cap;
	uint64_t height;
	uint64_t saved_height;
	bool changed;
};

static size_t find(const struct wanted *w, const struct hash *root)
{
	size_t i = 0;

	while (i < w->count && !hash_equal(&w->root[i], root))
		i++;
	return i;
}

int wanted_add(struct wanted *w, const struct hash *root)
{
	if (find(w, root) < w->count)
		return 0;
	if (w->count == WANTED_MAX)
		return CF_EFULL;
	if (w->count == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		struct hash *larger = mem_array(w->root, cap, sizeof(*larger));

		if (!larger)
			return CF_ENOMEM;
		w->root = larger;
		w->cap = cap;
	}
	w->root[w->count++] = *root;
	w->changed = true;
	return 0;
}

void wanted_remove(struct wanted *w, const struct hash *root)
{
	size_t i = find(w, root);

	if (i == w->count)
		return;
	w->root[i] = w->root[--w->count];
	w->changed = true;
}

size_t wanted_count(const struct wanted *w)
{
	return w->count;
}

const struct hash *wanted_at(const struct wanted *w, size_t i)
{
	assert(i < w->count);
	return &w->root[i];
}

static int save(struct wanted *w)
{
	struct buf bytes;
	struct enc e;
	int err;

	buf_init(&bytes, WANTED_FILE_BYTES_MAX);
	enc_init(&e, &bytes);
	enc_tag(&e, WANTED_TAG);
	enc_u64(&e, w->height);
	enc_u32(&e, (uint32_t)w->count);
	for (size_t i = 0; i < w->count; i++)
		enc_fixed(&e, w->root[i].b, HASH_BYTES);
	err = enc_done(&e);
	if (!err)
		err = file_replace(w->path, buf_view(&bytes));
	buf_release(&bytes);
	if (err)
		return err;
	w->saved_height = w->height;
	w->changed = false;
	return 0;
}

int wanted_save(struct wanted *w, uint64_t height)
{
	if (height > w->height)
		w->height = height;
	if (!w->changed && w->height < w->saved_height + SAVE_EVERY_BLOCKS)
		return 0;
	return save(w);
}

static int load(struct wanted *w)
{
	struct buf bytes;
	struct dec d;
	uint32_t count;
	int err;

	buf_init(&bytes, WANTED_FILE_BYTES_MAX);
	err = file_read(w->path, WANTED_FILE_BYTES_MAX, &bytes);
	if (err)
		goto out;
	dec_init(&d, buf_view(&bytes));
	dec_tag(&d, WANTED_TAG);
	w->height = w->saved_height = dec_u64(&d);
	count = dec_count32(&d, WANTED_MAX);
	for (uint32_t i = 0; !err && i < count; i++) {
		struct hash root;

		dec_fixed(&d, root.b, HASH_BYTES);
		err = wanted_add(w, &root);
	}
	if (!err && dec_done(&d))
		err = err_set(CF_ECORRUPT, "%s: malformed", w->path);
out:
	buf_release(&bytes);
	return err == CF_ENOTFOUND ? 0 : err;
}

/* Which roots the valid transactions of a block name. */
static int scan_block(struct wanted *w, struct chain *chain, struct db_txn *txn, uint64_t height,
		      struct tx *tx)
{
	struct chain_block_info info;
	struct block block;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = chain_block_info(txn, height, &info);
	if (!err)
		err = chain_block_read(chain, txn, height, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	if (err)
		goto out;
	for (uint32_t i = 0; !err && i < block.tx_count; i++) {
		if (i >= info.verdicts.len || info.verdicts.data[i] != VERDICT_VALID)
			continue;
		err = tx_decode(block.tx[i], tx);
		for (unsigned k = 0; !err && k < tx->proposal.blob_count; k++)
			err = wanted_add(w, &tx->proposal.blob[k].root);
	}
	block_release(&block);
out:
	buf_release(&bytes);
	return err;
}

static int scan(struct wanted *w, struct chain *chain)
{
	struct tx *tx = mem_alloc(sizeof(*tx));
	struct chain_head head;
	int err = tx ? 0 : CF_ENOMEM;

	chain_head(chain, &head);
	while (!err && w->height < head.height) {
		struct db_txn *txn = NULL;

		err = chain_read_begin(chain, &txn);
		if (!err)
			err = scan_block(w, chain, txn, w->height + 1, tx);
		db_abort(txn);
		/* No room: what comes later is repaired when somebody asks for it. */
		if (err == CF_EFULL)
			err = 0;
		if (!err)
			w->height++;
	}
	mem_free(tx);
	return err;
}

int wanted_open(const char *path, struct chain *chain, struct wanted **ret_w)
{
	struct wanted *w = mem_zalloc(sizeof(*w));
	int err = 0;

	if (!w)
		return CF_ENOMEM;
	if (strlen(path) >= sizeof(w->path))
		err = CF_ENAMETOOLONG;
	else
		memcpy(w->path, path, strlen(path) + 1);
	if (!err)
		err = load(w);
	if (!err)
		err = scan(w, chain);
	if (err) {
		mem_free(w->root);
		mem_free(w);
		return err;
	}
	*ret_w = w;
	return 0;
}

void wanted_close(struct wanted *w)
{
	if (!w)
		return;
	if ((w->changed || w->height > w->saved_height) && save(w))
		log_warn(MODULE, "%s cannot be written: %s", w->path, err_detail());
	mem_free(w->root);
	mem_free(w);
}
