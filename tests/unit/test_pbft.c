/* SPDX-License-Identifier: Apache-2.0 */
/* Short scenarios over four cores; long and random ones are in tests/sim. */
#include "tests/lib/t.h"
#include "ledger/mem.h"
#include "net/pbft_msg.h"

#define N 4
#define HEIGHTS 16
#define RECORDS 256
#define QUEUE 4096

struct replica {
	uint8_t self;
	struct pbft *core;
	bool down;
	struct view record[RECORDS];
	size_t records, synced;
	uint64_t height;
	struct hash digest[HEIGHTS];
	struct certificate certificate[HEIGHTS];
	bool learner;
	bool mute_commit; /* its COMMITs are lost */
	unsigned fetches;
	bool evidence;
};

struct mail {
	uint8_t to;
	struct view bytes;
};

static struct replica replica[N];
static struct mail queue[QUEUE];
static size_t head, tail;
static uint64_t now;
static bool lose_bodies_for[N];
static uint32_t lost_ms; /* of the timers */

static int sign(void *ctx, const struct pbft_slot *slot, const struct hash *digest,
		uint8_t ret_sig[SIG_BYTES])
{
	const struct replica *r = ctx;

	(void)slot;
	memset(ret_sig, r->self + 1, SIG_BYTES);
	memcpy(ret_sig, digest->b, HASH_BYTES);
	return 0;
}

static int verify(void *ctx, uint8_t member, const struct hash *digest, const uint8_t sig[SIG_BYTES])
{
	(void)ctx;
	return memcmp(sig, digest->b, HASH_BYTES) == 0 && sig[SIG_BYTES - 1] == member + 1 ? 0 : CF_ESIG;
}

static int body_digest(void *ctx, struct view body, struct hash *ret_digest)
{
	(void)ctx;
	if (body.len == 0)
		return CF_EDECODE;
	*ret_digest = sha256(body);
	return 0;
}

static struct view keep(struct view v)
{
	uint8_t *copy = mem_dup(v.data, v.len);

	t_ok(copy != NULL);
	return VIEW(copy, v.len);
}

static struct view without_body(struct view bytes)
{
	struct msg_pre_prepare m;
	struct buf b;
	struct view v;

	if (msg_pre_prepare_decode(bytes, &m) != 0)
		return keep(bytes);
	m.has_body = false;
	buf_init(&b, 0);
	t_zero(msg_pre_prepare_encode(&m, &b));
	v = keep(buf_view(&b));
	buf_release(&b);
	return v;
}

static void post(const struct replica *from, const struct pbft_send *s)
{
	enum msg_kind kind;

	t_zero(msg_kind(s->bytes, &kind));
	if (kind == MSG_COMMIT && from->mute_commit)
		return;
	for (uint8_t to = 0; to < N; to++) {
		if (to == from->self || (s->to != PBFT_ALL && s->to != to) || replica[to].down)
			continue;
		t_ok(tail < QUEUE);
		queue[tail++] =
			(struct mail){to, lose_bodies_for[to] ? without_body(s->bytes) : keep(s->bytes)};
	}
}

static int step(struct replica *r, struct pbft_event event);

static void answer(struct replica *r, const struct pbft_update *u)
{
	struct pbft_event e = {0};
	struct hash id;

	if (u->build.wanted) {
		id = u->build.request_count > 0 ? u->build.requests[0].id : sha256(VIEW_NONE);
		e.kind = PBFT_BUILT;
		e.u.built.body =
			u->build.request_count > 0 ? keep(u->build.requests[0].bytes) : keep(VIEW("beat", 4));
		e.u.built.digest = sha256(e.u.built.body);
		e.u.built.ids = &id;
		e.u.built.id_count = u->build.request_count > 0;
		t_zero(step(r, e));
		mem_free((void *)e.u.built.body.data);
	} else if (u->check.wanted) {
		e.kind = PBFT_CHECKED;
		e.u.checked.digest = u->check.digest;
		e.u.checked.ok = u->check.body.data[0] != '!';
		t_zero(step(r, e));
	} else if (u->execute.wanted) {
		id = sha256(u->execute.body);
		e.kind = PBFT_EXECUTED;
		e.u.executed.height = u->execute.certificate.height;
		e.u.executed.digest = u->execute.certificate.digest;
		e.u.executed.ids = &id;
		e.u.executed.id_count = 1;
		r->height = e.u.executed.height;
		r->digest[r->height] = e.u.executed.digest;
		r->certificate[r->height] = u->execute.certificate;
		t_zero(step(r, e));
	}
}

