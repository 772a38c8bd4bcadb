/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - compare with the last of its kind, remember, sign.
 */
#include "net/gate.h"

#include "ledger/mem.h"

#include <assert.h>

struct last {
	bool set;
	uint64_t height;
	uint64_t view;
	struct hash digest;
};

struct gate {
	const struct crypto_key *key;
	uint64_t epoch;
	struct last last[PBFT_SIGN_OTHER]; /* by kind */
};

int gate_new(const struct crypto_key *key, struct gate **ret_g)
{
	struct gate *g = mem_zalloc(sizeof(*g));

	assert(key && ret_g);
	if (!g)
		return CF_ENOMEM;
	g->key = key;
	*ret_g = g;
	return 0;
}

void gate_free(struct gate *g)
{
	mem_free(g);
}

static bool is_before(uint64_t height, uint64_t view, const struct last *last)
{
	return height < last->height || (height == last->height && view < last->view);
}

static void keep(struct gate *g, const struct pbft_slot *slot, const struct hash *digest)
{
	if (slot->epoch > g->epoch) {
		for (unsigned i = 0; i < PBFT_SIGN_OTHER; i++)
			g->last[i].set = false;
		g->epoch = slot->epoch;
	}
	g->last[slot->kind] = (struct last){true, slot->height, slot->view, *digest};
}

void gate_remember(struct gate *g, const struct pbft_slot *slot, const struct hash *digest)
{
	const struct last *last;

	assert(slot->kind >= PBFT_SIGN_PRE_PREPARE && slot->kind <= PBFT_SIGN_OTHER);
	if (slot->kind == PBFT_SIGN_OTHER || slot->epoch < g->epoch)
		return;
	last = &g->last[slot->kind];
	if (slot->epoch == g->epoch && last->set && is_before(slot->height, slot->view, last))
		return;
	keep(g, slot, digest);
}

bool gate_may_have_signed(const struct gate *g, const struct pbft_slot *slot, const struct hash *digest)
{
	const struct last *last = &g->last[slot->kind];

	assert(slot->kind >= PBFT_SIGN_PRE_PREPARE && slot->kind < PBFT_SIGN_OTHER);
	if (slot->epoch != g->epoch)
		return slot->epoch < g->epoch;
	if (!last->set || last->height < slot->height)
		return false;
	if (last->height > slot->height || last->view > slot->view)
		return true;
	return last->view == slot->view && hash_equal(&last->digest, digest);
}

static int refuse(const struct pbft_slot *slot, const char *why)
{
	return err_set(CF_EPERM, "signing gate: kind %d, epoch %llu, height %llu, view %llu: %s", slot->kind,
		       (unsigned long long)slot->epoch, (unsigned long long)slot->height,
		       (unsigned long long)slot->view, why);
}

static int check(const struct gate *g, const struct pbft_slot *slot, const struct hash *digest)
{
	const struct last *last = &g->last[slot->kind];
	const struct last *change = &g->last[PBFT_SIGN_VIEW_CHANGE];

	if (slot->epoch < g->epoch)
		return refuse(slot, "of a past epoch");
	if (slot->epoch > g->epoch)
		return 0;
	if (slot->kind <= PBFT_SIGN_COMMIT && change->set && slot->view < change->view)
		return refuse(slot, "a view that was left");
	if (!last->set)
		return 0;
	if (is_before(slot->height, slot->view, last))
		return refuse(slot, "below one signed before");
	if (slot->height == last->height && slot->view == last->view && !hash_equal(digest, &last->digest))
		return refuse(slot, "a second digest");
	return 0;
}

int gate_sign(struct gate *g, const struct pbft_slot *slot, const struct hash *digest,
	      uint8_t ret_sig[SIG_BYTES])
{
	int err = 0;

	assert(slot->kind >= PBFT_SIGN_PRE_PREPARE && slot->kind <= PBFT_SIGN_OTHER);
	if (slot->kind != PBFT_SIGN_OTHER) {
		err = check(g, slot, digest);
		if (err)
			return err;
		keep(g, slot, digest);
	}
	return crypto_sign(g->key, digest, ret_sig);
}
