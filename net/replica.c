/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica.c - step, log, send, do; again.
 */
#include "net/replica_private.h"

#include "ledger/file.h"
#include "ledger/log.h"
#include "ledger/mem.h"
#include "net/body.h"
#include "net/ticks.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MODULE REPLICA_MODULE
#define QUEUE_BYTES_MAX ((size_t)192 << 20)
#define EXPIRED_MAX 256
#define POLL_MS 300        /* how often a stranger asks for blocks */
#define QUIET_POLL_MS 3000 /* and a member after the last one: it may have been removed and not know */
#define REPLICA_LINK 1000  /* a kind of its own: number is the member, relayed says that it is up */

static uint64_t replica_handle(void *ctx, struct message *m);

/* --- keys for the core --- */

static int keys_sign(void *ctx, const struct pbft_slot *slot, const struct hash *digest,
		     uint8_t ret_sig[SIG_BYTES])
{
	return gate_sign(((struct replica *)ctx)->gate, slot, digest, ret_sig);
}

static int keys_verify(void *ctx, uint8_t member, const struct hash *digest, const uint8_t sig[SIG_BYTES])
{
	struct replica *r = ctx;

	assert(member < r->members.count);
	return verifier_check(r->config.verifier, r->members.member[member].sign_point, digest, sig);
}

static int keys_digest(void *ctx, struct view body, struct hash *ret_digest)
{
	return body_digest(mesh_network(((struct replica *)ctx)->config.mesh), body, ret_digest);
}

/* --- opening --- */

int replica_core_new(struct replica *r)
{
	const struct conf_peer *conf = r->config.conf;
	struct pbft_config config = {
		.network = *mesh_network(r->config.mesh),
		.epoch = r->members.epoch,
		.n = r->members.count,
		.self = r->config.self,
		.batch_requests_max = conf->block_txs_max,
		.batch_bytes_max = conf->block_bytes_max,
		.timers = conf->timers,
		.keys = {r, keys_sign, keys_verify, keys_digest},
	};
	struct chain_block_info info;
	struct chain_head head;
	struct db_txn *txn = NULL;
	int err = 0;

	chain_head(r->config.chain, &head);
	r->height = config.height = head.height;
	config.head = head.hash;
	if (head.height > r->members.epoch) {
		err = chain_read_begin(r->config.chain, &txn);
		if (!err)
			err = chain_block_info(txn, head.height, &info);
		config.certificate = &info.certificate;
	}
	if (!err)
		err = pbft_new(&config, &r->pbft);
	db_abort(txn);
	return err;
}

static int restore_gate(void *ctx, struct view record)
{
	struct replica *r = ctx;
	struct pbft_slot slots[PBFT_RECORD_SLOTS_MAX];
	struct hash digests[PBFT_RECORD_SLOTS_MAX];
	size_t count = 0;
	int err = pbft_record_slots(record, mesh_network(r->config.mesh), slots, digests, &count);

	for (size_t i = 0; !err && i < count; i++)
		gate_remember(r->gate, &slots[i], &digests[i]);
	return err;
}

static int restore_core(void *ctx, struct view record)
{
	return pbft_restore(((struct replica *)ctx)->pbft, record);
}

/* Who becomes a member later has a log that says what was signed before: nothing. */
static int log_from_now_on(const char *path)
{
	struct votelog *votes = NULL;
	int err = votelog_open(path, &votes);

	votelog_close(votes);
	return err;
}

static int votes_open(struct replica *r)
{
	char path[FILE_PATH_MAX];
	int err;

	err = file_path(r->config.data_dir, "votes", path);
	if (r->config.self == PBFT_LEARNER && !err) {
		/* signs nothing; whatever log there is stays as it is */
		err = r->config.stranger ? log_from_now_on(path) : 0;
		return err ? err : replica_core_new(r);
	}
	if (!err)
		err = votelog_open(path, &r->votes);
	/* The gate first: the core signs nothing while it is restored, and everything after. */
	if (!err)
		err = votelog_walk(r->votes, restore_gate, r);
	if (!err)
		err = replica_core_new(r);
	if (!err)
		err = votelog_walk(r->votes, restore_core, r);
	if (err == CF_EDECODE)
		return err_set(CF_ECORRUPT, "%s: damaged record", path);
	return err;
}

