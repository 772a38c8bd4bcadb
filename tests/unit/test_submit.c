/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The submitter against endorsers that answer as the test says: agree, differ, refuse, are behind, miss
 * blobs. They sit behind real sockets (inproc) and sign really.
 */
#include "tests/lib/t.h"
#include "ledger/blob.h"
#include "ledger/mem.h"
#include "net/submit.h"
#include "net/ticks.h"
#include "tests/lib/lies.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 4
#define SEEN_MAX 512

enum behaviour { AGREE, DIFFER, REFUSE, BEHIND_ONCE, SILENT, FORGE };

struct endorser {
	struct cluster *cluster;
	unsigned number;
	struct transport *transport;
	struct crypto_key *key;
	struct identity_id id;
	_Atomic int behaviour;
	int refusal;
	_Atomic bool misses_blob;
	_Atomic unsigned frames, proposals, largest, submits, puts, min_height;
	pthread_mutex_t lock;
	struct hash tx[SEEN_MAX]; /* SHA-256 of each transaction submitted */
	struct hash id_of[SEEN_MAX];
	unsigned endorse_count[SEEN_MAX];
	unsigned tx_count, receipts_in_tx, endorsements_in_tx;
};

struct cluster {
	struct hash network;
	struct identity identity;
	struct endorser endorser[N];
	struct members members;
	struct links *links;
	struct heard *heard;
	struct submitter *s;
	_Atomic uint64_t height;
	_Atomic unsigned put_again;
	struct buf good, other;      /* read-write sets: the same reads */
	_Atomic uint32_t liars[256]; /* proven, by the first byte of what they endorsed */
};

static void answer(struct endorser *e, struct transport_from to, enum wire_kind kind, uint64_t request,
		   const struct buf *payload)
{
	struct buf frame;

	buf_init(&frame, 0);
	if (wire_frame_encode(kind, request, &e->id, buf_view(payload), &e->cluster->network, e->key, &frame))
		abort();
	(void)!transport_reply(e->transport, to, buf_view(&frame)); /* the client may be gone */
	buf_release(&frame);
}

static void sign_item(struct endorser *e, struct wire_endorsed_item *item)
{
	struct hash digest = tx_endorsement_digest(&e->cluster->network, &item->id, item->rwset);

	if (atomic_load(&e->behaviour) == FORGE)
		digest.b[0] ^= 1;
	if (sigpath_sign(SIG_ENDORSEMENT, &e->cluster->network, &digest, 1, e->key, &item->signature))
		abort();
}

static void endorse(struct endorser *e, struct transport_from from, const struct wire_frame *f)
{
	struct wire_endorsed out = {.by = e->id, .height = atomic_load(&e->cluster->height)};
	struct wire_endorsed_item item[WIRE_BATCH_MAX];
	int behaviour = atomic_load(&e->behaviour);
	struct wire_endorse m;
	struct buf payload;

	memset(item, 0, sizeof(item));
	if (wire_endorse_decode(f->payload, &m))
		abort();
	atomic_fetch_add(&e->frames, 1);
	atomic_fetch_add(&e->proposals, m.count);
	atomic_store(&e->min_height, (unsigned)m.min_height);
	if (m.count > atomic_load(&e->largest))
		atomic_store(&e->largest, m.count);
	out.count = m.count;
	out.item = item;
	for (unsigned i = 0; i < m.count; i++) {
		item[i].id = tx_id(m.proposal[i]);
		if (sigpath_verify(&m.signature[i], SIG_PROPOSAL, &e->cluster->network, &item[i].id,
				   e->cluster->identity.sign))
			abort();
		item[i].rwset = buf_view(behaviour == DIFFER ? &e->cluster->other : &e->cluster->good);
		if (behaviour == REFUSE || behaviour == BEHIND_ONCE) {
			item[i].error = behaviour == REFUSE ? e->refusal : CF_EAGAIN;
			item[i].detail = view_str("because");
			item[i].rwset = VIEW_NONE;
		} else {
			sign_item(e, &item[i]);
		}
	}
	if (behaviour == BEHIND_ONCE)
		atomic_store(&e->behaviour, AGREE);
	buf_init(&payload, 0);
	if (behaviour != SILENT) {
		if (wire_endorsed_encode(&out, &payload))
			abort();
		answer(e, from, WIRE_ENDORSED, f->request, &payload);
	}
	buf_release(&payload);
	wire_endorse_release(&m);
}

