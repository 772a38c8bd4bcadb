/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes, lookups, parents, access. */
#include "fs/tree_private.h"

#include "acl/apply.h"
#include "acl/rowread.h"
#include "fs/shadow.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories that stand for no node. */
static void attr_of_simple(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr)
{
	struct chart_attr attr = {.place = *p, .nlink = 2, .uid = geteuid(), .gid = getegid(), .size = 4096};
	uint64_t ms = l->time_ms;

	if (ms == 0) {
		struct chain_head head;

		chain_head(l->tree->chain, &head);
		ms = head.time_ms ? head.time_ms : l->tree->begun_ms;
	}
	attr.mode = S_IFDIR | (p->height == 0 && (p->kind == PLACE_ROOT || p->kind == PLACE_PATIENTS ||
						  p->kind == PLACE_PENDING || p->kind == PLACE_GRANTS)
				       ? 0755
				       : 0555);
	attr.atime_ns = attr.mtime_ns = attr.ctime_ns = ms * 1000000;
	*ret_attr = attr;
}

static uint32_t type_mode(enum node_type type)
{
	switch (type) {
	case NODE_DIR:
		return S_IFDIR;
	case NODE_SYMLINK:
		return S_IFLNK;
	case NODE_RECORD:
	case NODE_ATTACHMENT:
		break;
	}
	return S_IFREG;
}

/* A directory's times change with its entries, which derived rows tell; what utimensat set later stands. */
static void dir_live(struct tree_look *l, const struct place *p, const struct node_row *row,
		     struct chart_attr *attr)
{
	struct derived_dir d;

	attr->nlink = 2;
	attr->size = 4096;
	if (p->section == 0)
		attr->nlink += SECTION_COUNT;
	if (derived_dir(l->txn, &p->patient, &p->node, &d))
		return;
	attr->nlink += (uint32_t)d.subdirs;
	if (d.mtime_ns > row->ctime_ns)
		attr->mtime_ns = attr->ctime_ns = d.mtime_ns;
}

void tree_attr_of_node(struct tree_look *l, const struct place *p, const struct node_row *row,
		       struct chart_attr *ret_attr)
{
	struct chart_attr attr = {
		.place = *p,
		.mode = type_mode(row->type) | (row->mode & 07777),
		.nlink = 1,
		.uid = row->uid,
		.gid = row->gid,
		.size = row->size,
		.atime_ns = row->atime_ns,
		.mtime_ns = row->mtime_ns,
		.ctime_ns = row->ctime_ns,
		.version = row->content,
	};

	if (row->type == NODE_DIR)
		dir_live(l, p, row, &attr);
	if (p->height) {
		attr.mode &= ~0222u;
		attr.nlink = row->type == NODE_DIR ? 2 : 1;
		if (row->type == NODE_DIR || p->local == TREE_VERSION_VIEW)
			attr.atime_ns = attr.mtime_ns = attr.ctime_ns =
				tree_block_time(l, p->height) * 1000000;
	}
	*ret_attr = attr;
}

static int attr_of_node(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr)
{
	struct node_row row;
	struct version version;
	int err;

	if (p->local == TREE_DELETED_VIEW) {
		row = (struct node_row){
			.type = NODE_RECORD, .mode = 0444, .uid = geteuid(), .gid = getegid()};
		tree_attr_of_node(l, p, &row, ret_attr);
		ret_attr->atime_ns = ret_attr->mtime_ns = ret_attr->ctime_ns =
			tree_block_time(l, p->height) * 1000000;
		return 0;
	}
	err = tree_node(l, &p->patient, &p->node, &row, &version);
	if (!err)
		tree_attr_of_node(l, p, &row, ret_attr);
	return err;
}

