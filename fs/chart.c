/* SPDX-License-Identifier: Apache-2.0 */
/* A chart's life, its stages in use, and its worker: what nobody waits for. */
#include "fs/chart_private.h"

#include "ledger/log.h"
#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define WORKER_TICK_MS 250

static size_t bucket_of(const struct node_id *n)
{
	return ((size_t)n->b[0] << 8 | n->b[1]) % CHART_STAGE_BUCKETS;
}

/* Under c->lock. */
static struct stage *find_stage(struct chart *c, const struct node_id *n)
{
	struct stage *s = c->stages[bucket_of(n)];

	while (s && memcmp(s->place.node.b, n->b, NODE_BYTES) != 0)
		s = s->next;
	return s;
}

static void table_add(struct chart *c, struct stage *s)
{
	size_t b = bucket_of(&s->place.node);

	s->next = c->stages[b];
	c->stages[b] = stage_ref(s);
	s->in_table = true;
}

struct stage *chart_stage_find(struct chart *c, const struct place *node)
{
	struct stage *s;

	pthread_mutex_lock(&c->lock);
	s = find_stage(c, &node->node);
	if (s)
		stage_ref(s);
	pthread_mutex_unlock(&c->lock);
	return s;
}

int chart_stage_get(struct chart *c, const struct place *node, struct stage **ret_s)
{
	struct stage *s, *fresh = NULL;
	int err = stage_new(c->tree, c->spool, node, node->type == NODE_RECORD, &fresh);

	if (err)
		return err;
	pthread_mutex_lock(&c->lock);
	s = find_stage(c, &node->node);
	if (s) {
		stage_ref(s);
	} else {
		s = fresh;
		fresh = NULL;
		table_add(c, s);
	}
	s->opening++;
	pthread_mutex_unlock(&c->lock);
	stage_unref(fresh);
	*ret_s = s;
	return 0;
}

void chart_stage_got(struct chart *c, struct stage *s)
{
	pthread_mutex_lock(&c->lock);
	s->opening--;
	pthread_mutex_unlock(&c->lock);
}

void chart_stage_enter(struct chart *c, struct stage *s)
{
	pthread_mutex_lock(&c->lock);
	if (!s->in_table && find_stage(c, &s->place.node) == NULL)
		table_add(c, s);
	pthread_mutex_unlock(&c->lock);
}

/* Under c->lock. True: the table's reference is the caller's now. */
static bool table_remove(struct chart *c, struct stage *s)
{
	struct stage **at = &c->stages[bucket_of(&s->place.node)];

	if (!s->in_table)
		return false;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->in_table = false;
	return true;
}

void chart_stage_leave(struct chart *c, struct stage *s)
{
	bool was;

	pthread_mutex_lock(&c->lock);
	was = table_remove(c, s);
	pthread_mutex_unlock(&c->lock);
	if (was)
		stage_unref(s);
}

void chart_stage_idle(struct chart *c, struct stage *s)
{
	bool was = false, saves = pthread_mutex_trylock(&s->save) != 0;

	pthread_mutex_lock(&s->lock);
	pthread_mutex_lock(&c->lock);
	/* what is staged under a name that is gone goes nowhere, once its save under way is settled */
	if (s->handles == 0 && s->opening == 0 && (!s->staged || (s->gone && !saves && !s->pending)))
		was = table_remove(c, s);
	pthread_mutex_unlock(&c->lock);
	pthread_mutex_unlock(&s->lock);
	if (!saves)
		pthread_mutex_unlock(&s->save);
	if (was)
		stage_unref(s);
}

void chart_task(struct chart *c, struct stage *s, uint64_t delay_ms)
{
	struct task *t = mem_zalloc(sizeof *t);

	if (t == NULL) {
		log_error("chart", "out of memory -> a save is looked after at the end only");
		return;
	}
	t->stage = stage_ref(s);
	t->not_before_ms = tree_now_ms() + delay_ms;
	pthread_mutex_lock(&c->lock);
	t->next = c->tasks;
	c->tasks = t;
	if (delay_ms == 0)
		pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

void chart_owe(struct chart *c, const struct place *p, int err)
{
	pthread_mutex_lock(&c->lock);
	if (c->owed_count == CHART_OWED)
		memmove(c->owed, c->owed + 1, --c->owed_count * sizeof *c->owed);
	c->owed[c->owed_count++] = (struct owed){p->node, p->local, err, true, true};
	pthread_mutex_unlock(&c->lock);
}

int chart_owed(struct chart *c, const struct place *p, bool opening)
{
	int err = 0;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->owed_count && !err; i++) {
		struct owed *o = &c->owed[i];
		bool *which = opening ? &o->at_open : &o->at_save;

		if (o->local != p->local || memcmp(o->node.b, p->node.b, NODE_BYTES) != 0 || !*which)
			continue;
		err = o->err;
		*which = false;
		if (!o->at_open && !o->at_save)
			*o = c->owed[--c->owed_count];
	}
	pthread_mutex_unlock(&c->lock);
	return err ? err_set(err, "an earlier save failed: %s", err_text(err)) : 0;
}

