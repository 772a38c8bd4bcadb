/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes. Of what is staged they wait for its save; mode and owner of what is committed are a transaction
 * at once; times alone wait up to a second for company, and are seen at once.
 */
#include "fs/chart_private.h"

#include "ledger/mem.h"

#include <string.h>

_Static_assert(CHART_SET_MODE == OP_SET_MODE && CHART_SET_UID == OP_SET_UID && CHART_SET_GID == OP_SET_GID,
	       "masks");

/* Under c->lock: the waiting times of a node. */
static struct times **find(struct chart *c, const struct place *p)
{
	struct times **at = &c->times;

	while (*at && memcmp((*at)->place.node.b, p->node.b, NODE_BYTES) != 0)
		at = &(*at)->next;
	return at;
}

void chart_times_show(struct chart *c, struct chart_attr *attr)
{
	struct times *t;

	pthread_mutex_lock(&c->lock);
	t = *find(c, &attr->place);
	if (t && (t->mask & OP_SET_ATIME))
		attr->atime_ns = t->atime_ns;
	if (t && (t->mask & OP_SET_MTIME))
		attr->mtime_ns = t->mtime_ns;
	if (t)
		attr->ctime_ns = t->since_ms * 1000000;
	pthread_mutex_unlock(&c->lock);
}

bool chart_times_take(struct chart *c, const struct place *node, struct times *ret_times)
{
	struct times **at, *t;

	pthread_mutex_lock(&c->lock);
	at = find(c, node);
	t = *at;
	if (t)
		*at = t->next;
	pthread_mutex_unlock(&c->lock);
	if (t)
		*ret_times = *t;
	mem_free(t);
	return t != NULL;
}

static int times_put(struct chart *c, const struct place *p, uint8_t mask, const struct op_attrs *a)
{
	struct times *fresh = mem_zalloc(sizeof *fresh), **at;

	if (fresh == NULL)
		return CF_ENOMEM;
	pthread_mutex_lock(&c->lock);
	at = find(c, p);
	if (*at == NULL) {
		*at = fresh;
		fresh->place = *p;
		fresh->since_ms = tree_now_ms();
		fresh = NULL;
	}
	(*at)->mask |= mask;
	if (mask & OP_SET_ATIME)
		(*at)->atime_ns = a->atime_ns;
	if (mask & OP_SET_MTIME)
		(*at)->mtime_ns = a->mtime_ns;
	pthread_mutex_unlock(&c->lock);
	mem_free(fresh);
	return 0;
}

static int add_setattr(struct commit *m, const struct place *p, uint8_t mask, const struct op_attrs *a)
{
	struct op_setattr op = {.node = p->node, .mask = mask};
	struct buf body;
	int err;

	/* fields that are not set are zero: one encoding */
	op.attrs.mode = mask & OP_SET_MODE ? a->mode & 07777 : 0;
	op.attrs.uid = mask & OP_SET_UID ? a->uid : 0;
	op.attrs.gid = mask & OP_SET_GID ? a->gid : 0;
	op.attrs.atime_ns = mask & OP_SET_ATIME ? a->atime_ns : 0;
	op.attrs.mtime_ns = mask & OP_SET_MTIME ? a->mtime_ns : 0;
	buf_init(&body, 0);
	err = op_setattr_encode(&op, &body);
	if (!err)
		err = commit_add(m, OP_SETATTR, &body);
	if (!err)
		commit_writes_node(m, &p->node);
	buf_release(&body);
	return err;
}

/* Takes waiting times of one patient that are due, at most as many as go into a transaction. */
static size_t take_due(struct chart *c, uint64_t before_ms, struct times ret_due[COMMIT_OPS])
{
	struct times **at = &c->times;
	size_t count = 0;

	pthread_mutex_lock(&c->lock);
	while (*at && count < COMMIT_OPS) {
		struct times *t = *at;
		bool same = count == 0 ||
			    memcmp(t->place.patient.b, ret_due[0].place.patient.b, PATIENT_BYTES) == 0;

		if (t->since_ms > before_ms || !same) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		ret_due[count++] = *t;
		mem_free(t);
	}
	pthread_mutex_unlock(&c->lock);
	return count;
}

/* A transaction is all or nothing: when one file of many is gone by now, each goes by itself. */
static int commit_times(struct chart *c, const struct times *due, size_t count)
{
	struct client_result result;
	struct commit m;
	int err = 0;

	commit_init(&m, &due[0].place.patient);
	for (size_t i = 0; i < count && !err; i++) {
		struct op_attrs a = {.atime_ns = due[i].atime_ns, .mtime_ns = due[i].mtime_ns};

		err = add_setattr(&m, &due[i].place, due[i].mask, &a);
	}
	if (!err)
		err = commit_run(c, &m, &result);
	commit_release(&m);
	return err;
}