static void take_submit(struct endorser *e, const struct wire_frame *f)
{
	struct wire_submit *m = mem_alloc(sizeof(*m));
	struct tx *t = mem_alloc(sizeof(*t));

	if (!m || !t || wire_submit_decode(f->payload, m))
		abort();
	atomic_fetch_add(&e->submits, 1);
	pthread_mutex_lock(&e->lock);
	for (unsigned i = 0; i < m->count && e->tx_count < SEEN_MAX; i++) {
		if (tx_decode(m->tx[i], t))
			abort();
		e->tx[e->tx_count] = sha256(m->tx[i]);
		e->id_of[e->tx_count++] = t->id;
		e->receipts_in_tx = t->receipt_count;
		e->endorsements_in_tx = t->endorsement_count;
	}
	pthread_mutex_unlock(&e->lock);
	mem_free(m);
	mem_free(t);
}

static void take_hold(struct endorser *e, struct transport_from from, const struct wire_frame *f)
{
	struct wire_receipt out = {.by = e->id};
	struct wire_hold m;
	struct hash digest;
	struct buf payload;

	if (wire_hold_decode(f->payload, &m))
		abort();
	out.held = !atomic_load(&e->misses_blob);
	digest = tx_receipt_digest(&e->cluster->network, m.time_ms, m.blob, m.count);
	if (out.held) {
		if (sigpath_sign(SIG_RECEIPT, &e->cluster->network, &digest, 1, e->key, &out.signature))
			abort();
	} else {
		out.missing_count = 1;
		out.missing[0] = m.blob[0].root;
	}
	buf_init(&payload, 0);
	if (wire_receipt_encode(&out, &payload))
		abort();
	answer(e, from, WIRE_RECEIPT, f->request, &payload);
	buf_release(&payload);
}

static void on_recv(void *ctx, struct transport_from from, struct transport_link *link, struct view bytes)
{
	struct endorser *e = ctx;
	struct wire_frame f;

	(void)link;
	if (wire_frame_decode(bytes, &e->cluster->network, &f))
		abort();
	if (f.kind == WIRE_ENDORSE)
		endorse(e, from, &f);
	else if (f.kind == WIRE_SUBMIT)
		take_submit(e, &f);
	else if (f.kind == WIRE_HOLD)
		take_hold(e, from, &f);
}

/* --- the client's side --- */

static void on_frame(void *ctx, const struct roster *r, unsigned member, const struct wire_frame *f)
{
	struct cluster *c = ctx;

	if (f->kind == WIRE_ENDORSED)
		submit_on_endorsed(c->s, r, member, f->payload);
	else if (f->kind == WIRE_RECEIPT)
		submit_on_receipt(c->s, r, member, f->request, f->payload);
}

static void on_up(void *ctx, unsigned member)
{
	(void)ctx;
	(void)member;
}

static uint64_t height_of(void *ctx)
{
	return atomic_load(&((struct cluster *)ctx)->height);
}

static int put_again(void *ctx, unsigned member, const struct hash *address)
{
	struct cluster *c = ctx;

	(void)address;
	atomic_fetch_add(&c->put_again, 1);
	atomic_store(&c->endorser[member].misses_blob, false);
	return 0;
}

static void on_lie(void *ctx, struct view evidence)
{
	struct evidence *e = mem_alloc(sizeof(*e));
	struct cluster *c = ctx;

	if (evidence_decode(evidence, &c->network, e) == 0 &&
	    evidence_check(e, &c->network, &c->members) == 0)
		atomic_fetch_or(&c->liars[e->tx.b[0]], 1u << e->member);
	mem_free(e);
}

static void endorser_start(struct cluster *c, unsigned i, const char *url)
{
	struct endorser *e = &c->endorser[i];
	struct transport_config tc = {.ctx = e, .on_recv = on_recv};
	struct member *m = &c->members.member[i];

	e->cluster = c;
	e->number = i;
	e->refusal = CF_EDENIED;
	pthread_mutex_init(&e->lock, NULL);
	t_zero(crypto_key_generate(&e->key));
	e->id.b[0] = (uint8_t)(N - i); /* not in the order of the members */
	m->id = e->id;
	m->org = (uint16_t)(i + 1);
	crypto_key_point(e->key, m->sign_point);
	crypto_key_point(e->key, m->endorse_point);
	crypto_key_point(e->key, m->kem_point);
	snprintf(m->client_address, sizeof(m->client_address), "%s", url);
	t_zero(transport_new(&tc, &e->transport));
	t_zero(transport_listen(e->transport, TRANSPORT_GATEWAY, url));
}

