/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reshare.c - the row of the deals, what they make, and a share in them.
 */
#include "acl/reshare.h"
#include "acl/op.h"
#include "acl/rowread.h"
#include "acl/trace.h"
#include "ledger/mem.h"

#include <stdio.h>
#include <string.h>

#define ROW_VERSION 1
#define DIGEST_TAG "chartfs deals v1"

int deals_encode(const struct deals *d, struct buf *out)
{
	struct enc e;

	enc_init(&e, out);
	enc_u8(&e, ROW_VERSION);
	enc_u64(&e, d->epoch);
	enc_u16(&e, d->accused);
	enc_u16(&e, d->taken);
	enc_u8(&e, d->count);
	for (unsigned i = 0; i < d->count; i++) {
		enc_u8(&e, d->dealer[i]);
		enc_bytes(&e, d->deal[i]);
	}
	return enc_done(&e);
}

int deals_decode(struct view bytes, struct deals *ret_d)
{
	struct deals deals = {.count = 0};
	uint32_t seen = 0;
	struct dec d;
	int err;

	dec_init(&d, bytes);
	if (dec_u8(&d) != ROW_VERSION)
		dec_fail(&d, CF_EDECODE);
	deals.epoch = dec_u64(&d);
	deals.accused = dec_u16(&d);
	deals.taken = dec_u16(&d);
	deals.count = dec_u8(&d);
	if (deals.count > HOLDERS_THRESHOLD_MAX)
		return CF_EDECODE;
	for (unsigned i = 0; i < deals.count; i++) {
		deals.dealer[i] = dec_u8(&d);
		deals.deal[i] = dec_bytes(&d, CONTRIBUTION_BYTES_MAX);
		if (deals.dealer[i] >= MEMBERS_MAX || (seen >> deals.dealer[i] & 1))
			return CF_EDECODE;
		seen |= 1u << deals.dealer[i];
	}
	err = dec_done(&d);
	if (!err)
		*ret_d = deals;
	return err;
}

struct statekey deals_key(unsigned generation)
{
	char name[STATEKEY_NAME_MAX];

	snprintf(name, sizeof(name), "deals %u", generation);
	return statekey_network(name);
}

int row_deals(struct db_txn *txn, struct rwset_builder *out, unsigned generation, struct deals *ret_d)
{
	struct statekey key = deals_key(generation);
	struct version version;
	struct view value;
	int err = row_read(txn, out, &key, &value, &version);

	if (!err && deals_decode(value, ret_d))
		err = err_set(CF_ECORRUPT, "the row of the deals is malformed");
	return err;
}

/* By places among the holders of then: by places among those of now. */
static uint16_t still_accused(uint16_t accused, const struct holders *then, const struct holders *now)
{
	uint16_t still = 0;

	for (unsigned i = 0; i < then->count; i++) {
		unsigned place = holders_find(now, &then->holder[i].id);

		if ((accused >> i & 1) && place < now->count)
			still |= (uint16_t)(1u << place);
	}
	return still;
}

int row_next_deals(struct db_txn *txn, struct rwset_builder *out, const struct holders *h, uint64_t epoch,
		   struct deals *ret_d)
{
	struct deals deals, last;
	struct holders then;
	int err = row_deals(txn, out, h->generation + 1u, &deals);

	if (!err && deals.epoch == epoch) {
		*ret_d = deals;
		return 0;
	}
	if (err && err != CF_ENOTFOUND)
		return err;
	deals = (struct deals){.epoch = epoch};
	err = h->generation ? row_deals(txn, out, h->generation, &last) : CF_ENOTFOUND;
	if (!err && last.epoch == epoch && last.accused) {
		err = row_holders_of(txn, out, h->generation - 1u, &then);
		if (!err)
			deals.accused = still_accused(last.accused, &then, h);
	}
	if (err && err != CF_ENOTFOUND)
		return err;
	*ret_d = deals;
	return 0;
}

struct hash deals_digest(const struct deals *d)
{
	uint8_t bytes[1 + HOLDERS_THRESHOLD_MAX * (1 + HASH_BYTES)];
	size_t len = 0;

	bytes[len++] = d->count;
	for (unsigned i = 0; i < d->count; i++) {
		struct hash h = sha256(d->deal[i]);

		bytes[len++] = d->dealer[i];
		memcpy(bytes + len, h.b, HASH_BYTES);
		len += HASH_BYTES;
	}
	return sha256_parts((const struct view[]){VIEW(DIGEST_TAG, sizeof(DIGEST_TAG)), VIEW(bytes, len)}, 2);
}

