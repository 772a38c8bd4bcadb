/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reshare.c - the members' key shared anew: it stays the same, whoever joined holds a share, and a
 * dealer who cheats is found out.
 */
#include "acl/change.h"
#include "acl/op.h"
#include "acl/reshare.h"
#include "acl/rowread.h"
#include "acl/trace.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#include <string.h>

struct fix {
	struct netfix *n;
	struct genesis *g;
	struct identity fifth;
	struct members members;
};

static const struct identity *peer(const struct fix *f, unsigned i)
{
	return i < NETFIX_ORGS ? &f->n->peer[i] : &f->fifth;
}

static int submit(struct fix *f, const struct identity *by, enum op_code code, const struct buf *body)
{
	struct netfix_request r = {.by = by, .op_count = 1};

	r.op[0] = (struct tx_op){code, buf_view(body)};
	return netfix_submit(f->n, &r, NULL);
}

static void change(struct fix *f, enum members_change what, const struct identity *who)
{
	struct op_members op = {
		.change = what, .epoch = apply_members(f->n->apply[0])->epoch, .who = who->id};
	struct buf body;

	if (what == MEMBERS_ADD) {
		op.peer_address = view_str("tls+tcp://peer5.example:1");
		op.client_address = view_str("tls+tcp://peer5.example:2");
	}
	for (unsigned i = 0; i < 3; i++)
		t_zero(change_approve(&op, &f->n->network, &f->n->custodian[i].id, f->n->custodian[i].sign));
	buf_init(&body, 0);
	t_zero(op_members_encode(&op, &body));
	t_zero(submit(f, &f->n->custodian[0], OP_MEMBERS, &body));
	buf_release(&body);
	f->members = *apply_members(f->n->apply[0]);
}

static void fix_new(struct fix *f)
{
	t_zero(netfix_new(2, false, &f->n));
	t_zero(netfix_person(f->n, "peer5", ROLE_PEER, 0, &f->fifth));
	f->g = mem_zalloc(sizeof(*f->g));
	t_zero(genesis_decode(buf_view(&f->n->genesis), f->g));
	change(f, MEMBERS_ADD, &f->fifth);
}

static void fix_free(struct fix *f)
{
	identity_release(&f->fifth);
	mem_free(f->g);
	netfix_free(f->n);
}

/* The newest holders, and the deals for the next ones, whose bytes are in hold. */
static void see(struct fix *f, struct holders *ret_h, struct deals *ret_d, struct buf *hold)
{
	struct db_txn *txn;

	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(state_holders(txn, ret_h));
	if (ret_d) {
		t_zero(row_next_deals(txn, NULL, ret_h, f->members.epoch, ret_d));
		buf_reset(hold);
		t_zero(deals_encode(ret_d, hold));
		t_zero(deals_decode(buf_view(hold), ret_d));
	}
	db_abort(txn);
}

static void share_of(struct fix *f, unsigned generation, const struct identity *who, uint8_t *ret_share)
{
	struct db_txn *txn;

	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(reshare_share(txn, f->g, generation, who, ret_share));
	db_abort(txn);
}

static struct contribution_dealer dealer(const struct fix *f, unsigned i, unsigned generation)
{
	return (struct contribution_dealer){&f->n->network, &peer(f, i)->id, f->members.epoch,
					    (uint16_t)generation};
}

/* What peer i deals of this share; op.deal is in bytes. */
static struct op_deal make_deal(const struct fix *f, unsigned i, unsigned generation, const uint8_t *share,
				struct buf *bytes)
{
	const struct contribution_dealer by = dealer(f, i, generation);
	struct op_deal op = {.generation = (uint16_t)generation,
			     .epoch = f->members.epoch,
			     .proof_count = f->members.count};

	buf_reset(bytes);
	t_zero(contribution_deal(&by, &f->members, share, op.proof, bytes));
	op.deal = buf_view(bytes);
	return op;
}

static int send_deal(struct fix *f, unsigned i, const struct op_deal *op)
{
	struct buf body;
	int err;

	buf_init(&body, 0);
	t_zero(op_deal_encode(op, &body));
	err = submit(f, peer(f, i), OP_DEAL, &body);
	buf_release(&body);
	return err;
}