int replica_new(const struct replica_config *config, struct replica **ret_r)
{
	struct worker_config worker = {config->name, QUEUE_BYTES_MAX, NULL, replica_handle};
	struct replica *r = mem_zalloc(sizeof(*r));
	int err;

	if (!r)
		return CF_ENOMEM;
	r->config = *config;
	pthread_mutex_init(&r->status_lock, NULL);
	buf_init(&r->body, BLOCK_BYTES_MAX);
	catchup_init(&r->catchup, config->mesh);
	worker.ctx = r;
	err = worker_new(&worker, &r->worker);
	r->members = *apply_members(r->config.apply);
	if (!err)
		err = pending_new(&r->pending);
	if (!err)
		err = gate_new(config->identity->sign, &r->gate);
	if (!err)
		err = votes_open(r);
	if (err) {
		replica_free(r);
		return err;
	}
	*ret_r = r;
	return 0;
}

int replica_start(struct replica *r)
{
	return worker_start(r->worker);
}

void replica_stop(struct replica *r)
{
	atomic_store(&r->stopping, true);
	worker_stop(r->worker);
}

void replica_free(struct replica *r)
{
	if (!r)
		return;
	worker_free(r->worker);
	learnt_forget(&r->learnt);
	pbft_free(r->pbft);
	gate_free(r->gate);
	votelog_close(r->votes);
	pending_free(r->pending);
	buf_release(&r->body);
	mem_free(r->ids);
	pthread_mutex_destroy(&r->status_lock);
	mem_free(r);
}

int replica_take(struct replica *r, enum queue_lane lane, struct message *m)
{
	return worker_push(r->worker, lane, m);
}

void replica_link(struct replica *r, uint8_t member, bool up)
{
	struct message *m = NULL;

	if (message_new(REPLICA_LINK, VIEW_NONE, &m))
		return; /* ordinary patience, then */
	m->number = member;
	m->relayed = up;
	(void)!worker_push(r->worker, QUEUE_URGENT, m);
}

/* --- status and failure --- */

void replica_status(struct replica *r, struct wire_status *ret_status)
{
	struct chain_head head;

	pthread_mutex_lock(&r->status_lock);
	*ret_status = r->status;
	pthread_mutex_unlock(&r->status_lock);
	chain_head(r->config.chain, &head);
	ret_status->height = head.height;
	ret_status->head = head.hash;
	ret_status->state_root = head.state_root;
	ret_status->time_ms = head.time_ms;
}

void replica_say(struct replica *r, const char *detail)
{
	pthread_mutex_lock(&r->status_lock);
	r->status.detail = view_str(detail);
	r->status.voting = detail[0] == '\0' && r->config.self != PBFT_LEARNER;
	pthread_mutex_unlock(&r->status_lock);
}

void replica_fail(struct replica *r, int err, const char *what)
{
	if (atomic_load(&r->stopping) || atomic_exchange(&r->failed, true))
		return;
	log_error(MODULE, "%s: %s (%s) -> stops for good", what, err_name(err), err_detail());
	replica_say(r, what);
	r->config.on_failed(r->config.ctx);
}

static void note_status(struct replica *r)
{
	pthread_mutex_lock(&r->status_lock);
	r->status.view = pbft_view(r->pbft);
	r->status.leader = pbft_leader(r->pbft);
	r->status.pool = (uint32_t)pbft_pool_count(r->pbft);
	r->status.voting = r->status.detail.len == 0 && r->config.self != PBFT_LEARNER;
	pthread_mutex_unlock(&r->status_lock);
}

