/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_contract.c - the contract's operations on files: what they write, and what they refuse.
 */
#include "tests/lib/t.h"
#include "ledger/mem.h"
#include "tests/lib/netstage.h"

static const struct patient_id patient = {{2, 7, 1, 8}};

struct home {
	struct netfix *n;
	struct identity owner;
	struct keyring *keys;
	struct node_id dir; /* EMR05 */
};

static void open_home(struct home *h)
{
	t_zero(netfix_new(1, false, &h->n));
	t_zero(netfix_person(h->n, "owner", ROLE_PATIENT, 0, &h->owner));
	t_zero(netfix_keyring(h->n, &h->owner, &h->keys));
	t_zero(netfix_admit(h->n, &h->owner, h->keys, &patient));
	h->dir = op_section_node(&patient, 5);
}

static void close_home(struct home *h)
{
	keyring_free(h->keys);
	identity_release(&h->owner);
	netfix_free(h->n);
}

static int put(struct home *h, const struct node_id *dir, const char *name, enum node_type type,
	       struct node_id *ret_node)
{
	return netfix_put(h->n, &h->owner, h->keys, &patient, 5, dir, name, type,
			  type == NODE_DIR ? NULL : "{}", ret_node);
}

/* Runs one operation that needs no annex; commits it when it is good. */
static int submit(struct home *h, enum op_code code, int encoded, struct buf *body)
{
	struct netfix_request r = {.by = &h->owner, .patient = &patient, .op_count = 1};
	int err = encoded;

	r.op[0] = (struct tx_op){(uint8_t)code, buf_view(body)};
	if (err == 0)
		err = netfix_submit(h->n, &r, NULL);
	buf_release(body);
	return err;
}

static int remove_name(struct home *h, enum op_code code, const struct node_id *dir, const char *name,
		       const struct node_id *node)
{
	struct op_remove op = {.dir = *dir, .node = *node};
	struct buf body;

	buf_init(&body, 0);
	t_zero(netfix_token(h->n, h->keys, &patient, 5, dir, name, &op.token));
	return submit(h, code, op_remove_encode(&op, &body), &body);
}

static int rename_to(struct home *h, const struct node_id *from, const char *old, const struct node_id *to,
		     const char *name, const struct node_id *node, const struct node_id *replaced)
{
	struct op_rename op = {.from_dir = *from, .to_dir = *to, .node = *node, .sealed_name = VIEW("s", 1)};
	struct buf body;

	op.window = contract_window(h->n->now_ms);
	if (replaced)
		op.replaced = *replaced;
	buf_init(&body, 0);
	t_zero(netfix_token(h->n, h->keys, &patient, 5, from, old, &op.from_token));
	t_zero(netfix_token(h->n, h->keys, &patient, 5, to, name, &op.to_token));
	return submit(h, OP_RENAME, op_rename_encode(&op, &body), &body);
}

static void read_node(struct home *h, const struct node_id *node, struct node_row *ret_row)
{
	struct version version;
	struct db_txn *txn;

	t_zero(chain_read_begin(h->n->chain[0], &txn));
	t_zero(state_node(txn, &patient, node, ret_row, &version));
	db_abort(txn);
}

static int save(struct home *h, const struct node_id *node, struct version base, const char *plain)
{
	struct netfix_request r = {.by = &h->owner, .patient = &patient, .op_count = 1};
	struct netfix_file f;
	int err;

	t_zero(netfix_save(h->n, h->keys, &patient, 5, node, base, plain, &f));
	r.op[0] = (struct tx_op){OP_SAVE, buf_view(&f.body)};
	r.annex = buf_view(&f.annex);
	err = netfix_submit(h->n, &r, NULL);
	netfix_file_release(&f);
	return err;
}

