/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a stage when its save is settled, refused, or given up. */
#include "fs/chart_private.h"

#include "ledger/mem.h"

#include <stdio.h>
#include <string.h>

void pending_save_free(struct chart *c, struct pending_save *p)
{
	if (p == NULL)
		return;
	client_job_release(p->job);
	commit_forget(p->flight);
	overlay_put(c->overlay, p->item);
	spool_file_remove(p->guard);
	mem_free(p);
}

/* The stage is a node now: by itself for a new file, the one it was saved over for a scratch file. */
static void become(struct chart *c, struct stage *s, struct pending_save *p, const struct client_result *r)
{
	struct place node = p->node;

	if (p->creates) {
		struct node_id id = op_new_node(&r->id, 0);

		node = place_node(&p->dir.patient, &id, p->type, p->dir.section, 0);
	}
	pthread_mutex_lock(&s->lock);
	if (s->handles && s->place.kind == PLACE_LOCAL)
		s->shown_ino = place_ino(&s->place);
	s->place = node;
	s->is_record = node.type == NODE_RECORD;
	stage_committed(s, p->seq, (struct version){r->height, r->index});
	c->settled++;
	chart_stage_enter(c, s);
	pthread_mutex_unlock(&s->lock);
	if (p->item)
		overlay_commit(c->overlay, p->item, &node);
}

/* It waits for the patient: the file is what it was, and what was written lies in pending/. */
static void waits(struct chart *c, struct stage *s, struct pending_save *p)
{
	pthread_mutex_lock(&s->lock);
	if (s->seq == p->seq)
		stage_clear(s);
	if (s->handles && s->place.kind == PLACE_LOCAL)
		s->shown_ino = place_ino(&s->place);
	s->place = p->node;
	s->is_record = p->node.type == NODE_RECORD;
	chart_stage_enter(c, s);
	pthread_mutex_unlock(&s->lock);
	if (p->item)
		overlay_commit(c->overlay, p->item, &p->node);
}

/* It can never be committed as it is; or the contract denies it, and nobody is there who was told and may
 * still write to it. */
static bool is_final(const struct client_result *r, bool waited)
{
	if (commit_lost_race(r))
		return false; /* it is tried again */
	return r->error == CF_ECONFLICT || r->error == CF_EEXIST || r->error == CF_ENOTFOUND ||
	       (!waited && !chart_can_come_right(r->error));
}

/* Refused: what was staged is kept where a person finds it, when that is final. */
static void refused(struct chart *c, struct stage *s, struct pending_save *p, const struct client_result *r,
		    bool waited)
{
	if (!is_final(r, waited))
		return;
	if (p->item && p->item->scratch)
		return; /* a rename that failed: the bytes are where they were */
	if (chart_keep_conflict(c, s, p->name[0] ? p->name : NULL))
		return; /* then it stays staged */
	pthread_mutex_lock(&s->lock);
	stage_clear(s);
	s->seq++;
	s->refused = p->creates && p->item;
	pthread_mutex_unlock(&s->lock);
	if (p->creates && p->item)
		overlay_unlink(c->overlay, p->item);
}

int chart_keep_refused(struct chart *c, struct stage *s, const char *name)
{
	bool any;
	int err = 0;

	pthread_mutex_lock(&s->save);
	pthread_mutex_lock(&s->lock);
	any = s->staged && s->touched;
	pthread_mutex_unlock(&s->lock);
	if (any)
		err = chart_keep_conflict(c, s, name);
	if (any && !err) {
		pthread_mutex_lock(&s->lock);
		stage_clear(s);
		s->seq++;
		pthread_mutex_unlock(&s->lock);
		err = err_set(CF_ECONFLICT, "the file could not be created; what was written is in "
					    ".chartfs/conflicts");
	}
	pthread_mutex_unlock(&s->save);
	return err;
}

