/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What survives the death of a mount: the bytes of saves that were under way.
 *
 * Label: tag, u64 session, [32] transaction (zeros: not known yet), patient, node, u8 section, u64 time (ms),
 * short name (empty: the node's, looked up when somebody looks).
 */
#include "fs/chart_private.h"

#include "ledger/codec.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAG_GUARD "chartfs saving v1"
#define GUARD_BYTES_MAX ((uint64_t)64 << 20) /* sealing and sending more takes longer than anybody waits */

struct guard {
	uint64_t session;
	struct hash tx;
	struct place node;
	uint64_t time_ms;
	struct view name;
};

static int label_encode(const struct guard *g, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_tag(&e, TAG_GUARD);
	enc_u64(&e, g->session);
	enc_fixed(&e, g->tx.b, HASH_BYTES);
	enc_fixed(&e, g->node.patient.b, PATIENT_BYTES);
	enc_fixed(&e, g->node.node.b, NODE_BYTES);
	enc_u8(&e, g->node.section);
	enc_u64(&e, g->time_ms);
	enc_short(&e, g->name);
	return enc_done(&e);
}

static int label_decode(struct view label, struct guard *ret_g)
{
	struct guard g = {.node = place_simple(PLACE_NODE, 0)};
	struct dec d;
	int err;

	dec_init(&d, label);
	dec_tag(&d, TAG_GUARD);
	g.session = dec_u64(&d);
	dec_fixed(&d, g.tx.b, HASH_BYTES);
	dec_fixed(&d, g.node.patient.b, PATIENT_BYTES);
	dec_fixed(&d, g.node.node.b, NODE_BYTES);
	g.node.section = dec_u8(&d);
	g.time_ms = dec_u64(&d);
	g.name = dec_short(&d);
	err = dec_done(&d);
	if (!err)
		*ret_g = g;
	return err;
}

static int put_label(struct chart *c, struct spool_file *f, const struct place *node, const char *name,
		     const struct hash *id, bool durable)
{
	struct guard g = {.session = c->session, .node = *node, .time_ms = tree_now_ms()};
	struct buf label;
	int err;

	if (id)
		g.tx = *id;
	if (name)
		g.name = view_str(name);
	buf_init(&label, SPOOL_LABEL_BYTES_MAX);
	err = label_encode(&g, &label);
	if (!err)
		err = durable ? spool_keep(f, buf_view(&label)) : spool_label(f, buf_view(&label));
	buf_release(&label);
	return err;
}

/* With the stage's lock. */
bool chart_guards(const struct stage *s)
{
	return s->size <= GUARD_BYTES_MAX;
}

static int cannot(int err)
{
	return err_set(err, "the bytes of a save cannot be put aside while it is under way: %s",
		       err_text(err));
}

int chart_guard(struct chart *c, struct stage *s, const struct place *node, const char *name, bool durable,
		struct spool_file **ret_guard, uint64_t *ret_seq)
{
	struct spool_file *f = NULL;
	int err = spool_file_new(c->spool, &f);

	if (!err)
		err = chart_copy_out(s, f, ret_seq);
	if (!err && spool_file_size(f))
		err = put_label(c, f, node, name, NULL, durable);
	if (!err && spool_file_size(f)) {
		*ret_guard = f;
		return 0;
	}
	spool_file_free(f);
	*ret_guard = NULL;
	return err && err != CF_ENOTFOUND ? cannot(err) : err;
}

static int copy_snapshot(const struct snapshot *snap, struct spool_file *f)
{
	uint8_t *piece;
	int err = 0;

	if (!snap->frozen)
		return spool_write(f, 0, buf_view(&snap->plain));
	piece = mem_alloc(BLOB_CHUNK_BYTES);
	if (piece == NULL)
		return CF_ENOMEM;
	for (uint64_t at = 0; at < snap->size && !err; at += BLOB_CHUNK_BYTES) {
		size_t n = snap->size - at < BLOB_CHUNK_BYTES ? (size_t)(snap->size - at) : BLOB_CHUNK_BYTES;

		err = snap->source.read(snap->source.ctx, at, n, piece);
		if (!err)
			err = spool_write(f, at, VIEW(piece, n));
	}
	mem_wipe(piece, BLOB_CHUNK_BYTES);
	mem_free(piece);
	return err;
}

/* What was put aside of these very bytes; else whether what was put aside before them had to be durable. */
static struct spool_file *take(struct stage *s, uint64_t seq, bool *ret_durable)
{
	struct spool_file *guard = NULL;

	pthread_mutex_lock(&s->lock);
	s->saving_seq = seq;
	s->saving_durable = *ret_durable = s->guard && s->guard_seq <= seq && s->guard_durable;
	if (s->guard && s->guard_seq == seq) {
		guard = s->guard;
		s->guard = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return guard;
}

static void drop_older(struct stage *s, uint64_t seq)
{
	struct spool_file *older = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->guard && s->guard_seq < seq) {
		older = s->guard;
		s->guard = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	spool_file_remove(older);
}

int chart_guard_begin(struct chart *c, struct stage *s, const struct snapshot *snap, const struct place *node,
		      const char *name, struct spool_file **ret_guard)
{
	struct spool_file *f;
	bool durable;
	int err;

	*ret_guard = take(s, snap->bytes_seq, &durable);
	if (*ret_guard || snap->size == 0 || snap->size > GUARD_BYTES_MAX)
		return 0;
	err = spool_file_new(c->spool, &f);
	if (err)
		return cannot(err);
	err = copy_snapshot(snap, f);
	if (!err)
		err = put_label(c, f, node, name, NULL, durable);
	if (err) {
		spool_file_free(f);
		return cannot(err);
	}
	/* not before the newer one is there */
	drop_older(s, snap->bytes_seq);
	*ret_guard = f;
	return 0;
}

void chart_guard_tx(struct chart *c, struct stage *s, struct spool_file *guard, const struct place *node,
		    const char *name, const struct hash *id)
{
	bool durable = c->when == CHART_COMMIT_ASYNC;

	if (guard && put_label(c, guard, node, name, id, durable)) {
		log_warn("chart", "a save's transaction cannot be put aside -> it is offered again if this "
				  "process is killed");
	} else if (guard && durable) {
		pthread_mutex_lock(&s->lock);
		s->saving_durable = true;
		pthread_mutex_unlock(&s->lock);
	}
}

/* Ordered and valid: what it saved is in the ledger. */
static bool is_committed(struct chart *c, const struct hash *id)
{
	struct chain_tx_info info;
	struct tree_look l;
	bool committed;

	if (hash_is_zero(id) || tree_look_begin(c->tree, 0, &l))
		return false;
	committed = chain_tx_info(l.txn, id, &info) == 0 && info.verdict == VERDICT_VALID;
	tree_look_end(&l);
	return committed;
}

bool chart_guard_name(struct chart *c, const char *file, struct view label,
		      char ret_name[NAME_BYTES_MAX + 64])
{
	char name[NAME_BYTES_MAX + 1] = "file", when[32];
	struct guard g;
	time_t seconds;
	struct tm tm;

	if (label_decode(label, &g) || g.session == c->session || is_committed(c, &g.tx))
		return false;
	if (g.name.len)
		memcpy(name, g.name.data, g.name.len);
	if (g.name.len)
		name[g.name.len] = 0;
	else if (chart_name_of(c, &g.node, name))
		strcpy(name, "file");
	seconds = (time_t)(g.time_ms / 1000);
	gmtime_r(&seconds, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H.%M.%SZ", &tm);
	snprintf(ret_name, NAME_BYTES_MAX + 64, "%s-%.8s-%.200s", when, file, name);
	return true;
}

#define CLEAN_MAX 256 /* at a time; the rest at the next mount */

struct clean {
	struct chart *c;
	size_t count;
	char file[CLEAN_MAX][SPOOL_NAME_BYTES];
};

static int on_left(void *ctx, const char *file, struct view label, uint64_t size)
{
	struct clean *w = ctx;
	struct guard g;

	(void)size;
	if (label_decode(label, &g) == 0 && is_committed(w->c, &g.tx))
		snprintf(w->file[w->count++], SPOOL_NAME_BYTES, "%s", file);
	return w->count == CLEAN_MAX ? CF_EINTR : 0;
}

void chart_guard_clean(struct chart *c)
{
	struct clean w = {.c = c};
	struct spool_file *f;

	(void)!spool_walk(c->spool, on_left, &w);
	for (size_t i = 0; i < w.count; i++) {
		if (spool_file_open(c->spool, w.file[i], &f) == 0)
			spool_file_remove(f);
	}
}
