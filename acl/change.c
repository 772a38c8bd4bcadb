/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - what is approved of a change of the members, and its lines of text.
 */
#include "acl/change.h"

#include "acl/rowread.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TAG "chartfs change of members v1"
#define WORD "chartfs-members-v1 "
#define APPROVAL "approval "
#define LINE_MAX_BYTES 2048

const char *change_name(enum members_change change)
{
	static const char *const names[] = {[MEMBERS_ADD] = "add",
					    [MEMBERS_REMOVE] = "remove",
					    [MEMBERS_REFRESH] = "refresh",
					    [MEMBERS_EXPEL] = "expel"};

	return (unsigned)change < sizeof(names) / sizeof(names[0]) && names[change] ? names[change] : "?";
}

int change_digest(const struct op_members *op, const struct hash *network, struct hash *ret_digest)
{
	struct op_members bare = *op;
	struct buf body;
	int err;

	bare.approval_count = 0;
	buf_init(&body, 0);
	err = op_members_encode(&bare, &body);
	if (err == 0) {
		const struct view parts[] = {VIEW(TAG, sizeof(TAG)), VIEW(network->b, HASH_BYTES),
					     buf_view(&body)};

		*ret_digest = sha256_parts(parts, sizeof(parts) / sizeof(parts[0]));
	}
	buf_release(&body);
	return err;
}

int change_approve(struct op_members *op, const struct hash *network, const struct identity_id *who,
		   const struct crypto_key *key)
{
	struct op_approval approval = {.by = *who};
	struct hash digest;
	unsigned at = 0;
	int err = change_digest(op, network, &digest);

	if (err == 0)
		err = crypto_sign(key, &digest, approval.sig);
	if (err)
		return err;
	while (at < op->approval_count && memcmp(op->approval[at].by.b, who->b, IDENTITY_BYTES) < 0)
		at++;
	if (at < op->approval_count && identity_equal(&op->approval[at].by, who)) {
		op->approval[at] = approval;
		return 0;
	}
	if (op->approval_count == OP_APPROVALS_MAX)
		return err_set(CF_ETOOBIG, "a change bears %d approvals", OP_APPROVALS_MAX);
	memmove(&op->approval[at + 1], &op->approval[at], (op->approval_count - at) * sizeof(approval));
	op->approval[at] = approval;
	op->approval_count++;
	return 0;
}

static int append_hex(struct buf *out, const void *data, size_t bytes)
{
	char hex[LINE_MAX_BYTES];

	if (2 * bytes + 1 > sizeof(hex))
		return CF_ETOOBIG;
	hex_encode(data, bytes, hex);
	return buf_append(out, hex, 2 * bytes);
}

int change_format(const struct op_members *op, struct buf *out)
{
	struct op_members bare = *op;
	size_t start = out->len;
	struct buf body;
	int err;

	bare.approval_count = 0;
	buf_init(&body, 0);
	err = op_members_encode(&bare, &body);
	if (err == 0)
		err = buf_append(out, WORD, sizeof(WORD) - 1);
	if (err == 0)
		err = append_hex(out, body.data, body.len);
	if (err == 0)
		err = buf_append(out, "\n", 1);
	for (unsigned i = 0; i < op->approval_count && err == 0; i++) {
		err = buf_append(out, APPROVAL, sizeof(APPROVAL) - 1);
		if (err == 0)
			err = append_hex(out, op->approval[i].by.b, IDENTITY_BYTES);
		if (err == 0)
			err = buf_append(out, " ", 1);
		if (err == 0)
			err = append_hex(out, op->approval[i].sig, SIG_BYTES);
		if (err == 0)
			err = buf_append(out, "\n", 1);
	}
	buf_release(&body);
	if (err)
		out->len = start;
	return err;
}

/* The next line, without its end; false behind the last. */
static bool next_line(struct view *rest, char ret_line[LINE_MAX_BYTES])
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->data) : rest->len;

	if (rest->len == 0)
		return false;
	snprintf(ret_line, LINE_MAX_BYTES, "%.*s", (int)(len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES - 1),
		 (const char *)rest->data);
	len += end != NULL;
	rest->data += len;
	rest->len -= len;
	return true;
}

static int parse_body(const char *line, struct buf *hold, struct op_members *ret_op)
{
	const char *hex = line + sizeof(WORD) - 1;
	size_t bytes;
	uint8_t *data;

	if (strncmp(line, WORD, sizeof(WORD) - 1) != 0)
		return CF_EINVAL;
	bytes = strlen(hex) / 2;
	if (strlen(hex) != 2 * bytes || buf_extend(hold, bytes, &data) || hex_decode(hex, data, bytes) ||
	    op_members_decode(buf_view(hold), ret_op) || ret_op->approval_count)
		return CF_EINVAL;
	return 0;
}

static int parse_approval(const char *line, struct op_members *op)
{
	const char *id = line + sizeof(APPROVAL) - 1, *sig = id + 2 * IDENTITY_BYTES + 1;
	struct op_approval *a = &op->approval[op->approval_count];
	char hex[2 * IDENTITY_BYTES + 1];

	if (strncmp(line, APPROVAL, sizeof(APPROVAL) - 1) != 0 || op->approval_count == OP_APPROVALS_MAX ||
	    strlen(id) != 2 * IDENTITY_BYTES + 1 + 2 * SIG_BYTES || sig[-1] != ' ')
		return CF_EINVAL;
	snprintf(hex, sizeof(hex), "%.*s", 2 * IDENTITY_BYTES, id);
	if (hex_decode(hex, a->by.b, IDENTITY_BYTES) || hex_decode(sig, a->sig, SIG_BYTES))
		return CF_EINVAL;
	if (op->approval_count && memcmp(a[-1].by.b, a->by.b, IDENTITY_BYTES) >= 0)
		return CF_EINVAL;
	op->approval_count++;
	return 0;
}

int change_parse(struct view text, struct buf *hold, struct op_members *ret_op)
{
	char line[LINE_MAX_BYTES];
	struct op_members op;
	unsigned number = 1;
	int err;

	buf_reset(hold);
	if (text.len > CHANGE_TEXT_MAX || !next_line(&text, line) || parse_body(line, hold, &op))
		return err_set(CF_EINVAL, "line 1 is no change of the members");
	while (next_line(&text, line)) {
		number++;
		err = parse_approval(line, &op);
		if (err)
			return err_set(CF_EINVAL, "line %u is no approval, or not in order", number);
	}
	*ret_op = op;
	return 0;
}