int tree_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr)
{
	switch ((enum place_kind)p->kind) {
	case PLACE_NODE:
		return attr_of_node(l, p, ret_attr);
	case PLACE_PERSON:
		return tree_person_attr(l, p, ret_attr);
	case PLACE_ACCESS_FILE:
		return tree_trail_attr(l, p, ret_attr);
	case PLACE_ROOT:
	case PLACE_PATIENTS:
	case PLACE_PEOPLE:
	case PLACE_AT:
	case PLACE_HISTORY:
	case PLACE_VERSIONS:
	case PLACE_SNAPSHOTS:
	case PLACE_CONTROL:
	case PLACE_PENDING:
	case PLACE_GRANTS:
	case PLACE_ACCESS:
		attr_of_simple(l, p, ret_attr);
		return 0;
	case PLACE_WAITING:
		return tree_waiting_attr(l, p, ret_attr);
	case PLACE_GRANT:
		return tree_grant_attr(l, p, ret_attr);
	case PLACE_LOCAL:
	case PLACE_CONTROL_FILE:
	case PLACE_PROOF:
		break;
	}
	return CF_ENOTFOUND;
}

static int lookup_root(const struct place *dir, const char *name, struct place *ret_p)
{
	if (strcmp(name, "patients") == 0)
		*ret_p = place_simple(PLACE_PATIENTS, dir->height);
	else if (strcmp(name, "people") == 0)
		*ret_p = place_simple(PLACE_PEOPLE, dir->height);
	else if (strcmp(name, "at") == 0 && dir->height == 0)
		*ret_p = place_simple(PLACE_AT, 0);
	else if (strcmp(name, ".chartfs") == 0 && dir->height == 0)
		*ret_p = place_simple(PLACE_CONTROL, 0);
	else
		return CF_ENOTFOUND;
	return 0;
}

static int lookup_at(struct tree_look *l, const char *name, struct place *ret_p)
{
	struct chain_head head;
	uint64_t height, time_ms;
	bool latest;
	int err = name_parse_at(name, &latest, &height, &time_ms);

	if (err)
		return CF_ENOTFOUND;
	chain_head(l->tree->chain, &head);
	if (latest)
		height = head.height;
	else if (height == 0)
		err = tree_look_height_at(l, time_ms, &height);
	if (!err && (height == 0 || height > head.height))
		err = CF_ENOTFOUND;
	if (!err)
		*ret_p = place_root(height);
	return err;
}

/* One token, one row: no directory is ever scanned for a name. */
static int lookup_entry(struct tree_look *l, const struct place *dir, const char *name, struct place *ret_p)
{
	struct entry_row entry;
	struct name_token token;
	struct version version;
	struct buf hold;
	int err = tree_may(l, &dir->patient, dir->section, VERB_READ);

	if (!err)
		err = tree_token(l, dir, name, &token);
	if (err)
		return err;
	buf_init(&hold, 0);
	err = tree_entry(l, &dir->patient, &dir->node, &token, &hold, &entry, &version);
	if (!err) {
		tree_names_put(l->tree->names, &token, version, name);
		*ret_p = place_node(&dir->patient, &entry.node, entry.type, dir->section, dir->height);
	}
	buf_release(&hold);
	return err;
}

static bool is_patient_dir(const struct place *p)
{
	return p->section == 0 && memcmp(p->node.b, p->patient.b, NODE_BYTES) == 0;
}

static int lookup_node(struct tree_look *l, const struct place *dir, const char *name, struct place *ret_p)
{
	unsigned section = is_patient_dir(dir) ? section_of_name(name) : 0;

	if (dir->type != NODE_DIR)
		return CF_ENOTDIR;
	if (strcmp(name, ".history") == 0 && node_is_zero(&dir->via)) {
		int err = tree_may(l, &dir->patient, dir->section, VERB_READ);

		*ret_p = *dir;
		ret_p->kind = PLACE_HISTORY;
		ret_p->type = 0;
		return err;
	}
	if (name_is_reserved(name))
		return CF_ENOTFOUND;
	if (is_patient_dir(dir) && dir->height == 0 && strcmp(name, "pending") == 0) {
		*ret_p = tree_pending_place(&dir->patient);
		return 0;
	}
	if (is_patient_dir(dir) && dir->height == 0 && strcmp(name, "GRANTS") == 0) {
		*ret_p = tree_grants_place(&dir->patient);
		return 0;
	}
	if (section) {
		*ret_p = tree_dir_place(&dir->patient, section, dir->height);
		return 0;
	}
	if (is_patient_dir(dir) && dir->height == 0 && strcmp(name, TRAIL_DIR_NAME) == 0) {
		*ret_p = tree_trail_place(&dir->patient);
		return tree_trail_may(l, &dir->patient);
	}
	return lookup_entry(l, dir, name, ret_p);
}

