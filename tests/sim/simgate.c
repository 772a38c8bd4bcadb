/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simgate.c - the signing gate that net/pbft.h asks of a driver, written for the simulator by itself: a wrong
 * vote must pass neither the core nor this.
 */
#include "tests/sim/sim.h"

#include <assert.h>

static bool below(const struct pbft_slot *a, const struct pbft_slot *b)
{
	return a->height != b->height ? a->height < b->height : a->view < b->view;
}

bool gate_allows(const struct gate *g, const struct pbft_slot *slot, const struct hash *digest)
{
	if (slot->kind >= PBFT_SIGN_OTHER || slot->epoch > g->epoch)
		return true;
	if (slot->epoch < g->epoch)
		return false;
	if (slot->kind <= PBFT_SIGN_COMMIT && g->last[PBFT_SIGN_VIEW_CHANGE].used &&
	    slot->view < g->last[PBFT_SIGN_VIEW_CHANGE].slot.view)
		return false;
	if (!g->last[slot->kind].used || below(&g->last[slot->kind].slot, slot))
		return true;
	return !below(slot, &g->last[slot->kind].slot) && hash_equal(&g->last[slot->kind].digest, digest);
}

void gate_keep(struct gate *g, const struct pbft_slot *slot, const struct hash *digest)
{
	if (slot->kind < PBFT_SIGN_OTHER && slot->epoch > g->epoch)
		*g = (struct gate){.epoch = slot->epoch};
	if (slot->kind >= PBFT_SIGN_OTHER || slot->epoch < g->epoch ||
	    (g->last[slot->kind].used && below(slot, &g->last[slot->kind].slot)))
		return;
	g->last[slot->kind].used = true;
	g->last[slot->kind].slot = *slot;
	g->last[slot->kind].digest = *digest;
}

void gate_load(struct gate *g, const struct simdisk *disk, const struct hash *network)
{
	struct pbft_slot slots[PBFT_RECORD_SLOTS_MAX];
	struct hash digests[PBFT_RECORD_SLOTS_MAX];
	size_t count;

	for (size_t i = 0; i < disk->count; i++) {
		const struct packet *r = disk->record[i];
		int err = pbft_record_slots(VIEW(r->data, r->len), network, slots, digests, &count);

		assert(err == 0);
		for (size_t k = 0; k < count; k++)
			gate_keep(g, &slots[k], &digests[k]);
	}
}
