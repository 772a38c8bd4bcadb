/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/t.h"
#include "ledger/mem.h"
#include "ledger/rwset.h"

static struct view str(const char *s)
{
	return VIEW(s, strlen(s));
}

static const struct version v32 = {3, 2};

static struct rwset_builder *sample(void)
{
	struct rwset_builder *b;

	t_zero(rwset_builder_new(&b));
	t_zero(rwset_add_read(b, str("m"), true, v32));
	t_zero(rwset_add_read(b, str("a"), false, v32));
	t_zero(rwset_add_read(b, str("mm"), true, (struct version){0, 0}));
	t_zero(rwset_add_empty(b, str("q")));
	t_zero(rwset_add_empty(b, str("p")));
	t_zero(rwset_add_write(b, str("z"), str("last")));
	t_zero(rwset_add_delete(b, str("y")));
	t_zero(rwset_add_write(b, str("x"), VIEW_NONE));
	return b;
}

static void encode(const struct rwset_builder *b, struct buf *out)
{
	buf_init(out, 0);
	t_zero(rwset_encode(b, out));
}

/* The builder's bytes again, from what was decoded. */
static void encode_again(const struct rwset *set, struct buf *out)
{
	struct rwset_builder *b;

	t_zero(rwset_builder_new(&b));
	for (size_t i = 0; i < set->read_count; i++)
		t_zero(rwset_add_read(b, set->reads[i].key, set->reads[i].present, set->reads[i].version));
	for (size_t i = 0; i < set->empty_count; i++)
		t_zero(rwset_add_empty(b, set->empties[i]));
	for (size_t i = 0; i < set->write_count; i++) {
		const struct rw_write *w = &set->writes[i];

		t_zero(w->deleted ? rwset_add_delete(b, w->key) : rwset_add_write(b, w->key, w->value));
	}
	encode(b, out);
	rwset_builder_free(b);
}

T_TEST(rwset_round_trip)
{
	struct rwset_builder *b = sample();
	struct rwset set;
	struct buf bytes, again;

	encode(b, &bytes);
	t_zero(rwset_decode(buf_view(&bytes), &set));
	t_eq(set.read_count, 3);
	t_eq(set.empty_count, 2);
	t_eq(set.write_count, 3);
	t_ok(view_equal(set.reads[0].key, str("a")));
	t_ok(!set.reads[0].present && version_equal(set.reads[0].version, (struct version){0, 0}));
	t_ok(view_equal(set.reads[1].key, str("m")));
	t_ok(set.reads[1].present && version_equal(set.reads[1].version, v32));
	t_ok(view_equal(set.reads[2].key, str("mm")) && set.reads[2].present);
	t_ok(view_equal(set.empties[0], str("p")) && view_equal(set.empties[1], str("q")));
	t_ok(view_equal(set.writes[0].key, str("x")) && !set.writes[0].deleted &&
	     set.writes[0].value.len == 0);
	t_ok(view_equal(set.writes[1].key, str("y")) && set.writes[1].deleted);
	t_ok(view_equal(set.writes[2].value, str("last")));
	encode_again(&set, &again);
	t_bytes(again.data, again.len, bytes.data, bytes.len);
	rwset_release(&set);
	buf_release(&again);
	buf_release(&bytes);
	rwset_builder_free(b);
}

T_TEST(rwset_of_nothing)
{
	struct rwset_builder *b;
	struct rwset set;
	struct buf bytes;

	t_zero(rwset_builder_new(&b));
	encode(b, &bytes);
	t_bytes(bytes.data, bytes.len, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 14);
	t_zero(rwset_decode(buf_view(&bytes), &set));
	t_eq(set.read_count + set.empty_count + set.write_count, 0);
	rwset_release(&set);
	buf_release(&bytes);
	rwset_builder_free(b);
}

