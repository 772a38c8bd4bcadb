/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blobcache.c - a directory of blobs, and in memory a list of them in order of use behind a hash table.
 *
 * The order is not kept over a restart: no write for each read. Files are read and written outside the lock;
 * a blob that is removed while it is read is as one that was never there.
 */
#include "net/blobcache.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define LOG_MODULE "blobcache"
#define TABLE_MIN 1024
#define EVICT_MAX 64 /* removed at most after one put */

struct entry {
	struct entry *chain;
	struct entry *newer, *older;
	struct hash address;
	uint64_t bytes;
};

struct blobcache {
	struct blob_store *store;
	uint64_t bytes_max;
	pthread_mutex_t lock;
	struct entry **table;
	size_t room; /* a power of two */
	size_t count;
	uint64_t bytes;
	uint64_t damaged;
	struct entry *newest, *oldest;
};

static struct entry **bucket(struct entry **table, size_t room, const struct hash *address)
{
	uint64_t n;

	memcpy(&n, address->b, sizeof(n));
	return &table[n & (room - 1)];
}

static struct entry *find(struct blobcache *c, const struct hash *address)
{
	struct entry *e = *bucket(c->table, c->room, address);

	while (e && !hash_equal(&e->address, address))
		e = e->chain;
	return e;
}

static void unlink_use(struct blobcache *c, struct entry *e)
{
	*(e->newer ? &e->newer->older : &c->newest) = e->older;
	*(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void link_newest(struct blobcache *c, struct entry *e)
{
	e->newer = NULL;
	e->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = e;
	c->newest = e;
}

static void grow(struct blobcache *c)
{
	size_t room = 2 * c->room;
	struct entry **table = mem_zalloc(room * sizeof(struct entry *));

	if (!table)
		return; /* longer chains */
	for (struct entry *e = c->newest; e; e = e->older) {
		struct entry **b = bucket(table, room, &e->address);

		e->chain = *b;
		*b = e;
	}
	mem_free(c->table);
	c->table = table;
	c->room = room;
}

/* Under the lock. */
static int add(struct blobcache *c, const struct hash *address, uint64_t bytes)
{
	struct entry *e = find(c, address), **b;

	if (e) {
		unlink_use(c, e);
		link_newest(c, e);
		return 0;
	}
	e = mem_zalloc(sizeof(*e));
	if (!e)
		return CF_ENOMEM;
	e->address = *address;
	e->bytes = bytes;
	b = bucket(c->table, c->room, address);
	e->chain = *b;
	*b = e;
	link_newest(c, e);
	c->bytes += bytes;
	if (++c->count > c->room)
		grow(c);
	return 0;
}

/* Under the lock. */
static void forget(struct blobcache *c, struct entry *e)
{
	struct entry **b = bucket(c->table, c->room, &e->address);

	while (*b != e)
		b = &(*b)->chain;
	*b = e->chain;
	unlink_use(c, e);
	c->bytes -= e->bytes;
	c->count--;
	mem_free(e);
}

/* The newest one stays, however large. */
static unsigned over(struct blobcache *c, struct hash ret_addresses[EVICT_MAX])
{
	unsigned count = 0;

	pthread_mutex_lock(&c->lock);
	while (c->bytes > c->bytes_max && c->count > 1 && count < EVICT_MAX) {
		ret_addresses[count++] = c->oldest->address;
		forget(c, c->oldest);
	}
	pthread_mutex_unlock(&c->lock);
	return count;
}

static unsigned evict(struct blobcache *c)
{
	struct hash address[EVICT_MAX];
	unsigned count = over(c, address);

	for (unsigned i = 0; i < count; i++) {
		int err = blob_remove(c->store, &address[i]);

		if (err && err != CF_ENOTFOUND)
			log_warn(LOG_MODULE, "a blob cannot be removed: %s -> the cache takes more room",
				 err_name(err));
	}
	return count;
}

static int on_blob(void *ctx, const struct blob_info *blob)
{
	return add(ctx, &blob->address, blob->bytes);
}

int blobcache_open(const char *dir, uint64_t bytes_max, struct blobcache **ret_c)
{
	struct blobcache *c;
	int err;

	assert(dir && bytes_max > 0 && ret_c);
	c = mem_zalloc(sizeof(*c));
	if (!c)
		return CF_ENOMEM;
	c->bytes_max = bytes_max;
	c->room = TABLE_MIN;
	pthread_mutex_init(&c->lock, NULL);
	c->table = mem_zalloc(c->room * sizeof(struct entry *));
	err = c->table ? blob_dir_open(dir, &c->store) : CF_ENOMEM;
	if (!err)
		err = blob_walk(c->store, on_blob, c);
	if (err) {
		blobcache_close(c);
		return err;
	}
	while (evict(c) == EVICT_MAX)
		;
	*ret_c = c;
	return 0;
}

void blobcache_close(struct blobcache *c)
{
	if (!c)
		return;
	while (c->newest)
		forget(c, c->newest);
	mem_free(c->table);
	blob_close(c->store);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

int blobcache_put(struct blobcache *c, const struct hash *address, struct view bytes)
{
	int err = blob_put(c->store, address, bytes);

	if (err)
		return err;
	pthread_mutex_lock(&c->lock);
	err = add(c, address, bytes.len);
	pthread_mutex_unlock(&c->lock);
	if (err)
		(void)!blob_remove(c->store, address);
	else
		(void)evict(c);
	return err;
}

int blobcache_get(struct blobcache *c, const struct hash *address, struct buf *out)
{
	struct entry *e;
	int err;

	pthread_mutex_lock(&c->lock);
	e = find(c, address);
	if (e) {
		unlink_use(c, e);
		link_newest(c, e);
	}
	pthread_mutex_unlock(&c->lock);
	if (!e)
		return CF_ENOTFOUND;
	err = blob_get(c->store, address, out);
	if (err != CF_ECORRUPT && err != CF_ENOTFOUND)
		return err;
	if (err == CF_ECORRUPT)
		log_warn(LOG_MODULE, "a cached blob is damaged -> dropped");
	(void)!blob_remove(c->store, address);
	pthread_mutex_lock(&c->lock);
	e = find(c, address);
	if (e)
		forget(c, e);
	c->damaged += e && err == CF_ECORRUPT; /* once, however many read it */
	pthread_mutex_unlock(&c->lock);
	return CF_ENOTFOUND;
}

bool blobcache_has(struct blobcache *c, const struct hash *address)
{
	bool has;

	pthread_mutex_lock(&c->lock);
	has = find(c, address) != NULL;
	pthread_mutex_unlock(&c->lock);
	return has;
}

uint64_t blobcache_bytes(struct blobcache *c)
{
	uint64_t bytes;

	pthread_mutex_lock(&c->lock);
	bytes = c->bytes;
	pthread_mutex_unlock(&c->lock);
	return bytes;
}

uint64_t blobcache_damaged(struct blobcache *c)
{
	uint64_t damaged;

	pthread_mutex_lock(&c->lock);
	damaged = c->damaged;
	pthread_mutex_unlock(&c->lock);
	return damaged;
}
