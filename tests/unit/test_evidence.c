/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_evidence.c - evidence: round trip, every byte changed, each length cut, and attempts to frame.
 */
#include "ledger/mem.h"
#include "tests/lib/chainfix.h"
#include "tests/lib/lies.h"
#include "tests/lib/t.h"

static const struct hash tx = {{7, 7}};

/* What the views of a piece being made point to, until the next one is made. */
static struct buf store[2];

static void store_renew(void)
{
	for (unsigned i = 0; i < 2; i++) {
		buf_release(&store[i]);
		buf_init(&store[i], 0);
	}
}

static struct chainfix *fixture(void)
{
	static struct chainfix f;
	static bool made;

	if (!made)
		t_zero(chainfix_init(&f, 4));
	made = true;
	return &f;
}

static struct liar liar(unsigned member)
{
	const struct chainfix *f = fixture();

	return (struct liar){f->network, (uint8_t)member, f->members.epoch, f->sign[member],
			     f->endorse[member]};
}

/* Of each kind one, by member 1 where the kind leaves the choice. */
static void make(enum evidence_kind kind, struct buf *out)
{
	const struct liar l = liar(1), witness[] = {liar(2), liar(3)};

	buf_init(out, 0);
	switch (kind) {
	case EVIDENCE_PRE_PREPARE:
	case EVIDENCE_PREPARE:
	case EVIDENCE_COMMIT:
		t_zero(lie_votes(&l, kind, 12, 5, out));
		break;
	case EVIDENCE_VIEW_CHANGE:
	case EVIDENCE_NEW_VIEW:
		t_zero(lie_messages(&l, kind, 5, out));
		break;
	case EVIDENCE_ENDORSED_TWICE:
		t_zero(lie_endorsed_twice(&l, &tx, out));
		break;
	case EVIDENCE_ENDORSED_WRONG:
		t_zero(lie_endorsed_wrong(&l, witness, 2, &tx, out));
		break;
	}
}

static int check(struct view bytes, const struct hash *network, const struct members *m)
{
	struct evidence *e = mem_alloc(sizeof(*e));
	int err = evidence_decode(bytes, network, e);

	if (err == 0)
		err = evidence_check(e, network, m);
	mem_free(e);
	return err;
}

T_TEST(each_kind_proves_itself_and_has_one_encoding)
{
	const struct chainfix *f = fixture();
	struct evidence *e = mem_alloc(sizeof(*e));

	for (unsigned kind = EVIDENCE_PRE_PREPARE; kind <= EVIDENCE_ENDORSED_WRONG; kind++) {
		struct buf bytes, again;

		make((enum evidence_kind)kind, &bytes);
		buf_init(&again, 0);
		t_zero(evidence_decode(buf_view(&bytes), &f->network, e));
		t_eq(e->kind, kind);
		t_eq(e->member, 1);
		t_zero(evidence_check(e, &f->network, &f->members));
		t_zero(evidence_encode(e, &f->network, &again));
		t_bytes(bytes.data, bytes.len, again.data, again.len);
		/* the encoder orders the sides: one pair has one name */
		if (kind != EVIDENCE_ENDORSED_WRONG) {
			struct evidence_side first = e->side[0];

			e->side[0] = e->side[1];
			e->side[1] = first;
			buf_reset(&again);
			t_zero(evidence_encode(e, &f->network, &again));
			t_bytes(bytes.data, bytes.len, again.data, again.len);
		}
		buf_release(&bytes);
		buf_release(&again);
	}
	mem_free(e);
}

T_TEST(no_byte_can_be_changed)
{
	const struct chainfix *f = fixture();

	for (unsigned kind = EVIDENCE_PRE_PREPARE; kind <= EVIDENCE_ENDORSED_WRONG; kind++) {
		struct buf bytes;

		make((enum evidence_kind)kind, &bytes);
		for (size_t i = 0; i < 8 * bytes.len; i += 1 + (i % 8) % 3) {
			bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
			if (check(buf_view(&bytes), &f->network, &f->members) == 0)
				t_fail("%s: bit %zu does not matter", evidence_kind_name(kind), i);
			bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
		}
		t_zero(check(buf_view(&bytes), &f->network, &f->members));
		buf_release(&bytes);
	}
}