T_TEST(rwset_does_not_depend_on_the_order_of_adding)
{
	struct rwset_builder *b = sample(), *c;
	struct buf first, second;

	t_zero(rwset_builder_new(&c));
	t_zero(rwset_add_write(c, str("x"), VIEW_NONE));
	t_zero(rwset_add_write(c, str("y"), str("overwritten")));
	t_zero(rwset_add_delete(c, str("y")));
	t_zero(rwset_add_write(c, str("z"), str("first")));
	t_zero(rwset_add_write(c, str("z"), str("last")));
	t_zero(rwset_add_empty(c, str("p")));
	t_zero(rwset_add_empty(c, str("q")));
	t_zero(rwset_add_empty(c, str("p")));
	t_zero(rwset_add_read(c, str("mm"), true, (struct version){0, 0}));
	t_zero(rwset_add_read(c, str("m"), true, v32));
	t_zero(rwset_add_read(c, str("m"), true, (struct version){9, 9})); /* the first read counts */
	t_zero(rwset_add_read(c, str("a"), false, (struct version){0, 0}));
	encode(b, &first);
	encode(c, &second);
	t_bytes(first.data, first.len, second.data, second.len);
	buf_release(&first);
	buf_release(&second);
	rwset_builder_free(b);
	rwset_builder_free(c);
}

T_TEST(rwset_own_writes_are_seen)
{
	struct rwset_builder *b = sample();
	struct rw_write w;
	size_t n = 0;

	t_ok(rwset_written(b, str("z"), &w));
	t_ok(view_equal(w.value, str("last")) && !w.deleted);
	t_ok(rwset_written(b, str("y"), &w) && w.deleted);
	t_ok(!rwset_written(b, str("m"), &w));
	while (rwset_write_at(b, n, &w))
		n++;
	t_eq(n, 3);
	rwset_builder_free(b);
}

T_TEST(rwset_limits_of_the_builder)
{
	static uint8_t big[STATE_VALUE_BYTES_MAX + 1];
	struct rwset_builder *b;
	struct rwset set;
	struct buf bytes;
	uint8_t key[STATE_KEY_BYTES_MAX + 1] = {0};

	t_zero(rwset_builder_new(&b));
	t_err(rwset_add_write(b, VIEW_NONE, VIEW_NONE), CF_EINVAL);
	t_err(rwset_add_read(b, VIEW(key, sizeof(key)), false, v32), CF_EINVAL);
	t_err(rwset_add_empty(b, VIEW_NONE), CF_EINVAL);
	t_err(rwset_add_write(b, str("k"), VIEW(big, sizeof(big))), CF_ETOOBIG);
	for (unsigned i = 0; i < RWSET_ITEMS_MAX; i++) {
		uint8_t k[2] = {(uint8_t)i, (uint8_t)(i >> 8)};

		t_zero(rwset_add_write(b, VIEW(k, 2), VIEW(big, i < 4 ? sizeof(big) - 1 : 0)));
	}
	t_err(rwset_add_write(b, VIEW(key, STATE_KEY_BYTES_MAX), VIEW_NONE), CF_ETOOBIG);
	encode(b, &bytes);
	t_zero(rwset_decode(buf_view(&bytes), &set));
	t_eq(set.write_count, RWSET_ITEMS_MAX);
	rwset_release(&set);
	buf_reset(&bytes);
	for (unsigned i = 0; i < 40; i++) { /* 5 MiB */
		uint8_t k[2] = {(uint8_t)i, 0};

		t_zero(rwset_add_write(b, VIEW(k, 2), VIEW(big, sizeof(big) - 1)));
	}
	t_err(rwset_encode(b, &bytes), CF_ETOOBIG);
	t_eq(bytes.len, 0);
	buf_release(&bytes);
	rwset_builder_free(b);
}

