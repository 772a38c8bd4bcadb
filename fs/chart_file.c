/* SPDX-License-Identifier: Apache-2.0 */
/* Open files. */
#include "fs/chart_private.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

void chart_file_attach(struct chart_file *f, struct stage *s)
{
	f->s = s;
	pthread_mutex_lock(&s->lock);
	if (f->flags & CHART_WRITE)
		chart_wait_converted(s);
	s->handles++;
	if (f->flags & CHART_WRITE)
		s->writers++;
	pthread_mutex_unlock(&s->lock);
}

int chart_file_attach_node(struct chart_file *f, const struct place *node)
{
	struct stage *s;
	int err = chart_stage_get(f->c, node, &s);

	if (err)
		return err;
	chart_file_attach(f, s);
	chart_stage_got(f->c, s);
	return 0;
}

struct chart_file *chart_file_new(struct chart *c, const struct place *p, unsigned flags)
{
	struct chart_file *f = mem_zalloc(sizeof *f);

	if (f) {
		f->c = c;
		f->flags = flags;
		f->place = *p;
		f->rights = c->rights; /* before the file is opened: a change meanwhile is seen */
	}
	return f;
}

static void file_free(struct chart_file *f)
{
	tree_file_release(f->seen);
	overlay_put(f->c->overlay, f->item);
	mem_free(f);
}

/* An alias that is written to becomes a scratch file that began as what the alias shows. */
int chart_alias_to_file(struct chart *c, struct overlay_item *item)
{
	struct place place = overlay_place(item);
	struct stage *s = NULL;
	int err = stage_new(c->tree, c->spool, &place, false, &s);

	if (err)
		return err;
	stage_begin(s, item->pinned, false, NULL);
	err = chart_xattr_carry(c, &item->node, s);
	if (err) {
		stage_unref(s);
		return err;
	}
	if (!overlay_to_file(c->overlay, item, s))
		stage_unref(s); /* another handle was first */
	return 0;
}

/* With the stage's lock. The attributes are those of now, which may be later than the version's. */
static void begin(struct chart_file *f, bool truncate)
{
	struct op_attrs attrs;
	struct chart_attr now;
	bool known = f->s->place.kind == PLACE_NODE && tree_getattr(f->c->tree, &f->s->place, &now) == 0;

	if (known) {
		chart_times_show(f->c, &now);
		attrs = (struct op_attrs){now.mode & 07777, now.uid, now.gid, now.atime_ns, now.mtime_ns};
	}
	stage_begin(f->s, f->seen, truncate, known ? &attrs : NULL);
}

int chart_file_stage(struct chart_file *f, bool truncate)
{
	struct stage *s = f->s;

	for (;;) {
		int err;

		pthread_mutex_lock(&s->lock);
		if (s->staged && chart_file_shares(f))
			return 0;
		if (s->staged) {
			pthread_mutex_unlock(&s->lock);
			return err_set(CF_ECONFLICT, "the file was changed since it was opened, and is being "
						     "written to as it is now");
		}
		if (!chart_file_is_stale(f)) {
			begin(f, truncate);
			return 0;
		}
		pthread_mutex_unlock(&s->lock);
		err = chart_file_refresh(f);
		if (err)
			return err;
	}
}

/* Empty from here on; the flush before the first byte is no save. */
static int truncate_at_open(struct chart_file *f)
{
	int err = chart_file_stage(f, true);

	if (err)
		return err;
	if (f->s->size)
		err = stage_truncate(f->s, 0);
	pthread_mutex_unlock(&f->s->lock);
	return err;
}

static int open_local(struct chart_file *f, struct overlay_item *item)
{
	int err = 0;

	if (item->kind == OVERLAY_DIR)
		return CF_EISDIR;
	if (item->kind != OVERLAY_FILE && item->kind != OVERLAY_ALIAS)
		return CF_EINVAL;
	if (item->kind == OVERLAY_ALIAS && (f->flags & CHART_WRITE))
		err = chart_alias_to_file(f->c, item);
	if (err)
		return err;
	if (item->kind == OVERLAY_ALIAS) {
		f->seen = tree_file_ref(item->pinned);
		return 0;
	}
	chart_file_attach(f, stage_ref(item->stage));
	pthread_mutex_lock(&f->s->lock);
	if (f->s->place.kind == PLACE_NODE)
		f->place = f->s->place; /* saved just now */
	else if (!f->s->staged)
		stage_begin(f->s, NULL, false, NULL);
	/* perhaps nobody had it open by then; whoever opens the node finds this stage */
	if (f->s->place.kind == PLACE_NODE)
		chart_stage_enter(f->c, f->s);
	pthread_mutex_unlock(&f->s->lock);
	return f->flags & CHART_TRUNC ? truncate_at_open(f) : 0;
}

