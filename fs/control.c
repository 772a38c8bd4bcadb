/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/control_private.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum entry {
	ENTRY_STATUS = 1,
	ENTRY_HEIGHT,
	ENTRY_METRICS,
	ENTRY_LAST_ERROR,
	ENTRY_STAGED,
	ENTRY_CONFLICTS,
	ENTRY_CONTROL,
	ENTRY_CONFLICT, /* a file below conflicts/; its name tells which */
};

struct control_file {
	struct control *c;
	struct control_file *next, **prev; /* of the control's, under its lock */
	bool stream;
	bool conflict;
	bool forgotten;
	char passphrase[PASSPHRASE_BYTES_MAX + 1];
	pthread_mutex_t lock; /* of a stream: several threads may serve one descriptor */
	struct buf line;      /* a request so far */
	struct buf bytes;     /* what is read */
	size_t at;            /* of a stream: what was read already */
};

static int text_status(struct control *c, struct buf *out)
{
	struct json *status = control_status(c);
	int err = json_pretty(status, out);

	json_free(status);
	return err;
}

static int text_height(struct control *c, struct buf *out)
{
	return buf_printf(out, "%" PRIu64 "\n", client_height(chart_client(c->chart)));
}

static int text_last_error(struct control *c, struct buf *out)
{
	return chart_last_errors(c->chart, out);
}

static int text_staged(struct control *c, struct buf *out)
{
	return chart_staged(c->chart, out);
}

static const struct {
	const char *name;
	uint32_t mode;
	int (*text)(struct control *c, struct buf *out);
} entries[] = {
	[ENTRY_STATUS] = {"status", S_IFREG | 0444, text_status},
	[ENTRY_HEIGHT] = {"height", S_IFREG | 0444, text_height},
	[ENTRY_METRICS] = {"metrics", S_IFREG | 0444, control_metrics},
	[ENTRY_LAST_ERROR] = {"last-error", S_IFREG | 0400, text_last_error},
	[ENTRY_STAGED] = {"staged", S_IFREG | 0400, text_staged},
	[ENTRY_CONFLICTS] = {"conflicts", S_IFDIR | 0700, NULL},
	[ENTRY_CONTROL] = {"control", S_IFREG | 0600, NULL},
};

#define ENTRY_COUNT (sizeof(entries) / sizeof(entries[0]))

int control_new(struct chart *chart, struct inodes *inodes, struct latch *latch, bool read_only,
		struct control **ret_c)
{
	struct control *c = mem_zalloc(sizeof(*c));

	assert(chart && inodes && latch && ret_c);
	if (!c)
		return CF_ENOMEM;
	c->chart = chart;
	c->inodes = inodes;
	c->read_only = read_only;
	c->latch = latch;
	pthread_mutex_init(&c->lock, NULL);
	c->started_ms = ticks_wall_ms();
	*ret_c = c;
	return 0;
}

void control_free(struct control *c)
{
	if (c)
		pthread_mutex_destroy(&c->lock);
	mem_free(c);
}

void control_set_locker(struct control *c, struct locker *k)
{
	c->locker = k;
}

void control_forget(struct control *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct control_file *f = c->files; f; f = f->next) {
		if (!f->conflict)
			continue;
		pthread_mutex_lock(&f->lock);
		buf_release_secret(&f->bytes);
		f->forgotten = true;
		pthread_mutex_unlock(&f->lock);
	}
	pthread_mutex_unlock(&c->lock);
}

struct chart *control_chart(struct control *c)
{
	return c->chart;
}

static void set_attr(const struct control *c, struct place p, uint32_t mode, uint64_t size,
		     struct chart_attr *ret_attr)
{
	memset(ret_attr, 0, sizeof(*ret_attr));
	ret_attr->place = p;
	ret_attr->mode = mode;
	ret_attr->nlink = S_ISDIR(mode) ? 2 : 1;
	ret_attr->size = size;
	ret_attr->mtime_ns = ret_attr->ctime_ns = ret_attr->atime_ns = c->started_ms * 1000000;
}

static struct place entry_place(uint64_t local)
{
	struct place p = place_simple(PLACE_CONTROL_FILE, 0);

	p.local = local;
	return p;
}

/* Conflicts have names of any length: the hash of the name tells them apart. */
static struct place conflict_place(const char *name)
{
	struct hash h = sha256(view_str(name));
	struct place p = entry_place(ENTRY_CONFLICT);