T_TEST(a_record_comes_back_as_it_was_written)
{
	struct home h;
	struct node_id node;
	struct node_row row;
	struct content_row content;
	struct entry_row entry;
	struct version version;
	struct section_keys keys;
	struct name_token token;
	uint8_t secret[CONTENT_SECRET_BYTES];
	struct view annex;
	struct db_txn *txn;
	struct buf plain, name;

	open_home(&h);
	buf_init(&plain, 0);
	buf_init(&name, 0);
	t_zero(put(&h, &h.dir, "a.json", NODE_RECORD, &node));
	t_zero(netfix_token(h.n, h.keys, &patient, 5, &h.dir, "a.json", &token));
	t_zero(chain_read_begin(h.n->chain[0], &txn));
	t_zero(state_entry(txn, &patient, &h.dir, &token, &entry, &version));
	t_bytes(entry.node.b, NODE_BYTES, node.b, NODE_BYTES);
	t_zero(state_node(txn, &patient, &node, &row, &version));
	t_eq(row.type, NODE_RECORD);
	t_eq(row.size, 2);
	t_eq(row.mode, 0640);
	t_eq(row.ctime_ns, (h.n->now_ms - 1000) * 1000000);
	t_bytes(row.author.b, IDENTITY_BYTES, h.owner.id.b, IDENTITY_BYTES);
	t_zero(state_content(txn, &patient, &node, &content, &version));
	t_ok(version_equal(version, row.content) && version.height > 0);
	t_zero(keyring_get(h.keys, txn, &patient, 5, content.epoch, content.window, &keys));
	t_zero(chain_annex(txn, &content.secret_tx, &annex));
	t_zero(content_secret_find(annex, content.secret_index, secret));
	t_zero(content_open(&keys, secret, content.sealed, &plain));
	t_bytes(plain.data, plain.len, "{}", 2);
	t_zero(content_open_name(&keys, &h.dir, entry.sealed_name, &name));
	t_bytes(name.data, name.len, "a.json", 6);
	db_abort(txn);
	buf_release(&plain);
	buf_release(&name);
	close_home(&h);
}

T_TEST(a_name_is_taken_once)
{
	struct home h;
	struct node_id node, nowhere = {{1}};

	open_home(&h);
	t_zero(put(&h, &h.dir, "a.json", NODE_RECORD, &node));
	t_err(put(&h, &h.dir, "a.json", NODE_DIR, &node), CF_EEXIST);
	t_err(put(&h, &node, "b.json", NODE_RECORD, &nowhere), CF_ENOTDIR);
	t_err(put(&h, &nowhere, "b.json", NODE_RECORD, &node), CF_ENOTFOUND);
	close_home(&h);
}

T_TEST(a_directory_is_of_its_section)
{
	struct home h;
	struct node_id node, six = op_section_node(&patient, 6), root = op_section_node(&patient, 0);

	open_home(&h);
	t_err(put(&h, &six, "a.json", NODE_RECORD, &node), CF_EINVAL);
	/* beside the sections stands patient.json and nothing else */
	t_zero(netfix_put(h.n, &h.owner, h.keys, &patient, 0, &root, "patient.json", NODE_RECORD, "{}",
			  &node));
	t_err(netfix_put(h.n, &h.owner, h.keys, &patient, 0, &root, "d", NODE_DIR, NULL, &node), CF_EDENIED);
	t_err(netfix_put(h.n, &h.owner, h.keys, &patient, 0, &root, "l", NODE_SYMLINK, "x", &node),
	      CF_EDENIED);
	close_home(&h);
}

T_TEST(the_second_writer_of_a_version_conflicts)
{
	struct home h;
	struct node_id node;
	struct node_row row, saved;

	open_home(&h);
	t_zero(put(&h, &h.dir, "a.json", NODE_RECORD, &node));
	read_node(&h, &node, &row);
	t_zero(save(&h, &node, row.content, "{\"v\":2}"));
	read_node(&h, &node, &saved);
	t_eq(saved.size, 7);
	t_eq(saved.crtime_ns, row.crtime_ns);
	t_ok(saved.ctime_ns > row.ctime_ns && !hash_equal(&saved.content_hash, &row.content_hash));
	t_err(save(&h, &node, row.content, "{\"v\":3}"), CF_ECONFLICT);
	t_err(save(&h, &node, (struct version){0, 0}, "{\"v\":3}"), CF_ECONFLICT);
	t_zero(save(&h, &node, saved.content, "{\"v\":3}"));
	t_err(save(&h, &h.dir, saved.content, "{}"), CF_EISDIR);
	close_home(&h);
}