static struct cluster *cluster_new(void)
{
	static unsigned clusters;
	struct cluster *c = mem_zalloc(sizeof(*c));
	struct links_config lc;
	struct submit_config sc;
	char url[64];

	t_ok(c);
	c->network = sha256(view_str("network"));
	buf_init(&c->good, 0);
	buf_init(&c->other, 0);
	t_zero(lie_rwset(3, "good", &c->good));
	t_zero(lie_rwset(3, "other", &c->other));
	atomic_store(&c->height, 10);
	t_zero(crypto_key_generate(&c->identity.sign));
	c->identity.id.b[0] = 77;
	c->members.count = N;
	clusters++;
	for (unsigned i = 0; i < N; i++) {
		snprintf(url, sizeof(url), "inproc://submit-%u-%u", clusters, i);
		endorser_start(c, i, url);
	}
	lc = (struct links_config){.network = c->network,
				   .identity = &c->identity,
				   .ctx = c,
				   .on_frame = on_frame,
				   .on_up = on_up};
	t_zero(links_new(&lc, &c->links));
	t_zero(heard_new(&c->heard));
	sc = (struct submit_config){.network = c->network,
				    .identity = &c->identity,
				    .links = c->links,
				    .heard = c->heard,
				    .ctx = c,
				    .height = height_of,
				    .put_again = put_again,
				    .on_lie = on_lie};
	t_zero(submit_new(&sc, &c->s));
	t_zero(links_set_members(c->links, &c->members));
	for (unsigned i = 0; i < 500 && links_up(c->links) != (1u << N) - 1; i++)
		usleep(2000);
	t_eq(links_up(c->links), (1u << N) - 1);
	return c;
}

static void cluster_free(struct cluster *c)
{
	submit_stop(c->s);
	links_free(c->links);
	submit_free(c->s);
	heard_free(c->heard);
	for (unsigned i = 0; i < N; i++) {
		transport_free(c->endorser[i].transport);
		crypto_key_free(c->endorser[i].key);
		pthread_mutex_destroy(&c->endorser[i].lock);
	}
	crypto_key_free(c->identity.sign);
	buf_release(&c->good);
	buf_release(&c->other);
	mem_free(c);
}

static struct client_job *job_of(struct cluster *c, unsigned number, const struct tx_blob *blob,
				 unsigned orgs)
{
	const struct policy_row policy = {.endorsing_orgs = (uint16_t)orgs};
	struct tx_proposal p;
	struct client_tx tx = {.blobs = blob, .blob_count = blob ? 1 : 0};
	struct client_job *job;
	struct buf bytes;

	memset(&p, 0, sizeof(p));
	p.network = c->network;
	p.type = TX_CONFIG;
	p.time_ms = number;
	p.valid_until = 20;
	p.contract = view_str("emr");
	p.op_count = 1;
	p.op[0] = (struct tx_op){1, view_str("operation")};
	buf_init(&bytes, 0);
	t_zero(tx_proposal_encode(&p, &bytes));
	t_zero(job_new(&c->network, buf_view(&bytes), &tx, p.time_ms, p.valid_until, &policy, &job));
	buf_release(&bytes);
	return job;
}

static bool stage_is(struct client_job *job, const char *stage)
{
	for (unsigned i = 0; i < 2000; i++) {
		if (strcmp(client_job_stage(job), stage) == 0)
			return true;
		usleep(1000);
	}
	return false;
}

/* Waits until an endorser was sent a transaction; how many. */
static unsigned wait_tx(struct endorser *e, unsigned want)
{
	unsigned count = 0;

	for (unsigned i = 0; i < 1000 && count < want; i++) {
		pthread_mutex_lock(&e->lock);
		count = e->tx_count;
		pthread_mutex_unlock(&e->lock);
		if (count < want)
			usleep(2000);
	}
	return count;
}

T_TEST(submit_sends_one_transaction_to_all)
{
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, NULL, 2);
	struct client_result r;

	job->seen_height = 77; /* a block may be in the own state before the own height tells of it */
	submit_add(c->s, job);
	t_ok(stage_is(job, "ordered"));
	t_err(client_job_wait(job, 0, &r), CF_ENOQUORUM);
	submit_on_tx(c->s, &job->id, 11, 3, VERDICT_VALID);
	t_err(client_job_wait(job, 0, &r), CF_ENOQUORUM); /* only at the block's end */
	submit_on_block(c->s);
	t_zero(client_job_wait(job, 1000, &r));
	t_zero(r.error);
	t_eq(r.height, 11);
	t_eq(r.index, 3);
	t_ok(hash_equal(&r.id, &job->id));
	t_str(client_job_stage(job), "committed");
	for (unsigned i = 0; i < N; i++) {
		t_eq(wait_tx(&c->endorser[i], 1), 1);
		t_eq(c->endorser[i].endorsements_in_tx, 2);
		t_eq(c->endorser[i].min_height, 77);
		t_ok(hash_equal(&c->endorser[i].tx[0], &c->endorser[0].tx[0]));
	}
	client_job_release(job);
	cluster_free(c);
}