void chart_times_flush(struct chart *c, uint64_t before_ms)
{
	struct times due[COMMIT_OPS];
	size_t count;
	int err = 0;

	while (err != CF_ENOQUORUM && (count = take_due(c, before_ms, due)) > 0) {
		err = commit_times(c, due, count);
		for (size_t i = 0; err && err != CF_ENOQUORUM && count > 1 && i < count; i++) {
			int one = commit_times(c, &due[i], 1);

			if (one && one != CF_ENOTFOUND)
				chart_note_error(c, "times", one);
		}
		if (err && count == 1 && err != CF_ENOTFOUND)
			chart_note_error(c, "times", err);
	}
}

/* The bits of mask that really change something. */
static unsigned really(const struct chart_attr *now, unsigned mask, const struct op_attrs *a)
{
	if (now->mode % 010000 == (a->mode & 07777))
		mask &= ~CHART_SET_MODE;
	if (now->uid == a->uid)
		mask &= ~CHART_SET_UID;
	if (now->gid == a->gid)
		mask &= ~CHART_SET_GID;
	if (now->atime_ns == a->atime_ns)
		mask &= ~CHART_SET_ATIME;
	if (now->mtime_ns == a->mtime_ns)
		mask &= ~CHART_SET_MTIME;
	return mask;
}

static uint8_t op_mask(unsigned mask)
{
	return (uint8_t)((mask & (CHART_SET_MODE | CHART_SET_UID | CHART_SET_GID)) |
			 (mask & CHART_SET_ATIME ? OP_SET_ATIME : 0) |
			 (mask & CHART_SET_MTIME ? OP_SET_MTIME : 0));
}

static int set_at_once(struct chart *c, const struct place *p, uint8_t mask, const struct op_attrs *attrs)
{
	struct op_attrs a = *attrs;
	struct client_result result;
	struct times waiting;
	struct commit m;
	int err;

	if (chart_times_take(c, p, &waiting)) {
		if (!(mask & OP_SET_ATIME))
			a.atime_ns = waiting.atime_ns;
		if (!(mask & OP_SET_MTIME))
			a.mtime_ns = waiting.mtime_ns;
		mask |= waiting.mask;
	}
	commit_init(&m, &p->patient);
	err = add_setattr(&m, p, mask, &a);
	if (!err)
		err = commit_run(c, &m, &result);
	commit_release(&m);
	return err;
}

int chart_set_committed(struct chart *c, const struct place *p, unsigned mask, const struct op_attrs *attrs)
{
	struct chart_attr now;
	int err = tree_getattr(c->tree, p, &now);

	if (err)
		return err;
	chart_times_show(c, &now);
	mask = really(&now, mask, attrs);
	if (mask == 0)
		return 0;
	err = tree_access(c->tree, p, place_is_dir(p) ? 0 : 4 /* R_OK */);
	if (err)
		return err;
	if (!(mask & ~(CHART_SET_ATIME | CHART_SET_MTIME)))
		return times_put(c, p, op_mask(mask), attrs);
	return set_at_once(c, p, op_mask(mask), attrs);
}

static void merge(struct op_attrs *a, unsigned mask, const struct chart_attr *v)
{
	if (mask & CHART_SET_MODE)
		a->mode = v->mode & 07777;
	if (mask & CHART_SET_UID)
		a->uid = v->uid;
	if (mask & CHART_SET_GID)
		a->gid = v->gid;
	if (mask & CHART_SET_ATIME)
		a->atime_ns = v->atime_ns;
	if (mask & CHART_SET_MTIME)
		a->mtime_ns = v->mtime_ns;
}

/* With the stage's lock: what is staged takes the change with it. */
static void set_staged(struct stage *s, unsigned mask, const struct chart_attr *v)
{
	merge(&s->attrs, mask, v);
	s->attr_set |= mask;
	s->seq++;
	s->ctime_ns = tree_now_ms() * 1000000;
}

/* False: there is nothing staged. */
static bool set_if_staged(struct stage *s, unsigned mask, const struct chart_attr *v)
{
	bool staged;

	pthread_mutex_lock(&s->lock);
	staged = s->staged;
	if (staged)
		set_staged(s, mask, v);
	pthread_mutex_unlock(&s->lock);
	return staged;
}

