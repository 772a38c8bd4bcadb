/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.c - counts organizations behind equal answers.
 */
#include "net/tally.h"

#include <assert.h>
#include <string.h>

void tally_init(struct tally *t, const struct members *m)
{
	assert(t && m && m->count <= MEMBERS_MAX);
	memset(t, 0, sizeof(*t));
	t->count = m->count;
	for (unsigned i = 0; i < m->count; i++)
		t->org[i] = m->member[i].org;
}

void tally_endorsed(struct tally *t, unsigned member, uint64_t height, const struct hash *rwset)
{
	assert(t && rwset && member < t->count);
	t->answer[member] = (struct tally_answer){.kind = TALLY_ENDORSED, .height = height, .rwset = *rwset};
}

void tally_refused(struct tally *t, unsigned member, uint64_t height, int error, struct view detail)
{
	struct tally_answer *a;
	size_t len = detail.len < TALLY_DETAIL_MAX - 1 ? detail.len : TALLY_DETAIL_MAX - 1;

	assert(t && member < t->count && error < 0);
	a = &t->answer[member];
	*a = (struct tally_answer){.kind = TALLY_REFUSED, .height = height, .error = error};
	for (size_t i = 0; i < len; i++)
		a->detail[i] = detail.data[i] >= 0x20 && detail.data[i] != 0x7f ? (char)detail.data[i] : '?';
}

static bool same(const struct tally_answer *a, const struct tally_answer *b)
{
	if (a->kind != b->kind || a->kind == TALLY_NONE)
		return false;
	return a->kind == TALLY_ENDORSED ? hash_equal(&a->rwset, &b->rwset) : a->error == b->error;
}

/* One member of each organization that answered as `like` did; an organization that also endorsed refuses
 * nothing. */
static uint32_t voices(const struct tally *t, unsigned like)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < t->count; i++) {
		bool counts = same(&t->answer[i], &t->answer[like]);

		for (unsigned k = 0; k < t->count && counts; k++) {
			if (t->org[k] != t->org[i] || k == i)
				continue;
			counts = !((mask >> k) & 1) && !(t->answer[like].kind == TALLY_REFUSED &&
							 t->answer[k].kind == TALLY_ENDORSED);
		}
		if (counts)
			mask |= 1u << i;
	}
	return mask;
}

/* Organizations of which some member has not refused. */
static unsigned orgs_left(const struct tally *t)
{
	unsigned orgs = 0;

	for (unsigned i = 0; i < t->count; i++) {
		bool counts = t->answer[i].kind != TALLY_REFUSED;

		for (unsigned k = 0; k < i && counts; k++)
			counts = t->org[k] != t->org[i] || t->answer[k].kind == TALLY_REFUSED;
		orgs += counts;
	}
	return orgs;
}

static uint32_t lowest(uint32_t mask, unsigned count)
{
	uint32_t kept = 0;

	for (; count > 0 && mask; count--) {
		kept |= mask & -mask;
		mask &= mask - 1;
	}
	return kept;
}

enum tally_state tally_decide(const struct tally *t, unsigned orgs_needed, uint32_t *ret_members,
			      unsigned *ret_speaker)
{
	unsigned most = 0, speaker = 0;

	assert(t && orgs_needed > 0 && ret_members && ret_speaker);
	for (unsigned i = 0; i < t->count; i++) {
		uint32_t mask = t->answer[i].kind == TALLY_NONE ? 0 : voices(t, i);
		unsigned orgs = (unsigned)__builtin_popcount(mask);

		if (t->answer[i].kind == TALLY_ENDORSED && orgs >= orgs_needed) {
			*ret_members = lowest(mask, orgs_needed);
			return TALLY_AGREED;
		}
		if (t->answer[i].kind == TALLY_REFUSED && orgs > most) {
			most = orgs;
			speaker = i;
		}
	}
	if (most == 0 || (most < orgs_needed && orgs_left(t) >= orgs_needed))
		return TALLY_OPEN;
	*ret_speaker = speaker;
	return TALLY_REJECTED;
}

bool tally_differs(const struct tally *t, unsigned member, unsigned *ret_other)
{
	const struct tally_answer *a;

	assert(t && member < t->count && ret_other);
	a = &t->answer[member];
	for (unsigned i = 0; i < t->count && a->kind == TALLY_ENDORSED; i++) {
		const struct tally_answer *b = &t->answer[i];

		if (b->kind == TALLY_ENDORSED && b->height == a->height &&
		    !hash_equal(&a->rwset, &b->rwset)) {
			*ret_other = i;
			return true;
		}
	}
	return false;
}
