/* SPDX-License-Identifier: Apache-2.0 */
/* Directories, symbolic links, removals. */
#include "fs/chart_private.h"

#include "acl/rowread.h"
#include "ledger/mem.h"

#include <string.h>
#include <sys/stat.h>

#define SYMLINK_BYTES_MAX 4095

/* Where entries can be made: CF_EROFS in the past, CF_EPERM where nothing is made by hand. */
static int check_dir(const struct place *dir, const char *name)
{
	int err = name_check(name);

	if (err)
		return err;
	if (place_is_past(dir))
		return CF_EROFS;
	if (dir->kind != PLACE_NODE && dir->kind != PLACE_LOCAL && dir->kind != PLACE_PATIENTS)
		return CF_EPERM;
	if (!place_is_dir(dir))
		return CF_ENOTDIR;
	return name_is_reserved(name) ? err_set(CF_EPERM, "%s is a reserved name", name) : 0;
}

/* In whose name, and under whose custody, this identity admits. */
static int admit_as(struct tree_look *l, struct op_admit *op, struct identity_id ret_keys[2],
		    size_t *ret_count)
{
	struct identity_row me;
	struct org_row org;
	int err = state_identity(l->txn, tree_me(l->tree), &me);

	if (err)
		return err == CF_ENOTFOUND ? err_set(CF_EDENIED, "this identity is not registered") : err;
	ret_keys[0] = *tree_me(l->tree);
	*ret_count = 1;
	if (me.role == ROLE_PATIENT) {
		op->owner = *tree_me(l->tree);
		return 0;
	}
	if (!role_may_admit(me.role))
		return err_set(CF_EDENIED, "a %s admits no patients", role_name(me.role));
	err = state_org(l->txn, me.org, &org);
	if (err)
		return err;
	op->custodian = org.custodian;
	if (!identity_equal(&org.custodian, tree_me(l->tree)))
		ret_keys[(*ret_count)++] = org.custodian;
	return 0;
}

static int admit_ops(struct chart *c, const struct patient_id *p, const char *name, struct op_admit *op,
		     struct commit *m)
{
	struct node_id node = op_section_node(p, 0);
	struct identity_id recipients[2];
	struct section_keys keys;
	struct buf sealed, body;
	struct tree_look l;
	size_t count;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	buf_init(&sealed, 0);
	buf_init(&body, 0);
	err = admit_as(&l, op, recipients, &count);
	if (!err)
		err = keyring_wrap_admit(client_keyring(c->client), l.txn, p, recipients, count, &m->annex);
	if (!err)
		err = tree_name_keys_current(&l, p, 0, &keys);
	if (!err) {
		op->window = keys.window;
		err = content_seal_name(&keys, &node, view_str(name), &sealed);
		mem_wipe(&keys, sizeof keys);
	}
	op->sealed_name = buf_view(&sealed);
	if (!err)
		err = op_admit_encode(op, &body);
	if (!err)
		err = commit_add(m, OP_ADMIT, &body);
	buf_release(&sealed);
	buf_release(&body);
	tree_look_end(&l);
	return err;
}

/*
 * A new patient. Who may do what below is said by grants; the mode bits, which the kernel of another host
 * would hold against users it does not know, are the owner's for all.
 */
static int admit(struct chart *c, const char *name, const struct op_attrs *attrs, struct chart_attr *ret_attr)
{
	uint32_t rights = attrs->mode & 0700;
	struct op_admit op = {
		.mode = rights | rights >> 3 | rights >> 6, .uid = attrs->uid, .gid = attrs->gid};
	struct place dir = place_simple(PLACE_PATIENTS, 0), place;
	struct client_result result;
	struct patient_id p;
	struct node_id node;
	struct commit m;
	int err = tree_lookup(c->tree, &dir, name, ret_attr);

	if (err != CF_ENOTFOUND)
		return err ? err : CF_EEXIST;
	random_bytes(p.b, sizeof p.b);
	commit_init(&m, &p);
	err = admit_ops(c, &p, name, &op, &m);
	if (!err)
		err = commit_run(c, &m, &result);
	commit_release(&m);
	tree_forget_patients(c->tree);
	if (err) {
		keyring_forget(client_keyring(c->client), &p);
		return err;
	}
	node = op_section_node(&p, 0);
	place = place_node(&p, &node, NODE_DIR, 0, 0);
	return tree_getattr(c->tree, &place, ret_attr);
}

static int local_dir(struct chart *c, const struct place *dir, const char *name, const struct op_attrs *attrs,
		     const char *target, struct chart_attr *ret_attr)
{
	struct overlay_item model = {
		.kind = target ? OVERLAY_SYMLINK : OVERLAY_DIR, .scratch = true, .attrs = *attrs};
	struct overlay_item *item;
	struct name_token token;
	struct tree_look l;
	uint64_t cookie = 0;
	int err = 0;

	if (dir->kind == PLACE_NODE) {
		err = tree_look_begin(c->tree, 0, &l);
		if (err)
			return err;
		err = tree_may(&l, &dir->patient, dir->section, VERB_ADD);
		if (!err)
			err = tree_token(&l, dir, name, &token);
		tree_look_end(&l);
		if (err)
			return err;
		cookie = tree_cookie(token.b);
	}
	if (target) {
		model.target = mem_strdup(target);
		if (model.target == NULL)
			return CF_ENOMEM;
	}
	err = overlay_add(c->overlay, &model, dir, name, cookie, &item);
	if (err) {
		mem_free(model.target);
		return err;
	}
	err = chart_attr_of_item(c, item, ret_attr);
	overlay_put(c->overlay, item);
	return err;
}

