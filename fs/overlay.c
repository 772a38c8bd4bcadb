/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/overlay.h"

#include "fs/tree.h"
#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
#define FORWARDS 65536

struct forward {
	uint64_t number;
	struct place node;
};

struct overlay {
	pthread_mutex_t lock;
	void (*drop)(struct overlay_item *item);
	uint64_t last_number;
	size_t linked;
	size_t hidden;
	struct overlay_item *by_name[BUCKETS];
	struct overlay_item *by_number[BUCKETS];
	struct forward forward[FORWARDS];
};

int overlay_new(void (*drop)(struct overlay_item *item), struct overlay **ret_o)
{
	struct overlay *o = mem_zalloc(sizeof *o);

	if (o == NULL)
		return CF_ENOMEM;
	pthread_mutex_init(&o->lock, NULL);
	o->drop = drop;
	*ret_o = o;
	return 0;
}

static bool same_dir(const struct place *a, const struct place *b)
{
	return a->kind == b->kind && a->local == b->local && memcmp(a->node.b, b->node.b, NODE_BYTES) == 0;
}

static size_t bucket_of(const struct place *dir, const char *name)
{
	uint64_t h = 14695981039346656037u ^ dir->local;

	for (size_t i = 0; i < NODE_BYTES; i++)
		h = (h ^ dir->node.b[i]) * 1099511628211u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 1099511628211u;
	return (h ^ h >> 32) % BUCKETS;
}

static struct overlay_item *find(struct overlay *o, const struct place *dir, const char *name)
{
	struct overlay_item *i = o->by_name[bucket_of(dir, name)];

	while (i && !(same_dir(&i->dir, dir) && strcmp(i->name, name) == 0))
		i = i->next_name;
	return i;
}

static void item_free(struct overlay *o, struct overlay_item *item)
{
	struct overlay_item **at = &o->by_number[item->number % BUCKETS];

	assert(!item->linked);
	while (*at != item)
		at = &(*at)->next_number;
	*at = item->next_number;
}

static void put_locked(struct overlay *o, struct overlay_item *item, struct overlay_item **ret_dead)
{
	assert(item->refs > 0);
	if (--item->refs > 0)
		return;
	item_free(o, item);
	item->next_name = *ret_dead;
	*ret_dead = item;
}

/* Outside the lock: dropping a stage may take time. */
static void bury(struct overlay *o, struct overlay_item *dead)
{
	while (dead) {
		struct overlay_item *next = dead->next_name;

		o->drop(dead);
		mem_free(dead->target);
		mem_wipe(dead->name, sizeof dead->name);
		mem_free(dead);
		dead = next;
	}
}

static void link_name(struct overlay *o, struct overlay_item *item, const struct place *dir, const char *name,
		      uint64_t cookie)
{
	size_t b = bucket_of(dir, name);

	item->dir = *dir;
	memmove(item->name, name, strlen(name) + 1);
	item->cookie = cookie ? cookie : 64 + item->number;
	item->next_name = o->by_name[b];
	o->by_name[b] = item;
	item->linked = true;
	o->linked++;
	if (item->kind == OVERLAY_HIDDEN)
		o->hidden++;
}

/* The name's own reference goes with it. */
static bool unlink_name(struct overlay *o, struct overlay_item *item)
{
	struct overlay_item **at;

	if (!item->linked)
		return false;
	at = &o->by_name[bucket_of(&item->dir, item->name)];
	while (*at != item)
		at = &(*at)->next_name;
	*at = item->next_name;
	item->linked = false;
	o->linked--;
	if (item->kind == OVERLAY_HIDDEN)
		o->hidden--;
	return true;
}

void overlay_free(struct overlay *o)
{
	struct overlay_item *dead = NULL;

	if (o == NULL)
		return;
	for (size_t b = 0; b < BUCKETS; b++) {
		while (o->by_number[b]) {
			struct overlay_item *i = o->by_number[b];

			unlink_name(o, i);
			item_free(o, i);
			i->next_name = dead;
			dead = i;
		}
	}
	bury(o, dead);
	pthread_mutex_destroy(&o->lock);
	mem_free(o);
}

