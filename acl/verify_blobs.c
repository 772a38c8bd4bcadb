/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_blobs.c - every stored blob against its address, and those that transactions name.
 *
 * The directory is read as it lies there and never opened as a store: opening one clears what its owner, who
 * may be running, is writing at this moment.
 */
#include "acl/verify_private.h"

#include "ledger/blob.h"
#include "ledger/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define FAN 256
#define KNOWN_MAX 1000000
#define REST_DIGITS (2 * (HASH_BYTES - 1))

/* The read-only half of the store's interface. */
struct plain_dir {
	struct blob_store store;
	const char *path;
};

static struct plain_dir *dir_of(struct blob_store *s)
{
	return (struct plain_dir *)s;
}

static int plain_get(struct blob_store *s, const struct hash *address, struct buf *out)
{
	char path[FILE_PATH_MAX], hex[2 * HASH_BYTES + 1];
	size_t start = out->len;
	struct hash found;
	int err;

	hex_encode(address->b, HASH_BYTES, hex);
	if (snprintf(path, sizeof(path), "%s/%.2s/%s", dir_of(s)->path, hex, hex + 2) >= (int)sizeof(path))
		return CF_ENAMETOOLONG;
	err = file_read(path, BLOB_BYTES_MAX, out);
	if (err)
		return err == CF_ETOOBIG ? CF_ECORRUPT : err;
	found = blob_address(VIEW(out->data + start, out->len - start));
	return hash_equal(&found, address) ? 0 : CF_ECORRUPT;
}

static int walk_names(const char *path, uint8_t first, int (*on_blob)(void *ctx, const struct hash *address),
		      void *ctx)
{
	struct hash address;
	struct dirent *entry;
	DIR *dir = opendir(path);
	int err = 0;

	if (!dir)
		return 0;
	address.b[0] = first;
	while (!err && (entry = readdir(dir)) != NULL) {
		if (strlen(entry->d_name) == REST_DIGITS &&
		    hex_decode(entry->d_name, address.b + 1, HASH_BYTES - 1) == 0)
			err = on_blob(ctx, &address);
	}
	closedir(dir);
	return err;
}

static int walk_all(struct plain_dir *d, int (*on_blob)(void *ctx, const struct hash *address), void *ctx)
{
	char path[FILE_PATH_MAX];
	int err = 0;

	for (unsigned i = 0; i < FAN && !err; i++) {
		if (snprintf(path, sizeof(path), "%s/%02x", d->path, i) >= (int)sizeof(path))
			return CF_ENAMETOOLONG;
		err = walk_names(path, (uint8_t)i, on_blob, ctx);
	}
	return err;
}

static const struct blob_ops plain_ops = {.get = plain_get};

struct blob_walk {
	struct verify *v;
	struct plain_dir dir;
	struct buf bytes;
	struct tx *tx;
	struct hashset *known;           /* chunks and nodes that are whole, not all of them */
	struct hashset *whole, *lacking; /* nodes of all trees: each is walked once */
};

static int check_blob(void *ctx, const struct hash *address)
{
	struct blob_walk *w = ctx;
	char hex[2 * HASH_BYTES + 1];
	int err;

	buf_reset(&w->bytes);
	err = plain_get(&w->dir.store, address, &w->bytes);
	if (!err) {
		w->v->result.blobs++;
		return 0;
	}
	hex_encode(address->b, HASH_BYTES, hex);
	verify_problem(w->v, "blob %s: %s", hex, err_text(err));
	return 0;
}

static int count_missing(void *ctx, const struct hash *address)
{
	struct blob_walk *w = ctx;

	(void)address;
	w->v->result.missing++;
	return 0;
}

/* What many versions of a file share need not be read for each. */
static bool is_known(void *ctx, const struct hash *address)
{
	return hashset_has(((struct blob_walk *)ctx)->known, address);
}

static int on_good(void *ctx, const struct hash *address)
{
	hashset_remember(((struct blob_walk *)ctx)->known, address, KNOWN_MAX);
	return 0;
}

static int check_named(struct blob_walk *w, const struct tx *tx)
{
	const struct blob_tree_visit visit = {w, is_known, on_good, count_missing, w->whole, w->lacking};

	for (unsigned i = 0; i < tx->proposal.blob_count; i++) {
		char hex[2 * HASH_BYTES + 1];
		int err = blob_tree_check(&w->dir.store, &tx->proposal.blob[i].root, &visit);

		hex_encode(tx->id.b, HASH_BYTES, hex);
		if (err == CF_EDECODE)
			verify_problem(w->v, "transaction %s: its blob %u is no tree of chunks", hex, i);
		else if (err && err != CF_ENOTFOUND)
			return err;
	}
	return 0;
}

static int check_block_blobs(struct blob_walk *w, struct chain *c, struct db_txn *txn, uint64_t height)
{
	struct chain_block_info info;
	struct block block = {.tx = NULL};
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = chain_block_info(txn, height, &info);
	if (!err)
		err = chain_block_read(c, txn, height, &bytes);
	if (!err)
		err = block_decode(buf_view(&bytes), &block);
	for (uint32_t i = 0; !err && i < block.tx_count && i < info.verdicts.len; i++) {
		if (info.verdicts.data[i] != VERDICT_VALID)
			continue;
		err = tx_decode(block.tx[i], w->tx);
		if (!err)
			err = check_named(w, w->tx);
	}
	block_release(&block);
	buf_release(&bytes);
	return err;
}

int verify_run_blobs(struct verify *v, struct chain *c, struct db_txn *txn, const char *blobs)
{
	struct blob_walk w = {.v = v, .dir = {{&plain_ops}, blobs}};
	int err;

	buf_init(&w.bytes, 0);
	w.tx = mem_alloc(sizeof(*w.tx));
	err = w.tx ? hashset_new(&w.known) : CF_ENOMEM;
	if (!err)
		err = hashset_new(&w.whole);
	if (!err)
		err = hashset_new(&w.lacking);
	if (!err)
		err = walk_all(&w.dir, check_blob, &w);
	/* with damage above, blocks may not be readable: that was told */
	for (uint64_t height = 1; !err && !v->result.problems && height <= v->result.height; height++)
		err = check_block_blobs(&w, c, txn, height);
	hashset_free(w.known);
	hashset_free(w.whole);
	hashset_free(w.lacking);
	mem_free(w.tx);
	buf_release(&w.bytes);
	return err;
}
