/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_ask.c - leases that are held or under way, and shares that are waited for.
 */
#include "net/trace_ask.h"

#include "acl/contract.h"
#include "acl/purpose.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LOG_MODULE "trace"
#define TIMEOUT_MS 10000
#define ASK_AGAIN_MS 10      /* peers may be a block behind; twice that each time */
#define ASK_AGAIN_MAX_MS 160 /* what was sent may be lost */

struct lease {
	struct lease *next;
	struct patient_id patient;
	uint8_t section;
	uint8_t use;
	bool pending; /* its transaction is under way */
	uint32_t first_window;
	uint32_t last_window;
	uint64_t until_ms;
	struct hash query;
};

/* One key whose shares are waited for. */
struct collect {
	struct collect *next;
	uint64_t request;
	struct holders holders;
	uint32_t answered; /* by holder: bytes are there */
	uint32_t refused;  /* for good */
	struct buf sealed[MEMBERS_MAX];
	int error; /* of a refusal */
	char detail[256];
};

struct trace_ask {
	struct trace_ask_config config;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	const char *purpose;
	uint64_t lease_ms;
	unsigned timeout_ms;
	struct lease *leases;
	struct collect *collects;
};

int trace_ask_new(const struct trace_ask_config *config, struct trace_ask **ret_t)
{
	struct trace_ask *t = mem_zalloc(sizeof(*t));
	int err = t ? ticks_cond_init(&t->changed) : CF_ENOMEM;

	if (err) {
		mem_free(t);
		return err;
	}
	t->config = *config;
	t->purpose = PURPOSE_DEFAULT;
	t->lease_ms = TRACE_LEASE_MS;
	t->timeout_ms = TIMEOUT_MS;
	pthread_mutex_init(&t->lock, NULL);
	*ret_t = t;
	return 0;
}

/* Under the lock. */
static void drop(struct trace_ask *t, struct lease *l)
{
	struct lease **at = &t->leases;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	mem_free(l);
}

void trace_ask_free(struct trace_ask *t)
{
	if (!t)
		return;
	assert(!t->collects);
	while (t->leases)
		drop(t, t->leases);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	mem_free(t);
}

void trace_ask_set(struct trace_ask *t, const char *purpose, uint64_t lease_ms, unsigned timeout_ms)
{
	pthread_mutex_lock(&t->lock);
	t->purpose = purpose;
	t->lease_ms = lease_ms ? lease_ms : TRACE_LEASE_MS;
	t->timeout_ms = timeout_ms;
	pthread_mutex_unlock(&t->lock);
}

void trace_ask_forget(struct trace_ask *t)
{
	struct lease *next;

	pthread_mutex_lock(&t->lock);
	for (struct lease *l = t->leases; l; l = next) {
		next = l->next;
		if (!l->pending)
			drop(t, l);
	}
	pthread_mutex_unlock(&t->lock);
}

/* The peers refuse its keys: it is worth nothing. */
static void forget(struct trace_ask *t, const struct hash *query)
{
	struct lease *l;

	pthread_mutex_lock(&t->lock);
	l = t->leases;
	while (l && (l->pending || !hash_equal(&l->query, query)))
		l = l->next;
	if (l)
		drop(t, l);
	pthread_mutex_unlock(&t->lock);
}

/* --- leases --- */

/* One that covers the key, or is to; one for reading does for writing. Under the lock. */
static struct lease *lease_find(struct trace_ask *t, const struct section_keys *of, enum keys_use use)
{
	uint64_t now = ticks_wall_ms();
	struct lease *next;

	for (struct lease *l = t->leases; l; l = next) {
		next = l->next;
		if (!l->pending && l->until_ms <= now)
			drop(t, l);
		else if (l->section == of->section && (l->use == (uint8_t)use || l->use == LEASE_READ) &&
			 l->first_window <= of->window && of->window <= l->last_window &&
			 memcmp(l->patient.b, of->patient.b, PATIENT_BYTES) == 0)
			return l;
	}
	return NULL;
}

/* To read: from the patient's admission to now, and what is asked for in any case. To write: that alone. */
static void choose_windows(struct db_txn *txn, const struct section_keys *of, struct lease *l)
{
	uint32_t now = contract_window(ticks_wall_ms());
	struct patient_row row;

	l->first_window = state_patient(txn, &of->patient, &row) == 0 ? row.window : of->window;
	if (l->first_window > of->window)
		l->first_window = of->window;
	l->last_window = now > of->window ? now : of->window;
	if (l->use == LEASE_WRITE || l->last_window - l->first_window >= LEASE_WINDOWS_MAX)
		l->first_window = l->last_window = of->window;
}

