/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/inode.h"

#include "ledger/mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define BUCKETS_MIN 1024

enum cached { CACHED_NOTHING, CACHED_STAGED, CACHED_VERSION };

struct inode {
	uint64_t id;
	uint64_t lookups;
	uint64_t parent;
	char *name; /* NULL: none */
	struct place place;
	struct inode *next_id;    /* in by_id */
	struct inode *next_place; /* in by_place */
	unsigned open;
	enum cached cached;
	struct chart_shown shown; /* CACHED_VERSION */
	struct version told;      /* whose attributes the kernel has */
};

struct inodes {
	pthread_mutex_t lock;
	struct inode **by_id;
	struct inode **by_place;
	size_t buckets; /* a power of two, of both */
	size_t count;
	uint64_t next;
	uint64_t generation;
};

/* FNV-1a: places are made of hashes and small numbers of this mount's own user. */
static size_t place_bucket(const struct inodes *t, const struct place *p)
{
	const uint8_t *bytes = (const uint8_t *)p;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(*p); i++)
		h = (h ^ bytes[i]) * 0x100000001b3;
	return (h ^ h >> 32) & (t->buckets - 1);
}

static size_t id_bucket(const struct inodes *t, uint64_t id)
{
	return id & (t->buckets - 1);
}

static void link_place(struct inodes *t, struct inode *node)
{
	struct inode **head = &t->by_place[place_bucket(t, &node->place)];

	node->next_place = *head;
	*head = node;
}

static void unlink_place(struct inodes *t, struct inode *node)
{
	struct inode **at = &t->by_place[place_bucket(t, &node->place)];

	while (*at != node)
		at = &(*at)->next_place;
	*at = node->next_place;
}

static void link_id(struct inodes *t, struct inode *node)
{
	struct inode **head = &t->by_id[id_bucket(t, node->id)];

	node->next_id = *head;
	*head = node;
}

static struct inode *find_id(struct inodes *t, uint64_t id)
{
	struct inode *node = t->by_id[id_bucket(t, id)];

	while (node && node->id != id)
		node = node->next_id;
	return node;
}

static struct inode *find_place(struct inodes *t, const struct place *p)
{
	struct inode *node = t->by_place[place_bucket(t, p)];

	while (node && !place_equal(&node->place, p))
		node = node->next_place;
	return node;
}

/* Moves a chain of by_place; the newest of each place stays first. */
static void move_places(struct inodes *t, struct inode *chain)
{
	struct inode *reversed = NULL;

	while (chain) {
		struct inode *next = chain->next_place;

		chain->next_place = reversed;
		reversed = chain;
		chain = next;
	}
	while (reversed) {
		struct inode *next = reversed->next_place;

		link_place(t, reversed);
		reversed = next;
	}
}

/* Twice the buckets; without memory the chains just get longer. */
static void grow(struct inodes *t)
{
	size_t old = t->buckets;
	struct inode **old_id = t->by_id, **old_place = t->by_place;
	struct inode **by_id = mem_zalloc(2 * old * sizeof(struct inode *));
	struct inode **by_place = mem_zalloc(2 * old * sizeof(struct inode *));

	if (!by_id || !by_place) {
		mem_free(by_id);
		mem_free(by_place);
		return;
	}
	t->by_id = by_id;
	t->by_place = by_place;
	t->buckets = 2 * old;
	for (size_t i = 0; i < old; i++) {
		move_places(t, old_place[i]);
		while (old_id[i]) {
			struct inode *node = old_id[i];

			old_id[i] = node->next_id;
			link_id(t, node);
		}
	}
	mem_free(old_id);
	mem_free(old_place);
}

static int add(struct inodes *t, uint64_t id, const struct place *p, struct inode **ret_node)
{
	struct inode *node = mem_zalloc(sizeof(*node));

	if (!node)
		return CF_ENOMEM;
	if (t->count >= t->buckets)
		grow(t);
	node->id = id;
	node->place = *p;
	link_id(t, node);
	link_place(t, node);
	t->count++;
	*ret_node = node;
	return 0;
}

