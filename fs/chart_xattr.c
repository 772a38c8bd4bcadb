/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes. A file that is new, or takes another's place, has them staged and saves them with its
 * content; any other change is a transaction that says which list it was made from, so that no mount's change
 * undoes another's.
 */
#include "fs/chart_private.h"

#include "acl/xattr.h"
#include "ledger/mem.h"

#include <string.h>
#include <time.h>

#define AGAIN_NS 20000000 /* until the block that another mount's change is in has come */

/* One change of a list. */
struct change {
	struct view name;
	struct view value;
	bool removes;
	unsigned flags;
};

static int apply(const struct change *x, struct view list, struct buf *out)
{
	struct view there;
	int err = xattr_get(list, x->name, &there);

	if (x->removes)
		return err ? err : xattr_without(list, x->name, out);
	if (err && err != CF_ENOTFOUND)
		return err;
	if (!err && (x->flags & CHART_XATTR_CREATE))
		return CF_EEXIST;
	if (err && (x->flags & CHART_XATTR_REPLACE))
		return CF_ENOTFOUND;
	return xattr_with(list, x->name, x->value, out);
}

static int seal(const struct section_keys *keys, uint16_t index, struct view list, struct commit *m,
		struct buf *ret_row)
{
	struct xattr_row row = {.epoch = keys->epoch, .window = keys->window, .secret_index = index};
	uint8_t secret[CONTENT_SECRET_BYTES];
	struct buf sealed;
	int err;

	random_bytes(secret, sizeof secret);
	buf_init(&sealed, 0);
	err = content_seal(keys, secret, list, &sealed);
	row.sealed = buf_view(&sealed);
	if (!err)
		err = xattr_row_encode(&row, ret_row);
	if (!err)
		err = commit_add_secret(m, index, secret);
	buf_release(&sealed);
	mem_wipe(secret, sizeof secret);
	return err;
}

int chart_xattr_op(const struct section_keys *keys, const struct place *node, struct version base,
		   struct view list, struct commit *m)
{
	struct op_xattr op = {.base = base};
	struct buf row, body;
	int err = 0;

	buf_init(&row, 0);
	buf_init(&body, 0);
	if (node)
		op.node = node->node;
	if (list.len)
		err = seal(keys, m->count, list, m, &row);
	op.row = buf_view(&row);
	if (!err)
		err = op_xattr_encode(&op, &body);
	if (!err)
		err = commit_add(m, OP_XATTR, &body);
	if (!err && node)
		commit_writes_node(m, &node->node);
	buf_release(&row);
	buf_release(&body);
	return err;
}

static int committed(struct chart *c, const struct place *p, struct buf *out, struct version *ret_version)
{
	struct tree_look l;
	int err = tree_look_begin(c->tree, p->height, &l);

	if (err)
		return err;
	err = tree_xattrs(&l, p, out, ret_version);
	tree_look_end(&l);
	return err;
}

int chart_xattr_add(struct chart *c, const struct section_keys *keys, const struct place *node,
		    struct view list, struct commit *m)
{
	struct version version;
	struct buf now;
	int err;

	buf_init(&now, 0);
	err = committed(c, node, &now, &version);
	if (!err && !view_equal(buf_view(&now), list))
		err = chart_xattr_op(keys, node, version, list, m);
	buf_release_secret(&now);
	return err;
}

static int commit_list(struct chart *c, const struct place *node, struct version base, struct view list)
{
	struct client_result result;
	struct section_keys keys;
	struct tree_look l;
	struct commit m;
	int err = tree_look_begin(c->tree, 0, &l);

	if (err)
		return err;
	commit_init(&m, &node->patient);
	err = tree_keys_current(&l, &node->patient, node->section, &keys);
	if (!err && list.len)
		err = keyring_wrap_trace(client_keyring(c->client), l.txn, &keys, &m.owed);
	tree_look_end(&l);
	if (!err)
		err = chart_xattr_op(&keys, node, base, list, &m);
	if (!err)
		err = commit_run(c, &m, &result);
	commit_release(&m);
	mem_wipe(&keys, sizeof keys);
	return err;
}

/* x NULL: list is what there is to be. */
static int change_committed(struct chart *c, const struct place *node, const struct change *x,
			    struct view list)
{
	const struct timespec pause = {0, AGAIN_NS};
	int err = CF_ECONFLICT;

	for (int tries = 0; tries < COMMIT_TRIES && err == CF_ECONFLICT; tries++) {
		struct version version;
		struct buf now, then;

		if (tries)
			nanosleep(&pause, NULL);
		buf_init(&now, 0);
		buf_init(&then, 0);
		err = committed(c, node, &now, &version);
		if (!err)
			err = x ? apply(x, buf_view(&now), &then) : buf_append_view(&then, list);
		if (!err && !view_equal(buf_view(&now), buf_view(&then)))
			err = commit_list(c, node, version, buf_view(&then));
		buf_release_secret(&now);
		buf_release_secret(&then);
	}
	return err;
}

int chart_xattr_replace(struct chart *c, const struct place *node, struct view list)
{
	return change_committed(c, node, NULL, list);
}

