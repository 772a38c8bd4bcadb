/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The save: a snapshot of the stage, one transaction, and what becomes of the stage when it is settled.
 * Whoever waited takes the result over; where nobody waits any more, the worker does.
 */
#include "fs/chart_private.h"

#include "ledger/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int chart_create_op(struct tree_look *l, const struct save_target *to, const struct section_keys *keys,
		    const struct snapshot *snap, const struct content *content, struct commit *m)
{
	struct op_create op = {
		.dir = to->dir.node,
		.section = to->dir.section,
		.type = to->type,
		.epoch = keys->epoch,
		.window = keys->window,
		.attrs = snap->attrs,
		.size = snap->size,
		.content = buf_view(&content->row),
		.commitment = content->commitment,
	};
	struct buf sealed, body;
	int err = tree_token(l, &to->dir, to->name, &op.token);

	buf_init(&sealed, 0);
	buf_init(&body, 0);
	if (!err)
		err = content_seal_name(keys, &to->dir.node, view_str(to->name), &sealed);
	op.sealed_name = buf_view(&sealed);
	if (!err)
		err = op_create_encode(&op, &body);
	if (!err)
		err = commit_add(m, OP_CREATE, &body);
	if (!err)
		commit_writes_entry(m, &op.token);
	buf_release(&sealed);
	buf_release(&body);
	return err;
}

static int save_op(enum op_code code, const struct place *node, struct version base,
		   const struct snapshot *snap, const struct content *content, struct commit *m)
{
	struct op_save op = {
		.node = node->node,
		.base = base,
		.attrs = snap->attrs,
		.size = snap->size,
		.content = buf_view(&content->row),
		.commitment = content->commitment,
	};
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_save_encode(&op, &body);
	if (!err)
		err = commit_add(m, code, &body);
	if (!err && code == OP_SAVE)
		commit_writes_node(m, &node->node);
	buf_release(&body);
	return err;
}

/* What one save works with. */
struct saving {
	struct chart *c;
	struct stage *s;
	const struct save_target *to; /* NULL: the stage's own node */
	struct place node;            /* to be saved onto; kind 0: a new one */
	struct tree_file *over;       /* what it replaces; borrowed */
	bool is_record;
	struct snapshot snap;
	struct commit commit;
	struct spool_file *guard; /* NULL: none */
	bool unchanged;
	bool waits; /* for the patient: it is proposed */
};

/* The name it gets, where that is known without looking for it. */
static const char *name_of(const struct saving *w, const struct overlay_item *item)
{
	return w->to ? w->to->name : item ? item->name : NULL;
}

/* A file that replaces another replaces its extended attributes, too, by none if need be. */
static bool writes_xattrs(const struct saving *w)
{
	return w->snap.has_xattrs || (w->to && w->to->over);
}

static int add_xattrs(struct saving *w, const struct section_keys *keys)
{
	struct view list = buf_view(&w->snap.xattrs);

	if (!writes_xattrs(w))
		return 0;
	if (w->node.kind)
		return chart_xattr_add(w->c, keys, &w->node, list, &w->commit);
	return list.len ? chart_xattr_op(keys, NULL, (struct version){0, 0}, list, &w->commit) : 0;
}

/* What it replaces, to be compared with: a save of this stage that was settled meanwhile has left its base
 * behind. */
static const struct tree_file *replaced(const struct saving *w)
{
	bool is_current = w->over && (w->to || version_equal(w->over->version, w->snap.base_version));

	return is_current ? w->over : NULL;
}

static int build(struct saving *w)
{
	const struct place *where = w->to ? &w->to->dir : &w->node;
	struct content content = {.unchanged = false};
	struct section_keys keys;
	struct tree_look l;
	int err = tree_look_begin(w->c->tree, 0, &l);

	if (err)
		return err;
	buf_init(&content.row, 0);
	commit_release(&w->commit);
	commit_init(&w->commit, &where->patient);
	err = tree_must_propose(&l, &where->patient, where->section, &w->waits);
	w->waits = w->waits && w->node.kind;
	if (!err)
		err = tree_keys_current(&l, &where->patient, where->section, &keys);
	if (!err && w->snap.size)
		err = keyring_wrap_trace(client_keyring(w->c->client), l.txn, &keys, &w->commit.owed);
	tree_look_end(&l);
	if (!err && w->over)
		err = tree_file_fill(w->over);
	if (!err && w->snap.base)
		err = tree_file_fill(w->snap.base);
	if (err)
		goto out;
	err = content_make(w->c, &w->snap, w->is_record, &keys, replaced(w), &w->commit, &content);
	w->unchanged = !err && content.unchanged;
	if (!err && !w->unchanged && w->node.kind) {
		err = save_op(w->waits ? OP_PROPOSE : OP_SAVE, &w->node,
			      w->over == w->snap.base ? w->snap.base_version : w->over->version, &w->snap,
			      &content, &w->commit);
	} else if (!err && !w->unchanged) {
		err = tree_look_begin(w->c->tree, 0, &l);
		if (!err) {
			err = chart_create_op(&l, w->to, &keys, &w->snap, &content, &w->commit);
			tree_look_end(&l);
		}
	}
	if (!err && (!w->unchanged || (w->to && w->to->removes)))
		err = add_xattrs(w, &keys);
	if (!err && w->to && w->to->removes) {
		struct place from =
			place_node(&where->patient, &w->to->remove.node, NODE_RECORD, where->section, 0);
		struct place dir =
			place_node(&where->patient, &w->to->remove.dir, NODE_DIR, where->section, 0);

		err = chart_add_remove(&w->commit, &dir, &w->to->remove.token, &from);
	}
out:
	mem_wipe(&keys, sizeof keys);
	buf_release(&content.row);
	return err;
}