T_TEST(no_byte_can_be_left_out_or_added)
{
	const struct chainfix *f = fixture();

	for (unsigned kind = EVIDENCE_PRE_PREPARE; kind <= EVIDENCE_ENDORSED_WRONG; kind++) {
		struct buf bytes;

		make((enum evidence_kind)kind, &bytes);
		for (size_t len = 0; len < bytes.len; len++)
			t_err(check(VIEW(bytes.data, len), &f->network, &f->members), CF_EDECODE);
		t_zero(buf_append(&bytes, "", 1));
		t_err(check(buf_view(&bytes), &f->network, &f->members), CF_EDECODE);
		buf_release(&bytes);
	}
}

T_TEST(evidence_is_of_one_network_and_one_set)
{
	const struct chainfix *f = fixture();
	struct members other = f->members;
	struct hash network = f->network;

	network.b[0] ^= 1;
	other.epoch++;
	for (unsigned kind = EVIDENCE_PRE_PREPARE; kind <= EVIDENCE_ENDORSED_WRONG; kind++) {
		struct members shifted = f->members;
		struct buf bytes;

		make((enum evidence_kind)kind, &bytes);
		t_err(check(buf_view(&bytes), &network, &f->members), CF_EFOREIGN);
		t_err(check(buf_view(&bytes), &f->network, &other), CF_EINVAL);
		/* the same number is somebody else there */
		shifted.member[1] = f->members.member[0];
		shifted.member[0] = f->members.member[1];
		t_err(check(buf_view(&bytes), &f->network, &shifted), CF_ESIG);
		buf_release(&bytes);
	}
}

/* --- framing an honest member: what it really signed, put together in the wrong way --- */

static struct evidence *votes(unsigned member, enum vote_kind kind, const struct vote *a,
			      const struct vote *b)
{
	const struct chainfix *f = fixture();
	const struct vote *const v[] = {a, b};
	struct evidence *e = mem_zalloc(sizeof(*e));

	e->kind = (enum evidence_kind)kind;
	e->member = (uint8_t)member;
	e->epoch = a->epoch;
	e->height = a->height;
	e->view = a->view;
	for (unsigned i = 0; i < 2; i++) {
		struct hash digest = vote_digest(&f->network, v[i]);

		e->side[i].digest = v[i]->digest;
		t_zero(crypto_sign(f->sign[member], &digest, e->side[i].sig));
	}
	return e;
}

static int try(struct evidence *e)
{
	const struct chainfix *f = fixture();
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	err = evidence_encode(e, &f->network, &bytes);
	if (err == 0)
		err = check(buf_view(&bytes), &f->network, &f->members);
	buf_release(&bytes);
	mem_free(e);
	return err;
}

T_TEST(a_restarted_peer_that_sends_again_has_not_lied)
{
	const struct vote a = {VOTE_COMMIT, 0, 9, 2, {{1}}};

	/* ECDSA is randomised: another signature, and the same vote */
	t_err(try(votes(1, VOTE_COMMIT, &a, &a)), CF_EINVAL);
}

T_TEST(votes_of_two_places_are_no_lie)
{
	const struct vote a = {VOTE_COMMIT, 0, 9, 2, {{1}}};
	struct vote b = {VOTE_COMMIT, 0, 9, 3, {{2}}};

	t_err(try(votes(1, VOTE_COMMIT, &a, &b)), CF_ESIG); /* two views */
	b = (struct vote){VOTE_COMMIT, 0, 10, 2, {{2}}};
	t_err(try(votes(1, VOTE_COMMIT, &a, &b)), CF_ESIG); /* two heights */
	b = (struct vote){VOTE_PREPARE, 0, 9, 2, {{2}}};
	t_err(try(votes(1, VOTE_COMMIT, &a, &b)), CF_ESIG); /* two kinds */
	b = (struct vote){VOTE_COMMIT, 1, 9, 2, {{2}}};
	t_err(try(votes(1, VOTE_COMMIT, &a, &b)), CF_ESIG); /* two epochs */
	b = (struct vote){VOTE_COMMIT, 0, 9, 2, {{2}}};
	t_zero(try(votes(1, VOTE_COMMIT, &a, &b)));
}

