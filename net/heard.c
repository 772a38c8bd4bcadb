/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heard.c - one row a member; answers are matched to asks by their number, so that an old answer counts for
 * nothing.
 */
#include "net/heard.h"

#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <string.h>

#define DETAILS_MAX 64
#define ASK_AGAIN_MS 300 /* a status or its ask may be lost */

struct row {
	uint64_t height;
	uint64_t heard_ms;
	uint64_t answered; /* the newest ask answered; 0: none */
	struct wire_status status;
};

struct heard {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t asked; /* the newest ask sent */
	struct row row[MEMBERS_MAX];
	/* Texts of statuses, kept once each and for good: a view of one may be in any caller's hands. */
	struct buf detail[DETAILS_MAX];
	unsigned detail_count;
};

int heard_new(struct heard **ret_h)
{
	struct heard *h;
	int err;

	assert(ret_h);
	h = mem_zalloc(sizeof(*h));
	if (!h)
		return CF_ENOMEM;
	err = ticks_cond_init(&h->changed);
	if (err) {
		mem_free(h);
		return err;
	}
	pthread_mutex_init(&h->lock, NULL);
	*ret_h = h;
	return 0;
}

void heard_free(struct heard *h)
{
	if (!h)
		return;
	for (unsigned i = 0; i < h->detail_count; i++)
		buf_release(&h->detail[i]);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	mem_free(h);
}

void heard_height(struct heard *h, unsigned member, uint64_t height)
{
	assert(h && member < MEMBERS_MAX);
	pthread_mutex_lock(&h->lock);
	if (height > h->row[member].height)
		h->row[member].height = height;
	h->row[member].heard_ms = ticks_ms();
	pthread_mutex_unlock(&h->lock);
}

/* The kept copy of a text; empty when there is no room for another one. */
static struct view intern(struct heard *h, struct view text)
{
	for (unsigned i = 0; i < h->detail_count; i++) {
		if (view_equal(buf_view(&h->detail[i]), text))
			return buf_view(&h->detail[i]);
	}
	if (text.len == 0 || h->detail_count == DETAILS_MAX)
		return VIEW_NONE;
	buf_init(&h->detail[h->detail_count], 0);
	if (buf_append_view(&h->detail[h->detail_count], text))
		return VIEW_NONE;
	return buf_view(&h->detail[h->detail_count++]);
}

void heard_status(struct heard *h, unsigned member, uint64_t request, const struct wire_status *s)
{
	struct row *r;

	assert(h && member < MEMBERS_MAX && s);
	pthread_mutex_lock(&h->lock);
	r = &h->row[member];
	/* The newest answer is the truth: a member that lost its disk tells of a lower height. */
	if (request >= r->answered && request <= h->asked) {
		r->answered = request;
		r->height = s->height;
		r->status = *s;
		r->status.detail = intern(h, s->detail);
	}
	r->heard_ms = ticks_ms();
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

void heard_newest(struct heard *h, uint64_t *ret_height, uint64_t *ret_heard_ms)
{
	uint64_t height = 0, heard_ms = 0;

	assert(h);
	pthread_mutex_lock(&h->lock);
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		height = h->row[i].height > height ? h->row[i].height : height;
		heard_ms = h->row[i].heard_ms > heard_ms ? h->row[i].heard_ms : heard_ms;
	}
	pthread_mutex_unlock(&h->lock);
	if (ret_height)
		*ret_height = height;
	if (ret_heard_ms)
		*ret_heard_ms = heard_ms;
}

uint64_t heard_sure(struct heard *h, unsigned n)
{
	uint64_t sure = 0;

	assert(h && n <= MEMBERS_MAX);
	pthread_mutex_lock(&h->lock);
	for (unsigned i = 0; i < n; i++) {
		unsigned as_high = 0;

		for (unsigned k = 0; k < n; k++)
			as_high += h->row[k].height >= h->row[i].height;
		if (as_high > members_faults(n) && h->row[i].height > sure)
			sure = h->row[i].height;
	}
	pthread_mutex_unlock(&h->lock);
	return sure;
}

uint64_t heard_poll(struct heard *h, struct links *l)
{
	uint64_t request = links_next_request(l);

	assert(h);
	pthread_mutex_lock(&h->lock);
	h->asked = request > h->asked ? request : h->asked;
	pthread_mutex_unlock(&h->lock);
	(void)links_send(l, LINKS_ALL, WIRE_STATUS_ASK, request, VIEW_NONE);
	return request;
}

static uint32_t answered(const struct heard *h, uint64_t since)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		if (h->row[i].answered >= since)
			mask |= 1u << i;
	}
	return mask;
}

uint32_t heard_ask(struct heard *h, struct links *l, unsigned wanted, uint64_t until_ms,
		   struct wire_status *ret_status)
{
	uint64_t since = 0;
	uint32_t mask, up;

	assert(h && ret_status);
	for (bool enough = false; !enough;) {
		uint64_t request = heard_poll(h, l), again = ticks_ms() + ASK_AGAIN_MS;

		since = since ? since : request;
		again = again < until_ms ? again : until_ms;
		up = links_up(l);
		pthread_mutex_lock(&h->lock);
		do {
			mask = answered(h, since);
			enough = wanted ? (unsigned)__builtin_popcount(mask) >= wanted
					: up && (up & ~mask) == 0;
		} while (!enough && ticks_wait(&h->changed, &h->lock, again));
		pthread_mutex_unlock(&h->lock);
		enough = enough || ticks_ms() >= until_ms;
	}
	pthread_mutex_lock(&h->lock);
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		if ((mask >> i) & 1)
			ret_status[i] = h->row[i].status;
	}
	pthread_mutex_unlock(&h->lock);
	return mask;
}
