/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bare_ops.c - operations with random bytes for contents and names, and the nodes that numbers stand for.
 */
#include "acl/content.h"
#include "acl/wrap.h"
#include "acl/x509.h"
#include "fs/place.h"
#include "net/ticks.h"
#include "tests/net/bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEALED_BYTES 64

static const uint8_t sealed[SEALED_BYTES] = {1};

/* --- what the ledger says of a number or a name --- */

/* The first key of a kind for which pick answers true. */
static int find(struct db_txn *txn, struct statekey prefix,
		bool (*pick)(void *ctx, const struct statekey_parts *parts, const struct state_item *item),
		void *ctx)
{
	struct state_cursor *cursor = NULL;
	struct state_item item;
	struct statekey_parts parts;
	int err = state_cursor_new(txn, statekey_view(&prefix), &cursor);

	if (err)
		return err;
	for (err = state_cursor_seek(cursor, statekey_view(&prefix), &item); !err;
	     err = state_cursor_next(cursor, &item)) {
		if (statekey_parse(item.key, &parts) == 0 && pick(ctx, &parts, &item))
			break;
	}
	state_cursor_free(cursor);
	return err;
}

struct wanted {
	uint64_t ino;
	struct node_id node;
	struct name_token token;
};

static bool has_number(void *ctx, const struct statekey_parts *parts, const struct state_item *item)
{
	struct wanted *w = ctx;
	struct place p = place_node(&parts->patient, &parts->node, NODE_RECORD, 1, 0);

	(void)item;
	if (place_ino(&p) != w->ino)
		return false;
	w->node = parts->node;
	return true;
}

static int node_of(struct db_txn *txn, const struct order *o, const char *number, struct node_id *ret_node)
{
	struct wanted w = {.ino = strtoull(number, NULL, 10)};
	int err = find(txn, statekey_patient_kind_prefix(&o->patient, SKP_NODE), has_number, &w);

	if (err)
		return err_set(err, "no node has the number %s", number);
	*ret_node = w.node;
	return 0;
}

static bool leads_to(void *ctx, const struct statekey_parts *parts, const struct state_item *item)
{
	struct wanted *w = ctx;
	struct entry_row row;

	if (entry_row_decode(item->value, &row) || memcmp(row.node.b, w->node.b, NODE_BYTES) != 0)
		return false;
	w->token = parts->token;
	return true;
}

/* Directory and token of a node: what a removal or a rename has to name. */
static int entry_of(struct db_txn *txn, const struct order *o, const struct node_id *n,
		    struct node_id *ret_dir, struct name_token *ret_token)
{
	struct wanted w = {.node = *n};
	struct node_row row;
	struct version version;
	int err = state_node(txn, &o->patient, n, &row, &version);

	if (!err)
		err = find(txn, statekey_entries(&o->patient, &row.parent), leads_to, &w);
	if (err)
		return err;
	*ret_dir = row.parent;
	*ret_token = w.token;
	return 0;
}

static int person_of(const char *who, struct identity_id *ret_id)
{
	const char *at = strchr(who, '@');
	char name[CERT_NAME_MAX + 1];

	if (!at)
		return err_set(CF_EUSAGE, "%s: NAME@ORGANIZATION is needed", who);
	snprintf(name, sizeof(name), "%.*s", (int)(at - who), who);
	*ret_id = identity_id_of(at + 1, name);
	return 0;
}

/* --- operations --- */

static struct name_token some_token(void)
{
	struct name_token t;

	random_bytes(t.b, TOKEN_BYTES);
	return t;
}

/* A record's row and the secret that belongs to it; the caller releases both. */
static int content(struct order *o, struct buf *row_bytes)
{
	struct content_row row = {.form = CONTENT_INLINE,
				  .epoch = o->epoch,
				  .window = o->window,
				  .sealed = VIEW(sealed, sizeof(sealed))};
	uint8_t secret[CONTENT_SECRET_BYTES] = {1};
	struct annex_item item = {.kind = ANNEX_SECRET};
	struct buf body;
	int err = content_row_encode(&row, row_bytes);

	buf_init(&body, 0);
	if (!err)
		err = content_secret_item(0, secret, &body);
	item.body = buf_view(&body);
	if (!err)
		err = annex_encode(&item, 1, &o->annex);
	buf_release(&body);
	return err;
}

