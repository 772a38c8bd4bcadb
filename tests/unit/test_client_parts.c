/* SPDX-License-Identifier: Apache-2.0 */
/* The pure and the small parts of the client: tally, outcomes, the blob cache, what was heard. */
#include "ledger/file.h"
#include "net/blobcache.h"
#include "net/outcome.h"
#include "net/tally.h"
#include "tests/lib/t.h"
#include "tests/lib/tmpdir.h"

#include <stdio.h>
#include <string.h>

/* --- tally --- */

static struct tally tally_of(unsigned count, const uint16_t *orgs)
{
	struct members m = {.count = (uint8_t)count};
	struct tally t;

	for (unsigned i = 0; i < count; i++)
		m.member[i].org = orgs[i];
	tally_init(&t, &m);
	return t;
}

static const uint16_t four_orgs[] = {1, 2, 3, 4};

static struct hash rwset(uint8_t n)
{
	return sha256(VIEW(&n, 1));
}

static enum tally_state decide(const struct tally *t, unsigned needed, uint32_t *ret_members,
			       unsigned *ret_speaker)
{
	*ret_members = 0;
	*ret_speaker = 99;
	return tally_decide(t, needed, ret_members, ret_speaker);
}

T_TEST(tally_agrees_when_enough_organizations_do)
{
	struct tally t = tally_of(4, four_orgs);
	struct hash a = rwset(1), b = rwset(2);
	uint32_t members;
	unsigned speaker;

	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	tally_endorsed(&t, 3, 7, &a);
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	t_eq(decide(&t, 1, &members, &speaker), TALLY_AGREED);
	t_eq(members, 1u << 3);
	tally_endorsed(&t, 1, 7, &b);
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	tally_endorsed(&t, 0, 7, &a);
	t_eq(decide(&t, 2, &members, &speaker), TALLY_AGREED);
	t_eq(members, 1u << 0 | 1u << 3);
	tally_endorsed(&t, 2, 7, &a);
	t_eq(decide(&t, 2, &members, &speaker), TALLY_AGREED);
	t_eq(__builtin_popcount(members), 2);
}