static int step(struct replica *r, struct pbft_event event)
{
	struct pbft_update u;
	int err;

	event.now_ms = now;
	err = pbft_step(r->core, &event, &u);
	for (size_t i = 0; i < u.record_count; i++) {
		t_ok(r->records < RECORDS);
		r->record[r->records++] = keep(u.records[i].bytes);
	}
	if (u.sync)
		r->synced = r->records;
	for (size_t i = 0; i < u.send_count; i++) {
		enum msg_kind kind;

		t_zero(msg_kind(u.sends[i].bytes, &kind));
		r->fetches += kind == MSG_FETCH_BODY;
		/* persist before send: nothing of what binds leaves before its record is durable */
		t_ok(kind == MSG_STATUS || kind == MSG_FETCH_BODY || r->synced == r->records ||
		     (kind != MSG_PREPARE && kind != MSG_COMMIT && kind != MSG_VIEW_CHANGE));
		post(r, &u.sends[i]);
	}
	r->evidence = r->evidence || u.evidence.found;
	answer(r, &u);
	return err;
}

static void deliver(void)
{
	while (head < tail) {
		struct mail m = queue[head++];
		struct pbft_event e = {.kind = PBFT_MESSAGE};
		struct view request;

		if (!replica[m.to].down && pbft_is_relay(m.bytes, &request)) {
			e.kind = PBFT_REQUEST;
			e.u.request.id = sha256(request);
			e.u.request.bytes = request;
			e.u.request.relayed = true;
			(void)step(&replica[m.to], e);
		} else if (!replica[m.to].down) {
			e.u.message.bytes = m.bytes;
			t_zero(step(&replica[m.to], e));
		}
		mem_free((void *)m.bytes.data);
	}
	head = tail = 0;
}

static void pass_ms(uint64_t ms)
{
	for (uint64_t end = now + ms; now < end; now += 50) {
		for (unsigned i = 0; i < N; i++) {
			if (!replica[i].down)
				t_zero(step(&replica[i], (struct pbft_event){.kind = PBFT_TIMEOUT}));
		}
		deliver();
	}
}

static void boot(struct replica *r)
{
	struct pbft_config c = {.n = N,
				.self = r->learner ? PBFT_LEARNER : r->self,
				.batch_requests_max = 1,
				.batch_bytes_max = 4096};

	c.timers = (struct pbft_timers){200, 400, 400, 4000, 100, 200, 0, 0, 0, lost_ms};
	c.keys = (struct pbft_keys){r, sign, verify, body_digest};
	c.height = r->height;
	if (r->height > 0) {
		c.head = r->digest[r->height];
		c.certificate = &r->certificate[r->height];
	}
	t_zero(pbft_new(&c, &r->core));
	for (size_t i = 0; i < r->records; i++)
		t_zero(pbft_restore(r->core, r->record[i]));
	r->down = false;
	t_zero(step(r, (struct pbft_event){.kind = PBFT_START}));
}

static void crash(struct replica *r)
{
	pbft_free(r->core);
	r->core = NULL;
	r->down = true;
}

