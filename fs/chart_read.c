/* SPDX-License-Identifier: Apache-2.0 */
/* What an open file shows: what is staged, or the version that its handle has come to. */
#include "fs/chart_private.h"

#include <string.h>

static bool is_later(struct version a, struct version b)
{
	return a.height > b.height || (a.height == b.height && a.index > b.index);
}

bool chart_file_shares(const struct chart_file *f)
{
	const struct stage *s = f->s;
	struct version from = s->first_base;

	if (s->staged && !version_equal(s->base_version, s->latest))
		from = s->base_version;
	return f->seen == NULL || !is_later(from, f->seen->version);
}

bool chart_file_is_stale(const struct chart_file *f)
{
	return !f->s->staged && f->s->place.kind == PLACE_NODE &&
	       (f->seen == NULL || (is_later(f->s->latest, f->seen->version) && chart_file_shares(f)));
}

/* The version that the handle shows, with a reference: another read of the same handle may go on to a later
 * one at any time. NULL: only what is staged. */
static struct tree_file *hold_seen(struct chart_file *f)
{
	struct tree_file *seen;

	if (f->s)
		pthread_mutex_lock(&f->s->lock);
	seen = f->seen ? tree_file_ref(f->seen) : NULL;
	if (f->s)
		pthread_mutex_unlock(&f->s->lock);
	return seen;
}

int chart_file_refresh(struct chart_file *f)
{
	struct tree_file *now, *unused;
	struct place place, last;
	bool stale;
	int err;

	pthread_mutex_lock(&f->s->lock);
	place = last = f->s->place;
	last.height = f->s->latest.height;
	stale = chart_file_is_stale(f);
	pthread_mutex_unlock(&f->s->lock);
	if (!stale)
		return 0;
	err = tree_file_open(f->c->tree, &place, &now);
	if (err == CF_ENOTFOUND && last.height) /* its name is gone: as it was when it was saved last */
		err = tree_file_open(f->c->tree, &last, &now);
	if (err)
		return err;
	pthread_mutex_lock(&f->s->lock);
	/* two reads may both have found it stale: the one that opened the later version counts */
	unused = now;
	if (f->seen == NULL || is_later(now->version, f->seen->version)) {
		unused = f->seen;
		f->seen = now;
		f->place = place;
	}
	pthread_mutex_unlock(&f->s->lock);
	tree_file_release(unused);
	return 0;
}

static int read_staged(struct chart_file *f, uint64_t offset, size_t bytes, struct buf *out, bool *ret_staged)
{
	struct stage *s = f->s;
	uint8_t *data;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	*ret_staged = s->staged && chart_file_shares(f);
	if (*ret_staged && offset < s->size) {
		if (bytes > s->size - offset)
			bytes = (size_t)(s->size - offset);
		err = buf_extend(out, bytes, &data);
		if (!err)
			err = stage_read(s, offset, bytes, data);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

/* An open file is read on only as long as it might be opened: a revocation is not outlived by a handle. */
static int check_rights(struct chart_file *f)
{
	uint64_t rights = f->c->rights;
	struct tree_file *seen;
	int err;

	if (rights == f->rights)
		return 0;
	seen = hold_seen(f);
	if (!seen)
		return 0;
	err = tree_file_may(f->c->tree, seen);
	tree_file_release(seen);
	if (!err)
		f->rights = rights;
	return err;
}

int chart_read(struct chart_file *f, uint64_t offset, size_t bytes, struct buf *out)
{
	struct tree_file *seen = NULL;
	size_t start = out->len;
	bool staged = false;
	uint8_t *data;
	int err = check_rights(f);

	if (!err && f->s)
		err = read_staged(f, offset, bytes, out, &staged);
	if (!err && f->s && !staged)
		err = chart_file_refresh(f);
	if (!err && !staged)
		seen = hold_seen(f);
	if (seen && offset < seen->size) {
		if (bytes > seen->size - offset)
			bytes = (size_t)(seen->size - offset);
		err = buf_extend(out, bytes, &data);
		if (!err)
			err = tree_file_read(f->c->tree, seen, offset, bytes, data);
	}
	tree_file_release(seen);
	if (err)
		out->len = start;
	return err;
}

bool chart_file_shows(struct chart_file *f, struct chart_shown *ret_shown)
{
	struct tree_file *seen;
	bool staged = false;

	if (f->s) {
		if (chart_file_refresh(f))
			return false;
		pthread_mutex_lock(&f->s->lock);
		staged = f->s->place.kind != PLACE_NODE || (f->s->staged && chart_file_shares(f));
		pthread_mutex_unlock(&f->s->lock);
	}
	if (staged || f->place.kind == PLACE_LOCAL)
		return false;
	seen = hold_seen(f);
	if (!seen)
		return false;
	*ret_shown = (struct chart_shown){
		.version = seen->version,
		.size = seen->size,
		.mtime_ns = seen->node.mtime_ns,
		.ctime_ns = seen->node.ctime_ns,
	};
	tree_file_release(seen);
	return true;
}

bool chart_is_own_save(struct chart *c, const struct place *p, struct version was, struct version now)
{
	struct stage *s = p->kind == PLACE_NODE && p->height == 0 ? chart_stage_find(c, p) : NULL;
	bool own;

	if (s == NULL)
		return false;
	pthread_mutex_lock(&s->lock);
	own = version_equal(s->latest, now) && !is_later(s->first_base, was);
	pthread_mutex_unlock(&s->lock);
	stage_unref(s);
	return own;
}
