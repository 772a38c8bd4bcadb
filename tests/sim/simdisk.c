/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simdisk.c - the vote log of one node. A crash keeps what was synced and any prefix of the rest.
 */
#include "ledger/mem.h"
#include "tests/sim/sim.h"

#include <assert.h>

void disk_append(struct simdisk *d, struct view record)
{
	if (d->count == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 32;
		d->record = mem_array(d->record, d->cap, sizeof(struct packet *));
		assert(d->record != NULL);
	}
	d->record[d->count++] = packet_new(record, true);
}

void disk_sync(struct simdisk *d)
{
	d->synced = d->count;
}

static void cut_to(struct simdisk *d, size_t count)
{
	while (d->count > count)
		packet_drop(d->record[--d->count]);
	d->synced = d->count;
}

void disk_crash(struct sim *s, struct simdisk *d)
{
	cut_to(d, d->synced + (size_t)rng_below(&s->rng, d->count - d->synced + 1));
}

void disk_wipe(struct simdisk *d)
{
	cut_to(d, 0);
	mem_free(d->record);
	d->record = NULL;
	d->cap = 0;
}

void disk_replace(struct simdisk *d, const struct pbft_record *records, size_t count)
{
	cut_to(d, 0);
	for (size_t i = 0; i < count; i++)
		disk_append(d, records[i].bytes);
	disk_sync(d);
}