static void close_all(void)
{
	for (unsigned i = 0; i < N; i++) {
		pbft_free(replica[i].core);
		for (size_t k = 0; k < replica[i].records; k++)
			mem_free((void *)replica[i].record[k].data);
	}
	while (head < tail)
		mem_free((void *)queue[head++].bytes.data);
	head = tail = 0;
}

static void open_all(void)
{
	close_all();
	memset(replica, 0, sizeof(replica));
	memset(lose_bodies_for, 0, sizeof(lose_bodies_for));
	now = 1000;
	for (uint8_t i = 0; i < N; i++)
		replica[i].self = i;
	for (uint8_t i = 0; i < N; i++)
		boot(&replica[i]);
	deliver();
}

static void request(const char *text)
{
	struct pbft_event e = {.kind = PBFT_REQUEST};

	e.u.request.bytes = view_str(text);
	e.u.request.id = sha256(e.u.request.bytes);
	for (unsigned i = 0; i < N; i++) {
		if (!replica[i].down)
			t_zero(step(&replica[i], e));
	}
}

static void all_at(uint64_t height, const char *text)
{
	const struct hash digest = sha256(view_str(text));

	for (unsigned i = 0; i < N; i++) {
		if (replica[i].down)
			continue;
		t_eq(replica[i].height, height);
		t_eq(pbft_height(replica[i].core), height);
		t_ok(hash_equal(&replica[i].digest[height], &digest));
	}
}

T_TEST(pbft_normal_case)
{
	struct pbft_event again = {.kind = PBFT_REQUEST};

	open_all();
	request("one");
	deliver();
	all_at(1, "one");
	request("two");
	deliver();
	all_at(2, "two");
	t_eq(pbft_view(replica[0].core), 0);
	t_eq(pbft_pool_count(replica[3].core), 0);
	t_eq(replica[2].certificate[2].count, 3);
	again.u.request.bytes = view_str("one");
	again.u.request.id = sha256(again.u.request.bytes);
	t_err(step(&replica[1], again), CF_EEXIST);
	close_all();
	memset(replica, 0, sizeof(replica));
}

/* A flood of large requests is bounded in bytes, long before it is in number. */
T_TEST(pbft_pool_is_bounded_in_bytes)
{
	static uint8_t large[(size_t)8 << 20];
	struct pbft_event e = {.kind = PBFT_REQUEST};
	size_t taken = 0;
	int err;

	open_all();
	e.u.request.bytes = VIEW(large, sizeof(large));
	for (err = 0; err == 0 && taken < 100; taken += err == 0) {
		memcpy(large, &taken, sizeof(taken));
		e.u.request.id = sha256(VIEW(&taken, sizeof(taken)));
		err = step(&replica[3], e);
	}
	t_eq(err, CF_EAGAIN);
	t_eq(taken, PBFT_POOL_BYTES_MAX / sizeof(large));
	close_all();
	memset(replica, 0, sizeof(replica));
}

static void tell_link(uint8_t member, bool up)
{
	struct pbft_event e = {.kind = PBFT_LINK};

	e.u.link.member = member;
	e.u.link.up = up;
	for (unsigned i = 0; i < N; i++) {
		if (!replica[i].down && i != member)
			t_zero(step(&replica[i], e));
	}
	deliver();
}