/* Enters what the caller has filled; from then on others may see it. */
static int enter(struct overlay *o, struct overlay_item *item, const struct place *dir, const char *name,
		 uint64_t cookie)
{
	int err = 0;

	assert(strlen(name) <= NAME_BYTES_MAX);
	item->refs = 2; /* the name's and the caller's */
	item->since_ms = tree_now_ms();
	pthread_mutex_lock(&o->lock);
	if (find(o, dir, name)) {
		err = CF_EEXIST;
	} else {
		item->number = ++o->last_number;
		item->next_number = o->by_number[item->number % BUCKETS];
		o->by_number[item->number % BUCKETS] = item;
		link_name(o, item, dir, name, cookie);
	}
	pthread_mutex_unlock(&o->lock);
	return err;
}

int overlay_add(struct overlay *o, const struct overlay_item *model, const struct place *dir,
		const char *name, uint64_t cookie, struct overlay_item **ret_item)
{
	struct overlay_item *item = mem_dup(model, sizeof *model);
	int err;

	if (item == NULL)
		return CF_ENOMEM;
	err = enter(o, item, dir, name, cookie);
	if (err)
		mem_free(item);
	else
		*ret_item = item;
	return err;
}

struct overlay_item *overlay_find(struct overlay *o, const struct place *dir, const char *name)
{
	struct overlay_item *item;

	pthread_mutex_lock(&o->lock);
	item = o->linked ? find(o, dir, name) : NULL;
	if (item)
		item->refs++;
	pthread_mutex_unlock(&o->lock);
	return item;
}

struct overlay_item *overlay_find_number(struct overlay *o, uint64_t number)
{
	struct overlay_item *item;

	pthread_mutex_lock(&o->lock);
	item = o->by_number[number % BUCKETS];
	while (item && item->number != number)
		item = item->next_number;
	if (item)
		item->refs++;
	pthread_mutex_unlock(&o->lock);
	return item;
}