T_TEST(unlink_and_rmdir)
{
	struct home h;
	struct node_id file, dir, inner;
	struct node_row row;
	struct version version;
	struct db_txn *txn;

	open_home(&h);
	t_zero(put(&h, &h.dir, "d", NODE_DIR, &dir));
	t_zero(put(&h, &dir, "in.json", NODE_RECORD, &inner));
	t_zero(put(&h, &h.dir, "a.json", NODE_RECORD, &file));
	t_err(remove_name(&h, OP_UNLINK, &h.dir, "d", &dir), CF_EISDIR);
	t_err(remove_name(&h, OP_RMDIR, &h.dir, "a.json", &file), CF_ENOTDIR);
	t_err(remove_name(&h, OP_RMDIR, &h.dir, "d", &dir), CF_ENOTEMPTY);
	t_err(remove_name(&h, OP_UNLINK, &h.dir, "no.json", &file), CF_ENOTFOUND);
	t_err(remove_name(&h, OP_UNLINK, &h.dir, "a.json", &inner), CF_ECONFLICT);
	t_zero(remove_name(&h, OP_UNLINK, &dir, "in.json", &inner));
	t_zero(remove_name(&h, OP_RMDIR, &h.dir, "d", &dir));
	t_zero(remove_name(&h, OP_UNLINK, &h.dir, "a.json", &file));
	t_zero(chain_read_begin(h.n->chain[0], &txn));
	t_err(state_node(txn, &patient, &file, &row, &version), CF_ENOTFOUND);
	t_err(state_content(txn, &patient, &file, &(struct content_row){0}, &version), CF_ENOTFOUND);
	t_err(state_node(txn, &patient, &dir, &row, &version), CF_ENOTFOUND);
	db_abort(txn);
	close_home(&h);
}

T_TEST(a_tree_goes_in_one_transaction)
{
	struct home h;
	struct node_id dir, inner;
	struct netfix_request r = {.by = &h.owner, .patient = &patient, .op_count = 2};
	struct op_remove op;
	struct derived_dir derived;
	struct db_txn *txn;
	struct buf body[2];

	open_home(&h);
	t_zero(put(&h, &h.dir, "d", NODE_DIR, &dir));
	t_zero(put(&h, &dir, "in.json", NODE_RECORD, &inner));
	for (int i = 0; i < 2; i++)
		buf_init(&body[i], 0);
	op = (struct op_remove){.dir = dir, .node = inner};
	t_zero(netfix_token(h.n, h.keys, &patient, 5, &dir, "in.json", &op.token));
	t_zero(op_remove_encode(&op, &body[0]));
	op = (struct op_remove){.dir = h.dir, .node = dir};
	t_zero(netfix_token(h.n, h.keys, &patient, 5, &h.dir, "d", &op.token));
	t_zero(op_remove_encode(&op, &body[1]));
	r.op[0] = (struct tx_op){OP_RMDIR, buf_view(&body[1])};
	r.op[1] = (struct tx_op){OP_UNLINK, buf_view(&body[0])};
	t_err(netfix_run(h.n, &r, NULL), CF_ENOTEMPTY); /* the wrong way round */
	r.op[0] = (struct tx_op){OP_UNLINK, buf_view(&body[0])};
	r.op[1] = (struct tx_op){OP_RMDIR, buf_view(&body[1])};
	t_zero(netfix_submit(h.n, &r, NULL));
	t_zero(chain_read_begin(h.n->chain[0], &txn));
	t_zero(derived_dir(txn, &patient, &h.dir, &derived));
	t_eq(derived.entries, 0);
	t_eq(derived.subdirs, 0);
	db_abort(txn);
	for (int i = 0; i < 2; i++)
		buf_release(&body[i]);
	close_home(&h);
}

