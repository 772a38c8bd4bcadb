/* SPDX-License-Identifier: Apache-2.0 */
/* ask_manifest.c - which tree a directory is in, and the identity's signature under a list of what is there.
 */
#include "fs/ask.h"
#include "fs/manifest.h"

#include <string.h>

int ask_manifest(struct control *c, const struct json *request, struct json *answer)
{
	struct client *client = chart_client(control_chart(c));
	const char *path = json_get_text(request, "path");
	struct chain_block_info info;
	struct db_txn *txn = NULL;
	struct chart_attr attr;
	uint64_t height;
	int err = path ? chart_path(control_chart(c), path, &attr) : err_set(CF_EUSAGE, "no \"path\"");

	if (err)
		return err;
	if (!place_is_dir(&attr.place))
		return CF_ENOTDIR;
	height = attr.place.height ? attr.place.height : client_height(client);
	err = chain_read_begin(client_chain(client), &txn);
	if (!err)
		err = chain_block_info(txn, height, &info);
	if (!err) {
		json_set(answer, "network", json_hex(client_network(client)->b, HASH_BYTES));
		json_set(answer, "height", json_uint(height));
		json_set(answer, "block", json_hex(info.hash.b, HASH_BYTES));
		json_set(answer, "past", json_bool(attr.place.height != 0));
	}
	db_abort(txn);
	return err;
}

/* Nothing but manifests is signed so: the digest has a tag of its own. */
int ask_sign(struct control *c, const struct json *request, struct json *answer)
{
	struct client *client = chart_client(control_chart(c));
	const struct identity *who = client_identity(client);
	const char *hex = json_get_text(request, "lines");
	struct json *certificates = json_new_array();
	uint8_t sig[SIG_BYTES];
	struct hash lines, digest;
	int err = hex && strlen(hex) == 2 * HASH_BYTES ? hex_decode(hex, lines.b, HASH_BYTES) : CF_EUSAGE;

	if (!err) {
		digest = manifest_digest(client_network(client), &lines);
		err = identity_use(who);
	}
	if (!err) {
		err = crypto_sign(who->sign, &digest, sig);
		identity_done(who);
	}
	if (!err)
		json_set(answer, "signature", json_hex(sig, SIG_BYTES));
	for (size_t i = 0; i < who->chain_count; i++)
		json_add(certificates, json_hex(who->chain[i].data, who->chain[i].len));
	json_set(answer, "certificates", certificates);
	return err;
}