static int make_create(struct db_txn *txn, struct order *o, enum node_type type)
{
	struct op_create op = {.section = (uint8_t)o->section,
			       .token = some_token(),
			       .type = type,
			       .epoch = o->epoch,
			       .window = o->window,
			       .sealed_name = VIEW(sealed, sizeof(sealed)),
			       .attrs = {.mode = 0644}};
	struct buf row;
	int err = node_of(txn, o, o->word[0], &op.dir);

	buf_init(&row, 0);
	if (!err && type != NODE_DIR) {
		op.size = 2;
		err = content(o, &row);
	}
	op.content = buf_view(&row);
	if (!err)
		err = op_create_encode(&op, &o->body);
	buf_release(&row);
	return err;
}

static int make_add(struct bare *b, struct db_txn *txn, struct order *o)
{
	(void)b;
	return make_create(txn, o, NODE_RECORD);
}

static int make_mkdir(struct bare *b, struct db_txn *txn, struct order *o)
{
	(void)b;
	return make_create(txn, o, NODE_DIR);
}

static int make_save(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_save op = {.attrs = {.mode = 0644}, .size = 2};
	struct content_row old;
	struct buf row;
	int err = node_of(txn, o, o->word[0], &op.node);

	(void)b;
	buf_init(&row, 0);
	if (!err)
		err = state_content(txn, &o->patient, &op.node, &old, &op.base);
	if (!err)
		err = content(o, &row);
	op.content = buf_view(&row);
	if (!err)
		err = op_save_encode(&op, &o->body);
	buf_release(&row);
	return err;
}

static int make_setattr(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_setattr op = {.mask = OP_SET_MODE, .attrs = {.mode = 0600}};
	int err = node_of(txn, o, o->word[0], &op.node);

	(void)b;
	return err ? err : op_setattr_encode(&op, &o->body);
}

static int make_xattr(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct xattr_row row = {
		.epoch = o->epoch, .window = o->window, .sealed = VIEW(sealed, sizeof(sealed))};
	struct op_xattr op = {.base = {0, 0}}; /* there are none yet */
	struct buf bytes, unused;
	int err = node_of(txn, o, o->word[0], &op.node);

	(void)b;
	buf_init(&bytes, 0);
	buf_init(&unused, 0);
	if (!err)
		err = content(o, &unused); /* for its secret */
	if (!err)
		err = xattr_row_encode(&row, &bytes);
	op.row = buf_view(&bytes);
	if (!err)
		err = op_xattr_encode(&op, &o->body);
	buf_release(&bytes);
	buf_release(&unused);
	return err;
}

static int make_remove(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_remove op;
	int err = node_of(txn, o, o->word[0], &op.node);

	(void)b;
	if (!err)
		err = entry_of(txn, o, &op.node, &op.dir, &op.token);
	return err ? err : op_remove_encode(&op, &o->body);
}

/* A second word: what is replaced. */
static int make_rename(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_rename op = {.epoch = o->epoch,
			       .window = o->window,
			       .to_token = some_token(),
			       .sealed_name = VIEW(sealed, sizeof(sealed))};
	int err = node_of(txn, o, o->word[0], &op.node);

	(void)b;
	if (!err)
		err = entry_of(txn, o, &op.node, &op.from_dir, &op.from_token);
	op.to_dir = op.from_dir;
	if (!err && o->word[1][0])
		err = node_of(txn, o, o->word[1], &op.replaced);
	if (!err && o->word[1][0])
		err = entry_of(txn, o, &op.replaced, &op.to_dir, &op.to_token);
	return err ? err : op_rename_encode(&op, &o->body);
}

/* Keys of one's own, which nobody could open anything with: peers cannot tell. */
static int forge_wraps(struct bare *b, struct db_txn *txn, struct order *o, const struct identity_id *to)
{
	struct wrap_key keys[2] = {{.section = 0}, {.section = (uint8_t)o->section, .epoch = o->epoch}};
	struct annex_item item = {.kind = ANNEX_WRAP};
	struct identity_row row;
	struct section_row directory;
	struct buf body;
	int err = state_identity(txn, to, &row);

	buf_init(&body, 0);
	if (!err)
		err = state_section(txn, &o->patient, 0, &directory);
	keys[0].epoch = err ? 0 : directory.epoch;
	if (!err)
		err = wrap_seal(client_network(b->s.client), &o->patient, to, row.kem_point, keys, 2, &body);
	item.body = buf_view(&body);
	if (!err)
		err = annex_encode(&item, 1, &o->annex);
	buf_release(&body);
	return err;
}

static int make_grant(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_grant op = {.sections = 1u << o->section, .verbs = VERB_READ};
	int err = person_of(o->word[0], &op.to);

	if (!err)
		err = forge_wraps(b, txn, o, &op.to);
	return err ? err : op_grant_encode(&op, &o->body);
}