void overlay_put(struct overlay *o, struct overlay_item *item)
{
	struct overlay_item *dead = NULL;

	if (item == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	put_locked(o, item, &dead);
	pthread_mutex_unlock(&o->lock);
	bury(o, dead);
}

struct place overlay_place(const struct overlay_item *item)
{
	struct place p = place_simple(PLACE_LOCAL, 0);

	p.local = item->number;
	p.type = item->kind == OVERLAY_DIR       ? NODE_DIR
		 : item->kind == OVERLAY_SYMLINK ? NODE_SYMLINK
						 : NODE_ATTACHMENT;
	return p;
}

bool overlay_unlink(struct overlay *o, struct overlay_item *item)
{
	struct overlay_item *dead = NULL;
	bool did;

	pthread_mutex_lock(&o->lock);
	did = unlink_name(o, item);
	if (did)
		put_locked(o, item, &dead);
	pthread_mutex_unlock(&o->lock);
	bury(o, dead);
	return did;
}

bool overlay_move(struct overlay *o, struct overlay_item *item, const struct place *dir, const char *name,
		  uint64_t cookie, bool scratch)
{
	struct overlay_item *dead = NULL, *there;
	bool did;

	pthread_mutex_lock(&o->lock);
	there = find(o, dir, name);
	if (there && there != item && item->linked) {
		unlink_name(o, there);
		put_locked(o, there, &dead);
	}
	did = unlink_name(o, item);
	if (did) {
		link_name(o, item, dir, name, cookie);
		item->scratch = scratch;
	}
	pthread_mutex_unlock(&o->lock);
	bury(o, dead);
	return did;
}

bool overlay_to_file(struct overlay *o, struct overlay_item *item, struct stage *s)
{
	bool did;

	pthread_mutex_lock(&o->lock);
	did = item->kind == OVERLAY_ALIAS;
	if (did) {
		item->kind = OVERLAY_FILE;
		item->stage = s;
	}
	pthread_mutex_unlock(&o->lock);
	return did;
}

void overlay_commit(struct overlay *o, struct overlay_item *item, const struct place *node)
{
	struct overlay_item *dead = NULL;

	pthread_mutex_lock(&o->lock);
	o->forward[item->number % FORWARDS] = (struct forward){item->number, *node};
	if (unlink_name(o, item))
		put_locked(o, item, &dead);
	pthread_mutex_unlock(&o->lock);
	bury(o, dead);
}

bool overlay_became(struct overlay *o, uint64_t number, struct place *ret_node)
{
	const struct forward *f = &o->forward[number % FORWARDS];
	bool found;

	pthread_mutex_lock(&o->lock);
	found = number && f->number == number;
	if (found)
		*ret_node = f->node;
	pthread_mutex_unlock(&o->lock);
	return found;
}

static int by_cookie(const void *a, const void *b)
{
	const struct overlay_item *x = *(struct overlay_item *const *)a,
				  *y = *(struct overlay_item *const *)b;

	if (x->cookie != y->cookie)
		return x->cookie < y->cookie ? -1 : 1;
	return strcmp(x->name, y->name);
}

int overlay_list(struct overlay *o, const struct place *dir, struct overlay_item ***ret_items,
		 size_t *ret_count)
{
	struct overlay_item **items = NULL;
	size_t count = 0;

	pthread_mutex_lock(&o->lock);
	if (o->linked) {
		items = mem_array(NULL, o->linked, sizeof *items);
		for (size_t b = 0; b < BUCKETS && items; b++) {
			for (struct overlay_item *i = o->by_name[b]; i; i = i->next_name) {
				if (same_dir(&i->dir, dir)) {
					i->refs++;
					items[count++] = i;
				}
			}
		}
	}
	pthread_mutex_unlock(&o->lock);
	if (count)
		qsort(items, count, sizeof *items, by_cookie);
	*ret_items = items;
	*ret_count = count;
	return 0;
}

void overlay_list_free(struct overlay_item **items)
{
	mem_free(items);
}

uint64_t overlay_newest_ms(struct overlay *o, const struct place *dir)
{
	uint64_t newest = 0;

	pthread_mutex_lock(&o->lock);
	for (size_t b = 0; b < BUCKETS && o->linked; b++) {
		for (struct overlay_item *i = o->by_name[b]; i; i = i->next_name) {
			if (i->kind == OVERLAY_FILE && !i->scratch && i->since_ms > newest &&
			    same_dir(&i->dir, dir))
				newest = i->since_ms;
		}
	}
	pthread_mutex_unlock(&o->lock);
	return newest;
}

bool overlay_has_children(struct overlay *o, const struct place *dir)
{
	bool found = false;

	pthread_mutex_lock(&o->lock);
	for (size_t b = 0; b < BUCKETS && o->linked && !found; b++) {
		for (struct overlay_item *i = o->by_name[b]; i && !found; i = i->next_name)
			found = i->kind != OVERLAY_HIDDEN && same_dir(&i->dir, dir);
	}
	pthread_mutex_unlock(&o->lock);
	return found;
}

static struct overlay_item *find_hidden(struct overlay *o, uint64_t before_ms, const struct node_id *n)
{
	struct overlay_item *found = NULL;

	pthread_mutex_lock(&o->lock);
	for (size_t b = 0; b < BUCKETS && o->hidden && !found; b++) {
		for (struct overlay_item *i = o->by_name[b]; i && !found; i = i->next_name) {
			if (i->kind == OVERLAY_HIDDEN &&
			    (n ? memcmp(i->node.node.b, n->b, NODE_BYTES) == 0 : i->since_ms <= before_ms))
				found = i;
		}
	}
	if (found)
		found->refs++;
	pthread_mutex_unlock(&o->lock);
	return found;
}

struct overlay_item *overlay_hidden_since(struct overlay *o, uint64_t before_ms)
{
	return find_hidden(o, before_ms, NULL);
}

struct overlay_item *overlay_hidden_node(struct overlay *o, const struct node_id *n)
{
	return find_hidden(o, 0, n);
}

struct overlay_item *overlay_next_file(struct overlay *o)
{
	struct overlay_item *found = NULL;

	pthread_mutex_lock(&o->lock);
	for (size_t b = 0; b < BUCKETS && o->linked && !found; b++) {
		for (struct overlay_item *i = o->by_name[b]; i && !found; i = i->next_name)
			found = i->kind == OVERLAY_FILE ? i : NULL;
	}
	if (found)
		found->refs++;
	pthread_mutex_unlock(&o->lock);
	return found;
}

void overlay_each_file(struct overlay *o, void (*fn)(void *ctx, struct overlay_item *item), void *ctx)
{
	struct overlay_item **items;
	size_t count = 0;

	pthread_mutex_lock(&o->lock);
	items = mem_array(NULL, o->linked + 1, sizeof *items);
	for (size_t b = 0; b < BUCKETS && items; b++) {
		for (struct overlay_item *i = o->by_name[b]; i; i = i->next_name) {
			if (i->kind != OVERLAY_FILE)
				continue;
			i->refs++;
			items[count++] = i;
		}
	}
	pthread_mutex_unlock(&o->lock);
	for (size_t i = 0; i < count; i++) {
		fn(ctx, items[i]);
		overlay_put(o, items[i]);
	}
	mem_free(items);
}
