/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence.c - the bytes of a piece of evidence, its name and its slot. Whether it proves anything:
 * evidence_check.c.
 */
#include "ledger/evidence.h"

#include <assert.h>
#include <string.h>

#define TAG "chartfs evidence v1"
#define SLOT_TAG "chartfs evidence slot v1"
#define FILE_TAG "chartfs evidence file v1"

static const char *const names[] = {
	[EVIDENCE_PRE_PREPARE] = "pre-prepare",
	[EVIDENCE_PREPARE] = "prepare",
	[EVIDENCE_COMMIT] = "commit",
	[EVIDENCE_VIEW_CHANGE] = "view-change",
	[EVIDENCE_NEW_VIEW] = "new-view",
	[EVIDENCE_ENDORSED_TWICE] = "endorsed-twice",
	[EVIDENCE_ENDORSED_WRONG] = "endorsed-wrong",
};

#define KIND_LAST (sizeof(names) / sizeof(names[0]) - 1)

const char *evidence_kind_name(enum evidence_kind kind)
{
	return kind >= 1 && kind <= KIND_LAST ? names[kind] : "?";
}

static bool is_vote(enum evidence_kind kind)
{
	return kind <= EVIDENCE_COMMIT;
}

static bool is_message(enum evidence_kind kind)
{
	return kind == EVIDENCE_VIEW_CHANGE || kind == EVIDENCE_NEW_VIEW;
}

static int compare(const struct hash *a, const struct hash *b)
{
	return memcmp(a->b, b->b, HASH_BYTES);
}

/* A message's digest is the one signed, so that two signatures over one message are no two messages. */
static struct hash bytes_digest(enum evidence_kind kind, const struct hash *network, struct view bytes)
{
	return is_message(kind) ? viewmsg_digest(network, bytes) : sha256(bytes);
}

static void side_encode(struct enc *e, enum evidence_kind kind, const struct evidence_side *s)
{
	if (is_vote(kind)) {
		enc_fixed(e, s->digest.b, HASH_BYTES);
		enc_fixed(e, s->sig, SIG_BYTES);
		return;
	}
	enc_bytes(e, s->bytes);
	/* what many members signed is followed by all of their signatures */
	if (!is_message(kind))
		sigpath_encode(&s->path, e);
}

int evidence_encode(const struct evidence *ev, const struct hash *network, struct buf *out)
{
	const struct evidence_side *first = &ev->side[0], *second = &ev->side[1];
	struct hash digest[2];
	size_t begin = out->len;
	struct enc e;
	int order, err;

	assert(ev->kind >= 1 && ev->kind <= KIND_LAST && ev->witness_count <= MEMBERS_MAX);
	for (unsigned i = 0; i < 2; i++) {
		if (is_message(ev->kind) && ev->side[i].bytes.len <= SIG_BYTES)
			return err_set(CF_EINVAL, "a message without a signature");
		digest[i] = is_vote(ev->kind) ? ev->side[i].digest
					      : bytes_digest(ev->kind, network, ev->side[i].bytes);
	}
	order = compare(&digest[0], &digest[1]);
	if (order == 0)
		return err_set(CF_EINVAL, "the same thing was signed twice");
	if (order > 0 && ev->kind != EVIDENCE_ENDORSED_WRONG) {
		first = &ev->side[1];
		second = &ev->side[0];
	}
	enc_init(&e, out);
	enc_tag(&e, TAG);
	enc_fixed(&e, network->b, HASH_BYTES);
	enc_u8(&e, (uint8_t)ev->kind);
	enc_u8(&e, ev->member);
	enc_u64(&e, ev->epoch);
	enc_u64(&e, ev->height);
	enc_u64(&e, ev->view);
	enc_fixed(&e, ev->tx.b, HASH_BYTES);
	side_encode(&e, ev->kind, first);
	if (ev->kind != EVIDENCE_ENDORSED_WRONG) {
		side_encode(&e, ev->kind, second);
	} else {
		enc_bytes(&e, second->bytes);
		enc_u8(&e, ev->witness_count);
		for (unsigned i = 0; i < ev->witness_count; i++) {
			enc_u8(&e, ev->witness[i].member);
			sigpath_encode(&ev->witness[i].path, &e);
		}
	}
	err = enc_done(&e);
	if (!err && out->len - begin > EVIDENCE_BYTES_MAX)
		err = err_set(CF_ETOOBIG, "evidence of %zu bytes", out->len - begin);
	if (err)
		out->len = begin;
	return err;
}

static void side_decode(struct dec *d, enum evidence_kind kind, const struct hash *network,
			struct evidence_side *ret_s)
{
	if (is_vote(kind)) {
		dec_fixed(d, ret_s->digest.b, HASH_BYTES);
		dec_fixed(d, ret_s->sig, SIG_BYTES);
		return;
	}
	ret_s->bytes = dec_bytes(d, EVIDENCE_BYTES_MAX);
	if (d->err || ret_s->bytes.len == 0 || (is_message(kind) && ret_s->bytes.len <= SIG_BYTES)) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	ret_s->digest = bytes_digest(kind, network, ret_s->bytes);
}

static uint8_t member_decode(struct dec *d)
{
	uint8_t member = dec_u8(d);

	if (member >= MEMBERS_MAX)
		dec_fail(d, CF_EDECODE);
	return member;
}