static int start(struct saving *w, struct overlay_item *item)
{
	struct stage *s = w->s;
	struct pending_save *p = mem_zalloc(sizeof *p);
	int err = p ? 0 : CF_ENOMEM;

	if (!err)
		err = commit_start(w->c, &w->commit, s, &p->job, &p->flight);
	if (err) {
		mem_free(p);
		return err;
	}
	if (w->guard) {
		struct hash id = client_job_id(p->job);

		chart_guard_tx(w->c, s, w->guard, w->to ? &w->to->dir : &w->node, name_of(w, item), &id);
	}
	p->seq = w->snap.seq;
	p->bytes_seq = w->snap.bytes_seq;
	p->creates = w->node.kind == 0;
	p->waits = w->waits;
	p->node = w->node;
	if (w->to) {
		p->dir = w->to->dir;
		p->type = w->to->type;
		snprintf(p->name, sizeof p->name, "%s", w->to->name);
	}
	if (item) {
		p->item = overlay_find_number(w->c->overlay, item->number);
		if (p->name[0] == 0)
			snprintf(p->name, sizeof p->name, "%s", item->name);
	}
	s->pending = p;
	return 0;
}

/* With s->save: waits for a save that is on its way. *ret_again: it lost a race, and what is staged as it was
 * may be saved once more. */
static int wait_pending(struct chart *c, struct stage *s, unsigned timeout_ms, bool *ret_again)
{
	struct client_result r;
	int err = client_job_wait(s->pending->job, timeout_ms, &r);

	if (err) {
		commit_want(s->pending->flight, s->pending->job);
		return err_set(err, "no quorum in time; what was written is kept (see .chartfs/staged)");
	}
	*ret_again = commit_lost_race(&r);
	return pending_take_over(c, s, &r, true);
}

/* Nothing but attributes that somebody asked for. */
static int save_unchanged(struct saving *w, struct overlay_item *item)
{
	struct stage *s = w->s;
	unsigned mask = w->snap.attr_set;
	int err = mask ? chart_set_committed(w->c, &w->node, mask, &w->snap.attrs) : 0;

	if (!err && writes_xattrs(w))
		err = chart_xattr_replace(w->c, &w->node, buf_view(&w->snap.xattrs));
	if (err)
		return err;
	pthread_mutex_lock(&s->lock);
	if (s->seq == w->snap.seq)
		stage_clear(s);
	else if (w->to)
		s->base_version = w->over->version;
	if (w->to) {
		if (s->handles)
			s->shown_ino = place_ino(&s->place);
		s->place = w->node;
		s->is_record = w->is_record;
		chart_stage_enter(w->c, s);
	}
	pthread_mutex_unlock(&s->lock);
	if (w->to && item)
		overlay_commit(w->c->overlay, item, &w->node);
	return 0;
}

/* Sealed under an epoch that ended meanwhile: the same again under the new one. The version it was made of
 * still counts. */
static bool epoch_ended(struct saving *w)
{
	struct node_row row;
	struct version version;
	struct tree_look l;
	bool same = false;

	if (w->node.kind == 0 || w->over == NULL || tree_look_begin(w->c->tree, 0, &l))
		return false;
	if (tree_node(&l, &w->node.patient, &w->node.node, &row, &version) == 0)
		same = version_equal(row.content,
				     w->over == w->snap.base ? w->snap.base_version : w->over->version);
	tree_look_end(&l);
	return same;
}

/* 0: ret_result says how it was settled. */
static int submit(struct saving *w, struct overlay_item *item, struct client_result *ret_result)
{
	int err;

	for (int tries = 1;; tries++) {
		err = start(w, item);
		if (!err)
			err = client_job_wait(w->s->pending->job, w->c->timeout_ms, ret_result);
		if (err || tries == COMMIT_TRIES || !commit_lost_race(ret_result))
			return err;
		pending_save_free(w->c, w->s->pending);
		w->s->pending = NULL;
	}
}

