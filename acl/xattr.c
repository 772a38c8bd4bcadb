/* SPDX-License-Identifier: Apache-2.0 */
#include "acl/xattr.h"

#include "ledger/mem.h"

#include <string.h>

static int order(struct view a, struct view b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.data, b.data, n) : 0;

	return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

int xattr_walk(struct view list, int (*on_attr)(void *ctx, struct view name, struct view value), void *ctx)
{
	struct view before = VIEW_NONE;
	struct dec d;
	unsigned count;
	int err = 0;

	if (list.len == 0)
		return 0;
	dec_init(&d, list);
	count = dec_u16(&d);
	if (count == 0)
		dec_fail(&d, CF_EDECODE);
	for (unsigned i = 0; i < count && !d.err && !err; i++) {
		struct view name = dec_short(&d), value = dec_bytes(&d, XATTR_BYTES_MAX);

		if (name.len == 0 || memchr(name.data, 0, name.len) || (i && order(before, name) >= 0))
			dec_fail(&d, CF_EDECODE);
		before = name;
		if (!d.err)
			err = on_attr(ctx, name, value);
	}
	return err ? err : dec_done(&d);
}

static int look_at(void *ctx, struct view name, struct view value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return 0;
}

int xattr_check(struct view list)
{
	return xattr_walk(list, look_at, NULL);
}

struct search {
	struct view name;
	struct view value;
};

#define FOUND 1

static int match(void *ctx, struct view name, struct view value)
{
	struct search *s = ctx;

	if (!view_equal(s->name, name))
		return 0;
	s->value = value;
	return FOUND;
}

int xattr_get(struct view list, struct view name, struct view *ret_value)
{
	struct search s = {.name = name};
	int err = xattr_walk(list, match, &s);

	if (err != FOUND)
		return err ? err : CF_ENOTFOUND;
	*ret_value = s.value;
	return 0;
}

/* A list with one attribute set, or taken out. */
struct change {
	struct view name;
	struct view value;
	bool sets;
	bool placed; /* its turn has come */
	unsigned count;
	struct enc e;
};

static void put(struct change *c, struct view name, struct view value)
{
	enc_short(&c->e, name);
	enc_bytes(&c->e, value);
	c->count++;
}

static int copy(void *ctx, struct view name, struct view value)
{
	struct change *c = ctx;
	int at = order(c->name, name);

	if (at <= 0 && !c->placed) {
		if (c->sets)
			put(c, c->name, c->value);
		c->placed = true;
	}
	if (at != 0)
		put(c, name, value);
	return 0;
}

static int change(struct view list, struct change *c, struct buf *out)
{
	size_t start = out->len;
	int err;

	enc_init(&c->e, out);
	enc_u16(&c->e, 0);
	err = xattr_walk(list, copy, c);
	if (!err && c->sets && !c->placed)
		put(c, c->name, c->value);
	if (!err)
		err = enc_done(&c->e);
	if (!err && c->count == 0)
		out->len = start;
	if (!err && (out->len - start > XATTR_BYTES_MAX || c->count > UINT16_MAX))
		err = err_set(CF_EFULL, "more than %zu bytes of extended attributes", XATTR_BYTES_MAX);
	if (err) {
		out->len = start;
	} else if (c->count) {
		out->data[start] = (uint8_t)(c->count >> 8);
		out->data[start + 1] = (uint8_t)c->count;
	}
	return err;
}

int xattr_with(struct view list, struct view name, struct view value, struct buf *out)
{
	struct change c = {.name = name, .value = value, .sets = true};

	if (name.len == 0 || name.len > UINT8_MAX || memchr(name.data, 0, name.len))
		return err_set(CF_EINVAL, "a name of %zu bytes", name.len);
	return change(list, &c, out);
}

int xattr_without(struct view list, struct view name, struct buf *out)
{
	struct change c = {.name = name};
	struct view there;
	int err = xattr_get(list, name, &there);

	return err ? err : change(list, &c, out);
}