static void witnesses_decode(struct dec *d, struct evidence *e)
{
	e->witness_count = dec_u8(d);
	if (e->witness_count == 0 || e->witness_count > MEMBERS_MAX) {
		e->witness_count = 0;
		dec_fail(d, CF_EDECODE);
	}
	for (unsigned i = 0; i < e->witness_count && d->err == 0; i++) {
		e->witness[i].member = member_decode(d);
		sigpath_decode(d, &e->witness[i].path);
		if (i > 0 && e->witness[i].member <= e->witness[i - 1].member)
			dec_fail(d, CF_EDECODE);
	}
}

static void sides_decode(struct dec *d, const struct hash *network, struct evidence *e)
{
	bool endorsed = !is_vote(e->kind) && !is_message(e->kind);

	side_decode(d, e->kind, network, &e->side[0]);
	if (endorsed)
		sigpath_decode(d, &e->side[0].path);
	side_decode(d, e->kind, network, &e->side[1]);
	if (e->kind == EVIDENCE_ENDORSED_WRONG)
		witnesses_decode(d, e);
	else if (endorsed)
		sigpath_decode(d, &e->side[1].path);
	if (d->err == 0) {
		int order = compare(&e->side[0].digest, &e->side[1].digest);

		if (order == 0 || (order > 0 && e->kind != EVIDENCE_ENDORSED_WRONG))
			dec_fail(d, CF_EDECODE);
	}
}

/* Fields that a kind has not are zero: else one piece had many encodings. */
static bool fields_fit(const struct evidence *e)
{
	if (is_vote(e->kind))
		return hash_is_zero(&e->tx);
	if (is_message(e->kind))
		return hash_is_zero(&e->tx) && e->height == 0;
	return !hash_is_zero(&e->tx) && e->height == 0 && e->view == 0;
}

int evidence_decode(struct view bytes, const struct hash *network, struct evidence *ret_e)
{
	struct hash of;
	uint8_t kind;
	struct dec d;
	int err;

	memset(ret_e, 0, sizeof(*ret_e));
	if (bytes.len > EVIDENCE_BYTES_MAX)
		return err_set(CF_ETOOBIG, "evidence of %zu bytes", bytes.len);
	dec_init(&d, bytes);
	dec_tag(&d, TAG);
	dec_fixed(&d, of.b, HASH_BYTES);
	if (d.err == 0 && !hash_equal(&of, network))
		return err_set(CF_EFOREIGN, "evidence of another network");
	kind = dec_u8(&d);
	if (kind < 1 || kind > KIND_LAST)
		return err_set(CF_EDECODE, "evidence does not decode");
	ret_e->kind = (enum evidence_kind)kind;
	ret_e->member = member_decode(&d);
	ret_e->epoch = dec_u64(&d);
	ret_e->height = dec_u64(&d);
	ret_e->view = dec_u64(&d);
	dec_fixed(&d, ret_e->tx.b, HASH_BYTES);
	if (d.err == 0 && !fields_fit(ret_e))
		dec_fail(&d, CF_EDECODE);
	if (d.err == 0)
		sides_decode(&d, network, ret_e);
	err = dec_done(&d);
	return err == CF_EDECODE ? err_set(CF_EDECODE, "evidence does not decode") : err;
}

struct hash evidence_id(struct view bytes)
{
	return sha256(bytes);
}

static void put_u64(uint8_t at[8], uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> (56 - 8 * i));
}

struct hash evidence_slot(const struct evidence *e)
{
	uint8_t fields[2 + 3 * 8] = {(uint8_t)e->kind, e->member};
	const struct view parts[] = {
		VIEW(SLOT_TAG, sizeof(SLOT_TAG)),
		VIEW(fields, sizeof(fields)),
		VIEW(e->tx.b, HASH_BYTES),
	};

	put_u64(fields + 2, e->epoch);
	put_u64(fields + 10, e->height);
	put_u64(fields + 18, e->view);
	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

int evidence_file_encode(const struct hash *network, struct view evidence, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_tag(&e, FILE_TAG);
	enc_fixed(&e, network->b, HASH_BYTES);
	enc_u8(&e, EVIDENCE_SET_GENESIS);
	enc_bytes(&e, VIEW_NONE);
	enc_bytes(&e, evidence);
	return enc_done(&e);
}

bool evidence_is_file(struct view bytes)
{
	return bytes.len >= sizeof(FILE_TAG) && memcmp(bytes.data, FILE_TAG, sizeof(FILE_TAG)) == 0;
}

int evidence_file_decode(struct view bytes, struct hash *ret_network, struct view *ret_evidence)
{
	struct view proof, evidence;
	struct hash network;
	uint8_t set;
	struct dec d;

	dec_init(&d, bytes);
	dec_tag(&d, FILE_TAG);
	dec_fixed(&d, network.b, HASH_BYTES);
	set = dec_u8(&d);
	if (d.err == 0 && set != EVIDENCE_SET_GENESIS)
		return err_set(CF_EUNSUPPORTED, "the set of members is shown in way %u, which is unknown",
			       set);
	proof = dec_bytes(&d, 0);
	(void)proof;
	evidence = dec_bytes(&d, EVIDENCE_BYTES_MAX);
	if (dec_done(&d))
		return err_set(CF_EDECODE, "not a file of evidence, or a damaged one");
	*ret_network = network;
	*ret_evidence = evidence;
	return 0;
}
