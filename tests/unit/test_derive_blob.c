/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_derive_blob.c - which blobs are needed: those of versions that are not erased.
 */
#include "acl/derive.h"
#include "ledger/mem.h"
#include "tests/lib/netfix.h"
#include "tests/lib/t.h"

#include <string.h>

#define SECTION 4

static const struct patient_id patient = {{6, 2, 8}};

struct fix {
	struct netfix *n;
	struct identity owner;
	struct keyring *owners;
	struct node_id dir;
};

static void fix_new(struct fix *f)
{
	t_zero(netfix_new(2, false, &f->n));
	t_zero(netfix_person(f->n, "pat", ROLE_PATIENT, 2, &f->owner));
	t_zero(netfix_keyring(f->n, &f->owner, &f->owners));
	t_zero(netfix_admit(f->n, &f->owner, f->owners, &patient));
	f->dir = op_section_node(&patient, SECTION);
}

static void fix_free(struct fix *f)
{
	keyring_free(f->owners);
	identity_release(&f->owner);
	netfix_free(f->n);
}

/* A transaction of one operation on a content with this root, which the annex has the secret of. */
static int submit(struct fix *f, uint8_t code, struct view body, const struct hash *root, struct hash *ret_id)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	const uint8_t secret[CONTENT_SECRET_BYTES] = {9};
	struct buf item, annex;
	int err;

	buf_init(&item, 0);
	buf_init(&annex, 0);
	r->by = &f->owner;
	r->patient = &patient;
	r->op_count = 1;
	r->op[0] = (struct tx_op){code, body};
	if (root) {
		t_zero(content_secret_item(0, secret, &item));
		t_zero(annex_encode(&(struct annex_item){ANNEX_SECRET, buf_view(&item)}, 1, &annex));
		r->annex = buf_view(&annex);
		r->blob[r->blob_count++] = (struct tx_blob){*root, 100};
	}
	err = netfix_submit(f->n, r, ret_id);
	buf_release(&item);
	buf_release(&annex);
	mem_free(r);
	return err;
}

static void content_of(struct fix *f, const struct hash *root, struct buf *out)
{
	const struct content_row row = {.form = CONTENT_BLOB,
					.root = *root,
					.level = 2,
					.window = contract_window(f->n->now_ms),
					.sealed = VIEW("ref", 3)};

	t_zero(content_row_encode(&row, out));
}

static struct node_id create(struct fix *f, uint8_t name, const struct hash *root)
{
	struct op_create op = {.dir = f->dir,
			       .token = {{name}},
			       .section = SECTION,
			       .type = NODE_ATTACHMENT,
			       .sealed_name = VIEW("n", 1),
			       .window = contract_window(f->n->now_ms),
			       .size = 100};
	struct buf content, body;
	struct hash id;

	buf_init(&content, 0);
	buf_init(&body, 0);
	content_of(f, root, &content);
	op.content = buf_view(&content);
	t_zero(op_create_encode(&op, &body));
	t_zero(submit(f, OP_CREATE, buf_view(&body), root, &id));
	buf_release(&content);
	buf_release(&body);
	return op_new_node(&id, 0);
}

static void save(struct fix *f, const struct node_id *node, const struct hash *root)
{
	struct op_save op = {.node = *node, .size = 100};
	struct content_row row;
	struct buf content, body;
	struct db_txn *txn;

	t_zero(chain_read_begin(f->n->chain[0], &txn));
	t_zero(state_content(txn, &patient, node, &row, &op.base));
	db_abort(txn);
	buf_init(&content, 0);
	buf_init(&body, 0);
	content_of(f, root, &content);
	op.content = buf_view(&content);
	t_zero(op_save_encode(&op, &body));
	t_zero(submit(f, OP_SAVE, buf_view(&body), root, NULL));
	buf_release(&content);
	buf_release(&body);
}

static void erase(struct fix *f, const struct node_id *node)
{
	const struct op_erase op = {.node = *node};
	struct buf body;

	buf_init(&body, 0);
	t_zero(op_erase_encode(&op, &body));
	t_zero(submit(f, OP_ERASE, buf_view(&body), NULL, NULL));
	buf_release(&body);
}

struct roots {
	unsigned of[256]; /* by the first byte */
	unsigned all;
};

static int on_root(void *ctx, const struct hash *root, uint8_t level)
{
	struct roots *r = ctx;

	t_eq(level, 2);
	r->of[root->b[0]]++;
	r->all++;
	return 0;
}

/* On both ledgers, `most` at once. */
static struct roots needed(struct fix *f, unsigned most)
{
	struct roots both[2];

	memset(both, 0, sizeof(both));
	for (int i = 0; i < 2; i++) {
		struct db_txn *txn;
		struct buf from;
		int err = 0;

		buf_init(&from, 0);
		t_zero(chain_read_begin(f->n->chain[i], &txn));
		while (err == 0) {
			unsigned before = both[i].all;

			err = derived_blobs(txn, &from, most, on_root, &both[i]);
			t_ok(both[i].all <= before + most);
		}
		t_eq(err, CF_ENOTFOUND);
		db_abort(txn);
		buf_release(&from);
	}
	t_zero(memcmp(&both[0], &both[1], sizeof(both[0])));
	return both[0];
}

T_TEST(what_versions_have_is_needed_until_the_last_is_erased)
{
	const struct hash one = {{1}}, two = {{2}}, three = {{3}};
	struct node_id a, b, c, all = {{0}};
	struct roots r;
	struct fix f;

	fix_new(&f);
	t_eq(needed(&f, 5).all, 0);
	a = create(&f, 1, &one);
	b = create(&f, 2, &one);
	c = create(&f, 3, &three);
	save(&f, &a, &two);
	for (unsigned most = 1; most < 6; most++) {
		r = needed(&f, most);
		t_eq(r.all, 4);
		t_ok(r.of[1] == 2 && r.of[2] == 1 && r.of[3] == 1);
	}
	/* Both versions of a file go; the content is another's, too. */
	erase(&f, &a);
	r = needed(&f, 1);
	t_ok(r.all == 2 && r.of[1] == 1 && r.of[3] == 1);
	erase(&f, &b);
	r = needed(&f, 2);
	t_ok(r.all == 1 && r.of[3] == 1);
	/* The same content once more. */
	b = create(&f, 4, &one);
	r = needed(&f, 2);
	t_ok(r.all == 2 && r.of[1] == 1);
	erase(&f, &all);
	t_eq(needed(&f, 2).all, 0);
	(void)c;
	fix_free(&f);
}

T_MAIN
