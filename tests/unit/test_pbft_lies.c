/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_pbft_lies.c - what the core hands out as evidence, made into pieces and checked against the members;
 * and what it must not take for a lie. One core, the messages of the others signed by their real keys.
 */
#include "ledger/mem.h"
#include "net/lie.h"
#include "net/pbft_msg.h"
#include "tests/lib/chainfix.h"
#include "tests/lib/t.h"

#define N 4
#define SELF 0

static struct chainfix f;
static struct pbft *core;
static struct buf found; /* the last piece of evidence; empty: none */

static int sign(void *ctx, const struct pbft_slot *slot, const struct hash *digest,
		uint8_t ret_sig[SIG_BYTES])
{
	(void)ctx;
	(void)slot;
	return crypto_sign(f.sign[SELF], digest, ret_sig);
}

static int verify(void *ctx, uint8_t member, const struct hash *digest, const uint8_t sig[SIG_BYTES])
{
	(void)ctx;
	return crypto_verify(f.sign[member], digest, sig);
}

static int body_digest(void *ctx, struct view body, struct hash *ret_digest)
{
	(void)ctx;
	*ret_digest = sha256(body);
	return 0;
}

static void step(struct pbft_event event)
{
	struct pbft_update u;

	(void)!pbft_step(core, &event, &u);
	if (u.evidence.found) {
		buf_reset(&found);
		t_zero(lie_of_messages(&f.network, u.evidence.member, u.evidence.first, u.evidence.second,
				       &found));
	}
}

static void begin(void)
{
	struct pbft_config c = {.n = N,
				.self = SELF,
				.batch_requests_max = 1,
				.batch_bytes_max = 4096,
				.timers = PBFT_TIMERS_DEFAULT,
				.keys = {NULL, sign, verify, body_digest}};

	t_zero(chainfix_init(&f, N));
	buf_init(&found, 0);
	c.network = f.network;
	t_zero(pbft_new(&c, &core));
	step((struct pbft_event){.kind = PBFT_START, .now_ms = 1});
}

static void end(void)
{
	pbft_free(core);
	buf_release(&found);
	chainfix_release(&f);
}

static void hear(struct buf *message)
{
	struct pbft_event e = {.kind = PBFT_MESSAGE, .now_ms = 2};

	e.u.message.bytes = buf_view(message);
	step(e);
	buf_release(message);
}

static struct vote vote_of(enum vote_kind kind, uint64_t height, uint64_t view, uint8_t digest)
{
	return (struct vote){kind, 0, height, view, {{digest}}};
}

static void hear_vote(unsigned member, struct vote vote)
{
	struct hash digest = vote_digest(&f.network, &vote);
	struct msg_pre_prepare pre = {.vote = vote};
	struct msg_vote m = {.sender = (uint8_t)member, .vote = vote};
	struct buf b;

	buf_init(&b, 0);
	t_zero(crypto_sign(f.sign[member], &digest, m.sig));
	memcpy(pre.sig, m.sig, SIG_BYTES);
	t_zero(vote.kind == VOTE_PRE_PREPARE ? msg_pre_prepare_encode(&pre, &b) : msg_vote_encode(&m, &b));
	hear(&b);
}

/* Signs the message whose last bytes are the signature's place. */
static void sign_message(unsigned member, struct buf *b)
{
	struct hash digest = viewmsg_digest(&f.network, buf_view(b));

	t_zero(crypto_sign(f.sign[member], &digest, b->data + b->len - SIG_BYTES));
}

/* well: with nothing wrong in it. Otherwise it claims a height for which it shows no certificate. */
static void change_of(unsigned member, uint64_t view, bool well, struct buf *ret_b)
{
	struct msg_view_change m = {
		.sender = (uint8_t)member, .view = view, .has_prepared = false, .height = well ? 0 : 7};

	buf_init(ret_b, 0);
	t_zero(msg_view_change_encode(&m, ret_b));
	sign_message(member, ret_b);
}

/* By member `view`, of the VIEW-CHANGEs of all but `without`. */
static void new_view_of(unsigned view, unsigned without, struct buf *ret_b)
{
	struct msg_new_view *m = mem_zalloc(sizeof(*m));
	struct buf change[N];

	m->sender = (uint8_t)view;
	m->view = view;
	for (unsigned i = 0; i < N; i++) {
		change_of(i, view, true, &change[i]);
		if (i != without)
			m->change[m->count++] = buf_view(&change[i]);
	}
	buf_init(ret_b, 0);
	t_zero(msg_new_view_encode(m, ret_b));
	sign_message(view, ret_b);
	for (unsigned i = 0; i < N; i++)
		buf_release(&change[i]);
	mem_free(m);
}

static bool proves(enum evidence_kind kind, unsigned member)
{
	struct evidence *e = mem_alloc(sizeof(*e));
	bool good = found.len > 0 && evidence_decode(buf_view(&found), &f.network, e) == 0 &&
		    evidence_check(e, &f.network, &f.members) == 0 && e->kind == kind && e->member == member;

	mem_free(e);
	return good;
}

