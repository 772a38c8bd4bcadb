/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions: collecting operations, and knowing one's own when the chain brings them back. */
#include "fs/chart_private.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

/* What a job in flight refers to. Two holders: whoever started it, and the job until it settles. */
struct flight {
	struct chart_link *link;
	unsigned refs; /* under link->lock, as the rest */
	bool settled;
	bool wanted;
	struct stage *stage; /* for the worker; a reference, or NULL */
	size_t own_count;
	struct own_key own[COMMIT_OWN];
};

void commit_init(struct commit *m, const struct patient_id *p)
{
	memset(m, 0, sizeof *m);
	m->patient = *p;
	buf_init(&m->annex, TX_ANNEX_BYTES_MAX);
	buf_init(&m->owed, 0);
}

void commit_release(struct commit *m)
{
	for (unsigned i = 0; i < m->count; i++)
		buf_release(&m->body[i]);
	buf_release_secret(&m->annex);
	mem_wipe(m->secret, sizeof m->secret);
	m->secret_count = 0;
	buf_release(&m->owed);
	m->count = 0;
}

int commit_add(struct commit *m, enum op_code code, struct buf *body)
{
	if (m->count == COMMIT_OPS)
		return CF_ETOOBIG;
	m->body[m->count] = *body;
	buf_init(body, 0);
	m->op[m->count] = (struct tx_op){(uint8_t)code, buf_view(&m->body[m->count])};
	m->count++;
	return 0;
}

int commit_add_secret(struct commit *m, uint16_t op_index, const uint8_t secret[CONTENT_SECRET_BYTES])
{
	struct annex_item item[COMMIT_SECRETS + 1];
	size_t count = 0;
	struct buf body;
	int err;

	assert(m->secret_count < COMMIT_SECRETS);
	buf_init(&body, 0);
	err = content_secret_item(op_index, secret, &body);
	if (!err) {
		assert(body.len == sizeof m->secret[0]);
		memcpy(m->secret[m->secret_count++], body.data, body.len);
		for (; count < m->secret_count; count++)
			item[count] = (struct annex_item){
				.kind = ANNEX_SECRET, .body = VIEW(m->secret[count], sizeof m->secret[0])};
		if (m->owed.len)
			item[count++] = (struct annex_item){ANNEX_TRACE, buf_view(&m->owed)};
		buf_reset(&m->annex);
		err = annex_encode(item, count, &m->annex);
	}
	buf_release_secret(&body);
	return err;
}

static void writes(struct commit *m, const uint8_t id[NODE_BYTES])
{
	if (m->own_count < COMMIT_OWN)
		memcpy(m->own[m->own_count++].b, id, NODE_BYTES);
}

void commit_writes_node(struct commit *m, const struct node_id *n)
{
	writes(m, n->b);
}

void commit_writes_entry(struct commit *m, const struct name_token *t)
{
	writes(m, t->b);
}

/* Under c->lock. */
static void own_remove(struct chart *c, const struct own_key *k)
{
	for (size_t i = 0; i < c->own_count; i++) {
		if (memcmp(c->own[i].b, k->b, NODE_BYTES) == 0) {
			c->own[i] = c->own[--c->own_count];
			return;
		}
	}
}

static int own_add(struct chart *c, const struct commit *m)
{
	int err = 0;

	pthread_mutex_lock(&c->lock);
	if (c->own_count + m->own_count > c->own_cap) {
		size_t cap = 2 * (c->own_count + m->own_count);
		struct own_key *own = mem_array(c->own, cap, sizeof *own);

		if (own) {
			c->own = own;
			c->own_cap = cap;
		} else {
			err = CF_ENOMEM;
		}
	}
	if (!err) {
		if (m->own_count)
			memcpy(c->own + c->own_count, m->own, m->own_count * sizeof *m->own);
		c->own_count += m->own_count;
	}
	pthread_mutex_unlock(&c->lock);
	return err;
}

bool chart_is_own(struct chart *c, const uint8_t id[NODE_BYTES])
{
	bool found = false;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->own_count && !found; i++)
		found = memcmp(c->own[i].b, id, NODE_BYTES) == 0;
	pthread_mutex_unlock(&c->lock);
	return found;
}