static int any_row(void *ctx, const struct history_row *row)
{
	(void)ctx;
	(void)row;
	return CF_EEXIST;
}

/* Also names that are no longer there have their history. */
static int lookup_history(struct tree_look *l, const struct place *dir, const char *name, struct place *ret_p)
{
	struct name_token token;
	struct statekey key;
	int err = tree_may(l, &dir->patient, dir->section, VERB_READ);

	if (!err)
		err = tree_token(l, dir, name, &token);
	if (err)
		return err;
	key = statekey_entry(&dir->patient, &dir->node, &token);
	err = history_walk(l->txn, statekey_view(&key), any_row, NULL);
	if (err != CF_EEXIST)
		return err ? err : CF_ENOTFOUND;
	*ret_p = *dir;
	ret_p->kind = PLACE_VERSIONS;
	ret_p->token = token;
	return 0;
}

int tree_is_past(struct tree_look *l, const struct place *dir)
{
	bool past = dir->kind == PLACE_HISTORY || dir->kind == PLACE_VERSIONS || dir->kind == PLACE_ACCESS;

	return past ? tree_past_check(l, 0) : 0;
}

static int lookup_in(struct tree_look *l, const struct place *dir, const char *name,
		     struct chart_attr *ret_attr)
{
	struct patient_id patient;
	struct place p;
	int err;

	if (strcmp(name, SHADOW_DIR_NAME) == 0) {
		err = tree_snapshots_enter(l, dir, &p);
		return err ? err : tree_attr(l, &p, ret_attr);
	}
	err = tree_is_past(l, dir);
	if (err)
		return err;
	switch ((enum place_kind)dir->kind) {
	case PLACE_ROOT:
		err = lookup_root(dir, name, &p);
		break;
	case PLACE_AT:
		err = lookup_at(l, name, &p);
		break;
	case PLACE_PATIENTS:
		err = tree_patient_lookup(l, name, &patient);
		if (!err)
			p = tree_dir_place(&patient, 0, dir->height);
		break;
	case PLACE_NODE:
		err = lookup_node(l, dir, name, &p);
		break;
	case PLACE_HISTORY:
		err = lookup_history(l, dir, name, &p);
		break;
	case PLACE_PEOPLE:
		return tree_people_lookup(l, name, ret_attr);
	case PLACE_VERSIONS:
		return tree_versions_lookup(l, dir, name, ret_attr);
	case PLACE_SNAPSHOTS:
		return tree_snapshots_lookup(l, dir, name, ret_attr);
	case PLACE_PENDING:
		return tree_waiting_lookup(l, dir, name, ret_attr);
	case PLACE_GRANTS:
		return tree_grants_lookup(l, dir, name, ret_attr);
	case PLACE_ACCESS:
		return tree_trail_lookup(l, dir, name, ret_attr);
	default:
		err = place_is_dir(dir) ? CF_ENOTFOUND : CF_ENOTDIR;
	}
	if (!err)
		err = tree_is_past(l, &p);
	return err ? err : tree_attr(l, &p, ret_attr);
}

int tree_lookup(struct tree *t, const struct place *dir, const char *name, struct chart_attr *ret_attr)
{
	struct tree_look l;
	int err = name_check(name);

	if (!err)
		err = tree_look_begin(t, dir->height, &l);
	if (err)
		return err;
	err = lookup_in(&l, dir, name, ret_attr);
	if (!err && dir->height)
		ret_attr->place.via = dir->via;
	tree_look_end(&l);
	return err;
}

int tree_getattr(struct tree *t, const struct place *p, struct chart_attr *ret_attr)
{
	struct tree_look l;
	int err = tree_look_begin(t, p->height, &l);

	if (err)
		return err;
	err = tree_attr(&l, p, ret_attr);
	tree_look_end(&l);
	return err;
}