bool reshare_is_due(const struct holders *h, const struct members *m)
{
	return h->count != m->count || holders_left(h, m) != m->count ||
	       h->threshold != contribution_threshold(m);
}

unsigned reshare_dealer(const struct holders *h, const struct members *m, const struct identity_id *id)
{
	unsigned place = holders_find(h, id);
	int at = members_find(m, id);

	return place < h->count && at >= 0 &&
			       memcmp(m->member[at].kem_point, h->holder[place].kem_point, POINT_BYTES) == 0
		       ? place
		       : h->count;
}

unsigned reshare_takers(const struct members *m)
{
	return m->count - members_faults(m->count);
}

int reshare_holders(const struct holders *old, const struct deals *d, const struct members *m,
		    struct holders *ret_new)
{
	struct holders h = {.generation = (uint16_t)(old->generation + 1),
			    .threshold = (uint8_t)contribution_threshold(m),
			    .count = m->count};
	uint8_t part[HOLDERS_THRESHOLD_MAX][POINT_BYTES];
	unsigned dealer[HOLDERS_THRESHOLD_MAX];
	int err = d->count == old->threshold ? 0 : CF_ECORRUPT;

	for (unsigned i = 0; i < h.count && !err; i++) {
		struct holder *at = &h.holder[i];

		at->id = m->member[i].id;
		memcpy(at->kem_point, m->member[i].kem_point, POINT_BYTES);
		for (unsigned k = 0; k < d->count && !err; k++) {
			dealer[k] = d->dealer[k] + 1u;
			err = contribution_public(d->deal[k], i, part[k]);
		}
		if (!err)
			err = prf_combine(dealer, (const uint8_t(*)[POINT_BYTES])part, d->count, at->public);
	}
	if (!err)
		*ret_new = h;
	return err == CF_EDECODE ? CF_ECORRUPT : err;
}

int reshare_open(const struct deals *d, unsigned number, const struct identity_id *id,
		 const struct crypto_key *kem, unsigned *ret_dealer, uint8_t ret_share[SCALAR_BYTES])
{
	uint8_t part[HOLDERS_THRESHOLD_MAX][SCALAR_BYTES];
	unsigned dealer[HOLDERS_THRESHOLD_MAX];
	int err = d->count ? 0 : CF_ENOTFOUND;

	for (unsigned k = 0; k < d->count && !err; k++) {
		dealer[k] = d->dealer[k] + 1u;
		err = contribution_share(d->deal[k], number, id, kem, part[k]);
		if (err == CF_ECORRUPT)
			*ret_dealer = d->dealer[k];
	}
	if (!err)
		err = prf_share_combine(dealer, (const uint8_t(*)[SCALAR_BYTES])part, d->count, ret_share);
	mem_wipe(part, sizeof(part));
	return err;
}

int reshare_share(struct db_txn *txn, const struct genesis *g, unsigned generation, const struct identity *id,
		  uint8_t ret_share[SCALAR_BYTES])
{
	uint8_t kem_point[POINT_BYTES];
	struct holders h;
	struct deals deals;
	unsigned place, dealer = 0;
	int err = state_holders_of(txn, generation, &h);

	if (err)
		return err;
	place = holders_find(&h, &id->id);
	crypto_key_point(id->kem, kem_point);
	if (place == h.count || memcmp(kem_point, h.holder[place].kem_point, POINT_BYTES) != 0)
		return CF_ENOTFOUND;
	if (generation == 0)
		return trace_share(g, place, id->kem, ret_share);
	err = row_deals(txn, NULL, generation, &deals);
	if (!err)
		err = reshare_open(&deals, place, &id->id, id->kem, &dealer, ret_share);
	if (!err)
		err = prf_share_check(ret_share, h.holder[place].public);
	return err;
}

bool reshare_may_write(const struct tx_proposal *p, struct view key, struct view value)
{
	const struct statekey current = statekey_network("trace");
	uint8_t code = p->op[0].code;
	struct statekey deals_row, before;
	struct holders h;
	struct deals d;
	struct dec dec;
	uint16_t generation;

	if (code != OP_DEAL && code != OP_TAKE && code != OP_ACCUSE)
		return false;
	dec_init(&dec, p->op[0].body); /* all three begin with it */
	generation = dec_u16(&dec);
	if (dec.err || generation == 0)
		return false;
	deals_row = deals_key(generation);
	before = holders_key(generation - 1u);
	if (view_equal(key, statekey_view(&deals_row)))
		return deals_decode(value, &d) == 0;
	if (code == OP_DEAL || holders_decode(value, &h))
		return false;
	return view_equal(key, statekey_view(&current))
		       ? h.generation == generation
		       : view_equal(key, statekey_view(&before)) && h.generation == generation - 1;
}
