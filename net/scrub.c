/* SPDX-License-Identifier: Apache-2.0 */
#include "net/scrub.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <string.h>

#define MODULE "scrub"

struct scrub {
	struct scrub_config config;
	struct buf addresses; /* of the part in hand */
	size_t at;            /* the next of them, in bytes */
	uint8_t part;         /* the one after it */
	unsigned parts_left;  /* after the one in hand */
	bool under_way;       /* a pass is */
	bool begun;           /* one ever was */
	uint64_t begun_ms;
	uint64_t due_us; /* by the rate, the next blob is read then */
	uint64_t passes;
	uint64_t blobs;
};

int scrub_new(const struct scrub_config *config, struct scrub **ret_s)
{
	struct scrub *s = mem_zalloc(sizeof(*s));

	if (!s)
		return CF_ENOMEM;
	s->config = *config;
	buf_init(&s->addresses, 0);
	random_bytes(&s->part, sizeof(s->part));
	*ret_s = s;
	return 0;
}

void scrub_free(struct scrub *s)
{
	if (!s)
		return;
	buf_release(&s->addresses);
	mem_free(s);
}

static int list(void *ctx, const struct blob_info *blob)
{
	return buf_append(ctx, blob->address.b, HASH_BYTES);
}

/* False: the pass is over. */
static bool next_address(struct scrub *s, struct hash *ret_address)
{
	while (s->at == s->addresses.len && s->parts_left > 0) {
		int err;

		buf_reset(&s->addresses);
		s->at = 0;
		err = blob_walk_part(s->config.store, s->part, list, &s->addresses);
		if (err)
			log_warn(MODULE, "blobs %02x are not all looked at: %s", s->part, err_detail());
		s->part++;
		s->parts_left--;
	}
	if (s->at == s->addresses.len)
		return false;
	memcpy(ret_address->b, s->addresses.data + s->at, HASH_BYTES);
	return true;
}

static bool check_children(struct scrub *s, struct view bytes)
{
	struct blob_node node;
	bool taken = true;

	if (!blob_is_node(bytes) || blob_node_decode(bytes, &node))
		return true;
	for (uint32_t i = 0; i < node.count && taken; i++) {
		struct hash child;

		memcpy(child.b, node.child + (size_t)i * HASH_BYTES, HASH_BYTES);
		if (!hash_is_zero(&child) && !blob_has(s->config.store, &child))
			taken = s->config.on_bad(s->config.ctx, &child);
	}
	return taken;
}

/* False: to be read again. */
static bool check(struct scrub *s, const struct hash *address, uint64_t *ret_bytes)
{
	struct buf bytes;
	bool taken = true;
	int err;

	buf_init(&bytes, BLOB_BYTES_MAX);
	err = blob_get(s->config.store, address, &bytes);
	if (!err)
		taken = check_children(s, buf_view(&bytes));
	else if (err != CF_ENOTFOUND) /* that one was removed since it was listed */
		taken = s->config.on_bad(s->config.ctx, address);
	*ret_bytes = bytes.len;
	buf_release(&bytes);
	return taken;
}

static bool begin(struct scrub *s, uint64_t now_ms)
{
	if (s->begun && now_ms < s->begun_ms + s->config.period_ms)
		return false;
	s->begun = s->under_way = true;
	s->begun_ms = now_ms;
	s->parts_left = UINT8_MAX + 1;
	return true;
}

uint64_t scrub_run(struct scrub *s, uint64_t now_ms)
{
	struct hash address;
	uint64_t bytes;

	if (s->config.period_ms == 0)
		return 0;
	if (!s->under_way && !begin(s, now_ms))
		return s->begun_ms + s->config.period_ms;
	if (now_ms * 1000 < s->due_us)
		return s->due_us / 1000 + 1;
	if (!next_address(s, &address)) {
		s->under_way = false;
		s->passes++;
		log_info(MODULE, "all blobs read, %llu in all passes", (unsigned long long)s->blobs);
		return s->begun_ms + s->config.period_ms;
	}
	if (!check(s, &address, &bytes))
		return now_ms + SCRUB_AGAIN_MS;
	s->at += HASH_BYTES;
	s->blobs++;
	if (s->due_us + 1000000 <
	    now_ms * 1000) /* what was not read when it could have been is not made up */
		s->due_us = now_ms * 1000;
	s->due_us += (bytes + SCRUB_BLOB_BYTES) * 1000000 / s->config.bytes_per_s;
	return s->due_us / 1000 + 1;
}

uint64_t scrub_passes(const struct scrub *s)
{
	return s->passes;
}

uint64_t scrub_blobs(const struct scrub *s)
{
	return s->blobs;
}