static int deal(struct fix *f, unsigned i, unsigned generation)
{
	uint8_t share[SCALAR_BYTES];
	struct op_deal op;
	struct buf bytes;
	int err;

	buf_init(&bytes, 0);
	share_of(f, generation - 1, peer(f, i), share);
	op = make_deal(f, i, generation, share, &bytes);
	err = send_deal(f, i, &op);
	buf_release(&bytes);
	return err;
}

static int take(struct fix *f, unsigned i, unsigned generation)
{
	struct op_take op = {.generation = (uint16_t)generation, .epoch = f->members.epoch};
	struct holders h;
	struct deals d;
	struct buf body, hold;
	int err;

	buf_init(&body, 0);
	buf_init(&hold, 0);
	see(f, &h, &d, &hold);
	op.deals = deals_digest(&d);
	t_zero(op_take_encode(&op, &body));
	err = submit(f, peer(f, i), OP_TAKE, &body);
	buf_release(&body);
	buf_release(&hold);
	return err;
}

/* The key by these two holders of a generation. */
static void key_by(struct fix *f, unsigned generation, unsigned a, unsigned b,
		   uint8_t ret_key[TRACE_KEY_BYTES])
{
	const struct trace_name name = {.patient = {{7}}, .section = 5, .window = 9};
	const unsigned who[] = {a, b};
	struct trace_answers answers = {.generation = (uint16_t)generation, .count = 2};
	uint8_t point[POINT_BYTES], share[SCALAR_BYTES];
	struct holders h;
	struct db_txn *txn;

	t_zero(trace_point(&f->n->network, &name, point));
	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(state_holders_of(txn, generation, &h));
	db_abort(txn);
	for (unsigned i = 0; i < 2; i++) {
		answers.holder[i] = (uint8_t)holders_find(&h, &peer(f, who[i])->id);
		share_of(f, generation, peer(f, who[i]), share);
		t_zero(prf_answer(share, point, &answers.answer[i]));
	}
	t_zero(trace_answers_key(&answers, &h, &f->n->network, &name, ret_key));
}

static void share_anew(struct fix *f, unsigned generation, unsigned first, unsigned second,
		       const unsigned *takers, unsigned count)
{
	struct holders h;

	t_zero(deal(f, first, generation));
	t_zero(deal(f, second, generation));
	for (unsigned i = 0; i < count; i++) {
		see(f, &h, NULL, NULL);
		t_eq(h.generation, generation - 1); /* not yet */
		t_zero(take(f, takers[i], generation));
	}
	see(f, &h, NULL, NULL);
	t_eq(h.generation, generation);
	t_eq(h.count, f->members.count);
}

T_TEST(the_key_stays_and_who_joined_holds_a_share)
{
	uint8_t before[TRACE_KEY_BYTES], after[TRACE_KEY_BYTES];
	struct holders h;
	struct fix f;

	fix_new(&f);
	key_by(&f, 0, 0, 2, before);
	share_anew(&f, 1, 1, 3, (const unsigned[]){4, 0, 2, 1}, 4);
	see(&f, &h, NULL, NULL);
	t_eq(h.threshold, 2);
	key_by(&f, 1, 3, 4, after);
	t_bytes(before, sizeof(before), after, sizeof(after));
	key_by(&f, 1, 0, 2, after);
	t_bytes(before, sizeof(before), after, sizeof(after));
	key_by(&f, 0, 1, 3, after); /* what was answered before can still be verified */
	t_bytes(before, sizeof(before), after, sizeof(after));
	t_err(take(&f, 3, 1), CF_ECONFLICT); /* too late; it holds its share all the same */
	t_err(deal(&f, 0, 1), CF_ECONFLICT);
	t_err(deal(&f, 0, 2), CF_EEXIST); /* nothing to be done */
	change(&f, MEMBERS_REMOVE, &f.n->peer[3]);
	share_anew(&f, 2, 4, 2, (const unsigned[]){4, 2, 0}, 3);
	key_by(&f, 2, 1, 4, after);
	t_bytes(before, sizeof(before), after, sizeof(after));
	fix_free(&f);
}

