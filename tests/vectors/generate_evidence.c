/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate_evidence.c - makes the golden vectors of ledger/FORMAT.md section 11, with the members of
 * members.hex. Run by hand, in an empty directory, as generate.c is; prints the lines for expected.txt.
 */
#include "tests/lib/lies.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct liar liar(const struct hash *network, unsigned member)
{
	uint8_t sign[SCALAR_BYTES] = {0}, endorse[SCALAR_BYTES] = {0};
	struct liar l = {.network = *network, .member = (uint8_t)member};
	struct crypto_key *s, *e;

	sign[SCALAR_BYTES - 1] = (uint8_t)(10 + member);
	endorse[SCALAR_BYTES - 1] = (uint8_t)(30 + member);
	if (crypto_key_from_scalar(sign, &s) || crypto_key_from_scalar(endorse, &e))
		exit(1);
	l.sign = s;
	l.endorse = e;
	return l;
}

static void vector(const char *name, int made, struct buf *b)
{
	struct hash id = evidence_id(buf_view(b));
	char file[64];
	FILE *f;

	snprintf(file, sizeof(file), "%s.hex", name);
	f = made ? NULL : fopen(file, "w");
	if (!f)
		exit(1);
	for (size_t i = 0; i < b->len; i++)
		fprintf(f, "%02x%s", b->data[i], i % 32 == 31 && i + 1 < b->len ? "\n" : "");
	fprintf(f, "\n");
	if (fclose(f))
		exit(1);
	printf("%s.id ", name);
	for (unsigned i = 0; i < HASH_BYTES; i++)
		printf("%02x", id.b[i]);
	printf("\n");
	buf_reset(b);
}

int main(void)
{
	struct hash network = sha256(VIEW("chartfs genesis v1\0golden vectors", 33)),
		    tx = sha256(VIEW("a", 1));
	struct liar l = liar(&network, 1), witness[] = {liar(&network, 0), liar(&network, 3)};
	struct buf b;

	buf_init(&b, 0);
	vector("evidence", lie_votes(&l, EVIDENCE_COMMIT, 12, 1, &b), &b);
	vector("evidence-message", lie_messages(&l, EVIDENCE_VIEW_CHANGE, 2, &b), &b);
	vector("evidence-twice", lie_endorsed_twice(&l, &tx, &b), &b);
	vector("evidence-wrong", lie_endorsed_wrong(&l, witness, 2, &tx, &b), &b);
	return 0;
}
