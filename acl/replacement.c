/* SPDX-License-Identifier: Apache-2.0 */
#include "acl/replacement.h"

#include "acl/rowread.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TAG "chartfs replacement v2"
#define WORD "chartfs-replacement-v1"
#define LINE_BYTES 512

#define WORDS 6

struct hash replacement_digest(const struct patient_id *p, const struct op_replace *op, struct version since,
			       const struct hash *network)
{
	uint8_t when[12];

	for (unsigned i = 0; i < 8; i++)
		when[i] = (uint8_t)(since.height >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		when[8 + i] = (uint8_t)(since.index >> (24 - 8 * i));
	return sha256_parts((const struct view[]){VIEW(TAG, sizeof(TAG)), VIEW(network->b, HASH_BYTES),
						  VIEW(p->b, PATIENT_BYTES), VIEW(op->old.b, IDENTITY_BYTES),
						  VIEW(op->owner.b, IDENTITY_BYTES),
						  VIEW(when, sizeof(when))},
			    6);
}

int replacement_consent(struct replacement *r, const struct hash *network, const struct crypto_key *owner_key)
{
	struct hash digest = replacement_digest(&r->patient, &r->op, r->since, network);

	return crypto_sign(owner_key, &digest, r->op.consent);
}

int replacement_approve(struct replacement *r, const struct hash *network, const struct identity_id *who,
			const struct crypto_key *key)
{
	struct hash digest = replacement_digest(&r->patient, &r->op, r->since, network);
	struct op_approval approval = {.by = *who};
	struct op_replace *op = &r->op;
	unsigned at = 0;
	int err = crypto_sign(key, &digest, approval.sig);

	if (err)
		return err;
	while (at < op->approval_count && memcmp(op->approval[at].by.b, who->b, IDENTITY_BYTES) < 0)
		at++;
	if (at < op->approval_count && identity_equal(&op->approval[at].by, who)) {
		op->approval[at] = approval;
		return 0;
	}
	if (op->approval_count == OP_APPROVALS_MAX)
		return err_set(CF_ETOOBIG, "a replacement bears %d approvals", OP_APPROVALS_MAX);
	memmove(&op->approval[at + 1], &op->approval[at], (op->approval_count - at) * sizeof(approval));
	op->approval[at] = approval;
	op->approval_count++;
	return 0;
}

int replacement_format(const struct replacement *r, struct buf *out)
{
	char patient[2 * PATIENT_BYTES + 1], old[2 * IDENTITY_BYTES + 1], owner[2 * IDENTITY_BYTES + 1];
	char sig[2 * SIG_BYTES + 1];
	int err;

	hex_encode(r->patient.b, PATIENT_BYTES, patient);
	hex_encode(r->op.old.b, IDENTITY_BYTES, old);
	hex_encode(r->op.owner.b, IDENTITY_BYTES, owner);
	hex_encode(r->op.consent, SIG_BYTES, sig);
	err = buf_printf(out, "%s %s %s %s %" PRIu64 ".%" PRIu32 " %s\n", WORD, patient, old, owner,
			 r->since.height, r->since.index, sig);
	for (unsigned i = 0; i < r->op.approval_count && !err; i++) {
		hex_encode(r->op.approval[i].by.b, IDENTITY_BYTES, old);
		hex_encode(r->op.approval[i].sig, SIG_BYTES, sig);
		err = buf_printf(out, "approval %s %s\n", old, sig);
	}
	return err;
}

/* The words of the next line, up to WORDS; 0 behind the last line. More words, or too long a line: WORDS + 1.
 */
static unsigned next_words(struct view *rest, char line[LINE_BYTES], const char *ret_word[WORDS])
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->data) : rest->len, used = end ? len + 1 : len;
	unsigned count = 0;
	char *save = NULL;

	if (rest->len == 0)
		return 0;
	if (len >= LINE_BYTES || memchr(rest->data, 0, len))
		return WORDS + 1;
	memcpy(line, rest->data, len);
	line[len] = '\0';
	*rest = VIEW(rest->data + used, rest->len - used);
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (count == WORDS)
			return WORDS + 1;
		ret_word[count++] = w;
	}
	return count ? count : WORDS + 1;
}

static bool hex_word(const char *word, void *ret_data, size_t bytes)
{
	return strlen(word) == 2 * bytes && hex_decode(word, ret_data, bytes) == 0;
}

/* "120.3", as it is printed and no other way. */
static bool version_word(const char *word, struct version *ret_v)
{
	struct version v;
	char again[32];

	if (sscanf(word, "%20" SCNu64 ".%10" SCNu32, &v.height, &v.index) != 2)
		return false;
	snprintf(again, sizeof(again), "%" PRIu64 ".%" PRIu32, v.height, v.index);
	*ret_v = v;
	return strcmp(word, again) == 0;
}

int replacement_parse(struct view text, struct replacement *ret_r)
{
	struct replacement r = {.op = {.approval_count = 0}};
	unsigned number = 1, count;
	const char *word[WORDS];
	char line[LINE_BYTES];

	count = text.len <= REPLACEMENT_TEXT_MAX ? next_words(&text, line, word) : WORDS + 1;
	if (count != WORDS || strcmp(word[0], WORD) != 0 || !hex_word(word[1], r.patient.b, PATIENT_BYTES) ||
	    !hex_word(word[2], r.op.old.b, IDENTITY_BYTES) ||
	    !hex_word(word[3], r.op.owner.b, IDENTITY_BYTES) || !version_word(word[4], &r.since) ||
	    !hex_word(word[5], r.op.consent, SIG_BYTES))
		return err_set(CF_EINVAL, "line 1 is no replacement of a patient's key");
	while ((count = next_words(&text, line, word)) != 0) {
		struct op_approval *a = &r.op.approval[r.op.approval_count];

		number++;
		if (count != 3 || strcmp(word[0], "approval") != 0 ||
		    r.op.approval_count == OP_APPROVALS_MAX || !hex_word(word[1], a->by.b, IDENTITY_BYTES) ||
		    !hex_word(word[2], a->sig, SIG_BYTES) ||
		    (r.op.approval_count && memcmp(a[-1].by.b, a->by.b, IDENTITY_BYTES) >= 0))
			return err_set(CF_EINVAL, "line %u is no approval, or not in order", number);
		r.op.approval_count++;
	}
	*ret_r = r;
	return 0;
}