/* The create operation of a directory, or of a symbolic link when target is given. */
static int make_ops(struct chart *c, const struct place *dir, const char *name, const struct op_attrs *attrs,
		    const char *target, struct commit *m)
{
	struct snapshot snap = {.attrs = *attrs, .size = target ? strlen(target) : 0};
	struct content content = {.unchanged = false};
	struct save_target to = {.dir = *dir, .type = target ? NODE_SYMLINK : NODE_DIR};
	struct section_keys keys;
	struct tree_look l;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	buf_init(&snap.plain, 0);
	buf_init(&content.row, 0);
	memcpy(to.name, name, strlen(name) + 1);
	err = tree_may(&l, &dir->patient, dir->section, VERB_ADD);
	if (!err && dir->section == 0)
		err = err_set(CF_EDENIED,
			      "beside the sections lies patient.json; everything else goes into a section");
	if (!err)
		err = target ? tree_keys_current(&l, &dir->patient, dir->section, &keys)
			     : tree_name_keys_current(&l, &dir->patient, dir->section, &keys);
	if (!err && target)
		err = keyring_wrap_trace(client_keyring(c->client), l.txn, &keys, &m->owed);
	if (!err && target)
		err = buf_append(&snap.plain, target, strlen(target));
	if (!err && target)
		err = content_make(c, &snap, true, &keys, NULL, m, &content);
	if (!err)
		err = chart_create_op(&l, &to, &keys, &snap, &content, m);
	mem_wipe(&keys, sizeof keys);
	buf_release(&content.row);
	buf_release_secret(&snap.plain);
	tree_look_end(&l);
	return err;
}

int chart_make(struct chart *c, const struct place *dir, const char *name, const struct op_attrs *attrs,
	       const char *target, struct chart_attr *ret_attr)
{
	struct overlay_item *item = overlay_find(c->overlay, dir, name);
	struct client_result result;
	struct commit m;
	int err;

	if (item) {
		/* a file renamed away whose name becomes something else: gone for good */
		err = item->kind == OVERLAY_HIDDEN ? chart_remove_hidden(c, item) : CF_EEXIST;
		overlay_put(c->overlay, item);
		if (err)
			return err;
	}
	if (dir->section == 0 && section_of_name(name))
		return CF_EEXIST;
	commit_init(&m, &dir->patient);
	err = make_ops(c, dir, name, attrs, target, &m);
	if (!err)
		err = commit_run(c, &m, &result);
	commit_release(&m);
	if (!err) {
		struct node_id id = op_new_node(&result.id, 0);
		struct place place =
			place_node(&dir->patient, &id, target ? NODE_SYMLINK : NODE_DIR, dir->section, 0);

		err = tree_getattr(c->tree, &place, ret_attr);
	}
	return err;
}

static struct op_attrs attrs_now(uint32_t mode, uint32_t uid, uint32_t gid)
{
	uint64_t now = tree_now_ms() * 1000000;

	return (struct op_attrs){
		.mode = mode & 07777, .uid = uid, .gid = gid, .atime_ns = now, .mtime_ns = now};
}

int chart_mkdir(struct chart *c, const struct place *dir, const char *name, uint32_t mode, uint32_t uid,
		uint32_t gid, struct chart_attr *ret_attr)
{
	struct op_attrs attrs = attrs_now(mode, uid, gid);
	int err = check_dir(dir, name);

	if (err)
		return err;
	if (dir->kind == PLACE_PATIENTS)
		return admit(c, name, &attrs, ret_attr);
	if (dir->kind == PLACE_LOCAL || name_is_scratch(name))
		return local_dir(c, dir, name, &attrs, NULL, ret_attr);
	return chart_make(c, dir, name, &attrs, NULL, ret_attr);
}

int chart_symlink(struct chart *c, const struct place *dir, const char *name, const char *target,
		  uint32_t uid, uint32_t gid, struct chart_attr *ret_attr)
{
	struct op_attrs attrs = attrs_now(0777, uid, gid);
	int err = check_dir(dir, name);

	if (!err && dir->kind == PLACE_PATIENTS)
		err = CF_EPERM;
	if (!err && (target[0] == 0 || strlen(target) > SYMLINK_BYTES_MAX))
		err = target[0] ? CF_ENAMETOOLONG : CF_ENOTFOUND;
	if (err)
		return err;
	if (dir->kind == PLACE_LOCAL || name_is_scratch(name))
		return local_dir(c, dir, name, &attrs, target, ret_attr);
	return chart_make(c, dir, name, &attrs, target, ret_attr);
}

int chart_readlink(struct chart *c, const struct place *p, struct buf *out)
{
	struct tree_file *f = NULL;
	struct overlay_item *item = NULL;
	int err = 0;

	if (p->kind == PLACE_LOCAL) {
		item = overlay_find_number(c->overlay, p->local);
		if (item && item->kind == OVERLAY_SYMLINK)
			err = buf_append(out, item->target, strlen(item->target));
		else
			err = item && item->kind == OVERLAY_ALIAS ? tree_file_fill(item->pinned) : CF_EINVAL;
		if (!err && item->kind == OVERLAY_ALIAS)
			err = buf_append_view(out, buf_view(&item->pinned->plain));
	} else if (p->kind != PLACE_NODE || p->type != NODE_SYMLINK) {
		err = CF_EINVAL;
	} else {
		err = tree_file_open(c->tree, p, &f);
		if (!err)
			err = buf_append_view(out, buf_view(&f->plain));
	}
	overlay_put(c->overlay, item);
	tree_file_release(f);
	return err;
}