/* What lost a race is tried again: nobody is told. */
static void failed(struct chart *c, struct stage *s, struct pending_save *p, const struct client_result *r,
		   bool waited)
{
	int err = r->error == CF_EEXIST ? CF_ECONFLICT : r->error;
	bool conflicts = err == CF_ECONFLICT && !(p->item && p->item->scratch);
	struct place place = s->place;

	refused(c, s, p, r, waited);
	if (!is_final(r, waited)) {
		chart_guard_give_back(c, s, p->guard, p->bytes_seq);
		p->guard = NULL;
	}
	if ((conflicts || !waited) && !commit_lost_race(r))
		chart_owe(c, &place, err);
	err_set(err, "%s", r->detail);
}

int pending_take_over(struct chart *c, struct stage *s, const struct client_result *r, bool waited)
{
	struct pending_save *p = s->pending;
	int err = r->error == CF_EEXIST ? CF_ECONFLICT : r->error;
	bool gone;

	s->pending = NULL;
	pthread_mutex_lock(&s->lock);
	s->saving_seq = 0;
	gone = s->gone;
	pthread_mutex_unlock(&s->lock);
	if (!err && p->waits)
		waits(c, s, p);
	else if (!err)
		become(c, s, p, r);
	else if (!gone)
		failed(c, s, p, r, waited);
	/* its name was removed while it was on its way */
	if (!err && gone && p->creates && chart_remove_of(c, s, &p->dir, p->name))
		chart_note_error(c, p->name, CF_EAGAIN);
	pending_save_free(c, p);
	return gone ? 0 : err;
}

int chart_save_settle(struct chart *c, struct stage *s)
{
	struct client_result r;
	int err = 0;

	pthread_mutex_lock(&s->save);
	if (s->pending && client_job_wait(s->pending->job, 0, &r) == 0) {
		char what[NAME_BYTES_MAX + 16];

		snprintf(what, sizeof what, "save %s", s->pending->name);
		err = pending_take_over(c, s, &r, false);
		if (err)
			chart_note_error(c, what, err);
		if (commit_lost_race(&r))
			err = 0;
	}
	pthread_mutex_unlock(&s->save);
	return err;
}

void chart_give_up(struct chart *c, struct stage *s, struct overlay_item *item, int err)
{
	/* what is wrong with the bytes was told when they were flushed */
	bool told = err == CF_EINVAL || err == CF_ETOOBIG;
	char what[NAME_BYTES_MAX + 16];
	struct place place;
	bool staged, kept;

	snprintf(what, sizeof what, "save %s", item ? item->name : "");
	if (!told)
		chart_note_error(c, what, err);
	pthread_mutex_lock(&s->save);
	pthread_mutex_lock(&s->lock);
	staged = s->staged;
	pthread_mutex_unlock(&s->lock);
	kept = staged && chart_keep_conflict(c, s, item ? item->name : NULL) == 0;
	if (kept) {
		pthread_mutex_lock(&s->lock);
		place = s->place;
		stage_clear(s);
		s->refused = s->refused || item;
		pthread_mutex_unlock(&s->lock);
		if (!told)
			chart_owe(c, &place, err);
	}
	pthread_mutex_unlock(&s->save);
	if (kept && item)
		overlay_unlink(c->overlay, item);
	else if (staged && !kept)
		chart_task(c, s, CHART_AGAIN_MS);
}

void chart_save_abandon(struct chart *c, struct stage *s, const char *name)
{
	struct pending_save *p;
	bool keep;

	pthread_mutex_lock(&s->save);
	p = s->pending;
	s->pending = NULL;
	pthread_mutex_lock(&s->lock);
	keep = s->staged && !s->gone && (p || s->touched) &&
	       (name || s->refused || s->place.kind == PLACE_NODE);
	pthread_mutex_unlock(&s->lock);
	if (keep && chart_keep_conflict(c, s, p && p->name[0] ? p->name : name))
		chart_note_error(c, "keep what was not saved", CF_EFULL);
	pending_save_free(c, p);
	pthread_mutex_unlock(&s->save);
}