static struct evidence *messages(enum evidence_kind kind, const struct liar *a, uint64_t view_a,
				 const struct liar *b, uint64_t view_b)
{
	struct evidence *e = mem_zalloc(sizeof(*e));

	store_renew();
	t_zero(lie_message(a, kind, view_a, 1, &store[0]));
	t_zero(lie_message(b, kind, view_b, 2, &store[1]));
	e->kind = kind;
	e->member = a->member;
	e->view = view_a;
	e->side[0].bytes = buf_view(&store[0]);
	e->side[1].bytes = buf_view(&store[1]);
	return e;
}

T_TEST(messages_of_two_views_or_members_are_no_lie)
{
	const struct liar one = liar(1), two = liar(2);
	struct evidence *e;

	t_err(try(messages(EVIDENCE_VIEW_CHANGE, &one, 3, &one, 4)), CF_EINVAL);
	t_err(try(messages(EVIDENCE_NEW_VIEW, &one, 3, &two, 3)), CF_EINVAL);
	t_zero(try(messages(EVIDENCE_NEW_VIEW, &one, 3, &one, 3)));
	/* a VIEW-CHANGE and a NEW-VIEW for one view are both sent by a new leader */
	e = messages(EVIDENCE_VIEW_CHANGE, &one, 3, &one, 3);
	buf_reset(&store[1]);
	t_zero(lie_message(&one, EVIDENCE_NEW_VIEW, 3, 2, &store[1]));
	e->side[1].bytes = buf_view(&store[1]);
	t_err(try(e), CF_EINVAL);
	/* the same message, signed again */
	e = messages(EVIDENCE_VIEW_CHANGE, &one, 3, &one, 3);
	buf_reset(&store[1]);
	t_zero(lie_message(&one, EVIDENCE_VIEW_CHANGE, 3, 1, &store[1]));
	e->side[1].bytes = buf_view(&store[1]);
	t_err(try(e), CF_EINVAL);
}

static struct evidence *endorsements(const struct liar *l, uint64_t version_b, const struct hash *tx_b)
{
	struct evidence *e = mem_zalloc(sizeof(*e));

	e->kind = EVIDENCE_ENDORSED_TWICE;
	e->member = l->member;
	e->tx = tx;
	store_renew();
	for (unsigned i = 0; i < 2; i++) {
		t_zero(lie_rwset(i ? version_b : 3, i ? "b" : "a", &store[i]));
		e->side[i].bytes = buf_view(&store[i]);
		t_zero(lie_endorse(l, i ? tx_b : &tx, e->side[i].bytes, &e->side[i].path));
	}
	return e;
}

T_TEST(an_endorser_at_two_heights_has_not_lied)
{
	const struct hash other = {{8}};
	const struct liar l = liar(1);

	t_err(try(endorsements(&l, 4, &tx)), CF_EINVAL);  /* it read a newer version */
	t_err(try(endorsements(&l, 0, &tx)), CF_EINVAL);  /* what it read was not there yet */
	t_err(try(endorsements(&l, 3, &other)), CF_ESIG); /* two proposals */
	t_zero(try(endorsements(&l, 3, &tx)));
}

