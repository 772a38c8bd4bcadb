/* SPDX-License-Identifier: Apache-2.0 */
#define FUSE_USE_VERSION 312

#include "fs/notify.h"

#include "ledger/mem.h"

#include <assert.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <string.h>

#define NOTES_MAX 65536
#define JOIN_MAX 32 /* of the newest notes, those a new one may be the same as */
#define IDS_MAX 16

enum note_kind { NOTE_ATTR, NOTE_CONTENT, NOTE_ENTRY, NOTE_EVENT };

struct note {
	enum note_kind kind;
	uint64_t id; /* NOTE_ENTRY, NOTE_EVENT: the parent's */
	char *name;  /* of these two */
	enum event_kind event;
	enum node_type type;
};

struct notify {
	struct fuse_session *session;
	struct inodes *inodes;
	struct events *events;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct note *note; /* in the order they came */
	size_t count;
	size_t cap;
	bool all;
	bool stop;
	uint64_t sent;
};

/*
 * Expired, not dropped: what programs have open or stand in stays what it is, and is looked up again when it
 * is next named. A dropped directory would make getcwd fail in every shell that stands in it.
 */
static void forget_entry(struct notify *n, uint64_t parent, const char *name)
{
	int rc = fuse_lowlevel_notify_expire_entry(n->session, parent, name, strlen(name),
						   FUSE_LL_EXPIRE_ONLY);

	if (rc == -ENOSYS)
		(void)fuse_lowlevel_notify_inval_entry(n->session, parent, name, strlen(name));
}

static void pass_on(struct notify *n, const struct note *note)
{
	struct event event = {.kind = note->event, .type = note->type, .parent = note->id};

	memcpy(event.name, note->name, strlen(note->name) + 1);
	events_post(n->events, &event);
}

static void send_note(struct notify *n, const struct note *note)
{
	/* The kernel not knowing the inode or the name (any more) is the usual case of failure. */
	switch (note->kind) {
	case NOTE_ATTR:
		(void)fuse_lowlevel_notify_inval_inode(n->session, note->id, -1, 0);
		break;
	case NOTE_CONTENT:
		(void)fuse_lowlevel_notify_inval_inode(n->session, note->id, 0, 0);
		break;
	case NOTE_ENTRY:
		forget_entry(n, note->id, note->name);
		break;
	case NOTE_EVENT:
		pass_on(n, note);
		break;
	}
}

struct id_list {
	uint64_t *id;
	size_t count;
	size_t cap;
};

static void collect(void *ctx, uint64_t id, const struct place *p)
{
	struct id_list *list = ctx;

	/* all of them: the past does not change, but the right to read it does */
	(void)p;
	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 1024;
		uint64_t *more = mem_array(list->id, cap, sizeof(*more));

		if (!more)
			return;
		list->id = more;
		list->cap = cap;
	}
	list->id[list->count++] = id;
}

static void send_all(struct notify *n)
{
	struct id_list list = {NULL, 0, 0};
	char name[NAME_BYTES_MAX + 1];
	uint64_t parent;

	inode_each(n->inodes, collect, &list);
	for (size_t i = 0; i < list.count; i++) {
		(void)fuse_lowlevel_notify_inval_inode(n->session, list.id[i], 0, 0);
		if (inode_name(n->inodes, list.id[i], &parent, name) == 0)
			forget_entry(n, parent, name);
	}
	mem_free(list.id);
}

static void free_notes(struct note *note, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_free(note[i].name);
	mem_free(note);
}

static void *run(void *ctx)
{
	struct notify *n = ctx;

	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		struct note *note = n->note;
		size_t count = n->count;
		bool all = n->all;

		if (count == 0 && !all) {
			pthread_cond_wait(&n->wake, &n->lock);
			continue;
		}
		n->note = NULL;
		n->count = n->cap = 0;
		n->all = false;
		pthread_mutex_unlock(&n->lock);
		if (all)
			send_all(n);
		for (size_t i = 0; i < count; i++) {
			if (!all || note[i].kind == NOTE_EVENT)
				send_note(n, &note[i]);
		}
		free_notes(note, count);
		pthread_mutex_lock(&n->lock);
		n->sent += count + all;
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int notify_new(struct fuse_session *session, struct inodes *inodes, struct events *events,
	       struct notify **ret_n)
{
	struct notify *n = mem_zalloc(sizeof(*n));

	assert(session && inodes && ret_n);
	if (!n)
		return CF_ENOMEM;
	n->session = session;
	n->inodes = inodes;
	n->events = events;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->wake, NULL);
	if (pthread_create(&n->thread, NULL, run, n) != 0) {
		mem_free(n);
		return CF_ENOMEM;
	}
	*ret_n = n;
	return 0;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stop = true;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	free_notes(n->note, n->count);
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->lock);
	mem_free(n);
}

