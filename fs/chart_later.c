/* SPDX-License-Identifier: Apache-2.0 */
/* Saves that close(2) does not wait for (-o commit=fsync, async): checked, put aside, and left to the worker.
 */
#include "fs/chart_private.h"

#include "fs/json.h"

int chart_record_limit(struct chart *c, uint32_t *ret_max)
{
	struct policy_row policy;
	struct tree_look l;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	err = state_policy(l.txn, &policy);
	tree_look_end(&l);
	if (!err)
		*ret_max = policy.record_bytes_max;
	return err;
}

int chart_check_record(struct view plain)
{
	char reason[256];

	if (plain.len && json_check(plain, reason, sizeof reason))
		return err_set(CF_EINVAL, "a record must be JSON: %s", reason);
	return 0;
}

void chart_guard_give_back(struct chart *c, struct stage *s, struct spool_file *guard, uint64_t seq)
{
	pthread_mutex_lock(&s->lock);
	s->saving_seq = 0;
	if (c->when != CHART_COMMIT_CLOSE && guard && s->staged && s->guard == NULL) {
		s->guard = guard;
		s->guard_seq = seq;
		s->guard_durable = s->saving_durable;
		guard = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	spool_file_remove(guard);
}

/* With the stage's lock: what the save itself would refuse. */
static int check_staged(struct stage *s, uint32_t record_max)
{
	struct buf plain;
	uint8_t *data;
	int err;

	if (s->size > record_max)
		return err_set(CF_ETOOBIG, "a record of %llu bytes; at most %u are allowed",
			       (unsigned long long)s->size, record_max);
	buf_init(&plain, 0);
	err = buf_extend(&plain, s->size, &data);
	if (!err && s->size)
		err = stage_read(s, 0, s->size, data);
	if (!err)
		err = chart_check_record(buf_view(&plain));
	buf_release_secret(&plain);
	return err;
}

/* Whether it will be a record is known by the name, of a new file by the name it has now. */
static int will_be_record(struct chart *c, struct stage *s, struct overlay_item *item, bool *ret_is)
{
	enum node_type type;
	struct tree_look l;
	int err;

	if (item == NULL || s->place.kind == PLACE_NODE) {
		*ret_is = s->is_record;
		return 0;
	}
	err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	err = chart_type_of(&l, &item->dir, item->name, &type);
	tree_look_end(&l);
	if (!err)
		*ret_is = type == NODE_RECORD;
	return err;
}

/* With the stage's lock: once is enough, or what was saved once would be offered twice, unless it has to be
 * on the disk by now. */
static bool is_put_aside(const struct stage *s, uint64_t seq, bool durable)
{
	if (s->guard && s->guard_seq == seq && (s->guard_durable || !durable))
		return true;
	return s->saving_seq == seq && (s->saving_durable || !durable);
}

/* With the stage's lock: the guard is the stage's now. Returned is the one that nobody needs any more: that
 * before it, or itself if the save that began meanwhile has put the same aside. */
static struct spool_file *put_aside(struct stage *s, struct spool_file *guard, uint64_t seq, bool durable)
{
	struct spool_file *old = s->guard;

	if (!s->staged || is_put_aside(s, seq, durable))
		return guard; /* not staged: it was committed meanwhile */
	s->guard = guard;
	s->guard_seq = seq;
	s->guard_durable = durable;
	return old;
}

/* A save of these bytes that is just beginning makes them durable itself. */
static void wait_begun(struct stage *s)
{
	bool begins;

	pthread_mutex_lock(&s->lock);
	begins = s->saving_seq == s->bytes_seq && !s->saving_durable;
	pthread_mutex_unlock(&s->lock);
	if (begins) {
		pthread_mutex_lock(&s->save);
		pthread_mutex_unlock(&s->save);
	}
}

int chart_save_later(struct chart *c, struct stage *s, struct overlay_item *item, bool durable)
{
	const struct place *where = item ? &item->dir : &s->place;
	struct spool_file *guard;
	bool is_record = false, any;
	uint32_t record_max;
	uint64_t seq;
	int err = chart_record_limit(c, &record_max);

	if (!err)
		err = will_be_record(c, s, item, &is_record);
	if (err)
		return err;
	if (durable)
		wait_begun(s);
	pthread_mutex_lock(&s->lock);
	any = s->staged && s->touched && !s->gone && !is_put_aside(s, s->bytes_seq, durable);
	if (any && !chart_guards(s))
		err = CF_EAGAIN;
	else if (any && is_record)
		err = check_staged(s, record_max);
	pthread_mutex_unlock(&s->lock);
	if (err || !any)
		return err;
	err = chart_guard(c, s, where, item ? item->name : NULL, durable, &guard, &seq);
	if (err)
		return err == CF_ENOTFOUND ? 0 : err; /* committed meanwhile */
	pthread_mutex_lock(&s->lock);
	guard = put_aside(s, guard, seq, durable);
	s->flushed = true;
	pthread_mutex_unlock(&s->lock);
	spool_file_remove(guard);
	chart_task(c, s, 0);
	return 0;
}

int chart_put_aside(struct chart *c, struct stage *s, struct overlay_item *item)
{
	const struct place *where = item ? &item->dir : &s->place;
	struct spool_file *guard;
	uint64_t seq;
	bool any;
	int err;

	pthread_mutex_lock(&s->lock);
	any = s->staged && s->touched && !s->gone && !is_put_aside(s, s->bytes_seq, false);
	pthread_mutex_unlock(&s->lock);
	if (!any)
		return 0;
	err = chart_guard(c, s, where, item ? item->name : NULL, false, &guard, &seq);
	if (err || !guard)
		return err == CF_ENOTFOUND ? 0 : err;
	pthread_mutex_lock(&s->lock);
	guard = put_aside(s, guard, seq, false);
	pthread_mutex_unlock(&s->lock);
	spool_file_remove(guard);
	return 0;
}
