/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/place.h"

#include "ledger/crypto.h"

#include <string.h>

bool place_equal(const struct place *a, const struct place *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

bool place_is_dir(const struct place *p)
{
	switch ((enum place_kind)p->kind) {
	case PLACE_NODE:
	case PLACE_LOCAL:
		return p->type == NODE_DIR;
	case PLACE_PERSON:
	case PLACE_CONTROL_FILE:
	case PLACE_PROOF:
	case PLACE_WAITING:
	case PLACE_GRANT:
	case PLACE_ACCESS_FILE:
		return false;
	case PLACE_ROOT:
	case PLACE_PATIENTS:
	case PLACE_PEOPLE:
	case PLACE_AT:
	case PLACE_HISTORY:
	case PLACE_VERSIONS:
	case PLACE_CONTROL:
	case PLACE_SNAPSHOTS:
	case PLACE_PENDING:
	case PLACE_GRANTS:
	case PLACE_ACCESS:
		return true;
	}
	return false;
}

bool place_is_past(const struct place *p)
{
	return p->height != 0 || p->kind == PLACE_AT || p->kind == PLACE_HISTORY ||
	       p->kind == PLACE_VERSIONS || p->kind == PLACE_SNAPSHOTS || p->kind == PLACE_ACCESS ||
	       p->kind == PLACE_ACCESS_FILE;
}

static uint64_t first_63_bits(const uint8_t *bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | bytes[i];
	v &= INT64_MAX;
	return v < 2 ? v + 2 : v;
}

uint64_t place_ino(const struct place *p)
{
	struct hash h;

	if (p->kind == PLACE_ROOT && p->height == 0)
		return 1;
	if (p->kind == PLACE_NODE && p->height == 0)
		return first_63_bits(p->node.b);
	h = sha256(VIEW(p, sizeof *p));
	return first_63_bits(h.b);
}

struct place place_simple(enum place_kind kind, uint64_t height)
{
	struct place p;

	memset(&p, 0, sizeof p);
	p.kind = (uint8_t)kind;
	p.height = height;
	return p;
}

struct place place_root(uint64_t height)
{
	return place_simple(PLACE_ROOT, height);
}

struct place place_node(const struct patient_id *patient, const struct node_id *n, enum node_type type,
			unsigned section, uint64_t height)
{
	struct place p = place_simple(PLACE_NODE, height);

	p.type = (uint8_t)type;
	p.section = (uint8_t)section;
	p.patient = *patient;
	p.node = *n;
	return p;
}
