/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sweep.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define MODULE "sweep"
#define STEP_BYTES 64   /* counted for each file that is looked at, */
#define READ_BYTES 4096 /* and for each that is opened */
#define LEVEL_UNKNOWN UINT8_MAX

/* What is named comes first: of young trees nobody said that they are whole. */
enum phase { IDLE, NAMED, YOUNG, REMOVE };

struct sweep {
	struct sweep_config config;
	enum phase phase;
	uint64_t due_ms;  /* of the next pass */
	uint64_t due_us;  /* by the rate, of the next step */
	uint64_t cost;    /* of the step in hand, bytes */
	uint64_t time_ms; /* the pass's, of the ledger; then: of the last whole pass */
	uint64_t done_time_ms;
	unsigned part;
	bool failed; /* what is needed is not known for certain */
	struct buf from;
	struct buf found; /* addresses of a part */
	struct hashset *marks;
	uint64_t removed, removed_bytes;
};

int sweep_new(const struct sweep_config *config, struct sweep **ret_s)
{
	struct sweep *s;
	int err;

	assert(config->store && config->time && config->named && config->on_bad && config->on_removed);
	s = mem_zalloc(sizeof(*s));
	if (!s)
		return CF_ENOMEM;
	s->config = *config;
	buf_init(&s->from, 0);
	buf_init(&s->found, 0);
	err = hashset_new(&s->marks);
	if (err)
		sweep_free(s);
	else
		*ret_s = s;
	return err;
}

void sweep_free(struct sweep *s)
{
	if (!s)
		return;
	buf_release(&s->from);
	buf_release(&s->found);
	hashset_free(s->marks);
	mem_free(s);
}

/* --- marks --- */

static bool is_marked(const struct sweep *s, const struct hash *address)
{
	return hashset_has(s->marks, address);
}

/* True: it was not marked before. */
static bool mark(struct sweep *s, const struct hash *address)
{
	bool added = false;

	if (hashset_add(s->marks, address, &added))
		s->failed = true;
	return added;
}

/* --- what is needed --- */

/*
 * level: that its parent says, or LEVEL_UNKNOWN. A node is marked before its children, and a marked one
 * passed over: all below it is marked already, or this pass removes nothing.
 */
static void mark_tree(struct sweep *s, const struct hash *address, uint8_t level, unsigned depth)
{
	struct blob_node node;
	struct buf bytes;
	int err;

	if (!mark(s, address) || level == 0)
		return;
	if (level == LEVEL_UNKNOWN && !blob_has_node(s->config.store, address)) {
		s->cost += READ_BYTES;
		return;
	}
	buf_init(&bytes, BLOB_BYTES_MAX);
	err = blob_get(s->config.store, address, &bytes);
	if (!err)
		err = blob_node_decode(buf_view(&bytes), &node);
	s->cost += READ_BYTES + bytes.len;
	if (!err && depth >= BLOB_LEVELS_MAX)
		err = CF_EDECODE;
	for (uint32_t i = 0; !err && i < node.count; i++) {
		struct hash child;

		memcpy(child.b, node.child + (size_t)i * HASH_BYTES, HASH_BYTES);
		if (!hash_is_zero(&child))
			mark_tree(s, &child, (uint8_t)(node.level - 1), depth + 1);
	}
	buf_release(&bytes);
	if (err && s->phase == NAMED) {
		s->failed = true;
		s->config.on_bad(s->config.ctx, address);
	}
}

void sweep_keep_tree(struct sweep *s, const struct hash *root)
{
	if (s->phase != IDLE)
		mark_tree(s, root, LEVEL_UNKNOWN, 0);
}

static bool is_young(const struct sweep *s, uint64_t touched_ms)
{
	return touched_ms + s->config.age_ms >= s->time_ms;
}

static int list_young(void *ctx, const struct blob_info *blob)
{
	struct sweep *s = ctx;

	s->cost += STEP_BYTES;
	return is_young(s, blob->touched_ms) ? buf_append(&s->found, blob->address.b, HASH_BYTES) : 0;
}

static int list_old(void *ctx, const struct blob_info *blob)
{
	struct sweep *s = ctx;

	s->cost += STEP_BYTES;
	if (is_young(s, blob->touched_ms) || is_marked(s, &blob->address))
		return 0;
	s->removed_bytes += blob->bytes;
	return buf_append(&s->found, blob->address.b, HASH_BYTES);
}

