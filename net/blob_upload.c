/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_upload.c - windows of blobs sent and not yet answered.
 */
#include "net/blob_upload.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>

#define LOOK_MS 100   /* at links that came up or went down, while waiting for room */
#define LOST_MS 10000 /* a blob without an answer for so long is taken for lost */

/* A blob on its way to one member. */
struct outgoing {
	struct outgoing *next;
	uint64_t request;
	uint64_t sent_ms;
	size_t bytes;
};

struct window {
	struct outgoing *first, **last;
	size_t bytes;
};

struct blob_upload {
	struct links *links;
	struct blobcache *cache;
	pthread_mutex_t lock;
	pthread_cond_t room;
	struct window window[MEMBERS_MAX];
};

int blob_upload_new(struct links *links, struct blobcache *cache, struct blob_upload **ret_u)
{
	struct blob_upload *u;
	int err;

	assert(links && cache && ret_u);
	u = mem_zalloc(sizeof(*u));
	if (!u)
		return CF_ENOMEM;
	u->links = links;
	u->cache = cache;
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		u->window[i].last = &u->window[i].first;
	err = ticks_cond_init(&u->room);
	if (err) {
		mem_free(u);
		return err;
	}
	pthread_mutex_init(&u->lock, NULL);
	*ret_u = u;
	return 0;
}

/* Takes the blobs out of a window that `request` names, or that were sent before `before_ms`. */
static void window_drop(struct blob_upload *u, unsigned member, uint64_t request, uint64_t before_ms)
{
	struct window *w = &u->window[member];
	struct outgoing **at = &w->first;

	while (*at) {
		struct outgoing *o = *at;

		if (o->request != request && o->sent_ms >= before_ms) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		w->bytes -= o->bytes;
		mem_free(o);
		pthread_cond_broadcast(&u->room);
		if (request)
			break; /* a request is in a window once */
	}
	if (!*at)
		w->last = at;
}

/* Members that may be sent so many bytes more. Under the lock. */
static uint32_t with_room(struct blob_upload *u, size_t bytes, uint64_t now)
{
	uint32_t up = links_up(u->links), open = 0;

	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		const struct window *w = &u->window[i];
		bool is_up = (up >> i) & 1;

		/* What was under way to a member that went down is lost. */
		window_drop(u, i, 0, !is_up ? UINT64_MAX : now > LOST_MS ? now - LOST_MS : 0);
		if (is_up && (w->bytes == 0 || w->bytes + bytes <= BLOB_UPLOAD_WINDOW_BYTES))
			open |= 1u << i;
	}
	return open;
}

/* Under the lock. False when there is no memory to remember it. */
static bool window_add(struct blob_upload *u, unsigned member, uint64_t request, size_t bytes, uint64_t now)
{
	struct window *w = &u->window[member];
	struct outgoing *o = mem_alloc(sizeof(*o));

	if (!o)
		return false;
	*o = (struct outgoing){.request = request, .sent_ms = now, .bytes = bytes};
	*w->last = o;
	w->last = &o->next;
	w->bytes += bytes;
	return true;
}

/* Waits for a quorum with room and reserves it there. */
static int reserve(struct blob_upload *u, uint64_t request, size_t bytes, unsigned quorum, uint64_t until,
		   uint32_t *ret_members)
{
	uint32_t open, members = 0;
	uint64_t now;
	int err = 0;

	pthread_mutex_lock(&u->lock);
	for (;;) {
		now = ticks_ms();
		open = with_room(u, bytes, now);
		if ((unsigned)__builtin_popcount(open) >= quorum)
			break;
		if (now >= until) {
			err = err_set(CF_ENOQUORUM, "%d of %u peers needed take attachments",
				      __builtin_popcount(open), quorum);
			break;
		}
		(void)ticks_wait(&u->room, &u->lock, now + LOOK_MS < until ? now + LOOK_MS : until);
	}
	for (unsigned i = 0; i < MEMBERS_MAX && !err; i++) {
		if (((open >> i) & 1) && window_add(u, i, request, bytes, now))
			members |= 1u << i;
	}
	pthread_mutex_unlock(&u->lock);
	*ret_members = members;
	return err;
}

int blob_upload_put(struct blob_upload *u, const struct hash *address, struct view bytes, unsigned timeout_ms)
{
	uint64_t request = links_next_request(u->links), until = ticks_ms() + timeout_ms;
	struct roster *r;
	uint32_t members, sent;
	unsigned quorum;
	int err;

	assert(u && address && bytes.len <= BLOB_BYTES_MAX);
	err = blobcache_put(u->cache, address, bytes);
	if (err)
		return err;
	r = links_roster(u->links);
	quorum = r->quorum;
	roster_release(r);
	err = reserve(u, request, bytes.len, quorum, until, &members);
	if (err)
		return err;
	sent = links_send(u->links, members, WIRE_PUT, request, bytes);
	pthread_mutex_lock(&u->lock);
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		if (((members & ~sent) >> i) & 1)
			window_drop(u, i, request, 0);
	}
	pthread_mutex_unlock(&u->lock);
	return 0;
}

void blob_upload_answered(struct blob_upload *u, unsigned member, uint64_t request)
{
	if (request == 0)
		return;
	pthread_mutex_lock(&u->lock);
	window_drop(u, member, request, 0);
	pthread_mutex_unlock(&u->lock);
}

void blob_upload_free(struct blob_upload *u)
{
	if (!u)
		return;
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		window_drop(u, i, 0, UINT64_MAX);
	pthread_cond_destroy(&u->room);
	pthread_mutex_destroy(&u->lock);
	mem_free(u);
}
