/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pbft.c - the PBFT core from outside: make one, step it, ask it.
 */
#include "net/pbft.h"

#include "ledger/mem.h"
#include "net/pbft_core.h"

#include <assert.h>
#include <string.h>

static void init_bufs(struct pbft *p)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		buf_init(&p->change[i].bytes, VIEW_CHANGE_BYTES_MAX);
	for (size_t i = 0; i < BODY_MAX; i++)
		buf_init(&p->bodies[i].bytes, PBFT_BODY_BYTES_MAX);
	buf_init(&p->new_view, NEW_VIEW_BYTES_MAX);
	buf_init(&p->head_body, PBFT_BODY_BYTES_MAX);
	buf_init(&p->ahead.body, PBFT_BODY_BYTES_MAX);
	buf_init(&p->future.body, PBFT_BODY_BYTES_MAX);
}

static int check_config(const struct pbft_config *c)
{
	const struct certificate *head = c->certificate;

	if (c->n < MEMBERS_MIN || c->n > MEMBERS_MAX || (c->self >= c->n && c->self != PBFT_LEARNER) ||
	    c->batch_requests_max == 0 || c->batch_bytes_max == 0 || c->height < c->epoch)
		return CF_EINVAL;
	if (c->keys.sign == NULL || c->keys.verify == NULL || c->keys.digest == NULL)
		return CF_EINVAL;
	if ((head != NULL) != (c->height > c->epoch))
		return CF_EINVAL;
	if (head != NULL && (head->count == 0 || head->count > c->n || head->height != c->height ||
			     head->epoch != c->epoch || !hash_equal(&head->digest, &c->head)))
		return CF_EINVAL;
	return 0;
}

int pbft_new(const struct pbft_config *config, struct pbft **ret_pbft)
{
	struct pbft *p;
	int err = check_config(config);

	if (err != 0)
		return err;
	p = mem_zalloc(sizeof(*p));
	if (p == NULL)
		return CF_ENOMEM;
	p->cfg = *config;
	init_bufs(p);
	p->quorum = (uint8_t)members_quorum(config->n);
	p->faults = (uint8_t)members_faults(config->n);
	p->learner = config->self == PBFT_LEARNER;
	p->height = config->height;
	p->head = config->head;
	p->open = config->height + 1;
	if (config->certificate != NULL) {
		p->has_base = true;
		p->base = *config->certificate;
	}
	p->cfg.certificate = NULL; /* borrowed for this call only */
	p->floor = config->epoch + 1;
	p->state = PBFT_NORMAL;
	err = pool_init(&p->pool);
	if (err != 0) {
		pbft_free(p);
		return err;
	}
	*ret_pbft = p;
	return 0;
}

void pbft_free(struct pbft *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		buf_release(&p->change[i].bytes);
	body_forget_all(p);
	for (size_t i = 0; i < p->queue_count; i++)
		buf_release(&p->queue[i].body);
	mem_free(p->queue);
	buf_release(&p->new_view);
	buf_release(&p->head_body);
	buf_release(&p->ahead.body);
	buf_release(&p->future.body);
	if (p->pool.buckets != NULL)
		pool_release(&p->pool);
	out_release(p);
	mem_free(p);
}

static int on_message(struct pbft *p, struct view bytes)
{
	enum msg_kind kind;
	int err = msg_kind(bytes, &kind);

	if (err != 0)
		return err;
	switch (kind) {
	case MSG_PRE_PREPARE:
		return on_pre_prepare(p, bytes);
	case MSG_PREPARE:
	case MSG_COMMIT:
		return on_vote(p, bytes);
	case MSG_VIEW_CHANGE:
		return on_view_change(p, bytes);
	case MSG_NEW_VIEW:
		return on_new_view(p, bytes);
	case MSG_STATUS:
		return on_status(p, bytes);
	case MSG_CERTIFICATE:
		return on_certificate(p, bytes);
	case MSG_FETCH_BODY:
		return on_fetch(p, bytes);
	case MSG_BODY:
		return on_body(p, bytes);
	case MSG_REQUEST:
		break; /* the driver's: see pbft_is_relay() */
	}
	return CF_EINVAL;
}

static int on_start(struct pbft *p)
{
	p->started = true;
	timer_start(p);
	return 0;
}

static int handle(struct pbft *p, const struct pbft_event *event)
{
	switch (event->kind) {
	case PBFT_START:
		return on_start(p);
	case PBFT_MESSAGE:
		return on_message(p, event->u.message.bytes);
	case PBFT_REQUEST:
		return on_request(p, event);
	case PBFT_BUILT:
		return on_built(p, event);
	case PBFT_CHECKED:
		return on_checked(p, event);
	case PBFT_EXECUTED:
		return on_executed(p, event);
	case PBFT_TIMEOUT:
		return 0;
	case PBFT_LINK:
		return on_link(p, event);
	}
	return CF_EINVAL;
}

/* Each rule acts only when it changes the state, and each change is a step forward, so this ends. */
static void run_rules(struct pbft *p)
{
	bool acted = true;

	while (acted && p->err == 0) {
		acted = try_decide(p) || try_join(p) || try_new_view(p) || try_early(p) || try_prepare(p) ||
			try_commit(p) || try_rotate(p);
	}
}

int pbft_step(struct pbft *p, const struct pbft_event *event, struct pbft_update *ret_update)
{
	int refused = 0;

	assert(p->started || event->kind == PBFT_START);
	out_reset(p);
	if (event->now_ms > p->now)
		p->now = event->now_ms;
	if (p->err == 0)
		refused = handle(p, event);
	if (p->err == 0)
		timer_run(p);
	run_rules(p);
	if (p->err == 0) {
		/* Last, so that what they lend stays until the next step. */
		body_fetch_due(p);
		ask_execute(p);
		ask_check(p);
		ask_build(p);
	}
	out_update(p, ret_update);
	if (p->err != 0)
		return p->err;
	ret_update->wake_ms = timer_next(p);
	return refused;
}

uint64_t pbft_view(const struct pbft *p)
{
	return p->view;
}

uint64_t pbft_height(const struct pbft *p)
{
	return p->height;
}

enum pbft_state pbft_state(const struct pbft *p)
{
	return p->state;
}

uint8_t pbft_leader(const struct pbft *p)
{
	return core_leader(p, p->view);
}

size_t pbft_pool_count(const struct pbft *p)
{
	return p->pool.waiting.count;
}

bool pbft_is_message(struct view bytes)
{
	enum msg_kind kind;

	return msg_kind(bytes, &kind) == 0 && kind != MSG_REQUEST;
}

bool pbft_is_relay(struct view bytes, struct view *ret_request)
{
	return msg_request_decode(bytes, ret_request) == 0;
}