	memcpy(p.node.b, h.b, NODE_BYTES);
	return p;
}

struct conflict_search {
	struct control *c;
	struct place place;
	uint64_t number; /* cookies: the place in the list */
	uint64_t after;
	bool found;
	struct chart_attr attr;
	bool (*on_entry)(void *ctx, const char *name, const struct chart_attr *attr, uint64_t cookie);
	void *ctx;
};

static bool match_conflict(void *ctx, const char *name, uint64_t size)
{
	struct conflict_search *s = ctx;
	struct place p = conflict_place(name);

	if (!place_equal(&p, &s->place))
		return true;
	set_attr(s->c, p, S_IFREG | 0400, size, &s->attr);
	s->found = true;
	return false;
}

static bool list_conflict(void *ctx, const char *name, uint64_t size)
{
	struct conflict_search *s = ctx;
	struct chart_attr attr;

	if (++s->number <= s->after)
		return true;
	set_attr(s->c, conflict_place(name), S_IFREG | 0400, size, &attr);
	return s->on_entry(s->ctx, name, &attr, s->number);
}

/* They are sealed: it takes keys to see which there are. */
static int walk_conflicts(struct control *c, bool (*on_name)(void *ctx, const char *name, uint64_t size),
			  struct conflict_search *s)
{
	int err = latch_enter(c->latch, LATCH_CALLER);

	if (err)
		return err;
	err = chart_conflicts(c->chart, on_name, s);
	latch_leave(c->latch, LATCH_CALLER);
	return err;
}

int control_getattr(struct control *c, const struct place *p, struct chart_attr *ret_attr)
{
	struct conflict_search s = {.c = c, .place = *p};
	int err;

	if (p->kind == PLACE_CONTROL) {
		set_attr(c, *p, S_IFDIR | 0555, 0, ret_attr);
		return 0;
	}
	if (p->local > 0 && p->local < ENTRY_COUNT) {
		set_attr(c, *p, entries[p->local].mode, 0, ret_attr);
		return 0;
	}
	err = walk_conflicts(c, match_conflict, &s);
	if (!err && !s.found)
		err = CF_ENOTFOUND;
	if (!err)
		*ret_attr = s.attr;
	return err;
}

static bool is_conflicts(const struct place *p)
{
	return p->kind == PLACE_CONTROL_FILE && p->local == ENTRY_CONFLICTS;
}

int control_lookup(struct control *c, const struct place *dir, const char *name, struct chart_attr *ret_attr)
{
	struct place p;

	if (is_conflicts(dir)) {
		p = conflict_place(name);
		return control_getattr(c, &p, ret_attr);
	}
	if (dir->kind != PLACE_CONTROL)
		return CF_ENOTDIR;
	for (size_t i = 1; i < ENTRY_COUNT; i++) {
		if (strcmp(entries[i].name, name) == 0) {
			set_attr(c, entry_place(i), entries[i].mode, 0, ret_attr);
			return 0;
		}
	}
	return CF_ENOTFOUND;
}

int control_remove(struct control *c, const struct place *dir, const char *name)
{
	int err = is_conflicts(dir) ? latch_enter(c->latch, LATCH_CALLER) : CF_EPERM;

	if (err)
		return err;
	err = chart_conflict_remove(c->chart, name);
	latch_leave(c->latch, LATCH_CALLER);
	return err;
}

int control_list(struct control *c, const struct place *dir, uint64_t cookie,
		 bool (*on_entry)(void *ctx, const char *name, const struct chart_attr *attr,
				  uint64_t cookie),
		 void *ctx)
{
	struct conflict_search s = {.c = c, .after = cookie, .on_entry = on_entry, .ctx = ctx};
	struct chart_attr attr;

	if (is_conflicts(dir))
		return walk_conflicts(c, list_conflict, &s);
	if (dir->kind != PLACE_CONTROL)
		return CF_ENOTDIR;
	for (uint64_t i = cookie + 1; i < ENTRY_COUNT; i++) {
		set_attr(c, entry_place(i), entries[i].mode, 0, &attr);
		if (!on_entry(ctx, entries[i].name, &attr, i))
			break;
	}
	return 0;
}

static void enter(struct control_file *f)
{
	pthread_mutex_lock(&f->c->lock);
	f->next = f->c->files;
	f->prev = &f->c->files;
	if (f->next)
		f->next->prev = &f->next;
	f->c->files = f;
	pthread_mutex_unlock(&f->c->lock);
}