int chart_xattr_carry(struct chart *c, const struct place *node, struct stage *s)
{
	struct version version;

	s->has_xattrs = true;
	return committed(c, node, &s->xattrs, &version);
}

/* With the stage's lock. */
static int change_staged(struct stage *s, const struct change *x)
{
	struct buf then;
	int err;

	buf_init(&then, 0);
	err = apply(x, buf_view(&s->xattrs), &then);
	if (err) {
		buf_release_secret(&then);
		return err;
	}
	buf_release_secret(&s->xattrs);
	s->xattrs = then;
	s->has_xattrs = true;
	s->seq++;
	s->ctime_ns = tree_now_ms() * 1000000;
	return 0;
}

/* What has the attributes: a stage, locked, or a node. */
struct holder {
	struct place node;
	struct stage *s;           /* NULL: the node; a reference */
	struct overlay_item *item; /* a reference */
};

static int find_local(struct chart *c, const struct place *p, struct holder *h)
{
	struct place was;

	h->item = chart_settle_found(c, overlay_find_number(c->overlay, p->local), &was);
	if (overlay_became(c->overlay, p->local, &h->node))
		return 0;
	if (h->item == NULL)
		return CF_ENOTFOUND;
	if (h->item->kind == OVERLAY_ALIAS) {
		h->node = h->item->node;
		return 0;
	}
	if (h->item->kind != OVERLAY_FILE)
		return err_set(CF_EUNSUPPORTED, "%s is of this mount only", h->item->name);
	pthread_mutex_lock(&h->item->stage->lock);
	h->node = h->item->stage->place;
	if (h->node.kind == PLACE_LOCAL)
		h->s = stage_ref(h->item->stage);
	else
		pthread_mutex_unlock(&h->item->stage->lock); /* saved just now */
	return 0;
}

static int find(struct chart *c, const struct place *p, struct holder *h)
{
	int err = 0;

	*h = (struct holder){.node = *p};
	if (p->kind == PLACE_LOCAL)
		err = find_local(c, p, h);
	if (err || h->s || h->node.kind != PLACE_NODE || h->node.height)
		return err;
	h->s = chart_stage_find(c, &h->node);
	if (h->s == NULL)
		return 0;
	pthread_mutex_lock(&h->s->lock);
	if (!h->s->staged || !h->s->has_xattrs) {
		pthread_mutex_unlock(&h->s->lock);
		stage_unref(h->s);
		h->s = NULL;
	}
	return 0;
}

static void done(struct chart *c, struct holder *h)
{
	if (h->s)
		pthread_mutex_unlock(&h->s->lock);
	stage_unref(h->s);
	overlay_put(c->overlay, h->item);
}

static int change(struct chart *c, const struct place *p, const struct change *x)
{
	struct holder h;
	int err;

	if (place_is_past(p))
		return CF_EROFS;
	err = find(c, p, &h);
	/* what is written to under a scratch name is a file of its own */
	if (!err && h.item && h.item->kind == OVERLAY_ALIAS && h.item->linked) {
		err = chart_alias_to_file(c, h.item);
		if (!err) {
			done(c, &h);
			err = find(c, p, &h);
		}
	}
	if (!err && h.s)
		err = change_staged(h.s, x);
	else if (!err)
		err = h.node.kind == PLACE_NODE ? change_committed(c, &h.node, x, VIEW_NONE) : CF_EPERM;
	done(c, &h);
	return err;
}

int chart_xattr_set(struct chart *c, const struct place *p, const char *name, struct view value,
		    unsigned flags)
{
	struct change x = {.name = view_str(name), .value = value, .flags = flags};

	return change(c, p, &x);
}

int chart_xattr_remove(struct chart *c, const struct place *p, const char *name)
{
	struct change x = {.name = view_str(name), .removes = true};

	return change(c, p, &x);
}

/* The list as it is to be seen. */
static int shown(struct chart *c, const struct place *p, struct buf *out)
{
	struct version version;
	struct holder h;
	int err = find(c, p, &h);

	if (!err && h.s)
		err = buf_append_view(out, buf_view(&h.s->xattrs));
	else if (!err && h.node.kind == PLACE_NODE)
		err = committed(c, &h.node, out, &version);
	done(c, &h);
	return err;
}

int chart_xattr_get(struct chart *c, const struct place *p, const char *name, struct buf *out)
{
	struct view value;
	struct buf list;
	int err;

	buf_init(&list, 0);
	err = shown(c, p, &list);
	if (!err)
		err = xattr_get(buf_view(&list), view_str(name), &value);
	if (!err)
		err = buf_append_view(out, value);
	buf_release_secret(&list);
	return err;
}

static int put_name(void *ctx, struct view name, struct view value)
{
	struct buf *out = ctx;
	int err = buf_append_view(out, name);

	(void)value;
	return err ? err : buf_append(out, "", 1);
}

int chart_xattr_list(struct chart *c, const struct place *p, struct buf *out)
{
	struct buf list;
	int err;

	buf_init(&list, 0);
	err = shown(c, p, &list);
	if (!err)
		err = xattr_walk(buf_view(&list), put_name, out);
	buf_release_secret(&list);
	return err == CF_EUNSUPPORTED ? 0 : err;
}
