/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blob_download.c - flights: blobs that are asked for and have not come yet.
 */
#include "net/blob_download.h"

#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>

#define LOG_MODULE "client"
#define LOOK_MS 100 /* at links that came up, while none is */
#define NEXT_MEMBER_MS 150

struct flight {
	struct flight *next;
	struct hash address;
	uint64_t request;
	unsigned waiters;
	uint32_t asked;
	uint32_t without; /* answered, and had no good bytes */
	uint64_t ask_ms;  /* when to ask another one */
	bool done, cached;
	struct buf bytes;
};

struct blob_download {
	struct links *links;
	struct blobcache *cache;
	uint16_t org;
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	struct flight *flights;
	struct blob_counts counts;
};

int blob_download_new(struct links *links, struct blobcache *cache, uint16_t org,
		      struct blob_download **ret_d)
{
	struct blob_download *d;
	int err;

	assert(links && cache && ret_d);
	d = mem_zalloc(sizeof(*d));
	if (!d)
		return CF_ENOMEM;
	*d = (struct blob_download){.links = links, .cache = cache, .org = org};
	err = ticks_cond_init(&d->arrived);
	if (err) {
		mem_free(d);
		return err;
	}
	pthread_mutex_init(&d->lock, NULL);
	*ret_d = d;
	return 0;
}

void blob_download_free(struct blob_download *d)
{
	if (!d)
		return;
	assert(!d->flights);
	pthread_cond_destroy(&d->arrived);
	pthread_mutex_destroy(&d->lock);
	mem_free(d);
}

static struct flight *flight_find(struct blob_download *d, const struct hash *address)
{
	struct flight *f = d->flights;

	while (f && !hash_equal(&f->address, address))
		f = f->next;
	return f;
}

/* Joins those who wait for this blob, or is the first. Under the lock. */
static struct flight *flight_join(struct blob_download *d, const struct hash *address)
{
	struct flight *f = flight_find(d, address);

	if (!f) {
		f = mem_zalloc(sizeof(*f));
		if (!f)
			return NULL;
		f->address = *address;
		f->request = links_next_request(d->links);
		buf_init(&f->bytes, BLOB_BYTES_MAX);
		f->next = d->flights;
		d->flights = f;
	}
	f->waiters++;
	return f;
}

static void flight_leave(struct blob_download *d, struct flight *f)
{
	struct flight **at = &d->flights;

	if (--f->waiters > 0)
		return;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	buf_release(&f->bytes);
	mem_free(f);
}

/* The next one to ask: of the own organization, else spread over the members by address. */
static unsigned next_member(const struct blob_download *d, const struct flight *f, const struct roster *r,
			    uint32_t up)
{
	unsigned n = r->members.count, start = f->address.b[0] % n;

	for (unsigned i = 0; i < n; i++) {
		if (((up & ~f->asked) >> i) & 1 && d->org && r->members.member[i].org == d->org)
			return i;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned member = (start + i) % n;

		if (((up & ~f->asked) >> member) & 1)
			return member;
	}
	return MEMBERS_MAX;
}

/* Asks one more when it is time. Under the lock, which is let go while sending. */
static void flight_ask(struct blob_download *d, struct flight *f, const struct roster *r, uint32_t up,
		       uint64_t now)
{
	unsigned member;

	if (now < f->ask_ms && (f->asked & up & ~f->without))
		return;
	member = next_member(d, f, r, up);
	if (member == MEMBERS_MAX) {
		f->asked = f->without; /* the question or the answer may have been lost: once more */
		return;
	}
	f->asked |= 1u << member;
	f->ask_ms = now + NEXT_MEMBER_MS;
	pthread_mutex_unlock(&d->lock);
	(void)links_send(d->links, 1u << member, WIRE_GET, f->request, VIEW(f->address.b, HASH_BYTES));
	pthread_mutex_lock(&d->lock);
}