T_TEST(rename_follows_rename_2)
{
	struct home h;
	struct node_id a, b, d, e, in, six = op_section_node(&patient, 6);
	struct node_row row;

	open_home(&h);
	t_zero(put(&h, &h.dir, "a", NODE_RECORD, &a));
	t_zero(put(&h, &h.dir, "b", NODE_RECORD, &b));
	t_zero(put(&h, &h.dir, "d", NODE_DIR, &d));
	t_zero(put(&h, &d, "e", NODE_DIR, &e));
	t_zero(put(&h, &e, "in", NODE_RECORD, &in));
	t_err(rename_to(&h, &h.dir, "a", &h.dir, "a", &a, NULL), CF_EINVAL);
	t_err(rename_to(&h, &h.dir, "a", &h.dir, "b", &a, NULL), CF_ECONFLICT); /* b has come meanwhile */
	t_err(rename_to(&h, &h.dir, "a", &h.dir, "c", &a, &b), CF_ECONFLICT);   /* b has gone meanwhile */
	t_err(rename_to(&h, &h.dir, "a", &h.dir, "d", &a, &d), CF_EISDIR);
	t_err(rename_to(&h, &h.dir, "d", &h.dir, "a", &d, &a), CF_ENOTDIR);
	t_err(rename_to(&h, &h.dir, "d", &e, "x", &d, NULL), CF_EINVAL); /* into itself */
	t_err(rename_to(&h, &h.dir, "d", &d, "x", &d, NULL), CF_EINVAL);
	t_err(rename_to(&h, &h.dir, "a", &six, "a", &a, NULL), CF_EXDEV);
	t_err(rename_to(&h, &h.dir, "a", &b, "x", &a, NULL), CF_ENOTDIR);
	t_zero(rename_to(&h, &h.dir, "a", &h.dir, "b", &a, &b)); /* over */
	t_zero(rename_to(&h, &h.dir, "b", &e, "moved", &a, NULL));
	read_node(&h, &a, &row);
	t_bytes(row.parent.b, NODE_BYTES, e.b, NODE_BYTES);
	t_zero(put(&h, &h.dir, "full", NODE_DIR, &b));
	t_err(rename_to(&h, &h.dir, "full", &d, "e", &b, &e), CF_ENOTEMPTY);
	t_zero(rename_to(&h, &d, "e", &h.dir, "full", &e, &b)); /* over an empty one */
	close_home(&h);
}

static struct node_id deep_node(unsigned i)
{
	return (struct node_id){{0xde, (uint8_t)(i >> 8), (uint8_t)i}};
}

/* A directory under a name that nobody sealed. */
static void stage_dir(struct netstage *s, const struct node_id *node, const struct node_id *parent,
		      unsigned token)
{
	struct node_row row = {.type = NODE_DIR, .section = 5, .parent = *parent, .mode = 0755};
	struct entry_row entry = {.node = *node, .type = NODE_DIR, .sealed_name = VIEW("s", 1)};
	struct name_token t = {{(uint8_t)(token >> 8), (uint8_t)token}};
	struct buf value;

	buf_init(&value, 0);
	t_zero(node_row_encode(&row, &value));
	t_zero(netstage_put(s, statekey_node(&patient, SKP_NODE, node), 0, &value));
	t_zero(entry_row_encode(&entry, &value));
	t_zero(netstage_put(s, statekey_entry(&patient, parent, &t), 0, &value));
	buf_release(&value);
}