T_TEST(two_votes_are_proof)
{
	begin();
	hear_vote(2, vote_of(VOTE_PREPARE, 1, 0, 1));
	t_eq(found.len, 0);
	hear_vote(2, vote_of(VOTE_PREPARE, 1, 0, 2));
	t_ok(proves(EVIDENCE_PREPARE, 2));
	hear_vote(3, vote_of(VOTE_COMMIT, 2, 5, 1)); /* of the next height, of a later view */
	hear_vote(3, vote_of(VOTE_COMMIT, 2, 5, 2));
	t_ok(proves(EVIDENCE_COMMIT, 3));
	hear_vote(1, vote_of(VOTE_PRE_PREPARE, 1, 1, 1)); /* the leader of a view not entered yet */
	hear_vote(1, vote_of(VOTE_PRE_PREPARE, 1, 1, 2));
	t_ok(proves(EVIDENCE_PRE_PREPARE, 1));
	end();
}

T_TEST(two_stories_of_a_view_are_proof)
{
	struct buf b;

	begin();
	change_of(2, 1, true, &b);
	hear(&b);
	t_eq(found.len, 0);
	change_of(2, 1, false, &b);
	hear(&b);
	t_ok(proves(EVIDENCE_VIEW_CHANGE, 2));
	end();
}

T_TEST(a_story_told_to_another_member_comes_out_in_the_new_view)
{
	struct msg_view_change other = {.sender = 2, .view = 1};
	struct msg_new_view *m = mem_zalloc(sizeof(*m));
	struct buf b, change[3];

	begin();
	change_of(2, 1, true, &b);
	hear(&b);
	/* the leader got another one, as good: with a prepared certificate of all the others' keys */
	other.has_prepared = true;
	other.prepared = (struct prepared){.height = 1, .digest = {{9}}, .count = 2, .index = {1, 3}};
	for (unsigned i = 0; i < 3; i++) {
		struct vote v = vote_of(i ? VOTE_PREPARE : VOTE_PRE_PREPARE, 1, 0, 9);
		struct hash digest = vote_digest(&f.network, &v);

		t_zero(crypto_sign(f.sign[i == 0 ? 0 : 2 * i - 1], &digest,
				   i ? other.prepared.sig[i - 1] : other.prepared.leader_sig));
	}
	change_of(1, 1, true, &change[0]);
	buf_init(&change[1], 0);
	t_zero(msg_view_change_encode(&other, &change[1]));
	sign_message(2, &change[1]);
	change_of(3, 1, true, &change[2]);
	m->sender = 1;
	m->view = 1;
	m->count = 3;
	for (unsigned i = 0; i < 3; i++)
		m->change[i] = buf_view(&change[i]);
	buf_init(&b, 0);
	t_zero(msg_new_view_encode(m, &b));
	sign_message(1, &b);
	hear(&b);
	t_ok(proves(EVIDENCE_VIEW_CHANGE, 2));
	for (unsigned i = 0; i < 3; i++)
		buf_release(&change[i]);
	mem_free(m);
	end();
}

T_TEST(two_new_views_are_proof)
{
	struct buf b;

	begin();
	new_view_of(1, 0, &b);
	hear(&b);
	t_eq(pbft_view(core), 1);
	t_eq(pbft_state(core), PBFT_NORMAL);
	new_view_of(1, 2, &b);
	hear(&b);
	t_ok(proves(EVIDENCE_NEW_VIEW, 1));
	end();
}

/* ECDSA is randomised: who signs the same again, with another signature, says nothing new. */
T_TEST(the_same_again_is_no_lie)
{
	struct buf b, copy;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		hear_vote(2, vote_of(VOTE_PREPARE, 1, 0, 1));
		hear_vote(2, vote_of(VOTE_COMMIT, 1, 0, 1));
		hear_vote(1, vote_of(VOTE_PRE_PREPARE, 1, 1, 1));
		change_of(2, 1, true, &b);
		hear(&b);
	}
	t_eq(found.len, 0);
	new_view_of(2, 0, &b);
	buf_init(&copy, 0);
	t_zero(buf_append_view(&copy, buf_view(&b)));
	sign_message(2, &copy); /* the same bytes, signed anew */
	hear(&b);
	t_eq(pbft_view(core), 2);
	hear(&copy);
	t_eq(found.len, 0);
	end();
}

/* Nobody can make a member a liar with a signature that is not its own. */
T_TEST(what_is_forged_is_no_lie)
{
	struct buf b;

	begin();
	hear_vote(2, vote_of(VOTE_PREPARE, 1, 0, 1));
	change_of(2, 1, true, &b);
	hear(&b);
	for (unsigned i = 0; i < 2; i++) {
		struct msg_vote m = {.sender = 2, .vote = vote_of(i ? VOTE_COMMIT : VOTE_PREPARE, 1, 0, 2)};
		struct hash digest = vote_digest(&f.network, &m.vote);

		t_zero(crypto_sign(f.sign[3], &digest, m.sig)); /* by another */
		buf_init(&b, 0);
		t_zero(msg_vote_encode(&m, &b));
		hear(&b);
	}
	change_of(2, 1, false, &b);
	sign_message(3, &b);
	hear(&b);
	t_eq(found.len, 0);
	end();
}

T_MAIN