/* It is left long before the ordinary patience, 400 ms, ends; a link that came up again restores that. */
T_TEST(pbft_primary_out_of_reach)
{
	lost_ms = 60;
	open_all();
	crash(&replica[0]);
	tell_link(0, false);
	request("one");
	pass_ms(200);
	all_at(1, "one");
	t_eq(pbft_view(replica[1].core), 1);
	tell_link(1, true);
	crash(&replica[1]);
	request("two");
	pass_ms(300);
	t_eq(pbft_view(replica[2].core), 1);
	lost_ms = 0;
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_primary_dead)
{
	open_all();
	crash(&replica[0]);
	request("one");
	pass_ms(1500);
	all_at(1, "one");
	t_eq(pbft_view(replica[1].core), 1);
	t_eq(pbft_state(replica[2].core), PBFT_NORMAL);
	t_eq(pbft_leader(replica[3].core), 1);
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_certificate_carried_over)
{
	open_all();
	for (unsigned i = 0; i < N; i++)
		replica[i].mute_commit = true;
	request("one");
	deliver(); /* prepared everywhere, committed nowhere */
	t_eq(replica[1].height, 0);
	crash(&replica[0]);
	for (unsigned i = 0; i < N; i++)
		replica[i].mute_commit = i == 0;
	request("another");
	/* COMMITs of view 0 are lost for good: their senders forget to send them again in the next view only
	 */
	for (unsigned i = 1; i < N; i++)
		replica[i].mute_commit = true;
	pass_ms(450);
	t_ok(pbft_view(replica[1].core) >= 1);
	for (unsigned i = 1; i < N; i++)
		replica[i].mute_commit = false;
	pass_ms(1500);
	t_ok(replica[1].height >= 1);
	for (unsigned i = 1; i < N; i++) {
		const struct hash digest = sha256(VIEW("one", 3));

		t_ok(hash_equal(&replica[i].digest[1], &digest));
	}
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_restart_between_prepare_and_commit)
{
	open_all();
	for (unsigned i = 0; i < N; i++)
		replica[i].mute_commit = true;
	request("one");
	deliver();
	for (unsigned i = 0; i < N; i++)
		crash(&replica[i]); /* power loss */
	for (unsigned i = 0; i < N; i++) {
		replica[i].mute_commit = false;
		boot(&replica[i]);
	}
	deliver();
	pass_ms(300);
	all_at(1, "one"); /* from the logs alone: no client asks again */
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_late_joiner_learns)
{
	struct pbft_event e = {.kind = PBFT_EXECUTED};

	open_all();
	crash(&replica[3]);
	for (unsigned i = 0; i < 3; i++) {
		request(i == 0 ? "one" : i == 1 ? "two" : "three");
		deliver();
	}
	boot(&replica[3]);
	e.u.executed.height = 2;
	e.u.executed.digest = replica[0].digest[2];
	t_err(step(&replica[3], e), CF_EINVAL); /* without its certificate */
	e.u.executed.certificate = &replica[0].certificate[2];
	t_zero(step(&replica[3], e));
	replica[3].height = 2;
	t_eq(pbft_height(replica[3].core), 2);
	pass_ms(600); /* one height behind: certificate and body come from the others */
	all_at(3, "three");
	request("four");
	deliver();
	all_at(4, "four");
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_lost_body_is_fetched)
{
	open_all();
	lose_bodies_for[2] = true;
	request("one");
	deliver();
	pass_ms(300);
	all_at(1, "one");
	t_ok(replica[2].fetches > 0);
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_bad_proposal_changes_the_view)
{
	struct pbft_event e = {.kind = PBFT_REQUEST};

	open_all();
	e.u.request.bytes = view_str("!no correct replica takes this");
	e.u.request.id = sha256(e.u.request.bytes);
	t_zero(step(&replica[0], e));
	deliver();
	for (unsigned i = 0; i < N; i++) {
		t_eq(pbft_view(replica[i].core), 1);
		t_eq(pbft_state(replica[i].core), PBFT_NORMAL);
		t_eq(replica[i].height, 0);
	}
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_two_proposals_are_evidence)
{
	struct msg_pre_prepare m = {.has_body = true};
	struct pbft_event e = {.kind = PBFT_MESSAGE};

	open_all();
	for (unsigned i = 0; i < 2; i++) {
		struct hash digest;
		struct buf b;

		m.body = i == 0 ? VIEW("x", 1) : VIEW("y", 1);
		m.vote = (struct vote){VOTE_PRE_PREPARE, 0, 1, 0, sha256(m.body)};
		digest = vote_digest(&(struct hash){{0}}, &m.vote);
		t_zero(sign(&replica[0], NULL, &digest, m.sig));
		buf_init(&b, 0);
		t_zero(msg_pre_prepare_encode(&m, &b));
		e.u.message.bytes = buf_view(&b);
		t_zero(step(&replica[1], e));
		buf_release(&b);
	}
	t_ok(replica[1].evidence);
	t_eq(pbft_view(replica[1].core), 1);
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_compact_keeps_the_view)
{
	struct pbft_update u;

	open_all();
	crash(&replica[0]);
	request("one");
	pass_ms(1500);
	all_at(1, "one");
	for (unsigned i = 1; i < N; i++) {
		struct replica *r = &replica[i];

		t_zero(pbft_compact(r->core, &u));
		t_eq(u.record_count, 1);
		for (size_t k = 0; k < r->records; k++)
			mem_free((void *)r->record[k].data);
		r->records = 1;
		r->record[0] = keep(u.records[0].bytes);
		crash(r);
		boot(r);
		t_eq(pbft_view(r->core), 1);
		t_eq(pbft_state(r->core), PBFT_NORMAL);
	}
	deliver();
	request("two");
	pass_ms(200);
	all_at(2, "two");
	close_all();
	memset(replica, 0, sizeof(replica));
}