/* Each rename of a directory walks up: what one proposal may make an endorser read has a bound. */
T_TEST(the_work_of_one_proposal_is_bounded)
{
	struct home h;
	struct netstage s;
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct node_id at, above;
	struct buf body[10];

	open_home(&h);
	t_zero(netstage_begin(h.n, &s));
	for (unsigned i = 0; i < 900; i++) {
		at = deep_node(i);
		stage_dir(&s, &at, i ? &above : &h.dir, i);
		above = at;
	}
	*r = (struct netfix_request){.by = &h.owner, .patient = &patient};
	for (unsigned i = 0; i < 10; i++) {
		struct op_rename op = {.from_dir = h.dir,
				       .from_token = {{0x80, (uint8_t)i}},
				       .to_dir = above,
				       .to_token = {{0x81, (uint8_t)i}},
				       .node = deep_node(0x8000 + i),
				       .sealed_name = VIEW("s", 1),
				       .window = contract_window(h.n->now_ms)};

		stage_dir(&s, &op.node, &h.dir, 0x8000 + i);
		buf_init(&body[i], 0);
		t_zero(op_rename_encode(&op, &body[i]));
		r->op[i] = (struct tx_op){OP_RENAME, buf_view(&body[i])};
	}
	r->op_count = 8;
	t_zero(netstage_run(&s, r, h.n->now_ms));
	r->op_count = 10;
	t_err(netstage_run(&s, r, h.n->now_ms), CF_ETOOBIG);
	for (unsigned i = 0; i < 10; i++)
		buf_release(&body[i]);
	netstage_end(&s);
	mem_free(r);
	close_home(&h);
}

T_TEST(later_operations_see_earlier_ones)
{
	struct home h;
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	struct netfix_file dir, file;
	struct op_create create;
	struct op_setattr set = {.mask = OP_SET_MODE, .attrs = {.mode = 0700}};
	struct buf proposal, body;
	struct rwset_builder *builder;
	struct tx_proposal p;
	struct db_txn *txn;
	struct hash id;
	struct node_id made;
	struct rw_write w;
	struct statekey key;
	struct node_row row;

	open_home(&h);
	buf_init(&proposal, 0);
	buf_init(&body, 0);
	/* ids follow from the proposal's, so that operations on a new node are put in by hand after it is
	 * made */
	t_zero(netfix_create(h.n, h.keys, &patient, 5, &h.dir, "d", NODE_DIR, NULL, &dir));
	t_zero(netfix_create(h.n, h.keys, &patient, 5, &h.dir, "f.json", NODE_RECORD, NULL, &file));
	r->by = &h.owner;
	r->patient = &patient;
	r->op_count = 1;
	r->op[0] = (struct tx_op){OP_CREATE, buf_view(&dir.body)};
	t_zero(netfix_proposal(h.n, r, &proposal, &id));
	t_zero(tx_proposal_decode(buf_view(&proposal), &p));
	made = op_new_node(&id, 0);
	t_zero(op_create_decode(buf_view(&file.body), &create));
	create.dir = made;
	set.node = made;
	buf_reset(&file.body);
	{
		struct buf again;

		buf_init(&again, 0);
		t_zero(op_create_encode(&create, &again));
		t_zero(op_setattr_encode(&set, &body));
		p.op_count = 3;
		p.op[1] = (struct tx_op){OP_CREATE, buf_view(&again)};
		p.op[2] = (struct tx_op){OP_SETATTR, buf_view(&body)};
		t_zero(chain_read_begin(h.n->chain[0], &txn));
		t_zero(rwset_builder_new(&builder));
		t_zero(contract_run(txn, &p, &id, VIEW_NONE, h.n->now_ms, builder));
		key = statekey_node(&patient, SKP_NODE, &made);
		t_ok(rwset_written(builder, statekey_view(&key), &w));
		t_zero(node_row_decode(w.value, &row));
		t_eq(row.mode, 0700);
		rwset_builder_free(builder);
		db_abort(txn);
		buf_release(&again);
	}
	buf_release(&body);
	buf_release(&proposal);
	netfix_file_release(&dir);
	netfix_file_release(&file);
	mem_free(r);
	close_home(&h);
}