static int parent_of_node(struct tree *t, const struct place *p, struct place *ret_parent)
{
	struct node_row row, above;
	struct version version;
	struct tree_look l;
	int err;

	if (is_patient_dir(p)) {
		*ret_parent = place_simple(PLACE_PATIENTS, p->height);
		return 0;
	}
	err = tree_look_begin(t, p->height, &l);
	if (err)
		return err;
	err = tree_node(&l, &p->patient, &p->node, &row, &version);
	if (!err)
		err = tree_node(&l, &p->patient, &row.parent, &above, &version);
	if (!err)
		*ret_parent = place_node(&p->patient, &row.parent, NODE_DIR, above.section, p->height);
	tree_look_end(&l);
	return err;
}

static int parent_of(struct tree *t, const struct place *p, struct place *ret_parent)
{
	switch ((enum place_kind)p->kind) {
	case PLACE_NODE:
		return parent_of_node(t, p, ret_parent);
	case PLACE_ROOT:
		*ret_parent = p->height ? place_simple(PLACE_AT, 0) : *p;
		return 0;
	case PLACE_PERSON:
		*ret_parent = place_simple(PLACE_PEOPLE, p->height);
		return 0;
	case PLACE_HISTORY:
		*ret_parent = place_node(&p->patient, &p->node, NODE_DIR, p->section, p->height);
		return 0;
	case PLACE_VERSIONS:
		*ret_parent = *p;
		ret_parent->kind = PLACE_HISTORY;
		memset(&ret_parent->token, 0, sizeof ret_parent->token);
		return 0;
	case PLACE_SNAPSHOTS:
		*ret_parent = *p;
		ret_parent->kind = (uint8_t)p->local;
		ret_parent->local = 0;
		return 0;
	case PLACE_CONTROL_FILE:
		*ret_parent = place_simple(PLACE_CONTROL, 0);
		return 0;
	case PLACE_PENDING:
	case PLACE_GRANTS:
	case PLACE_ACCESS:
		*ret_parent = tree_dir_place(&p->patient, 0, 0);
		return 0;
	case PLACE_WAITING:
		*ret_parent = tree_pending_place(&p->patient);
		return 0;
	case PLACE_GRANT:
		*ret_parent = tree_grants_place(&p->patient);
		return 0;
	case PLACE_ACCESS_FILE:
		*ret_parent = tree_trail_place(&p->patient);
		return 0;
	case PLACE_PATIENTS:
	case PLACE_PEOPLE:
	case PLACE_AT:
	case PLACE_CONTROL:
		*ret_parent = place_root(p->height);
		return 0;
	case PLACE_LOCAL:
	case PLACE_PROOF:
		break;
	}
	return CF_ENOTFOUND;
}

int tree_parent(struct tree *t, const struct place *p, struct place *ret_parent)
{
	int err;

	if (tree_snapshots_parent(p, ret_parent))
		return 0;
	err = parent_of(t, p, ret_parent);
	if (!err && p->height)
		ret_parent->via = p->via;
	return err;
}

static int access_node(struct tree_look *l, const struct place *p, int mask)
{
	unsigned verbs = 0;

	/* who may not read a section may not walk into it either */
	if ((mask & (R_OK | X_OK)) && p->kind == PLACE_NODE && (p->type == NODE_DIR || (mask & R_OK)))
		verbs |= VERB_READ;
	if (mask & W_OK)
		verbs |= p->type == NODE_DIR ? VERB_ADD : VERB_MODIFY;
	return verbs ? tree_may(l, &p->patient, p->section, verbs) : 0;
}

int tree_access(struct tree *t, const struct place *p, int mask)
{
	struct tree_look l;
	int err;

	if ((mask & W_OK) && place_is_past(p))
		return CF_EROFS;
	if ((mask & W_OK) && p->kind != PLACE_NODE && p->kind != PLACE_PATIENTS)
		return CF_EDENIED;
	if (p->kind != PLACE_NODE)
		return 0;
	err = tree_look_begin(t, p->height, &l);
	if (err)
		return err;
	err = access_node(&l, p, mask);
	tree_look_end(&l);
	return err;
}