/* The same bytes again and again until a block holds them, or until the validity ends. */
T_TEST(submit_repeats_the_same_bytes)
{
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, NULL, 2);
	struct client_result r;
	struct endorser *e = &c->endorser[2];

	submit_add(c->s, job);
	for (unsigned i = 0; i < 300 && atomic_load(&e->submits) < 3; i++)
		usleep(10000);
	t_ok(atomic_load(&e->submits) >= 3);
	pthread_mutex_lock(&e->lock);
	t_ok(e->tx_count >= 3);
	for (unsigned i = 0; i < e->tx_count; i++)
		t_ok(hash_equal(&e->tx[i], &e->tx[0]));
	pthread_mutex_unlock(&e->lock);
	atomic_store(&c->height, 20);
	t_zero(client_job_wait(job, 3000, &r));
	t_err(r.error, CF_ENOQUORUM);
	t_str(r.detail, "validity ended");
	client_job_release(job);
	cluster_free(c);
}

T_TEST(submit_waits_for_endorsers_that_agree)
{
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, NULL, 2);
	struct client_result r;

	atomic_store(&c->endorser[0].behaviour, DIFFER);
	atomic_store(&c->endorser[1].behaviour, FORGE);
	atomic_store(&c->endorser[2].behaviour, BEHIND_ONCE);
	submit_add(c->s, job);
	t_ok(stage_is(job, "ordered"));
	t_eq(job->endorsers, 1u << 2 | 1u << 3);
	submit_on_tx(c->s, &job->id, 11, 0, VERDICT_MVCC_CONFLICT);
	submit_on_block(c->s);
	t_zero(client_job_wait(job, 1000, &r));
	t_err(r.error, CF_ECONFLICT);
	t_eq(r.verdict, VERDICT_MVCC_CONFLICT);
	client_job_release(job);
	cluster_free(c);
}

T_TEST(submit_proves_who_signs_other_writes)
{
	struct cluster *c = cluster_new();
	struct client_job *job;

	for (unsigned i = 0; i < 8; i++) {
		atomic_store(&c->endorser[i % N].behaviour, DIFFER);
		job = job_of(c, i, NULL, 2);
		submit_add(c->s, job);
		t_ok(stage_is(job, "ordered"));
		t_eq(job->endorsers >> i % N & 1, 0);
		for (unsigned waits = 0; !atomic_load(&c->liars[job->id.b[0]]) && waits < 5000; waits++)
			usleep(2000);
		t_eq(atomic_load(&c->liars[job->id.b[0]]), 1u << i % N);
		atomic_store(&c->endorser[i % N].behaviour, AGREE);
		client_job_release(job);
	}
	cluster_free(c);
}

T_TEST(submit_accuses_nobody_without_proof)
{
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, NULL, 2);

	c->other.len = 0;
	t_zero(lie_rwset(4, "other", &c->other)); /* a newer version */
	atomic_store(&c->endorser[0].behaviour, DIFFER);
	atomic_store(&c->endorser[1].behaviour, FORGE);
	submit_add(c->s, job);
	t_ok(stage_is(job, "ordered") && atomic_load(&c->liars[job->id.b[0]]) == 0);
	client_job_release(job);
	cluster_free(c);
}

static void count_settled(void *ctx, const struct client_result *r)
{
	t_err(r->error, CF_EEXIST);
	atomic_fetch_add((_Atomic unsigned *)ctx, 1);
}