T_TEST(who_may_deal_and_what)
{
	uint8_t share[SCALAR_BYTES], other[SCALAR_BYTES];
	struct op_deal op, stolen;
	struct buf bytes, more;
	struct fix f;

	fix_new(&f);
	buf_init(&bytes, 0);
	buf_init(&more, 0);
	share_of(&f, 0, peer(&f, 0), share);
	share_of(&f, 0, peer(&f, 1), other);
	op = make_deal(&f, 0, 1, other, &bytes); /* not its own share */
	t_err(send_deal(&f, 0, &op), CF_EINVAL);
	op = make_deal(&f, 0, 1, share, &bytes);
	t_err(send_deal(&f, 1, &op), CF_EINVAL); /* another one's */
	t_err(send_deal(&f, 4, &op), CF_EDENIED);
	op.proof_count--;
	t_err(send_deal(&f, 0, &op), CF_EINVAL);
	op.proof_count++;
	op.proof[2][5] ^= 1;
	t_err(send_deal(&f, 0, &op), CF_EINVAL);
	op.proof[2][5] ^= 1;
	op.epoch++;
	t_err(send_deal(&f, 0, &op), CF_ECONFLICT);
	op.epoch--;
	/* An ephemeral key from another seal, which its recipient would open for all to see. */
	stolen = make_deal(&f, 1, 1, other, &more);
	memcpy(bytes.data + bytes.len - HPKE_OVERHEAD_BYTES - SCALAR_BYTES,
	       more.data + more.len - HPKE_OVERHEAD_BYTES - SCALAR_BYTES, HPKE_ENC_BYTES);
	t_err(send_deal(&f, 0, &op), CF_EINVAL);
	memcpy(op.proof[4], stolen.proof[4], SIG_BYTES);
	t_err(send_deal(&f, 0, &op), CF_EINVAL);
	t_zero(deal(&f, 0, 1));
	t_err(deal(&f, 0, 1), CF_EEXIST);
	t_err(take(&f, 4, 1), CF_ECONFLICT); /* one more has to deal */
	t_zero(deal(&f, 1, 1));
	t_err(deal(&f, 2, 1), CF_EEXIST);
	t_zero(take(&f, 4, 1));
	t_err(take(&f, 4, 1), CF_EEXIST);
	buf_release(&bytes);
	buf_release(&more);
	fix_free(&f);
}

static int accuse(struct fix *f, unsigned by, unsigned of, const struct crypto_key *kem)
{
	struct op_accuse op = {.generation = 1, .epoch = f->members.epoch, .dealer = (uint8_t)of};
	struct holders h;
	struct deals d;
	struct buf hold, body;
	unsigned at = 0;
	int err;

	buf_init(&hold, 0);
	buf_init(&body, 0);
	see(f, &h, &d, &hold);
	while (at < d.count && d.dealer[at] != of)
		at++;
	if (at < d.count) {
		op.deal = sha256(d.deal[at]);
		t_zero(contribution_accuse(d.deal[at], by, kem, &op.opening));
	}
	t_zero(op_accuse_encode(&op, &body));
	err = submit(f, peer(f, by), OP_ACCUSE, &body);
	buf_release(&hold);
	buf_release(&body);
	return err;
}

T_TEST(a_dealer_who_seals_no_share_is_named)
{
	uint8_t before[TRACE_KEY_BYTES], after[TRACE_KEY_BYTES], share[SCALAR_BYTES];
	const struct identity *fifth;
	struct holders h;
	struct deals d;
	struct op_deal op;
	struct buf bytes;
	struct fix f;
	unsigned who;

	fix_new(&f);
	fifth = &f.fifth;
	buf_init(&bytes, 0);
	key_by(&f, 0, 0, 1, before);
	share_of(&f, 0, peer(&f, 2), share);
	op = make_deal(&f, 2, 1, share, &bytes);
	bytes.data[bytes.len - 1] ^= 1; /* the last one's is spoiled; nobody else can see it */
	t_zero(send_deal(&f, 2, &op));
	t_zero(deal(&f, 0, 1));
	t_zero(take(&f, 1, 1));
	see(&f, &h, &d, &bytes);
	t_err(reshare_open(&d, 4, &fifth->id, fifth->kem, &who, share), CF_ECORRUPT);
	t_eq(who, 2);
	t_zero(reshare_open(&d, 1, &f.n->peer[1].id, f.n->peer[1].kem, &who, share));
	t_err(accuse(&f, 4, 0, fifth->kem), CF_EINVAL);       /* it dealt well */
	t_err(accuse(&f, 1, 2, f.n->peer[1].kem), CF_EINVAL); /* to this one, too */
	t_err(accuse(&f, 4, 2, f.n->peer[1].kem), CF_EINVAL); /* no key of the fifth's */
	t_err(accuse(&f, 4, 1, fifth->kem), CF_ECONFLICT);    /* it did not deal */
	t_zero(accuse(&f, 4, 2, fifth->kem));
	see(&f, &h, &d, &bytes);
	t_eq(d.count, 1);
	t_eq(d.accused, 1u << 2);
	t_eq(d.taken, 0);
	t_err(deal(&f, 2, 1), CF_EDENIED); /* once is enough */
	t_zero(deal(&f, 3, 1));
	for (unsigned i = 1; i < 5; i++)
		t_zero(take(&f, i, 1));
	key_by(&f, 1, 2, 4, after);
	t_bytes(before, sizeof(before), after, sizeof(after));
	buf_release(&bytes);
	fix_free(&f);
}