static int see(struct chart_file *f)
{
	const struct node_row *n;
	int err = tree_file_open(f->c->tree, &f->place, &f->seen);

	if (err)
		return err;
	n = &f->seen->node;
	pthread_mutex_lock(&f->s->lock);
	stage_know(f->s, &(struct op_attrs){n->mode, n->uid, n->gid, n->atime_ns, n->mtime_ns}, f->seen->size,
		   n->ctime_ns);
	pthread_mutex_unlock(&f->s->lock);
	return 0;
}

static int open_node(struct chart_file *f)
{
	struct chart *c = f->c;
	bool staged;
	int err = 0;

	if (f->place.height || f->place.kind == PLACE_PERSON || f->place.kind == PLACE_WAITING ||
	    f->place.kind == PLACE_ACCESS_FILE) {
		if (f->flags & CHART_WRITE)
			return place_is_past(&f->place) ? CF_EROFS : CF_EPERM;
		return tree_file_open(c->tree, &f->place, &f->seen);
	}
	if (f->place.kind != PLACE_NODE)
		return place_is_dir(&f->place) ? CF_EISDIR : CF_ENOTFOUND;
	if (f->flags & CHART_WRITE)
		err = tree_access(c->tree, &f->place, 2 /* W_OK */);
	if (!err && (f->flags & CHART_WRITE))
		err = chart_owed(c, &f->place, true);
	if (!err)
		err = chart_file_attach_node(f, &f->place);
	if (err)
		return err;
	pthread_mutex_lock(&f->s->lock);
	staged = f->s->staged;
	pthread_mutex_unlock(&f->s->lock);
	if (staged)
		err = tree_access(c->tree, &f->place, 4 /* R_OK */);
	else
		err = see(f);
	if (!err && (f->flags & CHART_TRUNC))
		err = truncate_at_open(f);
	return err;
}

int chart_open(struct chart *c, const struct place *p, unsigned flags, struct chart_file **ret_file)
{
	struct overlay_item *item = NULL;
	struct place node, was;
	struct chart_file *f;
	int err;

	if (p->kind == PLACE_LOCAL)
		item = chart_settle_found(c, overlay_find_number(c->overlay, p->local), &was);
	if (p->kind == PLACE_LOCAL && overlay_became(c->overlay, p->local, &node)) {
		overlay_put(c->overlay, item);
		item = NULL;
		p = &node;
	}
	f = chart_file_new(c, p, flags);
	if (f == NULL) {
		overlay_put(c->overlay, item);
		return CF_ENOMEM;
	}
	if (p->kind == PLACE_LOCAL) {
		f->item = item;
		err = f->item ? open_local(f, f->item) : CF_ENOTFOUND;
	} else {
		err = open_node(f);
	}
	if (err)
		chart_close(f);
	else
		*ret_file = f;
	return err;
}

/* Keys to seal ahead with: for a file whose section is known. */
static void push(struct chart_file *f)
{
	const struct place *where = f->item ? &f->item->dir : &f->place;
	struct section_keys keys;
	struct tree_look l;
	int err;

	if (where->kind != PLACE_NODE || tree_look_begin(f->c->tree, 0, &l))
		return;
	err = tree_keys_current(&l, &where->patient, where->section, &keys);
	tree_look_end(&l);
	if (err)
		return;
	stage_push(f->s, &keys);
	mem_wipe(&keys, sizeof keys);
}

/* With the stage's lock. */
static void set_closing(struct chart_file *f, bool closing)
{
	if (closing != f->closing)
		f->s->closing += closing ? 1u : -1u;
	f->closing = closing;
}

int chart_write(struct chart_file *f, uint64_t offset, struct view data)
{
	struct stage *s = f->s;
	bool wants_push;
	int err;

	if (!(f->flags & CHART_WRITE) || s == NULL)
		return CF_EPERM;
	err = chart_file_stage(f, false);
	if (err)
		return err;
	set_closing(f, false);
	if (f->flags & CHART_APPEND)
		offset = s->size;
	err = stage_write(s, offset, data);
	wants_push = !err && stage_wants_push(s);
	pthread_mutex_unlock(&s->lock);
	if (wants_push)
		push(f);
	return err;
}