T_TEST(tally_counts_organizations_and_not_peers)
{
	static const uint16_t orgs[] = {1, 1, 2, 2, 3};
	struct tally t = tally_of(5, orgs);
	struct hash a = rwset(1);
	uint32_t members;
	unsigned speaker;

	tally_endorsed(&t, 0, 7, &a);
	tally_endorsed(&t, 1, 7, &a);
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	tally_endorsed(&t, 3, 7, &a);
	t_eq(decide(&t, 2, &members, &speaker), TALLY_AGREED);
	t_eq(members, 1u << 0 | 1u << 3);

	/* Two refusals of one organization are one. */
	t = tally_of(5, orgs);
	tally_refused(&t, 0, 7, CF_EDENIED, view_str("no"));
	tally_refused(&t, 1, 7, CF_EDENIED, view_str("no"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	tally_refused(&t, 4, 7, CF_EDENIED, view_str("no"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_REJECTED);

	/* An organization of which one peer endorses does not refuse. */
	t = tally_of(5, orgs);
	tally_refused(&t, 0, 7, CF_EDENIED, view_str("no"));
	tally_endorsed(&t, 1, 7, &a);
	tally_refused(&t, 2, 7, CF_EDENIED, view_str("no"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
}

T_TEST(tally_rejects_with_the_error_that_most_give)
{
	struct tally t = tally_of(4, four_orgs);
	struct hash a = rwset(1);
	uint32_t members;
	unsigned speaker;

	tally_refused(&t, 0, 7, CF_ENOTFOUND, view_str("not here"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	tally_refused(&t, 1, 7, CF_ECONFLICT, view_str("other\nversion"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	tally_refused(&t, 2, 7, CF_ECONFLICT, view_str("x"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_REJECTED);
	t_eq(speaker, 1);
	t_str(t.answer[1].detail, "other?version");

	/* All different: too few are left to endorse. */
	t = tally_of(4, four_orgs);
	tally_refused(&t, 2, 7, CF_EEXIST, view_str("c"));
	tally_refused(&t, 1, 7, CF_EDENIED, view_str("b"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_OPEN);
	tally_refused(&t, 3, 7, CF_ENOTFOUND, view_str("d"));
	t_eq(decide(&t, 2, &members, &speaker), TALLY_REJECTED);
	t_eq(speaker, 1);

	/* A later answer replaces an earlier one, and agreement counts before refusal. */
	tally_endorsed(&t, 1, 8, &a);
	tally_endorsed(&t, 2, 8, &a);
	t_eq(decide(&t, 2, &members, &speaker), TALLY_AGREED);
	t_eq(members, 1u << 1 | 1u << 2);
}

T_TEST(tally_names_who_differs)
{
	struct tally t = tally_of(4, four_orgs);
	struct hash a = rwset(1), b = rwset(2);
	unsigned other = 99;

	tally_endorsed(&t, 0, 7, &a);
	t_ok(!tally_differs(&t, 0, &other));
	tally_endorsed(&t, 1, 8, &b);
	t_ok(!tally_differs(&t, 1, &other)); /* simulated at another height */
	tally_endorsed(&t, 2, 7, &b);
	t_ok(tally_differs(&t, 2, &other));
	t_eq(other, 0);
}

T_TEST(tally_cuts_long_details)
{
	struct tally t = tally_of(4, four_orgs);
	char text[255];

	memset(text, 'x', sizeof(text));
	tally_refused(&t, 0, 7, CF_EDENIED, VIEW(text, sizeof(text)));
	t_eq(strlen(t.answer[0].detail), TALLY_DETAIL_MAX - 1);
}

/* --- outcomes --- */

T_TEST(outcome_of_each_verdict)
{
	static const int want[] = {
		[VERDICT_VALID] = 0,
		[VERDICT_MVCC_CONFLICT] = CF_ECONFLICT,
		[VERDICT_PHANTOM] = CF_ECONFLICT,
		[VERDICT_ENDORSEMENT_POLICY] = CF_EDENIED,
		[VERDICT_DUPLICATE] = CF_EEXIST,
		[VERDICT_NOT_PERMITTED] = CF_EDENIED,
		[VERDICT_RECEIPTS] = CF_EIO,
		[VERDICT_BAD_RWSET] = CF_EINVAL,
		[VERDICT_IDENTITY] = CF_EREVOKED,
		[VERDICT_EXPIRED] = CF_ENOQUORUM,
		[VERDICT_TIME] = CF_EINVAL,
		[VERDICT_CONTRACT] = CF_EVERSION,
	};
	const char *text;

	for (unsigned v = 0; v < sizeof(want) / sizeof(want[0]); v++) {
		t_ok(strcmp(verdict_name((enum verdict)v), "?") != 0);
		t_err(outcome_of_verdict((uint8_t)v, &text), want[v]);
		t_ok(text && text[0]);
	}
	t_str(verdict_name((enum verdict)(sizeof(want) / sizeof(want[0]))), "?");
	t_err(outcome_of_verdict(200, &text), CF_EVERSION);
	outcome_of_verdict(VERDICT_TIME, &text);
	t_str(text, "timestamp outside window");
}

T_TEST(outcome_tells_judgement_from_trouble)
{
	t_ok(outcome_is_judgement(CF_EDENIED));
	t_ok(outcome_is_judgement(CF_ECONFLICT));
	t_ok(outcome_is_judgement(-500));
	t_ok(!outcome_is_judgement(CF_EAGAIN));
	t_ok(!outcome_is_judgement(CF_ENOMEM));
	t_ok(!outcome_is_judgement(CF_ECORRUPT));
}

/* --- blob cache --- */

#define BLOB_BYTES 100

static struct hash make_blob(unsigned n, uint8_t ret_bytes[BLOB_BYTES])
{
	memset(ret_bytes, 0, BLOB_BYTES);
	snprintf((char *)ret_bytes, BLOB_BYTES, "blob %u", n);
	return blob_address(VIEW(ret_bytes, BLOB_BYTES));
}

static void put(struct blobcache *c, unsigned n)
{
	uint8_t bytes[BLOB_BYTES];
	struct hash address = make_blob(n, bytes);

	t_zero(blobcache_put(c, &address, VIEW(bytes, BLOB_BYTES)));
}

static int get(struct blobcache *c, unsigned n)
{
	uint8_t bytes[BLOB_BYTES];
	struct hash address = make_blob(n, bytes);
	struct buf out;
	int err;

	buf_init(&out, 0);
	err = blobcache_get(c, &address, &out);
	if (!err)
		t_bytes(out.data, out.len, bytes, BLOB_BYTES);
	buf_release(&out);
	return err;
}

T_TEST(blobcache_drops_what_was_used_longest_ago)
{
	struct blobcache *c;

	t_zero(blobcache_open(tmpdir_new(), 3 * BLOB_BYTES, &c));
	for (unsigned i = 0; i < 3; i++)
		put(c, i);
	t_zero(get(c, 0));
	put(c, 3);
	t_eq(blobcache_bytes(c), 3 * BLOB_BYTES);
	t_err(get(c, 1), CF_ENOTFOUND);
	t_zero(get(c, 0));
	t_zero(get(c, 2));
	put(c, 3); /* again: counted once, and used */
	t_eq(blobcache_bytes(c), 3 * BLOB_BYTES);
	put(c, 4);
	put(c, 5);
	t_err(get(c, 0), CF_ENOTFOUND);
	t_err(get(c, 2), CF_ENOTFOUND);
	t_zero(get(c, 3));
	blobcache_close(c);
}

T_TEST(blobcache_survives_a_restart_within_its_limit)
{
	const char *dir = tmpdir_new();
	struct blobcache *c;
	unsigned kept = 0;

	t_zero(blobcache_open(dir, 1 << 20, &c));
	for (unsigned i = 0; i < 3000; i++)
		put(c, i);
	t_eq(blobcache_bytes(c), 3000 * BLOB_BYTES);
	blobcache_close(c);
	t_zero(blobcache_open(dir, 1 << 20, &c));
	t_eq(blobcache_bytes(c), 3000 * BLOB_BYTES);
	for (unsigned i = 0; i < 3000; i += 100)
		t_zero(get(c, i));
	blobcache_close(c);
	t_zero(blobcache_open(dir, 1000 * BLOB_BYTES, &c));
	t_eq(blobcache_bytes(c), 1000 * BLOB_BYTES);
	for (unsigned i = 0; i < 3000; i++)
		kept += get(c, i) == 0;
	t_eq(kept, 1000);
	blobcache_close(c);
}

T_TEST(blobcache_serves_nothing_damaged)
{
	const char *dir = tmpdir_new();
	char hex[2 * HASH_BYTES + 1], path[FILE_PATH_MAX];
	uint8_t bytes[BLOB_BYTES];
	struct hash address = make_blob(1, bytes);
	struct blobcache *c;

	t_zero(blobcache_open(dir, 1 << 20, &c));
	t_err(blobcache_put(c, &address, VIEW("x", 1)), CF_ECORRUPT);
	t_ok(!blobcache_has(c, &address));
	put(c, 1);
	hex_encode(address.b, HASH_BYTES, hex);
	snprintf(path, sizeof(path), "%s/%.2s/%s", dir, hex, hex + 2);
	bytes[5] ^= 1;
	t_zero(file_replace(path, VIEW(bytes, BLOB_BYTES)));
	t_err(get(c, 1), CF_ENOTFOUND);
	t_eq(blobcache_bytes(c), 0);
	t_ok(!file_exists(path));
	put(c, 1);
	t_zero(get(c, 1));
	blobcache_close(c);
}

T_MAIN
