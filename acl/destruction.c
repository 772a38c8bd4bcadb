/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destruction.c - statements of members, gathered and checked.
 */
#include "acl/destruction.h"
#include "acl/genesis.h"
#include "acl/succession.h"
#include "ledger/mem.h"

#include <assert.h>
#include <string.h>

#define FILE_TAG "chartfs destruction v1"
#define SAID_TAG "chartfs destroyed v1"

struct hash destroyed_digest(const struct hash *network, const struct hash *tx, uint64_t height,
			     const struct identity_id *by)
{
	uint8_t number[8];

	for (unsigned i = 0; i < 8; i++)
		number[i] = (uint8_t)(height >> (56 - 8 * i));
	return sha256_parts((const struct view[]){VIEW(SAID_TAG, sizeof(SAID_TAG)),
						  VIEW(network->b, HASH_BYTES), VIEW(tx->b, HASH_BYTES),
						  VIEW(number, sizeof(number)), VIEW(by->b, IDENTITY_BYTES)},
			    5);
}

int destroyed_check(const struct hash *network, const struct hash *tx, const struct member *m,
		    const struct destroyed *said)
{
	struct hash digest = destroyed_digest(network, tx, said->height, &m->id);
	struct crypto_key *key = NULL;
	int err = crypto_key_from_point(m->endorse_point, &key);

	if (!err)
		err = crypto_verify(key, &digest, said->sig);
	crypto_key_free(key);
	return err;
}

int destruction_encode(const struct destruction *d, struct buf *out)
{
	size_t begin = out->len;
	struct enc e;
	int err;

	assert(d->count <= MEMBERS_MAX);
	enc_init(&e, out);
	enc_tag(&e, FILE_TAG);
	enc_bytes(&e, d->proof);
	enc_fixed(&e, d->succession.data, d->succession.len);
	enc_u8(&e, d->count);
	for (unsigned i = 0; i < d->count; i++) {
		enc_u8(&e, d->said[i].member);
		enc_u64(&e, d->said[i].height);
		enc_fixed(&e, d->said[i].sig, SIG_BYTES);
	}
	err = enc_done(&e);
	if (err)
		out->len = begin;
	return err;
}

int destruction_decode(struct view bytes, struct destruction *ret_d)
{
	struct destruction read = {.count = 0};
	struct dec d;
	int err;

	dec_init(&d, bytes);
	dec_tag(&d, FILE_TAG);
	read.proof = dec_bytes(&d, PROOF_BYTES_MAX);
	read.succession = succession_take(&d);
	read.count = dec_u8(&d);
	if (d.err || read.count > MEMBERS_MAX)
		return d.err ? d.err : CF_EDECODE;
	for (unsigned i = 0; i < read.count; i++) {
		read.said[i].member = dec_u8(&d);
		read.said[i].height = dec_u64(&d);
		dec_fixed(&d, read.said[i].sig, SIG_BYTES);
		if (i && read.said[i].member <= read.said[i - 1].member)
			dec_fail(&d, CF_EDECODE);
	}
	err = dec_done(&d);
	if (!err)
		*ret_d = read;
	return err;
}

bool destruction_is(struct view bytes)
{
	return bytes.len >= sizeof(FILE_TAG) && memcmp(bytes.data, FILE_TAG, sizeof(FILE_TAG)) == 0;
}

static int check_said(const struct destruction *d, const struct proof_facts *f, const struct members *m)
{
	if (d->count < members_quorum(m->count))
		return err_set(CF_EINVAL, "%u of %u members say that it is destroyed: %u are needed",
			       d->count, m->count, members_quorum(m->count));
	for (unsigned i = 0; i < d->count; i++) {
		const struct destroyed *said = &d->said[i];

		if (said->member >= m->count)
			return err_set(CF_EINVAL, "there is no member %u to have signed", said->member);
		if (said->height < f->height)
			return err_set(CF_EINVAL, "member %u had not come to the erasure", said->member);
		if (destroyed_check(&f->network, &f->tx_id, &m->member[said->member], said))
			return err_set(CF_ESIG, "the signature of member %u does not hold", said->member);
	}
	return 0;
}

int destruction_verify(const struct destruction *d, struct view genesis, struct proof *ret_p,
		       struct proof_facts *ret_facts, struct members *ret_members)
{
	struct genesis *g = mem_zalloc(sizeof(*g));
	struct members m;
	int err = g ? proof_decode(d->proof, ret_p) : CF_ENOMEM;

	if (!err)
		err = proof_verify(ret_p, genesis, ret_facts);
	if (!err && ret_facts->op != OP_ERASE)
		err = err_set(CF_EINVAL, "what is proven is no erasure");
	if (!err)
		err = genesis_decode(genesis, g);
	if (!err) {
		m = g->members;
		err = succession_verify(d->succession, &ret_facts->network, &m);
	}
	if (!err)
		err = check_said(d, ret_facts, &m);
	if (!err)
		*ret_members = m;
	mem_free(g);
	return err;
}