/* The next epoch's keys for nobody: who may revoke is told that somebody is left out. */
static int make_revoke(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_revoke op = {.sections = 1u << o->section};
	int err = person_of(o->word[0], &op.from);

	if (!err && keyring_wrap_revoke(client_keyring(b->s.client), txn, &o->patient, op.sections, &op.from,
					ticks_wall_ms(), &o->annex))
		err = forge_wraps(b, txn, o, &b->s.identity.id);
	return err ? err : op_revoke_encode(&op, &o->body);
}

static int make_erase(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_erase op;
	int err = node_of(txn, o, o->word[0], &op.node);

	(void)b;
	return err ? err : op_erase_encode(&op, &o->body);
}

static int make_rule(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_rule op = {.sections = 1u << 16, .amend = 1};

	(void)b, (void)txn;
	return op_rule_encode(&op, &o->body);
}

/* A chart of one's own ("own"), or in custody of somebody. */
static int make_admit(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_admit op = {.window = o->window, .sealed_name = VIEW(sealed, sizeof(sealed)), .mode = 0755};
	struct identity_id to[2] = {b->s.identity.id, b->s.identity.id};
	int err = 0;

	random_bytes(o->patient.b, PATIENT_BYTES);
	if (strcmp(o->word[0], "own") == 0) {
		op.owner = b->s.identity.id;
	} else {
		err = person_of(o->word[0], &op.custodian);
		to[1] = op.custodian;
	}
	if (!err)
		err = keyring_wrap_admit(client_keyring(b->s.client), txn, &o->patient, to, 2, &o->annex);
	return err ? err : op_admit_encode(&op, &o->body);
}

static int make_suspend(struct bare *b, struct db_txn *txn, struct order *o)
{
	struct op_standing op = {0};
	int err = person_of(o->word[0], &op.who);

	(void)b, (void)txn;
	memset(&o->patient, 0, sizeof(o->patient));
	return err ? err : op_standing_encode(&op, &o->body);
}

/* Of no share at all: whose it is not to deal is refused before anybody looks. */
static int make_deal(struct bare *b, struct db_txn *txn, struct order *o)
{
	const struct op_deal op = {.generation = 1, .deal = VIEW(sealed, sizeof(sealed))};

	(void)b, (void)txn;
	memset(&o->patient, 0, sizeof(o->patient));
	return op_deal_encode(&op, &o->body);
}

static int make_take(struct bare *b, struct db_txn *txn, struct order *o)
{
	const struct op_take op = {.generation = 1};

	(void)b, (void)txn;
	memset(&o->patient, 0, sizeof(o->patient));
	return op_take_encode(&op, &o->body);
}

static int make_accuse(struct bare *b, struct db_txn *txn, struct order *o)
{
	const struct op_accuse op = {.generation = 1};

	(void)b, (void)txn;
	memset(&o->patient, 0, sizeof(o->patient));
	return op_accuse_encode(&op, &o->body);
}

static const struct {
	const char *name;
	enum op_code code;
	int (*make)(struct bare *b, struct db_txn *txn, struct order *o);
} ops[] = {
	{"add", OP_CREATE, make_add},          {"mkdir", OP_CREATE, make_mkdir},
	{"save", OP_SAVE, make_save},          {"setattr", OP_SETATTR, make_setattr},
	{"xattr", OP_XATTR, make_xattr},       {"unlink", OP_UNLINK, make_remove},
	{"rmdir", OP_RMDIR, make_remove},      {"rename", OP_RENAME, make_rename},
	{"replace", OP_RENAME, make_rename},   {"grant", OP_GRANT, make_grant},
	{"revoke", OP_REVOKE, make_revoke},    {"erase", OP_ERASE, make_erase},
	{"rule", OP_RULE, make_rule},          {"admit", OP_ADMIT, make_admit},
	{"suspend", OP_SUSPEND, make_suspend}, {"reinstate", OP_REINSTATE, make_suspend},
	{"deal", OP_DEAL, make_deal},          {"take", OP_TAKE, make_take},
	{"accuse", OP_ACCUSE, make_accuse},
};

int bare_make(struct bare *b, struct db_txn *txn, const char *name, struct order *o)
{
	struct section_row section;
	size_t i = 0;

	while (i < sizeof(ops) / sizeof(ops[0]) && strcmp(ops[i].name, name) != 0)
		i++;
	if (i == sizeof(ops) / sizeof(ops[0]))
		return err_set(CF_EUSAGE, "no operation '%s'", name);
	if (state_section(txn, &o->patient, o->section, &section) == 0)
		o->epoch = section.epoch;
	o->window = contract_window(ticks_wall_ms());
	o->code = (uint8_t)ops[i].code;
	return ops[i].make(b, txn, o);
}
