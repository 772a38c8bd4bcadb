/* SPDX-License-Identifier: Apache-2.0 */
/*
 * votelog.c - two segment stores taking turns.
 */
#include "net/votelog.h"

#include "ledger/codec.h"
#include "ledger/file.h"
#include "ledger/mem.h"
#include "ledger/segment.h"

#include <assert.h>
#include <string.h>

#define VOTELOG_TAG "chartfs votes v1"
#define SIDES 2

struct votelog {
	struct segments *side[SIDES];
	unsigned current;
	uint64_t generation;
};

/* What a look through one store finds. */
struct side_state {
	uint64_t generation;
	uint32_t started_with;
	uint64_t records; /* the first one, which says the two above, included */
};

static int begin_encode(uint64_t generation, uint32_t count, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_tag(&e, VOTELOG_TAG);
	enc_u64(&e, generation);
	enc_u32(&e, count);
	return enc_done(&e);
}

static int on_scan(void *ctx, struct segment_place place, struct view payload)
{
	struct side_state *s = ctx;
	struct dec d;

	(void)place;
	if (s->records++ > 0)
		return 0;
	dec_init(&d, payload);
	dec_tag(&d, VOTELOG_TAG);
	s->generation = dec_u64(&d);
	s->started_with = dec_u32(&d);
	if (dec_done(&d) || s->generation == 0)
		return err_set(CF_ECORRUPT, "vote log does not begin as one");
	return 0;
}

static int side_start(struct votelog *v, unsigned side, uint64_t generation, const struct view *records,
		      size_t count)
{
	struct segments *s = v->side[side];
	struct segment_place place;
	struct buf begin;
	int err;

	buf_init(&begin, 0);
	err = begin_encode(generation, (uint32_t)count, &begin);
	if (!err)
		err = segments_reset(s);
	if (!err)
		err = segments_append(s, buf_view(&begin), &place);
	for (size_t i = 0; !err && i < count; i++)
		err = segments_append(s, records[i], &place);
	if (!err)
		err = segments_sync(s);
	buf_release(&begin);
	if (err)
		return err;
	v->current = side;
	v->generation = generation;
	return 0;
}

/* Finds the log to go on with; a fresh pair starts at generation 1. */
static int choose(struct votelog *v)
{
	bool any = false;
	int err;

	for (unsigned i = 0; i < SIDES; i++) {
		struct side_state s = {0, 0, 0};

		err = segments_walk(v->side[i], on_scan, &s);
		if (err)
			return err;
		if (s.records > s.started_with && s.generation > v->generation) {
			v->generation = s.generation;
			v->current = i;
		}
		/* Generation 1 is written once; an unfinished later one needs its predecessor. */
		any = any || s.generation > 1;
	}
	if (v->generation > 0)
		return 0;
	if (any)
		return err_set(CF_ECORRUPT, "vote log: neither half is whole");
	return side_start(v, 0, 1, NULL, 0);
}

int votelog_open(const char *dir, struct votelog **ret_v)
{
	static const char *const names[SIDES] = {"a", "b"};
	struct votelog *v = mem_zalloc(sizeof(*v));
	char path[FILE_PATH_MAX];
	int err;

	assert(dir && ret_v);
	if (!v)
		return CF_ENOMEM;
	err = file_dir_make(dir);
	for (unsigned i = 0; !err && i < SIDES; i++) {
		err = file_path(dir, names[i], path);
		if (!err)
			err = segments_open(path, false, &v->side[i]);
	}
	if (!err)
		err = choose(v);
	if (!err)
		err = file_dir_sync(dir);
	if (err) {
		votelog_close(v);
		return err;
	}
	*ret_v = v;
	return 0;
}

void votelog_close(struct votelog *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < SIDES; i++)
		segments_close(v->side[i]);
	mem_free(v);
}

struct walk {
	int (*on_record)(void *ctx, struct view record);
	void *ctx;
	uint64_t seen;
};

static int on_walk(void *ctx, struct segment_place place, struct view payload)
{
	struct walk *w = ctx;

	(void)place;
	return w->seen++ == 0 ? 0 : w->on_record(w->ctx, payload);
}

int votelog_walk(struct votelog *v, int (*on_record)(void *ctx, struct view record), void *ctx)
{
	struct walk w = {on_record, ctx, 0};

	return segments_walk(v->side[v->current], on_walk, &w);
}

int votelog_append(struct votelog *v, struct view record)
{
	struct segment_place place;

	return segments_append(v->side[v->current], record, &place);
}

int votelog_sync(struct votelog *v)
{
	return segments_sync(v->side[v->current]);
}

int votelog_replace(struct votelog *v, const struct view *records, size_t count)
{
	assert(count <= UINT32_MAX);
	return side_start(v, 1 - v->current, v->generation + 1, records, count);
}

uint64_t votelog_bytes(const struct votelog *v)
{
	return segments_bytes(v->side[v->current]);
}
