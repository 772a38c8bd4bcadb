/* SPDX-License-Identifier: Apache-2.0 */
/* people/<name>@<organization>.json: who is registered, with role, status and certificate. */
#include "fs/tree_private.h"

#include "acl/x509.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int identity_of(struct tree_look *l, const struct identity_id *id, struct buf *hold,
		       struct identity_row *ret_row, struct version *ret_version)
{
	struct statekey key = statekey_identity(id);
	struct view value;
	int err = tree_row(l, &key, hold, &value, ret_version);

	if (!err)
		err = identity_row_decode(value, ret_row);
	return err == CF_EDECODE ? err_set(CF_ECORRUPT, "an identity's row does not decode") : err;
}

static void org_name(struct tree_look *l, uint16_t number, char ret_name[ROW_NAME_MAX + 1])
{
	struct statekey key = statekey_org(number);
	struct version version;
	struct org_row org;
	struct view value;
	struct buf hold;

	buf_init(&hold, 0);
	if (tree_row(l, &key, &hold, &value, &version) == 0 && org_row_decode(value, &org) == 0)
		strcpy(ret_name, org.name);
	else
		strcpy(ret_name, "?");
	buf_release(&hold);
}

void tree_person_name(struct tree_look *l, const struct identity_id *id, char *ret_name, size_t bytes)
{
	char org[ROW_NAME_MAX + 1];
	struct identity_row row;
	struct version version;
	struct buf hold;

	buf_init(&hold, 0);
	if (identity_of(l, id, &hold, &row, &version)) {
		snprintf(ret_name, bytes, "?");
	} else {
		org_name(l, row.org, org);
		snprintf(ret_name, bytes, "%s@%s", row.name, org);
	}
	buf_release(&hold);
}

static int text_quoted(const char *s, struct buf *out)
{
	int err = buf_append(out, "\"", 1);

	for (; *s && !err; s++) {
		if (*s == '"' || *s == '\\')
			err = buf_printf(out, "\\%c", *s);
		else if (*s == '\n')
			err = buf_printf(out, "\\n");
		else if ((unsigned char)*s < 0x20)
			err = buf_printf(out, "\\u%04x", (unsigned char)*s);
		else
			err = buf_append(out, s, 1);
	}
	return err ? err : buf_append(out, "\"", 1);
}

static int text_field(const char *name, const char *value, struct buf *out)
{
	int err = buf_printf(out, "  \"%s\": ", name);

	if (!err)
		err = text_quoted(value, out);
	return err ? err : buf_printf(out, ",\n");
}

static const char *status_name(uint8_t status)
{
	return status == IDENTITY_ACTIVE ? "active" : status == IDENTITY_REVOKED ? "revoked" : "suspended";
}

int tree_person_text(struct tree_look *l, const struct place *p, struct buf *out)
{
	struct identity_row row;
	struct identity_id id;
	struct version version;
	char org[ROW_NAME_MAX + 1];
	struct buf hold, pem;
	int err;

	memcpy(id.b, p->node.b, sizeof id.b);
	buf_init(&hold, 0);
	buf_init(&pem, 0);
	err = identity_of(l, &id, &hold, &row, &version);
	if (!err)
		err = cert_pem_text(&row.cert, 1, &pem);
	if (!err)
		err = buf_append(&pem, "", 1);
	if (!err) {
		org_name(l, row.org, org);
		err = buf_printf(out, "{\n");
	}
	if (!err)
		err = text_field("name", row.name, out);
	if (!err)
		err = text_field("organization", org, out);
	if (!err)
		err = text_field("role", role_name(row.role), out);
	if (!err)
		err = text_field("status", status_name(row.status), out);
	if (!err)
		err = buf_printf(out,
				 "  \"not_before_ms\": %llu,\n  \"not_after_ms\": %llu,\n  \"certificate\": ",
				 (unsigned long long)row.not_before_ms, (unsigned long long)row.not_after_ms);
	if (!err)
		err = text_quoted((const char *)pem.data, out);
	if (!err)
		err = buf_printf(out, "\n}\n");
	buf_release(&hold);
	buf_release(&pem);
	return err;
}

int tree_person_attr(struct tree_look *l, const struct place *p, struct chart_attr *ret_attr)
{
	struct chart_attr attr = {
		.place = *p, .mode = S_IFREG | 0444, .nlink = 1, .uid = geteuid(), .gid = getegid()};
	struct identity_row row;
	struct identity_id id;
	struct buf hold, text;
	int err;

	memcpy(id.b, p->node.b, sizeof id.b);
	buf_init(&hold, 0);
	buf_init(&text, 0);
	err = identity_of(l, &id, &hold, &row, &attr.version);
	if (!err)
		err = tree_person_text(l, p, &text);
	if (!err) {
		uint64_t ms = tree_block_time(l, attr.version.height);

		attr.size = text.len;
		attr.atime_ns = attr.mtime_ns = attr.ctime_ns = (ms ? ms : row.not_before_ms) * 1000000;
		*ret_attr = attr;
	}
	buf_release(&hold);
	buf_release(&text);
	return err;
}

static struct place person_place(const struct identity_id *id, uint64_t height)
{
	struct place p = place_simple(PLACE_PERSON, height);

	memcpy(p.node.b, id->b, sizeof p.node.b);
	return p;
}

int tree_people_lookup(struct tree_look *l, const char *name, struct chart_attr *ret_attr)
{
	char who[NAME_BYTES_MAX + 1], *at, *dot;
	struct identity_id id;
	struct place place;

	snprintf(who, sizeof who, "%s", name);
	at = strchr(who, '@');
	dot = strrchr(who, '.');
	if (at == NULL || dot == NULL || dot < at || strcmp(dot, ".json") != 0)
		return CF_ENOTFOUND;
	*at = 0;
	*dot = 0;
	id = identity_id_of(at + 1, who);
	place = person_place(&id, l->height);
	return tree_person_attr(l, &place, ret_attr);
}

struct people_walk {
	struct tree_look *look;
	tree_entry_fn on_entry;
	void *ctx;
	uint64_t cookie;
};

#define WALK_ENDED 1

static int show_person(struct people_walk *w, struct view key)
{
	struct statekey_parts parts;
	char name[2 * ROW_NAME_MAX + 2], file[NAME_BYTES_MAX + 1];
	struct chart_attr attr;
	struct place place;
	uint64_t cookie;
	int err = statekey_parse(key, &parts);

	if (err)
		return CF_ECORRUPT;
	cookie = tree_cookie(parts.identity.b);
	if (cookie <= w->cookie)
		return 0;
	place = person_place(&parts.identity, w->look->height);
	err = tree_person_attr(w->look, &place, &attr);
	if (!tree_entry_shown(err, "an identity"))
		return 0;
	tree_person_name(w->look, &parts.identity, name, sizeof name);
	snprintf(file, sizeof file, "%s.json", name);
	return w->on_entry(w->ctx, file, &attr, cookie) ? 0 : WALK_ENDED;
}

static int show_past(void *ctx, struct view key, const struct history_row *row)
{
	(void)row;
	return show_person(ctx, key);
}

int tree_people_list(struct tree_look *l, uint64_t cookie, tree_entry_fn on_entry, void *ctx)
{
	struct people_walk w = {l, on_entry, ctx, cookie};
	const uint8_t prefix = SK_IDENTITY;
	int err = history_walk_prefix(l->txn, VIEW(&prefix, 1), VIEW_NONE, l->height ? l->height : UINT64_MAX,
				      show_past, &w);

	return err == WALK_ENDED ? 0 : err;
}
