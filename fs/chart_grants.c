/* SPDX-License-Identifier: Apache-2.0 */
/* Files of GRANTS/: what is written to one is what its person may do from then on. */
#include "fs/chart_private.h"

#include "fs/grants.h"

#include <string.h>
#include <sys/stat.h>

/* Who may not grant is told when the file is opened, as far as that is known then. */
static int may_write(struct tree_look *l, const struct patient_id *p)
{
	int err = CF_EDENIED;

	for (unsigned i = 0; i <= SECTION_COUNT && err; i++)
		err = tree_may(l, p, i, VERB_GRANT);
	return err;
}

int chart_grants_open(struct chart *c, const struct place *p, bool writes, struct buf *ret_text)
{
	struct tree_look l;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	if (writes)
		err = may_write(&l, &p->patient);
	if (!err)
		err = tree_grant_text(&l, p, ret_text);
	tree_look_end(&l);
	return err == CF_ENOTFOUND && writes ? 0 : err;
}

int chart_grants_create(struct chart *c, const struct place *dir, const char *name,
			struct chart_attr *ret_attr)
{
	struct chart_attr attr = {.mode = S_IFREG | 0600, .nlink = 1};
	struct identity_row row;
	struct identity_id who;
	struct tree_look l;
	int err = tree_grant_of_name(dir, name, &attr.place);

	if (err)
		return err_set(CF_EINVAL, "%s: a grant is a file NAME@ORGANIZATION", name);
	err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	memcpy(who.b, attr.place.node.b, sizeof who.b);
	err = may_write(&l, &dir->patient);
	if (!err)
		err = state_identity(l.txn, &who, &row);
	if (err == CF_ENOTFOUND)
		err = err_set(CF_EINVAL, "nobody is registered as %s", name);
	tree_look_end(&l);
	if (!err)
		*ret_attr = attr;
	return err;
}

static uint32_t taken_away(const struct grants *have, const struct grants *want)
{
	uint32_t sections = 0;

	/* the patient's directory goes with the last section */
	for (unsigned i = 1; i <= SECTION_COUNT; i++) {
		if (have->section[i].verbs && !want->section[i].verbs)
			sections |= 1u << i;
	}
	return sections;
}

/* The sections that are to have the same as this one, and have not. */
static uint32_t to_grant(const struct grants *have, const struct grants *want, unsigned like)
{
	uint32_t sections = 0;

	for (unsigned i = like; i <= SECTION_COUNT; i++) {
		if (want->section[i].verbs == want->section[like].verbs &&
		    want->section[i].until_ms == want->section[like].until_ms &&
		    want->section[i].purpose == want->section[like].purpose && !grants_same(have, want, i))
			sections |= 1u << i;
	}
	return sections;
}

int chart_grants_write(struct chart *c, const struct place *p, struct view text)
{
	char name[2 * ROW_NAME_MAX + 2];
	struct grants have, want;
	struct identity_id who;
	struct tree_look l;
	uint32_t sections, done = 0;
	int err = grants_parse(text, &want);

	if (!err)
		err = tree_look_begin(c->tree, 0, &l);
	if (err)
		return err;
	memcpy(who.b, p->node.b, sizeof who.b);
	memset(&have, 0, sizeof have);
	err = grants_of(l.txn, &p->patient, &who, &have);
	if (err == CF_ENOTFOUND)
		err = 0;
	tree_person_name(&l, &who, name, sizeof name);
	tree_look_end(&l);
	sections = err ? 0 : taken_away(&have, &want);
	if (sections)
		err = chart_revoke(c, &p->patient, sections, name);
	for (unsigned i = 0; i <= SECTION_COUNT && !err; i++) {
		if (!want.section[i].verbs || (done & 1u << i) || grants_same(&have, &want, i))
			continue;
		sections = to_grant(&have, &want, i);
		done |= sections;
		err = chart_grant(c, &p->patient, sections, name, want.section[i].verbs,
				  want.section[i].until_ms, want.section[i].purpose);
	}
	return err;
}

int chart_grants_remove(struct chart *c, const struct place *dir, const char *name)
{
	struct chart_attr attr;
	int err = tree_lookup(c->tree, dir, name, &attr);

	return err ? err : chart_revoke(c, &dir->patient, SECTIONS_ALL, name);
}
