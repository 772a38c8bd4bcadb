/* SPDX-License-Identifier: Apache-2.0 */
/*
 * past_ask.c - questions that wait for their answers, by request number.
 */
#include "net/past_ask.h"

#include "acl/snapshot.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <string.h>

#define MODULE "past"
#define ANSWER_MS 2000

struct question {
	struct question *next;
	uint64_t request;
	unsigned member;
	struct message *answer;
	int error; /* it was refused */
};

struct past_ask {
	struct links *links;
	uint16_t org;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct question *questions;
	bool stopped;
};

int past_ask_new(struct links *links, uint16_t org, struct past_ask **ret_a)
{
	struct past_ask *a = mem_zalloc(sizeof(*a));
	int err = a ? ticks_cond_init(&a->changed) : CF_ENOMEM;

	if (err) {
		mem_free(a);
		return err;
	}
	a->links = links;
	a->org = org;
	pthread_mutex_init(&a->lock, NULL);
	*ret_a = a;
	return 0;
}

void past_ask_free(struct past_ask *a)
{
	if (!a)
		return;
	assert(!a->questions);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	mem_free(a);
}

void past_ask_stop(struct past_ask *a)
{
	pthread_mutex_lock(&a->lock);
	a->stopped = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

bool past_ask_on_frame(struct past_ask *a, unsigned member, const struct wire_frame *f)
{
	struct wire_refused refused;
	struct question *q;

	pthread_mutex_lock(&a->lock);
	q = a->questions;
	while (q && (q->request != f->request || q->member != member))
		q = q->next;
	if (q && !q->answer && !q->error) {
		if (f->kind == WIRE_REFUSED)
			q->error = wire_refused_decode(f->payload, &refused) || !refused.error
					   ? CF_EDECODE
					   : refused.error;
		else if (message_new(f->kind, f->payload, &q->answer))
			q->error = CF_ENOMEM;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	return q != NULL;
}

unsigned past_ask_member(struct past_ask *a, uint32_t done)
{
	struct roster *r = links_roster(a->links);
	uint32_t up = links_up(a->links) & ~done;
	unsigned found = MEMBERS_MAX;

	for (unsigned i = 0; r && i < r->members.count; i++) {
		bool own = a->org && r->members.member[i].org == a->org;

		if (up >> i & 1 && (found == MEMBERS_MAX || own))
			found = i;
		if (found == i && own)
			break;
	}
	roster_release(r);
	return found;
}

static void unlist(struct past_ask *a, const struct question *q)
{
	struct question **at = &a->questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
}

int past_ask(struct past_ask *a, unsigned member, enum wire_kind kind, struct view payload,
	     unsigned timeout_ms, struct message **ret_answer)
{
	struct question q = {.request = links_next_request(a->links), .member = member};
	uint64_t until = ticks_ms() + timeout_ms;
	bool in_time;

	pthread_mutex_lock(&a->lock);
	q.next = a->questions;
	a->questions = &q;
	pthread_mutex_unlock(&a->lock);
	in_time = links_send(a->links, 1u << member, kind, q.request, payload) != 0;
	pthread_mutex_lock(&a->lock);
	while (in_time && !q.answer && !q.error && !a->stopped)
		in_time = ticks_wait(&a->changed, &a->lock, until);
	unlist(a, &q);
	pthread_mutex_unlock(&a->lock);
	if (q.answer) {
		*ret_answer = q.answer;
		return 0;
	}
	return q.error ? q.error : err_set(CF_ENETWORK, "peer %u does not answer", member);
}

/* --- blocks --- */

void past_answer_release(struct past_answer *answer)
{
	if (!answer->m)
		return;
	block_body_release(&answer->body);
	message_free(answer->m);
	answer->m = NULL;
}

static int take_block(struct past *past, uint64_t height, struct message *m, struct past_answer *ret_answer)
{
	struct wire_block b;
	int err = m->kind == WIRE_BLOCK ? wire_block_decode(message_view(m), &b) : CF_EDECODE;

	if (err)
		return err;
	ret_answer->certificate = b.certificate;
	ret_answer->block = (struct past_block){b.body, b.verdicts, &ret_answer->certificate};
	err = past_check(past, height, &ret_answer->block, &ret_answer->body);
	if (!err)
		ret_answer->m = m;
	return err;
}

static int ask_block(struct past_ask *a, struct past *past, unsigned member, uint64_t height,
		     struct past_answer *ret_answer)
{
	struct message *m = NULL;
	uint8_t be[8];
	int err;

	for (unsigned i = 0; i < sizeof(be); i++)
		be[i] = (uint8_t)(height >> (8 * (7 - i)));
	err = past_ask(a, member, WIRE_FETCH, VIEW(be, sizeof(be)), ANSWER_MS, &m);
	if (err)
		return err;
	err = take_block(past, height, m, ret_answer);
	if (err) {
		log_warn(MODULE, "peer %u sends a wrong block %llu: %s (%s) -> asks another", member,
			 (unsigned long long)height, err_name(err), err_detail());
		message_free(m);
	}
	return err;
}

int past_ask_block(struct past_ask *a, struct past *past, unsigned first, uint64_t height,
		   struct past_answer *ret_answer)
{
	unsigned member = first < MEMBERS_MAX ? first : past_ask_member(a, 0);
	uint32_t done = 0;

	while (member < MEMBERS_MAX) {
		if (ask_block(a, past, member, height, ret_answer) == 0)
			return 0;
		done |= 1u << member;
		member = past_ask_member(a, done);
	}
	return err_set(CF_ENETWORK, "no peer has block %llu for us now", (unsigned long long)height);
}

static int annex_of(struct past_ask *a, struct past *past, const struct hash *id, unsigned member,
		    uint64_t height, struct buf *out)
{
	struct past_answer answer = {.m = NULL};
	struct view annex;
	int err = past_ask_block(a, past, member, height, &answer);

	if (!err)
		err = past_annex(&answer.body, answer.block.verdicts, id, &annex);
	if (!err)
		err = buf_append_view(out, annex);
	past_answer_release(&answer);
	return err;
}

/* Where a member says that it is. */
static int ask_place(struct past_ask *a, const struct hash *id, unsigned member, uint64_t *ret_height)
{
	const struct snapshot_ask ask = {.part = SNAPSHOT_PLACE, .tx = *id};
	struct message *m = NULL;
	struct snapshot_place place;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = snapshot_ask_encode(&ask, &bytes);
	if (!err)
		err = past_ask(a, member, WIRE_SNAPSHOT_ASK, buf_view(&bytes), ANSWER_MS, &m);
	if (!err)
		err = snapshot_place_decode(message_view(m), &place);
	if (!err)
		*ret_height = place.height;
	message_free(m);
	buf_release(&bytes);
	return err;
}

int past_ask_annex(struct past_ask *a, struct past *past, const struct hash *id, uint64_t hint,
		   struct buf *out)
{
	uint32_t done = 0;
	unsigned member;
	uint64_t height;
	int err = hint ? annex_of(a, past, id, MEMBERS_MAX, hint, out) : CF_ENOTFOUND;

	while (err == CF_ENOTFOUND && (member = past_ask_member(a, done)) < MEMBERS_MAX) {
		done |= 1u << member;
		if (ask_place(a, id, member, &height) == 0)
			err = annex_of(a, past, id, member, height, out);
	}
	return err == CF_ENOTFOUND ? err_set(CF_ENETWORK, "no peer tells where a transaction is") : err;
}
