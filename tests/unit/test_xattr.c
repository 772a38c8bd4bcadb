/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_xattr.c - extended attributes: their list, what the contract takes, what two mounts make of them.
 */
#include "acl/xattr.h"
#include "tests/lib/chartfix.h"
#include "tests/lib/t.h"

#include <stdio.h>
#include <string.h>

#define BYTES(text) VIEW(text, sizeof(text) - 1)
#define TWO BYTES("\0\2\1a\0\0\0\1x\1b\0\0\0\0")

static int with(struct buf *list, const char *name, const char *value)
{
	struct buf out;
	int err;

	buf_init(&out, 0);
	err = xattr_with(buf_view(list), view_str(name), view_str(value), &out);
	if (err) {
		buf_release(&out);
		return err;
	}
	buf_release(list);
	*list = out;
	return 0;
}

T_TEST(a_list_has_one_encoding)
{
	const struct view refused[] = {
		BYTES("\0\0"),                        /* nothing is no list */
		BYTES("\0\1\1a\0\0\0\1x "),           /* trailing */
		BYTES("\0\1\0\0\0\0\1x"),             /* no name */
		BYTES("\0\1\1\0\0\0\0\1x"),           /* NUL in a name */
		BYTES("\0\2\1b\0\0\0\0\1a\0\0\0\1x"), /* order */
		BYTES("\0\2\1a\0\0\0\0\1a\0\0\0\1x"), /* twice */
		BYTES("\0\1\1a\0\1\0\1"),             /* longer than any */
		BYTES("\0\2\1a\0\0\0\1x"),            /* one of two */
		BYTES("\0\2\2ab\0\0\0\0\1a\0\0\0\0"),
		BYTES("\0"),
	};
	struct buf list, out;
	struct view value;

	buf_init(&list, 0);
	buf_init(&out, 0);
	t_zero(with(&list, "b", ""));
	t_zero(with(&list, "a", "y"));
	t_zero(with(&list, "a", "x"));
	t_bytes(list.data, list.len, TWO.data, TWO.len);
	t_zero(xattr_check(buf_view(&list)));
	t_zero(xattr_check(VIEW_NONE));
	t_zero(xattr_get(TWO, view_str("b"), &value));
	t_eq(value.len, 0);
	t_err(xattr_get(TWO, view_str("c"), &value), CF_ENOTFOUND);
	t_err(xattr_without(TWO, view_str("c"), &out), CF_ENOTFOUND);
	t_err(xattr_with(TWO, VIEW_NONE, VIEW_NONE, &out), CF_EINVAL);
	t_zero(xattr_without(TWO, view_str("a"), &out));
	t_bytes(out.data, out.len, "\0\1\1b\0\0\0\0", 8);
	buf_reset(&list);
	t_zero(xattr_without(buf_view(&out), view_str("b"), &list));
	t_eq(list.len, 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		t_err(xattr_check(refused[i]), CF_EDECODE);
	for (size_t len = 1; len < TWO.len; len++)
		t_err(xattr_check(VIEW(TWO.data, len)), CF_EDECODE);
	buf_release(&out);
	buf_release(&list);
}

T_TEST(a_list_has_an_end)
{
	static uint8_t value[XATTR_BYTES_MAX];
	const size_t head = 2 + 1 + 1 + 4; /* count, name, length */
	struct buf list, out;

	buf_init(&list, 0);
	buf_init(&out, 0);
	t_err(xattr_with(VIEW_NONE, view_str("a"), VIEW(value, XATTR_BYTES_MAX - head + 1), &list), CF_EFULL);
	t_eq(list.len, 0);
	t_zero(xattr_with(VIEW_NONE, view_str("a"), VIEW(value, XATTR_BYTES_MAX - head), &list));
	t_eq(list.len, XATTR_BYTES_MAX);
	t_err(xattr_with(buf_view(&list), view_str("b"), VIEW_NONE, &out), CF_EFULL);
	t_zero(xattr_with(buf_view(&list), view_str("a"), VIEW_NONE, &out));
	buf_release(&list);
	buf_release(&out);
}

static const struct patient_id patient = {{2, 7, 1, 9}};

struct home {
	struct netfix *n;
	struct identity owner, doctor;
	struct keyring *keys, *doctors;
	struct node_id dir; /* EMR05 */
	uint8_t secret[CONTENT_SECRET_BYTES];
};

static void open_home(struct home *h)
{
	memset(h->secret, 7, sizeof(h->secret));
	t_zero(netfix_new(2, false, &h->n));
	t_zero(netfix_person(h->n, "owner", ROLE_PATIENT, 0, &h->owner));
	t_zero(netfix_person(h->n, "doctor", ROLE_DOCTOR, 0, &h->doctor));
	t_zero(netfix_keyring(h->n, &h->owner, &h->keys));
	t_zero(netfix_keyring(h->n, &h->doctor, &h->doctors));
	t_zero(netfix_admit(h->n, &h->owner, h->keys, &patient));
	t_zero(netfix_grant(h->n, &h->owner, h->keys, &patient, 1u << 5, &h->doctor, VERB_READ | VERB_ADD,
			    0));
	h->dir = op_section_node(&patient, 5);
}

static void close_home(struct home *h)
{
	keyring_free(h->keys);
	keyring_free(h->doctors);
	identity_release(&h->owner);
	identity_release(&h->doctor);
	netfix_free(h->n);
}

static struct version version_of(struct home *h, const struct node_id *n, struct hash *ret_tx)
{
	struct statekey key = statekey_node(&patient, SKP_XATTR, n);
	struct version version = {0, 0};
	struct xattr_row row;
	struct view value;
	struct db_txn *txn;
	int err;

	t_zero(chain_read_begin(h->n->chain[0], &txn));
	err = state_get(txn, statekey_view(&key), &value, &version);
	if (err == 0) {
		t_zero(xattr_row_decode(value, &row));
		*ret_tx = row.secret_tx;
	} else {
		t_err(err, CF_ENOTFOUND);
	}
	db_abort(txn);
	return version;
}

static void add_secret(struct home *h, uint16_t op, const struct netfix_file *file, struct buf *annex)
{
	struct annex_item item[2];
	struct buf body[2];
	size_t count = 0;

	for (int i = 0; i < 2; i++)
		buf_init(&body[i], 0);
	if (file) {
		t_zero(content_secret_item(0, h->secret, &body[0]));
		item[count++] = (struct annex_item){ANNEX_SECRET, buf_view(&body[0])};
	}
	t_zero(content_secret_item(op, h->secret, &body[1]));
	item[count++] = (struct annex_item){ANNEX_SECRET, buf_view(&body[1])};
	t_zero(annex_encode(item, count, annex));
	for (int i = 0; i < 2; i++)
		buf_release(&body[i]);
}

/* Attributes of a node; sealed without bytes: none are left. */
static int set(struct home *h, const struct identity *by, const struct node_id *n, struct version base,
	       const char *sealed)
{
	struct netfix_request r = {.by = by, .patient = &patient, .op_count = 1};
	struct op_xattr op = {.node = *n, .base = base};
	struct xattr_row row = {.window = contract_window(h->n->now_ms), .sealed = view_str(sealed)};
	struct buf value, body, annex;
	int err;

	buf_init(&value, 0);
	buf_init(&body, 0);
	buf_init(&annex, 0);
	if (sealed[0]) {
		t_zero(xattr_row_encode(&row, &value));
		add_secret(h, 0, NULL, &annex);
	}
	op.row = buf_view(&value);
	t_zero(op_xattr_encode(&op, &body));
	r.op[0] = (struct tx_op){OP_XATTR, buf_view(&body)};
	r.annex = buf_view(&annex);
	err = netfix_submit(h->n, &r, NULL);
	buf_release(&value);
	buf_release(&body);
	buf_release(&annex);
	return err;
}

T_TEST(each_change_is_made_from_the_one_before)
{
	const struct version none = {0, 0};
	struct version first, second;
	struct node_id node, link;
	struct hash tx, later;
	struct home h;

	open_home(&h);
	t_zero(netfix_put(h.n, &h.owner, h.keys, &patient, 5, &h.dir, "a.json", NODE_RECORD, "{}", &node));
	t_zero(netfix_put(h.n, &h.owner, h.keys, &patient, 5, &h.dir, "l", NODE_SYMLINK, "a.json", &link));
	t_err(set(&h, &h.owner, &link, none, "sealed"), CF_EINVAL);
	t_zero(set(&h, &h.owner, &node, none, "sealed"));
	first = version_of(&h, &node, &tx);
	t_ok(first.height > 0);
	t_err(set(&h, &h.owner, &node, none, "another"), CF_ECONFLICT);
	t_err(set(&h, &h.owner, &node, none, ""), CF_ECONFLICT);
	t_err(set(&h, &h.doctor, &node, first, "the doctor's"), CF_EDENIED); /* adds, and did not add this */
	t_zero(set(&h, &h.owner, &node, first, "another"));
	second = version_of(&h, &node, &later);
	t_ok(second.height > first.height && !hash_equal(&tx, &later));
	t_zero(set(&h, &h.owner, &node, second, ""));
	t_eq(version_of(&h, &node, &tx).height, 0);
	t_zero(set(&h, &h.owner, &h.dir, none, "of a section"));
	t_zero(netfix_put(h.n, &h.doctor, h.doctors, &patient, 5, &h.dir, "b.json", NODE_RECORD, "{}",
			  &node));
	t_zero(set(&h, &h.doctor, &node, none, "the doctor's own"));
	close_home(&h);
}

T_TEST(what_no_mount_sends_is_refused)
{
	struct netfix_request r = {.by = NULL, .patient = &patient, .op_count = 1};
	struct op_xattr op = {.row = VIEW("junk", 4)};
	struct xattr_row row = {.sealed = VIEW("sealed", 6)};
	struct buf body, value, annex;
	struct home h;

	open_home(&h);
	buf_init(&body, 0);
	buf_init(&value, 0);
	buf_init(&annex, 0);
	r.by = &h.owner;
	for (int i = 0; i < 5; i++) {
		op.node = h.dir;
		row.window = contract_window(h.n->now_ms);
		row.epoch = i == 1;
		row.secret_index = i == 2;
		row.secret_tx.b[0] = i == 3;
		buf_reset(&value);
		t_zero(xattr_row_encode(&row, &value));
		if (i)
			op.row = buf_view(&value);
		if (i == 4) /* nothing was made before */
			op.node = (struct node_id){{0}};
		buf_reset(&annex);
		add_secret(&h, 0, NULL, &annex);
		buf_reset(&body);
		t_zero(op_xattr_encode(&op, &body));
		r.op[0] = (struct tx_op){OP_XATTR, buf_view(&body)};
		r.annex = buf_view(&annex);
		t_err(netfix_run(h.n, &r, NULL), i == 1 ? CF_ECONFLICT : CF_EINVAL);
	}
	row.secret_index = 0;
	row.secret_tx = (struct hash){{0}};
	op.node = h.dir;
	buf_reset(&value);
	t_zero(xattr_row_encode(&row, &value));
	op.row = buf_view(&value);
	buf_reset(&body);
	t_zero(op_xattr_encode(&op, &body));
	r.op[0].body = buf_view(&body);
	t_zero(netfix_run(h.n, &r, NULL));
	r.annex = VIEW_NONE; /* no secret */
	t_err(netfix_run(h.n, &r, NULL), CF_EINVAL);
	buf_release(&body);
	buf_release(&value);
	buf_release(&annex);
	close_home(&h);
}

static int get(struct chartfix_user *u, const char *path, const char *name, struct buf *out)
{
	struct place p = chartfix_place(u, path);

	buf_reset(out);
	return chart_xattr_get(u->chart, &p, name, out);
}

static int put(struct chartfix_user *u, const char *path, const char *name, const char *value, unsigned flags)
{
	struct place p = chartfix_place(u, path);

	return chart_xattr_set(u->chart, &p, name, view_str(value), flags);
}

#define FILE_A "patients/p/EMR05/a.json"

T_TEST(two_mounts_change_one_file)
{
	struct chartfix *f = chartfix_new();
	struct chartfix_user a, b;
	struct buf out;
	uint64_t before;
	char past[64];
	struct place p;

	buf_init(&out, 0);
	chartfix_user(f, &a, "ada", ROLE_DOCTOR, 0);
	chartfix_user(f, &b, "bob", ROLE_DOCTOR, 1);
	t_zero(chartfix_mkdir(&a, "patients/p"));
	p = chartfix_place(&a, "patients/p");
	t_zero(chart_grant(a.chart, &p.patient, 1u << 5, "bob", VERB_ALL & ~VERB_GRANT, 0, 0));
	t_zero(chartfix_write(&a, FILE_A, "{}"));
	before = chartfix_txs(&a);
	t_zero(put(&a, FILE_A, "user.a", "1", CHART_XATTR_CREATE));
	t_eq(chartfix_txs(&a), before + 1);
	t_zero(put(&a, FILE_A, "user.a", "1", 0)); /* as it is: a lease to look at it, and no more */
	t_zero(put(&a, FILE_A, "user.a", "1", 0));
	t_eq(chartfix_txs(&a), before + 2);
	snprintf(past, sizeof past, "at/@%llu/" FILE_A, (unsigned long long)client_height(a.client));
	t_err(put(&a, FILE_A, "user.a", "2", CHART_XATTR_CREATE), CF_EEXIST);
	t_err(put(&a, FILE_A, "user.b", "2", CHART_XATTR_REPLACE), CF_ENOTFOUND);
	chartfix_catch_up(&b, &a);
	/* neither waits for what the other did */
	t_zero(put(&a, FILE_A, "user.a", "2", 0));
	t_zero(put(&b, FILE_A, "user.b", "3", 0));
	t_zero(put(&a, FILE_A, "user.c", "4", 0));
	chartfix_catch_up(&b, &a);
	chartfix_catch_up(&a, &b);
	for (int i = 0; i < 2; i++) {
		struct chartfix_user *u = i ? &b : &a;

		t_zero(get(u, FILE_A, "user.a", &out));
		t_bytes(out.data, out.len, "2", 1);
		t_zero(get(u, FILE_A, "user.b", &out));
		t_bytes(out.data, out.len, "3", 1);
		buf_reset(&out);
		p = chartfix_place(u, FILE_A);
		t_zero(chart_xattr_list(u->chart, &p, &out));
		t_bytes(out.data, out.len, "user.a\0user.b\0user.c", 21);
		t_zero(get(u, past, "user.a", &out));
		t_bytes(out.data, out.len, "1", 1);
		t_err(get(u, past, "user.b", &out), CF_ENOTFOUND);
		t_err(put(u, past, "user.b", "", 0), CF_EROFS);
	}
	p = chartfix_place(&b, FILE_A);
	t_zero(chart_xattr_remove(b.chart, &p, "user.a"));
	t_err(chart_xattr_remove(b.chart, &p, "user.a"), CF_ENOTFOUND);
	buf_release(&out);
	chartfix_user_free(&a);
	chartfix_user_free(&b);
	chartfix_free(f);
}

T_MAIN
