/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New files between their creation and their first save. The kernel tells of the last close only after
 * close(2) returned, and an empty file is saved then: what looks at it next waits for both.
 */
#include "fs/chart_private.h"

#include <time.h>

#define CLOSE_WAIT_NS 100000 /* 20 times */
#define CLOSE_WAITS 20

/* True: nobody has it open. */
static bool is_closed(struct stage *s, bool *ret_flushed)
{
	bool closed;

	pthread_mutex_lock(&s->lock);
	closed = s->handles == 0;
	*ret_flushed = s->flushed;
	pthread_mutex_unlock(&s->lock);
	return closed;
}

static bool wait_closed(struct stage *s)
{
	const struct timespec pause = {0, CLOSE_WAIT_NS};
	bool flushed, closed = is_closed(s, &flushed);

	for (int i = 0; i < CLOSE_WAITS && !closed && flushed; i++) {
		nanosleep(&pause, NULL);
		closed = is_closed(s, &flushed);
	}
	return closed;
}

void chart_wait_for_close(struct stage *s)
{
	bool numbered;

	pthread_mutex_lock(&s->lock);
	numbered = s->shown_ino && s->handles && !s->staged;
	pthread_mutex_unlock(&s->lock);
	if (numbered)
		(void)wait_closed(s);
}

static void settle(struct chart *c, struct overlay_item *item)
{
	struct stage *s = item->stage;

	if (item->kind != OVERLAY_FILE || item->scratch || !item->linked || c->when != CHART_COMMIT_CLOSE)
		return;
	/* waited for once: without a quorum a look at it must not take so long each time */
	if (wait_closed(s) && chart_save_wait(c, s, s->is_late ? 0 : c->timeout_ms))
		s->is_late = true;
}

struct overlay_item *chart_settle_found(struct chart *c, struct overlay_item *item, struct place *ret_was)
{
	struct place was, node;

	if (item == NULL || !item->linked)
		return item; /* without a name: open, and found by its number */
	was = overlay_place(item);
	settle(c, item);
	if (item->linked)
		return item;
	if (overlay_became(c->overlay, item->number, &node))
		*ret_was = was;
	overlay_put(c->overlay, item);
	return NULL;
}