/* --- obeying the core --- */

/* The votes of a set are numbered by its members: another set is another replica. */
static bool members_changed(struct replica *r)
{
	if (apply_members(r->config.apply)->epoch == r->members.epoch)
		return false;
	if (!atomic_load(&r->stopping) && !atomic_exchange(&r->failed, true)) {
		log_info(MODULE, "block %llu has changed the members -> starts anew",
			 (unsigned long long)r->height);
		r->config.on_changed(r->config.ctx);
	}
	return true;
}

/* Does what an update says. True: *ret_event is the next one. */
static bool obey(struct replica *r, const struct pbft_update *u, struct pbft_event *ret_event)
{
	int err = replica_log(r, u);
	bool more = false;

	if (err) {
		replica_fail(r, err, "vote log cannot be written");
		return false;
	}
	for (size_t i = 0; i < u->send_count; i++)
		mesh_vote(r->config.mesh, u->sends[i].to, u->sends[i].bytes);
	r->wake_ms = u->wake_ms;
	if (u->evidence.found)
		reporter_found(r->config.reporter, u->evidence.member, u->evidence.first, u->evidence.second);
	if (u->behind.wanted)
		r->config.on_behind(r->config.ctx, u->behind.height);
	if (u->behind.wanted)
		catchup_want(&r->catchup, u->behind.height, u->behind.from, r->height, ticks_ms());
	/* Each is answered before the core goes on, so it never asks for two. */
	assert((int)u->execute.wanted + (int)u->check.wanted + (int)u->build.wanted <= 1);
	if (u->execute.wanted) {
		more = replica_execute(r, u, ret_event) && !members_changed(r);
		if (more && r->forgot)
			replica_become_learner(r, ret_event);
	} else if (u->check.wanted) {
		more = replica_check(r, u, ret_event);
	} else if (u->build.wanted) {
		more = replica_build(r, u, ret_event);
		/* Here no own vote of the open height is in the log; the update is used up. */
		replica_cut_log(r);
	} else {
		replica_cut_log(r);
	}
	return more && !atomic_load(&r->failed);
}

/* Requests whose time is over: the pool forgets them. */
static bool expired_event(struct replica *r, struct hash ids[EXPIRED_MAX], struct pbft_event *ret_event)
{
	size_t count = pending_expire(r->pending, r->height, ids, EXPIRED_MAX);

	if (count == 0)
		return false;
	*ret_event = (struct pbft_event){.kind = PBFT_EXECUTED};
	ret_event->u.executed.height = r->height;
	ret_event->u.executed.ids = ids;
	ret_event->u.executed.id_count = (uint32_t)count;
	return true;
}

/* One event and all that follows from it. What became of the event itself: 0 or why it was refused. */
static int drive(struct replica *r, struct pbft_event event)
{
	struct hash expired[EXPIRED_MAX];
	bool more = true, first = true;
	int answer = 0;

	while (more) {
		struct pbft_update u;
		int err;

		event.now_ms = ticks_ms();
		err = pbft_step(r->pbft, &event, &u);
		if (first)
			answer = err;
		first = false;
		if (err == CF_ENOMEM || err == CF_EPERM || err == CF_ECORRUPT) {
			replica_fail(r, err, "agreement cannot go on");
			return err;
		}
		more = obey(r, &u, &event);
		if (!more && !atomic_load(&r->failed))
			more = expired_event(r, expired, &event);
	}
	return answer;
}

/* --- events --- */

static void on_message(struct replica *r, const struct message *m)
{
	struct pbft_event event = {.kind = PBFT_MESSAGE};
	int err;

	event.u.message.bytes = message_view(m);
	err = drive(r, event);
	if (err)
		log_debug(MODULE, "message of %zu bytes is refused: %s", m->len, err_name(err));
}