/* What a STATUS of member 1 makes of the core: the height it is behind of, 0 for none. */
static uint64_t behind_after_status(struct pbft *p, uint64_t epoch, uint64_t height)
{
	const struct msg_status m = {.sender = 1, .epoch = epoch, .height = height, .active = true};
	struct pbft_event e = {.kind = PBFT_MESSAGE, .now_ms = now};
	const struct hash network = {{0}};
	const struct replica from = {.self = 1};
	struct pbft_update u;
	struct hash digest;
	struct buf b;

	buf_init(&b, 0);
	t_zero(msg_status_encode(&m, &b));
	digest = viewmsg_digest(&network, buf_view(&b));
	t_zero(sign((void *)&from, NULL, &digest, b.data + b.len - SIG_BYTES));
	e.u.message.bytes = buf_view(&b);
	t_zero(pbft_step(p, &e, &u));
	buf_release(&b);
	return u.behind.wanted ? u.behind.height : 0;
}

/* It has no log: a record would have nowhere to go. */
T_TEST(pbft_learner_follows_views_and_logs_nothing)
{
	open_all();
	crash(&replica[3]);
	replica[3].learner = true;
	boot(&replica[3]);
	request("!refused, so that the view is left");
	pass_ms(500);
	t_ok(pbft_view(replica[1].core) > 0);
	t_ok(pbft_view(replica[3].core) > 0);
	t_eq(replica[3].records, 0);
	close_all();
	memset(replica, 0, sizeof(replica));
}

T_TEST(pbft_status_tells_who_is_behind)
{
	for (unsigned i = 0; i < 2; i++) {
		const bool learner = i == 1;
		struct pbft_config c = {.n = N,
					.self = learner ? PBFT_LEARNER : 0,
					.batch_requests_max = 1,
					.batch_bytes_max = 4096,
					.timers = PBFT_TIMERS_DEFAULT};
		struct pbft_event start = {.kind = PBFT_START, .now_ms = now};
		struct pbft_update u;
		struct pbft *p;

		c.keys = (struct pbft_keys){&replica[0], sign, verify, body_digest};
		t_zero(pbft_new(&c, &p));
		t_zero(pbft_step(p, &start, &u));
		t_eq(behind_after_status(p, 0, 0), 0);
		/* one height: a member hears the certificate, for its own STATUS; a learner sends none */
		t_eq(behind_after_status(p, 0, 1), learner ? 1 : 0);
		t_eq(behind_after_status(p, 0, 2), 2);
		/* an epoch that began without this one */
		t_eq(behind_after_status(p, 1, 1), 1);
		pbft_free(p);
	}
}

T_MAIN