T_TEST(witnesses_are_as_many_as_one_of_them_is_honest)
{
	const struct liar l = liar(1), all[] = {liar(0), liar(2), liar(3)}, self[] = {liar(1), liar(2)};
	const struct chainfix *f = fixture();
	struct members hospital = f->members;
	struct buf bytes;

	buf_init(&bytes, 0);
	t_zero(lie_endorsed_wrong(&l, all, 1, &tx, &bytes));
	t_err(check(buf_view(&bytes), &f->network, &f->members), CF_EINVAL); /* one liar against one */
	buf_reset(&bytes);
	t_zero(lie_endorsed_wrong(&l, all, 3, &tx, &bytes));
	t_err(check(buf_view(&bytes), &f->network, &f->members), CF_EINVAL); /* one form only */
	buf_reset(&bytes);
	t_zero(lie_endorsed_wrong(&l, self, 2, &tx, &bytes));
	t_err(check(buf_view(&bytes), &f->network, &f->members), CF_EINVAL);
	buf_reset(&bytes);
	t_zero(lie_endorsed_wrong(&l, all, 2, &tx, &bytes));
	t_zero(check(buf_view(&bytes), &f->network, &f->members));
	hospital.member[2].org = hospital.member[0].org; /* two peers of one hospital are one voice */
	t_err(check(buf_view(&bytes), &f->network, &hospital), CF_EINVAL);
	buf_release(&bytes);
}

T_TEST(a_slot_is_what_the_lie_is_about)
{
	const struct chainfix *f = fixture();
	struct evidence *a = mem_alloc(sizeof(*a)), *b = mem_alloc(sizeof(*b));
	struct buf first, second;
	struct hash one, two;

	make(EVIDENCE_COMMIT, &first);
	make(EVIDENCE_COMMIT, &second); /* a third and a fourth digest */
	t_zero(evidence_decode(buf_view(&first), &f->network, a));
	t_zero(evidence_decode(buf_view(&second), &f->network, b));
	one = evidence_id(buf_view(&first));
	two = evidence_id(buf_view(&second));
	t_ok(!hash_equal(&one, &two));
	one = evidence_slot(a);
	two = evidence_slot(b);
	t_ok(hash_equal(&one, &two));
	b->view++;
	two = evidence_slot(b);
	t_ok(!hash_equal(&one, &two));
	buf_release(&first);
	buf_release(&second);
	mem_free(a);
	mem_free(b);
}

T_TEST(a_file_of_evidence)
{
	const struct chainfix *f = fixture();
	struct view inside = VIEW_NONE;
	struct buf bytes, file;
	struct hash network;

	make(EVIDENCE_PREPARE, &bytes);
	buf_init(&file, 0);
	t_zero(evidence_file_encode(&f->network, buf_view(&bytes), &file));
	t_zero(evidence_file_decode(buf_view(&file), &network, &inside));
	t_ok(hash_equal(&network, &f->network));
	t_bytes(inside.data, inside.len, bytes.data, bytes.len);
	for (size_t len = 0; len < file.len; len++)
		t_err(evidence_file_decode(VIEW(file.data, len), &network, &inside), CF_EDECODE);
	t_zero(buf_append(&file, "", 1));
	t_err(evidence_file_decode(buf_view(&file), &network, &inside), CF_EDECODE);
	file.data[sizeof("chartfs evidence file v1") + HASH_BYTES] = 1;
	t_err(evidence_file_decode(buf_view(&file), &network, &inside), CF_EUNSUPPORTED);
	buf_release(&bytes);
	buf_release(&file);
}

T_TEST(a_message_too_short_for_a_signature_is_none)
{
	struct viewmsg_head head;
	struct liar l = liar(0);
	struct buf m;

	buf_init(&m, 0);
	t_zero(lie_message(&l, EVIDENCE_NEW_VIEW, 77, 0, &m));
	t_zero(viewmsg_head(buf_view(&m), &head));
	t_eq(head.view, 77);
	for (size_t len = 0; len < m.len - 8; len++)
		t_err(viewmsg_head(VIEW(m.data, len), &head), CF_EDECODE);
	m.data[4] = 6; /* STATUS is signed anew each time, and says nothing */
	t_err(viewmsg_head(buf_view(&m), &head), CF_EDECODE);
	buf_release(&m);
}

T_MAIN
