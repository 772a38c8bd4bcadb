/* SPDX-License-Identifier: Apache-2.0 */
/* tree_grants.c - patients/<patient>/GRANTS/<name>@<organization>: what somebody may do there. */
#include "fs/tree_private.h"

#include "acl/rowread.h"
#include "acl/x509.h"
#include "fs/grants.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct place tree_grants_place(const struct patient_id *p)
{
	struct place place = place_simple(PLACE_GRANTS, 0);

	place.patient = *p;
	return place;
}

struct place tree_grant_place(const struct patient_id *p, const struct identity_id *who)
{
	struct place place = place_simple(PLACE_GRANT, 0);

	place.patient = *p;
	memcpy(place.node.b, who->b, sizeof place.node.b);
	return place;
}

int tree_grant_text(struct tree_look *l, const struct place *p, struct buf *out)
{
	struct identity_id who;
	struct grants g;
	int err;

	memcpy(who.b, p->node.b, sizeof who.b);
	err = grants_of(l->txn, &p->patient, &who, &g);
	return err ? err : grants_format(&g, out);
}

/* Its time is that of the newest of its rows. */
static uint64_t changed_ms(struct tree_look *l, const struct place *p)
{
	struct version version, newest = {0, 0};
	struct identity_id who;
	struct view value;

	memcpy(who.b, p->node.b, sizeof who.b);
	for (unsigned i = 0; i <= SECTION_COUNT; i++) {
		struct statekey key = statekey_grant(&p->patient, (uint8_t)i, &who);

		if (state_get(l->txn, statekey_view(&key), &value, &version) == 0 &&
		    version.height > newest.height)
			newest = version;
	}
	return tree_block_time(l, newest.height);
}

/* Of somebody without a grant it is an empty file: one that is being made has attributes before it is
 * granted. */
int tree_grant_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr)
{
	struct chart_attr attr = {.place = *p, .mode = S_IFREG | 0600, .nlink = 1};
	struct buf text;
	int err;

	buf_init(&text, 0);
	err = tree_grant_text(l, p, &text);
	if (err == CF_ENOTFOUND)
		err = 0;
	if (!err) {
		attr.size = text.len;
		attr.atime_ns = attr.mtime_ns = attr.ctime_ns = changed_ms(l, p) * 1000000;
		*ret_attr = attr;
	}
	buf_release(&text);
	return err;
}

int tree_grant_of_name(const struct place *dir, const char *name, struct place *ret_p)
{
	const char *at = strchr(name, '@');
	char who[CERT_NAME_MAX + 1];
	struct identity_id id;

	if (!at || (size_t)(at - name) >= sizeof who)
		return CF_ENOTFOUND;
	snprintf(who, sizeof who, "%.*s", (int)(at - name), name);
	id = identity_id_of(at + 1, who);
	*ret_p = tree_grant_place(&dir->patient, &id);
	return 0;
}

int tree_grants_lookup(struct tree_look *l, const struct place *dir, const char *name,
		       struct chart_attr *ret_attr)
{
	struct place p;
	int err = tree_grant_of_name(dir, name, &p);

	if (!err)
		err = tree_grant_attr(l, &p, ret_attr);
	return !err && ret_attr->size == 0 ? CF_ENOTFOUND : err;
}

/* The cookie of a file is that of its person. A person is found by the first section granted. */
struct grants_walk {
	struct tree_look *look;
	const struct place *dir;
	uint64_t cookie;
	uint64_t next; /* the lowest cookie above it */
	struct identity_id who;
	bool found;
};

static int find_next(void *ctx, const struct identity_id *to, const struct grant_row *row)
{
	struct grants_walk *w = ctx;
	uint64_t cookie = tree_cookie(to->b);

	if (!row->verbs || cookie <= w->cookie || (w->found && cookie >= w->next))
		return 0;
	w->found = true;
	w->next = cookie;
	w->who = *to;
	return 0;
}

int tree_grants_list(struct tree_look *l, const struct place *dir, uint64_t cookie, tree_entry_fn on_entry,
		     void *ctx)
{
	struct grants_walk w = {.look = l, .dir = dir, .cookie = cookie};
	char name[2 * ROW_NAME_MAX + 2];
	int err = 0;

	for (;;) {
		struct chart_attr attr;
		struct place p;

		w.found = false;
		for (unsigned i = 0; i <= SECTION_COUNT && !err; i++)
			err = state_grants(l->txn, &dir->patient, i, find_next, &w);
		if (err || !w.found)
			return err;
		w.cookie = w.next;
		p = tree_grant_place(&dir->patient, &w.who);
		tree_person_name(l, &w.who, name, sizeof name);
		if (tree_entry_shown(tree_grant_attr(l, &p, &attr), "a grant") &&
		    !on_entry(ctx, name, &attr, w.cookie))
			return 0;
	}
}
