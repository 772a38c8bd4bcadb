/* SPDX-License-Identifier: Apache-2.0 */
/* A chart without keys: what is staged lies sealed in the spool, what is committed is not in memory. */
#include "fs/chart_private.h"

#include "ledger/mem.h"

/* Every stage there is; item: of a file of this mount only, else NULL. A non-zero answer ends the walk. */
typedef int (*stage_fn)(struct chart *c, struct stage *s, struct overlay_item *item);

struct item_walk {
	struct chart *c;
	stage_fn fn;
	int err;
};

static void on_item(void *ctx, struct overlay_item *item)
{
	struct item_walk *w = ctx;

	if (!w->err && item->stage)
		w->err = w->fn(w->c, item->stage, item);
}

/* Those in the table, each with a reference. */
static int list_stages(struct chart *c, struct stage ***ret_list, size_t *ret_count)
{
	struct stage **list;
	size_t count = 0;

	pthread_mutex_lock(&c->lock);
	for (size_t b = 0; b < CHART_STAGE_BUCKETS; b++) {
		for (struct stage *s = c->stages[b]; s; s = s->next)
			count++;
	}
	list = mem_array(NULL, count, sizeof(*list));
	count = 0;
	for (size_t b = 0; list && b < CHART_STAGE_BUCKETS; b++) {
		for (struct stage *s = c->stages[b]; s; s = s->next)
			list[count++] = stage_ref(s);
	}
	pthread_mutex_unlock(&c->lock);
	*ret_list = list;
	*ret_count = count;
	return list ? 0 : CF_ENOMEM;
}

static int each_stage(struct chart *c, stage_fn fn)
{
	struct item_walk w = {.c = c, .fn = fn};
	struct stage **list;
	size_t count;

	w.err = list_stages(c, &list, &count);
	for (size_t i = 0; i < count; i++) {
		if (!w.err)
			w.err = fn(c, list[i], NULL);
		stage_unref(list[i]);
	}
	mem_free(list);
	if (!w.err)
		overlay_each_file(c->overlay, on_item, &w);
	return w.err;
}

static int is_pending(struct chart *c, struct stage *s, struct overlay_item *item)
{
	bool pending = true;

	(void)c;
	(void)item;
	if (pthread_mutex_trylock(&s->save) == 0) {
		pending = s->pending;
		pthread_mutex_unlock(&s->save);
	}
	return pending ? CF_EBUSY : 0;
}

bool chart_is_busy(struct chart *c)
{
	uint64_t now = tree_now_ms();
	bool due = false;

	pthread_mutex_lock(&c->lock);
	for (const struct task *t = c->tasks; t && !due; t = t->next)
		due = t->not_before_ms <= now;
	due = due || c->times;
	pthread_mutex_unlock(&c->lock);
	return due || client_busy(c->client) || each_stage(c, is_pending) != 0;
}

static int put_aside(struct chart *c, struct stage *s, struct overlay_item *item)
{
	int err = item && item->scratch ? 0 : chart_put_aside(c, s, item);

	pthread_mutex_lock(&s->lock);
	if (!err)
		err = stage_seal(s);
	pthread_mutex_unlock(&s->lock);
	return err;
}

static int bring_back(struct chart *c, struct stage *s, struct overlay_item *item)
{
	int err;

	(void)c;
	(void)item;
	pthread_mutex_lock(&s->lock);
	err = stage_unseal(s);
	pthread_mutex_unlock(&s->lock);
	return err;
}

static void let_worker(struct chart *c, bool work)
{
	pthread_mutex_lock(&c->lock);
	c->is_locked = !work;
	pthread_cond_broadcast(&c->wake);
	while (!work && c->at_work)
		pthread_cond_wait(&c->wake, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

int chart_lock(struct chart *c)
{
	int err;

	let_worker(c, false);
	err = chart_is_busy(c) ? CF_EBUSY : each_stage(c, put_aside);
	if (!err)
		err = spool_lock(c->spool);
	if (!err) {
		tree_lock(c->tree);
		return 0;
	}
	if (each_stage(c, bring_back))
		chart_note_error(c, "attributes that are not saved", CF_EIO);
	let_worker(c, true);
	return err;
}

int chart_unlock(struct chart *c)
{
	const struct identity *me = client_identity(c->client);
	int err = identity_use(me);

	if (err)
		return err;
	err = spool_unlock(c->spool, me->kem);
	identity_done(me);
	if (!err)
		err = each_stage(c, bring_back);
	if (err)
		return spool_lock(c->spool) ? CF_EIO : err;
	c->rights++; /* whoever has a file open is asked again whether it may be read */
	let_worker(c, true);
	return 0;
}