/* A create of an attachment of size with this row; its secret is in the annex. */
static int attach(struct home *h, const struct content_row *row, uint64_t size, const struct hash *named)
{
	struct netfix_request *r = mem_zalloc(sizeof(*r));
	const uint8_t secret[CONTENT_SECRET_BYTES] = {9};
	struct op_create op = {.dir = h->dir,
			       .token = {{(uint8_t)size}},
			       .section = 5,
			       .type = NODE_ATTACHMENT,
			       .sealed_name = VIEW("n", 1),
			       .size = size};
	struct content_row full = *row;
	struct buf bytes, body, item, annex;
	int err;

	buf_init(&bytes, 0);
	buf_init(&body, 0);
	buf_init(&item, 0);
	buf_init(&annex, 0);
	op.window = full.window = contract_window(h->n->now_ms);
	t_zero(content_row_encode(&full, &bytes));
	op.content = buf_view(&bytes);
	t_zero(op_create_encode(&op, &body));
	t_zero(content_secret_item(0, secret, &item));
	t_zero(annex_encode(&(struct annex_item){ANNEX_SECRET, buf_view(&item)}, 1, &annex));
	r->by = &h->owner;
	r->patient = &patient;
	r->op_count = 1;
	r->op[0] = (struct tx_op){OP_CREATE, buf_view(&body)};
	r->annex = buf_view(&annex);
	if (named)
		r->blob[r->blob_count++] = (struct tx_blob){*named, size};
	err = netfix_submit(h->n, r, NULL);
	buf_release(&bytes);
	buf_release(&body);
	buf_release(&item);
	buf_release(&annex);
	mem_free(r);
	return err;
}

T_TEST(an_attachment_names_its_blob)
{
	struct home h;
	struct content_row row = {.form = CONTENT_BLOB, .root = {{4}}, .sealed = VIEW("ref", 3)};
	struct content_row empty = {.form = CONTENT_BLOB},
			   in = {.form = CONTENT_INLINE, .sealed = VIEW("x", 1)};
	struct hash other = {{5}};

	open_home(&h);
	t_err(attach(&h, &row, 100, NULL), CF_EINVAL);
	t_err(attach(&h, &row, 100, &other), CF_EINVAL);
	t_err(attach(&h, &row, 0, &row.root), CF_EINVAL);
	t_err(attach(&h, &empty, 100, NULL), CF_EINVAL);
	t_err(attach(&h, &in, 100, NULL), CF_EINVAL);
	t_zero(attach(&h, &row, 100, &row.root));
	t_zero(attach(&h, &empty, 0, NULL));
	close_home(&h);
}

T_TEST(a_record_has_a_limit)
{
	struct home h;
	struct node_id node;
	char *big = mem_alloc(65538);

	open_home(&h);
	memset(big, ' ', 65537);
	big[65537] = '\0';
	t_err(netfix_put(h.n, &h.owner, h.keys, &patient, 5, &h.dir, "a.json", NODE_RECORD, big, &node),
	      CF_ETOOBIG);
	big[65536] = '\0';
	t_zero(netfix_put(h.n, &h.owner, h.keys, &patient, 5, &h.dir, "a.json", NODE_RECORD, big, &node));
	mem_free(big);
	close_home(&h);
}

