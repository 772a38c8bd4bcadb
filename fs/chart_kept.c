/* SPDX-License-Identifier: Apache-2.0 */
/* What a person looks for afterwards: the last errors, what is staged, what was kept of conflicts. */
#include "fs/chart_private.h"

#include "fs/errmap.h"
#include "ledger/log.h"
#include "ledger/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LABEL_CONFLICT "conflict v1"
#define COPY_BYTES ((size_t)1 << 20)
#define COPY_TRIES 2 /* in pieces */

static void time_text(uint64_t ms, const char *format, char *ret_text, size_t bytes)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(ret_text, bytes, format, &tm);
}

void chart_note_error(struct chart *c, const char *what, int err)
{
	const char *detail = err_detail(), *name = strerrorname_np(errmap_errno(err));
	char when[32], *line;

	time_text(tree_now_ms(), "%Y-%m-%dT%H:%M:%SZ", when, sizeof when);
	if (detail[0] == 0)
		detail = err_text(err);
	pthread_mutex_lock(&c->lock);
	line = c->error[c->error_count++ % CHART_ERRORS];
	snprintf(line, CHART_ERROR_BYTES, "%s %s: %s: %s", when, what, name ? name : "?", detail);
	pthread_mutex_unlock(&c->lock);
}

int chart_last_errors(struct chart *c, struct buf *out)
{
	uint64_t i;
	int err = 0;

	pthread_mutex_lock(&c->lock);
	i = c->error_count > CHART_ERRORS ? c->error_count - CHART_ERRORS : 0;
	for (; i < c->error_count && !err; i++)
		err = buf_printf(out, "%s\n", c->error[i % CHART_ERRORS]);
	pthread_mutex_unlock(&c->lock);
	return err;
}

/* The job's stage can be asked only when nobody is at work on it. */
static int staged_line(struct stage *s, const char *name, struct buf *out)
{
	const char *state = "saving";
	uint64_t size;
	bool staged;

	pthread_mutex_lock(&s->lock);
	size = s->size;
	staged = s->staged;
	pthread_mutex_unlock(&s->lock);
	if (!staged)
		return 0;
	if (pthread_mutex_trylock(&s->save) == 0) {
		state = s->pending ? client_job_stage(s->pending->job) : "written";
		pthread_mutex_unlock(&s->save);
	}
	return buf_printf(out, "%s\t%llu\t%s\n", state, (unsigned long long)size, name);
}

static int staged_nodes(struct chart *c, struct buf *out)
{
	struct stage *list[256];
	size_t count = 0;
	int err = 0;

	pthread_mutex_lock(&c->lock);
	for (size_t b = 0; b < CHART_STAGE_BUCKETS; b++) {
		for (struct stage *s = c->stages[b]; s && count < 256; s = s->next)
			list[count++] = stage_ref(s);
	}
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < count; i++) {
		char name[NAME_BYTES_MAX + 1] = "?";

		if (!err && list[i]->staged) {
			if (chart_name_of(c, &list[i]->place, name))
				strcpy(name, "?");
			err = staged_line(list[i], name, out);
		}
		stage_unref(list[i]);
	}
	return err;
}

struct staged_walk {
	struct buf *out;
	int err;
};

static void staged_item(void *ctx, struct overlay_item *item)
{
	struct staged_walk *w = ctx;

	if (!item->scratch && !w->err)
		w->err = staged_line(item->stage, item->name, w->out);
}

int chart_staged(struct chart *c, struct buf *out)
{
	struct staged_walk w = {out, staged_nodes(c, out)};

	overlay_each_file(c->overlay, staged_item, &w);
	return w.err;
}

static int label_make(const char *name, struct buf *out)
{
	int err = buf_append(out, LABEL_CONFLICT, sizeof LABEL_CONFLICT);

	return err ? err : buf_append(out, name, strlen(name) + 1);
}

/* NULL when the label is another one. */
static const char *label_name(struct view label)
{
	if (label.len <= sizeof LABEL_CONFLICT ||
	    memcmp(label.data, LABEL_CONFLICT, sizeof LABEL_CONFLICT) != 0 || label.data[label.len - 1] != 0)
		return NULL;
	return (const char *)label.data + sizeof LABEL_CONFLICT;
}

/* With the stage's lock, but for moments when in pieces. */
static int copy_bytes(struct stage *s, struct spool_file *f, bool in_pieces, uint8_t *piece,
		      size_t piece_bytes)
{
	int err = 0;

	for (uint64_t at = 0; !err && s->staged && at < s->size;) {
		size_t n = s->size - at < piece_bytes ? (size_t)(s->size - at) : piece_bytes;

		err = stage_read(s, at, n, piece);
		if (in_pieces)
			pthread_mutex_unlock(&s->lock);
		if (!err)
			err = spool_write(f, at, VIEW(piece, n));
		if (in_pieces)
			pthread_mutex_lock(&s->lock);
		at += n;
	}
	return err;
}