T_TEST(rwset_truncated_at_each_length)
{
	struct rwset_builder *b = sample();
	struct rwset set;
	struct buf bytes;

	encode(b, &bytes);
	for (size_t n = 0; n < bytes.len; n++)
		t_err(rwset_decode(VIEW(bytes.data, n), &set), CF_EDECODE);
	t_zero(buf_append(&bytes, "", 1));
	t_err(rwset_decode(buf_view(&bytes), &set), CF_EDECODE);
	buf_release(&bytes);
	rwset_builder_free(b);
}

/* Whatever still decodes after a byte was changed is the one encoding of what it says. */
T_TEST(rwset_tampered_at_each_byte)
{
	struct rwset_builder *b = sample();
	struct buf bytes, again;
	struct rwset set;

	encode(b, &bytes);
	for (size_t i = 0; i < 8 * bytes.len; i++) {
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
		if (rwset_decode(buf_view(&bytes), &set) == 0) {
			encode_again(&set, &again);
			t_bytes(again.data, again.len, bytes.data, bytes.len);
			buf_release(&again);
			rwset_release(&set);
		}
		bytes.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_release(&bytes);
	rwset_builder_free(b);
}

#define HEAD "\0\1"
#define NO_LIST "\0\0\0\0"
#define REFUSED(text) t_err(rwset_decode(VIEW(text, sizeof(text) - 1), &set), CF_EDECODE)

T_TEST(rwset_not_canonical)
{
	struct rwset set;

	t_zero(rwset_decode(VIEW(HEAD NO_LIST "\0\0\0\2"
					      "\1a"
					      "\1b" NO_LIST,
				 18),
			    &set));
	rwset_release(&set);
	REFUSED("\0\2" NO_LIST NO_LIST NO_LIST); /* version */
	REFUSED(HEAD NO_LIST "\0\0\0\2"
			     "\1b"
			     "\1a" NO_LIST); /* unsorted */
	REFUSED(HEAD NO_LIST "\0\0\0\2"
			     "\1a"
			     "\1a" NO_LIST); /* doubled */
	REFUSED(HEAD NO_LIST "\0\0\0\2"
			     "\2aa"
			     "\1a" NO_LIST); /* a prefix comes first */
	REFUSED(HEAD NO_LIST "\0\0\0\1"
			     "\0" NO_LIST); /* empty key */
	REFUSED(HEAD "\0\0\0\1"
		     "\1a"
		     "\2" NO_LIST NO_LIST); /* a flag that is neither 0 nor 1 */
	REFUSED(HEAD "\0\0\0\2"
		     "\1b\0"
		     "\1a\0" NO_LIST NO_LIST); /* unsorted reads */
	REFUSED(HEAD NO_LIST NO_LIST "\0\0\0\2"
				     "\1b\1"
				     "\1a\1"); /* unsorted writes */
	REFUSED(HEAD NO_LIST NO_LIST "\0\0\0\2"
				     "\1a\1"
				     "\1a\0\0\0\0\0"); /* written twice */
	REFUSED(HEAD NO_LIST NO_LIST "\0\0\0\1"
				     "\1a\0\0\2\0\1"); /* value over its maximum */
	REFUSED(HEAD NO_LIST NO_LIST "\0\0\x10\1");    /* count over its maximum */
	REFUSED(HEAD "\xff\xff\xff\xff");              /* nothing of that size is allocated */
}

T_TEST(rwset_out_of_memory)
{
	struct rwset_builder *b = sample();
	struct rwset set;
	struct buf bytes;

	encode(b, &bytes);
	for (long n = 0; n < 3; n++) {
		mem_fail_after(n);
		t_err(rwset_decode(buf_view(&bytes), &set), CF_ENOMEM);
	}
	for (long n = 0; n < 2; n++) { /* the copied value, the item */
		mem_fail_after(n);
		t_err(rwset_add_write(b, str("new"), str("value")), CF_ENOMEM);
	}
	mem_fail_after(-1);
	t_zero(rwset_add_write(b, str("new"), str("value")));
	buf_release(&bytes);
	rwset_builder_free(b);
}

T_MAIN