/* What was made and removed by turns is told of in that order. */
static bool is_there(const struct notify *n, const struct note *note)
{
	if (note->kind == NOTE_EVENT && note->event != EVENT_CHANGED)
		return false;
	for (size_t i = n->count, left = JOIN_MAX; i > 0 && left > 0; i--, left--) {
		const struct note *other = &n->note[i - 1];

		if (other->kind == note->kind && other->id == note->id && other->event == note->event &&
		    (!note->name || strcmp(other->name, note->name) == 0))
			return true;
	}
	return false;
}

/* Room for one more, or the bound is reached. */
static bool make_room(struct notify *n)
{
	size_t cap = n->cap ? 2 * n->cap : 64;
	struct note *more;

	if (n->count < n->cap)
		return true;
	if (n->count >= NOTES_MAX)
		return false;
	more = mem_array(n->note, cap, sizeof(*more));
	if (!more)
		return false;
	n->note = more;
	n->cap = cap;
	return true;
}

/* Takes the name. What cannot be queued makes everything be forgotten; an event is left out then. */
static void leave(struct notify *n, struct note note)
{
	bool event = note.kind == NOTE_EVENT, named = event || note.kind == NOTE_ENTRY;

	pthread_mutex_lock(&n->lock);
	if (named && !note.name) {
		n->all |= !event;
	} else if ((event || !n->all) && !is_there(n, &note)) {
		if (make_room(n)) {
			n->note[n->count++] = note;
			note.name = NULL;
		} else {
			n->all |= !event;
		}
	}
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
	mem_free(note.name);
}

void notify_inode(struct notify *n, uint64_t id, bool content)
{
	leave(n, (struct note){.kind = content ? NOTE_CONTENT : NOTE_ATTR, .id = id});
}

void notify_attr_now(struct notify *n, uint64_t id)
{
	(void)fuse_lowlevel_notify_inval_inode(n->session, id, -1, 0);
}

void notify_entry(struct notify *n, uint64_t parent, const char *name)
{
	leave(n, (struct note){.kind = NOTE_ENTRY, .id = parent, .name = mem_strdup(name)});
}

static void notify_event(struct notify *n, uint64_t parent, const char *name, enum event_kind event,
			 enum node_type type)
{
	if (n->events)
		leave(n, (struct note){NOTE_EVENT, parent, mem_strdup(name), event, type});
}

void notify_all_now(struct notify *n)
{
	send_all(n);
}

void notify_all(struct notify *n)
{
	pthread_mutex_lock(&n->lock);
	n->all = true;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
}

static void on_node(void *ctx, const struct place *node, bool content)
{
	struct notify *n = ctx;
	char name[NAME_BYTES_MAX + 1];
	uint64_t id[IDS_MAX], parent;
	size_t count = inode_find(n->inodes, node, id, IDS_MAX);

	for (size_t i = 0; i < count; i++)
		notify_inode(n, id[i], content);
	if (content && count && !place_is_dir(node) && inode_name(n->inodes, id[0], &parent, name) == 0)
		notify_event(n, parent, name, EVENT_CHANGED, (enum node_type)node->type);
}

/* Where the child was last looked up, for an entry whose name cannot be read. */
static void forget_child(struct notify *n, const struct place *child)
{
	char name[NAME_BYTES_MAX + 1];
	uint64_t id[IDS_MAX], parent;
	size_t count = inode_find(n->inodes, child, id, IDS_MAX);

	for (size_t i = 0; i < count; i++) {
		notify_inode(n, id[i], false);
		if (inode_name(n->inodes, id[i], &parent, name) == 0)
			notify_entry(n, parent, name);
	}
}

static void on_entry(void *ctx, const struct place *dir, const char *name, const struct place *child,
		     bool gone)
{
	struct notify *n = ctx;
	uint64_t id[IDS_MAX];
	size_t count = inode_find(n->inodes, dir, id, IDS_MAX);

	for (size_t i = 0; i < count; i++) {
		/* also drops the cached listing */
		notify_inode(n, id[i], true);
		if (name)
			notify_entry(n, id[i], name);
	}
	if (child && (!name || count == 0))
		forget_child(n, child);
	if (child && name && count)
		notify_event(n, id[0], name, gone ? EVENT_GONE : EVENT_MADE, (enum node_type)child->type);
}

static void on_patients(void *ctx)
{
	notify_all(ctx);
}

struct chart_observer notify_observer(struct notify *n)
{
	return (struct chart_observer){
		.ctx = n, .on_node = on_node, .on_entry = on_entry, .on_patients = on_patients};
}

uint64_t notify_count(struct notify *n)
{
	uint64_t sent;

	pthread_mutex_lock(&n->lock);
	sent = n->sent;
	pthread_mutex_unlock(&n->lock);
	return sent;
}
