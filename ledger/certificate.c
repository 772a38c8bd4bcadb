/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.c - members, votes and certificates: bytes, sign bytes, verification.
 */
#include "ledger/certificate.h"

#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define MEMBERS_TAG "chartfs members v1"
#define VOTE_TAG "chartfs vote v1"
#define VIEWMSG_TAG "chartfs pbft v1"

unsigned members_faults(unsigned n)
{
	return n == 0 ? 0 : (n - 1) / 3;
}

unsigned members_quorum(unsigned n)
{
#ifdef BUG_TWO_F
	return 2 * members_faults(n) + 1;
#endif
	return (n + members_faults(n) + 2) / 2; /* ceil((n + f + 1) / 2) */
}

int members_find(const struct members *m, const struct identity_id *id)
{
	for (int i = 0; i < m->count; i++) {
		if (memcmp(m->member[i].id.b, id->b, IDENTITY_BYTES) == 0)
			return i;
	}
	return -1;
}

void members_encode(const struct members *m, struct enc *e)
{
	assert(m->count <= MEMBERS_MAX);
	enc_u64(e, m->epoch);
	enc_u8(e, m->count);
	for (unsigned i = 0; i < m->count; i++) {
		const struct member *one = &m->member[i];

		enc_fixed(e, one->id.b, IDENTITY_BYTES);
		enc_u16(e, one->org);
		enc_fixed(e, one->sign_point, POINT_BYTES);
		enc_fixed(e, one->endorse_point, POINT_BYTES);
		enc_fixed(e, one->kem_point, POINT_BYTES);
		enc_short(e, view_str(one->peer_address));
		enc_short(e, view_str(one->client_address));
	}
}

static void address_decode(struct dec *d, char ret_address[ADDRESS_BYTES_MAX + 1])
{
	struct view v = dec_short(d);

	if (v.len > ADDRESS_BYTES_MAX || (v.len > 0 && memchr(v.data, 0, v.len) != NULL)) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	if (v.len > 0)
		memcpy(ret_address, v.data, v.len);
	ret_address[v.len] = 0;
}

/* One key or one identity must not vote twice under two indices. */
static bool member_is_double(const struct members *m, unsigned at)
{
	for (unsigned i = 0; i < at; i++) {
		if (memcmp(m->member[i].id.b, m->member[at].id.b, IDENTITY_BYTES) == 0 ||
		    memcmp(m->member[i].sign_point, m->member[at].sign_point, POINT_BYTES) == 0)
			return true;
	}
	return false;
}

void members_decode(struct dec *d, struct members *ret_m)
{
	struct members m;

	memset(&m, 0, sizeof(m));
	m.epoch = dec_u64(d);
	m.count = dec_u8(d);
	if (m.count < MEMBERS_MIN || m.count > MEMBERS_MAX) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	for (unsigned i = 0; i < m.count; i++) {
		struct member *one = &m.member[i];

		dec_fixed(d, one->id.b, IDENTITY_BYTES);
		one->org = dec_u16(d);
		dec_fixed(d, one->sign_point, POINT_BYTES);
		dec_fixed(d, one->endorse_point, POINT_BYTES);
		dec_fixed(d, one->kem_point, POINT_BYTES);
		address_decode(d, one->peer_address);
		address_decode(d, one->client_address);
		if (d->err == 0 && member_is_double(&m, i))
			dec_fail(d, CF_EDECODE);
	}
	if (d->err == 0)
		*ret_m = m;
}

int members_hash(const struct members *m, struct hash *ret_hash)
{
	struct buf bytes;
	struct enc e;
	int err;

	buf_init(&bytes, 0);
	enc_init(&e, &bytes);
	enc_tag(&e, MEMBERS_TAG);
	members_encode(m, &e);
	err = enc_done(&e);
	if (err == 0)
		*ret_hash = sha256(buf_view(&bytes));
	buf_release(&bytes);
	return err;
}