bool chart_can_come_right(int err)
{
	return err == CF_ENOQUORUM || err == CF_ENETWORK || err == CF_EAGAIN || err == CF_ENOMEM ||
	       err == CF_EFULL || err == CF_ELOCKED;
}

/* A save that nobody waits for: its result is taken over, and what could not be committed is tried again. */
static void look_after(struct chart *c, struct stage *s)
{
	struct overlay_item *item = NULL;
	bool left, refused;
	int err = chart_save_settle(c, s);

	pthread_mutex_lock(&s->lock);
	left = s->staged && !s->gone && (s->writers == 0 || s->flushed);
	refused = s->refused;
	if (left && s->place.kind == PLACE_LOCAL)
		item = overlay_find_number(c->overlay, s->place.local);
	pthread_mutex_unlock(&s->lock);
	if (left && err)
		err = CF_EAGAIN; /* not at once: the same would come of it */
	else if (left && item && item->linked && !item->scratch)
		err = chart_save_item(c, s, item, SAVE_FORCE | SAVE_NOWAIT);
	else if (left && refused)
		err = chart_keep_refused(c, s, item ? item->name : NULL);
	else if (left && item == NULL)
		err = chart_save_stage(c, s, NULL, NULL, SAVE_FORCE | SAVE_NOWAIT);
	if (left && err && chart_can_come_right(err))
		chart_task(c, s, CHART_AGAIN_MS);
	else if (left && err)
		chart_give_up(c, s, item, err);
	overlay_put(c->overlay, item);
	chart_stage_idle(c, s);
}

static struct task *take_tasks(struct chart *c, uint64_t now_ms)
{
	struct task **at = &c->tasks, *due = NULL;

	while (*at) {
		struct task *t = *at;

		if (t->not_before_ms > now_ms) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		t->next = due;
		due = t;
	}
	return due;
}

static void run_tasks(struct chart *c, struct task *t)
{
	while (t) {
		struct task *next = t->next;

		look_after(c, t->stage);
		stage_unref(t->stage);
		mem_free(t);
		t = next;
	}
}

/* Deletions whose name did not come back. False: the network does not take them now. */
static bool remove_hidden(struct chart *c, uint64_t before_ms)
{
	struct overlay_item *item;
	int err = 0;

	while (!err && (item = overlay_hidden_since(c->overlay, before_ms)) != NULL) {
		err = chart_remove_hidden(c, item);
		if (err)
			chart_note_error(c, item->name, err);
		if (err && !chart_can_come_right(err)) {
			overlay_unlink(c->overlay, item); /* it is shown again */
			err = 0;
		}
		overlay_put(c->overlay, item);
	}
	return err == 0;
}