static int on_root(void *arg, const struct hash *root, uint8_t level)
{
	struct sweep *s = arg;

	if (!is_marked(s, root) && level == 0 && !blob_has(s->config.store, root))
		s->config.on_bad(s->config.ctx, root); /* nothing hangs below a chunk */
	mark_tree(s, root, level, 0);
	return 0;
}

/* --- steps --- */

static uint64_t period_ms(const struct sweep *s)
{
	uint64_t period = s->config.age_ms / SWEEP_PASSES;

	if (period < SWEEP_PERIOD_MS_MIN)
		return SWEEP_PERIOD_MS_MIN;
	return period > SWEEP_PERIOD_MS_MAX ? SWEEP_PERIOD_MS_MAX : period;
}

static void begin(struct sweep *s, uint64_t now_ms)
{
	s->due_ms = now_ms + period_ms(s);
	/* with no block since the last pass nothing has become older */
	if (s->config.time(s->config.ctx, &s->time_ms) || s->time_ms <= s->config.age_ms ||
	    s->time_ms == s->done_time_ms)
		return;
	s->phase = NAMED;
	s->part = 0;
	s->failed = false;
	s->removed = s->removed_bytes = 0;
	s->due_us = now_ms * 1000;
	buf_reset(&s->from);
}

static void end(struct sweep *s)
{
	hashset_clear(s->marks);
	s->phase = IDLE;
	if (s->failed)
		log_info(MODULE, "not all that is needed can be read -> no blob is removed");
	else
		s->done_time_ms = s->time_ms;
	if (s->removed)
		log_info(MODULE, "%" PRIu64 " blobs that nothing names removed, %" PRIu64 " bytes",
			 s->removed, s->removed_bytes);
}

/* The addresses of the next part that `list` takes. */
static void list_part(struct sweep *s, int (*list)(void *ctx, const struct blob_info *blob))
{
	buf_reset(&s->found);
	if (blob_walk_part(s->config.store, (uint8_t)s->part, list, s))
		s->failed = true;
	s->part++;
}

static struct hash found_at(const struct sweep *s, size_t at)
{
	struct hash address;

	memcpy(address.b, s->found.data + at, HASH_BYTES);
	return address;
}

static void step_young(struct sweep *s)
{
	list_part(s, list_young);
	for (size_t at = 0; at < s->found.len; at += HASH_BYTES) {
		struct hash address = found_at(s, at);

		mark_tree(s, &address, LEVEL_UNKNOWN, 0);
	}
	if (s->part <= UINT8_MAX)
		return;
	s->phase = REMOVE;
	s->part = 0;
}

static void step_named(struct sweep *s)
{
	int err = s->config.named(s->config.ctx, &s->from, SWEEP_ROOTS, on_root, s);

	s->cost += (uint64_t)SWEEP_ROOTS * STEP_BYTES;
	if (err && err != CF_ENOTFOUND)
		s->failed = true;
	if (err)
		s->phase = YOUNG;
}

static void step_remove(struct sweep *s)
{
	uint64_t blobs = 0, bytes = s->removed_bytes;

	list_part(s, list_old);
	for (size_t at = 0; at < s->found.len && !s->failed; at += HASH_BYTES) {
		struct hash address = found_at(s, at);
		int err = blob_remove(s->config.store, &address);

		if (err && err != CF_ENOTFOUND)
			log_warn(MODULE, "a blob cannot be removed: %s", err_detail());
		blobs += err == 0;
	}
	s->removed += blobs;
	if (blobs)
		s->config.on_removed(s->config.ctx, blobs, s->removed_bytes - bytes);
}

uint64_t sweep_run(struct sweep *s, uint64_t now_ms)
{
	if (s->config.age_ms == 0)
		return 0;
	if (s->phase == IDLE && now_ms >= s->due_ms)
		begin(s, now_ms);
	if (s->phase == IDLE)
		return s->due_ms;
	if (now_ms * 1000 < s->due_us)
		return s->due_us / 1000 + 1;
	s->cost = 0;
	if (s->phase == YOUNG)
		step_young(s);
	else if (s->phase == NAMED)
		step_named(s);
	else
		step_remove(s);
	if (s->failed || (s->phase == REMOVE && s->part > UINT8_MAX)) {
		end(s);
		return s->due_ms;
	}
	s->due_us = now_ms * 1000 + s->cost * 1000000 / s->config.bytes_per_s;
	return s->due_us / 1000 + 1;
}
