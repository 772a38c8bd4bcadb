/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seek.c - WIRE_GET to members in turn.
 */
#include "net/seek.h"

#include <assert.h>
#include <string.h>

void seek_init(struct seek *s, struct mesh *mesh)
{
	memset(s, 0, sizeof(*s));
	s->mesh = mesh;
}

struct seek_entry *seek_find(struct seek *s, const struct hash *address)
{
	for (unsigned i = 0; s->used > 0 && i < SEEK_MAX; i++) {
		if (s->entry[i].used && hash_equal(&s->entry[i].address, address))
			return &s->entry[i];
	}
	return NULL;
}

static struct seek_entry *free_entry(struct seek *s)
{
	for (unsigned i = 0; i < SEEK_MAX; i++) {
		if (!s->entry[i].used)
			return &s->entry[i];
	}
	return NULL;
}

bool seek_next(struct seek *s, struct seek_entry *e, uint64_t now_ms)
{
	unsigned n = mesh_count(s->mesh);

	assert(e->used);
	while (e->asked < n) {
		int err;

		e->member = (uint8_t)((e->member + 1) % n);
		e->asked++;
		err = mesh_ask(s->mesh, e->member, WIRE_GET, 0, VIEW(e->address.b, HASH_BYTES));
		if (!err) {
			e->deadline_ms = now_ms + SEEK_PATIENCE_MS;
			return true;
		}
		e->unreached = e->unreached || e->member != mesh_self(s->mesh);
	}
	if (!e->unreached || ++e->rounds == SEEK_ROUNDS)
		return false;
	e->asked = 0;
	e->unreached = false;
	e->deadline_ms = now_ms + SEEK_PAUSE_MS;
	return true;
}

int seek_start(struct seek *s, const struct hash *address, const struct seek_client *client, uint64_t now_ms)
{
	struct seek_entry *e = seek_find(s, address);

	if (e) {
		if (client && e->clients == SEEK_CLIENTS)
			return CF_EAGAIN;
		if (client)
			e->client[e->clients++] = *client;
		return 0;
	}
	e = free_entry(s);
	if (!e)
		return CF_EAGAIN;
	/* The address decides who is asked first: the load is spread. */
	*e = (struct seek_entry){.used = true, .address = *address};
	e->member = (uint8_t)(address->b[1] % mesh_count(s->mesh));
	if (client)
		e->client[e->clients++] = *client;
	s->used++;
	if (!seek_next(s, e, now_ms))
		e->deadline_ms = now_ms; /* nobody can be asked: overdue at once */
	return 0;
}

void seek_end(struct seek *s, struct seek_entry *e)
{
	assert(e->used && s->used > 0);
	e->used = false;
	s->used--;
}

struct seek_entry *seek_overdue(struct seek *s, uint64_t now_ms, uint64_t *ret_next_ms)
{
	uint64_t next = 0;

	for (unsigned i = 0; s->used > 0 && i < SEEK_MAX; i++) {
		struct seek_entry *e = &s->entry[i];

		if (!e->used)
			continue;
		if (e->deadline_ms <= now_ms)
			return e;
		if (next == 0 || e->deadline_ms < next)
			next = e->deadline_ms;
	}
	*ret_next_ms = next;
	return NULL;
}