static void on_request(struct replica *r, const struct message *m)
{
	struct pbft_event event = {.kind = PBFT_REQUEST};
	int err;

	event.u.request.id = m->id;
	event.u.request.bytes = message_view(m);
	event.u.request.relayed = m->relayed;
	if (m->number <= r->height)
		err = CF_EEXPIRED;
	else
		err = pending_add(r->pending, &m->id, m->number, &m->creator, m->len);
	if (!err) {
		err = drive(r, event);
		if (err)
			pending_remove(r->pending, &m->id);
	}
	if (err && err != CF_EEXIST && !m->relayed)
		mesh_refuse(r->config.mesh, m->from, m->request, &m->id, err, "");
}

static void on_learnt(struct replica *r, bool learnt, struct pbft_event *event)
{
	if (!learnt || members_changed(r))
		return;
	if (r->forgot)
		replica_become_learner(r, event);
	if (!atomic_load(&r->failed))
		(void)drive(r, *event);
}

static void on_link(struct replica *r, const struct message *m)
{
	struct pbft_event event = {.kind = PBFT_LINK};

	event.u.link.member = (uint8_t)m->number;
	event.u.link.up = m->relayed;
	(void)drive(r, event);
}

/* Those that wait go on, or another member is asked. */
static void on_patience(struct replica *r, uint64_t now)
{
	struct pbft_event event;

	if (r->learnt.count > 0)
		on_learnt(r, replica_learn_now(r, &event), &event);
	else
		catchup_due(&r->catchup, r->height, now);
}

static void take(struct replica *r, struct message *m)
{
	struct pbft_event event;

	switch (m->kind) {
	case WIRE_PBFT:
		on_message(r, m);
		break;
	case WIRE_SUBMIT:
		on_request(r, m);
		break;
	case WIRE_BLOCK:
		on_learnt(r, replica_learn(r, m, &event), &event);
		return; /* it is the learner's */
	case REPLICA_LINK:
		on_link(r, m);
		break;
	case WIRE_REFUSED:
		if (r->learnt.count > 0)
			on_learnt(r, replica_learn_now(r, &event), &event);
		catchup_refused(&r->catchup, ticks_ms());
		break;
	default:
		assert(!"a message of this kind is not for the replica");
	}
	message_free(m);
}

/* A member that has just begun may be several sets of members behind: it asks soon, then less and less often.
 */
static unsigned poll_interval(const struct replica *r)
{
	unsigned wait = POLL_MS << (r->polls < 4 ? r->polls : 4);

	return r->config.stranger ? POLL_MS : wait < QUIET_POLL_MS ? wait : QUIET_POLL_MS;
}

static uint64_t replica_handle(void *ctx, struct message *m)
{
	struct replica *r = ctx;
	uint64_t now = ticks_ms(), until;

	if (atomic_load(&r->failed)) {
		message_free(m);
		return 0;
	}
	if (!r->started)
		(void)drive(r, (struct pbft_event){.kind = PBFT_START});
	r->started = true;
	if (m)
		take(r, m);
	else if (r->wake_ms != 0 && now >= r->wake_ms)
		(void)drive(r, (struct pbft_event){.kind = PBFT_TIMEOUT});
	if (r->catchup.deadline_ms != 0 && now >= r->catchup.deadline_ms && !atomic_load(&r->failed))
		on_patience(r, now);
	if (r->height != r->polled) {
		r->polled = r->height;
		r->poll_ms = now + poll_interval(r);
	} else if (now >= r->poll_ms) {
		catchup_poll(&r->catchup, r->height, now);
		r->polls++;
		r->poll_ms = now + poll_interval(r);
	}
	note_status(r);
	until = r->wake_ms;
	if (until == 0 || r->poll_ms < until)
		until = r->poll_ms;
	if (r->catchup.deadline_ms != 0 && (until == 0 || r->catchup.deadline_ms < until))
		until = r->catchup.deadline_ms;
	return until;
}