/* Unlocks the link; frees it with its last holder. */
static void link_put(struct chart_link *link)
{
	bool last = --link->refs == 0;

	pthread_mutex_unlock(&link->lock);
	if (last) {
		pthread_mutex_destroy(&link->lock);
		mem_free(link);
	}
}

/* With link->lock, which it unlocks. */
static void flight_put(struct flight *f)
{
	struct chart_link *link = f->link;
	struct stage *stage = NULL;
	bool last = --f->refs == 0;

	if (last)
		stage = f->stage;
	if (!last) {
		pthread_mutex_unlock(&link->lock);
		return;
	}
	link_put(link);
	stage_unref(stage);
	mem_free(f);
}

static void lands(struct flight *f)
{
	struct chart *c = f->link->chart;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < f->own_count; i++)
		own_remove(c, &f->own[i]);
	pthread_mutex_unlock(&c->lock);
	f->own_count = 0;
}

/* On a client's thread. */
static void on_settled(void *ctx, const struct client_result *r)
{
	struct flight *f = ctx;

	(void)r;
	pthread_mutex_lock(&f->link->lock);
	f->settled = true;
	lands(f);
	if (f->wanted && f->link->chart && f->stage)
		chart_task(f->link->chart, f->stage, 0);
	flight_put(f);
}

int commit_start(struct chart *c, struct commit *m, struct stage *then, struct client_job **ret_job,
		 struct flight **ret_flight)
{
	struct client_tx tx = {
		.patient = m->patient,
		.ops = m->op,
		.op_count = m->count,
		.annex = buf_view(&m->annex),
		.blobs = m->blob,
		.blob_count = m->blob_count,
	};
	struct flight *f = mem_zalloc(sizeof *f);
	int err = f ? own_add(c, m) : CF_ENOMEM;

	if (err) {
		mem_free(f);
		return err;
	}
	f->link = c->link;
	f->refs = 1;
	f->stage = then ? stage_ref(then) : NULL;
	f->own_count = m->own_count;
	memcpy(f->own, m->own, m->own_count * sizeof *m->own);
	pthread_mutex_lock(&c->link->lock);
	c->link->refs++;
	pthread_mutex_unlock(&c->link->lock);
	err = client_submit(c->client, &tx, ret_job);
	pthread_mutex_lock(&f->link->lock);
	if (err) {
		lands(f);
		flight_put(f);
		return err;
	}
	f->refs++;
	pthread_mutex_unlock(&f->link->lock);
	client_job_on_settled(*ret_job, on_settled, f);
	*ret_flight = f;
	return 0;
}

void commit_want(struct flight *f, struct client_job *job)
{
	(void)job;
	pthread_mutex_lock(&f->link->lock);
	f->wanted = true;
	if (f->settled && f->link->chart && f->stage)
		chart_task(f->link->chart, f->stage, 0);
	pthread_mutex_unlock(&f->link->lock);
}

void commit_forget(struct flight *f)
{
	if (f == NULL)
		return;
	pthread_mutex_lock(&f->link->lock);
	flight_put(f);
}

/*
 * Ordered, and found to have read what another transaction of the same moment wrote: a directory's times,
 * say. Whether that matters is for the contract to say, on the state as it is now. The verdict is final, so
 * that making a new transaction saves nothing twice.
 */
bool commit_lost_race(const struct client_result *r)
{
	return r->error == CF_ECONFLICT &&
	       (r->verdict == VERDICT_MVCC_CONFLICT || r->verdict == VERDICT_PHANTOM);
}

static int run_once(struct chart *c, struct commit *m, struct client_result *ret_result)
{
	struct client_job *job = NULL;
	struct flight *f = NULL;
	int err = commit_start(c, m, NULL, &job, &f);

	if (err)
		return err;
	err = client_job_wait(job, c->timeout_ms, ret_result);
	client_job_release(job);
	commit_forget(f);
	return err;
}

int commit_run(struct chart *c, struct commit *m, struct client_result *ret_result)
{
	int err;

	for (int tries = 1;; tries++) {
		err = run_once(c, m, ret_result);
		if (err || tries == COMMIT_TRIES || !commit_lost_race(ret_result))
			break;
	}
	if (!err && ret_result->error)
		err = err_set(ret_result->error, "%s", ret_result->detail);
	return err;
}