/* Under the lock. */
static int flight_wait(struct blob_download *d, struct flight *f, const struct roster *r, uint64_t until)
{
	uint64_t now = ticks_ms();
	uint32_t up;

	while (!f->done && now < until) {
		up = links_up(d->links) & ((1u << r->members.count) - 1);
		if (up && (up & ~f->without) == 0)
			return err_set(CF_ENOTFOUND, "no peer has good bytes");
		flight_ask(d, f, r, up, now);
		if (!f->done && (f->asked & up & ~f->without))
			(void)ticks_wait(&d->arrived, &d->lock, f->ask_ms < until ? f->ask_ms : until);
		else if (!f->done && !up)
			(void)ticks_wait(&d->arrived, &d->lock,
					 now + LOOK_MS < until ? now + LOOK_MS : until);
		now = ticks_ms();
	}
	if (f->done)
		return 0;
	return f->without ? err_set(CF_ENOTFOUND, "no peer that answers has good bytes")
			  : err_set(CF_ENETWORK, "no peer answers");
}

static int fetch(struct blob_download *d, const struct hash *address, struct buf *out, uint64_t until)
{
	struct roster *r = links_roster(d->links);
	struct flight *f;
	bool keep = false;
	size_t start = out->len;
	int err = CF_ENOMEM;

	pthread_mutex_lock(&d->lock);
	f = flight_join(d, address);
	if (f) {
		err = flight_wait(d, f, r, until);
		if (!err)
			err = buf_append_view(out, buf_view(&f->bytes));
		keep = !err && !f->cached;
		d->counts.fetched += keep;
		d->counts.missing += err == CF_ENOTFOUND;
		f->cached = f->cached || keep;
		flight_leave(d, f);
	}
	pthread_mutex_unlock(&d->lock);
	roster_release(r);
	if (keep && blobcache_put(d->cache, address, VIEW(out->data + start, out->len - start)))
		log_debug(LOG_MODULE, "a blob is not cached: %s", err_detail());
	return err;
}

int blob_download_get(struct blob_download *d, const struct hash *address, struct buf *out,
		      unsigned timeout_ms)
{
	uint64_t until = ticks_ms() + timeout_ms;
	int err;

	assert(d && address && out);
	err = blobcache_get(d->cache, address, out);
	if (err == 0 || err == CF_ENOMEM || err == CF_ETOOBIG)
		return err;
	return fetch(d, address, out, until);
}

void blob_download_counts(struct blob_download *d, struct blob_counts *ret_counts)
{
	pthread_mutex_lock(&d->lock);
	*ret_counts = d->counts;
	pthread_mutex_unlock(&d->lock);
}

void blob_download_on_blob(struct blob_download *d, unsigned member, struct view payload)
{
	struct wire_blob m;
	struct flight *f;
	struct hash real;
	bool good = false;

	if (wire_blob_decode(payload, &m)) {
		log_warn(LOG_MODULE, "peer %u sends a malformed blob -> dropped", member);
		return;
	}
	if (m.found) {
		real = blob_address(m.bytes);
		good = hash_equal(&real, &m.address);
	}
	if (m.found && !good)
		log_warn(LOG_MODULE, "peer %u serves a blob that does not verify -> asks another", member);
	pthread_mutex_lock(&d->lock);
	d->counts.refused += m.found && !good;
	f = flight_find(d, &m.address);
	if (f && !f->done) {
		f->done = good && buf_append_view(&f->bytes, m.bytes) == 0;
		if (!f->done)
			f->without |= 1u << member;
		pthread_cond_broadcast(&d->arrived);
	}
	pthread_mutex_unlock(&d->lock);
}

void blob_download_on_refused(struct blob_download *d, unsigned member, uint64_t request)
{
	pthread_mutex_lock(&d->lock);
	for (struct flight *f = d->flights; f; f = f->next) {
		if (f->request != request)
			continue;
		f->without |= 1u << member;
		pthread_cond_broadcast(&d->arrived);
	}
	pthread_mutex_unlock(&d->lock);
}
