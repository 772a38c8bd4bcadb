/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft_request.c - the pool: requests waiting in order of arrival, and a ring of the ids settled last.
 *
 * Timers run for each request by itself and not for "any progress": a leader that serves everyone but one
 * is left, too (CORRECTNESS 1.7).
 */
#include "net/pbft_core.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

int pool_init(struct pool *pool)
{
	memset(pool, 0, sizeof(*pool));
	pool->buckets = mem_zalloc(POOL_BUCKETS * sizeof(*pool->buckets));
	return pool->buckets == NULL ? CF_ENOMEM : 0;
}

static void list_append(struct request_list *list, struct request *r)
{
	r->prev = list->last;
	r->next = NULL;
	if (list->last != NULL)
		list->last->next = r;
	else
		list->first = r;
	list->last = r;
	list->count++;
}

static void list_remove(struct request_list *list, struct request *r)
{
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		list->first = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	else
		list->last = r->prev;
	list->count--;
}

static struct request **bucket_of(struct pool *pool, const struct hash *id)
{
	return &pool->buckets[(((unsigned)id->b[0] << 8) | id->b[1]) % POOL_BUCKETS];
}

static struct request *find(struct pool *pool, const struct hash *id)
{
	struct request *r = *bucket_of(pool, id);

	while (r != NULL && !hash_equal(&r->id, id))
		r = r->bucket_next;
	return r;
}

static void destroy(struct pool *pool, struct request *r)
{
	struct request **at = bucket_of(pool, &r->id);

	while (*at != r)
		at = &(*at)->bucket_next;
	*at = r->bucket_next;
	if (pool->cursor == r)
		pool->cursor = r->next;
	list_remove(r->settled ? &pool->settled : &pool->waiting, r);
	pool->waiting_bytes -= r->len;
	mem_free(r->data);
	mem_free(r);
}

void pool_release(struct pool *pool)
{
	while (pool->waiting.first != NULL)
		destroy(pool, pool->waiting.first);
	while (pool->settled.first != NULL)
		destroy(pool, pool->settled.first);
	mem_free(pool->buckets);
	mem_free(pool->batch);
	memset(pool, 0, sizeof(*pool));
}

static struct request *insert(struct pool *pool, const struct hash *id, struct request_list *list)
{
	struct request *r = mem_zalloc(sizeof(*r));
	struct request **bucket = bucket_of(pool, id);

	if (r == NULL)
		return NULL;
	r->id = *id;
	r->bucket_next = *bucket;
	*bucket = r;
	list_append(list, r);
	return r;
}

int on_request(struct pbft *p, const struct pbft_event *event)
{
	const struct view bytes = event->u.request.bytes;
	struct pool *pool = &p->pool;
	struct request *r = find(pool, &event->u.request.id);
	uint8_t *data;

#ifdef BUG_NO_DEDUPE
	r = NULL;
#endif
	if (r != NULL)
		return r->settled ? CF_EEXIST : 0;
	if (bytes.len > PBFT_REQUEST_BYTES_MAX)
		return CF_EINVAL;
	if (pool->waiting.count >= PBFT_POOL_MAX || pool->waiting_bytes + bytes.len > PBFT_POOL_BYTES_MAX)
		return CF_EAGAIN;
	data = mem_dup(bytes.data, bytes.len);
	r = data == NULL ? NULL : insert(pool, &event->u.request.id, &pool->waiting);
	if (r == NULL) {
		mem_free(data);
		core_fail(p, CF_ENOMEM);
		return 0;
	}
	r->data = data;
	r->len = bytes.len;
	pool->waiting_bytes += bytes.len;
	r->since_ms = p->now;
	r->relayed = event->u.request.relayed;
	if (pool->cursor == NULL)
		pool->cursor = r;
	return 0;
}

void pool_settle(struct pbft *p, const struct hash *ids, uint32_t count)
{
	struct pool *pool = &p->pool;

	for (uint32_t i = 0; i < count; i++) {
		struct request *r = find(pool, &ids[i]);

		if (r != NULL && r->settled)
			continue;
		if (r != NULL)
			destroy(pool, r);
		r = insert(pool, &ids[i], &pool->settled);
		if (r == NULL) {
			core_fail(p, CF_ENOMEM);
			return;
		}
		r->settled = true;
		if (pool->settled.count > SETTLED_MAX)
			destroy(pool, pool->settled.first);
	}
}

void pool_drop_batch(struct pbft *p)
{
	for (size_t i = 0; i < p->pool.batch_count; i++) {
		struct request *r = find(&p->pool, &p->pool.batch[i].id);

		if (r != NULL && !r->settled)
			destroy(&p->pool, r);
	}
	p->pool.batch_count = 0;
}

/* A new leader gets its full time for each request. */
void pool_restart_timers(struct pbft *p)
{
	for (struct request *r = p->pool.waiting.first; r != NULL; r = r->next)
		r->since_ms = p->now;
	p->pool.cursor = p->pool.waiting.first;
}

/* Relayed ones came from a member, who has forwarded them as well as this replica could. */
void pool_forward_due(struct pbft *p)
{
	struct pool *pool = &p->pool;
	const uint8_t leader = core_leader(p, p->view);

	while (pool->cursor != NULL && p->now >= pool->cursor->since_ms + p->cfg.timers.request_forward_ms) {
		struct request *r = pool->cursor;
		struct buf bytes;
		int err;

		pool->cursor = r->next;
		if (r->relayed || leader == p->cfg.self)
			continue;
		buf_init(&bytes, 0);
		err = msg_request_encode(VIEW(r->data, r->len), &bytes);
		if (err != 0)
			core_fail(p, err);
		out_send(p, leader, &bytes);
	}
}

bool pool_oldest(const struct pbft *p, uint64_t *ret_since_ms)
{
	if (p->pool.waiting.first == NULL)
		return false;
	*ret_since_ms = p->pool.waiting.first->since_ms;
	return true;
}

bool pool_next_forward(const struct pbft *p, uint64_t *ret_since_ms)
{
	if (p->pool.cursor == NULL)
		return false;
	*ret_since_ms = p->pool.cursor->since_ms;
	return true;
}

/* How many of the oldest fit into a block: at least one when there is one. */
static size_t batch_size(const struct pbft *p)
{
	size_t count = 0, bytes = 0;

	for (const struct request *r = p->pool.waiting.first; r != NULL; r = r->next) {
		bytes += r->len;
		if (count == p->cfg.batch_requests_max || (count > 0 && bytes > p->cfg.batch_bytes_max))
			break;
		count++;
	}
	return count;
}

bool pool_batch_full(const struct pbft *p)
{
	return p->pool.waiting.count > 0 &&
	       (p->pool.waiting.count >= p->cfg.batch_requests_max || batch_size(p) < p->pool.waiting.count);
}

bool pool_batch(struct pbft *p)
{
	struct pool *pool = &p->pool;
	const size_t count = batch_size(p);
	struct pbft_request_ref *batch = mem_array(pool->batch, count, sizeof(*batch));
	const struct request *r = pool->waiting.first;

	if (batch == NULL) {
		core_fail(p, CF_ENOMEM);
		return false;
	}
	pool->batch = batch;
	pool->batch_count = count;
	for (size_t i = 0; i < count; i++, r = r->next)
		batch[i] = (struct pbft_request_ref){r->id, VIEW(r->data, r->len)};
	return count > 0;
}