static int lease_commit(struct trace_ask *t, const struct lease *l, const char *purpose, unsigned timeout_ms,
			struct hash *ret_query)
{
	struct op_lease op = {.section = l->section,
			      .use = l->use,
			      .first_window = l->first_window,
			      .last_window = l->last_window,
			      .until_ms = l->until_ms,
			      .purpose = view_str(purpose)};
	struct client_result result;
	struct tx_op tx_op = {.code = OP_LEASE};
	struct client_tx tx = {.patient = l->patient, .ops = &tx_op, .op_count = 1};
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_lease_encode(&op, &body);
	tx_op.body = buf_view(&body);
	if (!err)
		err = t->config.commit(t->config.ctx, &tx, timeout_ms, &result);
	buf_release(&body);
	if (!err)
		*ret_query = result.id;
	return err;
}

/* Makes one. Under the lock, which it gives away meanwhile. */
static int lease_make(struct trace_ask *t, struct db_txn *txn, const struct section_keys *of,
		      enum keys_use use)
{
	struct lease *l = mem_zalloc(sizeof(*l));
	const char *purpose = t->purpose;
	unsigned timeout_ms = t->timeout_ms;
	struct hash query;
	int err;

	if (!l)
		return CF_ENOMEM;
	*l = (struct lease){.next = t->leases,
			    .patient = of->patient,
			    .section = of->section,
			    .use = (uint8_t)use,
			    .pending = true,
			    .until_ms = ticks_wall_ms() + t->lease_ms};
	choose_windows(txn, of, l);
	t->leases = l;
	pthread_mutex_unlock(&t->lock);
	err = lease_commit(t, l, purpose, timeout_ms, &query);
	pthread_mutex_lock(&t->lock);
	l->pending = false;
	if (err)
		drop(t, l);
	else
		l->query = query;
	pthread_cond_broadcast(&t->changed);
	return err;
}

static int lease_get(struct trace_ask *t, struct db_txn *txn, const struct section_keys *of,
		     enum keys_use use, struct lease *ret_lease)
{
	struct lease *l;
	int err = 0;

	pthread_mutex_lock(&t->lock);
	while (!err && (!(l = lease_find(t, of, use)) || l->pending)) {
		if (l)
			pthread_cond_wait(&t->changed, &t->lock);
		else
			err = lease_make(t, txn, of, use);
	}
	if (!err)
		*ret_lease = *l;
	pthread_mutex_unlock(&t->lock);
	return err;
}

/* --- shares --- */

/* Under the lock. */
static struct collect *collect_find(struct trace_ask *t, uint64_t request)
{
	struct collect *c = t->collects;

	while (c && c->request != request)
		c = c->next;
	return c;
}

void trace_ask_on_share(struct trace_ask *t, const struct identity_id *by, uint64_t request,
			struct view payload)
{
	struct wire_share m;
	struct collect *c;
	unsigned holder;

	if (wire_share_decode(payload, &m))
		return;
	pthread_mutex_lock(&t->lock);
	c = collect_find(t, request);
	holder = c ? holders_find(&c->holders, by) : 0;
	if (c && holder < c->holders.count && !((c->answered | c->refused) >> holder & 1) &&
	    buf_append_view(&c->sealed[holder], m.sealed) == 0) {
		c->answered |= 1u << holder;
		pthread_cond_broadcast(&t->changed);
	}
	pthread_mutex_unlock(&t->lock);
}

void trace_ask_on_refused(struct trace_ask *t, const struct identity_id *by, uint64_t request,
			  const struct wire_refused *m)
{
	struct collect *c;
	unsigned holder;

	if (m->error == CF_EAGAIN)
		return;
	pthread_mutex_lock(&t->lock);
	c = collect_find(t, request);
	holder = c ? holders_find(&c->holders, by) : 0;
	if (c && holder < c->holders.count && !(c->answered >> holder & 1)) {
		c->refused |= 1u << holder;
		c->error = m->error;
		snprintf(c->detail, sizeof(c->detail), "%.*s", (int)m->detail.len,
			 (const char *)m->detail.data);
		pthread_cond_broadcast(&t->changed);
	}
	pthread_mutex_unlock(&t->lock);
}

/* What is being verified and put together. */
struct gather {
	struct trace_ask *t;
	const struct lease *lease;
	struct trace_name name;
	uint8_t point[POINT_BYTES];
	unsigned count;
	uint32_t good;
	struct prf_answer answer[MEMBERS_MAX]; /* by holder */
	uint32_t looked;
	uint16_t generation;
};