static void drop(struct inodes *t, struct inode *node)
{
	struct inode **at = &t->by_id[id_bucket(t, node->id)];

	while (*at != node)
		at = &(*at)->next_id;
	*at = node->next_id;
	unlink_place(t, node);
	t->count--;
	mem_free(node->name);
	mem_free(node);
}

int inodes_new(struct inodes **ret_t)
{
	struct inodes *t = mem_zalloc(sizeof(*t));
	struct place root = place_root(0);
	struct timespec now;
	struct inode *node;
	int err = CF_ENOMEM;

	assert(ret_t);
	if (!t)
		return CF_ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	t->buckets = BUCKETS_MIN;
	t->by_id = mem_zalloc(BUCKETS_MIN * sizeof(struct inode *));
	t->by_place = mem_zalloc(BUCKETS_MIN * sizeof(struct inode *));
	clock_gettime(CLOCK_REALTIME, &now);
	t->generation = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	t->next = INODE_ROOT + 1;
	if (t->by_id && t->by_place)
		err = add(t, INODE_ROOT, &root, &node);
	if (err)
		inodes_free(t);
	else
		*ret_t = t;
	return err;
}

void inodes_free(struct inodes *t)
{
	if (!t)
		return;
	for (size_t i = 0; t->by_id && t->by_place && i < t->buckets; i++) {
		while (t->by_id[i])
			drop(t, t->by_id[i]);
	}
	mem_free(t->by_id);
	mem_free(t->by_place);
	pthread_mutex_destroy(&t->lock);
	mem_free(t);
}

uint64_t inodes_generation(const struct inodes *t)
{
	return t->generation;
}

uint64_t inodes_count(struct inodes *t)
{
	uint64_t count;

	pthread_mutex_lock(&t->lock);
	count = t->count;
	pthread_mutex_unlock(&t->lock);
	return count;
}

/* Without memory for it the old name stays: it only says where to look for entries to invalidate. */
static void set_name(struct inode *node, uint64_t parent, const char *name)
{
	char *copy;

	if (node->parent == parent && node->name && strcmp(node->name, name) == 0)
		return;
	copy = mem_strdup(name);
	if (!copy)
		return;
	mem_free(node->name);
	node->name = copy;
	node->parent = parent;
}

/* Open as a version that is not this one. */
static bool is_pinned(const struct inode *node, struct version version)
{
	return node->open > 0 && node->cached == CACHED_VERSION && version.height &&
	       !version_equal(node->shown.version, version);
}

int inode_ref(struct inodes *t, const struct place *p, struct version version, uint64_t parent,
	      const char *name, uint64_t *ret_id)
{
	struct inode *node;
	int err = 0;

	assert(p && name && ret_id);
	pthread_mutex_lock(&t->lock);
	node = find_place(t, p);
	if (!node || is_pinned(node, version))
		err = add(t, t->next, p, &node);
	if (!err) {
		if (node->id == t->next)
			t->next++;
		node->lookups++;
		set_name(node, parent, name);
		*ret_id = node->id;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

bool inode_pin(struct inodes *t, uint64_t id, struct chart_attr *attr)
{
	struct inode *node;
	bool pinned;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	pinned = node && is_pinned(node, attr->version);
	if (pinned) {
		attr->version = node->shown.version;
		attr->size = node->shown.size;
		attr->mtime_ns = node->shown.mtime_ns;
		attr->ctime_ns = node->shown.ctime_ns;
	}
	pthread_mutex_unlock(&t->lock);
	return pinned;
}

bool inode_shows(struct inodes *t, uint64_t id, struct version version, struct version *ret_shown)
{
	struct inode *node;
	bool pinned;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	pinned = node && is_pinned(node, version);
	if (pinned)
		*ret_shown = node->shown.version;
	pthread_mutex_unlock(&t->lock);
	return pinned;
}

bool inode_told(struct inodes *t, uint64_t id, struct version version)
{
	struct inode *node;
	bool same = true;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node) {
		same = version_equal(node->told, version);
		node->told = version;
	}
	pthread_mutex_unlock(&t->lock);
	return same;
}

void inode_forget(struct inodes *t, uint64_t id, uint64_t n)
{
	struct inode *node;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node && id != INODE_ROOT) {
		node->lookups = n < node->lookups ? node->lookups - n : 0;
		if (node->lookups == 0)
			drop(t, node);
	}
	pthread_mutex_unlock(&t->lock);
}

