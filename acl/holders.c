/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holders.c - the row of the holders.
 */
#include "acl/holders.h"
#include "acl/contribution.h"
#include "acl/rowread.h"

#include <stdio.h>
#include <string.h>

#define ROW_VERSION 1

int holders_of_genesis(const struct genesis *g, struct holders *ret_h)
{
	struct holders h = {.threshold = (uint8_t)contribution_threshold(&g->members),
			    .count = g->members.count};
	int err = 0;

	for (unsigned i = 0; i < h.count && !err; i++) {
		struct holder *at = &h.holder[i];
		uint8_t part[POINT_BYTES];

		at->id = g->members.member[i].id;
		memcpy(at->kem_point, g->members.member[i].kem_point, POINT_BYTES);
		err = contribution_public(g->contribution[0], i, at->public);
		for (unsigned k = 1; k < g->contribution_count && !err; k++) {
			err = contribution_public(g->contribution[k], i, part);
			if (!err)
				err = prf_public_add(at->public, part, at->public);
		}
	}
	if (!err)
		*ret_h = h;
	return err;
}

int holders_encode(const struct holders *h, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, ROW_VERSION);
	enc_u16(&e, h->generation);
	enc_u8(&e, h->threshold);
	enc_u8(&e, h->count);
	for (unsigned i = 0; i < h->count; i++) {
		enc_fixed(&e, h->holder[i].id.b, IDENTITY_BYTES);
		enc_fixed(&e, h->holder[i].kem_point, POINT_BYTES);
		enc_fixed(&e, h->holder[i].public, POINT_BYTES);
	}
	return enc_done(&e);
}

int holders_decode(struct view bytes, struct holders *ret_h)
{
	struct holders h = {.count = 0};
	struct dec d;
	int err;

	dec_init(&d, bytes);
	if (dec_u8(&d) != ROW_VERSION)
		dec_fail(&d, CF_EDECODE);
	h.generation = dec_u16(&d);
	h.threshold = dec_u8(&d);
	h.count = dec_u8(&d);
	if (h.count > MEMBERS_MAX || h.threshold == 0 || h.threshold > h.count ||
	    h.threshold > HOLDERS_THRESHOLD_MAX)
		return CF_EDECODE;
	for (unsigned i = 0; i < h.count; i++) {
		dec_fixed(&d, h.holder[i].id.b, IDENTITY_BYTES);
		dec_fixed(&d, h.holder[i].kem_point, POINT_BYTES);
		dec_fixed(&d, h.holder[i].public, POINT_BYTES);
	}
	err = dec_done(&d);
	if (!err)
		*ret_h = h;
	return err;
}

static int read_holders(struct db_txn *txn, struct rwset_builder *out, const struct statekey *key,
			struct holders *ret_h)
{
	struct version version;
	struct view value;
	int err = row_read(txn, out, key, &value, &version);

	if (!err && holders_decode(value, ret_h))
		err = err_set(CF_ECORRUPT, "the row of the holders of shares is malformed");
	return err;
}

int row_holders(struct db_txn *txn, struct rwset_builder *out, struct holders *ret_h)
{
	struct statekey key = statekey_network("trace");

	return read_holders(txn, out, &key, ret_h);
}

int state_holders(struct db_txn *txn, struct holders *ret_h)
{
	return row_holders(txn, NULL, ret_h);
}

struct statekey holders_key(unsigned generation)
{
	char name[STATEKEY_NAME_MAX];

	snprintf(name, sizeof(name), "trace %u", generation);
	return statekey_network(name);
}

int row_holders_of(struct db_txn *txn, struct rwset_builder *out, unsigned generation, struct holders *ret_h)
{
	struct statekey key = holders_key(generation);
	struct holders h;
	int err = row_holders(txn, out, &h);

	if (!err && h.generation != generation)
		err = read_holders(txn, out, &key, &h);
	if (!err)
		*ret_h = h;
	return err;
}

int state_holders_of(struct db_txn *txn, unsigned generation, struct holders *ret_h)
{
	return row_holders_of(txn, NULL, generation, ret_h);
}

unsigned holders_find(const struct holders *h, const struct identity_id *id)
{
	unsigned i = 0;

	while (i < h->count && !identity_equal(&h->holder[i].id, id))
		i++;
	return i;
}

unsigned holders_left(const struct holders *h, const struct members *m)
{
	unsigned left = 0;

	for (unsigned i = 0; i < h->count; i++) {
		int at = members_find(m, &h->holder[i].id);

		left += at >= 0 && memcmp(m->member[at].kem_point, h->holder[i].kem_point, POINT_BYTES) == 0;
	}
	return left;
}
