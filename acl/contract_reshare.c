/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract_reshare.c - the members share their key anew: who deals, who takes, who is found to have cheated.
 */
#include "acl/contract_private.h"
#include "acl/op.h"
#include "acl/reshare.h"

#include <string.h>

/* What all three steps begin with. */
struct sharing {
	struct members members;
	struct holders holders;
	struct deals deals;
	unsigned number; /* the creator's, among the members */
};

static int read_rows(struct run *r, struct sharing *s)
{
	int err;

	if (r->creator.role != ROLE_PEER)
		return err_set(CF_EDENIED, "a %s shares no key", role_name(r->creator.role));
	err = row_members(r->txn, r->out, &s->members);
	return err ? err : row_holders(r->txn, r->out, &s->holders);
}

/* The generation that is being made. */
static int begin(struct run *r, uint16_t generation, uint64_t epoch, struct sharing *s)
{
	int at, err = read_rows(r, s);

	if (err)
		return err;
	at = members_find(&s->members, &r->p->creator);
	if (at < 0)
		return err_set(CF_EDENIED, "%s is no member", r->creator.name);
	s->number = (unsigned)at;
	if (epoch != s->members.epoch || generation != s->holders.generation + 1u)
		return err_set(CF_ECONFLICT, "the key is not shared for these members, or not any more");
	if (!reshare_is_due(&s->holders, &s->members))
		return err_set(CF_EEXIST, "the members hold the key: it is not shared anew");
	return row_next_deals(r->txn, r->out, &s->holders, epoch, &s->deals);
}

static int put_deals(struct run *r, unsigned generation, const struct deals *d)
{
	struct buf value;
	int err;

	buf_init(&value, 0);
	err = run_put(r, deals_key(generation), deals_encode(d, &value), &value);
	buf_release(&value);
	return err;
}

int contract_deal(struct run *r, struct view body)
{
	struct sharing s;
	struct op_deal op;
	struct contribution_dealer by;
	unsigned place;
	int err = op_deal_decode(body, &op);

	if (err == 0)
		err = begin(r, op.generation, op.epoch, &s);
	if (err)
		return err;
	place = reshare_dealer(&s.holders, &s.members, &r->p->creator);
	if (place == s.holders.count)
		return err_set(CF_EDENIED, "%s holds no share to deal", r->creator.name);
	if (s.deals.accused >> place & 1)
		return err_set(CF_EDENIED, "%s dealt wrongly, and deals no more", r->creator.name);
	if (s.deals.count == s.holders.threshold || memchr(s.deals.dealer, (int)place, s.deals.count))
		return err_set(CF_EEXIST, "enough have dealt, or %s has", r->creator.name);
	by = (struct contribution_dealer){&r->p->network, &r->p->creator, op.epoch, op.generation};
	err = op.proof_count == s.members.count ? contribution_check(op.deal, &s.members)
						: err_set(CF_EINVAL, "a proof is missing");
	if (err == 0)
		err = contribution_check_deal(&by, op.deal, &s.members, (const uint8_t(*)[SIG_BYTES])op.proof,
					      s.holders.holder[place].public);
	if (err == CF_EINVAL)
		return err_set(err, "%s deals wrongly: %s", r->creator.name, strdupa(err_detail()));
	if (err)
		return err;
	s.deals.dealer[s.deals.count] = (uint8_t)place;
	s.deals.deal[s.deals.count++] = op.deal;
	s.deals.taken = 0;
	return put_deals(r, op.generation, &s.deals);
}

/* The next generation is in force, and the one before stays on record. */
static int put_holders(struct run *r, const struct sharing *s)
{
	struct holders next;
	struct buf value;
	int err = reshare_holders(&s->holders, &s->deals, &s->members, &next);

	buf_init(&value, 0);
	if (err == 0)
		err = run_put(r, holders_key(s->holders.generation), holders_encode(&s->holders, &value),
			      &value);
	if (err == 0)
		err = run_put(r, statekey_network("trace"), holders_encode(&next, &value), &value);
	buf_release(&value);
	return err;
}