static void *work(void *arg)
{
	struct chart *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->ending) {
		uint64_t now = tree_now_ms();
		struct task *due;

		c->at_work = !c->is_locked;
		if (c->is_locked) {
			pthread_cond_broadcast(&c->wake);
			pthread_cond_wait(&c->wake, &c->lock);
			continue;
		}
		due = take_tasks(c, now);

		if (due == NULL) {
			struct timespec ts;

			clock_gettime(CLOCK_REALTIME, &ts);
			ts.tv_nsec += WORKER_TICK_MS * 1000000L;
			ts.tv_sec += ts.tv_nsec / 1000000000;
			ts.tv_nsec %= 1000000000;
			pthread_cond_timedwait(&c->wake, &c->lock, &ts);
			if (c->ending || c->is_locked)
				continue;
		}
		pthread_mutex_unlock(&c->lock);
		run_tasks(c, due);
		now = tree_now_ms();
		chart_times_flush(c, now - CHART_TIMES_MS);
		remove_hidden(c, now - CHART_HIDDEN_MS);
		if (tree_rights_ended(c->tree))
			chart_rights_changed(c);
		pthread_mutex_lock(&c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void drop_item(struct overlay_item *item)
{
	stage_unref(item->stage);
	tree_file_release(item->pinned);
}

static int link_new(struct chart *c)
{
	c->link = mem_zalloc(sizeof *c->link);
	if (c->link == NULL)
		return CF_ENOMEM;
	pthread_mutex_init(&c->link->lock, NULL);
	c->link->refs = 1;
	c->link->chart = c;
	return 0;
}

static void link_end(struct chart_link *link)
{
	bool last;

	if (link == NULL)
		return;
	pthread_mutex_lock(&link->lock);
	link->chart = NULL;
	last = --link->refs == 0;
	pthread_mutex_unlock(&link->lock);
	if (last) {
		pthread_mutex_destroy(&link->lock);
		mem_free(link);
	}
}

static void release(struct chart *c)
{
	link_end(c->link);
	overlay_free(c->overlay);
	spool_close(c->spool);
	tree_free(c->tree);
	mem_free(c->own);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

int chart_new(const struct chart_config *config, struct chart **ret_chart)
{
	struct chart *c = mem_zalloc(sizeof *c);
	int err;

	assert(config && config->client && config->spool_dir);
	if (c == NULL)
		return CF_ENOMEM;
	c->client = config->client;
	c->timeout_ms = config->timeout_ms;
	c->when = config->when;
	random_bytes((uint8_t *)&c->session, sizeof c->session);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	err = link_new(c);
	if (!err)
		err = tree_new(c->client, c->timeout_ms, &c->tree);
	if (!err)
		err = spool_open(config->spool_dir, client_identity(c->client)->kem, &c->spool);
	if (!err)
		err = overlay_new(drop_item, &c->overlay);
	if (!err && pthread_create(&c->worker, NULL, work, c) != 0)
		err = CF_EAGAIN;
	c->has_worker = !err;
	if (err) {
		release(c);
		return err;
	}
	chart_guard_clean(c);
	*ret_chart = c;
	return 0;
}

/* A stage that outlives the chart's work: settled within the time left, else its bytes are kept. */
static void end_stage(struct chart *c, struct stage *s, const char *name, uint64_t until_ms)
{
	struct client_result r;
	uint64_t now = tree_now_ms();

	if (c->is_locked) {
		/* it lies on disk under its label (chart_lock.c) */
		spool_file_free(s->guard);
		s->guard = NULL;
	}
	if (!c->is_locked && s->pending &&
	    client_job_wait(s->pending->job, until_ms > now ? (unsigned)(until_ms - now) : 0, &r) == 0)
		(void)!chart_save_settle(c, s);
	if (!c->is_locked)
		chart_save_abandon(c, s, name);
	pthread_mutex_lock(&s->lock);
	stage_clear(s);
	pthread_mutex_unlock(&s->lock);
}

static void end_stages(struct chart *c, uint64_t until_ms)
{
	struct overlay_item *item;

	/* what was put aside and has not begun yet begins now; what has to be tried again is kept below */
	if (!c->is_locked)
		run_tasks(c, take_tasks(c, UINT64_MAX));
	while ((item = overlay_next_file(c->overlay)) != NULL) {
		end_stage(c, item->stage, item->scratch ? NULL : item->name, until_ms);
		overlay_unlink(c->overlay, item);
		overlay_put(c->overlay, item);
	}
	/* after the new files, whose names only the overlay knows */
	for (struct task *t = c->tasks, *next; t; t = next) {
		next = t->next;
		end_stage(c, t->stage, NULL, until_ms);
		stage_unref(t->stage);
		mem_free(t);
	}
	c->tasks = NULL;
	for (size_t b = 0; b < CHART_STAGE_BUCKETS; b++) {
		while (c->stages[b]) {
			struct stage *s = stage_ref(c->stages[b]);

			end_stage(c, s, NULL, until_ms);
			chart_stage_leave(c, s);
			stage_unref(s);
		}
	}
}

void chart_free(struct chart *c)
{
	uint64_t until_ms;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->worker, NULL);
	until_ms = tree_now_ms() + c->timeout_ms;
	if (!c->is_locked && remove_hidden(c, UINT64_MAX))
		chart_times_flush(c, UINT64_MAX);
	end_stages(c, until_ms);
	while (c->times) {
		struct times *t = c->times;

		c->times = t->next;
		mem_free(t);
	}
	release(c);
}

struct client *chart_client(struct chart *c)
{
	return c->client;
}

void chart_observe(struct chart *c, const struct chart_observer *observer)
{
	pthread_mutex_lock(&c->lock);
	c->observer = *observer;
	c->has_observer = true;
	pthread_mutex_unlock(&c->lock);
}