/* What was written to while it was copied is copied again, the last time without letting anybody write. */
int chart_copy_out(struct stage *s, struct spool_file *f, uint64_t *ret_seq)
{
	uint8_t *piece;
	size_t piece_bytes;
	bool same = false;
	int err;

	pthread_mutex_lock(&s->lock);
	/* a record is small: a large buffer would cost its save 256 page faults */
	piece_bytes = s->size == 0 ? 1 : s->size < COPY_BYTES ? (size_t)s->size : COPY_BYTES;
	piece = mem_alloc(piece_bytes);
	err = piece ? 0 : CF_ENOMEM;
	for (int tries = 0; !err && !same; tries++) {
		uint64_t seq = s->bytes_seq;

		err = spool_truncate(f, 0);
		if (!err)
			err = copy_bytes(s, f, tries < COPY_TRIES, piece, piece_bytes);
		if (!err && !s->staged)
			err = err_set(CF_ENOTFOUND, "saved meanwhile");
		same = !err && s->bytes_seq == seq;
		if (same)
			*ret_seq = seq;
	}
	pthread_mutex_unlock(&s->lock);
	if (piece)
		mem_wipe(piece, piece_bytes);
	mem_free(piece);
	return err;
}

int chart_keep_conflict(struct chart *c, struct stage *s, const char *name)
{
	char file[NAME_BYTES_MAX + 1] = "file", when[32], hex[9], shown[NAME_BYTES_MAX + 64];
	struct spool_file *f = NULL;
	struct buf label;
	uint64_t seq;
	uint8_t r[4];
	int err;

	if (name == NULL && s->place.kind == PLACE_NODE && chart_name_of(c, &s->place, file) == 0)
		name = file;
	time_text(tree_now_ms(), "%Y-%m-%dT%H.%M.%SZ", when, sizeof when);
	random_bytes(r, sizeof r);
	hex_encode(r, sizeof r, hex);
	snprintf(shown, sizeof shown, "%s-%s-%.200s", when, hex, name ? name : file);
	buf_init(&label, SPOOL_LABEL_BYTES_MAX);
	err = spool_file_new(c->spool, &f);
	if (!err)
		err = chart_copy_out(s, f, &seq);
	if (!err)
		err = label_make(shown, &label);
	if (!err)
		err = spool_keep(f, buf_view(&label));
	spool_file_free(f);
	buf_release(&label);
	if (err)
		log_error("chart", "a conflict cannot be kept: %s -> it stays staged", err_text(err));
	else
		log_warn("chart", "a save was refused -> its bytes are in .chartfs/conflicts");
	return err;
}

struct kept_walk {
	struct chart *c;
	bool (*on_name)(void *ctx, const char *name, uint64_t size);
	void *ctx;
	const char *wanted;
	char found[SPOOL_NAME_BYTES];
};

static int on_kept(void *ctx, const char *file, struct view label, uint64_t size)
{
	struct kept_walk *w = ctx;
	const char *name = label_name(label);
	char left[NAME_BYTES_MAX + 64];

	if (name == NULL && chart_guard_name(w->c, file, label, left))
		name = left;
	if (name == NULL)
		return 0;
	if (w->wanted == NULL)
		return w->on_name(w->ctx, name, size) ? 0 : CF_EINTR;
	if (strcmp(w->wanted, name) != 0)
		return 0;
	snprintf(w->found, sizeof w->found, "%s", file);
	return CF_EINTR;
}

int chart_conflicts(struct chart *c, bool (*on_name)(void *ctx, const char *name, uint64_t size), void *ctx)
{
	struct kept_walk w = {.c = c, .on_name = on_name, .ctx = ctx};
	int err = spool_walk(c->spool, on_kept, &w);

	return err == CF_EINTR ? 0 : err;
}

/* The spool's file of a conflict. */
static int find_kept(struct chart *c, const char *name, struct spool_file **ret_f)
{
	struct kept_walk w = {.c = c, .wanted = name};
	int err = spool_walk(c->spool, on_kept, &w);

	if (err && err != CF_EINTR)
		return err;
	return w.found[0] ? spool_file_open(c->spool, w.found, ret_f) : CF_ENOTFOUND;
}

int chart_conflict_read(struct chart *c, const char *name, struct buf *out)
{
	struct spool_file *f = NULL;
	uint8_t *data;
	int err = find_kept(c, name, &f);

	if (!err)
		err = buf_extend(out, spool_file_size(f), &data);
	if (!err)
		err = spool_read(f, 0, spool_file_size(f), data);
	spool_file_free(f);
	return err;
}

int chart_conflict_remove(struct chart *c, const char *name)
{
	struct spool_file *f = NULL;
	int err = find_kept(c, name, &f);

	spool_file_remove(f);
	return err;
}
