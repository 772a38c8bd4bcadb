/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask_evidence.c - the request `evidence`: the list, or with "id" one piece; and `report`, which brings one.
 */
#include "acl/op.h"
#include "fs/ask.h"
#include "fs/show.h"

#include <string.h>

#define REPORT_TIMEOUT_MS 30000

int ask_evidence(struct control *c, const struct json *request, struct json *answer)
{
	struct chain *chain = client_chain(chart_client(control_chart(c)));
	const char *hex = json_get_text(request, "id");
	struct json *value = NULL;
	struct db_txn *txn;
	struct hash id;
	int err;

	if (hex && (strlen(hex) != 2 * HASH_BYTES || hex_decode(hex, id.b, HASH_BYTES) != 0))
		return err_set(CF_EUSAGE, "the id of evidence has 64 hexadecimal digits");
	err = chain_read_begin(chain, &txn);
	if (err)
		return err;
	err = hex ? show_evidence(chain, txn, &id, &value) : show_evidence_list(txn, &value);
	db_abort(txn);
	if (!err)
		json_set(answer, "evidence", value);
	return err;
}

static int commit(struct client *client, struct view evidence, struct client_result *ret_result)
{
	const struct op_evidence op = {evidence};
	struct buf body;
	int err;

	buf_init(&body, 0);
	err = op_evidence_encode(&op, &body);
	if (!err) {
		const struct tx_op ops[] = {{.code = OP_EVIDENCE, .body = buf_view(&body)}};
		const struct client_tx tx = {.ops = ops, .op_count = 1};

		err = client_commit(client, &tx, REPORT_TIMEOUT_MS, ret_result);
	}
	buf_release(&body);
	/* The endorsers found that it proves nothing: for whoever asked that is what chartfs-verify says. */
	return err == CF_EINVAL ? err_set(CF_ECORRUPT, "%s", err_detail()) : err;
}

int ask_report(struct control *c, const struct json *request, struct json *answer)
{
	struct client *client = chart_client(control_chart(c));
	const char *hex = json_get_text(request, "file");
	struct client_result result;
	struct view evidence;
	struct hash network, id;
	struct buf file;
	uint8_t *at;
	int err;

	buf_init(&file, 0);
	err = hex ? buf_extend(&file, strlen(hex) / 2, &at) : CF_EUSAGE;
	if (!err)
		err = hex_decode(hex, at, file.len) ? err_set(CF_EUSAGE, "\"file\" is no hexadecimal") : 0;
	if (!err)
		err = evidence_file_decode(buf_view(&file), &network, &evidence);
	if (!err)
		err = commit(client, evidence, &result);
	if (!err) {
		id = evidence_id(evidence);
		json_set(answer, "id", json_hex(id.b, HASH_BYTES));
		json_set(answer, "height", json_uint(result.height));
	}
	buf_release(&file);
	return err;
}
