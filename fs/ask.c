/* SPDX-License-Identifier: Apache-2.0 */
/* ask.c - facts: who, what, which versions, which proof, which block. */
#include "fs/ask.h"

#include "acl/verify.h"
#include "fs/prove.h"
#include "fs/show.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES_MAX 4096

void ask_name(const struct identity *identity, char *ret_name, size_t bytes)
{
	snprintf(ret_name, bytes, "%s@%s", identity->info.name, identity->info.org);
}

static int path_of(const struct json *request, const char **ret_path)
{
	*ret_path = json_get_text(request, "path");
	return *ret_path ? 0 : err_set(CF_EUSAGE, "no \"path\" in the request");
}

int ask_whoami(struct control *c, const struct json *request, struct json *answer)
{
	const struct identity *identity = client_identity(chart_client(control_chart(c)));
	char who[2 * CERT_NAME_MAX + 2];

	(void)request;
	ask_name(identity, who, sizeof(who));
	json_set(answer, "identity", json_text(who));
	json_set(answer, "role", json_text(role_name(identity->info.role)));
	json_set(answer, "id", json_hex(identity->id.b, IDENTITY_BYTES));
	json_set(answer, "key", json_hex(identity->sign_fingerprint.b, HASH_BYTES));
	json_set(answer, "certificate", json_hex(identity->info.fingerprint.b, HASH_BYTES));
	json_set(answer, "valid_until", json_time(identity->info.not_after_ms));
	return 0;
}

static const char *kind_name(const struct place *p)
{
	static const char *const kinds[] = {
		[PLACE_ROOT] = "root",
		[PLACE_PATIENTS] = "patients",
		[PLACE_NODE] = "node",
		[PLACE_LOCAL] = "local",
		[PLACE_PEOPLE] = "people",
		[PLACE_PERSON] = "person",
		[PLACE_AT] = "at",
		[PLACE_HISTORY] = "history",
		[PLACE_VERSIONS] = "versions",
		[PLACE_CONTROL] = "control",
		[PLACE_CONTROL_FILE] = "control",
		[PLACE_PROOF] = "proof",
		[PLACE_SNAPSHOTS] = "snapshots",
		[PLACE_PENDING] = "pending",
		[PLACE_WAITING] = "waiting",
		[PLACE_GRANTS] = "grants",
		[PLACE_GRANT] = "grant",
		[PLACE_ACCESS] = "access",
		[PLACE_ACCESS_FILE] = "access",
	};

	return p->kind >= PLACE_ROOT && p->kind <= PLACE_ACCESS_FILE ? kinds[p->kind] : "?";
}

static const char *type_name(uint8_t type)
{
	static const char *const types[] = {"", "directory", "record", "attachment", "symlink"};

	return type < sizeof(types) / sizeof(types[0]) ? types[type] : "?";
}

static void set_facts(struct json *j, const struct chart_facts *f)
{
	json_set(j, "txid", json_hex(f->tx_id.b, HASH_BYTES));
	json_set(j, "committed_at", json_uint(f->height));
	json_set(j, "index", json_uint(f->index));
	json_set(j, "author", json_text(f->author));
	json_set(j, "version", json_uint(f->version));
	json_set(j, "time", json_time(f->time_ms));
	json_set(j, "epoch", json_uint(f->content.epoch));
	json_set(j, "window", json_uint(f->content.window));
	json_set(j, "commitment", json_hex(f->node.commitment.b, HASH_BYTES));
	json_set(j, "content_hash", json_hex(f->node.content_hash.b, HASH_BYTES));
	if (f->content.form == CONTENT_BLOB)
		json_set(j, "blob", json_hex(f->content.root.b, HASH_BYTES));
}

int ask_resolve(struct control *c, const struct json *request, struct json *answer)
{
	struct chart_facts facts;
	struct chart_attr attr;
	const char *path;
	int err = path_of(request, &path);

	if (!err)
		err = chart_path(control_chart(c), path, &attr);
	if (err)
		return err;
	json_set(answer, "kind", json_text(kind_name(&attr.place)));
	json_set(answer, "height", json_uint(attr.place.height));
	json_set(answer, "inode", json_uint(place_ino(&attr.place)));
	json_set(answer, "size", json_uint(attr.size));
	if (attr.place.kind != PLACE_NODE)
		return 0;
	json_set(answer, "type", json_text(type_name(attr.place.type)));
	json_set(answer, "patient", json_hex(attr.place.patient.b, PATIENT_BYTES));
	json_set(answer, "node", json_hex(attr.place.node.b, NODE_BYTES));
	json_set(answer, "section", json_text(section_name(attr.place.section)));
	if (attr.place.type != NODE_DIR && chart_facts(control_chart(c), &attr.place, &facts) == 0)
		set_facts(answer, &facts);
	return 0;
}

static bool add_version(void *ctx, const struct chart_version *v)
{
	struct json *j = json_new_object();

	json_set(j, "version", json_uint(v->number));
	json_set(j, "deleted", json_bool(v->deleted));
	json_set(j, "height", json_uint(v->height));
	json_set(j, "index", json_uint(v->index));
	json_set(j, "time", json_time(v->time_ms));
	json_set(j, "txid", json_hex(v->tx_id.b, HASH_BYTES));
	json_set(j, "type", json_text(tx_type_name(v->type)));
	json_set(j, "node", json_hex(v->node.b, NODE_BYTES));
	json_set(j, "size", json_uint(v->size));
	json_set(j, "author", json_text(v->author));
	json_add(ctx, j);
	return true;
}

