/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_endorser.c - frames that wait for a height nobody reaches, or take long, keep out nobody.
 */
#include "ledger/mem.h"
#include "tests/lib/peerfix.h"

#include "tests/lib/t.h"
#include <unistd.h>

#define FLOOD 300
#define COSTLY WIRE_BATCH_MAX

/* Registrations, whose chains of certificates are verified, in one frame. */
static void costly_frame(struct peerfix *f, struct buf *ret_payload)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct buf *proposal = mem_array(NULL, COSTLY, sizeof(*proposal));
	struct hash *id = mem_array(NULL, COSTLY, sizeof(*id));
	struct wire_endorse m = {.count = COSTLY};
	struct op_register op = {.count = 2};
	struct identity bob;
	struct buf body;

	t_zero(netfix_identity(f->n, "bob", ROLE_DOCTOR, 0, &bob));
	op.cert[0] = buf_view(&bob.chain[0]);
	op.cert[1] = buf_view(&bob.chain[1]);
	buf_init(&body, 0);
	t_zero(op_register_encode(&op, &body));
	*r = (struct netfix_request){.by = &bob, .op_count = 1};
	r->op[0] = (struct tx_op){OP_REGISTER, buf_view(&body)};
	for (unsigned i = 0; i < COSTLY; i++) {
		f->n->now_ms++; /* another proposal */
		buf_init(&proposal[i], 0);
		t_zero(netfix_proposal(f->n, r, &proposal[i], &id[i]));
		m.proposal[i] = buf_view(&proposal[i]);
	}
	m.signature = mem_array(NULL, COSTLY, sizeof(*m.signature));
	t_zero(sigpath_sign(SIG_PROPOSAL, &f->n->network, id, COSTLY, bob.sign, m.signature));
	t_zero(wire_endorse_encode(&m, ret_payload));
	for (unsigned i = 0; i < COSTLY; i++)
		buf_release(&proposal[i]);
	mem_free(m.signature);
	mem_free(proposal);
	mem_free(id);
	mem_free(r);
	buf_release(&body);
	identity_release(&bob);
}

/* A long frame has its turns, and so has what comes after it: also of the same connection. */
T_TEST(a_costly_frame_keeps_nobody_waiting)
{
	static const uint8_t empty[10] = {0};
	struct identity ann;
	struct buf payload;
	struct peerfix *f;

	t_zero(peerfix_new(&f));
	t_zero(netfix_person(f->n, "ann", ROLE_DOCTOR, 0, &ann));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	buf_init(&payload, 0);
	costly_frame(f, &payload);
	t_eq(peerfix_send(f, 1, WIRE_ENDORSE, buf_view(&payload), &ann), 1);
	t_eq(peerfix_send(f, 1, WIRE_ENDORSE, VIEW(empty, sizeof(empty)), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->endorsed_items, COSTLY, 20000));
	t_note("%u proposals in %u frames, the other one after %u", f->endorsed_items, f->endorsed_count,
	       f->items_at_empty);
	t_ok(f->endorsed_count > 3);
	t_ok(f->items_at_empty < COSTLY);
	t_eq(f->refused, 0);
	buf_release(&payload);
	identity_release(&ann);
	peerfix_free(f);
}

T_TEST(far_heights_keep_nobody_out)
{
	/* u64 min height, u16 count: no proposal */
	static const uint8_t far[10] = {255, 255, 255, 255, 255, 255, 255, 255}, near[10] = {0};
	struct identity ann;
	struct peerfix *f;

	t_zero(peerfix_new(&f));
	t_zero(netfix_person(f->n, "ann", ROLE_DOCTOR, 0, &ann));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	t_eq(peerfix_send(f, 1, WIRE_ENDORSE, VIEW(near, sizeof(near)), &ann), 1);
	t_ok(peerfix_wait_count(f, &f->endorsed_count, 1, 10000));
	for (unsigned turn = 0; turn < 10; turn++) {
		unsigned before = f->endorsed_count;

		for (unsigned i = 0; i < FLOOD / 10; i++)
			(void)peerfix_send(f, 1, WIRE_ENDORSE, VIEW(far, sizeof(far)), &ann);
		t_eq(peerfix_send(f, 1, WIRE_ENDORSE, VIEW(near, sizeof(near)), &ann), 1);
		t_ok(peerfix_wait_count(f, &f->endorsed_count, before + 1, 10000));
	}
	/* All but those that may wait were refused; none is forgotten: the rest follows when its time is
	 * over. */
	t_ok(peerfix_wait_count(f, &f->refused, FLOOD, 10000));
	identity_release(&ann);
	peerfix_free(f);
}

/* What waits is bounded in bytes as well. */
T_TEST(far_heights_take_little_memory)
{
	const size_t bytes = (size_t)4 << 20;
	uint8_t *far = mem_zalloc(bytes);
	struct identity ann;
	struct peerfix *f;
	bool bounded = false;

	memset(far, 255, 8);
	t_zero(peerfix_new(&f));
	t_zero(netfix_person(f->n, "ann", ROLE_DOCTOR, 0, &ann));
	for (unsigned i = 0; i < PEERFIX_PEERS; i++)
		t_zero(peerfix_start(f, i));
	t_zero(peerfix_follow(f, 1));
	for (unsigned turn = 0; turn < 10 && !bounded; turn++) { /* else their time was over first */
		unsigned before = f->refused;

		for (unsigned i = 0; i < 18; i++)
			t_eq(peerfix_send(f, 1, WIRE_ENDORSE, VIEW(far, bytes), &ann), 1);
		t_ok(peerfix_wait_count(f, &f->refused, before + 1, 10000));
		bounded = strcmp(f->refused_detail, "too many wait") == 0;
		usleep(1500000); /* all of them are over */
	}
	t_ok(bounded);
	mem_free(far);
	identity_release(&ann);
	peerfix_free(f);
}

T_MAIN