#define LATER 8u    /* beside SAVE_*: put aside, not waited for */
#define DURABLY 16u /* that is on the disk */

/* False: its name was removed, never came to be, or is one that no save is made under. */
static bool has_name(const struct chart_file *f)
{
	const struct overlay_item *item = f->item;

	if (item == NULL)
		return true;
	return item->linked ? !item->scratch : item->stage->place.kind != PLACE_LOCAL;
}

static int save(struct chart_file *f, unsigned flags)
{
	struct overlay_item *item = f->item && f->item->linked ? f->item : NULL;
	int err = CF_EAGAIN;

	if (!has_name(f))
		return f->s->refused ? chart_keep_refused(f->c, f->s, f->item->name) : 0;
	if (flags & LATER)
		err = chart_save_later(f->c, f->s, item, flags & DURABLY);
	flags &= ~(LATER | DURABLY);
	if (err == CF_EAGAIN && item)
		err = chart_save_item(f->c, f->s, item, flags);
	else if (err == CF_EAGAIN)
		err = chart_save_stage(f->c, f->s, NULL, NULL, flags);
	pthread_mutex_lock(&f->s->lock);
	f->place = f->s->place;
	pthread_mutex_unlock(&f->s->lock);
	return err;
}

static int save_or_tell(struct chart_file *f, unsigned flags)
{
	struct place was = f->place;
	int err, owed;

	if (f->s == NULL || !(f->flags & CHART_WRITE))
		return 0;
	pthread_mutex_lock(&f->s->lock);
	f->s->flushed = true;
	pthread_mutex_unlock(&f->s->lock);
	/* told once: what this very call comes to is not told by it a second time */
	owed = chart_owed(f->c, &was, false);
	if (owed) {
		struct stage *s = f->s;
		bool staged;

		pthread_mutex_lock(&s->lock);
		staged = s->staged && s->touched;
		pthread_mutex_unlock(&s->lock);
		if (!staged)
			return owed;
	}
	err = save(f, flags);
	return err || has_name(f) ? err : owed;
}

int chart_save(struct chart_file *f)
{
	if (f->s && (f->flags & CHART_WRITE)) {
		pthread_mutex_lock(&f->s->lock);
		set_closing(f, true);
		pthread_mutex_unlock(&f->s->lock);
	}
	return save_or_tell(f, f->c->when == CHART_COMMIT_CLOSE ? 0 : LATER);
}

/* sync(1) opens a file to read it; errors owed are the writers'. */
int chart_sync(struct chart_file *f)
{
	unsigned flags = f->c->when == CHART_COMMIT_ASYNC ? LATER | DURABLY : 0;

	if (f->flags & CHART_WRITE)
		return save_or_tell(f, flags);
	return f->s && has_name(f) ? save(f, flags) : 0;
}

/* The last writer is gone: what was never flushed is saved without anybody waiting; an empty new file, too.
 */
static void finish(struct chart_file *f)
{
	struct stage *s = f->s;
	bool left, named;
	int err;

	pthread_mutex_lock(&s->lock);
	left = s->staged && !s->gone;
	pthread_mutex_unlock(&s->lock);
	named = f->item && f->item->linked && !f->item->scratch;
	err = left ? save(f, SAVE_FORCE | SAVE_NOWAIT) : 0;
	if (err && chart_can_come_right(err))
		chart_task(f->c, s, 0);
	else if (err)
		chart_give_up(f->c, s, named ? f->item : NULL, err);
}

static void detach(struct chart_file *f)
{
	struct stage *s = f->s;
	bool last_writer = false;

	pthread_mutex_lock(&s->lock);
	set_closing(f, false);
	if (f->flags & CHART_WRITE)
		last_writer = --s->writers == 0;
	pthread_mutex_unlock(&s->lock);
	if (last_writer)
		finish(f);
	pthread_mutex_lock(&s->lock);
	s->handles--;
	pthread_mutex_unlock(&s->lock);
	chart_stage_idle(f->c, s);
	stage_unref(s);
}

void chart_close(struct chart_file *f)
{
	if (f == NULL)
		return;
	if (f->s)
		detach(f);
	file_free(f);
}

const struct place *chart_file_place(const struct chart_file *f)
{
	return &f->place;
}