T_TEST(submit_settles_refusals)
{
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, NULL, 2);
	_Atomic unsigned settled = 0;
	struct client_result r;

	for (unsigned i = 0; i < N; i++) {
		c->endorser[i].refusal = i == 1 ? CF_ENOTFOUND : CF_EEXIST;
		atomic_store(&c->endorser[i].behaviour, i == 3 ? SILENT : REFUSE);
	}
	client_job_on_settled(job, count_settled, &settled);
	submit_add(c->s, job);
	t_zero(client_job_wait(job, 3000, &r));
	t_err(r.error, CF_EEXIST);
	t_str(r.detail, "because");
	for (unsigned i = 0; i < 100 && atomic_load(&settled) == 0; i++)
		usleep(1000);
	t_eq(atomic_load(&settled), 1);
	t_eq(wait_tx(&c->endorser[0], 0), 0);
	client_job_release(job);
	/* Told at once when it has settled already. */
	job = job_of(c, 2, NULL, 2);
	submit_add(c->s, job);
	t_zero(client_job_wait(job, 3000, &r));
	client_job_on_settled(job, count_settled, &settled);
	t_eq(atomic_load(&settled), 2);
	client_job_release(job);
	cluster_free(c);
}

/* The very same proposal is asked for again; what a revoked member says is not counted, also what came
 * before. */
T_TEST(submit_outlives_silent_endorsers)
{
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, NULL, 2), *later = job_of(c, 2, NULL, 2);
	struct client_result r;

	for (unsigned i = 0; i < N; i++)
		atomic_store(&c->endorser[i].behaviour, SILENT);
	submit_add(c->s, job);
	t_err(client_job_wait(job, 100, &r), CF_ENOQUORUM);
	t_str(client_job_stage(job), "staged");
	submit_add(c->s, later); /* is not held up by the batch that hangs */
	t_zero(links_set_revoked(c->links, 1u << 0));
	for (unsigned i = 0; i < N; i++)
		atomic_store(&c->endorser[i].behaviour, AGREE);
	t_ok(stage_is(job, "ordered"));
	t_ok(stage_is(later, "ordered"));
	t_eq(job->endorsers & 1u << 0, 0);
	t_zero(links_set_revoked(c->links, 1u << 0 | 1u << 1));
	for (unsigned i = 0; i < 1000 && job->endorsers != (1u << 2 | 1u << 3); i++)
		usleep(5000);
	t_eq(job->endorsers, 1u << 2 | 1u << 3);
	client_job_release(job);
	client_job_release(later);
	cluster_free(c);
}

#define JOBS 300
/* What comes while a batch is in flight goes together: far fewer frames than jobs, nothing lost or twice. */
T_TEST(submit_batches)
{
	struct cluster *c = cluster_new();
	struct client_job *job[JOBS];
	struct client_result r;
	struct endorser *e = &c->endorser[0];

	for (unsigned i = 0; i < JOBS; i++)
		submit_add(c->s, job[i] = job_of(c, i, NULL, 2));
	for (unsigned i = 0; i < JOBS; i++)
		t_ok(stage_is(job[i], "ordered"));
	t_note("%u frames, largest %u", e->frames, e->largest);
	t_ok(atomic_load(&e->largest) > 1 && atomic_load(&e->frames) < JOBS / 2);
	for (unsigned i = 0; i < JOBS; i++)
		submit_on_tx(c->s, &job[i]->id, 11, i, VERDICT_VALID);
	submit_on_block(c->s);
	for (unsigned i = 0; i < JOBS; i++) {
		t_zero(client_job_wait(job[i], 1000, &r));
		t_zero(r.error);
		t_eq(r.index, i);
		client_job_release(job[i]);
	}
	cluster_free(c);
}

T_TEST(submit_gathers_receipts)
{
	const struct tx_blob blob = {.root = sha256(view_str("blob")), .bytes = 4};
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, &blob, 2);
	struct client_result r;

	atomic_store(&c->endorser[1].misses_blob, true);
	atomic_store(&c->endorser[2].misses_blob, true);
	submit_add(c->s, job);
	t_ok(stage_is(job, "ordered"));
	t_ok(atomic_load(&c->put_again) >= 1);
	t_eq(wait_tx(&c->endorser[0], 1), 1);
	t_eq(c->endorser[0].receipts_in_tx, 3);
	submit_on_tx(c->s, &job->id, 11, 0, VERDICT_RECEIPTS);
	submit_on_block(c->s);
	t_zero(client_job_wait(job, 1000, &r));
	t_err(r.error, CF_EIO);
	client_job_release(job);
	cluster_free(c);
}

T_TEST(submit_abandons_jobs_when_closed)
{
	struct cluster *c = cluster_new();
	struct client_job *job = job_of(c, 1, NULL, 5); /* more organizations than there are */
	struct client_result r;

	submit_add(c->s, job);
	t_err(client_job_wait(job, 50, &r), CF_ENOQUORUM);
	cluster_free(c);
	t_err(client_job_wait(job, 60000, &r), CF_ENOQUORUM);
	client_job_release(job);
}

T_MAIN