static int submit_and_wait(struct saving *w, struct overlay_item *item, unsigned flags)
{
	struct client_result r;
	bool lost;
	int err;

	for (bool again = false;; again = true) {
		err = build(w);
		if (err)
			return err;
		if (w->unchanged && !(w->to && w->to->removes)) {
			snapshot_thaw(&w->snap);
			return save_unchanged(w, item);
		}
		if (w->guard == NULL)
			err = chart_guard_begin(w->c, w->s, &w->snap, w->to ? &w->to->dir : &w->node,
						name_of(w, item), &w->guard);
		if (err)
			return err;
		snapshot_thaw(&w->snap);
		if (flags & SAVE_NOWAIT) {
			err = start(w, item);
			if (!err)
				commit_want(w->s->pending->flight, w->s->pending->job);
			return err;
		}
		err = submit(w, item, &r);
		if (err)
			return w->s->pending ? wait_pending(w->c, w->s, 0, &lost) : err;
		/* an attachment's hash is used up: it was read once */
		if (again || r.error != CF_ECONFLICT || !w->is_record || !epoch_ended(w))
			return pending_take_over(w->c, w->s, &r, true);
		pending_save_free(w->c, w->s->pending);
		w->s->pending = NULL;
	}
}

/* What is saved onto what. False: there is nothing to commit. */
static bool plan(struct saving *w, unsigned flags)
{
	struct stage *s = w->s;

	if (!s->staged || s->gone)
		return false;
	if (!s->touched && !(flags & SAVE_FORCE))
		return false;
	if (w->to) {
		w->over = w->to->over;
		w->is_record = w->to->type == NODE_RECORD;
		if (w->over)
			w->node = w->over->place;
		return true;
	}
	w->node = s->place;
	w->over = s->base;
	w->is_record = s->is_record;
	return s->place.kind == PLACE_NODE;
}

/* A save changes the attributes that somebody asked for; the others are as they are by now, times that wait
 * for their own transaction included. */
static void take_attrs(struct saving *w)
{
	struct op_attrs *a = &w->snap.attrs;
	unsigned set = w->snap.attr_set;
	struct chart_attr now;
	struct times t;

	if (w->to == NULL && tree_getattr(w->c->tree, &w->node, &now) == 0) {
		a->mode = set & CHART_SET_MODE ? a->mode : now.mode & 07777;
		a->uid = set & CHART_SET_UID ? a->uid : now.uid;
		a->gid = set & CHART_SET_GID ? a->gid : now.gid;
		a->atime_ns = set & CHART_SET_ATIME ? a->atime_ns : now.atime_ns;
	}
	if (chart_times_take(w->c, &w->node, &t) && !(set & CHART_SET_ATIME) && (t.mask & OP_SET_ATIME))
		a->atime_ns = t.atime_ns;
}

static int save_locked(struct saving *w, struct overlay_item *item, unsigned flags)
{
	uint32_t record_max;
	int err = chart_record_limit(w->c, &record_max);
	bool any;

	if (err)
		return err;
	pthread_mutex_lock(&w->s->lock);
	any = plan(w, flags);
	if (any)
		err = snapshot_take(w->s, w->is_record, record_max, &w->snap);
	pthread_mutex_unlock(&w->s->lock);
	if (err || !any)
		return err;
	if (w->is_record)
		err = chart_check_record(buf_view(&w->snap.plain));
	if (!err) {
		if (w->node.kind)
			take_attrs(w);
		commit_init(&w->commit, &w->s->place.patient);
		err = submit_and_wait(w, item, flags);
		commit_release(&w->commit);
		/* under way: it goes with the save; else all is settled, or it is staged as it was */
		if (w->s->pending)
			w->s->pending->guard = w->guard;
		else
			chart_guard_give_back(w->c, w->s, w->guard, w->snap.bytes_seq);
	}
	snapshot_release(&w->snap);
	return err;
}

int chart_save_stage(struct chart *c, struct stage *s, struct overlay_item *item,
		     const struct save_target *to, unsigned flags)
{
	struct saving w = {.c = c, .s = s, .to = to};
	bool again = false;
	int err = 0;

	pthread_mutex_lock(&s->save);
	if (s->pending && (flags & SAVE_NOWAIT)) {
		commit_want(s->pending->flight, s->pending->job);
		pthread_mutex_unlock(&s->save);
		return 0;
	}
	if (s->pending)
		err = wait_pending(c, s, c->timeout_ms, &again);
	/* it was saved under that name while this call waited: what is staged since is its next version */
	if ((flags & SAVE_ITEM) && s->place.kind == PLACE_NODE) {
		w.to = NULL;
		item = NULL;
	}
	if (!err || again)
		err = save_locked(&w, item, flags);
	pthread_mutex_unlock(&s->save);
	return err;
}

int chart_save_wait(struct chart *c, struct stage *s, unsigned timeout_ms)
{
	bool again = false;
	int err = 0;

	pthread_mutex_lock(&s->save);
	if (s->pending)
		err = wait_pending(c, s, timeout_ms, &again);
	pthread_mutex_unlock(&s->save);
	return again ? 0 : err;
}

int chart_save_item(struct chart *c, struct stage *s, struct overlay_item *item, unsigned flags)
{
	struct save_target to = {.dir = item->dir};
	struct tree_look l;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	snprintf(to.name, sizeof to.name, "%s", item->name);
	err = chart_type_of(&l, &to.dir, to.name, &to.type);
	tree_look_end(&l);
	return err ? err : chart_save_stage(c, s, item, &to, flags | SAVE_ITEM);
}
