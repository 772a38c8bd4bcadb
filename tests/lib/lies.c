/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lies.c - signs what no correct member signs.
 */
#include "tests/lib/lies.h"

#include "ledger/mem.h"
#include "ledger/rwset.h"

#include <string.h>

static struct evidence *begin(const struct liar *l, enum evidence_kind kind)
{
	struct evidence *e = mem_zalloc(sizeof(*e));

	if (e) {
		e->kind = kind;
		e->member = l->member;
		e->epoch = l->epoch;
	}
	return e;
}

int lie_votes(const struct liar *l, enum evidence_kind kind, uint64_t height, uint64_t view, struct buf *out)
{
	struct evidence *e = begin(l, kind);
	int err = e ? 0 : CF_ENOMEM;

	for (unsigned i = 0; i < 2 && err == 0; i++) {
		struct vote vote = {(enum vote_kind)kind, l->epoch, height, view, {{0}}};
		struct hash digest;

		random_bytes(vote.digest.b, HASH_BYTES);
		digest = vote_digest(&l->network, &vote);
		e->height = height;
		e->view = view;
		e->side[i].digest = vote.digest;
		err = crypto_sign(l->sign, &digest, e->side[i].sig);
	}
	if (err == 0)
		err = evidence_encode(e, &l->network, out);
	mem_free(e);
	return err;
}

int lie_message(const struct liar *l, enum evidence_kind kind, uint64_t view, uint64_t filler,
		struct buf *out)
{
	uint8_t sig[SIG_BYTES] = {0};
	size_t at = out->len;
	struct hash digest;
	struct enc e;
	int err;

	enc_init(&e, out);
	enc_u32(&e, VIEWMSG_MAGIC);
	enc_u8(&e, kind == EVIDENCE_VIEW_CHANGE ? VIEWMSG_CHANGE : VIEWMSG_NEW_VIEW);
	enc_u8(&e, l->member);
	enc_u64(&e, l->epoch);
	enc_u64(&e, view);
	enc_u64(&e, filler);
	enc_fixed(&e, sig, SIG_BYTES);
	err = enc_done(&e);
	if (err)
		return err;
	digest = viewmsg_digest(&l->network, VIEW(out->data + at, out->len - at));
	return crypto_sign(l->sign, &digest, out->data + out->len - SIG_BYTES);
}

int lie_messages(const struct liar *l, enum evidence_kind kind, uint64_t view, struct buf *out)
{
	struct evidence *e = begin(l, kind);
	struct buf message[2];
	int err = e ? 0 : CF_ENOMEM;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t filler;

		buf_init(&message[i], 0);
		random_bytes(&filler, sizeof(filler));
		if (err == 0)
			err = lie_message(l, kind, view, filler, &message[i]);
		if (err == 0)
			e->side[i].bytes = buf_view(&message[i]);
	}
	if (err == 0) {
		e->view = view;
		err = evidence_encode(e, &l->network, out);
	}
	buf_release(&message[0]);
	buf_release(&message[1]);
	mem_free(e);
	return err;
}

int lie_rwset(uint64_t version, const char *value, struct buf *out)
{
	struct rwset_builder *b;
	int err = rwset_builder_new(&b);

	if (err)
		return err;
	err = rwset_add_read(b, VIEW("\x01\x06policy", 8), version > 0, (struct version){version, 0});
	if (err == 0)
		err = rwset_add_empty(b, VIEW("\x10", 1));
	if (err == 0)
		err = rwset_add_write(b, VIEW("\x01\x04name", 6), view_str(value));
	if (err == 0)
		err = rwset_encode(b, out);
	rwset_builder_free(b);
	return err;
}

int lie_endorse(const struct liar *l, const struct hash *tx, struct view rwset, struct sigpath *ret_path)
{
	struct hash digest = tx_endorsement_digest(&l->network, tx, rwset);

	return sigpath_sign(SIG_ENDORSEMENT, &l->network, &digest, 1, l->endorse, ret_path);
}

static int endorsed(const struct liar *l, enum evidence_kind kind, const struct liar *witness, unsigned count,
		    const struct hash *tx, struct buf *out)
{
	struct evidence *e = begin(l, kind);
	struct buf rwset[2];
	int err = e ? 0 : CF_ENOMEM;

	buf_init(&rwset[0], 0);
	buf_init(&rwset[1], 0);
	for (unsigned i = 0; i < 2 && err == 0; i++) {
		err = lie_rwset(3, i ? "good" : "bad", &rwset[i]);
		if (err == 0) {
			e->tx = *tx;
			e->side[i].bytes = buf_view(&rwset[i]);
			err = lie_endorse(l, tx, e->side[i].bytes, &e->side[i].path);
		}
	}
	for (unsigned i = 0; i < count && err == 0; i++) {
		e->witness[i].member = witness[i].member;
		e->witness_count++;
		err = lie_endorse(&witness[i], tx, e->side[1].bytes, &e->witness[i].path);
	}
	if (err == 0)
		err = evidence_encode(e, &l->network, out);
	buf_release(&rwset[0]);
	buf_release(&rwset[1]);
	mem_free(e);
	return err;
}

int lie_endorsed_twice(const struct liar *l, const struct hash *tx, struct buf *out)
{
	return endorsed(l, EVIDENCE_ENDORSED_TWICE, NULL, 0, tx, out);
}

int lie_endorsed_wrong(const struct liar *l, const struct liar *witness, unsigned count,
		       const struct hash *tx, struct buf *out)
{
	return endorsed(l, EVIDENCE_ENDORSED_WRONG, witness, count, tx, out);
}