static void take_one(struct gather *g, const struct holder *h, unsigned holder, struct view sealed)
{
	const struct trace_ask *t = g->t;
	struct trace_answer_to to = {&t->config.network, &g->lease->query, &h->id, &t->config.identity->id,
				     &g->name};
	struct prf_answer *a = &g->answer[holder];
	int err = identity_use(t->config.identity);

	if (err)
		return;
	err = trace_answer_open(&to, t->config.identity->kem, sealed, a);
	identity_done(t->config.identity);
	if (!err)
		err = prf_verify(h->public, g->point, a);
	if (err) {
		log_warn(LOG_MODULE, "member %u gives a wrong share of a key -> not used", holder);
	} else {
		g->good |= 1u << holder;
		g->count++;
	}
}

static void send_ask(struct gather *g, const struct collect *c)
{
	struct wire_share_ask ask = {g->lease->query, g->name.epoch, g->name.window, c->holders.generation};
	struct buf payload;

	buf_init(&payload, 0);
	if (wire_share_ask_encode(&ask, &payload) == 0)
		(void)links_send(g->t->config.links, LINKS_ALL, WIRE_SHARE_ASK, c->request,
				 buf_view(&payload));
	buf_release(&payload);
}

/* Under the lock, which is given away while answers are verified. */
static int collect_wait(struct gather *g, struct collect *c, uint64_t until)
{
	struct trace_ask *t = g->t;
	uint64_t again = 0, pause = ASK_AGAIN_MS;

	while (g->count < c->holders.threshold) {
		uint32_t fresh = c->answered & ~g->looked;
		uint64_t now = ticks_ms();
		unsigned bad = (unsigned)__builtin_popcount(c->refused | g->looked) - g->count;

		if (!fresh && bad > c->holders.count - (unsigned)c->holders.threshold)
			return c->refused ? err_set(c->error == CF_EEXPIRED ? CF_EDENIED : c->error, "%s",
						    c->detail)
					  : err_set(CF_EDENIED, "too few peers give good shares");
		if (!fresh && now >= until)
			return err_set(CF_ENOQUORUM, "too few peers give their share of the key");
		if (fresh) {
			unsigned holder = (unsigned)__builtin_ctz(fresh);

			g->looked |= 1u << holder;
			pthread_mutex_unlock(&t->lock);
			take_one(g, &c->holders.holder[holder], holder, buf_view(&c->sealed[holder]));
			pthread_mutex_lock(&t->lock);
		} else if (now >= again) {
			again = now + pause;
			pause = 2 * pause < ASK_AGAIN_MAX_MS ? 2 * pause : ASK_AGAIN_MAX_MS;
			pthread_mutex_unlock(&t->lock);
			send_ask(g, c);
			pthread_mutex_lock(&t->lock);
		} else {
			(void)ticks_wait(&t->changed, &t->lock, again < until ? again : until);
		}
	}
	return 0;
}

static void collect_end(struct trace_ask *t, struct collect *c)
{
	struct collect **at = &t->collects;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		buf_release(&c->sealed[i]);
	mem_free(c);
}

static int collect(struct gather *g, struct db_txn *txn)
{
	struct collect *c = mem_zalloc(sizeof(*c));
	struct trace_ask *t = g->t;
	int err = c ? state_holders(txn, &c->holders) : CF_ENOMEM;

	if (err) {
		mem_free(c);
		return err;
	}
	g->generation = c->holders.generation;
	c->request = links_next_request(t->config.links);
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		buf_init(&c->sealed[i], WIRE_SHARE_BYTES_MAX);
	pthread_mutex_lock(&t->lock);
	c->next = t->collects;
	t->collects = c;
	err = collect_wait(g, c, ticks_ms() + t->timeout_ms);
	collect_end(t, c);
	pthread_mutex_unlock(&t->lock);
	return err;
}

int trace_ask_get(void *ctx, struct db_txn *txn, const struct section_keys *of, enum keys_use use,
		  struct trace_answers *ret_answers, uint64_t *ret_until_ms)
{
	struct trace_ask *t = ctx;
	struct lease lease;
	struct gather g = {
		.t = t, .lease = &lease, .name = {of->patient, of->section, of->epoch, of->window}};
	struct trace_answers answers = {.count = 0};
	int err = lease_get(t, txn, of, use, &lease);

	if (!err)
		err = trace_point(&t->config.network, &g.name, g.point);
	if (!err)
		err = collect(&g, txn);
	answers.generation = g.generation;
	for (uint8_t i = 0; !err && i < MEMBERS_MAX && answers.count < HOLDERS_THRESHOLD_MAX; i++) {
		if (!(g.good >> i & 1))
			continue;
		answers.holder[answers.count] = i;
		answers.answer[answers.count++] = g.answer[i];
	}
	if (!err) {
		*ret_answers = answers;
		*ret_until_ms = lease.until_ms;
	} else if (err == CF_EDENIED) {
		forget(t, &lease.query);
	}
	mem_wipe(&answers, sizeof(answers));
	mem_wipe(&g, sizeof(g));
	return err;
}