static void put_u64(uint8_t at[8], uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* Cannot fail, so it does not go through a growing buffer. */
struct hash vote_digest(const struct hash *network, const struct vote *vote)
{
	uint8_t fields[1 + 3 * 8];
	const struct view parts[] = {
		VIEW(VOTE_TAG, sizeof(VOTE_TAG)), /* with its NUL, as enc_tag() writes */
		VIEW(network->b, HASH_BYTES),
		VIEW(fields, sizeof(fields)),
		VIEW(vote->digest.b, HASH_BYTES),
	};

	fields[0] = (uint8_t)vote->kind;
	put_u64(fields + 1, vote->epoch);
	put_u64(fields + 9, vote->height);
	put_u64(fields + 17, vote->view);
	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

void certificate_encode(const struct certificate *c, struct enc *e)
{
	assert(c->count <= MEMBERS_MAX);
	enc_u64(e, c->epoch);
	enc_u64(e, c->height);
	enc_u64(e, c->view);
	enc_fixed(e, c->digest.b, HASH_BYTES);
	enc_u8(e, c->count);
	for (unsigned i = 0; i < c->count; i++) {
		enc_u8(e, c->index[i]);
		enc_fixed(e, c->sig[i], SIG_BYTES);
	}
}

void certificate_decode(struct dec *d, struct certificate *ret_c)
{
	struct certificate c;

	memset(&c, 0, sizeof(c));
	c.epoch = dec_u64(d);
	c.height = dec_u64(d);
	c.view = dec_u64(d);
	dec_fixed(d, c.digest.b, HASH_BYTES);
	c.count = dec_u8(d);
	if (c.count == 0 || c.count > MEMBERS_MAX) {
		dec_fail(d, CF_EDECODE);
		return;
	}
	for (unsigned i = 0; i < c.count; i++) {
		c.index[i] = dec_u8(d);
		dec_fixed(d, c.sig[i], SIG_BYTES);
		if (c.index[i] >= MEMBERS_MAX || (i > 0 && c.index[i] <= c.index[i - 1]))
			dec_fail(d, CF_EDECODE);
	}
	if (d->err == 0)
		*ret_c = c;
}

int member_keys_init(struct member_keys *k, const struct members *m)
{
	struct member_keys keys;
	int err = 0;

	memset(&keys, 0, sizeof(keys));
	for (unsigned i = 0; i < m->count && err == 0; i++) {
		err = crypto_key_from_point(m->member[i].sign_point, &keys.sign[i]);
		if (err == 0)
			err = crypto_key_from_point(m->member[i].endorse_point, &keys.endorse[i]);
		keys.count = i + 1;
	}
	if (err == 0)
		*k = keys;
	else
		member_keys_release(&keys);
	return err;
}

void member_keys_release(struct member_keys *k)
{
	for (unsigned i = 0; i < k->count; i++) {
		crypto_key_free(k->sign[i]);
		crypto_key_free(k->endorse[i]);
	}
	memset(k, 0, sizeof(*k));
}

/*
 * A vote that does not verify is passed over and not fatal: what makes the proof is that Q good ones are
 * there, and the answer then does not depend on where among them a bad one stands.
 */
int certificate_verify(const struct certificate *c, const struct hash *network, const struct members *m,
		       const struct member_keys *keys)
{
	const struct vote vote = {VOTE_COMMIT, c->epoch, c->height, c->view, c->digest};
	const unsigned quorum = members_quorum(m->count);
	struct hash digest;
	unsigned good = 0;

	assert(keys->count == m->count);
	if (c->epoch != m->epoch)
		return CF_EINVAL;
	if (c->count > MEMBERS_MAX || c->count < quorum)
		return CF_ESIG;
	for (unsigned i = 0; i < c->count; i++) {
		if (c->index[i] >= m->count || (i > 0 && c->index[i] <= c->index[i - 1]))
			return CF_ESIG;
	}
	digest = vote_digest(network, &vote);
	for (unsigned i = 0; i < c->count && good < quorum; i++) {
		if (good + (c->count - i) < quorum)
			break;
		if (crypto_verify(keys->sign[c->index[i]], &digest, c->sig[i]) == 0)
			good++;
	}
	return good >= quorum ? 0 : CF_ESIG;
}

int viewmsg_head(struct view message, struct viewmsg_head *ret_head)
{
	struct viewmsg_head head;
	struct dec d;
	uint32_t magic;
	uint8_t kind;

	dec_init(&d, message);
	magic = dec_u32(&d);
	kind = dec_u8(&d);
	head.sender = dec_u8(&d);
	head.epoch = dec_u64(&d);
	head.view = dec_u64(&d);
	(void)dec_take(&d, SIG_BYTES);
	if (d.err || magic != VIEWMSG_MAGIC || (kind != VIEWMSG_CHANGE && kind != VIEWMSG_NEW_VIEW))
		return CF_EDECODE;
	head.kind = (enum viewmsg_kind)kind;
	*ret_head = head;
	return 0;
}

struct hash viewmsg_digest(const struct hash *network, struct view message)
{
	const struct view parts[] = {
		VIEW(VIEWMSG_TAG, sizeof(VIEWMSG_TAG)),
		VIEW(network->b, HASH_BYTES),
		VIEW(message.data, message.len - SIG_BYTES),
	};

	assert(message.len > SIG_BYTES);
	return sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
}