bool inode_place(struct inodes *t, uint64_t id, struct place *ret_place)
{
	struct inode *node;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node)
		*ret_place = node->place;
	pthread_mutex_unlock(&t->lock);
	return node;
}

int inode_name(struct inodes *t, uint64_t id, uint64_t *ret_parent, char ret_name[NAME_BYTES_MAX + 1])
{
	struct inode *node;
	int err = CF_ENOTFOUND;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node && node->name && strlen(node->name) <= NAME_BYTES_MAX) {
		*ret_parent = node->parent;
		memcpy(ret_name, node->name, strlen(node->name) + 1);
		err = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

void inode_rebind(struct inodes *t, uint64_t id, const struct place *p)
{
	struct inode *node;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node && !place_equal(&node->place, p)) {
		unlink_place(t, node);
		node->place = *p;
		link_place(t, node);
	}
	pthread_mutex_unlock(&t->lock);
}

size_t inode_find(struct inodes *t, const struct place *p, uint64_t *ret_ids, size_t max)
{
	size_t count = 0;

	pthread_mutex_lock(&t->lock);
	for (struct inode *node = find_place(t, p); node && count < max; node = node->next_place) {
		if (place_equal(&node->place, p))
			ret_ids[count++] = node->id;
	}
	pthread_mutex_unlock(&t->lock);
	return count;
}

void inode_each(struct inodes *t, void (*on_inode)(void *ctx, uint64_t id, const struct place *p), void *ctx)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->buckets; i++) {
		for (struct inode *node = t->by_id[i]; node; node = node->next_id)
			on_inode(ctx, node->id, &node->place);
	}
	pthread_mutex_unlock(&t->lock);
}

static void set_cached(struct inode *node, const struct chart_shown *shown)
{
	node->cached = shown ? CACHED_VERSION : CACHED_STAGED;
	if (shown)
		node->shown = *shown;
}

enum inode_cache inode_opened(struct inodes *t, uint64_t id, const struct chart_shown *shown)
{
	enum inode_cache answer = INODE_DROP;
	struct inode *node;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node) {
		if (shown && node->cached == CACHED_VERSION &&
		    version_equal(node->shown.version, shown->version))
			answer = INODE_KEEP;
		else if (!shown && node->cached == CACHED_STAGED)
			answer = INODE_KEEP;
		else if (shown && node->open > 0)
			answer = INODE_BYPASS;
		else
			set_cached(node, shown);
		node->open++;
	}
	pthread_mutex_unlock(&t->lock);
	return answer;
}

void inode_closed(struct inodes *t, uint64_t id)
{
	struct inode *node;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node && node->open > 0) {
		node->open--;
		/* staged bytes end with their handles: saved, or dropped */
		if (node->open == 0 && node->cached == CACHED_STAGED)
			node->cached = CACHED_NOTHING;
	}
	pthread_mutex_unlock(&t->lock);
}

void inode_saved(struct inodes *t, uint64_t id, const struct chart_shown *shown)
{
	struct inode *node;

	pthread_mutex_lock(&t->lock);
	node = find_id(t, id);
	if (node && shown)
		set_cached(node, shown);
	else if (node)
		node->cached = CACHED_NOTHING;
	pthread_mutex_unlock(&t->lock);
}
