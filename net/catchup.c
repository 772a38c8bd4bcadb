/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catchup.c - WIRE_FETCH, a window of them.
 */
#include "net/catchup.h"

#include "ledger/log.h"

#include <string.h>

#define MODULE "catchup"

void catchup_init(struct catchup *c, struct mesh *mesh)
{
	memset(c, 0, sizeof(*c));
	c->mesh = mesh;
	c->window = CATCHUP_AHEAD_FIRST;
	c->window_max = CATCHUP_AHEAD_MAX;
}

static void next_member(struct catchup *c)
{
	unsigned n = mesh_count(c->mesh);

	c->from = (uint8_t)((c->from + 1) % n);
	if (c->from == mesh_self(c->mesh))
		c->from = (uint8_t)((c->from + 1) % n);
}

static void stop(struct catchup *c)
{
	c->probing = false;
	c->target = 0;
	c->deadline_ms = 0;
}

void catchup_size(struct catchup *c, size_t bytes)
{
	c->block_bytes -= c->block_bytes / 16;
	if (c->block_bytes < bytes)
		c->block_bytes = bytes;
}

static unsigned ahead(const struct catchup *c)
{
	size_t count = c->block_bytes > 0 ? CATCHUP_AHEAD_BYTES / c->block_bytes : c->window;

	if (count < CATCHUP_AHEAD_MIN)
		return CATCHUP_AHEAD_MIN;
	return count < c->window ? (unsigned)count : c->window;
}

bool catchup_more(const struct catchup *c, unsigned count, uint64_t last)
{
	return c->deadline_ms != 0 && !c->probing && last < c->asked && count < ahead(c) / 2;
}

/*
 * What was told of is there. Under load the chain has grown meanwhile, and the next to tell of it would
 * always come too late: so it goes on until the member asked has no more.
 */
static void ask(struct catchup *c, uint64_t own_height, uint64_t now_ms)
{
	if (c->target <= own_height || c->probing) {
		c->probing = true;
		c->target = own_height + CATCHUP_PROBE;
	}
	if (c->asked < own_height)
		c->asked = own_height;
	while (c->asked < c->target && c->asked < own_height + ahead(c)) {
		uint64_t height = c->asked + 1;
		uint8_t be[8];

		for (unsigned i = 0; i < sizeof(be); i++)
			be[i] = (uint8_t)(height >> (8 * (7 - i)));
		if (mesh_ask(c->mesh, c->from, WIRE_FETCH, height, VIEW(be, sizeof(be))))
			break; /* asked again, of another one, when the time is up */
		c->asked = height;
	}
	c->deadline_ms = now_ms + CATCHUP_PATIENCE_MS;
}

void catchup_want(struct catchup *c, uint64_t height, uint8_t from, uint64_t own_height, uint64_t now_ms)
{
	if (height <= own_height || (height <= c->target && !c->probing))
		return;
	c->target = height;
	c->probing = false;
	if (c->deadline_ms != 0)
		return; /* under way already */
	log_info(MODULE, "own height %llu, a member is at %llu -> fetches blocks",
		 (unsigned long long)own_height, (unsigned long long)height);
	c->from = from;
	c->tries = 0;
	if (from >= mesh_count(c->mesh) || from == mesh_self(c->mesh))
		next_member(c);
	c->asked = own_height;
	ask(c, own_height, now_ms);
}

void catchup_poll(struct catchup *c, uint64_t own_height, uint64_t now_ms)
{
	if (c->deadline_ms != 0)
		return;
	next_member(c);
	c->tries = 0;
	c->asked = own_height;
	c->probing = true;
	ask(c, own_height, now_ms);
}

void catchup_progress(struct catchup *c, uint64_t own_height, uint64_t now_ms)
{
	c->tries = 0;
	if (c->deadline_ms == 0)
		return;
	c->window = 2 * c->window < c->window_max ? 2 * c->window : c->window_max;
	ask(c, own_height, now_ms);
}

/* Several asked for at once are refused together: they count as one. */
void catchup_refused(struct catchup *c, uint64_t now_ms)
{
	if (c->probing)
		stop(c);
	else if (c->deadline_ms > now_ms + CATCHUP_REFUSED_MS)
		c->deadline_ms = now_ms + CATCHUP_REFUSED_MS;
}

void catchup_due(struct catchup *c, uint64_t own_height, uint64_t now_ms)
{
	if (c->probing) {
		stop(c);
		return;
	}
	if (++c->tries > 2 * (unsigned)mesh_count(c->mesh)) {
		log_warn(MODULE, "nobody has block %llu -> waits until one tells of it",
			 (unsigned long long)own_height + 1);
		stop(c);
		return;
	}
	if (c->window > CATCHUP_AHEAD_FIRST)
		c->window_max = c->window / 2;
	c->window = CATCHUP_AHEAD_FIRST;
	next_member(c);
	c->asked = own_height;
	ask(c, own_height, now_ms);
}