/* It was away when the others took theirs. */
T_TEST(who_was_dealt_none_says_so_later_too)
{
	uint8_t before[TRACE_KEY_BYTES], after[TRACE_KEY_BYTES], share[SCALAR_BYTES];
	struct op_accuse accusation = {.generation = 1, .dealer = 2};
	struct holders h;
	struct deals d;
	struct db_txn *txn;
	struct op_deal op;
	struct buf bytes, body;
	struct fix f;

	fix_new(&f);
	buf_init(&bytes, 0);
	buf_init(&body, 0);
	key_by(&f, 0, 0, 1, before);
	share_of(&f, 0, peer(&f, 2), share);
	op = make_deal(&f, 2, 1, share, &bytes);
	bytes.data[bytes.len - 1] ^= 1;
	t_zero(send_deal(&f, 2, &op));
	t_zero(deal(&f, 0, 1));
	for (unsigned i = 0; i < 4; i++)
		t_zero(take(&f, i, 1));
	see(&f, &h, NULL, NULL);
	t_eq(h.generation, 1);
	t_zero(chain_read_begin(f.n->chain[0], &txn));
	t_err(reshare_share(txn, f.g, 1, &f.fifth, share), CF_ECORRUPT);
	t_zero(row_deals(txn, NULL, 1, &d));
	accusation.epoch = d.epoch;
	accusation.deal = sha256(d.deal[0]);
	t_zero(contribution_accuse(d.deal[0], 4, f.fifth.kem, &accusation.opening));
	db_abort(txn);
	t_zero(op_accuse_encode(&accusation, &body));
	t_err(submit(&f, peer(&f, 1), OP_ACCUSE, &body), CF_EINVAL); /* another one's opening */
	t_zero(submit(&f, &f.fifth, OP_ACCUSE, &body));
	t_err(submit(&f, &f.fifth, OP_ACCUSE, &body), CF_EINVAL); /* it counts as having none */
	t_err(deal(&f, 2, 2), CF_EDENIED);
	share_anew(&f, 2, 1, 3, (const unsigned[]){4, 0, 1, 3}, 4);
	key_by(&f, 2, 2, 4, after);
	t_bytes(before, sizeof(before), after, sizeof(after));
	key_by(&f, 1, 0, 3, after); /* wraps of the one before stay good */
	t_bytes(before, sizeof(before), after, sizeof(after));
	buf_release(&bytes);
	buf_release(&body);
	fix_free(&f);
}

T_TEST(another_change_of_the_members_begins_again)
{
	struct holders h;
	struct deals d;
	struct buf hold;
	struct fix f;

	fix_new(&f);
	buf_init(&hold, 0);
	t_zero(deal(&f, 0, 1));
	change(&f, MEMBERS_REMOVE, &f.fifth);
	t_err(deal(&f, 1, 1), CF_EEXIST); /* the founders are by themselves again */
	change(&f, MEMBERS_ADD, &f.fifth);
	see(&f, &h, &d, &hold);
	t_eq(d.count, 0);
	share_anew(&f, 1, 3, 0, (const unsigned[]){0, 1, 2, 4}, 4);
	buf_release(&hold);
	fix_free(&f);
}

T_MAIN
