/* SPDX-License-Identifier: Apache-2.0 */
/*
 * succession.c - a succession taken apart and checked.
 */
#include "acl/succession.h"

#include "ledger/block.h"
#include "ledger/mem.h"

#include <assert.h>

#define MEMBERS_BYTES_MAX 16384

struct step {
	struct view header_bytes;
	struct block_header header;
	struct certificate certificate;
	struct members members;
};

static void take_step(struct dec *d, struct step *ret_s)
{
	struct view members;
	struct dec inner;

	ret_s->header_bytes = dec_take(d, BLOCK_HEADER_BYTES);
	certificate_decode(d, &ret_s->certificate);
	members = dec_bytes(d, MEMBERS_BYTES_MAX);
	if (d->err)
		return;
	dec_init(&inner, members);
	members_decode(&inner, &ret_s->members);
	if (dec_done(&inner) || block_header_decode(ret_s->header_bytes, &ret_s->header))
		dec_fail(d, CF_EDECODE);
}

struct view succession_take(struct dec *d)
{
	const uint8_t *start = d->data + d->at;
	struct step *s = mem_zalloc(sizeof(*s));
	uint8_t count = dec_u8(d);

	if (!s)
		dec_fail(d, CF_ENOMEM);
	for (unsigned i = 0; i < count && d->err == 0; i++)
		take_step(d, s);
	mem_free(s);
	return d->err ? VIEW_NONE : VIEW(start, (size_t)(d->data + d->at - start));
}

/* One change, by the set that is in force. */
static int verify_step(const struct step *s, const struct hash *network, struct members *m)
{
	unsigned long long height = s->header.height;
	struct hash block = block_hash(s->header_bytes), before, after;
	struct member_keys keys;
	int err = members_hash(m, &before);

	if (err == 0)
		err = members_hash(&s->members, &after);
	if (err)
		return err;
	if (!hash_equal(&s->header.network, network) || !hash_equal(&s->header.members, &before))
		return err_set(CF_EFOREIGN, "block %llu was decided by others than the members before it",
			       height);
	if (!hash_equal(&s->header.next_members, &after) || s->members.epoch != s->header.height)
		return err_set(CF_ECORRUPT, "block %llu decided other members than these", height);
	if (s->certificate.height != s->header.height || !hash_equal(&s->certificate.digest, &block))
		return err_set(CF_ESIG, "the certificate is not that of block %llu", height);
	err = member_keys_init(&keys, m);
	if (err)
		return err;
	err = certificate_verify(&s->certificate, network, m, &keys);
	member_keys_release(&keys);
	if (err == 0)
		*m = s->members;
	return err;
}

/* Up to the set of an epoch; UINT64_MAX: all of it. */
static int verify(struct view bytes, const struct hash *network, uint64_t epoch, struct members *m)
{
	struct step *s = mem_zalloc(sizeof(*s));
	struct dec d;
	uint8_t count;
	int err = s ? 0 : CF_ENOMEM;

	assert(network && m);
	dec_init(&d, bytes);
	count = dec_u8(&d);
	for (unsigned i = 0; i < count && err == 0 && m->epoch < epoch; i++) {
		take_step(&d, s);
		err = d.err ? d.err : verify_step(s, network, m);
	}
	mem_free(s);
	return err || epoch != UINT64_MAX ? err : dec_done(&d);
}

int succession_verify(struct view bytes, const struct hash *network, struct members *m)
{
	return verify(bytes, network, UINT64_MAX, m);
}

int succession_at(struct view bytes, const struct hash *network, uint64_t epoch, struct members *m)
{
	int err = verify(bytes, network, epoch, m);

	if (!err && m->epoch != epoch)
		err = err_set(CF_EFOREIGN, "no members were decided at height %llu",
			      (unsigned long long)epoch);
	return err;
}