int contract_take(struct run *r, struct view body)
{
	struct sharing s;
	struct op_take op;
	struct hash digest;
	int err = op_take_decode(body, &op);

	if (err == 0)
		err = begin(r, op.generation, op.epoch, &s);
	if (err)
		return err;
	digest = deals_digest(&s.deals);
	if (s.deals.count != s.holders.threshold || !hash_equal(&digest, &op.deals))
		return err_set(CF_ECONFLICT, "these are not the deals");
	if (s.deals.taken >> s.number & 1)
		return err_set(CF_EEXIST, "%s has taken its share", r->creator.name);
	s.deals.taken |= (uint16_t)(1u << s.number);
	err = put_deals(r, op.generation, &s.deals);
	if (err == 0 && (unsigned)__builtin_popcount(s.deals.taken) >= reshare_takers(&s.members))
		err = put_holders(r, &s);
	return err;
}

/* The deal goes, and with it what others had taken. */
static void undo(struct deals *d, unsigned at)
{
	d->accused |= (uint16_t)(1u << d->dealer[at]);
	d->taken = 0;
	d->count--;
	for (unsigned i = at; i < d->count; i++) {
		d->dealer[i] = d->dealer[i + 1];
		d->deal[i] = d->deal[i + 1];
	}
}

/* Of the creator at this place among those who were dealt to. */
static int check_accusation(const struct run *r, const struct deals *d, const struct op_accuse *op,
			    unsigned place, const uint8_t kem_point[POINT_BYTES], unsigned *ret_at)
{
	unsigned at = 0;
	struct hash h;
	int err;

	while (at < d->count && d->dealer[at] != op->dealer)
		at++;
	if (at == d->count)
		return err_set(CF_ECONFLICT, "there is no such deal, or not any more");
	h = sha256(d->deal[at]);
	if (!hash_equal(&h, &op->deal))
		return err_set(CF_ECONFLICT, "the deal is another one");
	err = contribution_accused(d->deal[at], place, &r->p->creator, kem_point, &op->opening);
	if (err == 0)
		*ret_at = at;
	return err;
}

/* The generation is in force: the creator is none of its holders, so that another one is due. */
static int accuse_late(struct run *r, const struct op_accuse *op, struct sharing *s)
{
	unsigned place = holders_find(&s->holders, &r->p->creator), at;
	struct holder *h = &s->holders.holder[place];
	struct buf value;
	int err;

	if (place == s->holders.count)
		return err_set(CF_EDENIED, "%s was dealt nothing", r->creator.name);
	err = row_deals(r->txn, r->out, op->generation, &s->deals);
	if (err == 0 && s->deals.epoch != op->epoch)
		err = err_set(CF_ECONFLICT, "the deals are of other members");
	if (err == 0)
		err = check_accusation(r, &s->deals, op, place, h->kem_point, &at);
	if (err)
		return err;
	s->deals.accused |= (uint16_t)(1u << op->dealer);
	err = put_deals(r, op->generation, &s->deals);
	memset(h->kem_point, 0, POINT_BYTES);
	buf_init(&value, 0);
	if (err == 0)
		err = run_put(r, statekey_network("trace"), holders_encode(&s->holders, &value), &value);
	buf_release(&value);
	return err;
}

int contract_accuse(struct run *r, struct view body)
{
	struct sharing s;
	struct op_accuse op;
	unsigned at;
	int err = op_accuse_decode(body, &op);

	if (err == 0)
		err = read_rows(r, &s);
	if (err == 0 && op.generation && op.generation == s.holders.generation)
		return accuse_late(r, &op, &s);
	if (err == 0)
		err = begin(r, op.generation, op.epoch, &s);
	if (err == 0)
		err = check_accusation(r, &s.deals, &op, s.number, s.members.member[s.number].kem_point, &at);
	if (err)
		return err;
	undo(&s.deals, at);
	return put_deals(r, op.generation, &s.deals);
}