T_TEST(what_is_sealed_under_an_old_epoch_is_sealed_again)
{
	struct home h;
	struct identity doctor;
	struct node_id node;
	struct netfix_request r = {.by = &h.owner, .patient = &patient, .op_count = 1};
	struct netfix_file f;

	open_home(&h);
	t_zero(netfix_person(h.n, "dr", ROLE_DOCTOR, 1, &doctor));
	t_zero(netfix_grant(h.n, &h.owner, h.keys, &patient, 1u << 5, &doctor, VERB_READ, 0));
	t_zero(netfix_create(h.n, h.keys, &patient, 5, &h.dir, "a.json", NODE_RECORD, "{}", &f));
	t_zero(netfix_revoke(h.n, &h.owner, h.keys, &patient, 1u << 5, &doctor));
	r.op[0] = (struct tx_op){OP_CREATE, buf_view(&f.body)};
	r.annex = buf_view(&f.annex);
	t_err(netfix_run(h.n, &r, NULL), CF_ECONFLICT);
	t_zero(put(&h, &h.dir, "a.json", NODE_RECORD, &node));
	netfix_file_release(&f);
	identity_release(&doctor);
	close_home(&h);
}

T_TEST(a_secret_must_be_there)
{
	struct home h;
	struct netfix_request r = {.by = &h.owner, .patient = &patient, .op_count = 1};
	struct netfix_file f;

	open_home(&h);
	t_zero(netfix_create(h.n, h.keys, &patient, 5, &h.dir, "a.json", NODE_RECORD, "{}", &f));
	r.op[0] = (struct tx_op){OP_CREATE, buf_view(&f.body)};
	t_err(netfix_run(h.n, &r, NULL), CF_EINVAL);
	netfix_file_release(&f);
	close_home(&h);
}

T_TEST(attributes)
{
	struct home h;
	struct node_id node;
	struct node_row row;
	struct op_setattr set = {.mask = OP_SET_MODE | OP_SET_MTIME, .attrs = {.mode = 0400, .mtime_ns = 77}};
	struct buf body;

	open_home(&h);
	t_zero(put(&h, &h.dir, "a.json", NODE_RECORD, &node));
	set.node = node;
	buf_init(&body, 0);
	t_zero(submit(&h, OP_SETATTR, op_setattr_encode(&set, &body), &body));
	read_node(&h, &node, &row);
	t_eq(row.mode, 0400);
	t_eq(row.mtime_ns, 77);
	t_eq(row.size, 2);
	t_ok(row.content.height > 0); /* content and its version stay */
	close_home(&h);
}

T_TEST(out_of_memory_is_an_error)
{
	struct home h;
	struct netfix_request r = {.by = &h.owner, .patient = &patient, .op_count = 1};
	struct netfix_file f;
	int err = CF_ENOMEM;

	open_home(&h);
	t_zero(netfix_create(h.n, h.keys, &patient, 5, &h.dir, "a.json", NODE_RECORD, "{}", &f));
	r.op[0] = (struct tx_op){OP_CREATE, buf_view(&f.body)};
	r.annex = buf_view(&f.annex);
	for (long i = 0; err; i++) {
		mem_fail_after(i);
		err = netfix_run(h.n, &r, NULL);
		mem_fail_after(-1);
		if (err)
			t_err(err, CF_ENOMEM);
	}
	netfix_file_release(&f);
	close_home(&h);
}

T_TEST(malformed_proposals)
{
	struct home h;
	struct netfix_request r = {.by = &h.owner, .patient = &patient, .op_count = 1};
	struct op_setattr set = {.mask = OP_SET_MODE};
	struct buf body;

	open_home(&h);
	buf_init(&body, 0);
	t_zero(op_setattr_encode(&set, &body));
	r.op[0] = (struct tx_op){99, buf_view(&body)};
	t_err(netfix_run(h.n, &r, NULL), CF_EINVAL);
	r.op[0] = (struct tx_op){OP_SETATTR, VIEW(body.data, body.len - 1)};
	t_err(netfix_run(h.n, &r, NULL), CF_EINVAL);
	r.op[0] = (struct tx_op){OP_SETATTR, buf_view(&body)};
	r.patient = NULL;
	t_err(netfix_run(h.n, &r, NULL), CF_EINVAL);
	r.patient = &(struct patient_id){{1}};
	t_err(netfix_run(h.n, &r, NULL), CF_ENOTFOUND);
	buf_release(&body);
	close_home(&h);
}

T_MAIN