/* ret_node: it is one by now, of which nothing may be staged any more; nothing was changed. */
static int set_new_file(struct stage *s, unsigned mask, const struct chart_attr *v, struct place *ret_node)
{
	int err = 0;

	pthread_mutex_lock(&s->lock);
	if (s->place.kind == PLACE_NODE) {
		*ret_node = s->place;
	} else {
		if (!s->staged && (mask & CHART_SET_SIZE))
			stage_begin(s, NULL, false, NULL);
		if (mask & CHART_SET_SIZE)
			err = stage_truncate(s, v->size);
		if (!err && s->staged)
			set_staged(s, mask & ~CHART_SET_SIZE, v);
	}
	pthread_mutex_unlock(&s->lock);
	return err;
}

static int set_local(struct overlay_item *item, unsigned mask, const struct chart_attr *v,
		     struct place *ret_node)
{
	switch (item->kind) {
	case OVERLAY_FILE:
		return set_new_file(item->stage, mask, v, ret_node);
	case OVERLAY_DIR:
	case OVERLAY_SYMLINK:
		if (mask & CHART_SET_SIZE)
			return item->kind == OVERLAY_DIR ? CF_EISDIR : CF_EINVAL;
		merge(&item->attrs, mask, v);
		return 0;
	case OVERLAY_ALIAS:
	case OVERLAY_HIDDEN:
		break;
	}
	return mask & CHART_SET_SIZE ? CF_EPERM : 0;
}

int chart_truncate(struct chart_file *f, uint64_t size)
{
	bool same;
	int err;

	if (!(f->flags & CHART_WRITE) || f->s == NULL)
		return CF_EPERM;
	err = chart_file_refresh(f);
	if (err)
		return err;
	pthread_mutex_lock(&f->s->lock);
	same = !f->s->staged && !chart_file_is_stale(f) && f->seen && f->seen->size == size;
	pthread_mutex_unlock(&f->s->lock);
	if (same)
		return 0;
	err = chart_file_stage(f, false);
	if (err)
		return err;
	if (f->s->size != size || !f->s->touched)
		err = stage_truncate(f->s, size);
	pthread_mutex_unlock(&f->s->lock);
	return err;
}

/* truncate(2): by itself a save; with a writer at work, a part of that one's. */
static int set_size(struct chart *c, const struct place *p, uint64_t size)
{
	struct chart_file *f = NULL;
	bool alone;
	int err = chart_open(c, p, CHART_READ | CHART_WRITE, &f);

	if (err)
		return err;
	err = chart_truncate(f, size);
	pthread_mutex_lock(&f->s->lock);
	alone = f->s->writers == 1;
	pthread_mutex_unlock(&f->s->lock);
	if (!err && alone)
		err = chart_save(f);
	chart_close(f);
	return err;
}

/* Of an open file whose name is gone nothing is committed any more. */
static bool set_gone(struct stage *s, unsigned mask, const struct chart_attr *v)
{
	bool open;

	pthread_mutex_lock(&s->lock);
	open = s->handles > 0;
	if (open)
		merge(&s->known, mask, v);
	pthread_mutex_unlock(&s->lock);
	return open;
}

static int set_node(struct chart *c, const struct place *p, unsigned mask, const struct chart_attr *v)
{
	struct op_attrs a = {v->mode & 07777, v->uid, v->gid, v->atime_ns, v->mtime_ns};
	struct stage *s;
	int err = 0;

	if (mask & CHART_SET_SIZE)
		err = place_is_dir(p) ? CF_EISDIR : set_size(c, p, v->size);
	mask &= ~CHART_SET_SIZE;
	if (err || mask == 0)
		return err;
	s = chart_stage_find(c, p);
	if (!s || !set_if_staged(s, mask, v))
		err = chart_set_committed(c, p, mask, &a);
	if (err == CF_ENOTFOUND && s && set_gone(s, mask, v))
		err = 0;
	stage_unref(s);
	return err;
}

int chart_setattr(struct chart *c, const struct place *p, unsigned mask, const struct chart_attr *values,
		  struct chart_attr *ret_attr)
{
	struct place node = *p, was;
	struct overlay_item *item = NULL;
	int err;

	if (p->kind == PLACE_LOCAL)
		item = chart_settle_found(c, overlay_find_number(c->overlay, p->local), &was);
	if (p->kind == PLACE_LOCAL && overlay_became(c->overlay, p->local, &node)) {
		overlay_put(c->overlay, item);
	} else if (p->kind == PLACE_LOCAL) {
		err = item ? set_local(item, mask, values, &node) : CF_ENOTFOUND;
		if (!err && node.kind == PLACE_LOCAL)
			err = chart_attr_of_item(c, item, ret_attr);
		overlay_put(c->overlay, item);
		if (err || node.kind == PLACE_LOCAL)
			return err;
	}
	if (place_is_past(&node))
		return CF_EROFS;
	if (node.kind != PLACE_NODE)
		return CF_EPERM;
	err = set_node(c, &node, mask, values);
	return err ? err : chart_getattr(c, &node, ret_attr);
}