/* By name, so that deleted files have a log, too. */
/* A path's directory, and the name in it, which need not be there (any more). */
static int dir_and_name(struct control *c, const char *path, struct place *ret_dir, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_BYTES_MAX];
	struct chart_attr attr;
	int err;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	err = chart_path(control_chart(c), dir, &attr);
	if (err)
		return err;
	*ret_dir = attr.place;
	*ret_name = slash ? slash + 1 : path;
	return 0;
}

int ask_log(struct control *c, const struct json *request, struct json *answer)
{
	struct json *list = json_new_array();
	const char *path, *name;
	struct place dir;
	int err = path_of(request, &path);

	if (!err)
		err = dir_and_name(c, path, &dir, &name);
	if (!err)
		err = chart_versions(control_chart(c), &dir, name, add_version, list);
	if (!err && json_count(list) == 0)
		err = err_set(CF_ENOTFOUND, "%s: no version was ever committed", path);
	if (err)
		json_free(list);
	else
		json_set(answer, "versions", list);
	return err;
}

static int erase_patient(struct control *c, const char *path, struct client_result *ret_result)
{
	struct chart_attr attr;
	int err = chart_path(control_chart(c), path, &attr);

	if (!err && (attr.place.kind != PLACE_NODE || attr.place.section != 0 || attr.place.height != 0 ||
		     memcmp(attr.place.node.b, attr.place.patient.b, NODE_BYTES) != 0))
		err = err_set(CF_EUSAGE, "%s: not a patient's directory", path);
	return err ? err : chart_erase_patient(control_chart(c), &attr.place.patient, ret_result);
}

int ask_erase(struct control *c, const struct json *request, struct json *answer)
{
	struct client_result result;
	const char *path, *name;
	struct place dir;
	int err = path_of(request, &path);

	if (err)
		return err;
	if (json_get_bool(request, "patient", false)) {
		err = erase_patient(c, path, &result);
	} else {
		err = dir_and_name(c, path, &dir, &name);
		if (!err)
			err = chart_erase(control_chart(c), &dir, name, &result);
	}
	if (err)
		return err;
	json_set(answer, "txid", json_hex(result.id.b, HASH_BYTES));
	json_set(answer, "height", json_uint(result.height));
	return 0;
}

int ask_prove(struct control *c, const struct json *request, struct json *answer)
{
	struct chart_facts facts;
	struct chart_attr attr;
	struct buf proof;
	const char *path;
	int err = path_of(request, &path);

	buf_init(&proof, 0);
	if (!err)
		err = chart_path(control_chart(c), path, &attr);
	if (!err && (attr.place.kind != PLACE_NODE || attr.place.type == NODE_DIR))
		err = err_set(CF_EINVAL, "%s: only records and attachments have proofs", path);
	if (!err)
		err = prove_file(control_chart(c), &attr.place, &proof, &facts);
	if (!err) {
		set_facts(answer, &facts);
		json_set(answer, "proof", json_hex(proof.data, proof.len));
	}
	buf_release_secret(&proof);
	return err;
}

int ask_block(struct control *c, const struct json *request, struct json *answer)
{
	struct chain *chain = client_chain(chart_client(control_chart(c)));
	struct json *block = NULL;
	struct db_txn *txn;
	uint64_t height;
	int err;

	if (!json_get_uint(request, "height", &height))
		return err_set(CF_EUSAGE, "no \"height\" in the request");
	err = chain_read_begin(chain, &txn);
	if (err)
		return err;
	err = show_block(chain, txn, height, &block);
	db_abort(txn);
	if (!err)
		json_set(answer, "block", block);
	return err;
}

int ask_tx(struct control *c, const struct json *request, struct json *answer)
{
	struct chain *chain = client_chain(chart_client(control_chart(c)));
	const char *hex = json_get_text(request, "id");
	struct json *tx = NULL;
	struct db_txn *txn;
	struct buf bytes;
	struct hash id;
	int err;

	if (!hex || strlen(hex) != 2 * HASH_BYTES || hex_decode(hex, id.b, HASH_BYTES) != 0)
		return err_set(CF_EUSAGE, "a transaction's id has 64 hexadecimal digits");
	err = chain_read_begin(chain, &txn);
	if (err)
		return err;
	buf_init(&bytes, 0);
	err = show_tx(chain, txn, &id, &tx);
	if (!err && json_get_bool(request, "signed_bytes", false))
		err = show_tx_proposal(chain, txn, &id, &bytes);
	db_abort(txn);
	if (!err && bytes.len)
		json_set(tx, "signed_bytes", json_hex(bytes.data, bytes.len));
	if (!err)
		json_set(answer, "tx", tx);
	else
		json_free(tx);
	buf_release(&bytes);
	return err;
}

static void add_problem(void *ctx, const char *line)
{
	json_add(ctx, json_text(line));
}

/* The chain of the mount's own stores; comparing every table needs a replay: chartfs verify --data. */
int ask_verify(struct control *c, const struct json *request, struct json *answer)
{
	struct client *client = chart_client(control_chart(c));
	struct json *list = json_new_array();
	struct verify_report report = {list, add_problem};
	struct verify_result result;
	int err;

	(void)request;
	err = verify_blocks(client_chain(client), &report, &result);
	json_set(answer, "height", json_uint(result.height));
	json_set(answer, "transactions", json_uint(result.transactions));
	json_set(answer, "problems", list);
	return result.problems ? 0 : err;
}