static void leave(struct control_file *f)
{
	pthread_mutex_lock(&f->c->lock);
	*f->prev = f->next;
	if (f->next)
		f->next->prev = f->prev;
	pthread_mutex_unlock(&f->c->lock);
}

int control_open(struct control *c, const struct place *p, const char *name, struct control_file **ret_f)
{
	struct control_file *f;
	int err = 0;

	if (p->kind != PLACE_CONTROL_FILE || is_conflicts(p))
		return CF_EISDIR;
	f = mem_zalloc(sizeof(*f));
	if (!f)
		return CF_ENOMEM;
	f->c = c;
	f->stream = p->local == ENTRY_CONTROL;
	pthread_mutex_init(&f->lock, NULL);
	buf_init(&f->line, CONTROL_REQUEST_BYTES_MAX);
	buf_init(&f->bytes, 0);
	f->conflict = p->local == ENTRY_CONFLICT;
	enter(f);
	if (f->conflict || p->local == ENTRY_STAGED)
		err = latch_enter(c->latch, LATCH_CALLER);
	if (!err && f->conflict)
		err = chart_conflict_read(c->chart, name, &f->bytes);
	else if (!err && !f->stream)
		err = entries[p->local].text(c, &f->bytes);
	if (!err && (f->conflict || p->local == ENTRY_STAGED))
		latch_leave(c->latch, LATCH_CALLER);
	if (err)
		control_close(f);
	else
		*ret_f = f;
	return err;
}

void control_close(struct control_file *f)
{
	if (!f)
		return;
	leave(f);
	mem_wipe(f->passphrase, sizeof(f->passphrase));
	buf_release(&f->line);
	buf_release_secret(&f->bytes);
	pthread_mutex_destroy(&f->lock);
	mem_free(f);
}

bool control_is_stream(const struct control_file *f)
{
	return f->stream;
}

int control_read(struct control_file *f, uint64_t offset, size_t bytes, struct buf *out)
{
	size_t from, left;
	int err;

	pthread_mutex_lock(&f->lock);
	if (f->forgotten) {
		pthread_mutex_unlock(&f->lock);
		return err_set(CF_ELOCKED, "the keys were locked away meanwhile: it has to be opened again");
	}
	from = f->stream ? f->at : offset < f->bytes.len ? (size_t)offset : f->bytes.len;
	left = f->bytes.len - from;
	err = left ? buf_append(out, f->bytes.data + from, left < bytes ? left : bytes) : 0;
	if (!err && f->stream)
		f->at += left < bytes ? left : bytes;
	pthread_mutex_unlock(&f->lock);
	return err;
}

/* Answers every line that is whole. */
static int take_lines(struct control_file *f)
{
	uint8_t *end;
	int err = 0;

	while (!err && f->line.len && (end = memchr(f->line.data, '\n', f->line.len)) != NULL) {
		size_t used = (size_t)(end - f->line.data);

		if (f->at == f->bytes.len) {
			buf_reset(&f->bytes);
			f->at = 0;
		}
		err = control_request(f->c, f, VIEW(f->line.data, used), &f->bytes);
		memmove(f->line.data, f->line.data + used + 1, f->line.len - used - 1);
		f->line.len -= used + 1;
	}
	return err;
}

int control_write(struct control_file *f, struct view data)
{
	int err;

	if (!f->stream)
		return CF_EPERM;
	pthread_mutex_lock(&f->lock);
	err = buf_append_view(&f->line, data);
	if (!err)
		err = take_lines(f);
	pthread_mutex_unlock(&f->lock);
	return err;
}

int control_secret(struct control_file *f, struct view passphrase)
{
	if (!f->stream)
		return CF_EPERM;
	if (passphrase.len > PASSPHRASE_BYTES_MAX)
		return CF_ETOOBIG;
	pthread_mutex_lock(&f->lock);
	mem_wipe(f->passphrase, sizeof(f->passphrase));
	memcpy(f->passphrase, passphrase.data, passphrase.len);
	pthread_mutex_unlock(&f->lock);
	return 0;
}

void control_passphrase(struct control_file *f, char ret_passphrase[PASSPHRASE_BYTES_MAX + 1])
{
	memcpy(ret_passphrase, f->passphrase, sizeof(f->passphrase));
	mem_wipe(f->passphrase, sizeof(f->passphrase));
}
